"""EventBridge delivers at least once: now and then twice, again while the target is busy, at last to dead letters."""

import contextvars
import json
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, sqs, stepfunctions

from sandbox.strict.limits import Limits

type Document = dict[str, Any]
type Later = Callable[[float, Callable[[], object]], object]

_RETRIABLE = frozenset({"ThrottlingException", "ServiceUnavailable", "InternalFailure"})
_LONGEST_PAUSE = 60.0


def after(seconds: float, act: Callable[[], object]) -> None:
    """Do something later, in the same account and region."""
    timer = threading.Timer(seconds, contextvars.copy_context().run, (act,))
    timer.daemon = True
    timer.start()


def install(limits: Limits, seed: int = 1, clock: Callable[[], float] = time.monotonic, later: Later = after) -> None:
    """Put EventBridge's ways of delivering into MiniStack: rules, schedules and the scheduler.

    Parameters
    ----------
    seed : int
        Decides which deliveries are made twice.
    clock : callable
        Seconds that only grow.
    later : callable
        Does something after some seconds.
    """
    strict = _Deliveries(limits, random.Random(seed), clock, later)  # noqa: S311 - no secret
    strict.invoke = eventbridge._invoke_target
    eventbridge._invoke_target = strict.deliver
    eventbridge._dispatch_to_stepfunctions = strict.start


class _Deliveries:
    """Delivers events to rules' targets."""

    invoke: Callable[..., None]

    def __init__(self, limits: Limits, chance: random.Random, clock: Callable[[], float], later: Later) -> None:
        self._limits, self._chance, self._clock, self._later = limits, chance, clock, later
        self._lock = threading.Lock()
        self._target: ContextVar[tuple[Document, Document]] = ContextVar("target")

    def deliver(self, target: Document, event: Document, rule: Document, view: Any = None) -> None:
        """Deliver an event, perhaps twice."""
        token = self._target.set((target, rule))
        try:
            self.invoke(target, event, rule, view)
            if self._twice():
                self.invoke(target, event, rule, view)
        finally:
            self._target.reset(token)

    def _twice(self) -> bool:
        with self._lock:
            drawn = self._chance.random()
        twice = self._limits.on("events.delivered_twice") and drawn < self._limits.value("events.delivered_twice")
        if twice:
            self._limits.strike("events.delivered_twice")
        return twice

    def start(self, machine: str, payload: str) -> None:
        """Start an execution, as often as the target's retry policy allows."""
        target, rule = self._target.get(({}, {}))
        policy, began = target.get("RetryPolicy") or {}, self._clock()
        retries = policy.get("MaximumRetryAttempts", self._limits.value("events.retries"))
        age = policy.get("MaximumEventAgeInSeconds", self._limits.value("events.event_age"))

        def attempt(tried: int = 0) -> None:
            status, _headers, body = stepfunctions._start_execution({"stateMachineArn": machine, "input": payload})
            if status < 400:
                return
            error = json.loads(body)
            pause = min(2.0**tried, _LONGEST_PAUSE)
            too_old = self._clock() + pause - began > age
            why = ""
            if error["__type"] in _RETRIABLE:
                if tried < retries and not too_old:
                    self._later(pause, lambda: attempt(tried + 1))
                    return
                why = "MaximumEventAgeInSeconds" if too_old else "MaximumRetryAttempts"
                self._limits.strike("events.event_age" if too_old else "events.retries")
            _bury(target, rule, payload, error, tried, why)

        attempt()


def _bury(target: Document, rule: Document, payload: str, error: Document, tried: int, why: str) -> None:
    """Put an event into its target's dead-letter queue, if it has one."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        return
    told = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": error["__type"],
        "ERROR_MESSAGE": error.get("message", ""),
        "EXHAUSTED_RETRY_CONDITION": why,
        "RETRY_ATTEMPTS": str(tried),
    }
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value}
    url = sqs._queue_url_for_account(arn.split(":")[4], arn.rpartition(":")[2])
    sqs._act_send_message({"QueueUrl": url, "MessageBody": payload, "MessageAttributes": attributes}, url)
