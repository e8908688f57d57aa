"""At how many customers each step would break, by itself: the smallest number is what breaks first."""

from collections.abc import Iterator
from typing import NamedTuple

from bench.scale.aws import Aws
from bench.scale.engine import Loop
from bench.scale.machine import batches_map
from bench.scale.scenario import Scenario, model, settings
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS


class Ceiling(NamedTuple):
    """A step, and the most customers that it takes."""

    customers: float
    what: str


def ceilings(scenario: Scenario) -> list[Ceiling]:
    """List what limits a close by a fixed bound, the tightest first; what only makes it slower is not among them."""
    return sorted([*_of_functions(scenario), *_of_waits(scenario)])


def _of_functions(scenario: Scenario) -> Iterator[Ceiling]:
    aws, numbers, fixes = Aws(scenario, Loop()), model(), scenario.fixes
    cpu = numbers["cpu"]
    if not fixes.plan_in_parts:
        free = aws.memory_mb(Function.PLAN_CLOSE) - numbers["memory"]["plan_base"]
        yield Ceiling(free * 1e6 / numbers["memory"]["plan_customer"], "the plan's memory")
        each = aws.cpu_seconds(Function.PLAN_CLOSE, cpu["plan_customer"])
        each += numbers["seconds"]["scan_page"] / numbers["pages"]["scan"]
        yield Ceiling(_time(Function.PLAN_CLOSE) / each, "the plan's time")
    else:
        each = aws.cpu_seconds(Function.PLAN_CLOSE, 0.006)
        yield Ceiling(_time(Function.PLAN_CLOSE) / each, "merging the plan's parts")
    compare = aws.cpu_seconds(Function.REPORT_CLOSE, cpu["compare_charge"])
    if not fixes.proof_map:
        yield Ceiling(_time(Function.REPORT_CLOSE) / compare, "proving and reporting in one function")
    else:
        merge = aws.cpu_seconds(Function.REPORT_CLOSE, cpu["merge_charge"])
        yield Ceiling(_time(Function.REPORT_CLOSE) / merge, "joining the comparison's parts")


def _of_waits(scenario: Scenario) -> Iterator[Ceiling]:
    charge = next(
        state for state in batches_map()["ItemProcessor"]["States"].values() if "waitFor" in state.get("Resource", "")
    )
    rate = scenario.provider.limit.usable()
    if not scenario.fixes.waits_by_eta:
        heartbeat = float(scenario.heartbeat_seconds or charge.get("HeartbeatSeconds", float("inf")))
        yield Ceiling(heartbeat * rate, "heartbeats of batches that wait in the queue")
    if scenario.quotas.mails_per_day < float("inf"):
        yield Ceiling(scenario.quotas.mails_per_day, "SES's daily quota")
    yield Ceiling(
        max(settings()["deadline_hours"] * 3600 * rate, 1), f"the deadline of {settings()['deadline_hours']} h"
    )


def _time(function: Function) -> float:
    return float(FUNCTIONS[function].timeout_seconds)
