"""A document as its page shows it: every text and number formatted, nothing left for the template to decide.

It is written in the document's language: labels, days and numbers, and those of its texts that are the product's own
words. What the company or a person wrote stays as it is.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any

from monthclose.adapters.documents.legible import clusters
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine, Seller
from monthclose.domain.money import Money
from monthclose.domain.phrases import said
from monthclose.domain.tax.tax import TaxLine
from monthclose.locales import Locale, locale_for

_SCRIPTS = (
    "Arabic Hebrew Thai Devanagari Armenian Bengali Ethiopic Georgian Gujarati Gurmukhi Kannada Khmer Lao Malayalam "
    "Myanmar Oriya Sinhala Tamil Telugu Symbols"
)
FONTS = ("Noto Sans", "Noto Sans CJK JP", *(f"Noto Sans {script}" for script in _SCRIPTS.split()), "Noto Emoji")
"""In the order in which a letter is looked for; what none of them has is replaced."""
_LETTER_PAPER = frozenset({"US", "CA", "MX"})
_BREAK, _MINUS = "\u200b", "\u2212"
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
    return _Page(document).view(logo)


def soft(text: str, most: int = _PIECE) -> str:
    """Let words that are too long for a column be broken: SKUs and resources' names may have 256 characters."""
    return " ".join(_BREAK.join(_pieces(word, most)) if len(word) > most + 6 else word for word in text.split(" "))


