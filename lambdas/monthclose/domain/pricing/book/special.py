"""What a price book has beside prices: fees, discounts, minimum commitments and limits. Each has an id."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from monthclose.domain.period import Period
from monthclose.domain.pricing.book.price import ALWAYS, window_content
from monthclose.domain.pricing.book.scope import Scope
from monthclose.domain.pricing.book.term import ALL_MONTHS, Length, Months, Schedule
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.pricing.models import Content


class _Charged:
    """What is charged in one currency, to some customers or to all."""

    __slots__ = ()
    currency: str
    customers: tuple[str, ...]

    def concerns(self, customer_id: str, currency: str) -> bool:
        """Whether it is for a customer, while it holds."""
        return self.currency == currency and _among(customer_id, self.customers)


@dataclass(frozen=True, slots=True)
class Fee(_Charged):
    """A monthly fee that is due whatever is used, by the second where it begins or ends in the month.

    Parameters
    ----------
    customers : tuple of str
        Who pays it; empty: everybody with the currency.
    in_advance : bool
        Whether an invoice bills that of the period after its own.
    """

    id: str
    currency: str
    monthly_fee: Decimal
    customers: tuple[str, ...] = ()
    description: str = ""
    valid: Window = ALWAYS
    in_advance: bool = False
    tax_class: str = ""

    def content(self) -> Content:
        """As in a price book's file."""
        return _present(
            id=self.id,
            currency=self.currency,
            monthly_fee=plain(self.monthly_fee),
            customers=list(self.customers),
            description=self.description,
            in_advance=self.in_advance or None,
            tax_class=self.tax_class,
            **window_content(self.valid),
        )


@dataclass(frozen=True, slots=True)
class Discount:
    """A discount on what is positive; it never makes an amount negative.

    Parameters
    ----------
    percent, off : Decimal or None
        One of them: percent of the amount, or so many major units of `currency` a month.
    currency : str
        The currency that it holds for; empty (percent only): any.
    skus : tuple of str
        What it is on: the SKUs' usage; empty: the whole invoice, fees too, after the discounts by SKU.
    customers : tuple of str
        Who has it; empty: everybody.
    """

    id: str
    percent: Decimal | None = None
    off: Decimal | None = None
    currency: str = ""
    skus: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    description: str = ""
    months: Months = ALL_MONTHS

    def concerns(self, customer_id: str, currency: str, period: Period) -> bool:
        """Whether a customer has it in a month."""
        return period in self.months and self.currency in ("", currency) and _among(customer_id, self.customers)

    def content(self) -> Content:
        """As in a price book's file."""
        return _present(
            id=self.id,
            percent=None if self.percent is None else plain(self.percent),
            amount=None if self.off is None else plain(self.off),
            currency=self.currency,
            skus=list(self.skus),
            customers=list(self.customers),
            description=self.description,
            **self.months.content(),
        )


@dataclass(frozen=True, slots=True)
class Commitment(_Charged):
    """A minimum a term, counted after all discounts; what is missing at its end becomes a line, the true-up.

    Parameters
    ----------
    skus, fees : tuple of str
        The SKUs whose usage counts towards it, and the fees, by id; both empty: everything.
    tax_class : str
        That of its true-up; empty: that of its SKUs (see `tax_shares`).
    valid : Window
        Bounds within a month, which prorate it by the second; whole months are in `months`.
    term : Length
        What the minimum is for.
    calendar : bool
        Whether quarters and years are those of the calendar, and not counted from the first month.
    overage : Decimal or None
        What the price of anything above the minimum is multiplied by.
    """

    id: str
    currency: str
    minimum: Decimal
    customers: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    description: str = ""
    months: Months = ALL_MONTHS
    tax_class: str = ""
    fees: tuple[str, ...] = ()
    valid: Window = ALWAYS
    term: Length = Length.MONTH
    calendar: bool = False
    overage: Decimal | None = None

    @property
    def scope(self) -> Scope:
        """What counts towards it."""
        return Scope(self.skus, self.fees)

    @property
    def schedule(self) -> Schedule:
        """When it holds, and its terms."""
        return Schedule(self.months, self.valid, self.term, self.calendar)

    def content(self) -> Content:
        """As in a price book's file."""
        return _present(
            id=self.id,
            currency=self.currency,
            amount=plain(self.minimum),
            customers=list(self.customers),
            skus=list(self.skus),
            fees=list(self.fees),
            description=self.description,
            tax_class=self.tax_class,
            overage=None if self.overage is None else plain(self.overage),
            **self.schedule.content(),
        )


@dataclass(frozen=True, slots=True)
class Limit(_Charged):
    """A maximum a term: what is above it is taken off.

    Parameters
    ----------
    skus, fees : tuple of str
        The SKUs whose usage it is on, and the fees, by id; both empty: the whole invoice.
    per_resource : bool
        Whether each resource has a maximum of its own, for all of the SKUs together.
    before_discounts : bool
        Whether it is applied before the discounts, which are then on what it leaves.
    """

    id: str
    currency: str
    maximum: Decimal
    customers: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    fees: tuple[str, ...] = ()
    description: str = ""
    months: Months = ALL_MONTHS
    term: Length = Length.MONTH
    calendar: bool = False
    per_resource: bool = False
    before_discounts: bool = False

    @property
    def scope(self) -> Scope:
        """What it is on."""
        return Scope(self.skus, self.fees)

    @property
    def schedule(self) -> Schedule:
        """When it holds, and its terms."""
        return Schedule(self.months, length=self.term, calendar=self.calendar)

    def content(self) -> Content:
        """As in a price book's file."""
        return _present(
            id=self.id,
            currency=self.currency,
            maximum=plain(self.maximum),
            customers=list(self.customers),
            skus=list(self.skus),
            fees=list(self.fees),
            description=self.description,
            per_resource=self.per_resource or None,
            before_discounts=self.before_discounts or None,
            **self.schedule.content(),
        )


def _among(customer_id: str, customers: tuple[str, ...]) -> bool:
    return not customers or customer_id in customers


def _present(**fields: object) -> Content:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
