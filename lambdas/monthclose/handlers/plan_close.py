"""Lambda "Plan and snapshot"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler, use_cases


@state_handler("plan_close", key="[period, run, entered]")
def handler(event: Event) -> Event:
    """Plan the next round. `entered` is when the state was entered: each round plans again, a retry does not."""
    plan = use_cases().planner.plan(Period.parse(event["period"]), event["run"])
    return {
        "period": event["period"],
        "run": event["run"],
        "round": plan.close.round,
        "batches": plan.close.batches,
        "customers": plan.close.customers,
        "unfinished": plan.unfinished,
        "rounds_left": plan.rounds_left,
        "wait_seconds": plan.wait_seconds,
        "snapshot": runtime().documents.location(plan.round_key),
    }
