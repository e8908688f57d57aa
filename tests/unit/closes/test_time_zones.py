"""Closes by a time zone: which usage a month has, when it can be closed, which days its documents and books have."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.accounts.posting import posting_day
from monthclose.domain.calendar import BillingCalendar, EarlierZone
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import CUSTOMERS, ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.tax.tax_table import NoTaxTable
from monthclose.use_cases.imports.import_customers import import_customers
from monthclose.use_cases.invoices.explain_invoice import explain
from tests.unit.invoices.late_usage import load
from tests.world import OCTOBER, World

NOVEMBER = OCTOBER.next
BERLIN = BillingCalendar("Europe/Berlin")
MANY = BillingCalendar("Europe/Berlin", ("Asia/Tokyo", "America/Los_Angeles"))


def world_in(calendar: BillingCalendar, **zones: str) -> World:
    """Return a world with a price of 1.00 per machine; `zones` are its customers'."""
    world = World(calendar=calendar)
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    for name, zone in zones.items():
        import_customer(world, name, zone)
    return world


def import_customer(world: World, name: str, zone: str) -> None:
    fields = {
        "name": name,
        "email": f"{name}@example.com",
        "currency": "USD",
        "payment_method": "ok",
        "time_zone": zone,
    }
    row = Row(1, {"customer_id": name, "payment_provider": "stripe", **fields})
    tally = import_customers(
        [row],
        ColumnMapping({name: name for name in CUSTOMERS.fields}, {}),
        directory=world.directory,
        regrouper=world.use_cases.regrouper,
        check_tax_id=world.check_tax_id,
        taxes=NoTaxTable(),
        today=world.calendar.day(world.clock()),
        reject=lambda _row, reason: pytest.fail(reason),
        time_zones=(*world.calendar.customer_zones, "Australia/Sydney"),
    )
    assert tally.taken == 1


def use(world: World, name: str, event_id: str, quantity: str, time: str) -> None:
    world.clock.now = max(world.clock.now, datetime.fromisoformat(time))
    assert load(world, {"customer_id": name, "event_id": event_id, "quantity": quantity, "time": time}) == []


def close(world: World, period: Period) -> None:
    world.clock.now = max(world.calendar.over(period), world.clock.now)
    world.close(period, f"execution-{period}-{world.clock.now.isoformat()}")
    world.clock.pass_time(hours=1)


def billed(world: World, name: str, *periods: Period) -> list[int]:
    invoices = [world.month(name, period).invoice for period in periods]
    return [invoice.total_minor if invoice else 0 for invoice in invoices]


def document(world: World, name: str, period: Period) -> InvoiceDocument:
    invoice = world.month(name, period).invoice
    assert invoice
    return world.issued.document(invoice)


def test_a_month_has_the_usage_that_berlin_s_clocks_give_it() -> None:
    world = world_in(BERLIN, acme="")
    use(world, "acme", "before", "1", "2026-09-30T21:59:59Z")
    use(world, "acme", "first", "10", "2026-09-30T22:00:00Z")
    use(world, "acme", "repeated", "100", "2026-10-25T02:30:00+01:00")
    use(world, "acme", "last", "1000", "2026-10-31T22:59:59Z")
    use(world, "acme", "next", "10000", "2026-10-31T23:00:00Z")

    for period in (OCTOBER.previous, OCTOBER, NOVEMBER):
        close(world, period)

    assert billed(world, "acme", OCTOBER.previous, OCTOBER, NOVEMBER) == [100, 111000, 1000000]


def test_two_customers_have_the_months_of_their_own_zones() -> None:
    world = world_in(MANY, tokyo="Asia/Tokyo", angeles="America/Los_Angeles", acme="")
    for name in ("tokyo", "angeles", "acme"):
        for number, hour in enumerate(["14:59", "15:00", "22:59", "23:00"]):
            use(world, name, f"e{number}", str(10**number), f"2026-10-31T{hour}:00Z")
        use(world, name, "e4", "10000", "2026-11-01T06:59:00Z")
        use(world, name, "e5", "100000", "2026-11-01T07:00:00Z")

    close(world, OCTOBER)
    close(world, NOVEMBER)

    assert billed(world, "tokyo", OCTOBER, NOVEMBER) == [100, 11111000]
    assert billed(world, "acme", OCTOBER, NOVEMBER) == [11100, 11100000]
    assert billed(world, "angeles", OCTOBER, NOVEMBER) == [1111100, 10000000]


