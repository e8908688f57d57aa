"""Months, days and hours of a time zone: the table of hand-worked examples, and what holds in any zone."""

import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, PriceBook, Terms, rate
from monthclose.domain.pricing.explanation import in_words, recomputed
from monthclose.domain.pricing.metering.aggregation import Window
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent

EXAMPLES = tomllib.loads(Path(__file__).with_name("time_zones.toml").read_text())["example"]
BERLIN = BillingCalendar("Europe/Berlin")
OCTOBER = Period(2026, 10)
_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "America/Sao_Paulo"]


def rated(book: PriceBook, events: list[UsageEvent], period: Period, calendar: BillingCalendar) -> list[InvoiceLine]:
    """Price what of some events a month holds."""
    window = Window(calendar.start(period), calendar.end(period))
    held = [event for event in events if window.holds_at(event.time)]
    return rate(held, Terms(book, "C-1", "USD", period, within=window, whole=window, zone=calendar.zone))


def event(quantity: str, time: datetime, resource: str = "web-1") -> UsageEvent:
    return UsageEvent(f"{resource}-{time.isoformat()}", "C-1", "sku", Decimal(quantity), time, None, "", resource)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_a_month_of_a_zone_costs_what_a_person_computes_by_hand(example: dict[str, Any]) -> None:
    calendar, period = BillingCalendar(example["zone"]), Period.parse(example["month"])
    prices = [{"sku": "sku", "currency": "USD", **entry} for entry in example.get("prices", [])]
    fees = [{"currency": "USD", **entry} for entry in example.get("fees", [])]
    book = read_book({"prices": prices, "fees": fees}, calendar)
    said = [(quantity, resource, datetime.fromisoformat(time)) for quantity, resource, time in example["events"]]
    events = [
        event(quantity, time if time.tzinfo else calendar.instant(time), resource) for quantity, resource, time in said
    ]

    lines = rated(book, events, period, calendar)

    assert [line.amount.minor for line in lines] == example["lines"], example["arithmetic"]
    for line in lines:
        assert recomputed(line.steps, "USD") == line.amount
        assert all(in_words(step) for step in line.steps)
    assert read_book(book.content()).content() == book.content(), "prices are stored with their instants"


def test_a_line_says_from_when_on_it_is_by_the_zone_s_clocks() -> None:
    prices: list[object] = [
        {"sku": "sku", "currency": "USD", "unit_price": "1", "until": "2026-10-15"},
        {"sku": "sku", "currency": "USD", "unit_price": "2", "from": "2026-10-15"},
    ]
    events = [event("1", datetime(2026, 10, day, 12, tzinfo=UTC)) for day in (14, 15)]

    lines = [line.content(OCTOBER) for line in rated(read_book({"prices": prices}, BERLIN), events, OCTOBER, BERLIN)]

    assert [(line.get("from"), line.get("until")) for line in lines] == [
        (None, "2026-10-15T00:00:00+02:00"),
        ("2026-10-15T00:00:00+02:00", None),
    ]


def test_a_discount_for_whole_months_may_be_dated_by_their_first_day() -> None:
    [discount] = read_book({"discounts": [{"id": "d", "percent": 10, "from": "2026-10-01"}]}, BERLIN).discounts

    assert discount.months.first == OCTOBER
    with pytest.raises(UserMistakeError, match="must be the first of a month"):
        read_book({"discounts": [{"id": "d", "percent": 10, "from": "2026-10-01T02:00:00"}]}, BERLIN)


@pytest.mark.parametrize("said", ["2026-10-25T02:30:00", "2027-03-28T02:30:00"])
def test_a_price_cannot_begin_at_a_time_that_the_clocks_leave_out_or_repeat(said: str) -> None:
    price = {"sku": "sku", "currency": "USD", "unit_price": "1", "from": said}

    with pytest.raises(UserMistakeError, match=r"prices\[1\] \"sku\": from: time (exists twice|does not exist)"):
        read_book({"prices": [price]}, BERLIN)


@given(
    st.sampled_from(_ZONES),
    st.lists(st.integers(0, 366 * 24 - 1), min_size=2, max_size=2, unique=True).map(sorted),
)
def test_the_hours_of_all_months_are_the_hours_between(zone: str, hours: list[int]) -> None:
    calendar, begin = BillingCalendar(zone), datetime(2026, 1, 3, tzinfo=UTC)
    starts, ends = (begin + timedelta(hours=hour) for hour in hours)
    price = {"sku": "sku", "currency": "USD", "unit_price": "1", "aggregation": "time_weighted"}
    book, period, quantity = read_book({"prices": [price]}), calendar.period(starts), Fraction(0)

    while calendar.start(period) < ends:
        # A size that continues needs a reading at the month's start.
        since = max(starts, calendar.start(period))
        until = [event("0", ends)] if ends < calendar.end(period) else []
        lines = rated(book, [event("1", since), *until], period, calendar)
        quantity += sum(Fraction(line.quantity) for line in lines)
        period = period.next

    assert quantity == hours[1] - hours[0]
