"""Tax classes of lines: from the price, the fee, the SKU; and what is taken off follows what it is taken off."""

import tomllib
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.pricing import InvoiceLine, PriceBook, Terms, rate
from monthclose.domain.pricing.book.changes import Section, book_changes
from monthclose.domain.pricing.book.price import Price
from monthclose.domain.pricing.explanation import in_words, recomputed
from monthclose.domain.pricing.reading import PriceBookError, read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import NOW, OCTOBER

BOOK = """
[[prices]]
sku = "vm"
currency = "USD"
unit_price = 1
[[prices]]
sku = "book"
currency = "USD"
unit_price = 1
tax_class = "books"
[[tax_classes]]
id = "food"
skus = ["lunch", "rated"]
[[prices]]
sku = "lunch"
currency = "USD"
unit_price = 1
"""
PERCENT = '[[discounts]]\nid = "d"\npercent = 10\n'


def book(text: str) -> PriceBook:
    return read_book(tomllib.loads(text, parse_float=Decimal))


def use(sku: str, quantity: str, unit_price: str | None = None) -> UsageEvent:
    price = None if unit_price is None else Decimal(unit_price)
    return UsageEvent(f"{sku}-{quantity}", "C-1", sku, Decimal(quantity), NOW, price)


def rated(text: str, **quantities: str) -> list[InvoiceLine]:
    return rate([use(*used) for used in quantities.items()], Terms(book(text), "C-1", "USD", OCTOBER))


def said(lines: list[InvoiceLine]) -> list[tuple[str, str, int]]:
    return [(line.sku, line.tax_class, line.amount.minor) for line in lines]


def test_a_line_has_the_class_of_its_price_or_of_its_sku() -> None:
    assert said(rated(BOOK, vm="1", book="2", lunch="3")) == [
        ("book", "books", 200),
        ("lunch", "food", 300),
        ("vm", "", 100),
    ]


def test_usage_that_is_rated_upstream_has_the_class_of_its_sku() -> None:
    lines = rate([use("rated", "2", "5"), use("other", "1", "5")], Terms(book(BOOK), "C-1", "USD", OCTOBER))
    assert said(lines) == [("other", "", 500), ("rated", "food", 1000)]


def test_the_class_of_a_price_goes_before_that_of_its_sku() -> None:
    text = (
        BOOK + '[[overrides]]\nsku = "lunch"\ncustomers = ["C-1"]\ncurrency = "USD"\nunit_price = 2\ntax_class = "x"\n'
    )
    assert said(rated(text, lunch="1")) == [("lunch", "x", 200)]


def test_a_customers_own_price_has_the_class_of_the_general_one() -> None:
    text = BOOK + '[[overrides]]\nsku = "book"\ncustomers = ["C-1"]\ncurrency = "USD"\nunit_price = 2\n'
    assert said(rated(text, book="1")) == [("book", "books", 200)]


def test_a_class_may_change_with_the_price() -> None:
    text = """
[[prices]]
sku = "vm"
currency = "USD"
unit_price = 1
until = 2026-10-16
[[prices]]
sku = "vm"
currency = "USD"
unit_price = 1
tax_class = "new"
from = 2026-10-16
"""
    events = [
        UsageEvent(f"e{day}", "C-1", "vm", Decimal(3), NOW.replace(year=2026, month=10, day=day), None)
        for day in (1, 20)
    ]
    lines = rate(
        events, Terms(book(text + '[[discounts]]\nid = "d"\npercent = 50\nskus = ["vm"]'), "C-1", "USD", OCTOBER)
    )
    assert said(lines) == [("vm", "", 300), ("vm", "new", 300), ("vm", "", -150), ("vm", "new", -150)]


CELLS = """
[[prices]]
sku = "traffic"
currency = "USD"
unit_price = 1
where = { region = "eu" }
tax_class = "books"
[[prices]]
sku = "traffic"
currency = "USD"
unit_price = 1
"""


def test_the_prices_of_a_sku_may_have_classes_by_region() -> None:
    events = [replace(use("traffic", str(n)), attributes=(("region", name),)) for n, name in ((2, "eu"), (1, "us"))]
    lines = rate(events, Terms(book(CELLS), "C-1", "USD", OCTOBER))
    assert sorted(said(lines)) == [("traffic", "", 100), ("traffic", "books", 200)]
    own = (
        CELLS.replace("prices", "overrides")
        .replace('tax_class = "books"', "")
        .replace("sku", 'customers = ["C-1"]\nsku')
    )
    assert said(rate(events, Terms(book(CELLS + own), "C-1", "USD", OCTOBER))) == said(lines)


