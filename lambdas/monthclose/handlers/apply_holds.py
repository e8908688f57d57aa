"""Lambda "Apply holds"."""

from functools import cache

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.observability import count
from monthclose.use_cases.accounts.apply_holds import HoldKeeper


@cache
def _keeper() -> HoldKeeper:
    return runtime().hold_keeper


@state_handler("apply_holds", key="[period, round, batch]")
def handler(event: Event) -> Event:
    """Place and lift the holds of a batch."""
    progress = _keeper().apply(Period.parse(event["period"]), event["batch"], event["round"])
    placed = progress.totals.holds.get("placed", 0)
    count("HoldsPlaced", placed)
    return {"placed": placed, "unsettled": progress.unsettled}
