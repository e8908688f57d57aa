"""Lambda "Apply holds" of the collections."""

from functools import cache

from monthclose.domain.month import HoldAction
from monthclose.handlers.entry import Event, days_work, runtime, state_handler
from monthclose.observability import count
from monthclose.use_cases.accounts.apply_holds import HoldKeeper


@cache
def _keeper() -> HoldKeeper:
    return runtime().hold_keeper


@state_handler("review_holds", key="[run, batch.batch]")
def handler(event: Event) -> Event:
    """Place and lift the holds of a batch of customers."""
    today, closing = days_work(event)
    changes = _keeper().review_all(event["batch"]["customers"], today, closing)
    placed = sum(change.action is HoldAction.PLACED for change in changes)
    count("HoldsPlaced", placed)
    count("HoldsLifted", len(changes) - placed)
    return {"placed": placed, "lifted": len(changes) - placed}