def test_a_fee_has_its_own_class() -> None:
    text = BOOK + '[[fees]]\nid = "support"\ncurrency = "USD"\nmonthly_fee = 10\ntax_class = "services"\n'
    assert said(rated(text)) == [("support", "services", 1000)]


@pytest.mark.parametrize(
    ("more", "used", "expected"),
    [
        # A discount on a SKU has that SKU's class.
        ('skus = ["book"]', {"vm": "10", "book": "20"}, [("book", "books", -200)]),
        # One on the whole invoice takes the same part off each class: a tenth of 10.00 and of 20.00.
        ("", {"vm": "10", "book": "20"}, [("", "", -100), ("", "books", -200)]),
        # A tenth of 0.33 is 0.03 in all: 0.011 each, and the cent that is left to the first of equals.
        ("", {"vm": "0.11", "book": "0.11", "lunch": "0.11"}, [("", "", -1), ("", "books", -1), ("", "food", -1)]),
        ("", {"vm": "0.05", "book": "0.10"}, [("", "", -1), ("", "books", -1)]),  # 0.015, half to even 0.02
        # What is credited of a class has the same part taken off: -10 % of -5.00 is 0.50.
        ("", {"vm": "10", "book": "-5"}, [("", "", -100), ("", "books", 50)]),
        ("", {"book": "20"}, [("", "books", -200)]),
        ("", {"vm": "20"}, [("", "", -200)]),
    ],
)
def test_a_discount_follows_the_lines_that_it_is_taken_off(
    more: str, used: dict[str, str], expected: list[tuple[str, str, int]]
) -> None:
    lines = rated(BOOK + PERCENT + more, **used)
    assert [one for one in said(lines) if (one[0] == "" or more)][-len(expected) :] == expected


def test_discounts_by_sku_are_taken_off_before_the_rest_is_shared() -> None:
    text = BOOK + PERCENT + '[[discounts]]\nid = "books"\ncurrency = "USD"\namount = 10\nskus = ["book"]\n'
    # 30.00 of books less 10.00 are 20.00, as much as of vm: half of 4.00 each.
    assert said(rated(text, vm="20", book="30"))[2:] == [("book", "books", -1000), ("", "", -200), ("", "books", -200)]


@pytest.mark.parametrize(
    ("more", "used", "expected"),
    [
        ('skus = ["book"]', {"vm": "1"}, "books"),  # not used at all: taxed as the use would have been
        ('skus = ["rated", "lunch"]', {}, "food"),
        ('skus = ["book", "vm"]', {"book": "1"}, ""),  # several: no SKU says what was not used
        ('skus = ["book", "vm"]\ntax_class = "c"', {"book": "1"}, "c"),
        ("", {"book": "1"}, "books"),
        ("", {"book": "1", "vm": "1"}, ""),
        ('tax_class = "c"', {"book": "1"}, "c"),
        ("", {}, ""),
    ],
)
def test_a_true_up_is_taxed_as_the_use_that_did_not_come(more: str, used: dict[str, str], expected: str) -> None:
    text = f'{BOOK}[[commitments]]\nid = "year"\ncurrency = "USD"\namount = 100\n{more}\n'
    sku, tax_class, _ = said(rated(text, **used))[-1]
    assert (sku, tax_class) == ("year", expected)


QUANTITIES = st.dictionaries(st.sampled_from(["vm", "book", "lunch"]), st.decimals(-50, 500, places=2), min_size=1)
DISCOUNTS = st.lists(
    st.tuples(
        st.sampled_from(["percent = {}", 'currency = "USD"\namount = {}']),
        st.integers(1, 100),
        st.sampled_from(["", "book"]),
    ),
    max_size=3,
)


@given(QUANTITIES, DISCOUNTS)
def test_classes_change_no_sum_and_each_line_still_computes(used: dict[str, Decimal], discounts: list[Any]) -> None:
    text = ""
    for number, (what, value, sku) in enumerate(discounts):
        skus = f'skus = ["{sku}"]\n' if sku else ""
        text += f'[[discounts]]\nid = "d{number}"\n{what.format(value)}\n{skus}'
    without = BOOK.replace('tax_class = "books"', "").replace('skus = ["lunch", "rated"]', 'skus = ["rated"]')
    quantities = {sku: str(quantity) for sku, quantity in used.items()}
    plain, classed = rated(without + text, **quantities), rated(BOOK + text, **quantities)
    assert by_line(classed) == by_line(plain)
    for line in classed:
        assert recomputed(line.steps, "USD") == line.amount
        assert all(in_words(step) for step in line.steps)


