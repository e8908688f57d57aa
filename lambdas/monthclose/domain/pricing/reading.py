"""Reading a price book from its file's content (TOML or JSON, as plain data), with every mistake named by its entry."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pricing.aggregation import Aggregation
from monthclose.domain.pricing.book import PriceBook
from monthclose.domain.pricing.exact import plain
from monthclose.domain.pricing.fields import Fields
from monthclose.domain.pricing.models import Flat, Graduated, Model, Package, Percentage, PerUnit, Tier, Volume
from monthclose.domain.pricing.price import SECONDS, Price, overlap
from monthclose.domain.pricing.special import Commitment, Discount, Fee

CAP_HOURS = Decimal(672)
"""28 days: after so many hours an hourly price with a cap has reached it, unless the book says otherwise."""
_SECTIONS = ("prices", "price", "overrides", "fees", "discounts", "commitments", "settings")
_OF_PRICES = (
    "sku currency customers model unit description aggregation free per_resource from until time_unit unit_price "
    "monthly_cap cap_hours tiers package_price package_size monthly_fee percent"
)
_PRICE_FIELDS = frozenset(_OF_PRICES.split())
_SPECIAL_FIELDS = frozenset({"id", "currency", "customers", "skus", "description", "from", "until"})
_FIELDS: Mapping[str, frozenset[str]] = {
    "settings": frozenset({"cap_hours"}),
    "prices": _PRICE_FIELDS,
    "price": _PRICE_FIELDS,
    "overrides": _PRICE_FIELDS,
    "fees": _SPECIAL_FIELDS - {"skus"} | {"monthly_fee"},
    "discounts": _SPECIAL_FIELDS | {"percent", "amount", "periods"},
    "commitments": _SPECIAL_FIELDS | {"amount", "periods"},
}
"""All that entries of each section can have, whatever their model: see docs/price-book.md."""
_TIER_FIELDS = frozenset({"from", "up_to", "unit_price", "flat"})
_MOST_SHOWN = 10


class PriceBookError(UserMistakeError):
    """A price book cannot be used; `mistakes` are all of them, each naming its entry."""

    def __init__(self, mistakes: list[str]) -> None:
        more = [f"and {len(mistakes) - _MOST_SHOWN} more"] if len(mistakes) > _MOST_SHOWN else []
        super().__init__("\n".join([*mistakes[:_MOST_SHOWN], *more]))
        self.mistakes = mistakes


def read_book(data: Mapping[str, object]) -> PriceBook:
    """Read a whole price book.

    Sections: `prices` (or `price`), `overrides` (prices with `customers`), `fees`, `discounts`, `commitments`, and
    `settings` with `cap_hours`.

    Raises
    ------
    PriceBookError
        Something in it cannot be used.
    """
    reader = _Reader()
    unknown = [
        f"there is no section {name!r}; choose one of {', '.join(_SECTIONS)}" for name in data.keys() - _SECTIONS
    ]
    reader.mistakes += sorted(unknown)
    reader.settings(data.get("settings", {}))
    prices = [
        *reader.section(data, "prices", reader.price),
        *reader.section(data, "price", reader.price),
        *reader.section(data, "overrides", reader.override),
    ]
    flat = [(label, price) for label, several in prices for price in several]
    reader.check_overlaps(flat)
    book = PriceBook(
        prices=tuple(price for _, price in flat),
        fees=reader.named(reader.section(data, "fees", _fee)),
        discounts=reader.named(reader.section(data, "discounts", _discount)),
        commitments=reader.named(reader.section(data, "commitments", _commitment)),
    )
    if reader.mistakes:
        raise PriceBookError(reader.mistakes)
    return book


class _Reader:
    """Reads sections and collects the mistakes."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self._cap_hours = CAP_HOURS

    def settings(self, values: object) -> None:
        if not isinstance(values, dict):
            self.mistakes.append("settings must be a table: [settings]")
            return
        try:
            fields = Fields(values, _FIELDS["settings"])
            self._cap_hours = fields.positive("cap_hours") if fields.given("cap_hours") else CAP_HOURS
            fields.done()
        except UserMistakeError as error:
            self.mistakes.append(f"settings: {error}")

    def section[T](self, data: Mapping[str, object], name: str, read: Callable[[Fields], T]) -> list[tuple[str, T]]:
        """Read each entry of a section, with the label that names it."""
        entries = data.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.mistakes.append(f"{name} must be a list of tables: [[{name}]]")
            return []
        done = []
        for number, entry in enumerate(entries, 1):
            title = entry.get("sku", entry.get("id"))
            label = f"{name}[{number}]" + (f' "{title[:60]}"' if isinstance(title, str) and title else "")
            fields = Fields(entry, _FIELDS[name])
            try:
                done.append((label, read(fields)))
                fields.done()
            except UserMistakeError as error:
                self.mistakes.append(f"{label}: {error}")
        return done

    def named[T: Fee | Discount | Commitment](self, entries: list[tuple[str, T]]) -> tuple[T, ...]:
        """Take entries whose ids must differ."""
        seen: dict[str, str] = {}
        for label, entry in entries:
            if entry.id in seen:
                self.mistakes.append(f"{label}: it has the same id as {seen[entry.id]}")
            seen.setdefault(entry.id, label)
        return tuple(entry for _, entry in entries)

    def check_overlaps(self, prices: Iterable[tuple[str, Price]]) -> None:
        """Find entries that price the same thing at the same time."""
        known: dict[tuple[str, str, str], list[tuple[str, Price]]] = defaultdict(list)
        for label, price in prices:
            for other_label, other in known[price.identity]:
                both = overlap(price.valid, other.valid)
                if both:
                    since = f"from {both.start:%Y-%m-%d} on" if both.start.year > 1 else "at the same time"
                    self.mistakes.append(
                        f"{label} and {other_label} both apply {since}: separate them with from and until"
                    )
            known[price.identity].append((label, price))

    def override(self, fields: Fields) -> list[Price]:
        if not fields.given("customers"):
            raise UserMistakeError(f"customers is missing{fields.unknown}: list the customers it is for")
        return self.price(fields)

    def price(self, fields: Fields) -> list[Price]:
        """Read a price; one for several customers is as many prices."""
        sku, currency, customers = fields.key("sku"), fields.currency(), fields.keys("customers")
        kind = fields.choice("model", tuple(_MODELS), "per_unit")
        model = self._hourly(fields) if kind == "hourly" else _MODELS[kind](fields)
        usual = Aggregation.TIME_WEIGHTED if isinstance(model, Flat) else Aggregation.SUM
        aggregation = Aggregation(fields.choice("aggregation", tuple(Aggregation), usual))
        if isinstance(model, Flat) and aggregation is not Aggregation.TIME_WEIGHTED:
            raise UserMistakeError("a flat fee is weighted by time: leave aggregation out")
        price = Price(
            sku=sku,
            currency=currency,
            model=model,
            unit=fields.text("unit"),
            description=fields.text("description"),
            aggregation=aggregation,
            free=fields.optional_number("free") or Decimal(0),
            per_resource=fields.flag("per_resource"),
            valid=fields.window(),
            time_unit=fields.choice("time_unit", (*SECONDS, "month"), "hour"),
        )
        return [replace(price, customer=customer) for customer in customers or ("",)]

    def _hourly(self, fields: Fields) -> PerUnit:
        unit_price, cap = fields.number("unit_price"), fields.optional_number("monthly_cap")
        if fields.given("cap_hours"):
            return PerUnit(unit_price, cap, fields.positive("cap_hours"))
        return PerUnit(unit_price, cap, self._cap_hours if cap is None else None)


