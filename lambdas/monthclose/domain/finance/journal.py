"""The journal of a month for the general ledger: what is posted in it, as pairs of a debit and a credit.

Each entry of the ledger is taken apart into pairs, exactly: a pair debits one account and credits another with the same
amount, so any sum of pairs balances by its form. They are added up by day, kind and accounts: a million customers make
a journal of some hundred lines, and each entry behind them is a row of the pack's `journal` table.

An account is named by what our ledger says, and more: `clearing/stripe`, `revenue/DE/19`, `tax/CA-QC/QST/9.975`,
`revenue/FR/reverse_charge`. The settings map these names to the company's own accounts (`chart`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.accounts.posting import EntryKind, kind_of, posting_day
from monthclose.domain.finance.customer import CustomerBooks, open_invoice
from monthclose.domain.finance.sums import SumTable
from monthclose.domain.finance.taxes import CATEGORY_IN_WORDS, document_taxes, jurisdiction
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.money import EXACT
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.domain.register.tables import Row
from monthclose.domain.tax.tax import TaxLine

UNKNOWN = "unknown"
"""Part of the name of an account whose document cannot be read."""
UNTAXED = "untaxed"
_OF_PAYMENTS = frozenset({EntryKind.PAYMENT, EntryKind.REFUND, EntryKind.REVERSAL, EntryKind.CREDIT_USED})
"""Kinds whose entries' ids have the number of the payment: `refund/1/7`."""


class Posting(NamedTuple):
    """What is posted on a day with one pair of accounts; minor units, never negative."""

    day: str
    kind: str
    currency: str
    debit: str
    credit: str
    minor: int
    entries: int


JOURNAL = SumTable("journal", Posting, 5)


class Side(NamedTuple):
    """A leg on a named account; debit positive."""

    account: str
    minor: int


def postings(books: CustomerBooks, period: Period, at: datetime) -> Iterator[Posting]:
    """List what is posted for a customer in a month, of what was booked until a time."""
    for entry, sides in _entries(books, period, at):
        for debit, credit, minor in pairs(sides):
            yield Posting(
                posting_day(entry).isoformat(), kind_of(entry), entry.currency, debit, credit, minor, entries=1
            )


def journal_rows(books: CustomerBooks, period: Period, at: datetime) -> Iterator[Row]:
    """Make the rows of a customer's journal: one for each account of each entry."""
    for entry, sides in _entries(books, period, at):
        for side in sides:
            yield {
                "posting_date": posting_day(entry).isoformat(),
                "kind": kind_of(entry).value,
                "entry_id": entry.entry_id,
                "period": str(entry.period),
                "number": _document_of(books.months[entry.period], entry) or None,
                "customer_id": books.customer_id,
                "name": books.name,
                "account": side.account,
                "currency": entry.currency,
                "debit_minor": max(side.minor, 0),
                "credit_minor": max(-side.minor, 0),
                "memo": entry.memo or None,
            }


def _entries(books: CustomerBooks, period: Period, at: datetime) -> Iterator[tuple[Entry, list[Side]]]:
    for entry in books.posted_in(period, at):
        yield entry, sides_of(entry, books.months[entry.period], books.documents)


def sides_of(entry: Entry, month: CustomerMonth, documents: Mapping[str, InvoiceDocument]) -> list[Side]:
    """Name the accounts of an entry's legs; tax has one for each rate."""
    document = documents.get(_document_of(month, entry))
    sides: list[Side] = []
    for leg in entry.legs:
        match leg.account:
            case Account.TAX:
                sides += _tax_sides(document, leg.minor)
            case Account.REVENUE:
                sides += _revenue_sides(document, leg.minor)
            case Account.CLEARING:
                sides.append(Side(f"{leg.account}/{_provider(entry, month)}", leg.minor))
            case _:
                sides.append(Side(leg.account, leg.minor))
    return sides


