"""The gate's rules as settings; all of them are off unless set (docs/gates.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class GateRules:
    """What has to be accepted before a close may charge. A percentage of None, and an empty mapping, switch a rule off.

    Parameters
    ----------
    total_percent : float or None
        How far a currency's total may move from last month's.
    invoice_minor : mapping
        The largest invoice that needs no look, by currency, and `default`, in minor units.
    customer_times : float or None
        How many times a customer's usual invoice, last month's, an invoice may be.
    customer_floor_minor : mapping
        A usual invoice counts as at least this much, by currency, and `default`, in minor units.
    vanished_customers : int
        A SKU that so many customers or more had last month must not vanish; 0: off.
    unused_entries : bool
        A fee or discount that holds in the month must be had by somebody.
    everybody_percent : float or None
        The share of a currency's customers that an entry may suddenly have: above that, and more than twice last
        month's share.
    everybody_customers : int
        Fewer customers than that are not everybody, whatever their share.
    parked_percent : float or None
        The share of all customers that may be parked.
    gone_percent, new_percent : float or None
        Customers gone, and new ones, as a share of those billed last month.
    differ_percent : float or None
        How far the invoices of a close may differ from the approved ones, as a share of each currency's approved total.
    differ_minor : mapping
        The same as an amount, by currency, and `default`, in minor units.
    """

    total_percent: float | None = None
    invoice_minor: Mapping[str, int] = field(default_factory=dict)
    customer_times: float | None = None
    customer_floor_minor: Mapping[str, int] = field(default_factory=dict)
    vanished_customers: int = 0
    unused_entries: bool = False
    everybody_percent: float | None = None
    everybody_customers: int = 10
    parked_percent: float | None = None
    gone_percent: float | None = None
    new_percent: float | None = None
    differ_percent: float | None = None
    differ_minor: Mapping[str, int] = field(default_factory=dict)

    @property
    def judging(self) -> bool:
        """Whether any rule on a comparison is on."""
        return bool(
            self.invoice_minor
            or self.vanished_customers
            or self.unused_entries
            or any(
                limit is not None
                for limit in (
                    self.total_percent,
                    self.customer_times,
                    self.everybody_percent,
                    self.parked_percent,
                    self.gone_percent,
                    self.new_percent,
                )
            )
        )

    def is_above(self, minor: int, currency: str) -> bool:
        """Whether an invoice is larger than the largest that needs no look."""
        most = by_currency(self.invoice_minor, currency)
        return most is not None and minor > most

    def is_unusual(self, minor: int, usual: int, currency: str) -> bool:
        """Whether an invoice is too many times the customer's usual one."""
        if self.customer_times is None:
            return False
        return minor > exact(self.customer_times) * self.usual(usual, currency)

    def usual(self, minor: int, currency: str) -> int:
        """Return what a usual invoice counts as, so that tiny ones are no alarm."""
        return max(minor, by_currency(self.customer_floor_minor, currency) or 0)

    def values(self) -> dict[str, Any]:
        """Write the rules that are not at their default, as in the settings."""
        usual = type(self)()
        chosen = ((entry.name, getattr(self, entry.name)) for entry in fields(self))
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in chosen
            if value != getattr(usual, name)
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Read what `values` wrote."""
        return cls(**values)


OFF = GateRules()
"""All rules off."""


def by_currency(amounts: Mapping[str, int], currency: str) -> int | None:
    """Find an amount by currency, or the one for every other; None if there is neither."""
    return amounts.get(currency, amounts.get("default"))


def exact(number: float) -> Fraction:
    """Read a setting's number as it was written: 0.1 is a tenth."""
    return Fraction(str(number))
