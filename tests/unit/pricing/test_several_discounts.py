"""Several discounts: their order in the book, and whether they add up."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.pricing import Discount, InvoiceLine, LineKind, Price, PriceBook, Terms, rate
from monthclose.domain.pricing.book.changes import Section, book_changes
from monthclose.domain.pricing.book.discounting import Discounting, Order, Stacking
from monthclose.domain.pricing.explanation import recomputed
from monthclose.domain.pricing.line import total_minor
from monthclose.domain.pricing.reading import PriceBookError, read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, any_decimal
from tests.unit.pricing.test_pricing_properties import any_discounts

ORDER_FREE = (Discounting(Order.PERCENT_FIRST), Discounting(Order.AMOUNT_FIRST), Discounting(None, Stacking.BEST))


def any_bill() -> SearchStrategy[dict[str, Decimal]]:
    return st.dictionaries(st.sampled_from(["sku", "other", "third"]), any_decimal("-5", "500", places=2), max_size=3)


def lines_of(bill: dict[str, Decimal], discounts: Sequence[Discount], discounting: Discounting) -> list[InvoiceLine]:
    prices = [Price.plain(sku, "USD", Decimal(1)) for sku in ("sku", "other", "third")]
    book = replace(PriceBook.of(prices), discounts=tuple(discounts), discounting=discounting)
    events = [UsageEvent(sku, "C-1", sku, quantity, OCTOBER.start) for sku, quantity in bill.items()]
    return rate(events, Terms(book, "C-1", "USD", OCTOBER))


@given(any_bill(), any_discounts(), st.sampled_from(ORDER_FREE), st.randoms())
def test_the_order_in_the_book_does_not_matter(
    bill: dict[str, Decimal], discounts: list[Discount], discounting: Discounting, random: object
) -> None:
    lines, shuffled = lines_of(bill, discounts, discounting), list(discounts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lines_of(bill, shuffled, discounting) == lines
    assert all(recomputed(line.steps, "USD") == line.amount for line in lines)


@given(any_bill(), any_discounts(), st.sampled_from(Order))
def test_discounts_take_no_more_than_there_is_in_any_order(
    bill: dict[str, Decimal], discounts: list[Discount], order: Order
) -> None:
    lines = lines_of(bill, discounts, Discounting(order))
    corrections = sum(min(line.amount.minor, 0) for line in lines if line.kind is LineKind.USAGE)
    assert total_minor(lines) >= corrections
    for before, after in pairwise(line for line in lines if line.kind is LineKind.DISCOUNT):
        assert bool(before.sku) >= bool(after.sku), "those by SKU come first"


@given(any_bill(), any_discounts())
def test_the_best_takes_off_as_much_as_any_discount_alone_and_nothing_twice(
    bill: dict[str, Decimal], discounts: list[Discount]
) -> None:
    lines = [x for x in lines_of(bill, discounts, Discounting(None, Stacking.BEST)) if x.kind is LineKind.DISCOUNT]
    skus = [line.sku for line in lines]
    assert len(set(skus)) == len(skus)
    assert "" not in skus or len(skus) == 1
    whole = [d for d in discounts if not d.skus]
    of_one_sku = chain.from_iterable((replace(d, skus=(sku,)) for sku in d.skus) for d in discounts if d.percent)
    for alone in (*whole, *of_one_sku):
        taken = [x for x in lines_of(bill, [alone], Discounting()) if x.kind is LineKind.DISCOUNT]
        assert total_minor(lines) <= total_minor(taken)


def test_an_amount_that_is_the_best_for_several_skus_is_used_once() -> None:
    discounts = [
        Discount("amount", off=Decimal(50), currency="USD", skus=("sku", "other")),
        Discount("percent", percent=Decimal(10), skus=("sku", "other")),
    ]
    lines = lines_of({"sku": Decimal(100), "other": Decimal(45)}, discounts, Discounting(None, Stacking.BEST))
    taken = [(line.description, line.sku, line.amount.minor) for line in lines if line.kind is LineKind.DISCOUNT]
    assert taken == [("amount", "other", -4500), ("percent", "sku", -1000)]


def test_a_setting_is_kept_by_imports_that_do_not_name_it_and_shown_as_a_change() -> None:
    first = read_book(tomllib.loads('[settings]\ndiscount_order = "percent_first"'))
    kept = first.merged(read_book({"settings": {"discount_stacking": "best", "cap_hours": 100}}))
    assert kept.content() == {"settings": {"discount_order": "percent_first", "discount_stacking": "best"}}
    assert read_book(kept.content()).version == kept.version != first.version

    back = kept.merged(read_book({"settings": {"discount_order": "book", "discount_stacking": "sequence"}}))
    assert (back.content(), back.version) == ({}, PriceBook().version)
    [change] = book_changes(first, back)
    assert (change.section, change.what) == (Section.SETTING, "changed")
    assert change.differing == {"discount_order": ("percent_first", None)}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("discount_order", "settings: discount_order 'largest' does not exist; choose one of book, percent_first"),
        ("discount_stacking", "settings: discount_stacking 'largest' does not exist; choose one of sequence, best"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(setting: str, said: str) -> None:
    with pytest.raises(PriceBookError) as refused:
        read_book({"settings": {setting: "largest"}})
    assert str(refused.value).startswith(said)
