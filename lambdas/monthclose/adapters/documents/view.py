"""A document as its page shows it: every text and number formatted, nothing left for the template to decide.

Amounts are written as `1,234.50`, days as `1 November 2026`, in English whatever the customer's language.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any

from monthclose.adapters.documents.legible import clusters
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.money import EXACT, Money
from monthclose.domain.period import day_in_words as day
from monthclose.domain.tax.tax import TaxLine

_SCRIPTS = (
    "Arabic Hebrew Thai Devanagari Armenian Bengali Ethiopic Georgian Gujarati Gurmukhi Kannada Khmer Lao Malayalam "
    "Myanmar Oriya Sinhala Tamil Telugu Symbols"
)
FONTS = ("Noto Sans", "Noto Sans CJK JP", *(f"Noto Sans {script}" for script in _SCRIPTS.split()), "Noto Emoji")
"""In the order in which a letter is looked for; what none of them has is replaced."""
_LETTER_PAPER = frozenset({"US", "CA", "MX"})
_BREAK, _MINUS, _TO = "\u200b", "\u2212", "\u2013"
_PIECE, _NARROW = 18, 14
"""Characters after which a longer word may be broken: in wide columns, and in narrow ones."""
_ROOMY = 24
_FEW_STEPS, _SHORT_TEXT = 12, 600
HEADINGS = {DocumentKind.INVOICE: "Invoice", DocumentKind.CREDIT_NOTE: "Credit note"}
_WORDS = {
    "bill_to": "Bill to",
    "description": "Description",
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "amount": "Amount",
    "page": "Page",
    "carried_forward": "Carried forward",
    "brought_forward": "Brought forward",
}


def view_of(document: InvoiceDocument, logo: bytes | None) -> dict[str, Any]:
    """Make the template's data."""
    seller, heading = document.seller, HEADINGS[document.kind]
    return {
        "title": f"{heading} {document.number}",
        "description": f"{heading} {document.number} of {day(document.issued_on)} for {document.customer.name}",
        "heading": heading,
        "fonts": FONTS,
        "paper": "us-letter" if seller.country in _LETTER_PAPER else "a4",
        "words": _WORDS,
        "currency": document.currency,
        "seller": {"name": _soft(seller.name), "address": _seller_address(document)},
        "logo": list(logo) if logo else None,
        "buyer": _buyer(document),
        "facts": _facts(document),
        "rows": (rows := _rows(document)),
        # Numbers of 40 digits must leave room for the descriptions.
        "narrow": any(len(row["quantity"]) > _ROOMY or len(row["unit_price"]) > _NARROW for row in rows),
        "sums": _sums(document),
        "due": _due(document),
        "notes": _notes(document),
        "payment": _payment(document),
        "footer": seller.footer,
        "footer_columns": _footer_columns(document),
    }


def figure(number: Decimal) -> str:
    """Write an exact number with thousands grouped and no needless zeros: `1,234.5`."""
    return f"{number.normalize(EXACT):,f}".replace("-", _MINUS)


def _amount(minor: int, currency: str) -> str:
    return Money(minor, currency).figures.replace("-", _MINUS)


def _seller_address(document: InvoiceDocument) -> list[str]:
    seller = document.seller
    town = f"{seller.postcode} {seller.city}".strip()
    return _given(*seller.address, town, seller.country)


def _buyer(document: InvoiceDocument) -> dict[str, Any]:
    buyer = document.customer
    return {
        "name": _soft(buyer.name),
        "address": [_soft(line) for line in _given(*buyer.address, buyer.region, buyer.country)],
        "facts": [f"Tax ID {_soft(buyer.tax_id)}"] if buyer.tax_id else [],
    }


def _facts(document: InvoiceDocument) -> list[tuple[str, str]]:
    period = document.period
    last = (period.end - timedelta(days=1)).date()
    facts = [
        ("Number", document.number),
        ("Corrects invoice", document.corrects),
        ("Replaces invoice", document.replaces),
        ("Date", day(document.issued_on)),
        ("Period", f"1{_TO}{day(last)}"),
        ("Due", day(document.due_on) if document.due_on and document.due_minor > 0 else ""),
        ("Customer", _soft(document.customer.customer_id)),
    ]
    return [(label, value) for label, value in facts if value]