def test_a_month_is_closed_once_it_is_over_for_the_last_customer() -> None:
    world = world_in(MANY, acme="")
    over = datetime(2026, 11, 1, 7, tzinfo=UTC)
    world.clock.now = over - timedelta(seconds=1)

    with pytest.raises(UserMistakeError, match=r"it ends 2026-11-01 07:00 UTC for the last of its customers"):
        world.open()
    world.clock.now = over
    assert world.open() == 1


def test_usage_that_comes_late_is_noted_for_the_month_that_the_customer_s_clocks_give_it() -> None:
    world = world_in(MANY, tokyo="Asia/Tokyo", angeles="America/Los_Angeles", acme="")
    close(world, OCTOBER)
    for name in ("tokyo", "angeles", "acme"):
        use(world, name, "late", "1", "2026-10-31T14:30:00Z")
        use(world, name, "evening", "10", "2026-10-31T15:30:00Z")
        use(world, name, "night", "100", "2026-11-01T06:30:00Z")

    close(world, NOVEMBER)

    assert amounts_of(world, "tokyo") == {"2026-10": 100, "2026-11": 11000}
    assert amounts_of(world, "acme") == {"2026-10": 1100, "2026-11": 10000}
    assert amounts_of(world, "angeles") == {"2026-10": 11100}


def test_usage_of_the_last_evening_in_los_angeles_that_comes_late_is_not_lost() -> None:
    world = world_in(MANY, angeles="America/Los_Angeles")
    close(world, OCTOBER)
    use(world, "angeles", "night", "100", "2026-11-01T06:30:00Z")

    close(world, NOVEMBER)

    assert amounts_of(world, "angeles") == {"2026-10": 10000}


def amounts_of(world: World, name: str) -> dict[str, int]:
    lines = document(world, name, NOVEMBER).lines
    return {line.period or str(NOVEMBER): line.amount_minor for line in lines}


def test_documents_say_which_instants_they_bill_and_explain_finds_their_events() -> None:
    world = world_in(BERLIN, acme="")
    use(world, "acme", "first", "10", "2026-09-30T22:00:00Z")
    close(world, OCTOBER)
    use(world, "acme", "late", "1", "2026-10-31T22:30:00Z")
    use(world, "acme", "next", "5", "2026-10-31T23:30:00Z")
    close(world, NOVEMBER)

    october, november = (document(world, "acme", period) for period in (OCTOBER, NOVEMBER))

    assert october.served(OCTOBER).start.isoformat() == "2026-10-01T00:00:00+02:00"
    assert october.served(OCTOBER).end.isoformat() == november.served(NOVEMBER).start.isoformat()
    explained = explain(november.content(), world.usage, 10)
    assert [[event["event_id"] for event in line["events"]["first"]] for line in explained["lines"]] == [
        ["next"],
        ["first", "late"],
    ]


def test_a_company_in_utc_has_the_documents_that_it_always_had() -> None:
    world = world_in(BillingCalendar(), acme="")
    use(world, "acme", "e", "1", "2026-10-05T00:00:00Z")
    close(world, OCTOBER)

    assert "served" not in document(world, "acme", OCTOBER).more
    stored = [json.loads(line) for line in world.documents.get(world.month("acme").invoice.document.key).splitlines()]  # type: ignore[union-attr]
    assert "served" not in stored[0]


def test_invoices_and_entries_have_the_company_s_day_and_keep_it() -> None:
    world = world_in(BillingCalendar("Pacific/Auckland"), acme="")
    world.clock.now = datetime(2026, 10, 6, tzinfo=UTC)
    use(world, "acme", "e", "10", "2026-10-05T00:00:00Z")
    world.clock.now = datetime(2026, 10, 31, 11, tzinfo=UTC)  # midnight in Auckland

    world.close()

    assert document(world, "acme", OCTOBER).issued_on == date(2026, 11, 1)
    [payment] = [entry for entry in world.month("acme").entries if entry.entry_id.startswith("payment")]
    assert posting_day(payment) == date(2026, 11, 1), "and not the day before, as in UTC"
    world.books.calendar = BERLIN
    assert posting_day(world.month("acme").entries[-1]) == date(2026, 11, 1), "whatever the settings say later"


