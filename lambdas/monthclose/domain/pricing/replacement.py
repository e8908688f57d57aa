"""Lines of an invoice that takes another's place, beside what its own month costs now."""

from collections.abc import Iterable
from typing import cast

from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.phrases import BILLED_BEFORE
from monthclose.domain.pricing.adjustment import billed_for
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import BilledDocument, LineContent, LineKind


def kept_lines(document: BilledDocument) -> list[LineContent]:
    """Take what a replaced invoice had taken up besides its own month, as it was.

    Those are the adjustments of earlier months, and what they had carried over: they are settled with that invoice.
    """
    own = document["period"]
    return [
        line for line in document["lines"] if line.get("period", own) != own or line.get("kind") == LineKind.CARRIED
    ]


def billed_since(period: Period, later: Iterable[BilledDocument], currency: str) -> list[LineContent]:
    """Take off what later invoices have billed for a month already, line by line.

    The month is priced with all usage that is known now, and they have billed what of it came late.
    """
    return [
        _taken_off(billed.template, billed.amount_minor, plain(-billed.quantity), billed.invoices, currency)
        for billed in billed_for(period, later).values()
        if billed.amount_minor
    ]


def _taken_off(template: LineContent, minor: int, quantity: str, invoices: list[str], currency: str) -> LineContent:
    explanation, numbers = Explanation(), ", ".join(dict.fromkeys(invoices))
    explanation.add("billed", value=Money(minor, currency).major, invoice=numbers)
    line = cast("LineContent", {name: value for name, value in template.items() if name != "period"})
    return {
        **line,
        "description": BILLED_BEFORE.format(description=template["description"], numbers=numbers),
        "quantity": quantity,
        "amount_minor": -minor,
        "kind": LineKind.BILLED.value,
        "steps": [dict(step) for step in explanation.steps],
    }
