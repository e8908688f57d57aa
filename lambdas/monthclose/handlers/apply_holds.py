"""Lambda "Apply holds"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.observability import count


@state_handler("apply_holds", key="[period, round, batch]")
def handler(event: Event) -> Event:
    """Place and lift the holds of a batch."""
    progress = use_cases().hold_keeper.apply(Period.parse(event["period"]), event["batch"], event["round"])
    placed = progress.totals.holds.get("placed", 0)
    count("HoldsPlaced", placed)
    return {"placed": placed, "unsettled": progress.unsettled}
