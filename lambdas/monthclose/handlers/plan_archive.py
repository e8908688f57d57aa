"""Lambda "Plan the archive"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.3
"""Pieces of the lists of a thousand parts are stored in half a minute."""


@timed_handler("plan_archive", key="[step, execution, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Choose the month that is archived next, deal its customers into parts, or finish it when all are archived."""
    match event["step"]:
        case "choose":
            return _choose(event["period"], event["execution"])
        case "deal":
            return _deal(event, time_is_up)
        case "finish":
            done = use_cases().archive_finisher.finish(Period.parse(event["period"]))
            return {"period": str(done.period), "customers": done.customers, "events": done.events}
    raise ValueError(event["step"])


def _choose(asked: str, execution: str) -> Event:
    planner = use_cases().archive_planner
    if asked:
        planner.check(Period.parse(asked))
    period = Period.parse(asked) if asked else planner.next_due()
    if period is None or not planner.claim(execution):
        return {"period": "", "run": ""}
    return {"period": str(period), "run": planner.plan(period).name}


def _deal(event: Event, time_is_up: TimeIsUp) -> Event:
    plan = use_cases().archive_store.require(Period.parse(event["period"]), event["run"])
    dealt = use_cases().archive_planner.deal(plan, time_is_up=time_is_up)
    return {"time_was_up": not dealt, "parts": [{"part": number} for number in range(plan.parts)]}
