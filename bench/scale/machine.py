"""The state machine's own rules, read from its definition: states, retries, time-outs and waits, on virtual time."""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.scale.engine import Process

_FILE = Path(__file__).parents[2] / "statemachines" / "month_close.asl.json"
_TIME_OUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})


class Failed(Exception):  # noqa: N818 (what a state machine calls it)
    """A task failed; `name` is the error's name, as retriers match it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Retrier:
    """One entry of a state's Retry."""

    errors: frozenset[str]
    interval: float
    rate: float
    attempts: int
    longest: float
    jitter: bool

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "Retrier":
        """Read it, with the defaults of the Amazon States Language."""
        return cls(
            frozenset(entry["ErrorEquals"]),
            float(entry.get("IntervalSeconds", 1)),
            float(entry.get("BackoffRate", 2)),
            int(entry.get("MaxAttempts", 3)),
            float(entry.get("MaxDelaySeconds", 31_622_400)),
            entry.get("JitterStrategy") == "FULL",
        )

    def matches(self, error: str) -> bool:
        """Whether it is for an error; `States.TaskFailed` is any but a time-out."""
        every = "States.ALL" in self.errors or ("States.TaskFailed" in self.errors and error not in _TIME_OUTS)
        return every or error in self.errors

    def wait(self, earlier: int, rng: random.Random) -> float:
        """How long to wait after the error has been retried `earlier` times."""
        most = min(self.interval * self.rate**earlier, self.longest)
        return rng.uniform(0, most) if self.jitter else most


@cache
def definition() -> Mapping[str, Any]:
    """Read the definition of the close."""
    machine: Mapping[str, Any] = json.loads(_FILE.read_text())
    return machine


@cache
def batches_map() -> Mapping[str, Any]:
    """Find the Map over the batches: the distributed one whose child waits for a task token."""
    for state in definition()["States"].values():
        if state["Type"] == "Map" and "waitForTaskToken" in json.dumps(state):
            found: Mapping[str, Any] = state
            return found
    raise LookupError("the close has no Map over batches")


@cache
def state_calling(function: str) -> Mapping[str, Any] | None:
    """Find the state that calls a function, wherever it is; None if there is none."""
    return next((state for state in _states(definition()) if called(state) == function), None)


def _states(machine: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for state in machine["States"].values():
        found.append(state)
        inner = state.get("ItemProcessor")
        found += _states(inner) if inner else []
    return found


def called(state: Mapping[str, Any]) -> str:
    """Name what a task calls: the function as in the table, `charge_customers` for the task that waits; or nothing."""
    if "waitForTaskToken" in state.get("Resource", ""):
        return "charge_customers"
    name = str(state.get("Parameters", {}).get("FunctionName", ""))
    found = re.fullmatch(r"\$\{(\w+)Function\}", name)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", found[1]).lower() if found else ""


def retriers(state: Mapping[str, Any] | None) -> list[Retrier]:
    """Read a state's Retry."""
    return [Retrier.read(entry) for entry in (state or {}).get("Retry", ())]


def with_retries[T](
    rules: list[Retrier], attempt: Callable[[], Process[T]], rng: random.Random, retried: Callable[[str], None]
) -> Process[T]:
    """Make attempts by a state's retry rules; each rule counts its own.

    Raises
    ------
    Failed
        No rule matches, or the one that matches is used up.
    """
    used = [0] * len(rules)
    while True:
        try:
            return (yield from attempt())
        except Failed as failure:
            place = next((n for n, rule in enumerate(rules) if rule.matches(failure.name)), None)
            if place is None or used[place] >= rules[place].attempts:
                raise
            retried(failure.name)
            yield rules[place].wait(used[place], rng)
            used[place] += 1


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "NumericGreaterThan": lambda value, limit: value > limit,
    "NumericEquals": lambda value, limit: value == limit,
    "BooleanEquals": lambda value, limit: value is limit,
    "StringEquals": lambda value, limit: value == limit,
}


def choose(state: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Take a Choice's decision on what a child knows; a variable that no task has set leaves its rule out."""
    for rule in state["Choices"]:
        value: Any = values
        for part in rule["Variable"].removeprefix("$.").split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        test = next(name for name in rule if name in _TESTS)
        if value is not None and _TESTS[test](value, rule[test]):
            return str(rule["Next"])
    return str(state["Default"])
