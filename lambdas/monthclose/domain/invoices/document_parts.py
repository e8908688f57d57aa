"""The parts of a document: seller, buyer, lines, deductions and taxes, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from monthclose.domain.money import EXACT, Money
from monthclose.domain.pricing.explanation import IN_ENGLISH, Step, in_words, worth_saying
from monthclose.domain.tax.tax import TaxCategory, TaxLine, TaxRate

if TYPE_CHECKING:
    from monthclose.domain.accounts.customer import Customer
    from monthclose.domain.invoices.draft_content import DeductionContent, TaxContent
    from monthclose.domain.phrases import Writer
    from monthclose.domain.pricing.line import LineContent


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
    contact: str = ""
    purchase_order: str = ""
    cost_centre: str = ""

    @classmethod
    def of(cls, customer: Customer) -> Buyer:
        """Copy a customer."""
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
            profile.contact,
            profile.purchase_order,
            profile.cost_centre,
        )


@dataclass(frozen=True, slots=True)
class Section:
    """A customer whose lines are on the invoice of their payer, who is the document's customer."""

    customer_id: str
    name: str
    purchase_order: str = ""
    cost_centre: str = ""


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
    attributes : mapping
        What tells its usage apart from other usage of the SKU; the description says it, too.
    tax_class : str
        Which rates of the tax table it has; empty: those of what has none.
    customer_id : str
        Whose it is, if not that of the customer who gets the document (see `Section`).
    """

    sku: str
    description: str
    quantity: Decimal
    amount_minor: int
    unit: str = ""
    unit_price: Decimal | None = None
    resource: str = ""
    period: str = ""
    model: str = ""
    kind: str = ""
    starts: str = ""
    ends: str = ""
    steps: tuple[Step, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    tax_class: str = ""
    customer_id: str = ""

    @classmethod
    def of(cls, content: LineContent) -> DocumentLine:
        """Read a line from JSON."""
        price = content["unit_price"]
        numbers = {"quantity": Decimal(content["quantity"]), "unit_price": None if price is None else Decimal(price)}
        return read_part(cls, {_LINE_FIELDS.get(name, name): value for name, value in {**content, **numbers}.items()})

    @property
    def explanation(self) -> tuple[str, ...]:
        """The arithmetic in English words, where quantity and unit price don't say it all."""
        return self.explained(IN_ENGLISH)

    def explained(self, writer: Writer) -> tuple[str, ...]:
        """Write the arithmetic in words, where quantity and unit price don't say it all."""
        plain_price = self.unit_price is not None and len(self.steps) < 2
        return () if plain_price else tuple(in_words(step, writer) for step in worth_saying(self.steps))


@dataclass(frozen=True, slots=True)
class Deduction:
    """A discount on the whole document (part of what is taxed), or a credit applied (taken off the total)."""

    description: str
    amount_minor: int
    """Negative: it is added to the sum."""
    tax_class: str = ""


_LINE_ENTRIES = {"starts": "from", "ends": "until"}
"""Entries whose names differ from their fields'."""
_LINE_FIELDS = {entry: name for name, entry in _LINE_ENTRIES.items()}


def filled(record: Any) -> dict[str, Any]:
    """Make entries of the fields that hold something."""
    values = {one.name: getattr(record, one.name) for one in fields(record)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value not in ("", (), {})
    }


def read_part[T](kind: type[T], values: Mapping[str, Any]) -> T:
    """Read a seller, a buyer or a line from JSON."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def line_content(line: DocumentLine) -> LineContent:
    """Write a line as JSON."""
    always = {
        "sku": line.sku,
        "description": line.description,
        "unit": line.unit,
        "quantity": _plain(line.quantity),
        "unit_price": None if line.unit_price is None else _plain(line.unit_price),
        "amount_minor": line.amount_minor,
    }
    more = {_LINE_ENTRIES.get(name, name): value for name, value in filled(line).items() if name not in always}
    return cast("LineContent", always | more)


def deduction_content(deduction: Deduction) -> DeductionContent:
    """Write a discount or a credit as JSON."""
    content: DeductionContent = {"description": deduction.description, "amount_minor": deduction.amount_minor}
    return {**content, "tax_class": deduction.tax_class} if deduction.tax_class else content


def tax_content(tax: TaxLine) -> TaxContent:
    """Write a tax as JSON."""
    rate = tax.rate
    content: TaxContent = {
        "name": rate.name,
        "percent": _plain(rate.percent),
        "category": rate.category.value,
        "base_minor": tax.base.minor,
        "amount_minor": tax.amount.minor,
    }
    if rate.note:
        content["note"] = rate.note
    if rate.on_top_of:
        content["on_top_of"] = list(rate.on_top_of)
    if tax.classes:
        content["classes"] = list(tax.classes)
    return content


def read_tax(values: TaxContent, currency: str) -> TaxLine:
    """Read a tax from JSON."""
    percent, category = Decimal(values["percent"]), TaxCategory(values["category"])
    rate = TaxRate(values["name"], percent, category, values.get("note", ""), tuple(values.get("on_top_of", ())))
    base, amount = (Money(minor, currency) for minor in (values["base_minor"], values["amount_minor"]))
    return TaxLine(rate, base, amount, tuple(values.get("classes", ())))


def _plain(number: Decimal) -> str:
    return f"{number.normalize(EXACT):f}"
