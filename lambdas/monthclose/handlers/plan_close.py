"""Lambda "Plan and snapshot"."""

from monthclose.domain.closes.patience import patience
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler, use_cases

_LEAST_SECONDS = 43_200
"""An outage of the provider for half a day ends no batch's waiting."""


@state_handler("plan_close", key="[period, run, entered]")
def handler(event: Event) -> Event:
    """Plan the next round. `entered` is when the state was entered: each round plans again, a retry does not."""
    plan = use_cases().planner.plan(Period.parse(event["period"]), event["run"])
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
    }