def test_a_zone_that_was_changed_in_the_settings_must_say_until_when_the_old_one_counts() -> None:
    world = world_in(BillingCalendar(), acme="")
    use(world, "acme", "e", "1", "2026-10-31T23:30:00Z")
    close(world, OCTOBER)
    moved = World(calendar=BERLIN, clock=world.clock, books=world.books, closes=world.closes, usage=world.usage)
    moved.clock.now = datetime(2026, 12, 1, tzinfo=UTC)

    with pytest.raises(UserMistakeError, match=r"2026-10 was closed by the time zone UTC.*Europe/Berlin") as raised:
        moved.open(NOVEMBER)
    assert '"earlier_time_zones": [{"time_zone": "UTC", "until": "2026-11-01"}]' in str(raised.value)


def test_a_zone_that_was_changed_in_the_settings_is_noticed_by_a_close_of_another_billing_day() -> None:
    world = world_in(BillingCalendar(), acme="")
    close(world, OCTOBER)
    moved = World(
        calendar=BERLIN,
        clock=world.clock,
        books=world.books,
        closes=world.closes,
        usage=world.usage,
        billing_days=(1, 15),
    )
    moved.clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    until = '"until": "2026-11-01"}'

    for period in ("2026-10-15", "2026-11"):  # a customer whose billing day has changed begins either with 1 November
        with pytest.raises(UserMistakeError, match="2026-10 was closed by the time zone UTC") as raised:
            moved.open(Period.parse(period))
        assert until in str(raised.value)


def test_with_the_old_zone_in_the_settings_no_hour_is_billed_twice_or_left_out() -> None:
    world = world_in(BillingCalendar(), acme="")
    use(world, "acme", "october", "1", "2026-10-31T23:30:00Z")
    close(world, OCTOBER)
    moved = BillingCalendar("Europe/Berlin", earlier=(EarlierZone("UTC", date(2026, 11, 1)),))
    world = World(
        calendar=moved,
        clock=world.clock,
        books=world.books,
        closes=world.closes,
        usage=world.usage,
        documents=world.documents,
        price_books=world.price_books,
    )
    use(world, "acme", "november", "10", "2026-11-30T22:30:00Z")
    use(world, "acme", "december", "100", "2026-11-30T23:30:00Z")
    close(world, NOVEMBER)
    close(world, NOVEMBER.next)

    assert billed(world, "acme", OCTOBER, NOVEMBER, NOVEMBER.next) == [100, 1000, 10000]


def test_a_rehearsal_before_the_month_is_over_everywhere_has_the_usage_so_far() -> None:
    world = world_in(MANY, acme="")
    use(world, "acme", "e", "1", "2026-10-05T00:00:00Z")
    world.clock.now = datetime(2026, 11, 1, 6, 59, tzinfo=UTC)
    assert world.rehearse().so_far
    world.clock.now = datetime(2026, 11, 1, 7, tzinfo=UTC)
    assert not world.rehearse().so_far


def test_a_zone_that_the_settings_do_not_list_is_waited_for() -> None:
    world = world_in(MANY, acme="Australia/Sydney")
    use(world, "acme", "e", "1", "2026-10-05T00:00:00Z")
    world.clock.now = MANY.over(OCTOBER)
    world.close()

    parking = world.month("acme").parking
    assert parking
    assert parking.reason == "unknown_time_zone"
    assert "add it there and deploy" in parking.detail


_ZONES = st.sampled_from(["", "Asia/Tokyo", "America/Los_Angeles"])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(_ZONES, st.integers(0, 110)), max_size=4),
    st.lists(st.integers(0, 24 * 110), min_size=1, max_size=8, unique=True),
)
def test_each_event_is_billed_once_however_a_customer_s_zone_changes(
    changes: list[tuple[str, int]], hours: list[int]
) -> None:
    begin, world = datetime(2026, 8, 15, tzinfo=UTC), world_in(MANY, acme="")
    world.clock.now = begin
    acts = sorted([(begin + timedelta(days=day, hours=5), zone, -1) for zone, day in changes])
    events = sorted((begin + timedelta(hours=hour), "", hour) for hour in hours)
    periods = [Period(2026, 8), Period(2026, 9), Period(2026, 10), Period(2026, 11), Period(2026, 12)]
    closes = [(world.calendar.over(period), str(period), -2) for period in periods]
    for at, what, hour in sorted([*acts, *events, *closes]):
        world.clock.now = max(at, world.clock.now)
        if hour == -1:
            import_customer(world, "acme", what)
        elif hour == -2:
            close(world, Period.parse(what))
        else:
            use(world, "acme", f"e{hour}", "1", at.isoformat())

    total = sum(billed(world, "acme", *periods))
    assert total == 100 * len(hours)
