"""Adjustments: what an earlier month costs with the usage that came late, less what was billed for it.

The month is priced again as a whole, by the price book that it was billed with: so tiers, caps and allowances count
the late usage as if it had come in time, and whatever way an event came late or was replaced, the customer has in the
end paid for the month what it costs, once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.phrases import ADJUSTED, CARRIED_AMOUNT, IN_ADVANCE
from monthclose.domain.pricing.explanation import MEASURING, Explanation
from monthclose.domain.pricing.line import BilledDocument, InvoiceLine, LineContent, LineKind

type _Key = tuple[str, ...]


@dataclass(slots=True)
class Billed:
    """What was billed for one line of a month, by all invoices since."""

    template: LineContent
    amount_minor: int = 0
    quantity: Decimal = Decimal(0)
    invoices: list[str] = field(default_factory=list)


def billed_for(period: Period, documents: Iterable[BilledDocument]) -> dict[_Key, Billed]:
    """Sum up what invoices' documents say of a month, line by line."""
    found: dict[_Key, Billed] = {}
    for document in documents:
        for line in document["lines"]:
            if line.get("period", document["period"]) != str(period) or line.get("kind") == LineKind.CARRIED:
                continue
            billed = found.setdefault(line_key(line), Billed(line))
            billed.amount_minor += line["amount_minor"]
            billed.quantity += Decimal(line["quantity"])
            billed.invoices.append(document.get("number") or CARRIED_AMOUNT.format(period=document["period"]))
    return found


def adjustments(
    priced_again: Iterable[InvoiceLine], billed: Mapping[_Key, Billed], period: Period, currency: str
) -> list[InvoiceLine]:
    """Make a line for each difference."""
    lines: dict[_Key, InvoiceLine] = {}
    for line in priced_again:
        key = line_key(line.content(period))
        lines[key] = _together(lines[key], line) if key in lines else line
    found = []
    for key in sorted(lines.keys() | billed.keys()):
        again, before = lines.get(key), billed.get(key)
        if (again.amount.minor if again else 0) != (before.amount_minor if before else 0):
            like = again or line_of(billed[key].template, currency)
            found.append(_difference(like, again, before, period))
    return found


def line_key(line: LineContent) -> _Key:
    """Say what a line is of: lines of the same are compared with each other."""
    cell = (text for said in sorted(line.get("attributes", {}).items()) for text in said)
    of_price = (line["model"], line["sku"], line.get("resource", ""), line["unit_price"] or "", line.get("from", ""))
    return (*of_price, line.get("tax_class", ""), *cell)


def _together(one: InvoiceLine, other: InvoiceLine) -> InvoiceLine:
    return replace(one, quantity=one.quantity + other.quantity, amount=one.amount + other.amount)


def _difference(like: InvoiceLine, again: InvoiceLine | None, before: Billed | None, period: Period) -> InvoiceLine:
    explanation, currency = Explanation(), like.amount.currency
    quantity = again.quantity if again else Decimal(0)
    measured = [step for step in again.steps if step["kind"] in MEASURING] if again else []
    explanation.add("priced_again", value=again.amount.major if again else 0, period=str(period))
    if before:
        quantity -= before.quantity
        numbers = ", ".join(dict.fromkeys(before.invoices))
        explanation.add("billed", value=Money(before.amount_minor, currency).major, invoice=numbers)
    return replace(
        like,
        description=ADJUSTED.format(description=like.description, period=period),
        quantity=quantity,
        amount=explanation.rounded(currency),
        kind=LineKind.ADJUSTMENT,
        period=period,
        steps=(*measured, *explanation.steps),
    )


def line_of(content: LineContent, currency: str) -> InvoiceLine:
    """Make a line like a stored one, for nothing: what is given back is of the same as what was billed."""
    price, starts, ends = content["unit_price"], content.get("from"), content.get("until")
    return InvoiceLine(
        sku=content["sku"],
        description=_own_description(content),
        unit=content["unit"],
        quantity=Decimal(0),
        unit_price=None if price is None else Decimal(price),
        amount=Money(0, currency),
        model=content["model"],
        resource=content.get("resource", ""),
        starts=datetime.fromisoformat(starts) if starts else None,
        ends=datetime.fromisoformat(ends) if ends else None,
        attributes=tuple(sorted(content.get("attributes", {}).items())),
        tax_class=content.get("tax_class", ""),
    )


def _own_description(content: LineContent) -> str:
    """Say what a line is of, whether it was billed in advance or as an adjustment."""
    description, period = content["description"], content.get("period", "")
    for phrase in (ADJUSTED, IN_ADVANCE):
        description = description.removesuffix(phrase.format(description="", period=period))
    return description
