"""The comparison as a file of one row per customer: everybody whom a comparison only counts is named there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monthclose.domain.money import EXPONENT_BY_CURRENCY
from monthclose.domain.rehearsals.billed import Billed, Outcome

type Pair = tuple[Billed | None, Billed | None]
"""A customer's month now and last; not both are None."""

COLUMNS = (
    "customer_id",
    "currency",
    "now_minor",
    "last_minor",
    "difference_minor",
    "outcome",
    "last_outcome",
    "reason",
    "detail",
    "changes",
    "exponent",
)
"""Amounts are in minor units of the row's currency, which has so many decimals: `exponent`. `outcome` is empty for who
is not a customer of the period; `changes` lists the entries that differ, like `fee:support 0 to 1000`."""


def rows(pairs: Iterable[Pair]) -> Iterator[list[str | int]]:
    """Write a row for each customer; two, where the currency is another than last month's."""
    for now, last in pairs:
        both = [one for one in (now, last) if one is not None]
        currencies = dict.fromkeys(one.currency for one in both if one.currency) or {"": None}
        for currency in currencies:
            yield _row(both[0].customer_id, currency, now, last)


def _row(customer_id: str, currency: str, now: Billed | None, last: Billed | None) -> list[str | int]:
    here = now if now and now.currency == currency else None
    there = last if last and last.currency == currency else None
    now_minor, last_minor = (one.total_minor if one else 0 for one in (here, there))
    parked = now if now and now.outcome is Outcome.PARKED else None
    return [
        customer_id,
        currency,
        now_minor,
        last_minor,
        now_minor - last_minor,
        now.outcome.value if now else "",
        last.outcome.value if last else "",
        parked.reason if parked else "",
        parked.detail if parked else "",
        "; ".join(_changes(here, there)),
        EXPONENT_BY_CURRENCY.get(currency, ""),
    ]


def _changes(now: Billed | None, last: Billed | None) -> Iterator[str]:
    is_now, was = now.entries if now else {}, last.entries if last else {}
    for key in sorted({*is_now, *was}):
        if is_now.get(key, 0) != was.get(key, 0):
            yield f"{key} {was.get(key, 0)} to {is_now.get(key, 0)}"
