"""Starts MiniStack with what it lacks for this product. Every workaround for the emulator lives here.

`python -m sandbox.emulator` takes the same environment as `ministack`.
"""

import compileall
import hashlib
import os
import re
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from ministack.app import main
from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

_RAISED = re.compile(r"^([\w.]+)(?::|$)", re.MULTILINE)


def error_class(log: str) -> str | None:
    """Find the class of the exception that ended a handler, at the end of its log's last traceback."""
    _, found, frames = log.rpartition("Traceback (most recent call last):\n")
    raised = _RAISED.search(frames) if found else None
    return raised[1].rpartition(".")[2] if raised else None


def name_errors() -> None:
    """Make a failed handler's `errorType` its exception's class, as Lambda does.

    MiniStack 1.5.33 calls each of them `Runtime.HandlerError`, so that no Retry or Catch of a state machine on an
    error's name would match.
    """
    original = lambda_svc._execute_function_warm

    def named(func: Any, event: Any, request_id: Any) -> Any:
        result = original(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            body["errorType"] = error_class(result.get("log") or "") or body["errorType"]
        return result

    lambda_svc._execute_function_warm = named


class SharedZip:
    """Unpacks an archive once, and gives each that asks links to what is in it.

    MiniStack 1.5.33 unpacks code and layers anew for every worker process: thousands of files in its one interpreter,
    while nothing else of it moves, and every worker compiles every module it imports.
    """

    _unpacking = threading.Lock()

    def __init__(self, archive: str) -> None:
        self._archive = Path(archive)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.unlink(missing_ok=True)

    def namelist(self) -> list[str]:
        """Name nothing: MiniStack checks the names for ones that lead outside, and unpacking does so anyway."""
        return []

    def extractall(self, folder: str) -> None:
        """Link the archive's top entries into a folder."""
        digest = hashlib.sha256(self._archive.read_bytes()).hexdigest()[:16]
        unpacked = Path(tempfile.gettempdir()) / "unpacked" / digest
        with self._unpacking:
            if not unpacked.exists():
                partial = unpacked.with_suffix(".new")
                with zipfile.ZipFile(self._archive) as archive:
                    archive.extractall(partial)
                compileall.compile_dir(partial, quiet=2, stripdir=partial, prependdir=unpacked)
                partial.rename(unpacked)
        for entry in unpacked.iterdir():
            (Path(folder) / entry.name).symlink_to(entry)


def share_unpacked_files() -> None:
    """Let MiniStack's Lambda workers share their unpacked code and layers."""
    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=SharedZip, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile
    )


def local_address(function_url: str, port: str) -> str:
    """Turn a function's address at Amazon's into the one that answers on this machine."""
    url_id = function_url.partition("://")[2].partition(".")[0]
    return f"http://127.0.0.1:{port}/_aws/lambda-url/{url_id}/"


def address_functions_here(port: str) -> None:
    """Let stacks learn addresses of functions that answer: MiniStack 1.5.33 tells them Amazon's host names."""
    original = provisioners._lambda_url_attributes

    def addressed(config: dict[str, Any]) -> dict[str, Any]:
        attributes: dict[str, Any] = original(config)
        return attributes | {"FunctionUrl": local_address(attributes["FunctionUrl"], port)}

    provisioners._lambda_url_attributes = addressed


if __name__ == "__main__":
    name_errors()
    share_unpacked_files()
    address_functions_here(os.environ["GATEWAY_PORT"])
    main()
