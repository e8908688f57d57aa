"""Credit notes: what is credited of an issued invoice. The invoice itself never changes.

What was open of it is no longer owed, what was given back already is no longer written off, and what was paid becomes
credit of the customer's. So an invoice that was paid and then credited counts as credited, not as collected: money
that the provider gives back later comes out of that credit. Credit that had paid goes back in the opposite order of
its use: the customer's own first, then what was of grants, to the grants with their conditions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.grant import sum_minor, take
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs, used_id
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.invoices.invoice import Booking, DocumentPlace, Invoice
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import Money
from monthclose.domain.phrases import CREDITED

if TYPE_CHECKING:
    from monthclose.domain.accounts.customer import Customer
    from monthclose.domain.invoices.draft_content import Draft
    from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class CreditNote:
    """An issued credit note; never changed. Amounts in minor units, positive.

    Parameters
    ----------
    period : Period
        That of the invoice.
    corrects : str
        The invoice's number.
    total_minor, tax_minor : int
        What it credits, tax included, and the tax in it.
    correction : str
        Identifies what was asked for: asking for the same again makes no second one.
    """

    number: str
    corrects: str
    customer_id: str
    period: Period
    currency: str
    total_minor: int
    tax_minor: int
    issued_on: date
    reason: str
    correction: str
    document: DocumentPlace
    version: int = 0

    @property
    def total(self) -> Money:
        """What it credits."""
        return Money(self.total_minor, self.currency)

    @property
    def entry_id(self) -> str:
        """Id of the ledger entry that books it."""
        return f"credit_note/{self.number}"


class Effect(NamedTuple):
    """What a credit note did for its customer, in minor units; what was written off before is in none of them."""

    less_owed: int
    """Off what was open of its invoice."""
    covered: int
    """Off what was open of other invoices."""
    kept: int
    """Credit for the months to come."""


def effect_of(note: CreditNote, entries: Iterable[Entry]) -> Effect:
    """Read from the ledger what a credit note did when it was booked, whatever has happened since.

    Parameters
    ----------
    entries : iterable of Entry
        All of the customer's, or those of the months with open invoices at least.
    """
    less_owed, covered, granted = 0, 0, 0
    for entry in entries:
        for leg in entry.legs:
            if entry.entry_id == note.entry_id and leg.account is Account.CREDIT:
                granted -= leg.minor
            elif entry.entry_id == note.entry_id and leg.account is Account.RECEIVABLE:
                less_owed -= leg.minor
            elif entry.entry_id == used_id(note.entry_id) and leg.account is Account.RECEIVABLE:
                covered -= leg.minor
    covered = min(covered, granted)  # other credit of theirs may have covered the rest
    return Effect(less_owed, covered, granted - covered)


def left_to_credit(invoice: Invoice, notes: Iterable[CreditNote]) -> Money:
    """What of an invoice has not been credited; nothing of a negative one."""
    return Money(max(invoice.total_minor, 0) - sum(note.total_minor for note in notes), invoice.currency)


def amount_to_credit(invoice: Invoice, notes: tuple[CreditNote, ...], amount: Money | None) -> Money:
    """Check how much is to be credited; None is everything that is left.

    Raises
    ------
    UserMistakeError
        Nothing is left, or less than what was asked for.
    """
    left = left_to_credit(invoice, notes)
    if not left:
        by = f" by {', '.join(note.number for note in notes)}" if notes else ""
        why = f"it has already been credited in full{by}" if notes else "it charges nothing"
        raise UserMistakeError(f"{invoice.number} cannot be credited: {why}")
    if amount is not None and not amount <= left:
        raise UserMistakeError(f"at most {left} of {invoice.number} can be credited, not {amount}")
    return amount or left


def draft_credit_note(
    document: InvoiceDocument, before: Money, amount: Money, reason: str, correction: str, day: date
) -> Draft:
    """Write down everything a credit note will say but its number.

    One for the whole invoice is its exact opposite, line by line; one for a part has a single line. Taxes are credited
    in proportion, so that the credit notes of an invoice add up to its taxes to the minor unit.

    Parameters
    ----------
    document : InvoiceDocument
        The invoice's.
    before : Money
        What earlier credit notes have credited of it.
    """
    whole = amount.minor == document.total_minor
    return replace(
        _opposite(document) if whole else _part(document, before.minor, amount.minor),
        number="",
        kind=DocumentKind.CREDIT_NOTE,
        corrects=document.number,
        issued_on=day,
        due_on=None,
        replaces="",
        seller=replace(document.seller, terms=""),  # they say how to pay
        credits=(),
        notes=(reason,),
        more={"correction": correction, **{name: value for name, value in document.more.items() if name == "served"}},
    ).content()


def _opposite(document: InvoiceDocument) -> InvoiceDocument:
    return replace(
        document,
        lines=tuple(replace(x, quantity=-x.quantity, amount_minor=-x.amount_minor) for x in document.lines),
        discounts=tuple(replace(d, amount_minor=-d.amount_minor) for d in document.discounts),
        taxes=tuple(tax.opposite() for tax in document.taxes),
        total_minor=-document.total_minor,
    )


def _part(document: InvoiceDocument, before: int, minor: int) -> InvoiceDocument:
    """Credit a part: of each tax, and of what is net of each rate, its share."""

    def share(of: int) -> int:
        return _up_to(before + minor, of, document) - _up_to(before, of, document)

    currency, treatments = document.currency, document.treatments
    amounts = [share(tax.amount.minor) for tax in document.taxes]
    nets = [share(treatment.net_minor) for treatment in treatments]
    largest = max(range(len(nets)), key=lambda place: abs(treatments[place].net_minor))
    nets[largest] += minor - sum(amounts) - sum(nets)
    taxes = []
    for tax, amount in zip(document.taxes, amounts, strict=True):
        net, whole = 0, 0
        for treatment, part in zip(treatments, nets, strict=True):
            if tax in treatment.taxes:
                net, whole = net + part, whole + treatment.net_minor
        base = net + share(tax.base.minor - whole)  # and the taxes that it is on top of
        taxes.append(replace(tax, base=Money(-base, currency), amount=Money(-amount, currency)))
    parts = [(treatment.classes[0], net) for treatment, net in zip(treatments, nets, strict=True)]
    lines = [_credited(document, Money(net, currency), tax_class) for tax_class, net in parts if net or len(parts) == 1]
    return replace(
        document,
        lines=tuple(lines),
        discounts=(),
        taxes=tuple(taxes),
        prices_include_tax=False,
        total_minor=-minor,
    )


def _up_to(credited: int, of: int, document: InvoiceDocument) -> int:
    """What of an amount is credited when so much of the document is: half away from zero, as taxes are rounded."""
    rounded = (2 * abs(of) * credited + document.total_minor) // (2 * document.total_minor)
    return rounded if of >= 0 else -rounded


def _credited(document: InvoiceDocument, net: Money, tax_class: str) -> DocumentLine:
    text = CREDITED.format(number=document.number)
    return DocumentLine("", text, Decimal(-1), -net.minor, unit_price=net.major, tax_class=tax_class)


def number_credit_note(draft: Draft, number: int, key: str) -> tuple[CreditNote, bytes]:
    """Give a draft its number, and write its document: the same draft and number give the same bytes and hash.

    Parameters
    ----------
    key : str
        Where the document will be stored.
    """
    document = InvoiceDocument.of({**draft, "number": Series.CREDIT_NOTES.numbered(number)})
    content = document.canonical()
    place = DocumentPlace(key, 0, len(content), hashlib.sha256(content).hexdigest())
    note = CreditNote(
        number=document.number,
        corrects=document.corrects,
        customer_id=document.customer.customer_id,
        period=document.period,
        currency=document.currency,
        total_minor=-document.total_minor,
        tax_minor=-document.tax_minor,
        issued_on=document.issued_on,
        reason=document.notes[0],
        correction=str(document.more["correction"]),
        document=place,
    )
    return note, content


def book_credit_note(note: CreditNote, invoice: Invoice, customer: Customer, earlier: Iterable[CreditNote]) -> Booking:
    """Book a credit note: on what is open first, then on what was written off; the rest becomes credit.

    Parameters
    ----------
    earlier : iterable of CreditNote
        Those on the same invoice that are booked.

    Raises
    ------
    UserMistakeError
        Credit cannot be added to the account, which is in another currency now.
    """
    from_open, from_written_off, to_credit = _destinations(note, invoice)
    from_collected = min(to_credit, invoice.collected_minor)  # what earlier credit has paid is credited already
    if to_credit and customer.in_use and customer.currency != invoice.currency:
        raise UserMistakeError(
            f"invoice {invoice.number} is in {invoice.currency}, the account of customer {customer.customer_id} is in "
            f"{customer.currency} now: settle that account first"
        )
    from_grants = max(to_credit - from_collected - _own_credit(invoice, earlier), 0)
    kept, given_back = take(reversed(invoice.grants_used), from_grants)
    corrected = replace(
        invoice,
        grants_used=kept,
        collected_minor=invoice.collected_minor - from_collected,
        credited_minor=invoice.credited_minor + from_open + from_written_off + from_collected,
        written_off_minor=invoice.written_off_minor - from_written_off,
    )
    # A grant was used in time: if it has expired since, the correction must not cost the customer its worth.
    still_good = tuple(part for part in given_back if part.grant.is_good_on(note.issued_on))
    after = replace(
        credit.add(customer, to_credit, still_good),
        account_currency=invoice.currency if to_credit else customer.account_currency,
        receivable_minor=customer.receivable_minor - from_open,
    )
    legs = {
        Account.REVENUE: note.total_minor - note.tax_minor,
        Account.TAX: note.tax_minor,
        Account.RECEIVABLE: -from_open,
        Account.WRITE_OFF: -from_written_off,
        Account.CREDIT: -to_credit,
    }
    return corrected, after, entry_legs(legs)


def _destinations(note: CreditNote, invoice: Invoice) -> tuple[int, int, int]:
    """Say what of a note is no longer owed, what is no longer written off, and what becomes credit."""
    from_open = min(note.total_minor, invoice.open.minor)
    from_written_off = min(note.total_minor - from_open, invoice.written_off_minor)
    return from_open, from_written_off, note.total_minor - from_open - from_written_off


def _own_credit(invoice: Invoice, notes: Iterable[CreditNote]) -> int:
    """What of an invoice is still paid with credit of the customer's own: all that neither money nor a grant paid."""
    not_credit = invoice.open.minor + invoice.written_off_minor + invoice.collected_minor
    return max(left_to_credit(invoice, notes).minor - not_credit - sum_minor(invoice.grants_used), 0)
