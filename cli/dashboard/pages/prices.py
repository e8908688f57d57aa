"""What is charged: the entries of the price book and the taxes that hold in a month, for all or for one customer."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.dashboard import price_words as words
from cli.dashboard.addresses import customer_path
from cli.dashboard.context import Dashboard, NotFoundError, dashboard_of
from cli.dashboard.rendering import render
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.pricing.book.price import Price, overlap
from monthclose.domain.pricing.book.price_book import PriceBook
from monthclose.domain.pricing.book.special import Commitment, Limit
from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.tax.tax_table import TaxRule, TaxTable

ENTRIES_A_PAGE = 100
_MOST_CUSTOMERS = 5
"""Customers that an entry names."""
_MOST_SKUS = 20
"""SKUs that a tax class names."""


class Entry(NamedTuple):
    """An entry of the price book, or a tax rate."""

    name: str
    code: str
    what: Sequence[str]
    currency: str
    whom: Sequence[str]
    """The customers whom it is for; empty: everybody."""
    more_customers: int
    when: str


class Versions(NamedTuple):
    """Which price book and tax table a month is, or would be, billed with."""

    price_book: str
    tax_table: str
    of_close: bool


def show(request: Request) -> Response:
    """Show what holds in a month, this one unless another is asked for."""
    dashboard, asked = dashboard_of(request), request.query_params
    calendar = dashboard.system.calendar
    period, customer = _period(request, dashboard), _customer(request, dashboard)
    versions = _versions(dashboard, period)
    book = dashboard.system.ports.price_books.get(versions.price_book)
    wanted = asked.get("q", "").strip()
    prices = _found(_prices(book, period, customer, calendar), wanted)
    page, pages = _page(asked.get("page", "1"), len(prices))
    rest = [
        (title, entries)
        for title, found in (
            ("Fees", _fees(book, period, customer, calendar)),
            ("Discounts", _discounts(book, period, customer, calendar)),
            ("Minimum commitments", _commitments(book, period, customer, calendar)),
            ("Maximums", _limits(book, period, customer, calendar)),
            ("Tax classes", _tax_classes(book)),
        )
        if (entries := _found(found, wanted)[:ENTRIES_A_PAGE])
    ]
    return render(
        request,
        "prices.html.j2",
        section="prices",
        month=period,
        wanted=wanted,
        customer=customer,
        customer_id=asked.get("customer", ""),
        customer_path=customer_path,
        versions=versions,
        prices=prices[(page - 1) * ENTRIES_A_PAGE : page * ENTRIES_A_PAGE],
        in_all=len(prices),
        page=page,
        pages=pages,
        rest=rest,
        taxes=_found(_taxes(dashboard, versions.tax_table, period, customer), wanted),
        seller=_seller(dashboard, versions.tax_table),
    )


def _period(request: Request, dashboard: Dashboard) -> Period:
    asked = request.query_params.get("month", "")
    try:
        return Period.parse(asked) if asked else dashboard.system.this_month
    except UserMistakeError as error:
        raise NotFoundError(str(error)) from None


def _customer(request: Request, dashboard: Dashboard) -> Customer | None:
    asked = request.query_params.get("customer", "").strip()
    found = dashboard.system.ports.books.customer(asked) if asked else None
    if asked and found is None:
        raise NotFoundError(f"there is no customer {asked!r} (ids are case-sensitive, as imported)")
    return found


def _versions(dashboard: Dashboard, period: Period) -> Versions:
    """Find what a close billed with, or else the latest."""
    ports = dashboard.system.ports
    close = ports.closes.get(period)
    if close and close.price_book:
        return Versions(close.price_book, close.tax_table, of_close=True)
    return Versions(ports.price_books.latest(), ports.tax_tables.latest(), of_close=False)


def _page(asked: str, entries: int) -> tuple[int, int]:
    pages = max(-(-entries // ENTRIES_A_PAGE), 1)
    return (min(max(int(asked), 1), pages) if asked.isascii() and asked.isdigit() else 1), pages


def _found(entries: Iterable[Entry], wanted: str) -> list[Entry]:
    """Keep what names a text: a SKU, an id, a description, a place or a customer."""
    text = wanted.casefold()
    return [one for one in entries if not text or text in " ".join((one.name, one.code, *one.whom)).casefold()]


def _prices(book: PriceBook, period: Period, customer: Customer | None, calendar: BillingCalendar) -> list[Entry]:
    terms, month = _terms(book, period, customer, calendar), _month(period, calendar)
    if terms:
        found = [price for sku in sorted(book.currencies) for price in terms.prices(sku)]
    else:
        found = [price for price in book.prices if overlap(price.valid, month)]
    return [
        _price(price, "" if price.valid == month else words.valid_in_words(price.valid, calendar)) for price in found
    ]


def _price(price: Price, when: str) -> Entry:
    whom = (price.customer,) if price.customer else ()
    name = price.description or price.sku
    return Entry(name, price.sku, words.price_in_words(price), price.currency, whom, 0, when)


def _month(period: Period, calendar: BillingCalendar) -> Window:
    return Window(calendar.start(period), calendar.end(period))


def _fees(book: PriceBook, period: Period, customer: Customer | None, calendar: BillingCalendar) -> list[Entry]:
    terms, month = _terms(book, period, customer, calendar), _month(period, calendar)
    due = [fee for fee, _ in terms.fees()] if terms else [fee for fee in book.fees if overlap(fee.valid, month)]
    return [
        _special(
            fee.id,
            fee.description,
            words.fee_in_words(fee),
            fee.currency,
            fee.customers,
            words.valid_in_words(fee.valid, calendar),
            fee.tax_class,
        )
        for fee in due
    ]


def _discounts(book: PriceBook, period: Period, customer: Customer | None, calendar: BillingCalendar) -> list[Entry]:
    terms = _terms(book, period, customer, calendar)
    holding = terms.discounts() if terms else [one for one in book.discounts if period in one.months]
    say = words.discount_in_words
    return [
        _special(one.id, one.description, say(one), one.currency, one.customers, words.months_in_words(one.months))
        for one in holding
    ]


def _commitments(book: PriceBook, period: Period, customer: Customer | None, calendar: BillingCalendar) -> list[Entry]:
    terms = _terms(book, period, customer, calendar)
    holding = terms.commitments() if terms else [one for one in book.commitments if one.schedule.holds_in(period)]
    return [_scheduled(one, words.commitment_in_words(one), calendar) for one in holding]


def _limits(book: PriceBook, period: Period, customer: Customer | None, calendar: BillingCalendar) -> list[Entry]:
    terms = _terms(book, period, customer, calendar)
    holding = terms.limits() if terms else [one for one in book.limits if one.schedule.holds_in(period)]
    return [_scheduled(one, words.limit_in_words(one), calendar) for one in holding]


def _tax_classes(book: PriceBook) -> list[Entry]:
    entries = []
    for one in book.tax_classes:
        more = len(one.skus) - _MOST_SKUS
        skus = ", ".join(one.skus[:_MOST_SKUS]) + (f" and {more:,} more" if more > 0 else "")
        entries.append(_special(one.id, "", f"tax class of {skus}", "", (), ""))
    return entries


def _scheduled(one: Commitment | Limit, what: str, calendar: BillingCalendar) -> Entry:
    when = words.schedule_in_words(one.schedule, calendar)
    tax_class = one.tax_class if isinstance(one, Commitment) else ""
    return _special(one.id, one.description, what, one.currency, one.customers, when, tax_class)


def _terms(book: PriceBook, period: Period, customer: Customer | None, calendar: BillingCalendar) -> Terms | None:
    if customer is None:
        return None
    return Terms(book, customer.customer_id, customer.currency, period, within=_month(period, calendar))


def _special(
    code: str,
    description: str,
    what: str,
    currency: str,
    customers: Sequence[str],
    when: str,
    tax_class: str = "",
) -> Entry:
    left_out = max(len(customers) - _MOST_CUSTOMERS, 0)
    return Entry(
        description or code,
        code,
        [what, *words.tax_class_in_words(tax_class)],
        currency,
        customers[:_MOST_CUSTOMERS],
        left_out,
        when,
    )


def _taxes(dashboard: Dashboard, version: str, period: Period, customer: Customer | None) -> list[Entry]:
    """List the tax rules that hold in the month: those of a customer's place, if one is asked for."""
    table = dashboard.system.ports.tax_tables.get(version)
    if not isinstance(table, TaxTable):
        return []
    concerns = _of_place(customer) if customer else lambda _rule: True
    first, end = period.first_day, period.end_day
    rates = [("", rule) for rule in table.rules] + [("reverse charge", rule) for rule in table.reverse_charge]
    return [_rule(kind, rule) for kind, rule in rates if rule.start < end and rule.end > first and concerns(rule)]


def _of_place(customer: Customer) -> Callable[[TaxRule], bool]:
    country, region = customer.profile.country, customer.profile.region
    return lambda rule: country in rule.countries and (not rule.regions or region in rule.regions)


def _rule(kind: str, rule: TaxRule) -> Entry:
    where = ", ".join(rule.regions or rule.countries)
    place = f"{', '.join(rule.countries)}: {where}" if rule.regions else where
    begins = f"from {rule.start}" if rule.start.year > 1 else ""
    ends = f"until {rule.end}" if rule.end.year < 9999 else ""
    what = [words.rule_in_words(rule), *([kind] if kind else []), *([rule.rate.note] if rule.rate.note else [])]
    return Entry(place, rule.rate.name, what, "", (), 0, " ".join(filter(None, (begins, ends))))


def _seller(dashboard: Dashboard, version: str) -> str:
    table = dashboard.system.ports.tax_tables.get(version)
    return table.seller if isinstance(table, TaxTable) else ""


ROUTES = (Route("/prices", show),)
