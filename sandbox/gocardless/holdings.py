"""What the provider holds of each payment now: computed from the money that moved, and from nothing else."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.wire import JSON

_COUNTED_AS: Mapping[str, str] = {
    "charge": "gross",
    "refund": "refunded",
    "refund_cancelled": "refunded",
    "refund_funds_returned": "refunded",
    "charge_back": "withdrawn",
    "charge_back_cancelled": "withdrawn",
    "late_failure": "withdrawn",
}


def holdings(movements: Iterable[Mapping[str, Any]]) -> list[JSON]:
    """Sum up movements by payment, in the order of the first of each; amounts in minor units.

    ``net`` is ``gross`` less what was ``refunded`` and ``withdrawn``. It is below zero if the bank took back a payment
    of which a part had been refunded: a charge-back is of the payment's whole amount.
    """
    held: dict[str, JSON] = {}
    for movement in movements:
        row = held.setdefault(
            movement["payment"],
            {name: movement[name] for name in ("payment", "customer", "currency", "metadata")}
            | {"gross": 0, "refunded": 0, "withdrawn": 0, "net": 0},
        )
        kind = _COUNTED_AS[movement["kind"]]
        row[kind] += movement["amount"] if kind == "gross" else -movement["amount"]
        row["net"] += movement["amount"]
    return list(held.values())
