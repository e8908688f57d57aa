"""What of a price book holds for one customer in one month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from monthclose.domain.calendar import PLAIN, midnight
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.period import Period
from monthclose.domain.pricing.book.cell import in_words, names_of
from monthclose.domain.pricing.book.price import Price, month_seconds, overlap, without
from monthclose.domain.pricing.book.price_book import PriceBook
from monthclose.domain.pricing.book.special import Commitment, Discount, Fee, Limit
from monthclose.domain.pricing.book.term import Instants, Term
from monthclose.domain.pricing.deductions.earlier import EarlierMonths
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.usage import Attributes


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one customer in one month.

    Parameters
    ----------
    later : tuple of PriceBook
        Books that came after `book` was frozen for the month, oldest first: their prices count where it has none for
        a SKU, and nowhere else.
    earlier : EarlierMonths
        What the earlier months of terms have billed: see `reaches_back_to`.
    within : Window or None
        What of the period is billed with it, where that is not all of it in UTC.
    whole : Window or None
        All of the period, by the same clocks: monthly amounts are for that, and a shortened period has a part of them.
    zone : str
        The time zone that days and hours are counted in.
    billed_ahead : bool
        Whether the fees in advance are none of these terms': another customer's invoice has billed them.
    """

    book: PriceBook
    customer_id: str
    currency: str
    period: Period
    later: tuple[PriceBook, ...] = ()
    earlier: EarlierMonths = field(default_factory=EarlierMonths)
    within: Window | None = None
    whole: Window | None = None
    zone: str = PLAIN
    billed_ahead: bool = False

    @property
    def window(self) -> Window:
        """The month."""
        return self.within or self.whole_of(self.period)

    def window_of(self, period: Period) -> Window:
        """A month's instants for the customer: what of it is billed with it."""
        return self.window if period == self.period else self.whole_of(period)

    def whole_of(self, period: Period) -> Window:
        """A month's instants, whether or not all of it is billed with it."""
        if self.whole and period == self.period:
            return self.whole
        return Window(midnight(period.first_day, self.zone), midnight(period.end_day, self.zone))

    @property
    def instants(self) -> tuple[Period, Instants, Instants]:
        """What `Schedule.term` needs to know."""
        return self.period, self.window_of, self.whole_of

    @property
    def month(self) -> Window:
        """All of the period, of which `window` may be a part."""
        return self.whole or self.whole_of(self.period)

    def placed(self) -> Terms:
        """Work out the instants once: a line of the invoice asks for them."""
        return self if self.within and self.whole else replace(self, within=self.window, whole=self.month)

    def prorated(self, amount: Decimal) -> Fraction:
        """Take the part of an amount for a month that falls to a shortened period, by the second."""
        return Fraction(amount) * month_seconds(self.window) / month_seconds(self.month)

    def prices(self, sku: str) -> list[Price]:
        """Find the prices of a SKU, each valid for its part of the month, in order of time.

        The customer's own prices go before the general ones, for as long as they hold. There may be none. Of several
        at the same time, the narrowest that matches an event counts (see `cell`).
        """
        return self._in(self.book, sku)

    def due_unused(self) -> list[str]:
        """Find the SKUs of which something is due even if the customer uses nothing."""
        return [sku for sku in self.book.due_unused if any(price.due_unused for price in self.prices(sku))]

    def ranked(self, sku: str) -> list[Price]:
        """Find the same prices, in another order: of several that match an event, the last one counts."""
        return sorted(self._in(self.book, sku), key=_rank)

    def later_ranked(self, sku: str) -> list[Price]:
        """Find the prices of a SKU for what the frozen book has none for, as `ranked` does.

        Where the frozen book has one for all of the SKU's usage, none is needed. What came first goes before what came
        later: it was billed with first.
        """
        frozen = self.prices(sku)
        found = [price for book in reversed(self.later) for price in sorted(self._in(book, sku), key=_rank)]
        for price in frozen:
            if not price.cell.where:
                found = without(found, price.valid)
        return [price for price in found if price not in frozen]

    def names(self, sku: str) -> tuple[str, ...]:
        """The attributes by which a SKU's prices are told apart."""
        return names_of(price.cell for price in self._known(sku))

    def carries_over(self, sku: str) -> bool:
        """Whether a SKU's sizes continue from month to month."""
        return any(price.carries_over for price in self._known(sku))

    def _known(self, sku: str) -> Iterator[Price]:
        for book in (self.book, *self.later):
            yield from self._in(book, sku)

    def tax_class(self, price: Price) -> str:
        """Find the tax class of what a price is for; empty if it has none.

        That of the price; or, of a customer's own price, that of the general one at that time; or that of the SKU. The
        book that the price is from says so: a class that came later does not move what was billed.
        """
        book = self._book_of(price) if self.later else self.book
        if price.tax_class or not book.has_tax_classes:
            return price.tax_class
        general = self._within(book, price.sku, "") if price.customer else []
        holding = [one for one in general if one.valid.holds_at(price.valid.start)]
        alike = [one for one in holding if one.cell == price.cell] or holding
        found = alike[0].tax_class if len({one.tax_class for one in alike}) == 1 else ""
        return found or book.class_by_sku.get(price.sku, "")

    def _book_of(self, price: Price) -> PriceBook:
        """Find the first book that has a price for the time that it holds here."""

        def is_from(entry: Price) -> bool:
            return overlap(entry.valid, price.valid) == price.valid and replace(entry, valid=price.valid) == price

        identity = (price.sku, self.currency, price.customer)
        having = (book for book in (self.book, *self.later) if any(map(is_from, book.by_identity.get(identity, ()))))
        return next(having, self.book)

    def tax_classes(self, sku: str) -> set[str]:
        """Find the tax classes that a SKU has in the month: usually one, "" if that is none."""
        prices = self.prices(sku)
        return {self.tax_class(price) for price in prices} or {self.book.class_by_sku.get(sku, "")}

    def no_price(self, sku: str, time: datetime, attributes: Attributes = ()) -> ParkCustomerError:
        """Say that a SKU has no price at a time, and what to do: the customer waits for a person."""
        others = [currency for currency in self.book.currencies.get(sku, ()) if currency != self.currency]
        at = f"{time:%Y-%m-%d %H:%M} UTC" if self.prices(sku) else self.period
        if self.book.by_identity.get((sku, self.currency, "")):
            holding = any(price.valid.holds_at(time) for price in self.prices(sku))
            hint = f"it has one, but not for {'those attributes' if holding else at}"
        else:
            hint = f"it has one in {', '.join(others)}" if others else "it has none for this SKU"
        newer = ", nor does a newer one" if self.later else ""
        where = f" with {in_words(attributes)}" if attributes else ""
        return ParkCustomerError(
            "no_price",
            f"SKU {sku!r}{where} has no price in {self.currency} for its usage of {self.period} in price book "
            f"{self.book.version} ({hint}){newer}; import one with `monthclose import prices`, or correct that usage "
            "to 0, and close again",
        )

    def _in(self, book: PriceBook, sku: str) -> list[Price]:
        general, own = self._within(book, sku, ""), self._within(book, sku, self.customer_id)
        for price in own:
            if not price.cell.where:
                general = without(general, price.valid)
        return sorted([*general, *own], key=lambda price: price.valid)

    def _within(self, book: PriceBook, sku: str, customer: str) -> list[Price]:
        entries = book.by_identity.get((sku, self.currency, customer), ())
        parts = [(entry, overlap(entry.valid, self.window)) for entry in entries]
        return [replace(entry, valid=part) for entry, part in parts if part]

    def fees(self) -> list[tuple[Fee, Window]]:
        """The fees that are due, each with its part of the month."""
        mine = (fee for fee in self.book.fees if fee.concerns(self.customer_id, self.currency))
        due = [fee for fee in mine if not (self.billed_ahead and fee.in_advance)]
        parts = [(fee, overlap(fee.valid, self.window)) for fee in due]
        return [(fee, part) for fee, part in parts if part]

    def discounts(self) -> list[Discount]:
        """The discounts that hold, in the order in which they are taken off."""
        holding = [d for d in self.book.discounts if d.concerns(self.customer_id, self.currency, self.period)]
        return self.book.discounting.in_order(holding)

    def commitments(self) -> list[Commitment]:
        """The commitments that hold."""
        return self._holding(self.book.commitments)

    def limits(self) -> list[Limit]:
        """The limits that hold."""
        return self._holding(self.book.limits)

    def _holding[T: Commitment | Limit](self, entries: Iterable[T]) -> list[T]:
        mine = [one for one in entries if one.concerns(self.customer_id, self.currency)]
        return [one for one in mine if one.schedule.holds_in(self.period, self.window_of)]

    @property
    def reaches_back_to(self) -> Period | None:
        """The first month of the terms that the month belongs to, since when all that was billed counts.

        None: no maximum or minimum is for more than a month. It may be the month itself.
        """
        return min((term.first for term in self._long_terms()), default=None)

    @property
    def reaches_on_to(self) -> Period:
        """The last month of those terms: what is billed now counts until then. Often the month itself."""
        return max((term.last for term in self._long_terms()), default=self.period)

    def _long_terms(self) -> Iterator[Term]:
        for one in self._holding(self.book.beyond_a_month):
            yield one.schedule.term(*self.instants)


def _rank(price: Price) -> tuple[object, ...]:
    """The order of a customer's prices: their own last, of those the narrowest; equally narrow ones by time."""
    return (bool(price.customer), price.cell.rank, price.valid, price.cell.where)
