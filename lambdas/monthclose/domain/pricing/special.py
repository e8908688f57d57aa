"""What a price book has beside prices: fees, discounts and minimum commitments. Each has an id, which names it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from monthclose.domain.period import Period
from monthclose.domain.pricing.aggregation import Window
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.models import Content
from monthclose.domain.pricing.price import ALWAYS, window_content


@dataclass(frozen=True, slots=True)
class Months:
    """Whole months, from `first` to before `end`; None: without that bound."""

    first: Period | None = None
    end: Period | None = None

    def __contains__(self, period: Period) -> bool:
        return (self.first is None or self.first <= period) and (self.end is None or period < self.end)

    def content(self) -> Content:
        """As in a price book's file."""
        return {
            "from": str(self.first) if self.first else None,
            "until": str(self.end) if self.end else None,
        }


@dataclass(frozen=True, slots=True)
class Fee:
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

    def concerns(self, customer_id: str, currency: str) -> bool:
        """Whether a customer pays it."""
        return self.currency == currency and _among(customer_id, self.customers)

    def content(self) -> Content:
        """As in a price book's file."""
        return _present(
            id=self.id,
            currency=self.currency,
            monthly_fee=plain(self.monthly_fee),
            customers=list(self.customers),
            description=self.description,
            in_advance=self.in_advance or None,
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
    months: Months = Months()

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
class Commitment:
    """A minimum a month, counted after all discounts; what is missing becomes a line, the true-up.

    Parameters
    ----------
    skus : tuple of str
        The SKUs whose usage counts towards it; empty: everything, fees too.
    """

    id: str
    currency: str
    minimum: Decimal
    customers: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    description: str = ""
    months: Months = Months()

    def concerns(self, customer_id: str, currency: str, period: Period) -> bool:
        """Whether a customer has it in a month."""
        return period in self.months and self.currency == currency and _among(customer_id, self.customers)

    def includes(self, other: Commitment) -> bool:
        """Whether all that counts towards another one counts towards this one, too."""
        return not self.skus or (bool(other.skus) and set(other.skus) <= set(self.skus))

    def content(self) -> Content:
        """As in a price book's file."""
        return _present(
            id=self.id,
            currency=self.currency,
            amount=plain(self.minimum),
            customers=list(self.customers),
            skus=list(self.skus),
            description=self.description,
            **self.months.content(),
        )


def _among(customer_id: str, customers: tuple[str, ...]) -> bool:
    return not customers or customer_id in customers


def _present(**fields: object) -> Content:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
