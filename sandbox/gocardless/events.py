"""The operations on events (API reference, "Events")."""

from sandbox.gocardless.account import Answer, Call, Command
from sandbox.gocardless.objects import Event
from sandbox.gocardless.shelf import read_page

_ABOUT = ("payment", "mandate", "refund", "payout", "billing_request", "parent_event")


def get(call: Call) -> Command:
    """Get an event."""
    return lambda account: Answer({"events": account.events.get(call.ids["event"]).to_json()})


def list_all(call: Call) -> Command:
    """List events, also by payment, mandate or refund, action and kind of object."""
    query = call.query
    page, kind, action = read_page(query), query.text("resource_type"), query.text("action")
    about = [reference for name in _ABOUT if (reference := query.text(name))]

    def wanted(event: Event) -> bool:
        return (
            kind in (None, event.resource_type)
            and action in (None, event.action)
            and all(reference in event.links.values() for reference in about)
        )

    return lambda account: Answer(account.events.page(page, "events", owner=about[0] if about else None, where=wanted))
