"""Files of functions that are made before they are uploaded: without Docker, and with bytecode.

Lambda's folders are read-only, so Python cannot keep what it compiles there: without bytecode among the files, every
cold start compiles every module again, which is more than half of its work (`python -m bench.cold_start`).
"""

import compileall
import shutil
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Protocol

import jsii
from aws_cdk import BundlingOptions, DockerImage, ILocalBundling

CACHES = ("__pycache__", "*.pyc", ".*_cache", "*.egg-info")
"""What Python and the tools leave beside the code."""


class Files(Protocol):
    """An asset's files, made by this program (`ILocalBundling`)."""

    def try_bundle(self, output_dir: str, *options: object) -> bool:
        """Fill the folder. Returning False would start Docker.

        The options arrive as one positional object, whatever the library's signature says; none is needed here.
        """


def made_here(files: Files) -> BundlingOptions:
    """Have an asset's files made by this program; the library wants a Docker image's name all the same."""
    return BundlingOptions(
        image=DockerImage.from_registry("never-pulled"),
        local=files,  # type: ignore[arg-type]  # see Files.try_bundle
    )


def compile_modules(folder: Path, *, runs_in: str) -> None:
    """Put bytecode beside each module.

    It is used whatever time an archive gives the modules, and it is the same for all processors. A runtime of another
    version of Python passes it over: functions then start more slowly, but they start.

    Parameters
    ----------
    runs_in : str
        Where Lambda unpacks the folder: what tracebacks name.
    """
    compileall.compile_dir(
        folder, quiet=2, stripdir=folder, prependdir=runs_in, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )


@jsii.implements(ILocalBundling)
class CompiledCode:
    """Copies a folder of code, with its bytecode."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def try_bundle(self, output_dir: str, *_options: object) -> bool:
        """Fill the folder."""
        shutil.copytree(self._source, output_dir, ignore=shutil.ignore_patterns(*CACHES), dirs_exist_ok=True)
        compile_modules(Path(output_dir), runs_in="/var/task")
        return True
