"""Where a close's invoices differ from the approved drafts, customer by customer, summed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monthclose.domain.money import Money
from monthclose.domain.rehearsals.billed import Billed, EntryKind, Outcome
from monthclose.domain.rehearsals.finding import Figures, GateFinding, named, percent
from monthclose.domain.rehearsals.group import Group, Groups, groups_json, read_groups, sum_up, together
from monthclose.domain.rehearsals.settings import GateRules, by_currency, exact
from monthclose.domain.words import count

_WHY_IN_WORDS: Mapping[str, str] = {
    EntryKind.SKU: "usage or prices",
    EntryKind.FEE: "fees",
    EntryKind.DISCOUNT: "discounts",
    EntryKind.COMMITMENT: "commitments",
    EntryKind.OVERAGE: "overage",
    EntryKind.MAXIMUM: "maximums",
    EntryKind.TAX: "taxes",
    EntryKind.ADJUSTMENT: "late usage of earlier months",
    EntryKind.CARRIED: "amounts carried over",
    EntryKind.CREDIT: "credit",
    "billed_now": "not approved, billed now",
    "not_billed_now": "approved, not billed now",
    "parked_now": "approved, parked now",
    "currency": "another currency",
    "outcome": "invoiced or carried over, other than approved",
}
"""Why a customer's invoice is another than the approved one, the first that applies."""


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs from what was approved. A monoid, like `Comparison`; its groups' `last_minor` is what was approved.

    Parameters
    ----------
    customers : int
        All that were compared.
    groups : mapping
        Those whose invoice is another, by reason (a key of `_WHY_IN_WORDS`) and currency.
    approved_minor : mapping
        The approved total by currency, of all that were compared.
    moved_minor : mapping
        By currency, the sum of the differences without their signs: two that cancel out are two.
    """

    customers: int = 0
    groups: Groups = field(default_factory=dict)
    approved_minor: Mapping[str, int] = field(default_factory=dict)
    moved_minor: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Differences) -> Differences:
        return Differences(
            self.customers + other.customers,
            together(self.groups, other.groups),
            _plus(self.approved_minor, other.approved_minor),
            _plus(self.moved_minor, other.moved_minor),
        )

    @property
    def different(self) -> int:
        """Count the customers whose invoice is another; one whose currency is another counts once."""
        return sum(_once(name, by) for name, by in self.groups.items())

    def in_currency(self, currency: str) -> Group:
        """Sum up the differences in a currency; the names are those of the largest."""
        return sum_up(by.get(currency, Group()) for by in self.groups.values())

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies in which something differs."""
        return tuple(sorted({code for by in self.groups.values() for code in by}))

    def lines(self) -> tuple[str, ...]:
        """Say it in words: one line for each reason and currency, the largest sum first."""
        found = [(reason, code, group) for reason, by in self.groups.items() for code, group in by.items()]
        found.sort(key=lambda one: (one[1], -abs(one[2].difference_minor), one[0]))
        return tuple(
            f"{why_in_words(reason)}: {count(group.customers, 'customer')}, "
            f"{Money(group.difference_minor, code)}: {approved_names(group, code)}"
            for reason, code, group in found
        )

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON."""
        return {
            "customers": self.customers,
            "groups": groups_json(self.groups),
            "approved_minor": dict(self.approved_minor),
            "moved_minor": dict(self.moved_minor),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Differences:
        """Read what `to_json` wrote."""
        return cls(**{**values, "groups": read_groups(values["groups"])})


NO_DIFFERENCES = Differences()
"""What sums begin with."""


def differences(approved: Billed | None, now: Billed | None) -> Differences:
    """Compare what a close bills one customer with the approved draft.

    Parameters
    ----------
    approved, now : Billed or None
        None: not a customer of that snapshot.
    """
    one = now or approved
    if one is None:
        return NO_DIFFERENCES
    was = approved.total_minor if approved else 0
    approved_minor = {approved.currency: was} if approved and was else {}
    reason = _reason(approved, now)
    if not reason:
        return Differences(1, {}, approved_minor)
    there = [month for month in (approved, now) if month and month.there]
    groups = {
        code: Group.of(one.customer_id, _minor(now, code), _minor(approved, code))
        for code in sorted({month.currency for month in there})
    }
    moved = {code: abs(group.difference_minor) for code, group in groups.items() if group.difference_minor}
    return Differences(1, {reason: groups}, approved_minor, moved)


def judge_differences(found: Differences, rules: GateRules) -> tuple[GateFinding, ...]:
    """Say where a close differs from what was approved by more than the rules allow."""
    findings = []
    for currency in found.currencies:
        moved, approved = found.moved_minor.get(currency, 0), found.approved_minor.get(currency, 0)
        group, most = found.in_currency(currency), by_currency(rules.differ_minor, currency)
        figures: Figures = {
            "currency": currency,
            "customers": group.customers,
            "moved_minor": moved,
            "approved_minor": approved,
        }
        share = f", {percent(moved, approved)} of the approved {Money(approved, currency)}" if approved else ""
        text = (
            f"{count(group.customers, 'invoice')} in {currency} {'is' if group.customers == 1 else 'are'} not as "
            f"approved, by {Money(moved, currency)} in all{share}: {approved_names(group, currency)}"
        )
        if rules.differ_percent is not None and 100 * moved > exact(rules.differ_percent) * approved:
            findings.append(GateFinding(f"differ_percent:{currency}", "differ_percent", text, figures, group.top))
        elif most is not None and moved > most:
            findings.append(GateFinding(f"differ_minor:{currency}", "differ_minor", text, figures, group.top))
    return tuple(findings)


def why_in_words(reason: str) -> str:
    """Say a reason in words."""
    return _WHY_IN_WORDS.get(reason, reason)


def approved_names(group: Group, currency: str) -> str:
    """Name the first customers of a group, with what was approved."""
    return named(group, currency, before="approved")


def _minor(month: Billed | None, currency: str) -> int:
    return month.total_minor if month and month.currency == currency else 0


def _reason(approved: Billed | None, now: Billed | None) -> str:
    """Say why two months are not the same; empty if they are."""
    was, is_now = bool(approved and approved.there), bool(now and now.there)
    if approved is None or now is None or was != is_now:
        if was == is_now:
            return ""
        if is_now:
            return "billed_now"
        return "parked_now" if now and now.outcome is Outcome.PARKED else "not_billed_now"
    if approved.currency != now.currency:
        return "currency"
    return _first_difference(approved, now)


def _first_difference(approved: Billed, now: Billed) -> str:
    kinds = {
        key.partition(":")[0]
        for key in {*approved.entries, *now.entries}
        if approved.entries.get(key) != now.entries.get(key)
    }
    other = "" if (approved.outcome, approved.total_minor) == (now.outcome, now.total_minor) else "outcome"
    return next((kind for kind in _WHY_IN_WORDS if kind in kinds), other)


def _once(reason: str, by: Mapping[str, Group]) -> int:
    counts = [group.customers for group in by.values()]
    return sum(counts) // 2 if reason == "currency" else sum(counts)


def _plus(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted({*a, *b})}
