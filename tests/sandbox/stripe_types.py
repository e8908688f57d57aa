"""Checks documents of the fake Stripe against the types that Stripe publishes (see `regenerate_stripe_types`)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTS: dict[str, Any] = json.loads(Path(__file__).with_name("stripe_types.json").read_text())

BY_OBJECT = {
    "balance_transaction": "BalanceTransaction",
    "charge": "Charge",
    "checkout.session": "Session",
    "customer": "Customer",
    "dispute": "Dispute",
    "event": "EventBase",
    "item": "LineItem",
    "payment_intent": "PaymentIntent",
    "payment_method": "PaymentMethod",
    "payout": "Payout",
    "refund": "Refund",
    "setup_intent": "SetupIntent",
}
ERROR = "PaymentIntent.LastPaymentError"
"""An error of the API has the same members as one that a PaymentIntent remembers."""

_PLAIN: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "map": dict,
    "null": type(None),
    "Decimal": str,  # in JSON a text
    "unknown": (),
    "void": (),
}


def faults(document: Any) -> list[str]:
    """Say what about an answer is not as published: of an object, a list of them, or an error."""
    if "error" in document:
        return list(_faults(document["error"], ERROR, "error"))
    if document.get("object") == "list":
        return [fault for item in document["data"] for fault in faults(item)]
    if document.get("deleted"):
        return list(_faults(document, "DeletedCustomer", "customer"))
    name = BY_OBJECT[document["object"]]
    found = list(_faults(document, name, document["object"]))
    return found + (faults(document["data"]["object"]) if name == "EventBase" else [])


def _faults(value: Any, kind: Any, path: str) -> Iterator[str]:
    if isinstance(kind, list):
        if value not in kind and not (value is None and "null" in kind):
            yield f"{path} is {value!r}, which is none of the published values"
    elif isinstance(kind, dict):
        yield from _members(value, kind, path)
    elif "|" in kind:
        yield from _one_of(value, kind.split("|"), path)
    elif (items := re.fullmatch(r"(?:Array|ApiList)<(.*)>", kind)) is not None:
        yield from _items(value, items[1], path)
    elif kind in FACTS:
        yield from _faults(value, FACTS[kind], path)
    else:
        yield from _plain(value, kind, path)


def _items(value: Any, kind: str, path: str) -> Iterator[str]:
    listed = value["data"] if isinstance(value, dict) and value.get("object") == "list" else value
    if not isinstance(listed, list):
        yield f"{path} is no list"
        return
    for place, item in enumerate(listed):
        yield from _faults(item, kind, f"{path}[{place}]")


def _plain(value: Any, kind: str, path: str) -> Iterator[str]:
    if kind.startswith("'") or kind == "true":
        fits = str(value).lower() == kind.strip("'")
    else:
        fits = isinstance(value, _PLAIN.get(kind, ())) and not (kind == "number" and isinstance(value, bool))
    if not fits:
        yield f"{path} is {value!r}, not a {kind}"


def _one_of(value: Any, kinds: list[str], path: str) -> Iterator[str]:
    tried = [list(_faults(value, kind, path)) for kind in kinds]
    if all(tried):
        # What an object was meant to be says most; of a plain value each kind says the same.
        yield from max(tried, key=lambda found: (found[0].count("."), len(found)))


def _members(value: Any, members: dict[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is {value!r}, not an object"
        return
    known = {name.rstrip("?"): kind for name, kind in members.items()}
    yield from (f"{path}.{name} is missing" for name in members if not name.endswith("?") and name not in value)
    yield from (f"{path}.{name} is unknown to Stripe" for name in value if name not in known)
    for name in value.keys() & known.keys():
        yield from _faults(value[name], known[name], f"{path}.{name}")
