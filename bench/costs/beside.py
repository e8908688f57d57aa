"""Running our own benches on another checkout's product: its interpreter and packages, and this folder."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]


@contextmanager
def program(checkout: Path, module: str) -> Iterator[tuple[list[str], Path, dict[str, str]]]:
    """Give the command, the folder and the environment that run one of our modules on a checkout's product.

    In the folder, there is nothing but our `bench`: everything else is found where the checkout's interpreter finds it.
    """
    with tempfile.TemporaryDirectory(prefix="monthclose-bench-") as folder:
        (Path(folder) / "bench").symlink_to(HERE / "bench")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        yield [str(checkout / ".venv" / "bin" / "python"), "-m", module], Path(folder), environment


def output_of(checkout: Path, module: str, arguments: Sequence[str]) -> str:
    """Run one of our modules on a checkout's product, and return what it prints.

    Raises
    ------
    RuntimeError
        It failed; the message is the end of what it said.
    """
    with program(checkout, module) as (command, folder, environment):
        done = subprocess.run(
            [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{module} in {checkout}:\n{done.stderr[-2000:]}")
    return done.stdout
