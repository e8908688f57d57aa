"""A document as its page shows it: every text and number formatted, nothing left for the template to decide.

It is written in the document's language: labels, days and numbers, and those of its texts that are the product's own
words. What the company or a person wrote stays as it is.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from monthclose.adapters.documents.sheet import MINUS, NARROW, Sheet, given, soft
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine, Section
from monthclose.domain.tax.tax import TaxLine

_NEGATIVE = re.compile(r"(?<![\w-])-(?=\d)")
"""The hyphen of a negative number, and of nothing else: not of `2026-10` or `INV-1`."""
_ROOMY = 24
_FEW_STEPS, _SHORT_TEXT = 12, 600
HEADINGS = {DocumentKind.INVOICE: "Invoice", DocumentKind.CREDIT_NOTE: "Credit note"}
_WORDS = {
    "bill_to": "Bill to",
    "description": "Description",
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "amount": "Amount",
}


def invoice_view(document: InvoiceDocument, logo: bytes | None) -> dict[str, Any]:
    """Make the template's data."""
    return _Page(document).view(logo)


class _Page(Sheet):
    """An invoice's, or a credit note's."""

    def __init__(self, document: InvoiceDocument) -> None:
        super().__init__(document.seller, document.customer, document.currency, document.language)
        self.document = document

    def view(self, logo: bytes | None) -> dict[str, Any]:
        document = self.document
        heading = self.say(HEADINGS[document.kind])
        title, day = f"{heading} {document.number}", self.locale.day(document.issued_on)
        return self.common(heading, title, _WORDS, logo) | {
            "description": self.say("{title} of {day} for {name}", title=title, day=day, name=document.customer.name),
            "facts": self._facts(),
            "rows": (rows := self._rows()),
            # Numbers of 40 digits must leave room for the descriptions.
            "narrow": any(len(row["quantity"]) > _ROOMY or len(row["unit_price"]) > NARROW for row in rows),
            "sums": self._sums(),
            "due": self._due(),
            "notes": self._notes(),
            "payment": self.payment(document.due_minor, document.number),
        }

    def _facts(self) -> list[tuple[str, str]]:
        document, locale = self.document, self.locale
        due = document.due_on if document.due_minor > 0 else None
        return self.labelled(
            {
                "Number": document.number,
                "Corrects invoice": document.corrects,
                "Replaces invoice": document.replaces,
                "Date": locale.day(document.issued_on),
                "Period": self._days(document),
                "Due": locale.day(due) if due else "",
                "Customer": soft(document.customer.customer_id),
                "Purchase order": soft(document.customer.purchase_order),
                "Cost centre": soft(document.customer.cost_centre),
            }
        )

    def _rows(self) -> list[dict[str, Any]]:
        """Make the rows: the customer's own lines, then each section's with its heading and subtotal."""
        document, named = self.document, {section.customer_id for section in self.document.sections}
        own = [line for line in document.lines if line.customer_id not in named]
        rows, running = self._rows_of(own, 0), sum(line.amount_minor for line in own)
        if own and document.sections:
            total = self.say("Subtotal for {name}", name=document.customer.name)
            rows.append(self._standing_out(total, [], running) | {"amount": self.amount(running)})
        for section in document.sections:
            lines = document.lines_of(section.customer_id)
            subtotal = sum(line.amount_minor for line in lines)
            heading = self._standing_out(section.name, [soft(text) for text in self._references(section)], running)
            running += subtotal
            total = self.say("Subtotal for {name}", name=section.name)
            rows += [heading, *self._rows_of(lines, running - subtotal)]
            rows.append(self._standing_out(total, [], running) | {"amount": self.amount(subtotal)})
        return rows

    def _days(self, document: InvoiceDocument) -> str:
        """The days that the invoice is for: fewer than its period's where that is shortened by another billing day."""
        first, last = document.days
        if (first, last) == (document.period.first_day, document.period.last_day):
            return self.locale.days(document.period)
        return self.locale.from_to(first, last)

    def _standing_out(self, text: str, details: list[str], running: int) -> dict[str, Any]:
        """Make a row that stands out and is no line."""
        row = {"text": soft(text), "details": details, "tall": False, "quantity": "", "unit_price": "", "amount": ""}
        return row | {"running": self.amount(running), "strong": True}

    def _references(self, section: Section) -> list[str]:
        say = self.say
        facts = {"Purchase order": section.purchase_order, "Cost centre": section.cost_centre}
        return [section.customer_id, *(f"{say(label)}: {text}" for label, text in facts.items() if text)]

    def _rows_of(self, lines: Iterable[DocumentLine], running: int) -> list[dict[str, Any]]:
        rows = []
        for line in lines:
            running += line.amount_minor
            unit_price = "" if line.unit_price is None else self.figure(line.unit_price)
            rows.append(
                {
                    "text": self.said(line.description or line.sku),
                    "details": (details := self._details(line)),
                    "tall": len(details) > _FEW_STEPS or len(line.description) > _SHORT_TEXT,
                    "quantity": soft(f"{self.figure(line.quantity)} {line.unit}".strip(), NARROW),
                    "unit_price": soft(unit_price, NARROW),
                    "amount": self.amount(line.amount_minor),
                    "running": self.amount(running),
                }
            )
        return rows

    def _details(self, line: DocumentLine) -> list[str]:
        sku, period = line.sku if line.sku != line.description else "", self.said(line.period)
        names = given(sku, line.resource, period, *self._span(line), self._rates(line))
        explained = line.explained(self.locale) if self.language else line.explanation
        return [soft(text) for text in given(" · ".join(names), *(_NEGATIVE.sub(MINUS, text) for text in explained))]

    def _rates(self, line: DocumentLine) -> str:
        """Name the taxes of a line, where not all lines have the same."""
        taxes = self.document.own_taxes(line.tax_class)
        return ", ".join(f"{tax.rate.name} {self._percent(tax)}" for tax in taxes)

    def _percent(self, tax: TaxLine) -> str:
        return self.locale.percent(tax.rate.percent).replace("-", MINUS)

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
        document, say, sums = self.document, self.say, list[dict[str, Any]]()
        taxes = [(self._tax_label(tax), tax.amount.minor) for tax in document.taxes]
        if document.discounts:
            sums.append(self.sum_of(say("Subtotal"), sum(line.amount_minor for line in document.lines)))
            sums += [self.sum_of(self.said(d.description), d.amount_minor) for d in document.discounts]
        if taxes and not document.prices_include_tax:
            sums.append(self.sum_of(say("Net total"), document.net_minor))
            sums += [self.sum_of(label, minor) for label, minor in taxes]
        sums.append(self.sum_of(say("Total"), document.total_minor, strong=True))
        if document.prices_include_tax:
            sums.append(self.sum_of(say("Net, excluding tax"), document.net_minor))
            sums += [self.sum_of(say("Includes {tax}", tax=label), minor) for label, minor in taxes]
        return [*sums, *(self.sum_of(self.said(c.description), c.amount_minor) for c in document.credits)]

    def _tax_label(self, tax: TaxLine) -> str:
        rate, base = self._percent(tax), self.amount(tax.base.minor)
        return self.say("{name} {rate} on {base}", name=soft(tax.rate.name), rate=rate, base=base)

    def _due(self) -> dict[str, Any]:
        due = self.document.due_minor
        return self.sum_of(self.say("Amount due" if due >= 0 else "Credited to you"), abs(due))

    def _notes(self) -> list[str]:
        document = self.document
        tax_notes = dict.fromkeys(tax.rate.note for tax in document.taxes if tax.rate.note)  # each once, in order
        reasons = [self.say("Reason: {reason}", reason=reason) for reason in document.reasons]
        return [soft(note) for note in (*tax_notes, *(reasons or document.notes), document.terms) if note]
