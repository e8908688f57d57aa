"""What an import changes in the price book, entry by entry."""

import tomllib
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.pricing import PriceBook
from monthclose.domain.pricing.book.changes import EntryChange, Section, What, book_changes
from monthclose.domain.pricing.reading import read_book
from tests.unit.any import any_price

BEFORE = """
[[prices]]
sku = "vm"
currency = "EUR"
unit_price = "0.10"
[[fees]]
id = "support"
currency = "EUR"
monthly_fee = "10"
customers = ["acme"]
[[discounts]]
id = "launch"
percent = 5
skus = ["vm"]
"""


def changes(text: str, before: str = BEFORE) -> tuple[EntryChange, ...]:
    """Merge a book into the one before, as an import does, and compare."""
    was = book(before)
    return book_changes(was, was.merged(book(text)))


def book(text: str) -> PriceBook:
    return read_book(tomllib.loads(text, parse_float=Decimal))


def test_an_entry_that_is_imported_again_as_it_is_has_not_changed() -> None:
    assert changes(BEFORE) == ()


def test_new_entries_are_named_with_whom_they_are_for() -> None:
    [fee, discount, commitment, price] = changes(
        '[[fees]]\nid = "setup"\ncurrency = "USD"\nmonthly_fee = 5\ndescription = "Setup"\n'
        '[[discounts]]\nid = "d"\npercent = 5\ncustomers = ["acme", "broke"]\n'
        '[[commitments]]\nid = "c"\ncurrency = "EUR"\namount = 100\nskus = ["vm"]\n'
        '[[prices]]\nsku = "gpu"\ncurrency = "EUR"\nunit_price = 2\n'
    )
    assert (fee.section, fee.name, fee.currency, fee.what) == (Section.FEE, "setup", "USD", What.NEW)
    assert (fee.description, fee.customers, fee.before) == ("Setup", (), [])
    assert (discount.section, discount.currency, discount.customers) == (Section.DISCOUNT, "", ("acme", "broke"))
    assert (commitment.section, commitment.skus) == (Section.COMMITMENT, ("vm",))
    assert (price.section, price.name, price.currency, price.skus) == (Section.PRICE, "gpu", "EUR", ("gpu",))


def test_a_changed_entry_says_what_it_was_and_what_it_is() -> None:
    [fee] = changes('[[fees]]\nid = "support"\ncurrency = "EUR"\nmonthly_fee = 12\n')
    assert fee.what is What.CHANGED
    assert fee.differing == {"monthly_fee": ("10", "12"), "customers": (["acme"], None)}


def test_a_price_from_a_day_on_is_a_change_with_both_prices() -> None:
    [price] = changes('[[prices]]\nsku = "vm"\ncurrency = "EUR"\nunit_price = "0.12"\nfrom = 2026-11-01\n')
    assert price.what is What.CHANGED
    assert [entry.get("unit_price") for entry in price.before] == ["0.1"]
    assert [entry.get("unit_price") for entry in price.after] == ["0.1", "0.12"]


def test_an_entry_that_gets_an_end_has_ended() -> None:
    [fee, discount] = changes(
        '[[fees]]\nid = "support"\ncurrency = "EUR"\nmonthly_fee = 10\ncustomers = ["acme"]\nuntil = 2026-11-01\n'
        '[[discounts]]\nid = "launch"\npercent = 5\nskus = ["vm"]\nuntil = "2026-11"\n'
    )
    assert (fee.what, discount.what) == (What.ENDED, What.ENDED)


def test_customers_own_prices_that_change_alike_are_one_entry() -> None:
    [cheap, cheaper] = changes(
        '[[overrides]]\nsku = "vm"\ncurrency = "EUR"\nunit_price = "0.08"\ncustomers = ["a", "b", "c"]\n'
        '[[overrides]]\nsku = "vm"\ncurrency = "EUR"\nunit_price = "0.07"\ncustomers = ["d"]\n'
    )
    assert (cheap.customers, cheaper.customers) == (("a", "b", "c"), ("d",))


@given(st.lists(any_price("vm", "EUR"), max_size=3), any_price("vm", "EUR"))
def test_a_book_differs_if_and_only_if_its_version_does(prices: list, price: object) -> None:  # type: ignore[type-arg]
    before = PriceBook.of(prices)
    after = before.merged(PriceBook.of([price]))  # type: ignore[list-item]
    assert bool(book_changes(before, after)) == (before.version != after.version)
