"""The document of an invoice or credit note: everything it says, fixed for good when it gets its number.

As JSON it is canonical: the same document is the same bytes and the same SHA-256, whoever writes it. Documents of the
first releases lack the newer entries; they are read all the same and written back byte for byte, because an entry
that holds nothing is not written, and one that says how the invoice came about (its price book, the usage's cut-off) is
kept as it is. Decimals are text, amounts whole minor units, days ISO 8601.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from monthclose.domain.customer import Customer
from monthclose.domain.money import EXACT, Money
from monthclose.domain.period import Period
from monthclose.domain.pricing.explanation import Step, in_words, worth_saying
from monthclose.domain.tax import TaxCategory, Taxed, TaxLine, TaxRate


class DocumentKind(StrEnum):
    """What the document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    """It takes back what the invoice it names has charged: its amounts are negative."""


@dataclass(frozen=True, slots=True)
class Seller:
    """The company, as its documents show it.

    Parameters
    ----------
    country : str
        ISO 3166, two letters.
    registration : str
        Where and as what it is registered: `HRB 12345, Amtsgericht Berlin`.
    terms, footer : str
        Printed below the totals, and at the foot of each page.
    logo : str
        Key of an object that never changes; empty if there is none.
    """

    name: str
    address: tuple[str, ...] = ()
    postcode: str = ""
    city: str = ""
    country: str = ""
    tax_id: str = ""
    registration: str = ""
    email: str = ""
    phone: str = ""
    website: str = ""
    bank: str = ""
    iban: str = ""
    bic: str = ""
    terms: str = ""
    footer: str = ""
    logo: str = ""


@dataclass(frozen=True, slots=True)
class Buyer:
    """The customer, as they were when the document was issued."""

    customer_id: str
    name: str
    email: str = ""
    country: str = ""
    region: str = ""
    address: tuple[str, ...] = ()
    tax_id: str = ""

    @classmethod
    def of(cls, customer: Customer) -> Buyer:
        """Take down a customer."""
        profile = customer.profile
        address = tuple(line.strip() for line in profile.address.splitlines() if line.strip())
        return cls(
            customer.customer_id,
            profile.name,
            profile.email,
            profile.country,
            profile.region,
            address,
            profile.tax_id,
        )


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line.

    Parameters
    ----------
    unit_price : Decimal or None
        Major units; None where no single price says it (tiers): `explanation` then says how it came about.
    amount_minor : int
        With tax in it where the document's prices include tax.
    period : str
        Only if it isn't the document's: late usage of an earlier month.
    model, kind : str
        The pricing model; what the line is for if not usage (see `domain/pricing/line.py`).
    starts, ends : str
        ISO 8601, only if the line isn't for its whole month; the end is exclusive.
    steps : tuple
        The arithmetic, as pricing has written it down.
    tax_category : str
        Only if it isn't that of the document's tax lines.
    """

    sku: str
    description: str
    quantity: Decimal
    amount_minor: int
    unit: str = ""
    unit_price: Decimal | None = None
    resource: str = ""
    period: str = ""
    tax_category: str = ""
    model: str = ""
    kind: str = ""
    starts: str = ""
    ends: str = ""
    steps: tuple[Step, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> DocumentLine:
        """Read a line from what JSON held."""
        price = content["unit_price"]
        numbers = {"quantity": Decimal(content["quantity"]), "unit_price": None if price is None else Decimal(price)}
        return _read(cls, {_LINE_FIELDS.get(name, name): value for name, value in {**content, **numbers}.items()})

    @property
    def explanation(self) -> tuple[str, ...]:
        """The arithmetic in words, where quantity and unit price don't say it all."""
        plain_price = self.unit_price is not None and len(self.steps) < 2
        return () if plain_price else tuple(in_words(step) for step in worth_saying(self.steps))