def _rows(document: InvoiceDocument) -> list[dict[str, Any]]:
    rows, running = [], 0
    for line in document.lines:
        running += line.amount_minor
        unit_price = "" if line.unit_price is None else figure(line.unit_price)
        rows.append(
            {
                "text": _soft(line.description or line.sku),
                "details": (details := _details(line)),
                "tall": len(details) > _FEW_STEPS or len(line.description) > _SHORT_TEXT,
                "quantity": _soft(f"{figure(line.quantity)} {line.unit}".strip(), _NARROW),
                "unit_price": _soft(unit_price, _NARROW),
                "amount": _amount(line.amount_minor, document.currency),
                "running": _amount(running, document.currency),
            }
        )
    return rows


def _details(line: DocumentLine) -> list[str]:
    names = _given(line.sku if line.sku != line.description else "", line.resource, line.period, *_span(line))
    return [_soft(text) for text in _given(" · ".join(names), *line.explanation)]


def _span(line: DocumentLine) -> list[str]:
    """Say which part of its month a line covers; the end is exclusive, so the day before is the last one."""
    spans = []
    if line.starts:
        spans.append(f"from {day(datetime.fromisoformat(line.starts).date())}")
    if line.ends:
        last = datetime.fromisoformat(line.ends) - timedelta(microseconds=1)
        spans.append(f"until {day(last.date())}")
    return spans


def _sums(document: InvoiceDocument) -> list[dict[str, Any]]:
    currency = document.currency
    entries: list[tuple[str, int, bool]] = []
    if document.discounts:
        entries.append(("Subtotal", sum(line.amount_minor for line in document.lines), False))
        entries += [(_soft(d.description), d.amount_minor, False) for d in document.discounts]
    if document.taxes and not document.prices_include_tax:
        entries.append(("Net total", document.net_minor, False))
        entries += [(_tax_label(tax), tax.amount.minor, False) for tax in document.taxes]
    entries.append(("Total", document.total_minor, True))
    if document.prices_include_tax:
        entries.append(("Net, excluding tax", document.net_minor, False))
        entries += [(f"Includes {_tax_label(tax)}", tax.amount.minor, False) for tax in document.taxes]
    entries += [(_soft(credit.description), credit.amount_minor, False) for credit in document.credits]
    return [
        {"label": label, "value": f"{_amount(minor, currency)} {currency}", "strong": strong}
        for label, minor, strong in entries
    ]


def _tax_label(tax: TaxLine) -> str:
    return f"{_soft(tax.rate.name)} {figure(tax.rate.percent)}% on {_amount(tax.base.minor, tax.base.currency)}"


def _due(document: InvoiceDocument) -> dict[str, str]:
    due, currency = document.due_minor, document.currency
    label = "Amount due" if due >= 0 else "Credited to you"
    return {"label": label, "value": f"{_amount(abs(due), currency)} {currency}"}


def _notes(document: InvoiceDocument) -> list[str]:
    tax_notes = dict.fromkeys(tax.rate.note for tax in document.taxes if tax.rate.note)  # each once, in order
    reasons = [f"Reason: {reason}" for reason in document.reasons]
    return [_soft(note) for note in (*tax_notes, *(reasons or document.notes), document.terms) if note]


def _payment(document: InvoiceDocument) -> list[tuple[str, str]]:
    seller = document.seller
    if document.due_minor <= 0 or not seller.iban:
        return []
    facts = [
        ("Bank", seller.bank),
        ("IBAN", _grouped(seller.iban)),
        ("BIC", seller.bic),
        ("Reference", document.number),
    ]
    return [(label, value) for label, value in facts if value]


def _footer_columns(document: InvoiceDocument) -> list[list[str]]:
    seller = document.seller
    columns = [
        _given(seller.name, *_seller_address(document)),
        _given(seller.email, seller.phone, seller.website),
        _given(f"Tax ID {seller.tax_id}" if seller.tax_id else "", seller.registration),
    ]
    return [[_soft(text) for text in column] for column in columns if column]


def _given(*texts: str) -> list[str]:
    return [text for text in texts if text]


def _grouped(iban: str) -> str:
    plain = iban.replace(" ", "")
    return " ".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def _soft(text: str, most: int = _PIECE) -> str:
    """Let words that are too long for a column be broken: SKUs and resources' names may have 256 characters."""
    return " ".join(_BREAK.join(_pieces(word, most)) if len(word) > most + 6 else word for word in text.split(" "))


def _pieces(word: str, most: int) -> Iterable[str]:
    """Cut a word, never between a letter and its marks."""
    return ("".join(piece) for piece in batched(clusters(word), most, strict=False))
