"""Lambda "Plan the comparison"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, comparison_answer, state_handler, use_cases


@state_handler("plan_comparison", key="[period, entered]")
def handler(event: Event) -> Event:
    """Cut the comparison with the providers into parts, or find those left of one that was not finished.

    A close names its run; without one, the period must have been closed before.
    """
    period, comparer = Period.parse(event["period"]), use_cases().comparer
    plan = comparer.plan_of_run(period, event["run"]) if "run" in event else use_cases().period_reconciler.plan(period)
    return comparison_answer(plan.name, comparer.reader.store.unread(plan))