class _Page:
    """One document's page."""

    def __init__(self, document: InvoiceDocument) -> None:
        self.document = document
        self.locale: Locale = locale_for(document.language)
        self.say = self.locale.text

    def view(self, logo: bytes | None) -> dict[str, Any]:
        document, seller = self.document, self.document.seller
        heading = self.say(HEADINGS[document.kind])
        title = f"{heading} {document.number}"
        return {
            "title": title,
            "description": self.say(
                "{title} of {day} for {name}",
                title=title,
                day=self.locale.day(document.issued_on),
                name=document.customer.name,
            ),
            "lang": self.locale.language,
            "heading": heading,
            "fonts": FONTS,
            "paper": "us-letter" if seller.country in _LETTER_PAPER else "a4",
            "words": {name: self.say(word) for name, word in _WORDS.items()},
            "currency": document.currency,
            "seller": {"name": soft(seller.name), "address": _seller_address(seller)},
            "logo": list(logo) if logo else None,
            "buyer": self._buyer(),
            "facts": self._facts(),
            "rows": (rows := self._rows()),
            # Numbers of 40 digits must leave room for the descriptions.
            "narrow": any(len(row["quantity"]) > _ROOMY or len(row["unit_price"]) > _NARROW for row in rows),
            "sums": self._sums(),
            "due": self._due(),
            "notes": self._notes(),
            "payment": self._payment(),
            "footer": seller.footer,
            "footer_columns": self._footer_columns(),
        }

    def _figure(self, number: Decimal) -> str:
        return self.locale.number(number).replace("-", _MINUS)

    def _amount(self, minor: int) -> str:
        return self.locale.figures(Money(minor, self.document.currency)).replace("-", _MINUS)

    def _said(self, text: str) -> str:
        return soft(said(text, self.locale) if self.document.language else text)

    def _buyer(self) -> dict[str, Any]:
        buyer = self.document.customer
        return {
            "name": soft(buyer.name),
            "address": [soft(line) for line in _given(*buyer.address, buyer.region, buyer.country)],
            "facts": [self.say("Tax ID {number}", number=soft(buyer.tax_id))] if buyer.tax_id else [],
        }

    def _facts(self) -> list[tuple[str, str]]:
        document, locale = self.document, self.locale
        due = document.due_on if document.due_minor > 0 else None
        facts = {
            "Number": document.number,
            "Corrects invoice": document.corrects,
            "Replaces invoice": document.replaces,
            "Date": locale.day(document.issued_on),
            "Period": locale.days(document.period),
            "Due": locale.day(due) if due else "",
            "Customer": soft(document.customer.customer_id),
        }
        return [(self.say(label), value) for label, value in facts.items() if value]

    def _rows(self) -> list[dict[str, Any]]:
        rows, running = [], 0
        for line in self.document.lines:
            running += line.amount_minor
            unit_price = "" if line.unit_price is None else self._figure(line.unit_price)
            rows.append(
                {
                    "text": self._said(line.description or line.sku),
                    "details": (details := self._details(line)),
                    "tall": len(details) > _FEW_STEPS or len(line.description) > _SHORT_TEXT,
                    "quantity": soft(f"{self._figure(line.quantity)} {line.unit}".strip(), _NARROW),
                    "unit_price": soft(unit_price, _NARROW),
                    "amount": self._amount(line.amount_minor),
                    "running": self._amount(running),
                }
            )
        return rows

    def _details(self, line: DocumentLine) -> list[str]:
        sku, period = line.sku if line.sku != line.description else "", self._said(line.period)
        names = _given(sku, line.resource, period, *self._span(line))
        explained = line.explained(self.locale) if self.document.language else line.explanation
        return [soft(text) for text in _given(" · ".join(names), *explained)]

    def _span(self, line: DocumentLine) -> list[str]:
        """Say which part of its month a line covers; the end is exclusive, so the day before is the last one."""
        spans = []
        if line.starts:
            spans.append(self.say("from {day}", day=self.locale.day(datetime.fromisoformat(line.starts).date())))
        if line.ends:
            last = datetime.fromisoformat(line.ends) - timedelta(microseconds=1)
            spans.append(self.say("until {day}", day=self.locale.day(last.date())))
        return spans

    def _sums(self) -> list[dict[str, Any]]:
        document, say = self.document, self.say
        taxes = [(self._tax_label(tax), tax.amount.minor) for tax in document.taxes]
        entries: list[tuple[str, int]] = []
        if document.discounts:
            entries.append((say("Subtotal"), sum(line.amount_minor for line in document.lines)))
            entries += [(self._said(d.description), d.amount_minor) for d in document.discounts]
        if taxes and not document.prices_include_tax:
            entries += [(say("Net total"), document.net_minor), *taxes]
        entries.append((total := say("Total"), document.total_minor))
        if document.prices_include_tax:
            entries.append((say("Net, excluding tax"), document.net_minor))
            entries += [(say("Includes {tax}", tax=label), minor) for label, minor in taxes]
        entries += [(self._said(credit.description), credit.amount_minor) for credit in document.credits]
        return [
            {"label": label, "value": f"{self._amount(minor)} {document.currency}", "strong": label is total}
            for label, minor in entries
        ]

    def _tax_label(self, tax: TaxLine) -> str:
        rate, base = self.locale.percent(tax.rate.percent).replace("-", _MINUS), self._amount(tax.base.minor)
        return self.say("{name} {rate} on {base}", name=soft(tax.rate.name), rate=rate, base=base)

    def _due(self) -> dict[str, str]:
        due, currency = self.document.due_minor, self.document.currency
        label = self.say("Amount due" if due >= 0 else "Credited to you")
        return {"label": label, "value": f"{self._amount(abs(due))} {currency}"}

    def _notes(self) -> list[str]:
        document = self.document
        tax_notes = dict.fromkeys(tax.rate.note for tax in document.taxes if tax.rate.note)  # each once, in order
        reasons = [self.say("Reason: {reason}", reason=reason) for reason in document.reasons]
        return [soft(note) for note in (*tax_notes, *(reasons or document.notes), document.terms) if note]

    def _payment(self) -> list[tuple[str, str]]:
        document, seller = self.document, self.document.seller
        if document.due_minor <= 0 or not seller.iban:
            return []
        facts = {"Bank": seller.bank, "IBAN": _grouped(seller.iban), "BIC": seller.bic, "Reference": document.number}
        return [(self.say(label), value) for label, value in facts.items() if value]

    def _footer_columns(self) -> list[list[str]]:
        seller = self.document.seller
        tax_id = self.say("Tax ID {number}", number=seller.tax_id) if seller.tax_id else ""
        columns = [
            _given(seller.name, *_seller_address(seller)),
            _given(seller.email, seller.phone, seller.website),
            _given(tax_id, seller.registration),
        ]
        return [[soft(text) for text in column] for column in columns if column]


def _seller_address(seller: Seller) -> list[str]:
    town = f"{seller.postcode} {seller.city}".strip()
    return _given(*seller.address, town, seller.country)


def _given(*texts: str) -> list[str]:
    return [text for text in texts if text]


def _grouped(iban: str) -> str:
    plain = iban.replace(" ", "")
    return " ".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def _pieces(word: str, most: int) -> Iterable[str]:
    """Cut a word, never between a letter and its marks."""
    return ("".join(piece) for piece in batched(clusters(word), most, strict=False))
