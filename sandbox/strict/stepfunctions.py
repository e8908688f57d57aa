"""The limits of Step Functions: rates of calls, transitions and children, sizes of payloads and histories."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import stepfunctions

from sandbox.strict.buckets import Bucket
from sandbox.strict.limits import Limits

type Document = dict[str, Any]

_CALLS = {
    "_start_execution": "start_execution",
    "_stop_execution": "stop_execution",
    "_describe_execution": "describe_execution",
    "_list_executions": "list_executions",
    "_send_task_success": "send_task",
    "_send_task_failure": "send_task",
    "_send_task_heartbeat": "send_task",
}
"""The limit of each call. Each has a bucket of its own."""
_PAYLOADS = {"_start_execution": "input", "_send_task_success": "output"}
"""What may be too large in a call."""
_LAST = frozenset({"ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"})
_UNRECORDED, _UNRECORDED_IN_CHILDREN = 1, 3
"""Events of a task's attempt that only AWS records: that it started; in a child also the state, entered and left."""


def install(
    limits: Limits, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Put the limits into MiniStack's Step Functions."""
    strict = _Strict(limits, clock, sleep)
    for name in _CALLS:
        setattr(stepfunctions, name, strict.called(name, getattr(stepfunctions, name)))
    for name in ("pass", "choice", "wait", "parallel", "map"):
        setattr(stepfunctions, f"_execute_{name}", strict.entered(getattr(stepfunctions, f"_execute_{name}")))
    stepfunctions._add_event = strict.recorded(stepfunctions._add_event)
    stepfunctions._apply_parameters = strict.made(stepfunctions._apply_parameters)
    stepfunctions._apply_jsonata_arguments = strict.made(stepfunctions._apply_jsonata_arguments)
    stepfunctions._execute_task = strict.made(stepfunctions._execute_task)
    stepfunctions._run_sub_machine = strict.begun(stepfunctions._run_sub_machine)
    stepfunctions._run_distributed_map = strict.mapped(stepfunctions._run_distributed_map)


class _Strict:
    """Wraps MiniStack's functions, so that they keep to the limits."""

    def __init__(self, limits: Limits, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._limits, self._clock, self._sleep = limits, clock, sleep
        self._transitions, self._children = self._bucket("state_transitions"), self._bucket("child_starts")

    def _bucket(self, limit: str, burst: str = "") -> Bucket:
        rate, size = (partial(self._limits.value, f"stepfunctions.{name}") for name in (limit, burst or limit))
        return Bucket(rate, size, self._clock)

    def _struck(self, limit: str, *, beyond: bool) -> bool:
        """Return whether a limit strikes, and count it."""
        strikes = beyond and self._limits.on(f"stepfunctions.{limit}")
        if strikes:
            self._limits.strike(f"stepfunctions.{limit}")
        return strikes

    def _too_large(self, text: str) -> bool:
        size = len(text.encode())
        return self._struck("payload", beyond=size > self._limits.value("stepfunctions.payload"))

    def _pause(self, limit: str, bucket: Bucket) -> None:
        if self._limits.on(f"stepfunctions.{limit}") and (seconds := bucket.reserve()):
            self._limits.strike(f"stepfunctions.{limit}")
            self._sleep(seconds)

    def called(self, name: str, original: Callable[[Document], Any]) -> Callable[[Document], Any]:
        """Refuse calls that come too fast or bring too much."""
        limit, payload = _CALLS[name], _PAYLOADS.get(name, "")
        bucket = self._bucket(limit, f"{limit}_burst")

        def call(data: Document) -> Any:
            if self._limits.on(f"stepfunctions.{limit}") and self._struck(limit, beyond=not bucket.take()):
                return error_response_json("ThrottlingException", "Rate exceeded", 400)
            if payload and self._too_large(str(data.get(payload) or "")):
                most = int(self._limits.value("stepfunctions.payload"))
                why = f"Value at '{payload}' failed to satisfy constraint: Member must have length <= {most}"
                return error_response_json("ValidationException", why, 400)
            return original(data)

        return call

    def entered[**P, T](self, original: Callable[P, T]) -> Callable[P, T]:
        """Let a state begin when there is a transition for it."""

        def enter(*args: P.args, **kwargs: P.kwargs) -> T:
            self._pause("state_transitions", self._transitions)
            return original(*args, **kwargs)

        return enter

    def recorded(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """End an execution whose history is full, or a state whose input or output is too large."""

        def record(execution: Document, event_type: str, details: Document | None = None) -> Any:
            if event_type == "TaskScheduled":  # each attempt of a task is a transition
                self._pause("state_transitions", self._transitions)
                missing = _UNRECORDED_IN_CHILDREN if "mapRunArn" in execution else _UNRECORDED
                execution["_unrecorded"] = execution.get("_unrecorded", 0) + missing
            length = len(execution["events"]) + execution.get("_unrecorded", 0)
            full = event_type not in _LAST and length >= self._limits.value("stepfunctions.history")
            if self._struck("history", beyond=full):
                why = f"The execution reached the maximum number of history events ({length})."
                raise stepfunctions._ExecutionError("States.Runtime", why)
            for fields in (details or {}).values():
                for name in {"input", "output"} & fields.keys():
                    self._check(fields[name])
            return original(execution, event_type, details)

        return record

    def made(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """End a state whose parameters or output are too large."""

        def make(*arguments: Any) -> Any:
            found = original(*arguments)
            self._check(json.dumps(found[0] if isinstance(found, tuple) else found))
            return found

        return make

    def _check(self, text: str | None) -> None:
        if text and self._too_large(text):
            why = f"The state's input or output exceeds {int(self._limits.value('stepfunctions.payload'))} bytes."
            raise stepfunctions._ExecutionError("States.DataLimitExceeded", why)

    def begun(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Let a Map's children begin one after the other."""

        def begin(states: Any, start_at: Any, given: Any, execution: Document, context: Any) -> Any:
            if "mapRunArn" in execution and not execution.get("_begun"):  # branches run in the same execution
                execution["_begun"] = True
                self._pause("child_starts", self._children)
            return original(states, start_at, given, execution, context)

        return begin

    def mapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Let no more children of a Map run at once than may."""

        def run(state: Document, *arguments: Any) -> Any:
            most = int(self._limits.value("stepfunctions.children"))
            if self._struck("children", beyond=int(state.get("MaxConcurrency") or 0) > most):
                state = {**state, "MaxConcurrency": most}
            return original(state, *arguments)

        return run
