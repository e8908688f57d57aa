"""Import prices: all of a file's, or none of them."""

from collections import Counter
from collections.abc import Iterable

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import Reject, Row, Tally, add_named, read_price, read_row
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.pricing.book.checks import mistakes_of
from monthclose.domain.pricing.reading import PriceBookError
from monthclose.ports import PriceBooks
from monthclose.use_cases.imports.check_rows import kept

_MOST_PRICES = 100_000
"""A price book is held in memory wherever it is used."""


class TrialPriceBooks:
    """`PriceBooks` as an import would leave them: what is merged is kept here, and nothing is stored."""

    def __init__(self, stored: PriceBooks) -> None:
        self._stored = stored
        self._merged: PriceBook | None = None

    def latest(self) -> str:
        """Name the latest version, were it stored."""
        return self._merged.version if self._merged else self._stored.latest()

    def get(self, version: str) -> PriceBook:
        """Read one version."""
        return self._merged if self._merged and version == self._merged.version else self._stored.get(version)

    def merge(self, additions: PriceBook) -> PriceBook:
        """Merge a book into the latest one, for now."""
        self._merged = self.get(self.latest()).merged(additions)
        return self._merged


def import_prices(rows: Iterable[Row], mapping: ColumnMapping, *, price_books: PriceBooks, reject: Reject) -> Tally:
    """Merge a file's prices into the price book, if every row is valid.

    A price book with holes would park customers or bill some of them at the old prices, so one bad row withholds the
    others. A row without a unit or description keeps the current one.

    Raises
    ------
    UserMistakeError
        There are more prices than a price book may have.
    """
    tally = Tally()
    prices: dict[tuple[str, str], Price] = {}
    for row in kept(rows, mapping, tally):
        price, reason = read_row(row, mapping, read_price)
        if price is not None and prices.get((price.sku, price.currency), price).model != price.model:
            price, reason = None, "sku and currency appear twice with different prices"
        if price is None:
            add_named(tally.rejected, reason)
            reject(row, reason)
            continue
        prices[price.sku, price.currency] = price
        if len(prices) > _MOST_PRICES:
            raise UserMistakeError(f"there are more than {_MOST_PRICES:,} prices: nothing was imported")
        tally.taken += 1
        tally.groups[price.currency] += 1
    if tally.rejected:
        return Tally(withheld=tally.taken, rejected=tally.rejected, left_out=tally.left_out)
    if prices:
        book = price_books.get(price_books.latest())
        price_books.merge(PriceBook.of(book.filled_in(price) for price in prices.values()))
    return tally


def import_price_book(book: PriceBook, *, price_books: PriceBooks) -> Tally:
    """Merge a whole book (prices, fees, discounts, commitments, limits) into the latest one.

    Raises
    ------
    PriceBookError
        An entry would have no effect, or contradicts another one (see `domain.pricing.checks`).
    """
    mistakes = mistakes_of(book, price_books.get(price_books.latest()).merged(book))
    if mistakes:
        raise PriceBookError(mistakes)
    groups: Counter[str] = Counter(price.currency for price in book.prices)
    sections = {
        "fees": book.fees,
        "discounts": book.discounts,
        "commitments": book.commitments,
        "limits": book.limits,
        "tax_classes": book.tax_classes,
    }
    for name, entries in sections.items():
        if entries:
            groups[name] = len(entries)
    if groups:
        price_books.merge(book)
    return Tally(taken=groups.total(), groups=groups)
