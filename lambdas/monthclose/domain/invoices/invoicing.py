"""What of a month is invoiced, and what is carried to the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.phrases import CARRIED_OVER, EARLIER_MONTHS
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineContent, LineKind

if TYPE_CHECKING:
    from monthclose.domain.accounts.customer import Customer
    from monthclose.domain.invoices.draft_content import Draft


@dataclass(frozen=True, slots=True)
class InvoicingPolicy:
    """Which amounts are invoiced.

    Parameters
    ----------
    minimum_minor : mapping
        By currency, and `default`, in minor units: a smaller amount is carried to the next month instead.
    zero_invoices : bool
        Whether a month that comes to nothing (all of it free, say) has an invoice. One without usage never has; one
        that bills fees in advance always has, as the next invoice must know.
    """

    minimum_minor: Mapping[str, int] = field(default_factory=dict)
    zero_invoices: bool = False

    def invoices(self, draft: Draft) -> bool:
        """Whether a draft becomes an invoice now."""
        if not draft["total_minor"]:
            return bool(draft["lines"]) and (self.zero_invoices or bool(draft.get("fees_ahead")))
        return not self.carries(draft)

    def carries(self, draft: Draft) -> bool:
        """Whether a draft's amount is too small to be invoiced now, tax apart. What we owe is never too small."""
        minimum = self.minimum_minor.get(draft["currency"], self.minimum_minor.get("default", 0))
        return 0 < carried_minor(draft) < minimum

    def keeps(self, draft: Draft) -> bool:
        """Whether a draft that is not invoiced is kept all the same, for the months after it.

        Those begin with the sizes that it ends with, even if it comes to nothing.
        """
        passes_on = bool(draft.get("sizes") or draft.get("sizes_of"))
        return self.carries(draft) or (passes_on and not self.invoices(draft))


INVOICE_EVERYTHING = InvoicingPolicy()
"""No amount is too small, and what comes to nothing has no invoice."""


def carried_lines(customer: Customer) -> list[InvoiceLine]:
    """Make the lines of what earlier months have carried over: one, or one for each tax class."""
    without_class = customer.carried_minor - sum(customer.carried_by_class.values())
    by_class = {"": without_class, **dict(sorted(customer.carried_by_class.items()))}
    return [_carried_line(Money(minor, customer.currency), name) for name, minor in by_class.items() if minor]


def _carried_line(amount: Money, tax_class: str) -> InvoiceLine:
    explanation = Explanation()
    explanation.add("carried", value=amount.major, period=EARLIER_MONTHS)
    return InvoiceLine(
        sku="",
        description=CARRIED_OVER,
        unit="",
        quantity=Decimal(1),
        unit_price=None,
        amount=amount,
        kind=LineKind.CARRIED,
        model=LineKind.CARRIED.value,
        steps=tuple(explanation.steps),
        tax_class=tax_class,
    )


def carried_minor(draft: Draft) -> int:
    """What a draft that is too small carries over: its lines without tax, which the next invoice adds again."""
    return sum(line["amount_minor"] for line in draft["lines"])


def carrying(account: Customer, draft: Draft) -> Customer:
    """Add to an account what a draft that is too small carries over."""
    return replace(
        account,
        account_currency=draft["currency"],
        carried_minor=account.carried_minor + carried_minor(draft),
        carried_by_class=_plus(account.carried_by_class, draft["lines"], 1),
    )


def account_after(customer: Customer, draft: Draft) -> Customer:
    """Remove from an account what a draft has taken up: what was carried over, and the late usage that it prices.

    A note of late usage that is newer than the draft stays, and so does one of usage that the draft had to leave.
    Months that have counted the draft's month in a term, or began with its sizes, are noted, too.
    """
    covered: Mapping[str, str] = draft.get("late_usage", {})
    noted = {period: since for period, since in customer.late_usage.items() if covered.get(period) != since}
    if draft.get("usage_left"):
        noted.setdefault(draft["period"], draft["usage_until"])
    for period in draft.get("to_price_again", ()):
        noted.setdefault(period, draft["usage_until"])
    # An invoice that replaces another has its lines, and that one took them off.
    taken = [] if draft.get("replaces") else [x for x in draft["lines"] if x.get("kind") == LineKind.CARRIED]
    return replace(
        customer,
        late_usage=noted,
        carried_minor=customer.carried_minor - sum(line["amount_minor"] for line in taken),
        carried_by_class=_plus(customer.carried_by_class, taken, -1),
        sized_in=_sized_in(customer, draft),
        fees_ahead=max(customer.fees_ahead, draft.get("fees_ahead", ""), key=_place),
    )


def _place(period: str) -> tuple[Period, ...]:
    return (Period.parse(period),) if period else ()


def _sized_in(customer: Customer, draft: Draft) -> str:
    """The newest month with sizes that the next one begins with; empty once a month has none and ends with none."""
    own, before = draft["period"], customer.sized_in
    if before and Period.parse(own) < Period.parse(before):
        return before
    return own if own in draft.get("sizes", {}) else ""


def _plus(by_class: Mapping[str, int], lines: Iterable[LineContent], sign: int) -> Mapping[str, int]:
    sums = dict(by_class)
    for line in lines:
        if name := line.get("tax_class"):
            sums[name] = sums.get(name, 0) + sign * line["amount_minor"]
    return {name: minor for name, minor in sums.items() if minor}
