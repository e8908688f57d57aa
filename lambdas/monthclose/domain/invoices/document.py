"""The document of an invoice or credit note: everything it says, fixed for good when it gets its number.

As JSON it is canonical: the same document always gives the same bytes and the same SHA-256. Documents of the first
releases lack the newer entries; they are read all the same and written back byte for byte, because an entry
that holds nothing is not written, and one that says how the invoice came about (its price book, the usage's cut-off) is
kept as it is. Decimals are text, amounts whole minor units, days ISO 8601.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, cast

from monthclose.domain.invoices.document_parts import (
    Buyer,
    Deduction,
    DocumentLine,
    Section,
    Seller,
    deduction_content,
    filled,
    line_content,
    read_part,
    read_tax,
    tax_content,
)
from monthclose.domain.invoices.served import served_in
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.tax.computing import net_amounts, treatments
from monthclose.domain.tax.tax import Taxable, Taxed, TaxLine

if TYPE_CHECKING:
    from monthclose.domain.invoices.draft_content import (
        BuyerContent,
        Draft,
        MadeFrom,
        OptionalEntries,
        RequiredEntries,
        SectionContent,
        SellerContent,
    )
    from monthclose.domain.pricing.metering.aggregation import Window


class DocumentKind(StrEnum):
    """What the document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    """It credits what the invoice it names has charged: its amounts are negative."""


