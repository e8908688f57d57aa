"""The workarounds for the emulator."""

import json
import queue
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.services import lambda_svc, stepfunctions

from sandbox.aws.emulator import LargePartition, SharedZip, Stopping, error_class, local_address, name_errors


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    deadline, pause = time.monotonic() + 10, threading.Event()
    while not true():
        assert time.monotonic() < deadline
        pause.wait(0.01)


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


class Machine:
    """A state machine whose Map asks for each item in one task and then in another, three items at a time."""

    def __init__(self, messages: queue.Queue[dict[str, str]]) -> None:
        self.messages = messages
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"token.$": "$$.Task.Token", "state.$": "$$.State.Name"},
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 0, "MaxAttempts": 3}],
        }
        each = {
            "Type": "Map",
            "MaxConcurrency": 3,
            "ToleratedFailurePercentage": 100,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "first",
                "States": {"first": task | {"Next": "second"}, "second": task | {"End": True}},
            },
            "Next": "after",
        }
        definition = {"StartAt": "each", "States": {"each": each, "after": task | {"End": True}}}
        machine = self._call("create_state_machine", definition=json.dumps(definition), name="m", roleArn="arn:r")
        started = self._call("start_execution", stateMachineArn=machine["stateMachineArn"], input="[1, 2, 3, 4, 5]")
        self.execution: str = started["executionArn"]

    def _call(self, operation: str, **data: str) -> dict[str, Any]:
        _status, _headers, body = getattr(stepfunctions, f"_{operation}")(data)
        return dict(json.loads(body))

    def asked(self) -> dict[str, str]:
        return self.messages.get(timeout=10)

    def succeed(self, message: dict[str, str]) -> dict[str, Any]:
        return self._call("send_task_success", taskToken=message["token"], output="{}")

    def beat(self, message: dict[str, str]) -> dict[str, Any]:
        return self._call("send_task_heartbeat", taskToken=message["token"])

    def stop(self) -> None:
        self._call("stop_execution", executionArn=self.execution)

    def map_has_ended(self) -> bool:
        return all(run["status"] != "RUNNING" for run in stepfunctions._map_runs.values())

    @property
    def status(self) -> str:
        return str(self._call("describe_execution", executionArn=self.execution)["status"])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine that runs, on a Step Functions with our workaround."""
    for name in ("_add_event", "_invoke_with_callback", "_stop_execution", "_fail_execution"):
        monkeypatch.setattr(stepfunctions, name, getattr(stepfunctions, name))
    for name in ("_send_task_heartbeat", "_send_task_success", "_send_task_failure"):
        monkeypatch.setattr(stepfunctions, name, getattr(stepfunctions, name))
    Stopping().take_over()
    messages: queue.Queue[dict[str, str]] = queue.Queue()
    monkeypatch.setitem(
        stepfunctions._SERVICE_DISPATCH, "arn:aws:states:::sqs:sendMessage", lambda _, m: messages.put(m)
    )
    yield Machine(messages)
    stepfunctions.reset()


def test_a_stopped_execution_ends_its_maps_children(machine: Machine) -> None:
    asked = [machine.asked() for _ in range(3)]
    machine.succeed(asked.pop())
    asked.append(machine.asked())
    assert [machine.beat(message) for message in asked] == [{}] * 3

    machine.stop()

    assert [machine.beat(message)["__type"] for message in asked] == ["TaskDoesNotExist"] * 3
    assert machine.succeed(asked[0])["__type"] == "TaskDoesNotExist"
    until(machine.map_has_ended)
    assert machine.messages.empty()
    assert machine.status == "ABORTED"


def test_an_execution_that_nobody_stops_runs_all_its_states(machine: Machine) -> None:
    states = []
    for _ in range(2 * 5 + 1):
        message = machine.asked()
        states.append(message["state"])
        machine.succeed(message)
    assert sorted(states) == ["after"] + ["first"] * 5 + ["second"] * 5
    until(lambda: machine.status == "SUCCEEDED")