def _document_of(month: CustomerMonth, entry: Entry) -> str:
    """Name the document that an entry books, or else the invoice that it is about."""
    kind = kind_of(entry)
    if kind is EntryKind.CREDIT_NOTE:
        return entry.entry_id.partition("/")[2]
    if kind is EntryKind.INVOICE:
        return next((i.number for i in month.invoices if i.entry_id == entry.entry_id), "")
    invoice = open_invoice(month, entry.time) if kind not in (EntryKind.RECEIVED, EntryKind.GRANTED) else None
    return invoice.number if invoice else ""


def _revenue_sides(document: InvoiceDocument | None, minor: int) -> list[Side]:
    """Share the leg among what is taxed alike, as the document says."""
    if document is None:
        return [Side(f"{Account.REVENUE}/{UNKNOWN}", minor)]
    place = jurisdiction(document.customer.country, document.customer.region) or UNKNOWN
    treatments = document.treatments
    if len(treatments) < 2:
        return [Side(f"{Account.REVENUE}/{place}/{_rate(document.taxes)}", minor)]
    # A credit is negative: that of an invoice is its revenue, that of a credit note a debit.
    shares = Counter[str]()
    for treatment in treatments:
        shares[f"{Account.REVENUE}/{place}/{_rate(treatment.taxes)}"] -= treatment.net_minor
    sides = [Side(account, share) for account, share in shares.items() if share]
    rest = minor - sum(side.minor for side in sides)
    return [*sides, Side(f"{Account.REVENUE}/{UNKNOWN}", rest)] if rest else sides


def _rate(taxes: Sequence[TaxLine]) -> str:
    """Name what revenue is taxed with: its rates together, or else why there are none."""
    percent = sum((tax.rate.percent for tax in taxes), Decimal(0))
    untaxed = CATEGORY_IN_WORDS[taxes[0].rate.category] if taxes else UNTAXED
    return f"{percent.normalize(EXACT):f}" if percent else untaxed


def _tax_sides(document: InvoiceDocument | None, minor: int) -> list[Side]:
    """Share the leg among the rates, as the document says; what it does not say stays on an account of its own."""
    sides = []
    for tax in document_taxes(document) if document else ():
        # A credit is negative: that of an invoice is its tax, that of a credit note, which has negative taxes, a debit.
        if tax.tax_minor:
            name = tax.name.replace("/", "-")
            sides.append(Side(f"{Account.TAX}/{tax.jurisdiction or UNKNOWN}/{name}/{tax.percent}", -tax.tax_minor))
    rest = minor - sum(side.minor for side in sides)
    return [*sides, Side(f"{Account.TAX}/{UNKNOWN}", rest)] if rest else sides


def _provider(entry: Entry, month: CustomerMonth) -> str:
    payment = payment_of(entry, month)
    return payment.provider if payment else UNKNOWN


def payment_of(entry: Entry, month: CustomerMonth) -> Payment | None:
    """Find the payment that an entry books an outcome of."""
    sequence = entry.entry_id.split("/")[1:2] if kind_of(entry) in _OF_PAYMENTS else []
    return month.payment_of(int(sequence[0])) if sequence and sequence[0].isdecimal() else None


def pairs(sides: Iterable[Side]) -> Iterator[tuple[str, str, int]]:
    """Take a balanced set of sides apart into debits and credits of the same amount, in their order.

    Yields
    ------
    tuple
        The account that is debited, the one that is credited, and the amount in minor units, above zero.
    """
    legs = list(sides)
    debits = deque(side for side in legs if side.minor > 0)
    credited = deque(side for side in legs if side.minor < 0)
    while debits:
        debit, credit = debits.popleft(), credited.popleft()
        minor = min(debit.minor, -credit.minor)
        yield debit.account, credit.account, minor
        if debit.minor > minor:
            debits.appendleft(Side(debit.account, debit.minor - minor))
        if -credit.minor > minor:
            credited.appendleft(Side(credit.account, credit.minor + minor))
