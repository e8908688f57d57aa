"""Prices that are told apart by attributes: which one counts, how books with them are merged, what is refused."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.pricing import InvoiceLine, PerUnit, Price, PriceBook, Terms, line, rate
from monthclose.domain.pricing.adjustment import adjustments, billed_for
from monthclose.domain.pricing.book.cell import Cell
from monthclose.domain.pricing.book.changes import book_changes
from monthclose.domain.pricing.reading import PriceBookError, read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER


def book(text: str) -> PriceBook:
    return read_book(tomllib.loads(text, parse_float=Decimal))


def entry(text: str, kind: str = "prices") -> str:
    return f'[[{kind}]]\nsku = "vm"\ncurrency = "USD"\n{text}\n'


def event(number: int, quantity: str = "1", resource: str = "", **attributes: str) -> UsageEvent:
    said = tuple(sorted(attributes.items()))
    return UsageEvent(f"e{number}", "C-1", "vm", Decimal(quantity), OCTOBER.start, resource=resource, attributes=said)


def lines_of(of: PriceBook, *events: UsageEvent, later: Sequence[PriceBook] = ()) -> list[InvoiceLine]:
    return rate(events, Terms(of, "C-1", "USD", OCTOBER, later=tuple(later)))


EU, US = entry('unit_price = 2\nwhere = { region = "eu" }'), entry('unit_price = 1\nwhere = { region = "us" }')

MISTAKES = {
    "two that may match the same usage": (
        entry('unit_price = 1\nwhere = { region = "eu" }') + entry('unit_price = 2\nwhere = { tier = "ssd" }'),
        'prices[2] "vm" (tier = ssd) and prices[1] "vm" (region = eu) may match the same usage, and neither is',
    ),
    "lists that overlap": (
        entry('unit_price = 1\nwhere = { region = ["eu", "us"] }')
        + entry('unit_price = 2\nwhere = { region = ["us", "ap"] }'),
        "may match the same usage, and neither is narrower",
    ),
    "a cell twice": (EU + EU, 'prices[2] "vm" (region = eu) and prices[1] "vm" (region = eu) both apply'),
    "no condition": (entry("unit_price = 1\nwhere = {}"), "where must be a table, like where = {"),
    "a condition without a value": (entry("unit_price = 1\nwhere = { region = [] }"), "where region must be a text"),
    "a condition that is a number": (entry("unit_price = 1\nwhere = { region = 1 }"), "where region must be a text"),
    "a name that no file can have": (entry('unit_price = 1\nwhere = { Region = "eu" }'), "cannot be an attribute"),
    "a group of one value": (
        entry('unit_price = 1\ngroup_by = ["region"]\nwhere = { region = "eu" }'),
        "group_by names region, of which where has one value only",
    ),
    "a field that is the whole entry's": (
        entry('cells = [{ where = { region = "eu" }, unit_price = 1, currency = "EUR" }]'),
        "prices[1] \"vm\": cell 1: the field 'currency' does not belong there",
    ),
    "a cell without a price": (
        entry('cells = [{ where = { region = "eu" }, unit_price = 1 }, { where = { region = "us" } }]'),
        'prices[1] "vm": cell 2: unit_price is missing',
    ),
    "a field that none of the models has": (
        entry('tiers = [{ unit_price = 1 }]\ncells = [{ where = { region = "eu" }, unit_price = 1 }]'),
        "cell 1: the field 'tiers' does not belong there",
    ),
    "buckets of nothing": (entry('unit_price = 1\nbucket = "hour"'), "bucket_aggregation is missing"),
    "buckets of an unknown size": (
        entry('unit_price = 1\nbucket = "week"\nbucket_aggregation = "max"'),
        "bucket 'week' does not exist; choose one of minute, 5_minutes, 15_minutes, hour, day",
    ),
    "the last bucket": (
        entry('unit_price = 1\nbucket = "hour"\nbucket_aggregation = "max"\naggregation = "last"'),
        "aggregation last is not for buckets",
    ),
    "a percentile without buckets": (entry('unit_price = 1\naggregation = "percentile"'), "percentile is for buckets"),
    "a percentile without its number": (
        entry('unit_price = 1\nbucket = "hour"\nbucket_aggregation = "sum"\naggregation = "percentile"'),
        "belong together",
    ),
    "a percentile of everything": (
        entry('unit_price=1\nbucket="hour"\nbucket_aggregation="sum"\naggregation="percentile"\npercentile = 100'),
        "percentile is 100: it must be less than 100",
    ),
    "amounts that are carried from bucket to bucket": (
        entry('unit_price = 1\nbucket = "hour"\nbucket_aggregation = "sum"\nempty_buckets = "carry"'),
        'empty_buckets = "carry" is for sizes',
    ),
    "amounts that are carried over": (entry("unit_price = 1\ncarry_over = true"), "carry_over is for sizes"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_entry(text: str, message: str) -> None:
    with pytest.raises(PriceBookError) as refused:
        book(text)
    assert message in str(refused.value)


def test_a_book_reads_back_as_it_was_written() -> None:
    written = book(
        entry('unit_price = 2\nwhere = { region = ["us", "eu"], tier = "ssd" }\ngroup_by = ["project"]')
        + entry('unit_price=1\nbucket="hour"\nbucket_aggregation="max"\nempty_buckets="skip"\ncarry_over=true')
    )
    assert read_book(written.content()) == written


def test_what_matches_no_cell_has_no_price_and_is_named() -> None:
    with pytest.raises(ParkCustomerError) as parked:
        lines_of(book(EU + US), event(1, region="eu"), event(2, region="ap", host="h1"))
    assert parked.value.reason == "no_price"
    assert "SKU 'vm' with region = ap has no price in USD" in str(parked.value)
    assert "it has one, but not for those attributes" in str(parked.value)
    assert lines_of(book(EU + US), event(1, region="eu"), event(2, "0", region="ap"))


def test_an_import_replaces_all_cells_of_a_sku_at_once() -> None:
    merged = book(EU + US).merged(book(entry('unit_price = 3\nwhere = { region = ["eu", "us"] }')))
    assert [
        (made.quantity, made.amount.minor) for made in lines_of(merged, event(1, region="eu"), event(2, region="us"))
    ] == [(Decimal(2), 600)]


def test_an_import_with_a_date_replaces_them_from_then_on() -> None:
    merged = book(EU + US).merged(book(entry("unit_price = 3\nfrom = 2026-11-01")))
    (made,) = lines_of(merged, event(1, region="eu"))
    assert made.amount.minor == 200
    november = replace(event(1, region="eu"), time=OCTOBER.end)
    (later,) = rate([november], Terms(merged, "C-1", "USD", OCTOBER.next))
    assert later.amount.minor == 300


def test_late_usage_of_a_cell_that_came_later_has_its_price_and_billed_cells_keep_theirs() -> None:
    newer = book(
        entry('unit_price = 9\nwhere = { region = "eu" }') + entry('unit_price = 7\nwhere = { region = "ap" }')
    )
    found = lines_of(book(EU + US), event(1, region="eu"), event(2, region="ap"), later=[newer])
    assert [(made.attributes, made.amount.minor) for made in found] == [
        ((("region", "ap"),), 700),
        ((("region", "eu"),), 200),
    ]


def test_late_usage_is_billed_on_the_line_of_its_cell() -> None:
    same = book(EU + entry('unit_price = 2\nwhere = { region = "us" }'))
    before = lines_of(same, event(1, region="eu"), event(2, region="us"))
    document = {"number": "INV-1", "period": "2026-10", "lines": [made.content(OCTOBER) for made in before]}

    after = lines_of(same, event(1, region="eu"), event(2, region="us"), event(3, "5", region="us"))
    found = adjustments(after, billed_for(OCTOBER, [document]), OCTOBER, "USD")  # type: ignore[list-item]

    assert [(made.attributes, made.amount.minor) for made in found] == [((("region", "us"),), 1000)]


def test_a_group_says_its_value_and_one_without_says_so() -> None:
    grouped = book(entry('unit_price = 1\ndescription = "Machines"\ngroup_by = ["project"]'))
    found = lines_of(grouped, event(1, project="b"), event(2), event(3, project="a"))
    assert [made.description for made in found] == ["Machines (no project)", "Machines (a)", "Machines (b)"]
    assert [made.content(OCTOBER).get("attributes") for made in found] == [
        {"project": ""},
        {"project": "a"},
        {"project": "b"},
    ]


def test_more_groups_than_an_invoice_has_lines_park_the_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monthclose.domain.pricing.metering.cell_meters.MOST_LINES", 3)
    grouped = book(entry('unit_price = 1\ngroup_by = ["project"]'))
    events = [event(number, project=f"p{number}") for number in range(4)]
    assert len(lines_of(grouped, *events[:3])) == 3
    with pytest.raises(ParkCustomerError) as parked:
        lines_of(grouped, *events)
    assert parked.value.reason == "too_many_lines"
    assert line.MOST_LINES == 15_000


def test_an_import_says_which_cells_are_new_changed_and_ended() -> None:
    changes = book_changes(
        book(EU + US), book(entry('unit_price = 3\nwhere = { region = "us" }') + entry("unit_price = 1"))
    )
    assert [(change.name, change.where, change.what) for change in changes] == [
        ("vm", "region = us", "changed"),
        ("vm", "", "new"),
        ("vm", "region = eu", "ended"),
    ]


def test_a_customers_own_price_goes_before_a_narrower_general_one() -> None:
    general = entry('unit_price = 9\nwhere = { region = "eu", tier = "ssd" }') + entry("unit_price = 1")
    own = entry('unit_price = 4\ncustomers = ["C-1"]\nwhere = { region = "eu" }', "overrides")
    (made,) = lines_of(book(general + own), event(1, region="eu", tier="ssd"))
    assert made.amount.minor == 400


def test_cells_may_have_tax_classes_of_their_own() -> None:
    cells = '[{ where = { kind = "book" }, unit_price = 1, tax_class = "books" }, { unit_price = 2 }]'
    found = lines_of(book(entry(f"cells = {cells}")), event(1, kind="book"), event(2))
    assert [(made.description, made.tax_class) for made in found] == [("vm", ""), ("vm (book)", "books")]


def test_the_quantity_of_a_cell_is_converted_and_rounded_on_its_own() -> None:
    cells = '[{ where = { region = "eu" }, unit_price = 1 }, { unit_price = 2 }]'
    rounded = book(entry(f'divide_by = 1000\nround = "up"\nround_to = 1\ncells = {cells}'))
    found = lines_of(rounded, event(1, "1500", region="eu"), event(2, "100"))
    assert [(made.description, made.amount.minor) for made in found] == [("vm", 200), ("vm (eu)", 200)]


REGIONS, TIERS = ("eu", "us", "ap"), ("ssd", "hdd")


@st.composite
def any_cells(draw: st.DrawFn) -> list[Price]:
    """Prices by region, by both, and one for the rest: of those that match, one is narrowest."""
    both = draw(st.sets(st.tuples(st.sampled_from(REGIONS), st.sampled_from(TIERS))))
    regions = draw(st.sets(st.sampled_from(REGIONS)))
    cells = [Cell((("region", (r,)), ("tier", (t,)))) for r, t in sorted(both)]
    cells += [Cell((("region", (r,)),)) for r in sorted(regions)]
    cells = [*draw(st.permutations(cells)), Cell()]
    owners = [draw(st.sampled_from(["", "C-1"])) if cell.where else "" for cell in cells]
    return [
        Price("vm", "USD", PerUnit(Decimal(number + 1)), cell=cell, customer=owner)
        for number, (cell, owner) in enumerate(zip(cells, owners, strict=True))
    ]


def any_uses() -> st.SearchStrategy[list[tuple[int, str, str]]]:
    return st.lists(st.tuples(st.integers(1, 9), st.sampled_from(("", *REGIONS)), st.sampled_from(("", *TIERS))))


def price_by_hand(prices: Sequence[Price], region: str, tier: str) -> Fraction:
    said = {"region": region, "tier": tier}
    matching = [p for p in prices if all(said[name] in values for name, values in p.cell.where)]
    best = max(matching, key=lambda p: (p.customer == "C-1", len(p.cell.where)))
    assert isinstance(best.model, PerUnit)
    return Fraction(best.model.unit_price)


@given(any_cells(), any_uses(), st.randoms(use_true_random=False))
def test_each_event_has_the_narrowest_of_the_customers_own_prices_or_else_of_the_general_ones(
    prices: list[Price], uses: list[tuple[int, str, str]], order: object
) -> None:
    events = [
        UsageEvent(
            f"e{number}",
            "C-1",
            "vm",
            Decimal(quantity),
            OCTOBER.start,
            attributes=tuple((name, value) for name, value in (("region", region), ("tier", tier)) if value),
        )
        for number, (quantity, region, tier) in enumerate(uses)
    ]

    lines = rate(events, Terms(PriceBook(tuple(prices)), "C-1", "USD", OCTOBER))

    expected = sum((quantity * price_by_hand(prices, region, tier) for quantity, region, tier in uses), Fraction(0))
    assert sum(made.amount.minor for made in lines) == expected * 100
    order.shuffle(prices)  # type: ignore[attr-defined]
    assert rate(events, Terms(PriceBook(tuple(prices)), "C-1", "USD", OCTOBER)) == lines
