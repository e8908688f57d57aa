"""Lambda "Apply holds"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.observability import count
from monthclose.ports import TimeIsUp


@timed_handler("apply_holds", key="[period, round, batch]", kept=0.1)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Place and lift the holds of a batch; what there is no time for is done when the state calls again."""
    period = Period.parse(event["period"])
    progress = use_cases().hold_keeper.apply(period, event["batch"], event["round"], time_is_up)
    placed = progress.totals.holds.get("placed", 0)
    count("HoldsPlaced", placed)
    return {"placed": placed, "unsettled": progress.unsettled}
