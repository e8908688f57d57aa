"""Step Functions as AWS documents it: time-outs, heartbeats, task tokens, stopping, and what a wildcard matches.

MiniStack 1.5.33 enforces no heartbeats and no time-out of an execution, knows time-outs only as literal numbers, gives
a retried task its old token, and goes on with a stopped execution's children.
"""

import contextvars
import json
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import error_response_json, new_uuid, now_iso
from ministack.services import stepfunctions

type Document = dict[str, Any]

_SWEEP_SECONDS = 1.0
_ENDED_EARLY = frozenset({"ABORTED", "TIMED_OUT"})
_TIMED_OUT = frozenset({"States.Timeout", "States.HeartbeatTimeout"})
_TERMINAL = frozenset({"States.DataLimitExceeded", "States.Runtime"})
"""What no wildcard catches (Step Functions' guide, "Handling errors")."""


class StoppedError(Exception):
    """A stopped execution starts nothing more. No error that a Retry or a Catch of a state machine knows."""


def is_over(execution: Document) -> bool:
    """Return whether an execution was stopped or timed out, or the one whose Map started it."""
    if execution.get("status") in _ENDED_EARLY:
        return True
    run = stepfunctions._map_runs.get(execution.get("mapRunArn"))
    parent = stepfunctions._executions.get(run["executionArn"]) if run else None
    return parent is not None and is_over(parent)


def error_matches(named: list[str], error: str) -> bool:
    """Return whether a Retry's or Catch's list matches an error (Step Functions' guide, "Handling errors")."""
    if error in named or ("States.Timeout" in named and error in _TIMED_OUT):
        return True
    if error in _TERMINAL:
        return False
    return "States.ALL" in named or ("States.TaskFailed" in named and error not in _TIMED_OUT)


def paced(find: Callable[..., Any], chance: Callable[[float, float], float] = random.uniform) -> Callable[..., Any]:
    """Let a Retry wait as its `MaxDelaySeconds` and `JitterStrategy` say, which MiniStack does not know."""

    def found(retriers: list[Document], error: str, counts: dict[int, int]) -> tuple[Document | None, int]:
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return retrier, index
        grown = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
        seconds = min(grown, retrier.get("MaxDelaySeconds", grown))
        if retrier.get("JitterStrategy") == "FULL":
            seconds = chance(0, seconds)
        return {**retrier, "IntervalSeconds": seconds, "BackoffRate": 1}, index

    return found


def with_seconds(state: Document, raw_input: Any, context: Document) -> Document:
    """Put numbers in place of a task's `TimeoutSecondsPath`, `HeartbeatSecondsPath` and their JSONata expressions."""
    found = dict(state)
    for name in ("TimeoutSeconds", "HeartbeatSeconds"):
        path = found.pop(f"{name}Path", None)
        if path is not None:
            given = stepfunctions._apply_input_path(state, raw_input, context)
            found[name] = stepfunctions._resolve_path_or_ctx(path, given, context)
        elif isinstance(found.get(name), str):
            found[name] = stepfunctions._apply_jsonata_template(found[name], raw_input, context)
        elif name not in found:
            continue
        if isinstance(found[name], bool) or not isinstance(found[name], int) or found[name] <= 0:
            raise stepfunctions._ExecutionError("States.Runtime", f"{name} must be a positive integer: {found[name]}")
    if found.get("HeartbeatSeconds", 0) >= found.get("TimeoutSeconds", 10**9):
        raise stepfunctions._ExecutionError("States.Runtime", "HeartbeatSeconds must be smaller than TimeoutSeconds")
    return found


@dataclass
class Waiting:
    """A task that waits for an answer."""

    execution: Document
    scope: contextvars.Context
    """Account and region that its token is kept under."""
    ends: float
    heartbeat_seconds: float
    last_beat: float

    def missed(self, now: float) -> str:
        """Name what it has missed by now; empty if it may wait on."""
        if now >= self.ends:
            return "States.Timeout"
        return "States.HeartbeatTimeout" if now - self.last_beat >= self.heartbeat_seconds else ""


