"""A period's drafts compared with the period before: per customer and entry, and in total.

A comparison is a monoid. Every batch makes its own, and they are added up in any order; its size is bounded by the
number of currencies and price-book entries, not by the number of customers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monthclose.domain.rehearsals.adding import add_up
from monthclose.domain.rehearsals.billed import Billed, Outcome
from monthclose.domain.rehearsals.entries import NO_ENTRIES, NO_USE, Entries, EntryUse
from monthclose.domain.rehearsals.group import Group, Groups, groups_json, read_groups, sum_up, together
from monthclose.domain.rehearsals.rows import Pair
from monthclose.domain.rehearsals.settings import OFF, GateRules

UP, DOWN, SAME, NEW, GONE, UNPARKED = "up", "down", "same", "new", "gone", "unparked"
TO_CURRENCY, FROM_CURRENCY = "to_currency", "from_currency"
"""Customers whose currency is another than last month: once in each of the two currencies."""
PARKED = "parked:"
"""Before the reason, in the names of the groups of parked customers."""
THERE_NOW = (UP, DOWN, SAME, NEW, UNPARKED, TO_CURRENCY)
THERE_LAST = (UP, DOWN, SAME, GONE, FROM_CURRENCY)
"""The groups of customers who are billed now, and who were last month; of the latter, some may be parked now."""
ABOVE, TIMES = "above", "times"
"""The groups of customers whose invoice is above the amount of a rule, or a multiple of their usual one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a period's customers and drafts differ from the last period's.

    Parameters
    ----------
    now, last : mapping
        Customers by outcome (see `Outcome`).
    parked_last : mapping
        Customers who were parked last month, by reason.
    groups : mapping
        Every customer who is billed or parked now, or was billed last month, in one group; by name and currency. The
        currency of a parked customer is the one they were billed in last month, or empty.
    struck : mapping
        Customers whom a rule is about (`ABOVE`, `TIMES`), by name and currency; they are in `groups`, too.
    entries : mapping
        By currency: how many customers have each entry, now and last month.
    """

    now: Mapping[str, int] = field(default_factory=dict)
    last: Mapping[str, int] = field(default_factory=dict)
    parked_last: Mapping[str, int] = field(default_factory=dict)
    groups: Groups = field(default_factory=dict)
    struck: Groups = field(default_factory=dict)
    entries: Mapping[str, Entries] = field(default_factory=dict)

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            now=_plus(self.now, other.now),
            last=_plus(self.last, other.last),
            parked_last=_plus(self.parked_last, other.parked_last),
            groups=together(self.groups, other.groups),
            struck=together(self.struck, other.struck),
            entries={
                code: self.entries.get(code, NO_ENTRIES) + other.entries.get(code, NO_ENTRIES)
                for code in sorted({*self.entries, *other.entries})
            },
        )

    @property
    def first(self) -> bool:
        """Whether there is no last month to compare with."""
        return not self.last

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies that anything is billed in, now or last month."""
        return tuple(sorted({code for by in self.groups.values() for code in by if code}))

    def group(self, name: str, currency: str) -> Group:
        """Return one group; empty if nobody is in it."""
        return self.groups.get(name, {}).get(currency, Group())

    def use(self, key: str, currency: str) -> EntryUse:
        """Return how many customers have an entry."""
        return self.entries.get(currency, NO_ENTRIES).by_key.get(key, NO_USE)

    def money(self, currency: str) -> Group:
        """Sum up a currency; its customers are those billed or parked now, or billed last month."""
        return sum_up(by.get(currency, Group()) for by in self.groups.values())

    def there_now(self, currency: str) -> int:
        """Count the customers who are billed in a currency now."""
        return sum(self.group(name, currency).customers for name in THERE_NOW)

    def there_last(self, currency: str) -> int:
        """Count the customers who were billed in a currency last month."""
        parked = (by[currency] for name, by in self.groups.items() if name.startswith(PARKED) and currency in by)
        stayed = sum(self.group(name, currency).customers for name in THERE_LAST)
        return stayed + (sum(group.customers for group in parked) if currency else 0)

    def parked(self) -> Iterator[tuple[str, Group]]:
        """Iterate over the reasons why customers are parked; the group's amounts mix currencies, its count does not."""
        for name, by in self.groups.items():
            if name.startswith(PARKED):
                yield name.removeprefix(PARKED), sum_up(by.values())

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON."""
        return {
            "now": dict(self.now),
            "last": dict(self.last),
            "parked_last": dict(self.parked_last),
            "groups": groups_json(self.groups),
            "struck": groups_json(self.struck),
            "entries": {code: entries.to_json() for code, entries in self.entries.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Comparison:
        """Read what `to_json` wrote."""
        return cls(
            now=values["now"],
            last=values["last"],
            parked_last=values["parked_last"],
            groups=read_groups(values["groups"]),
            struck=read_groups(values["struck"]),
            entries={code: Entries.from_json(entries) for code, entries in values["entries"].items()},
        )


NOTHING_COMPARED = Comparison()
"""What sums begin with."""


def compare(now: Billed | None, last: Billed | None, rules: GateRules = OFF) -> Comparison:
    """Compare one customer's month with the one before.

    Parameters
    ----------
    now, last : Billed or None
        None: not a customer of that period's snapshot.
    rules : GateRules
        Whose limits on single invoices decide who is in `Comparison.struck`.
    """
    one = now or last
    if one is None:
        return NOTHING_COMPARED
    return Comparison(
        now={now.outcome.value: 1} if now else {},
        last={last.outcome.value: 1} if last else {},
        parked_last={last.reason: 1} if last and last.outcome is Outcome.PARKED else {},
        groups=_groups(one.customer_id, now, last),
        struck=_struck(now, last, rules) if now and now.outcome is Outcome.INVOICED else {},
        entries=_entries(now, last),
    )


def compare_all(pairs: Iterable[Pair], rules: GateRules = OFF) -> Comparison:
    """Compare many customers; in memory that does not depend on how many."""
    return add_up((compare(now, last, rules) for now, last in pairs), NOTHING_COMPARED)


def _groups(customer_id: str, now: Billed | None, last: Billed | None) -> Groups:
    billed_last = last if last and last.there else None
    last_minor = billed_last.total_minor if billed_last else 0
    if now and now.outcome is Outcome.PARKED:
        currency = billed_last.currency if billed_last else ""
        return {PARKED + now.reason: {currency: Group.of(customer_id, 0, last_minor)}}
    if now is None or not now.there:
        return {GONE: {billed_last.currency: Group.of(customer_id, 0, last_minor)}} if billed_last else {}
    if billed_last is None:
        name = UNPARKED if last and last.outcome is Outcome.PARKED else NEW
        return {name: {now.currency: Group.of(customer_id, now.total_minor, 0)}}
    if billed_last.currency != now.currency:
        return {
            TO_CURRENCY: {now.currency: Group.of(customer_id, now.total_minor, 0)},
            FROM_CURRENCY: {billed_last.currency: Group.of(customer_id, 0, last_minor)},
        }
    group = Group.of(customer_id, now.total_minor, last_minor)
    name = UP if group.difference_minor > 0 else DOWN if group.difference_minor else SAME
    return {name: {now.currency: group}}


def _struck(now: Billed, last: Billed | None, rules: GateRules) -> Groups:
    found: dict[str, Mapping[str, Group]] = {}
    currency, minor = now.currency, now.total_minor
    usual = last.total_minor if last and last.there and last.currency == currency else None
    if rules.is_above(minor, currency):
        found[ABOVE] = {currency: Group.of(now.customer_id, minor, usual or 0, rank=minor)}
    if usual is not None and rules.is_unusual(minor, usual, currency):
        per_mille = 1000 * minor // max(usual, 1)
        found[TIMES] = {currency: Group.of(now.customer_id, minor, usual, rank=per_mille)}
    return found


def _entries(now: Billed | None, last: Billed | None) -> dict[str, Entries]:
    found: dict[str, Entries] = {}
    if now and now.there:
        found[now.currency] = _used(now, lambda minor: EntryUse(customers=1, minor=minor))
    if last and last.there:
        before = _used(last, lambda minor: EntryUse(last_customers=1, last_minor=minor))
        found[last.currency] = found.get(last.currency, NO_ENTRIES) + before
    return found


def _used(billed: Billed, use: Callable[[int], EntryUse]) -> Entries:
    return NO_ENTRIES + Entries({key: use(minor) for key, minor in billed.entries.items()})


def _plus(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(a) + Counter(b))
