"""Starting the command: what is imported for help, version and completion. Counted, for timings drift."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "aws_cdk",
    "boto3",
    "botocore",
    "gocardless_pro",
    "httpx",
    "jinja2",
    "moto",
    "pynamodb",
    "rich",
    "sandbox",
    "stripe",
    "typst",
}
"""What a command may need to work, and none needs to say how it is used."""
OURS = {"monthclose.bootstrap", "monthclose.ports", "monthclose.use_cases", "monthclose.settings", "cli.connect"}
_MOST_MODULES = 220
"""Python's own included: 821 before commands were imported only when they run."""

UNUSED = {"boto3", "s3transfer", "pydantic", "jinja2", "httpx", "gocardless_pro", "stripe", "typst"}
"""What no command needs to connect, and to read the books: boto3 comes with the first document of S3."""
_MOST_MODULES_CONNECTED = 640
"""Up to the first request; 916 before AWS's SDK and the ports were imported only when they are asked for."""

_RUN = """
import json, sys
before = set(sys.modules)
from cli.main import app
try:
    app(sys.argv[1:], prog_name="monthclose")
finally:
    print("MODULES " + json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""


def modules(*arguments: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        check=False,
    )
    assert "MODULES" in done.stderr, done.stderr
    found: list[str] = json.loads(done.stderr.rpartition("MODULES ")[2])
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        ("close", "--help"),
        ("status", "--help"),
        ("import", "usage", "--help"),
        ("invoice", "regenerate", "--help"),
        ("local", "up", "--help"),
    ],
    ids=" ".join,
)
def test_the_help_imports_nothing_that_commands_work_with(arguments: tuple[str, ...]) -> None:
    found = modules(*arguments)
    assert not {name.partition(".")[0] for name in found} & HEAVY
    assert not [name for name in found for ours in OURS if name == ours or name.startswith(f"{ours}.")]
    assert len(found) < _MOST_MODULES


@pytest.mark.parametrize("command", [("status",), ("closes",), ("providers",), ("customer", "acme")], ids=" ".join)
def test_a_command_that_connects_imports_no_more_than_it_works_with(command: tuple[str, ...], tmp_path: Path) -> None:
    found = modules("--endpoint-url", "http://127.0.0.1:9", *command, MONTHCLOSE_HOME=str(tmp_path))
    assert not {name.partition(".")[0] for name in found} & UNUSED
    assert not [name for name in found if name.startswith(("monthclose.use_cases.", "monthclose.adapters.aws"))]
    assert len(found) < _MOST_MODULES_CONNECTED


def test_the_shell_completes_without_importing_what_commands_work_with() -> None:
    found = modules(_MONTHCLOSE_COMPLETE="complete_bash", COMP_WORDS="monthclose providers set s", COMP_CWORD="3")
    assert not {name.partition(".")[0] for name in found} & HEAVY


def test_a_mistake_in_the_arguments_is_reported_without_connecting(tmp_path: Path) -> None:
    found = modules("invoice", "show", "INV-1", "--pdf", "a", "--nonsense")
    assert not {name.partition(".")[0] for name in found} & {"boto3", "pynamodb", "sandbox"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("typed", "position", "expected"),
    [
        ("monthclose re", "1", {"receipt", "refund", "report", "reconcile", "release", "restore", "resume", "retry"}),
        ("monthclose providers set g", "3", {"gocardless"}),
        ("monthclose credit acme --kind p", "4", {"promotional"}),
        ("monthclose import c", "2", {"customers"}),
    ],
)
def test_the_shell_completes_commands_and_values(typed: str, position: str, expected: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()"],
        capture_output=True,
        text=True,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(sys.path)}
        | {"_MONTHCLOSE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": position},
        check=True,
    )
    assert set(done.stdout.split()) == expected


_INTERRUPTED_AT_ITS_END = """
import atexit, os, signal, sys
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["monthclose", "--version"]
from cli.start import main
main()
"""


def test_ctrl_c_while_the_command_ends_shows_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED_AT_ITS_END], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""
