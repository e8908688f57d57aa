"""Lambda "Plan and snapshot"."""

from dataclasses import asdict

from monthclose.domain.closes.patience import patience
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, timed_handler, use_cases
from monthclose.ports import TimeIsUp
from monthclose.use_cases.closes.take_snapshot import Scan

_LEAST_SECONDS = 43_200
"""An outage of the provider for half a day ends no batch's waiting."""


@timed_handler("plan_close", key="[period, run, entered]", kept=0.5)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Plan the next round, or continue the snapshot's scan.

    `entered` is when the state was entered: each round plans again, a retry does not. Half of the time is kept for
    merging what was scanned.
    """
    scan = Scan(**event["scan"]) if event.get("scan") else None
    if event.get("rehearsal"):
        return _plan_rehearsal(event, scan, time_is_up)
    plan = use_cases().planner.plan(Period.parse(event["period"]), event["run"], scan, time_is_up)
    wait = patience(plan.close.expected_seconds, _LEAST_SECONDS)
    return {
        "period": event["period"],
        "run": event["run"],
        "round": plan.close.round,
        "batches": plan.close.batches,
        "customers": plan.close.customers,
        "unfinished": plan.unfinished,
        "rounds_left": plan.rounds_left,
        "wait_seconds": plan.wait_seconds,
        "heartbeat_seconds": wait.heartbeat,
        "timeout_seconds": wait.timeout,
        "snapshot": runtime().documents.location(plan.round_key),
        "scan": asdict(plan.scan) if plan.scan else None,
        "rehearsal": None,
    }


def _plan_rehearsal(event: Event, scan: Scan | None, time_is_up: TimeIsUp) -> Event:
    """Plan the next pass of a rehearsal: the same answer, and nothing that waits for a queue."""
    plan = use_cases().rehearsal_planner.plan(Period.parse(event["period"]), event["rehearsal"], scan, time_is_up)
    return {
        "period": event["period"],
        "run": event["run"],
        "round": plan.rehearsal.round,
        "batches": plan.rehearsal.batches,
        "customers": plan.rehearsal.customers,
        "unfinished": plan.unfinished,
        "rounds_left": True,
        "wait_seconds": plan.wait_seconds,
        "heartbeat_seconds": _LEAST_SECONDS,
        "timeout_seconds": _LEAST_SECONDS,
        "snapshot": runtime().documents.location(plan.key),
        "scan": asdict(plan.scan) if plan.scan else None,
        "rehearsal": plan.rehearsal.number,
    }
