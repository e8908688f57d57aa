"""What GoCardless publishes about its events: which origin and cause an action may have (``published.json``)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.wire import JSON

_FILE = Path(__file__).with_name("published.json")


class UnpublishedError(ValueError):
    """GoCardless' documents know no such event; the message says what they know."""


@dataclass(frozen=True, slots=True)
class Why:
    """Who did it and why; ``bank`` if the bank's own code comes with it."""

    origin: str
    cause: str
    bank: bool = False


# By kind and action: what it is unless somebody says otherwise. The first published one serves for all others.
_USUAL: Mapping[tuple[str, str], tuple[str, str]] = {
    ("billing_requests", "created"): ("api", "billing_request_created"),
    ("payments", "created"): ("api", "payment_created"),
    ("payments", "cancelled"): ("api", "payment_cancelled"),
    ("payments", "charged_back"): ("bank", "refund_requested"),
    ("payments", "failed"): ("bank", "insufficient_funds"),
    ("payments", "resubmission_requested"): ("api", "payment_retried"),
    ("mandates", "active"): ("gocardless", "mandate_activated"),
    ("mandates", "cancelled"): ("api", "mandate_cancelled"),
    ("mandates", "expired"): ("gocardless", "mandate_expired"),
    ("mandates", "failed"): ("bank", "invalid_bank_details"),
    ("mandates", "reinstated"): ("gocardless", "mandate_reinstated"),
    ("mandates", "resubmission_requested"): ("api", "resubmission_requested"),
    ("mandates", "submitted"): ("gocardless", "mandate_submitted"),
    ("mandates", "transferred"): ("bank", "bank_account_transferred"),
    ("refunds", "created"): ("api", "payment_refunded"),
}


@cache
def published() -> Mapping[str, Any]:
    """Return the whole document."""
    document: JSON = json.loads(_FILE.read_text(encoding="utf-8"))
    return document


def why(kind: str, action: str, cause: str = "", origin: str = "") -> Why:
    """Return the published pair of origin and cause that is meant.

    Parameters
    ----------
    kind : str
        ``payments``, ``mandates``, ``refunds``, ``payouts`` or ``billing_requests``.
    cause, origin : str
        The usual ones, unless given.

    Raises
    ------
    UnpublishedError
        No such event is published.
    """
    known = published()["events"].get(kind, {}).get(action, [])
    usual = _USUAL.get((kind, action))
    if not cause and usual is not None:
        cause, origin = usual[1], origin or usual[0]
    matching = [pair for pair in known if cause in ("", pair["cause"]) and origin in ("", pair["origin"])]
    if not matching:
        pairs = ", ".join(f"{pair['cause']} ({pair['origin']})" for pair in known)
        raise UnpublishedError(
            f"GoCardless has no event {kind}.{action} with {cause} ({origin}); it has {pairs or 'none'}"
        )
    # What comes from the bank comes first: that is what a cause of a failure or charge-back means.
    found = next((pair for pair in matching if pair["origin"] == "bank"), matching[0])
    return Why(found["origin"], found["cause"], found.get("bank", False))