def by_line(lines: list[InvoiceLine]) -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for line in lines:
        found[line.kind, line.sku, line.description] += line.amount.minor
    return dict(found)


def test_a_cut_discount_says_how_it_came_about() -> None:
    *_, share = rated(BOOK + PERCENT, vm="10", book="20")
    assert [in_words(step) for step in share.steps] == ["10% off 30 = -3", "of that, -2 for what is taxed the same"]


def test_a_book_without_tax_classes_is_the_same_book_with_the_same_lines() -> None:
    known = book((Path(__file__).parent / "book_of_2026_11.toml").read_text())
    assert known.version == "2d880dfb3fc787ff"
    assert "tax_class" not in str(known.content())
    lines = rate([use("requests", "5000000")], Terms(known, "C-1", "USD", OCTOBER))
    assert all("tax_class" not in line.content(OCTOBER) for line in lines)


def test_a_book_with_tax_classes_is_read_again_as_it_was_written() -> None:
    text = BOOK + '[[fees]]\nid = "f"\ncurrency = "USD"\nmonthly_fee = 1\ntax_class = "x"\n'
    text += '[[commitments]]\nid = "c"\ncurrency = "USD"\namount = 1\ntax_class = "x"\n'
    known = book(text)
    again = read_book(known.content())
    assert (again, again.version) == (known, known.version)


def test_a_sku_that_a_later_import_puts_in_another_class_leaves_the_first() -> None:
    merged = book(BOOK).merged(book('[[tax_classes]]\nid = "other"\nskus = ["lunch"]'))
    assert merged.class_by_sku == {"rated": "food", "lunch": "other"}
    gone = merged.merged(book('[[tax_classes]]\nid = "other"\nskus = ["lunch", "rated"]'))
    assert [entry.id for entry in gone.tax_classes] == ["other"]


def test_a_plain_price_from_a_csv_file_keeps_the_tax_class() -> None:
    assert book(BOOK).filled_in(Price.plain("book", "USD", Decimal(2))).tax_class == "books"


def test_an_import_says_which_tax_classes_change() -> None:
    before, after = book(BOOK), book(BOOK).merged(book('[[tax_classes]]\nid = "food"\nskus = ["rated", "snack"]'))
    (change,) = book_changes(before, after)
    assert (change.section, change.name, change.what, change.skus) == (
        Section.TAX_CLASS,
        "food",
        "changed",
        ("rated", "snack"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[tax_classes]]\nid = "a"\n', 'tax_classes[1] "a": skus is missing: list the SKUs that have this tax class'),
        ('[[tax_classes]]\nid = "a"\nsku = "b"\n', "skus is missing, and 'sku' is unknown here: list the SKUs"),
        (
            '[[tax_classes]]\nid = "a"\nskus = ["x"]\n[[tax_classes]]\nid = "b"\nskus = ["x"]\n',
            'tax_classes[2] "b": the SKU \'x\' is in tax_classes[1] "a" already',
        ),
        (BOOK.replace('"books"', "7"), 'prices[2] "book": tax_class must be text in quotes'),
    ],
)
def test_tax_classes_that_cannot_be_used_are_refused(text: str, message: str) -> None:
    with pytest.raises(PriceBookError) as caught:
        book(text)
    assert message in str(caught.value)


def test_a_maximum_of_a_fee_has_the_class_of_the_fee() -> None:
    text = (
        BOOK
        + '[[fees]]\nid = "vm"\ncurrency = "USD"\nmonthly_fee = 20\ntax_class = "paper"\n'
        + '[[limits]]\nid = "most"\ncurrency = "USD"\nfees = ["vm"]\nmaximum = 15\n'
    )
    assert said(rated(text, vm="3")) == [("vm", "", 300), ("vm", "paper", 2000), ("vm", "paper", -500)]


def test_a_maximum_of_the_whole_invoice_takes_the_same_part_off_each_class() -> None:
    text = BOOK + '[[limits]]\nid = "most"\ncurrency = "USD"\nmaximum = 3\n'
    assert said(rated(text, vm="4", book="2")) == [
        ("book", "books", 200),
        ("vm", "", 400),
        ("", "", -200),
        ("", "books", -100),
    ]


def test_overage_has_the_class_of_its_skus() -> None:
    text = BOOK + '[[commitments]]\nid = "c"\ncurrency = "USD"\nskus = ["book"]\namount = 2\noverage = "1.5"\n'
    assert said(rated(text, vm="1", book="4")) == [("book", "books", 400), ("vm", "", 100), ("c", "books", 100)]
