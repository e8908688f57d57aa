"""Lambda "Apply holds" of the collections."""

from monthclose.domain.month import HoldAction
from monthclose.handlers.entry import Event, day_and_closing, state_handler, use_cases
from monthclose.observability import count


@state_handler("review_holds", key="[run, batch.batch]")
def handler(event: Event) -> Event:
    """Place and lift the holds of a batch of customers."""
    today, closing = day_and_closing(event)
    changes = use_cases().hold_keeper.review_all(event["batch"]["customers"], today, closing)
    placed = sum(change.action is HoldAction.PLACED for change in changes)
    count("HoldsPlaced", placed)
    count("HoldsLifted", len(changes) - placed)
    return {"placed": placed, "lifted": len(changes) - placed}