def _tiers(fields: Fields) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    for number, table in enumerate(fields.tables("tiers"), 1):
        read = Fields(table, _TIER_FIELDS)
        try:
            tiers.append(_tier(number, read, tiers[-1].up_to if tiers else Decimal(0)))
            read.done()
        except UserMistakeError as error:
            raise UserMistakeError(str(error) if "tiers" in str(error) else f"tier {number}: {error}") from None
    if tiers[-1].up_to is not None:
        raise UserMistakeError(f"there is no price beyond {plain(tiers[-1].up_to)}: the last tier must have no up_to")
    return tuple(tiers)


def _tier(number: int, fields: Fields, end: Decimal | None) -> Tier:
    """Read a tier; `end` is where the one before it ends."""
    if end is None:
        raise UserMistakeError(f"it can never be reached, because tier {number - 1} has no up_to")
    start, up_to = fields.optional_number("from"), fields.optional_number("up_to")
    if start is not None and start != end:
        raise UserMistakeError(_not_joined(number, start, end))
    if up_to is not None and up_to <= end:
        raise UserMistakeError(_not_joined(number, up_to, end) if number > 1 else "up_to must be more than 0")
    return Tier(end, up_to, fields.number("unit_price"), fields.optional_number("flat") or Decimal(0))


def _not_joined(number: int, at: Decimal, end: Decimal) -> str:
    if number == 1:
        return f"there is a gap before the tiers: the first begins at {plain(at)}, not at 0"
    if at > end:
        return f"there is a gap between tiers {number - 1} and {number}, from {plain(end)} to {plain(at)}"
    return f"tiers {number - 1} and {number} overlap at {plain(at)}"


_MODELS: Mapping[str, Callable[[Fields], Model]] = {
    "per_unit": lambda fields: PerUnit(fields.number("unit_price")),
    "hourly": lambda fields: PerUnit(fields.number("unit_price")),  # with the book's cap: see `_hourly`
    "graduated": lambda fields: Graduated(_tiers(fields)),
    "volume": lambda fields: Volume(_tiers(fields)),
    "package": lambda fields: Package(fields.number("package_price"), fields.positive("package_size")),
    "flat": lambda fields: Flat(fields.number("monthly_fee")),
    "percentage": lambda fields: Percentage(fields.number("percent")),
}


def _fee(fields: Fields) -> Fee:
    return Fee(
        id=fields.key("id"),
        currency=fields.currency(),
        monthly_fee=fields.number("monthly_fee"),
        customers=fields.keys("customers"),
        description=fields.text("description"),
        valid=fields.window(),
    )


def _discount(fields: Fields) -> Discount:
    percent, off = fields.optional_number("percent"), fields.optional_number("amount")
    if (percent is None) == (off is None):
        raise UserMistakeError(f"it must have either percent or amount{fields.unknown}")
    if not (percent or off):
        raise UserMistakeError("a discount of zero")
    if percent is not None and percent > 100:
        raise UserMistakeError(f"percent is {plain(percent)}: a discount is at most 100%")
    return Discount(
        id=fields.key("id"),
        percent=percent,
        off=off,
        currency=fields.currency() if off is not None or fields.given("currency") else "",
        skus=fields.keys("skus"),
        customers=fields.keys("customers"),
        description=fields.text("description"),
        months=fields.months(),
    )


def _commitment(fields: Fields) -> Commitment:
    return Commitment(
        id=fields.key("id"),
        currency=fields.currency(),
        minimum=fields.positive("amount"),
        customers=fields.keys("customers"),
        skus=fields.keys("skus"),
        description=fields.text("description"),
        months=fields.months(),
    )