class Executions:
    """Ends tasks and executions whose time is up, and the children of a stopped execution, as Step Functions does.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._scheduled: ContextVar[Document] = ContextVar("scheduled")
        self._waiting: dict[str, Waiting] = {}
        """By token."""
        self._closed: set[str] = set()
        """Tokens whose task was answered, stopped or timed out."""
        self._deadlines: dict[str, tuple[float, Document]] = {}
        """By execution, when it times out."""
        self._lock = threading.Lock()
        self._add_event, self._wait = stepfunctions._add_event, stepfunctions._invoke_with_callback
        self._stop, self._fail = stepfunctions._stop_execution, stepfunctions._fail_execution
        self._task, self._run = stepfunctions._execute_task, stepfunctions._run_execution
        self._parameters = stepfunctions._apply_parameters
        self._arguments = stepfunctions._apply_jsonata_arguments

    def take_over(self) -> None:
        """Stand in for MiniStack's functions."""
        stepfunctions._add_event, stepfunctions._invoke_with_callback = self._note, self._await
        stepfunctions._stop_execution, stepfunctions._fail_execution = self._end, self._break_off
        stepfunctions._run_execution = self._run_in_time
        stepfunctions._execute_task = lambda state, given, execution, context: self._task(
            with_seconds(state, given, context), given, execution, context
        )
        stepfunctions._apply_parameters = self._with_token(self._parameters)
        stepfunctions._apply_jsonata_arguments = self._with_token(self._arguments)
        stepfunctions._error_matches = error_matches
        stepfunctions._find_matching_retrier = paced(stepfunctions._find_matching_retrier)
        for name in ("_send_task_heartbeat", "_send_task_success", "_send_task_failure"):
            setattr(stepfunctions, name, self._told(getattr(stepfunctions, name)))

    def watch(self) -> None:
        """End what has run out of time, from now on, in a thread of its own."""

        def sweep_on() -> None:
            pause = threading.Event()
            while not pause.wait(_SWEEP_SECONDS):
                self.sweep()

        threading.Thread(target=sweep_on, daemon=True, name="step-functions-time").start()

    def sweep(self) -> None:
        """End what has run out of time by now."""
        now = self._clock()
        for arn, (ends, execution) in list(self._deadlines.items()):
            if now >= ends:
                del self._deadlines[arn]
                self._time_out(execution)
        for token, task in list(self._waiting.items()):
            if missed := task.missed(now):
                self._close(token, missed)

    @staticmethod
    def _with_token(original: Callable[..., Any]) -> Callable[..., Any]:
        """Give each attempt of a task that waits a token of its own, before its parameters are made."""

        def tokened(state: Document, given: Any, context: Document | None = None) -> Any:
            if context is not None and ".waitForTaskToken" in state.get("Resource", ""):
                context["Task"] = {"Token": new_uuid()}
            return original(state, given, context)

        return tokened

    def _note(self, execution: Document, event_type: str, details: Any = None) -> Any:
        if event_type == "TaskScheduled":  # before each attempt of each task
            if is_over(execution):
                raise StoppedError("the execution was stopped")
            self._scheduled.set(execution)
        failed = (details or {}).get("taskFailedEventDetails", {})
        if failed.get("error") in _TIMED_OUT:
            return self._add_event(execution, "TaskTimedOut", {"taskTimedOutEventDetails": failed})
        return self._add_event(execution, event_type, details)

    def _await(self, resource: Any, input_data: Any, token: str, state: Document) -> Any:
        now, never = self._clock(), float("inf")
        self._waiting[token] = Waiting(
            self._scheduled.get({}),
            contextvars.copy_context(),
            ends=now + state.get("TimeoutSeconds", never),
            heartbeat_seconds=state.get("HeartbeatSeconds", never),
            last_beat=now,
        )
        untimed = {name: value for name, value in state.items() if name != "TimeoutSeconds"}
        try:
            return self._wait(resource, input_data, token, untimed)
        finally:
            del self._waiting[token]
            self._closed.add(token)

    def _run_in_time(self, arn: str) -> None:
        execution = stepfunctions._executions.get(arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        seconds = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
        if seconds:
            self._deadlines[arn] = (self._clock() + seconds, execution)
        try:
            self._run(arn)
        finally:
            self._deadlines.pop(arn, None)

    def _time_out(self, execution: Document) -> None:
        if execution["status"] != "RUNNING":
            return
        execution.update(status="TIMED_OUT", error="States.Timeout", stopDate=now_iso())
        self._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
        stepfunctions._emit_execution_status_event(execution)
        self._close_all_over()

    def _end(self, data: Document) -> Any:
        answer = self._stop(data)
        self._close_all_over()
        return answer

    def _close_all_over(self) -> None:
        for token in list(self._waiting):
            self._close_if_over(token)

    def _break_off(self, execution: Document, error: Any, cause: Any) -> None:
        if not is_over(execution):  # what fails because of it doesn't make it a failed one
            self._fail(execution, error, cause)

    def _told(self, original: Callable[[Document], Any]) -> Callable[[Document], Any]:
        def tell(data: Document) -> Any:
            token = data.get("taskToken", "")
            self._close_if_over(token)  # one that began to wait while its execution was being stopped
            task = self._waiting.get(token)
            if task and (missed := task.missed(self._clock())):
                self._close(token, missed)
            with self._lock:
                if token in self._closed:
                    why = "Task Timed Out: 'Provided task does not exist anymore'"
                    return error_response_json("TaskTimedOut", why, 400)
                if not stepfunctions._task_tokens.get(token):
                    return error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)
                if original.__name__ != "_send_task_heartbeat":
                    self._closed.add(token)
                elif task:
                    task.last_beat = self._clock()
                return original(data)

        return tell

    def _close_if_over(self, token: str) -> None:
        task = self._waiting.get(token)
        if task and is_over(task.execution):
            self._close(token)

    def _close(self, token: str, error: str = "") -> None:
        """Let a task wait no more: it fails with an error, or, without one, ends with its execution."""
        with self._lock:
            task = self._waiting.get(token)
            entry = task.scope.run(stepfunctions._task_tokens.get, token) if task else None
            if not entry or token in self._closed:
                return
            self._closed.add(token)
            if error:
                entry["error"] = {"Error": error, "Cause": ""}
            else:
                entry["result"] = "{}"
            entry["event"].set()
