"""What is made of a measured quantity before it is priced: another unit, a multiple, a minimum.

In this order: the quantity is converted, rounded to a multiple, and raised to the minimum. It is one rule for the
month's quantity of a line, or for each event (a call by started minutes, a machine's run of 60 seconds at least). It is
odd, as the models are: minus a quantity becomes minus what the quantity becomes; and nothing stays nothing.

Dividing and rounding up or down is Stripe's `transform_quantity`
(https://docs.stripe.com/billing/subscriptions/usage-based/transform-quantities).
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor

from monthclose.domain.money import EXACT
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.metering.aggregation import Meter
from monthclose.domain.pricing.models import Content
from monthclose.domain.usage import UsageEvent


class Rounding(StrEnum):
    """Where a quantity between two multiples goes."""

    UP = "up"
    DOWN = "down"
    NEAREST = "nearest"
    """Halves go up."""


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """What is made of a quantity.

    Parameters
    ----------
    divide_by, multiply_by : Decimal or None
        From the unit that is measured to the one that is priced: bytes / 1,073,741,824 are GiB. One of them at most.
    rounding : Rounding or None
        How it becomes a multiple of `multiple`; None: not at all.
    minimum : Decimal
        The least that is billed where anything was used.
    each_event : bool
        Whether the rule is for each event, and not for the month's quantity. It must round then, so that what events
        add up to is a decimal.
    """

    divide_by: Decimal | None = None
    multiply_by: Decimal | None = None
    rounding: Rounding | None = None
    multiple: Decimal = Decimal(1)
    minimum: Decimal = Decimal(0)
    each_event: bool = False

    def of(self, quantity: Fraction) -> Fraction:
        """Make the quantity that is priced of one that was measured."""
        return self._raised(self._rounded(self._converted(quantity)))

    def of_month(self, quantity: Fraction) -> Fraction:
        """Make the quantity that is priced of a month's, whose events may have been changed already."""
        return quantity if self.each_event else self.of(quantity)

    def of_event(self, quantity: Decimal) -> Decimal:
        """Make the quantity that counts of an event's: the same arithmetic as `of`, in decimals for its speed."""
        multiples, rest = EXACT.divmod(EXACT.multiply(quantity.copy_abs(), self.multiply_by or 1), self._unit)
        halves = EXACT.compare(EXACT.add(rest, rest), self._unit)
        if (self.rounding is Rounding.UP and rest) or (self.rounding is Rounding.NEAREST and halves >= 0):
            multiples = EXACT.add(multiples, 1)
        size = EXACT.multiply(multiples, self.multiple)
        size = max(size, self.minimum) if size else size
        return size if quantity > 0 else size.copy_negate()

    @property
    def _unit(self) -> Decimal:
        """What becomes one multiple, in the unit that is measured, multiplied."""
        return EXACT.multiply(self.multiple, self.divide_by or 1)

    def explain(self, measured: Fraction, into: Explanation) -> None:
        """Add the steps that change a measured quantity; of events that are changed one by one, what they came to."""
        if self.each_event:
            least = max(self.minimum, self.multiple if self.rounding is Rounding.UP else Decimal(0))
            into.add("each_event", multiple=self.multiple, minimum=least, quantity=measured)
            return
        converted = self._converted(measured)
        if self.divide_by is not None:
            into.add("divided", measured=measured, divided_by=self.divide_by, quantity=converted)
        if self.multiply_by is not None:
            into.add("multiplied", measured=measured, multiplied_by=self.multiply_by, quantity=converted)
        rounded = self._rounded(converted)
        if rounded != converted:
            into.add(f"rounded_{self.rounding}", measured=converted, multiple=self.multiple, quantity=rounded)
        if self._raised(rounded) != rounded:
            into.add("minimum", measured=rounded, minimum=self.minimum)

    def _converted(self, quantity: Fraction) -> Fraction:
        return quantity * Fraction(self.multiply_by or 1) / Fraction(self.divide_by or 1)

    def _rounded(self, quantity: Fraction) -> Fraction:
        multiple = Fraction(self.multiple)
        size, sign = abs(quantity) / multiple, -1 if quantity < 0 else 1
        match self.rounding:
            case Rounding.UP:
                return sign * ceil(size) * multiple
            case Rounding.DOWN:
                return sign * floor(size) * multiple
            case Rounding.NEAREST:
                return sign * floor(size + Fraction(1, 2)) * multiple
            case None:
                return quantity

    def _raised(self, quantity: Fraction) -> Fraction:
        if not quantity or abs(quantity) >= self.minimum:
            return quantity
        return Fraction(self.minimum if quantity > 0 else -self.minimum)

    def content(self) -> Content:
        """Its fields in a price book; what says nothing is left out."""
        numbers = {
            "divide_by": self.divide_by,
            "multiply_by": self.multiply_by,
            "round_to": self.multiple if self.rounding and self.multiple != 1 else None,
            "minimum_quantity": self.minimum or None,
        }
        return {
            **{name: plain(number) for name, number in numbers.items() if number is not None},
            **({"round": self.rounding.value} if self.rounding else {}),
            **({"round_each_event": True} if self.each_event else {}),
        }


class EachEvent:
    """Changes each event's quantity before a meter takes it."""

    def __init__(self, rule: QuantityRule, meter: Meter) -> None:
        self._rule, self._meter = rule, meter
        self.measured = meter.measured

    def add(self, event: UsageEvent) -> None:
        """Take an event."""
        self._meter.add(replace(event, quantity=self._rule.of_event(event.quantity)))
