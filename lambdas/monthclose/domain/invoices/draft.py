"""Drafts: everything that an invoice will say except its number, fixed before it gets one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Grant, GrantKind, sum_minor
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Buyer, Deduction, DocumentLine, Seller
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.invoices.payable import payable_by_sku
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import check_minor
from monthclose.domain.period import Period, day_in_words
from monthclose.domain.phrases import GRANTED, OWN_CREDIT
from monthclose.domain.pricing import InvoiceLine
from monthclose.domain.pricing.line import LineContent
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Taxation

_CREDIT_IN_WORDS = {
    GrantKind.PROMOTIONAL: "Promotional credit",
    GrantKind.GOODWILL: "Goodwill credit",
    GrantKind.PAID: "Prepaid credit",
}


def draft_invoice(
    customer: Customer,
    period: Period,
    lines: Iterable[InvoiceLine | LineContent],
    taxation: Taxation,
    issued_on: date,
    seller: Seller,
    *,
    due_on: date | None = None,
    more: Mapping[str, object] | None = None,
) -> Draft:
    """Write everything that an invoice will say except its number, so that what gets the number is fixed before.

    Its credit is what the account had when it was written. `issue` uses what the account has then: the two differ if
    somebody changes the account in between, and the document stays true to its day.

    Parameters
    ----------
    lines : iterable of InvoiceLine or LineContent
        As priced, or as another document has them.
    more : mapping or None
        What it was made from (see `use_cases.invoices.draft_customer`).

    Raises
    ------
    AmountTooLargeError
        It has an amount that the books cannot hold.
    """
    currency = customer.profile.currency
    content = [line.content(period) if isinstance(line, InvoiceLine) else line for line in lines]
    untaxed = InvoiceDocument(
        number="",
        period=period,
        issued_on=issued_on,
        currency=currency,
        seller=seller,
        customer=Buyer.of(customer),
        lines=tuple(DocumentLine.of(line) for line in content),
        total_minor=sum(line["amount_minor"] for line in content),
        due_on=due_on,
        more=more or {},
    )
    sums = taxed(untaxed.items, taxation, currency)
    document = untaxed.with_taxes(sums, inclusive=taxation.inclusive)
    _check_amounts(document)
    return replace(document, credits=_credits(document, customer)).content()


def dated(draft: Draft, customer: Customer, day: date, payment_days: int) -> Draft:
    """Return a draft as it is issued on a day: what the account's credit covers is that of then, all else stays."""
    document = replace(InvoiceDocument.of(draft), issued_on=day, due_on=day + timedelta(days=payment_days), credits=())
    return replace(document, credits=_credits(document, customer)).content()


def _check_amounts(document: InvoiceDocument) -> None:
    for line in document.lines:
        check_minor(line.amount_minor, document.currency, f"the line for {line.sku or line.description!r}")
    for tax in document.taxes:
        check_minor(tax.amount.minor, document.currency, f"the tax {tax.rate.name!r}")
    for minor in (document.subtotal_minor, document.total_minor):
        check_minor(minor, document.currency, "the total")


def _credits(document: InvoiceDocument, customer: Customer) -> tuple[Deduction, ...]:
    """Say how much of the total the customer's credit covers."""
    if customer.currency != document.currency or document.total_minor <= 0:
        return ()
    payable = payable_by_sku(document) if customer.has_bound_credit else None
    _, used, parts = credit.use(customer, document.total_minor, document.period, payable)
    own = used - sum_minor(parts)
    granted = [Deduction(_described(part.grant), -part.minor) for part in parts]
    return (*granted, *((Deduction(OWN_CREDIT.format(day=day_in_words(document.issued_on)), -own),) if own else ()))


def _described(grant: Grant) -> str:
    valid_until, granted_on = GRANTED[_CREDIT_IN_WORDS[grant.kind]]
    if last := grant.last_day:
        return valid_until.format(day=day_in_words(last))
    return granted_on.format(day=day_in_words(grant.granted_at))


def number_drafts(drafts: Iterable[Draft], first: int, key: str) -> tuple[list[Invoice], bytes]:
    """Number drafts one after the other, and write their documents.

    Returns
    -------
    tuple
        The invoices, each with its place in the object `key`, and that object's content: one canonical JSON
        document a line, so that the same drafts give the same bytes and hashes.
    """
    invoices, content = [], bytearray()
    for number, content_of_one in enumerate(drafts, start=first):
        name = Series.INVOICES.numbered(number)
        document = json.dumps(
            {"number": name, **content_of_one}, sort_keys=True, ensure_ascii=False, separators=(",", ":")
        ).encode()
        invoices.append(
            Invoice(
                number=name,
                customer_id=content_of_one["customer"]["customer_id"],
                period=Period.parse(content_of_one["period"]),
                currency=content_of_one["currency"],
                total_minor=content_of_one["total_minor"],
                tax_minor=sum(tax["amount_minor"] for tax in content_of_one.get("taxes", ())),
                issued_on=date.fromisoformat(content_of_one["issued_on"]),
                document=DocumentPlace(key, len(content), len(document), hashlib.sha256(document).hexdigest()),
                replaces=content_of_one.get("replaces", ""),
            )
        )
        content += document + b"\n"
    return invoices, bytes(content)
