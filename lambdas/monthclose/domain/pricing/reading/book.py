"""Reading a whole price book, section by section; every mistake is collected, none hides another."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.book.cell import in_words
from monthclose.domain.pricing.book.discounting import Discounting
from monthclose.domain.pricing.book.price import Price, overlap
from monthclose.domain.pricing.book.price_book import PriceBook
from monthclose.domain.pricing.book.special import Commitment, Discount, Fee, Limit
from monthclose.domain.pricing.book.tax_class import TaxClass
from monthclose.domain.pricing.reading.fields import Fields
from monthclose.domain.pricing.reading.models import CAP_HOURS
from monthclose.domain.pricing.reading.prices import PRICE_FIELDS, read_override, read_price
from monthclose.domain.pricing.reading.special import (
    COMMITMENT_FIELDS,
    DISCOUNT_FIELDS,
    FEE_FIELDS,
    LIMIT_FIELDS,
    read_commitment,
    read_discount,
    read_discounting,
    read_fee,
    read_limit,
)
from monthclose.domain.pricing.reading.tax_classes import TAX_CLASS_FIELDS, read_tax_class

_SETTINGS = frozenset({"cap_hours", "discount_order", "discount_stacking"})
_FIELDS: Mapping[str, frozenset[str]] = {
    "prices": PRICE_FIELDS,
    "price": PRICE_FIELDS,
    "overrides": PRICE_FIELDS,
    "fees": FEE_FIELDS,
    "discounts": DISCOUNT_FIELDS,
    "commitments": COMMITMENT_FIELDS,
    "tax_classes": TAX_CLASS_FIELDS,
    "limits": LIMIT_FIELDS,
}
_SECTIONS = (*_FIELDS, "settings")
_MOST_SHOWN = 10


class PriceBookError(UserMistakeError):
    """A price book cannot be used; `mistakes` are all of them, each naming its entry."""

    def __init__(self, mistakes: list[str]) -> None:
        more = [f"and {len(mistakes) - _MOST_SHOWN} more"] if len(mistakes) > _MOST_SHOWN else []
        super().__init__("\n".join([*mistakes[:_MOST_SHOWN], *more]))
        self.mistakes = mistakes


def read_book(data: Mapping[str, object], calendar: BillingCalendar = IN_UTC) -> PriceBook:
    """Read a whole price book; its dates begin at the company's midnight.

    Sections: `prices` (or `price`), `overrides` (prices with `customers`), `fees`, `discounts`, `commitments`,
    `limits`, `tax_classes`, and `settings`.

    Raises
    ------
    PriceBookError
        Something in it cannot be used.
    """
    reader = _Reader(data, calendar)
    prices = [
        *reader.section("prices", reader.price),
        *reader.section("price", reader.price),
        *reader.section("overrides", reader.override),
    ]
    flat = [(_with_cell(label, price), price) for label, several in prices for price in several]
    reader.check_overlaps(flat)
    book = PriceBook(
        prices=tuple(price for _, price in flat),
        fees=reader.named(reader.section("fees", read_fee)),
        discounts=reader.named(reader.section("discounts", read_discount)),
        commitments=reader.named(reader.section("commitments", read_commitment)),
        tax_classes=reader.tax_classes(),
        limits=reader.named(reader.section("limits", read_limit)),
        discounting=reader.discounting,
    )
    if reader.mistakes:
        raise PriceBookError(reader.mistakes)
    return book


class _Reader:
    """Reads sections and collects the mistakes."""

    def __init__(self, data: Mapping[str, object], calendar: BillingCalendar) -> None:
        self._data, self._calendar = data, calendar
        self.mistakes = sorted(
            f"there is no section {name!r}; choose one of {', '.join(_SECTIONS)}" for name in data.keys() - _SECTIONS
        )
        self._cap_hours, self.discounting = CAP_HOURS, Discounting()
        self._settings(data.get("settings", {}))

    def _settings(self, values: object) -> None:
        if not isinstance(values, dict):
            self.mistakes.append("settings must be a table: [settings]")
            return
        try:
            fields = Fields(values, _SETTINGS)
            self._cap_hours = fields.positive("cap_hours") if fields.given("cap_hours") else CAP_HOURS
            self.discounting = read_discounting(fields)
            fields.done()
        except UserMistakeError as error:
            self.mistakes.append(f"settings: {error}")

    def price(self, fields: Fields) -> list[Price]:
        return read_price(fields, self._cap_hours)

    def override(self, fields: Fields) -> list[Price]:
        return read_override(fields, self._cap_hours)

    def section[T](self, name: str, read: Callable[[Fields], T]) -> list[tuple[str, T]]:
        """Read each entry of a section, with the label that names it."""
        entries = self._data.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.mistakes.append(f"{name} must be a list of tables: [[{name}]]")
            return []
        done = []
        for number, entry in enumerate(entries, 1):
            title = entry.get("sku", entry.get("id"))
            label = f"{name}[{number}]" + (f' "{title[:60]}"' if isinstance(title, str) and title else "")
            fields = Fields(entry, _FIELDS[name], self._calendar)
            try:
                done.append((label, read(fields)))
                fields.done()
            except UserMistakeError as error:
                self.mistakes.append(f"{label}: {error}")
        return done

    def named[T: Fee | Discount | Commitment | Limit | TaxClass](self, entries: list[tuple[str, T]]) -> tuple[T, ...]:
        """Take entries whose ids must differ."""
        seen: dict[str, str] = {}
        for label, entry in entries:
            if entry.id in seen:
                self.mistakes.append(f"{label}: it has the same id as {seen[entry.id]}")
            seen.setdefault(entry.id, label)
        return tuple(entry for _, entry in entries)

    def tax_classes(self) -> tuple[TaxClass, ...]:
        """Read the tax classes: a SKU has one."""
        entries, seen = self.section("tax_classes", read_tax_class), dict[str, str]()
        for label, entry in entries:
            for sku in entry.skus:
                if sku in seen:
                    self.mistakes.append(f"{label}: the SKU {sku!r} is in {seen[sku]} already")
                seen.setdefault(sku, label)
        return self.named(entries)

    def check_overlaps(self, prices: Iterable[tuple[str, Price]]) -> None:
        """Find entries that price the same thing at the same time."""
        known: dict[tuple[str, str, str], list[tuple[str, Price]]] = defaultdict(list)
        for label, price in prices:
            for other_label, other in known[price.identity]:
                both = overlap(price.valid, other.valid)
                if both and price.cell.where != other.cell.where:
                    if price.cell.competes_with(other.cell):
                        self.mistakes.append(
                            f"{label} and {other_label} may match the same usage, and neither is narrower: add an "
                            "entry with the conditions of both, or separate them"
                        )
                elif both:
                    since = f"from {self._calendar.day(both.start)} on" if both.start.year > 1 else "at the same time"
                    self.mistakes.append(
                        f"{label} and {other_label} both apply {since}: separate them with from and until"
                    )
            known[price.identity].append((label, price))


def _with_cell(label: str, price: Price) -> str:
    where = in_words(price.cell.shown(()))
    return f"{label} ({where})" if where else label
