"""Intake: which rows are taken, and the reason why the others aren't."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.adapters.tax_ids import check_tax_id
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import CUSTOMERS, PRICES, USAGE, ColumnMapping
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import (
    Row,
    Tally,
    derived_event_id,
    read_customer,
    read_price,
    read_row,
    read_usage,
)
from monthclose.domain.imports.times import parse_time
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.pricing.models import PerUnit
from monthclose.domain.tax.tax_table import NoTaxTable
from monthclose.use_cases.imports.dropped_file import HINTS
from monthclose.use_cases.imports.import_customers import import_customers
from monthclose.use_cases.imports.import_prices import import_prices
from tests.world import OCTOBER, World, unit_price

CUSTOMER = {
    "customer_id": "12347.0",
    "name": "Acme",
    "email": "billing@acme.example",
    "country": "Iceland",
    "currency": "GBP",
    "payment_provider": "stripe",
    "payment_method": "pm_card_visa",
}
PRICE = {"sku": "droplet", "currency": "USD", "unit_price": "0.00893", "unit": "hour", "description": "Droplet"}
EVENT = {"customer_id": "acme", "sku": "droplet", "quantity": "24", "time": "2026-10-02 10:32:00"}


_customer = partial(read_customer, check_tax_id=check_tax_id)


def plain(schema_fields: tuple[str, ...]) -> ColumnMapping:
    return ColumnMapping({name: name for name in schema_fields}, {})


def without(cells: Mapping[str, str], **changes: str) -> dict[str, str]:
    return {**cells, **changes}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer_id": ""}, "customer_id is missing"),
        ({"customer_id": "  "}, "customer_id is missing"),
        ({"customer_id": "x" * 257}, "customer_id is longer than 256 characters"),
        ({"customer_id": "a\nb"}, "customer_id has unprintable characters"),
        ({"name": ""}, "name is missing"),
        ({"name": "Acme\r\nBcc: all@example.com"}, "name has unprintable characters"),
        ({"name": "x" * 4097}, "name is longer than 4096 characters"),
        ({"email": ""}, "email is missing"),
        ({"email": "acme"}, "email is not an address"),
        ({"email": "a@b@c.example"}, "email is not an address"),
        ({"email": "a b@c.example"}, "email is not an address"),
        ({"email": "a@example"}, "email is not an address"),
        ({"email": "Acme <a@b.example>"}, "email is not an address"),
        ({"email": f"{'a' * 250}@b.example"}, "email is not an address"),
        ({"currency": ""}, "currency is missing"),
        ({"currency": "POUND"}, "currency is not an ISO 4217 code"),
        ({"payment_provider": ""}, "payment_provider is missing"),
        ({"payment_provider": "pay pal"}, "payment_provider is not a provider's name"),
        ({"payment_method": "pm\t1"}, "payment_method has unprintable characters"),
    ],
)
def test_a_customer_that_cannot_be_billed_is_rejected_with_the_reason(changes: dict[str, str], reason: str) -> None:
    row = Row(1, without(CUSTOMER, **changes))

    read = partial(read_customer, check_tax_id=check_tax_id)
    assert read_row(row, plain(CUSTOMERS.fields), read) == (None, reason)


@pytest.mark.parametrize("address", ["a@b..example", "a..b@c.example", ".a@b.example", "a.@b.example", "ä@b.example"])
def test_an_address_that_ses_refuses_rejects_the_row_before_it_takes_the_others_their_e_mails(address: str) -> None:
    row = Row(1, without(CUSTOMER, invoice_emails=f"books@acme.example; {address}"))

    reason = "invoice_emails: number 2 is not an address"
    assert read_row(row, plain(CUSTOMERS.fields), _customer) == (None, reason)


def test_a_customer_may_lack_a_payment_method_and_a_country() -> None:
    customer_id, profile = read_customer(without(CUSTOMER, payment_method="", country="", currency="gbp"), check_tax_id)

    assert (customer_id, profile.payment_method, profile.country, profile.currency) == ("12347.0", "", "", "GBP")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sku": ""}, "sku is missing"),
        ({"currency": "usd!"}, "currency is not an ISO 4217 code"),
        ({"unit_price": ""}, "unit_price is missing"),
        ({"unit_price": "cheap"}, "unit_price is not a number"),
        ({"unit_price": "1,50"}, "unit_price is not a number"),
        ({"unit_price": "NaN"}, "unit_price is not a number"),
        ({"unit_price": "-0.01"}, "unit_price is negative"),
    ],
)
def test_an_unusable_price_is_rejected_with_the_reason(changes: dict[str, str], reason: str) -> None:
    assert read_row(Row(1, without(PRICE, **changes)), plain(PRICES.fields), read_price) == (None, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer_id": "", "quantity": "many"}, "customer_id is missing"),
        ({"sku": ""}, "sku is missing"),
        ({"quantity": ""}, "quantity is missing"),
        ({"quantity": "many"}, "quantity is not a number"),
        ({"quantity": "Infinity"}, "quantity is not a number"),
        ({"quantity": "1" * 29}, "quantity has more than 28 digits"),
        ({"quantity": "1" * 40}, "quantity has more than 28 digits"),
        ({"quantity": "1e400"}, "quantity has more than 28 digits"),
        ({"quantity": "NaN"}, "quantity is not a number"),
        ({"quantity": "-sNaN"}, "quantity is not a number"),
        ({"sku": "x" * 10_000}, "sku is longer than 256 characters"),
        ({"resource": "x" * 257}, "resource is longer than 256 characters"),
        ({"replaces": "a\nb"}, "replaces has unprintable characters"),
        ({"time": ""}, "time is missing"),
        ({"time": "02/10/2011 10:32"}, "time is not ISO 8601, like 2026-10-25T02:30:00+02:00"),
        ({"time": "9999-12-31T23:59:59-05:00"}, "time is out of range"),
        ({"time": "0001-01-01"}, "time is out of range"),
        ({"used_at": "2011-10-01", "quantity": "2"}, "used_at is for returns, whose quantity is negative"),
        ({"used_at": "2026-10-03", "quantity": "-2"}, "used_at is after time: it is when what is returned was used"),
        ({"used_at": "yesterday", "quantity": "-2"}, "used_at is not ISO 8601, like 2026-10-25T02:30:00+02:00"),
        ({"used_at": "0001-01-01", "quantity": "-2"}, "used_at is out of range"),
        ({"unit_price": "free"}, "unit_price is not a number"),
        ({"unit_price": "-1"}, "unit_price is negative"),
        ({"description": "a\x00b"}, "description has unprintable characters"),
        ({"description": "\ud800"}, "description has unprintable characters"),
    ],
)
def test_usage_that_cannot_be_billed_is_rejected_with_the_reason(changes: dict[str, str], reason: str) -> None:
    row = Row(1, without(EVENT, **changes))

    assert read_row(row, plain(USAGE.fields), lambda fields: read_usage(fields, "e")) == (None, reason)


def test_minus_zero_is_zero() -> None:
    assert str(read_usage(without(EVENT, quantity="-0"), "e").quantity) == "0"


def test_usage_may_be_a_correction_free_of_charge_or_look_like_a_formula() -> None:
    event = read_usage(without(EVENT, quantity="-2", unit_price="0.0", description="=1+1"), "e")

    assert (event.quantity, event.unit_price, event.description) == (Decimal(-2), Decimal(0), "=1+1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2011-10-02 10:32:00", datetime(2011, 10, 2, 10, 32, tzinfo=UTC)),
        ("2011-10-02T10:32:00Z", datetime(2011, 10, 2, 10, 32, tzinfo=UTC)),
        ("2011-11-01T00:30:00+01:00", datetime(2011, 10, 31, 23, 30, tzinfo=UTC)),
        ("2011-10-02", datetime(2011, 10, 2, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    ("mapped", "defaults", "message"),
    [
        ({"colour": "Sku"}, {}, "a usage file has no field 'colour'; its fields are customer_id, sku, quantity, time"),
        ({}, {"colour": "red"}, "a usage file has no field 'colour'"),
        ({"sku": "Stock"}, {}, "there is no column 'Stock' (for sku); the columns are customer_id, sku"),
        ({}, {}, "there is no column for quantity, time; the columns are customer_id, sku"),
    ],
)
def test_an_impossible_column_mapping_is_refused_with_the_names(
    mapped: dict[str, str], defaults: dict[str, str], message: str
) -> None:
    with pytest.raises(UserMistakeError) as refused:
        ColumnMapping.resolve(USAGE, ["customer_id", "sku", "extra"], FileOptions(mapped, defaults), HINTS)

    assert str(refused.value).startswith(message)


def test_a_column_that_appears_twice_is_refused() -> None:
    with pytest.raises(UserMistakeError, match="the column 'sku' appears twice"):
        ColumnMapping.resolve(USAGE, ["customer_id", "sku", "sku", "quantity", "time"], FileOptions(), HINTS)


def test_a_default_stands_in_for_a_missing_column_and_for_an_empty_cell() -> None:
    columns = ["customer_id", "sku", "time"]
    mapping = ColumnMapping.resolve(USAGE, columns, FileOptions(defaults={"quantity": "1", "sku": "other"}), HINTS)

    assert mapping.fields({"customer_id": "a", "sku": " ", "time": "t"})["quantity"] == "1"
    assert mapping.fields({"customer_id": "a", "sku": " ", "time": "t"})["sku"] == "other"
    assert mapping.fields({"customer_id": "a", "sku": "x", "time": "t"})["sku"] == "x"


def test_a_file_and_its_compressed_copy_have_the_same_event_ids() -> None:
    assert derived_event_id("usage.csv.gz", 7) == derived_event_id("usage.csv", 7) == "usage.csv#7"
    assert derived_event_id("usage.csv", 8) != derived_event_id("usage.csv", 7)
    assert len(derived_event_id("x" * 255, 1)) < 256


class Rejected(list[tuple[int, str]]):
    def __call__(self, row: Row, reason: str) -> None:
        self.append((row.number, reason))


def imported(world: World, rows: list[Row], source: str = "usage.csv") -> tuple[Tally, Rejected]:
    rejected = Rejected()
    return world.importer.load(rows, plain(USAGE.fields), source, rejected), rejected


CELLS = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["acme", "globex", "stranger", ""]),
        "sku": st.sampled_from(["droplet", ""]),
        "quantity": st.sampled_from(["1", "-2.5", "x"]),
        "time": st.sampled_from(["2026-10-01", "2026-10-31T23:59:59", "tomorrow"]),
        "event_id": st.sampled_from(["", "", "e1", "e2"]),
        "unit_price": st.sampled_from(["", "1.25", "-1"]),
    }
)


@settings(max_examples=150)
@given(st.lists(CELLS, max_size=30))
def test_no_row_is_lost_and_importing_again_adds_nothing(cells: list[dict[str, str]]) -> None:
    world = World()
    world.add_customer("acme")
    world.add_customer("globex")
    rows = [Row(number, row) for number, row in enumerate(cells, 1)]

    tally, rejected = imported(world, rows)
    stored = {name: list(world.usage.events(name, OCTOBER)) for name in ("acme", "globex", "stranger")}
    again, _ = imported(world, rows)

    assert tally.taken + sum(tally.rejected.values()) == len(rows)
    assert len(rejected) == sum(tally.rejected.values())
    assert [number for number, _ in rejected] == sorted(number for number, _ in rejected)
    assert sum(tally.groups.values()) == tally.taken
    assert (again.new, again.changed) == (0, 0)
    assert replace(again, new=tally.new, changed=tally.changed) == tally
    assert stored == {name: list(world.usage.events(name, OCTOBER)) for name in stored}
    assert stored["stranger"] == []


def counted(world: World, *customers: str) -> list[Decimal]:
    return [
        sum((e.quantity for e in world.usage.events(c, OCTOBER) if not e.replaced_by), Decimal(0)) for c in customers
    ]


def test_a_row_removed_from_a_corrected_file_stays_and_a_zero_or_negative_quantity_cancels_it() -> None:
    world = World()
    world.add_customer("acme")
    world.add_customer("globex")
    acme, globex = without(EVENT, quantity="1"), without(EVENT, customer_id="globex", quantity="10")
    imported(world, [Row(1, acme), Row(2, without(acme, quantity="2")), Row(3, globex)])
    imported(world, [Row(1, acme), Row(2, globex)])
    assert counted(world, "acme", "globex") == [3, 20], "what stood there stays, and what moved up counts twice"

    imported(world, [Row(1, acme), Row(2, without(acme, quantity="0")), Row(3, globex)])
    assert counted(world, "acme", "globex") == [1, 20]
    imported(world, [Row(1, without(globex, quantity="-10"))], "taken-back.csv")
    assert counted(world, "acme", "globex") == [1, 10]


def test_usage_of_an_unknown_customer_is_rejected() -> None:
    tally, rejected = imported(World(), [Row(1, EVENT), Row(2, without(EVENT, customer_id=""))])

    assert tally.taken == 0
    assert rejected == [(1, "unknown customer"), (2, "customer_id is missing")]


def test_the_same_line_twice_in_a_file_is_two_sales() -> None:
    world = World()
    world.add_customer("acme")

    imported(world, [Row(1, EVENT), Row(2, EVENT)])

    assert len(list(world.usage.events("acme", Period(2026, 10)))) == 2


def test_importing_a_customer_again_replaces_the_profile_and_keeps_the_account() -> None:
    world = World()
    world.add_customer("12347.0")
    world.change("12347.0", receivable_minor=500)

    tally = import_customers(
        [Row(1, CUSTOMER)],
        plain(CUSTOMERS.fields),
        directory=world.directory,
        regrouper=world.use_cases.regrouper,
        check_tax_id=check_tax_id,
        taxes=NoTaxTable(),
        today=date(2026, 11, 1),
        reject=Rejected(),
    )

    assert tally.groups == {"stripe": 1}
    assert world.customer("12347.0").receivable_minor == 500
    assert world.customer("12347.0").profile.name == "Acme"


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("invoice_emails", "a@x.example; nonsense; b@x.example", "invoice_emails: number 2 is not an address"),
        ("dunning_emails", "a@x.example <b@x.example>", "dunning_emails: number 2 is not an address"),
        (
            "invoice_emails",
            " ".join(f"a{number}@x.example" for number in range(21)),
            "invoice_emails has more than 20 addresses",
        ),
        ("purchase_order", "1" * 101, "purchase_order has more than 100 characters"),
        ("cost_centre", "CC\n12", "cost_centre has unprintable characters"),
        ("contact", "Ada\tLovelace", "contact has unprintable characters"),
    ],
)
def test_an_address_that_is_none_rejects_the_row_and_is_named_by_its_place(field: str, text: str, reason: str) -> None:
    assert read_row(Row(1, {**CUSTOMER, field: text}), plain(CUSTOMERS.fields), _customer) == (None, reason)


def test_several_addresses_and_references_are_read() -> None:
    row = {
        **CUSTOMER,
        "invoice_emails": "Books@x.example;  chief@x.example",
        "dunning_emails": "owing@x.example",
        "contact": "Ada Lovelace",
        "purchase_order": "PO 4711",
        "cost_centre": "CC-12",
    }
    read, _ = read_row(Row(1, row), plain(CUSTOMERS.fields), _customer)
    assert read
    profile = read[1]
    assert (profile.invoice_emails, profile.dunning_emails) == ("Books@x.example chief@x.example", "owing@x.example")
    assert (profile.contact, profile.purchase_order, profile.cost_centre) == ("Ada Lovelace", "PO 4711", "CC-12")


def test_one_bad_price_withholds_the_whole_book() -> None:
    world, rejected = World(), Rejected()
    rows = [Row(1, PRICE), Row(2, without(PRICE, sku="other", unit_price="-1"))]

    tally = import_prices(rows, plain(PRICES.fields), price_books=world.price_books, reject=rejected)

    assert (tally.taken, tally.withheld, rejected) == (0, 1, [(2, "unit_price is negative")])
    assert world.price_books.latest() == ""


def test_two_prices_for_the_same_thing_in_one_file_are_rejected() -> None:
    rejected = Rejected()
    rows = [Row(1, PRICE), Row(2, PRICE), Row(3, without(PRICE, unit_price="2"))]

    import_prices(rows, plain(PRICES.fields), price_books=World().price_books, reject=rejected)

    assert rejected == [(3, "sku and currency appear twice with different prices")]


def test_a_price_without_texts_keeps_the_existing_ones() -> None:
    world = World()

    def last() -> Price:
        return world.price_books.get(world.price_books.latest()).by_identity["droplet", "USD", ""][-1]

    for row in (
        PRICE,
        without(PRICE, unit_price="1", unit="", description=""),
        without(PRICE, description="Small one"),
    ):
        import_prices([Row(1, row)], plain(PRICES.fields), price_books=world.price_books, reject=Rejected())
        said = last().unit, last().description, last().model.single_price
        expected = "hour", row["description"] or "Droplet", Decimal(row["unit_price"])
        assert said == expected


def test_a_price_of_another_kind_keeps_the_description_and_not_the_unit() -> None:
    world = World()
    sizes = Price("droplet", "USD", PerUnit(Decimal(1)), "GB-month", "Volume", Aggregation.TIME_WEIGHTED)
    world.price_books.merge(PriceBook.of([sizes]))
    row = without(PRICE, unit="", description="")
    import_prices([Row(1, row)], plain(PRICES.fields), price_books=world.price_books, reject=Rejected())
    [price] = world.price_books.get(world.price_books.latest()).prices
    assert (price.unit, price.description) == ("", "Volume")


def test_good_prices_become_the_latest_book() -> None:
    world = World()

    tally = import_prices([Row(1, PRICE)], plain(PRICES.fields), price_books=world.price_books, reject=Rejected())

    assert tally.taken == 1
    assert unit_price(world.price_books.get(world.price_books.latest()), "droplet") == Decimal("0.00893")