@dataclass(frozen=True, slots=True)
class Deduction:
    """A discount on the whole document (part of what is taxed), or a credit applied (taken off the total)."""

    description: str
    amount_minor: int
    """Negative: it is added to the sum."""


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice or a credit note; amounts in minor units.

    Parameters
    ----------
    number : str
        Empty in a draft.
    corrects : str
        Number of the invoice that a credit note takes back.
    replaces : str
        Number of the invoice whose place an invoice takes.
    total_minor : int
        Lines + discounts + taxes that aren't in the prices.
    more : mapping
        What else its JSON holds: how it came about. It is kept, and not shown.

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
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        added = 0 if self.prices_include_tax else self.tax_minor
        if self.total_minor != self.subtotal_minor + added:
            raise ValueError(f"document {self.number or 'draft'}: lines and taxes are not its total")

    def bills_the_same(self, other: InvoiceDocument) -> bool:
        """Whether two invoices ask the same customer for the same money for the same, whatever their numbers."""
        return _billed(self) == _billed(other)

    @property
    def subtotal_minor(self) -> int:
        """Lines and discounts together, as they are priced."""
        return sum(line.amount_minor for line in self.lines) + sum(d.amount_minor for d in self.discounts)

    @property
    def tax_minor(self) -> int:
        """All taxes together."""
        return sum(tax.amount.minor for tax in self.taxes)

    @property
    def net_minor(self) -> int:
        """The total without tax."""
        return self.total_minor - self.tax_minor

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

    def with_taxes(self, taxed: Taxed, *, inclusive: bool) -> InvoiceDocument:
        """Put the taxes on it; the total follows."""
        return replace(self, taxes=taxed.lines, prices_include_tax=inclusive, total_minor=taxed.total.minor)

    def content(self) -> dict[str, Any]:
        """Make what JSON holds; a draft's has no number."""
        seller, customer = _filled(self.seller), _filled(self.customer)
        content = {
            "period": str(self.period),
            "issued_on": self.issued_on.isoformat(),
            "currency": self.currency,
            "seller": self.seller.name,
            "customer": {"email": "", "country": "", **customer},
            "lines": [_line_content(line) for line in self.lines],
            "total_minor": self.total_minor,
        }
        optional = {
            "number": self.number,
            "kind": "" if self.kind is DocumentKind.INVOICE else self.kind,
            "seller_details": seller if len(seller) > 1 else {},
            "due_on": self.due_on.isoformat() if self.due_on else "",
            "discounts": [_filled(discount) for discount in self.discounts],
            "taxes": [_tax_content(tax) for tax in self.taxes],
            "prices_include_tax": self.prices_include_tax,
            "credits": [_filled(credit) for credit in self.credits],
            "corrects": self.corrects,
            "replaces": self.replaces,
            "notes": list(self.notes),
        }
        return {**self.more, **content, **{name: value for name, value in optional.items() if value}}

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
            raise ValueError(f"this is no invoice's document: {error!r}") from error

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> InvoiceDocument:
        """Read a document from what JSON held."""
        currency = content["currency"]
        due = content.get("due_on")
        return cls(
            number=content.get("number", ""),
            period=Period.parse(content["period"]),
            issued_on=date.fromisoformat(content["issued_on"]),
            currency=currency,
            seller=_read(Seller, {"name": content["seller"]} | content.get("seller_details", {})),
            customer=_read(Buyer, content["customer"]),
            lines=tuple(DocumentLine.of(line) for line in content["lines"]),
            total_minor=content["total_minor"],
            kind=DocumentKind(content.get("kind", DocumentKind.INVOICE)),
            due_on=date.fromisoformat(due) if due else None,
            discounts=tuple(Deduction(**entry) for entry in content.get("discounts", [])),
            taxes=tuple(_tax(entry, currency) for entry in content.get("taxes", [])),
            prices_include_tax=content.get("prices_include_tax", False),
            credits=tuple(Deduction(**entry) for entry in content.get("credits", [])),
            corrects=content.get("corrects", ""),
            replaces=content.get("replaces", ""),
            notes=tuple(content.get("notes", [])),
            more={name: value for name, value in content.items() if name not in _ENTRIES},
        )


_ENTRIES = frozenset({field.name for field in fields(InvoiceDocument)} | {"seller_details"}) - {"more"}


def canonical(content: Mapping[str, Any]) -> bytes:
    """Write JSON in one way only: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def amounts_of(lines: Iterable[DocumentLine], discounts: Iterable[Deduction], currency: str) -> list[Money]:
    """List what is taxed: the lines, then the discounts."""
    minor = [line.amount_minor for line in lines] + [discount.amount_minor for discount in discounts]
    return [Money(amount, currency) for amount in minor]


_LINE_ENTRIES = {"starts": "from", "ends": "until"}
"""Entries that are called otherwise than their fields."""
_LINE_FIELDS = {entry: name for name, entry in _LINE_ENTRIES.items()}


def _filled(record: Any) -> dict[str, Any]:
    """Take the entries that hold something."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value not in ("", ())
    }


def _read[T](kind: type[T], values: Mapping[str, Any]) -> T:
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _line_content(line: DocumentLine) -> dict[str, Any]:
    always = {
        "sku": line.sku,
        "description": line.description,
        "unit": line.unit,
        "quantity": _plain(line.quantity),
        "unit_price": None if line.unit_price is None else _plain(line.unit_price),
        "amount_minor": line.amount_minor,
    }
    more = {_LINE_ENTRIES.get(name, name): value for name, value in _filled(line).items() if name not in always}
    return always | more


def _tax_content(tax: TaxLine) -> dict[str, Any]:
    rate = tax.rate
    content = {
        "name": rate.name,
        "percent": _plain(rate.percent),
        "category": rate.category.value,
        "base_minor": tax.base.minor,
        "amount_minor": tax.amount.minor,
    }
    return content | ({"note": rate.note} if rate.note else {})


def _tax(values: Mapping[str, Any], currency: str) -> TaxLine:
    rate = TaxRate(values["name"], Decimal(values["percent"]), TaxCategory(values["category"]), values.get("note", ""))
    return TaxLine(rate, Money(values["base_minor"], currency), Money(values["amount_minor"], currency))


def _plain(number: Decimal) -> str:
    return f"{number.normalize(EXACT):f}"


def _billed(document: InvoiceDocument) -> tuple[object, ...]:
    lines = tuple(replace(line, steps=()) for line in document.lines)
    return (document.customer, document.seller, lines, document.discounts, document.taxes, document.total_minor)
