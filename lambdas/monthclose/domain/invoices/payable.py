"""What credit for named SKUs may pay for: what those SKUs' usage comes to on an invoice, taxes included.

That is their usage and its adjustments, less the discounts and maximums on them; of what is off the whole invoice they
have their part, and so they do of the taxes on their tax class. It is rounded down, so that such credit never pays for
anything else.
"""

from collections import defaultdict
from fractions import Fraction
from math import floor

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Payable
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.pricing.deductions.earlier import MAXIMUM_MODELS
from monthclose.domain.pricing.line import LineKind

_NOT_USAGE = (LineKind.FEE, LineKind.COMMITMENT, LineKind.OVERAGE)


def payable_of(draft: Draft, customer: Customer) -> Payable:
    """Find what each SKU of a draft comes to; nothing if the customer has no credit for named SKUs."""
    return payable_by_sku(InvoiceDocument.of(draft)) if customer.has_bound_credit else {}


def payable_by_sku(document: InvoiceDocument) -> Payable:
    """Find what each SKU comes to, in minor units."""
    rates = _tax_rates(document)
    sums, others, off = defaultdict[str, Fraction](Fraction), Fraction(0), Fraction(0)
    for line in document.lines:
        gross = line.amount_minor * (1 + rates.get(line.tax_class, Fraction(0)))
        if sku := _sku_of(line):
            sums[sku] += gross
        elif _is_off_the_whole(line):
            off += gross
        else:
            others += gross
    off += sum(d.amount_minor * (1 + rates.get(d.tax_class, Fraction(0))) for d in document.discounts)
    whole = sum(sums.values()) + others
    left = max(1 + off / whole, Fraction(0)) if whole > 0 else Fraction(1)
    return {sku: floor(gross * left) for sku, gross in sums.items() if gross > 0}


def _tax_rates(document: InvoiceDocument) -> dict[str, Fraction]:
    """What is added to the lines of each tax class for its taxes, as they came out."""
    nets = defaultdict[str, int](int)
    for item in document.items:
        nets[item.tax_class] += item.amount.minor
    rates = defaultdict[str, Fraction](Fraction)
    for tax in () if document.prices_include_tax else document.taxes:
        on = [name for name in nets if tax.is_on(name)]
        base = sum(nets[name] for name in on)
        for name in on if base else ():
            rates[name] += Fraction(tax.amount.minor, base)
    return rates


def _sku_of(line: DocumentLine) -> str:
    """Say which SKU's usage a line is for, or is taken off; "" if it is for something else."""
    if line.model in MAXIMUM_MODELS:
        return line.sku if MAXIMUM_MODELS[line.model][0] is LineKind.USAGE else ""
    return "" if line.model in _NOT_USAGE else line.sku


def _is_off_the_whole(line: DocumentLine) -> bool:
    return not line.sku and (line.model == LineKind.DISCOUNT or line.model in MAXIMUM_MODELS)
