"""The pricing models: what a measured quantity costs, written down step by step.

Each is an odd function: a negative quantity (corrections larger than the usage) costs minus what the positive one
costs. Prices are in major units of the currency, fractions of a cent allowed; every number is exact.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Protocol

from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import Explanation

type Content = dict[str, object]
"""As in a price book's file: decimals are text."""


class Model(Protocol):
    """How a quantity is priced."""

    @property
    def name(self) -> str:
        """The model's name in a price book."""

    @property
    def by_resource(self) -> bool:
        """Whether it can only be applied to one resource at a time."""

    @property
    def single_price(self) -> Decimal | None:
        """The price of each unit, if there is one such price."""

    def explain(self, quantity: Fraction, into: Explanation) -> None:
        """Add the steps that price a quantity."""

    def content(self) -> Content:
        """Its fields in a price book."""


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Quantity x unit price; `monthly_cap` bounds what one resource costs in a month.

    A cap in hours is the same thing said differently: 672 h at 0.00893 are at most 6.00096
    (https://docs.digitalocean.com/platform/billing/, "monthly cap at 672 hours").
    """

    unit_price: Decimal
    monthly_cap: Decimal | None = None
    cap_hours: Decimal | None = None

    @property
    def name(self) -> str:
        """The model's name in a price book."""
        return "per_unit" if self._cap is None else "hourly"

    @property
    def by_resource(self) -> bool:
        """A cap is a resource's own."""
        return self._cap is not None

    @property
    def single_price(self) -> Decimal | None:
        """The price of each unit."""
        return self.unit_price

    @property
    def _cap(self) -> Fraction | None:
        caps = [Fraction(self.monthly_cap)] if self.monthly_cap is not None else []
        if self.cap_hours is not None:
            caps.append(Fraction(self.cap_hours) * Fraction(self.unit_price))
        return min(caps, default=None)

    def explain(self, quantity: Fraction, into: Explanation) -> None:
        """Add the units, and the cap where it is reached."""
        into.add("units", quantity=quantity, unit_price=self.unit_price)
        cap = self._cap
        if cap is not None and abs(into.total) > cap:
            into.add("cap", cap=cap)

    def content(self) -> Content:
        """Its fields in a price book."""
        caps = {"monthly_cap": self.monthly_cap, "cap_hours": self.cap_hours}
        return {
            "model": self.name,
            "unit_price": plain(self.unit_price),
            **{name: plain(value) for name, value in caps.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: from `start` (exclusive) up to `up_to` (inclusive; None: without end); `flat` is due once begun.

    Parameters
    ----------
    package_size : Decimal or None
        If the tier is sold in packages of so many units, of which `unit_price` is the price.
    whole_packages : bool
        Whether a part of a package costs nothing; otherwise it counts as a whole one.
    """

    start: Decimal
    up_to: Decimal | None
    unit_price: Decimal
    flat: Decimal = Decimal(0)
    package_size: Decimal | None = None
    whole_packages: bool = False

    def explain(self, quantity: Fraction, into: Explanation, flat: Decimal | None = None) -> None:
        """Add a quantity at this tier's price, with its flat amount or another one."""
        flat = self.flat if flat is None else flat
        end = plain(self.up_to) if self.up_to is not None else "any"
        price: Mapping[str, Decimal] = {"unit_price": self.unit_price}
        if self.package_size is not None:
            price = {"size": self.package_size, "package_price": self.unit_price}
        step: Mapping[str, Fraction | Decimal | str] = {
            "from": plain(self.start),
            "up_to": end,
            "quantity": quantity,
            **price,
            **({"flat": flat if quantity >= 0 else -flat} if flat else {}),
        }
        kind = "tier_whole_packages" if self.whole_packages else "tier_packages"
        into.add(kind if self.package_size is not None else "tier", **step)

    def content(self) -> Content:
        """Its fields in a price book."""
        numbers = {
            "unit_price" if self.package_size is None else "package_price": self.unit_price,
            "package_size": self.package_size,
            "up_to": self.up_to,
            "flat": self.flat or None,
        }
        return {
            **{name: plain(number) for name, number in numbers.items() if number is not None},
            **({"package_rounding": "down"} if self.whole_packages else {}),
        }


@dataclass(frozen=True, slots=True)
class Tiered(ABC):
    """What prices by tiers.

    Parameters
    ----------
    flat_at_zero : bool
        Whether the first tier counts as begun when nothing is used: its flat amount is then due from everybody whom
        the price is for, as the lowest price of a plan is.
    prorated : bool
        Whether the tiers count the units held at a time, each for the time that it is held (see `held`).
    """

    tiers: tuple[Tier, ...]
    flat_at_zero: bool = False
    prorated: bool = False
    name: ClassVar[str] = ""
    by_resource: ClassVar[bool] = False
    single_price: ClassVar[Decimal | None] = None

    @abstractmethod
    def parts(self, quantity: Fraction) -> Iterator[tuple[Tier, Fraction]]:
        """Cut a quantity into what each tier prices."""

    def explain(self, quantity: Fraction, into: Explanation) -> None:
        """Add each tier that prices a part of the quantity."""
        for tier, part in self.parts(quantity):
            tier.explain(part, into)

    def content(self) -> Content:
        """Its fields in a price book."""
        return {
            "model": self.name,
            "tiers": [tier.content() for tier in self.tiers],
            **({"flat_at_zero": True} if self.flat_at_zero else {}),
            **({"prorated": True} if self.prorated else {}),
        }


@dataclass(frozen=True, slots=True)
class Graduated(Tiered):
    """Each part of the quantity at its tier's price (https://docs.stripe.com/products-prices/pricing-models)."""

    name: ClassVar[str] = "graduated"

    def parts(self, quantity: Fraction) -> Iterator[tuple[Tier, Fraction]]:
        """Cut a quantity at the tiers' ends."""
        size, sign = abs(quantity), 1 if quantity > 0 else -1
        if not size and self.flat_at_zero:
            yield self.tiers[0], size
        for tier in self.tiers:
            if size > tier.start:
                end = size if tier.up_to is None else min(size, Fraction(tier.up_to))
                yield tier, sign * (end - Fraction(tier.start))


@dataclass(frozen=True, slots=True)
class Volume(Tiered):
    """The whole quantity at the price of the tier that it ends in (same source as `Graduated`)."""

    name: ClassVar[str] = "volume"

    def parts(self, quantity: Fraction) -> Iterator[tuple[Tier, Fraction]]:
        """Leave a quantity in one piece."""
        if quantity or self.flat_at_zero:
            yield next(t for t in self.tiers if t.up_to is None or abs(quantity) <= t.up_to), quantity


@dataclass(frozen=True, slots=True)
class Package:
    """A price per block of `size` units: per started one, or per whole one (`whole_packages`)."""

    package_price: Decimal
    size: Decimal
    whole_packages: bool = False
    name: ClassVar[str] = "package"
    by_resource: ClassVar[bool] = False
    single_price: ClassVar[Decimal | None] = None

    def explain(self, quantity: Fraction, into: Explanation) -> None:
        """Add the blocks."""
        kind = "whole_packages" if self.whole_packages else "packages"
        into.add(kind, quantity=quantity, size=self.size, package_price=self.package_price)

    def content(self) -> Content:
        """Its fields in a price book."""
        fields = {"model": self.name, "package_price": plain(self.package_price), "package_size": plain(self.size)}
        return {**fields, "package_rounding": "down"} if self.whole_packages else dict(fields)


@dataclass(frozen=True, slots=True)
class Flat:
    """A monthly fee for each resource, by the second for those that start or end in the month.

    The quantity is in months: time-weighted, so one resource that was there for half of the month is 0.5.
    """

    monthly_fee: Decimal
    name: ClassVar[str] = "flat"
    by_resource: ClassVar[bool] = True
    single_price: ClassVar[Decimal | None] = None

    def explain(self, quantity: Fraction, into: Explanation) -> None:
        """Add the fee for the seconds it is due for."""
        into.add("prorated", fee=self.monthly_fee, seconds=quantity * into.month_seconds, of_seconds=into.month_seconds)

    def content(self) -> Content:
        """Its fields in a price book."""
        return {"model": self.name, "monthly_fee": plain(self.monthly_fee)}


@dataclass(frozen=True, slots=True)
class Percentage:
    """A percentage of an amount: the quantity is money, in major units of the customer's currency."""

    percent: Decimal
    name: ClassVar[str] = "percentage"
    by_resource: ClassVar[bool] = False
    single_price: ClassVar[Decimal | None] = None

    def explain(self, quantity: Fraction, into: Explanation) -> None:
        """Add the share."""
        into.add("percent", percent=self.percent, of=quantity)

    def content(self) -> Content:
        """Its fields in a price book."""
        return {"model": self.name, "percent": plain(self.percent)}


def is_by_time(model: Model) -> bool:
    """Whether it prices sizes by the time for which they are held in the month, and nothing else."""
    return isinstance(model, Flat) or (isinstance(model, Tiered) and model.prorated)