class Treatment(NamedTuple):
    """The lines and discounts of a document that have the same taxes: their tax classes, and what of them is net."""

    taxes: tuple[TaxLine, ...]
    classes: tuple[str, ...]
    net_minor: int


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice or a credit note; amounts in minor units.

    Parameters
    ----------
    number : str
        Empty in a draft.
    corrects : str
        Number of the invoice that a credit note credits.
    replaces : str
        Number of the invoice that an invoice replaces.
    total_minor : int
        Lines + discounts + taxes that aren't in the prices.
    language : str
        What its page is written in, as a tag (BCP 47); empty for English. Its texts here are English all the same:
        the page translates those that are ours (`domain.phrases`).
    sections : tuple of Section
        The customers that it bills besides the one who gets it, in the order of their lines.
    more : mapping
        Other entries of its JSON: how it came about. They are kept, and not shown.

    Raises
    ------
    ValueError
        The total is not that sum. Always a defect of ours.
    """

    number: str
    period: Period
    issued_on: date
    currency: str
    seller: Seller
    customer: Buyer
    lines: tuple[DocumentLine, ...]
    total_minor: int
    kind: DocumentKind = DocumentKind.INVOICE
    due_on: date | None = None
    discounts: tuple[Deduction, ...] = ()
    taxes: tuple[TaxLine, ...] = ()
    prices_include_tax: bool = False
    credits: tuple[Deduction, ...] = ()
    corrects: str = ""
    replaces: str = ""
    notes: tuple[str, ...] = ()
    language: str = ""
    sections: tuple[Section, ...] = ()
    more: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        added = 0 if self.prices_include_tax else self.tax_minor
        if self.total_minor != self.subtotal_minor + added:
            raise ValueError(f"document {self.number or 'draft'}: lines and taxes do not add up to its total")

    def bills_the_same(self, other: InvoiceDocument) -> bool:
        """Whether two invoices ask the same customer for the same money for the same, whatever their numbers."""
        return _billed(self) == _billed(other)

    @property
    def subtotal_minor(self) -> int:
        """Lines and discounts together, as they are priced."""
        return sum(line.amount_minor for line in self.lines) + sum(d.amount_minor for d in self.discounts)

    def lines_of(self, customer_id: str) -> list[DocumentLine]:
        """List the lines of a section."""
        return [line for line in self.lines if line.customer_id == customer_id]

    @property
    def tax_minor(self) -> int:
        """All taxes together."""
        return sum(tax.amount.minor for tax in self.taxes)

    @property
    def net_minor(self) -> int:
        """The total without tax."""
        return self.total_minor - self.tax_minor

    @property
    def items(self) -> list[Taxable]:
        """What is taxed: the lines, then the discounts."""
        return amounts_of(self.lines, self.discounts, self.currency)

    @property
    def net_items(self) -> list[int]:
        """What of each line, and then of each discount, is not tax: minor units, together the net total."""
        return [net.minor for net in net_amounts(self.items, self.taxes, inclusive=self.prices_include_tax)]

    @property
    def treatments(self) -> list[Treatment]:
        """Put together what has the same taxes; usually that is everything."""
        if not any(tax.classes for tax in self.taxes):
            classes = {item.tax_class for item in self.items}
            return [Treatment(self.taxes, (classes.pop() if len(classes) == 1 else "",), self.net_minor)]
        nets: dict[str, int] = {}
        for item, net in zip(self.items, self.net_items, strict=True):
            nets[item.tax_class] = nets.get(item.tax_class, 0) + net
        groups = treatments(nets, self.taxes).items()
        return [Treatment(taxes, tuple(names), sum(nets[name] for name in names)) for taxes, names in groups]

    def own_taxes(self, tax_class: str) -> tuple[TaxLine, ...]:
        """List the taxes on the lines of a tax class, if other lines of the document have others."""
        return self.taxes_on(tax_class) if any(tax.classes for tax in self.taxes) else ()

    def taxes_on(self, tax_class: str) -> tuple[TaxLine, ...]:
        """List the taxes that are on the lines of a tax class."""
        return tuple(tax for tax in self.taxes if tax.is_on(tax_class))

    @property
    def due_minor(self) -> int:
        """The total less the credits that were applied when it was issued."""
        return self.total_minor + sum(credit.amount_minor for credit in self.credits)

    @property
    def terms(self) -> str:
        """How to pay, where there is something to pay."""
        return self.seller.terms if self.due_minor > 0 else ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it corrects or replaces another: that is what such a document notes."""
        return self.notes if self.corrects or self.replaces else ()

    def served(self, period: Period) -> Window:
        """What of time it bills for a period, with the customer's offsets from UTC: the dates are theirs."""
        return served_in(cast("MadeFrom", self.more), period)

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day that it is for."""
        first, end = self.served(self.period)
        return first.date(), (end - timedelta(days=1)).date()

    def with_taxes(self, taxed: Taxed, *, inclusive: bool) -> InvoiceDocument:
        """Put the taxes on it; the total follows."""
        return replace(self, taxes=taxed.lines, prices_include_tax=inclusive, total_minor=taxed.total.minor)

    def content(self) -> Draft:
        """Write it as JSON; a draft's has no number."""
        content: RequiredEntries = {
            "period": str(self.period),
            "issued_on": self.issued_on.isoformat(),
            "currency": self.currency,
            "seller": self.seller.name,
            "customer": cast("BuyerContent", {"email": "", "country": "", **filled(self.customer)}),
            "lines": [line_content(line) for line in self.lines],
            "total_minor": self.total_minor,
        }
        optional: OptionalEntries = {
            "number": self.number,
            "kind": "" if self.kind is DocumentKind.INVOICE else self.kind,
            "seller_details": _details(self.seller),
            "due_on": self.due_on.isoformat() if self.due_on else "",
            "discounts": [deduction_content(discount) for discount in self.discounts],
            "taxes": [tax_content(tax) for tax in self.taxes],
            "prices_include_tax": self.prices_include_tax,
            "credits": [deduction_content(credit) for credit in self.credits],
            "corrects": self.corrects,
            "replaces": self.replaces,
            "notes": list(self.notes),
            "language": self.language,
            "sections": [cast("SectionContent", filled(section)) for section in self.sections],
        }
        said = {name: value for name, value in optional.items() if value}
        return cast("Draft", {**self.more, **content, **said})

    def canonical(self) -> bytes:
        """Write the one form that is stored and hashed."""
        return canonical(self.content())

    @property
    def sha256(self) -> str:
        """Hash of the canonical form, in hex."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @classmethod
    def parse(cls, text: bytes | str) -> InvoiceDocument:
        """Read a document from JSON.

        Raises
        ------
        ValueError
            It isn't one (KeyError and TypeError are turned into this).
        """
        try:
            return cls.of(json.loads(text))
        except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"this is not an invoice's document: {error!r}") from error

    @classmethod
    def of(cls, content: Draft) -> InvoiceDocument:
        """Read a document from parsed JSON."""
        currency = content["currency"]
        due = content.get("due_on")
        return cls(
            number=content.get("number", ""),
            period=Period.parse(content["period"]),
            issued_on=date.fromisoformat(content["issued_on"]),
            currency=currency,
            seller=read_part(Seller, {"name": content["seller"], **content.get("seller_details", {})}),
            customer=read_part(Buyer, content["customer"]),
            lines=tuple(DocumentLine.of(line) for line in content["lines"]),
            total_minor=content["total_minor"],
            kind=DocumentKind(content.get("kind", DocumentKind.INVOICE)),
            due_on=date.fromisoformat(due) if due else None,
            discounts=tuple(read_part(Deduction, entry) for entry in content.get("discounts", [])),
            taxes=tuple(read_tax(entry, currency) for entry in content.get("taxes", [])),
            prices_include_tax=content.get("prices_include_tax", False),
            credits=tuple(read_part(Deduction, entry) for entry in content.get("credits", [])),
            corrects=content.get("corrects", ""),
            replaces=content.get("replaces", ""),
            notes=tuple(content.get("notes", [])),
            language=content.get("language", ""),
            sections=tuple(read_part(Section, entry) for entry in content.get("sections", [])),
            more=made_from(content),
        )


_ENTRIES = frozenset({field.name for field in fields(InvoiceDocument)} | {"seller_details"}) - {"more"}


def made_from(content: Draft) -> dict[str, object]:
    """Take the entries of a document that say how it came about, and are not shown."""
    return {name: value for name, value in content.items() if name not in _ENTRIES}


def canonical(content: Mapping[str, object]) -> bytes:
    """Write JSON in one way only: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def amounts_of(lines: Iterable[DocumentLine], discounts: Iterable[Deduction], currency: str) -> list[Taxable]:
    """List what is taxed: the lines, then the discounts."""
    entries: Iterable[DocumentLine | Deduction] = chain(lines, discounts)
    return [Taxable(Money(entry.amount_minor, currency), entry.tax_class) for entry in entries]


def _details(seller: Seller) -> SellerContent:
    """The company as the document shows it; nothing if there is no more than its name."""
    content = filled(seller)
    return cast("SellerContent", content if len(content) > 1 else {})


def _billed(document: InvoiceDocument) -> tuple[object, ...]:
    lines = tuple(replace(line, steps=()) for line in document.lines)
    return (
        document.customer,
        document.seller,
        lines,
        document.discounts,
        document.taxes,
        document.total_minor,
        document.language,
    )
