"""How a close's state is shown: in words, with a mark, so that its colour only underlines it."""

from collections.abc import Mapping
from typing import NamedTuple

from cli.view import View


class Shown(NamedTuple):
    """A state: its words, its tone (a class of the style sheet), its mark."""

    label: str
    tone: str
    mark: str


_STATES: Mapping[str, Shown] = {
    "running": Shown("Running", "busy", "▶"),
    "paused": Shown("Paused", "wait", "❙❙"),
    "waiting_for_approval": Shown("Waiting for approval", "wait", "?"),
    "completed": Shown("Completed", "good", "✓"),
    "waiting": Shown("Completed, some payments take days", "good", "✓"),
    "unfinished": Shown("Something is left to do", "wait", "!"),
    "not_compared": Shown("Not compared with the providers yet", "wait", "…"),
    "completed_with_findings": Shown("The books do not tie", "bad", "✗"),
    "stopped": Shown("Stopped", "bad", "■"),
    "interrupted": Shown("Interrupted", "bad", "■"),
}


def shown_state(state: str) -> Shown:
    """Find how a state is shown; one of another release is shown as its word."""
    return _STATES.get(state) or Shown(state.replace("_", " ").capitalize(), "wait", "•")


def state_of(view: View) -> Shown:
    """Find how a close's state is shown now: one whose charging is paused by a person says so."""
    return shown_state("paused" if view.running and view.close.paused and not view.waits else view.state)


PAYMENTS: Mapping[str, tuple[str, str]] = {
    "paid": ("Paid", "collected"),
    "nothing_due": ("Nothing due", "credited"),
    "pending": ("Being collected", "pending"),
    "charging": ("Being charged", "pending"),
    "unknown": ("Outcome not known yet", "pending"),
    "ready": ("Not charged yet", "count"),
    "declined": ("Declined", "open"),
    "action_required": ("Customer must confirm", "open"),
    "reversed": ("Reversed by the bank", "open"),
    "no_payment_method": ("No payment method", "open"),
    "no_adapter": ("Provider not connected", "open"),
}
"""Label and tone of each state of a payment, in the order of the pages."""


_BY_TONE: Mapping[str, tuple[str, str]] = {
    "collected": ("good", "✓"),
    "credited": ("good", "✓"),
    "pending": ("busy", "…"),
    "count": ("busy", "…"),
    "open": ("bad", "!"),
}


def payment_state(state: str) -> Shown:
    """Find how one payment's state is shown; one of another release is shown as its word."""
    label, tone = PAYMENTS.get(state, (state.replace("_", " ").capitalize(), "count"))
    return Shown(label, *_BY_TONE[tone])
