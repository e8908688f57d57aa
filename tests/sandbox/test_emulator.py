"""The workarounds for the emulator."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from sandbox.aws.emulator import (
    LargePartition,
    SharedZip,
    error_class,
    hide_other_packages,
    local_address,
    name_errors,
)

LOG = """START
Traceback (most recent call last):
  File "_worker.py", line 1, in <module>
ValueError: earlier

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "handler.py", line 2, in handler
monthclose.errors.TryLaterError: DynamoDB is briefly unable
"""


def test_an_error_is_named_after_the_class_that_ended_the_handler() -> None:
    assert error_class(LOG) == "TryLaterError"


@pytest.mark.parametrize("log", ["", "all is well", "Traceback (most recent call last):\n  File nothing follows"])
def test_a_log_without_an_exception_names_none(log: str) -> None:
    assert error_class(log) is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("Runtime.HandlerError", "Worker process died", ""), "Runtime.ExitError"),
        (("Runtime.HandlerError", "Worker process died", LOG), "Runtime.ExitError"),
        (("Runtime.HandlerError", "[Errno 32] Broken pipe", ""), "Runtime.ExitError"),
        (("RuntimeError", "Worker process exited immediately. stderr: ", ""), "Runtime.ExitError"),
        (("BrokenPipeError", "[Errno 32] Broken pipe", ""), "Runtime.ExitError"),
        (("Runtime.HandlerError", "DynamoDB is briefly unable", LOG), "TryLaterError"),
        (("Sandbox.Timedout", "Task timed out after 3.00 seconds", ""), "Sandbox.Timedout"),
    ],
)
def test_a_killed_function_is_named_as_lambda_names_it(
    monkeypatch: pytest.MonkeyPatch, given: tuple[str, str, str], named: str
) -> None:
    kind, message, log = given
    failed = {"body": {"errorType": kind, "errorMessage": message}, "error": True, "log": log}
    monkeypatch.setattr(lambda_svc, "_execute_function_warm", lambda *_: failed)
    name_errors()
    assert lambda_svc._execute_function_warm({}, {}, "request")["body"]["errorType"] == named


def test_a_function_finds_pythons_modules_and_its_own_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambda_runtime, "_PYTHON_WORKER_SCRIPT", lambda_runtime._PYTHON_WORKER_SCRIPT)
    hide_other_packages()
    binary, program = lambda_runtime._detect_runtime_binary("python3.13")
    worker, code, layer = tmp_path / "_worker.py", tmp_path / "code", tmp_path / "layer"
    worker.write_text(program)
    for module in (code / "looks.py", layer / "python" / "of_the_layer.py"):
        module.parent.mkdir(parents=True)
        module.write_text("")
    (code / "looks.py").write_text(
        "from importlib.util import find_spec\n\ndef handler(event, context):\n    return [*filter(find_spec, event)]\n"
    )
    asked = ["json", "looks", "of_the_layer", "pytest", "botocore", "monthclose", "stacks"]
    init = {"code_dir": str(code), "module": "looks", "handler": "handler"}
    done = subprocess.run(
        [binary, worker],
        input=f"{json.dumps(init)}\n{json.dumps({'event': asked})}\n",
        env={"_LAMBDA_LAYERS_DIRS": str(layer)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["result"] == ["json", "looks", "of_the_layer"], done.stderr


def test_an_archive_is_unpacked_once_and_linked_into_each_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folders = []
    for number in range(2):
        archive, folder = tmp_path / f"{number}.zip", tmp_path / f"worker-{number}"
        with zipfile.ZipFile(archive, "w") as content:
            content.writestr(zipfile.ZipInfo("package/module.py"), "answer = 42\n")
        folder.mkdir()
        with SharedZip(str(archive)) as shared:
            shared.extractall(str(folder))
        folders.append(folder)
    assert [(folder / "package/module.py").read_text() for folder in folders] == ["answer = 42\n"] * 2
    assert (folders[0] / "package").resolve() == (folders[1] / "package").resolve()


def test_a_functions_url_is_rewritten_to_one_that_answers_locally() -> None:
    assert local_address("https://abc123.lambda-url.us-east-1.on.aws/", "4566") == (
        "http://127.0.0.1:4566/_aws/lambda-url/abc123/"
    )


def test_a_large_partition_gives_a_query_the_next_items_and_others_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LargePartition, "at_least", 2)
    partition = LargePartition({"c": 3, "a": 1, "b": 2})
    assert list(partition.values()) == [3, 1, 2]
    token = LargePartition.after.set("a")
    try:
        assert partition.values() == [2, 3]
        partition["aa"] = 9
        partition["c"] = 4
        assert partition.values() == [9, 2]
        del partition["aa"]
        assert partition.pop("b") == 2
        assert partition.values() == [4]
    finally:
        LargePartition.after.reset(token)
