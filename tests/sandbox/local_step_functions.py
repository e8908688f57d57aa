"""A local Step Functions in this process, whose tasks send their messages here and whose time passes when told."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from ministack.services import stepfunctions

from sandbox.aws.map_results import write_map_results
from sandbox.aws.redrive import Redrive
from sandbox.aws.step_functions import Executions


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    deadline, pause = time.monotonic() + 10, threading.Event()
    while not true():
        assert time.monotonic() < deadline
        pause.wait(0.01)


class Machines:
    """Runs state machines. What their tasks send to queues arrives in `messages`."""

    def __init__(self) -> None:
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.now = 0.0
        write_map_results()
        Redrive().take_over()
        self.executions = Executions(clock=lambda: self.now)
        self.executions.take_over()

    def start(self, definition: dict[str, Any], given: Any = None) -> str:
        machine = self.call("create_state_machine", definition=json.dumps(definition), name="m", roleArn="arn:r")
        started = self.call("start_execution", stateMachineArn=machine["stateMachineArn"], input=json.dumps(given))
        return str(started["executionArn"])

    def call(self, operation: str, **data: str) -> dict[str, Any]:
        _status, _headers, body = getattr(stepfunctions, f"_{operation}")(data)
        return dict(json.loads(body))

    def asked(self) -> dict[str, Any]:
        return self.messages.get(timeout=10)

    def succeed(self, message: dict[str, str]) -> dict[str, Any]:
        return self.call("send_task_success", taskToken=message["token"], output="{}")

    def beat(self, message: dict[str, str]) -> dict[str, Any]:
        return self.call("send_task_heartbeat", taskToken=message["token"])

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.executions.sweep()

    def described(self, execution: str) -> dict[str, Any]:
        return self.call("describe_execution", executionArn=execution)

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for an execution's end."""
        until(lambda: self.described(execution)["status"] != "RUNNING")
        return self.described(execution)

    def maps_have_ended(self) -> bool:
        return all(run["status"] != "RUNNING" for run in stepfunctions._map_runs.values())


@contextmanager
def restored(module: ModuleType) -> Iterator[None]:
    """Give a module its members back at the end."""
    members = dict(vars(module))
    try:
        yield
    finally:
        vars(module).update(members)


@contextmanager
def local_step_functions() -> Iterator[Machines]:
    """Run MiniStack's Step Functions with our workarounds."""
    with restored(stepfunctions), pytest.MonkeyPatch.context() as patch:
        machines = Machines()
        patch.setitem(
            stepfunctions._SERVICE_DISPATCH, "arn:aws:states:::sqs:sendMessage", lambda _, m: machines.messages.put(m)
        )
        yield machines
        stepfunctions.reset()
