"""The JSON of an invoice's or a credit note's document, entry by entry, so that a type checker guards its readers.

The names are those of the stored JSON and never change. Amounts are whole minor units, decimals are text, days and
times ISO 8601. An entry that holds nothing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NotRequired, Required, TypedDict

if TYPE_CHECKING:
    from monthclose.domain.pricing.line import LineContent
    from monthclose.domain.pricing.metering.sizes import SizeContent


class SellerContent(TypedDict, total=False):
    """The company, as its documents show it (see `document_parts.Seller`)."""

    name: Required[str]
    address: list[str]
    postcode: str
    city: str
    country: str
    tax_id: str
    registration: str
    email: str
    phone: str
    website: str
    bank: str
    iban: str
    bic: str
    terms: str
    footer: str
    logo: str


class BuyerContent(TypedDict, total=False):
    """The customer, as they were when the document was issued (see `document_parts.Buyer`)."""

    customer_id: Required[str]
    name: Required[str]
    email: Required[str]
    country: Required[str]
    region: str
    address: list[str]
    tax_id: str
    contact: str
    purchase_order: str
    cost_centre: str


class SectionContent(TypedDict, total=False):
    """A customer whose lines are on their payer's invoice (see `document_parts.Section`)."""

    customer_id: Required[str]
    name: Required[str]
    purchase_order: str
    cost_centre: str


class DeductionContent(TypedDict):
    """A discount or an applied credit; its amount is negative."""

    description: str
    amount_minor: int
    tax_class: NotRequired[str]


class TaxContent(TypedDict):
    """The tax at one rate."""

    name: str
    percent: str
    category: str
    base_minor: int
    amount_minor: int
    note: NotRequired[str]
    on_top_of: NotRequired[list[str]]
    """Names of the taxes in its base."""
    classes: NotRequired[list[str]]
    """The tax classes of the lines that it is on ("" for none), if it is not on all."""


class MadeFrom(TypedDict, total=False):
    """What a draft was made from. A document keeps it and does not show it."""

    price_book: str
    tax_table: str
    """Their versions."""
    usage_until: str
    """The watermark: usage received later is not in it."""
    late_usage: Mapping[str, str]
    """The notes of late usage that it covers: since when, by period."""
    later_prices: Mapping[str, str]
    """By earlier period, the version of the price book that its late usage was priced with."""
    served: Mapping[str, Sequence[str]]
    """By period that it bills, the first instant and the first one after it, where they are not the period's in UTC."""
    fees_ahead: str
    """The period whose fees it bills in advance."""
    sizes: Mapping[str, list[SizeContent]]
    """By month, the sizes at its end that the next month begins with."""
    sizes_of: Mapping[str, Mapping[str, list[SizeContent]]]
    """The same of the customers in its sections, by customer."""
    usage_left: bool
    """Whether some usage of its month was received after the watermark."""
    to_price_again: list[str]
    """Later periods whose close has counted this one as it was, in a term of a maximum or minimum."""
    correction: str
    """In a credit note: what was asked for (see `CreditNote.correction`)."""


class OptionalEntries(TypedDict, total=False):
    """What only some documents say."""

    number: str
    """A draft has none."""
    kind: str
    seller_details: SellerContent
    due_on: str
    discounts: list[DeductionContent]
    taxes: list[TaxContent]
    prices_include_tax: bool
    credits: list[DeductionContent]
    corrects: str
    replaces: str
    notes: list[str]
    language: str
    sections: list[SectionContent]


class RequiredEntries(TypedDict):
    """What every document says."""

    period: str
    issued_on: str
    currency: str
    seller: str
    """The company's name; `seller_details` has the rest."""
    customer: BuyerContent
    lines: list[LineContent]
    total_minor: int


class Draft(MadeFrom, RequiredEntries, OptionalEntries):
    """A document as JSON, with everything that it says; its number, too, once it has one."""
