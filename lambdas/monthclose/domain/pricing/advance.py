"""Fees in advance: an invoice bills those of the customer's next period, and settles what the one before it billed.

A period's fee is priced again when the period is invoiced, by what holds then. Whatever has begun, ended or changed in
the meantime is the difference to what was billed in advance, as it is with usage that comes late.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.phrases import IN_ADVANCE
from monthclose.domain.pricing.adjustment import Billed, line_key, line_of
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind

FEE = "fee"
"""The model of a fee's line."""


def in_advance(lines: Iterable[InvoiceLine], period: Period) -> list[InvoiceLine]:
    """Make the lines that bill a period's fees on the invoice before."""
    return [
        replace(line, period=period, description=IN_ADVANCE.format(description=line.description, period=period))
        for line in lines
    ]


def fees_billed(billed: Mapping[tuple[str, ...], Billed]) -> dict[tuple[str, ...], Billed]:
    """Take what was billed as fees."""
    return {key: one for key, one in billed.items() if one.template["model"] == FEE}


def settled(
    lines: Iterable[InvoiceLine], billed: Mapping[tuple[str, ...], Billed], period: Period, currency: str
) -> list[InvoiceLine]:
    """Take off the fees of a period what was billed for them; what was billed for fees that are none now goes back.

    Parameters
    ----------
    lines : iterable of InvoiceLine
        All lines of the period; those that are no fees stay as they are.
    billed : mapping
        What other invoices have billed for its fees: see `adjustment.billed_for`.
    """
    left, found = dict(billed), list[InvoiceLine]()
    for line in lines:
        before = left.pop(line_key(line.content(period)), None) if line.kind is LineKind.FEE else None
        found += [line] if before is None else _differing(line, line.amount, before, period)
    for before in left.values():
        nothing = Money(0, currency)
        found += _differing(replace(line_of(before.template, currency), kind=LineKind.FEE), nothing, before, period)
    return found


def _differing(like: InvoiceLine, due: Money, before: Billed, period: Period) -> list[InvoiceLine]:
    """Make the line of a difference; none if there is none."""
    if due.minor == before.amount_minor:
        return []
    explanation, numbers = Explanation(), ", ".join(dict.fromkeys(before.invoices))
    explanation.add("fee_due", value=due.major, period=str(period))
    explanation.add("billed", value=Money(before.amount_minor, due.currency).major, invoice=numbers)
    quantity, amount = like.quantity - before.quantity, explanation.rounded(due.currency)
    return [replace(like, quantity=quantity, amount=amount, steps=tuple(explanation.steps))]
