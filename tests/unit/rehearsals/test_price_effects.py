"""Whom an import of prices touches: counted exactly where that is cheap, and from the last close where it is not."""

import tomllib
from decimal import Decimal

import pytest

from monthclose.domain.period import Period
from monthclose.domain.pricing.book.changes import Section
from monthclose.domain.pricing.reading import read_book
from monthclose.use_cases.rehearsals import last_month, price_effects
from monthclose.use_cases.rehearsals.price_effects import Effects
from tests.world import OCTOBER, World

FEE = '[[fees]]\nid = "support"\ncurrency = "EUR"\nmonthly_fee = 10\n'
DISCOUNT = '[[discounts]]\nid = "d"\npercent = 5\n'
DROPLET = '[[prices]]\nsku = "droplet"\ncurrency = "USD"\nunit_price = 1\n'


@pytest.fixture
def world() -> World:
    made = World()
    for name, currency in (("ann", "EUR"), ("bob", "EUR"), ("cid", "USD"), ("dan", "USD"), ("eve", "USD")):
        made.add_customer(name, currency=currency)
    return made


def effects(world: World, text: str) -> Effects:
    before = world.price_books.get(world.price_books.latest())
    after = before.merged(read_book(tomllib.loads(text, parse_float=Decimal)))
    return world.use_cases.price_effects.find(before, after)


def test_a_fee_that_names_nobody_is_due_from_all_with_its_currency(world: World) -> None:
    found = effects(world, FEE)
    assert [effect.customers for effect in found.effects] == [2]
    assert found.concerned(Section.FEE) == 2


def test_a_discount_without_a_currency_is_given_to_all(world: World) -> None:
    assert effects(world, DISCOUNT).concerned(Section.DISCOUNT) == 5


def test_named_customers_are_looked_up_and_mistakes_are_found(world: World) -> None:
    [effect] = effects(world, FEE + 'customers = ["ann", "cid", "anne"]\n').effects
    assert (effect.customers, effect.unknown, effect.other_currency) == (1, ("anne",), ("cid",))


def test_customers_of_several_entries_are_counted_once(world: World) -> None:
    other = FEE.replace("support", "setup")
    named = effects(world, FEE + 'customers = ["ann"]\n' + other + 'customers = ["ann", "bob"]\n')
    general = effects(world, FEE + 'customers = ["ann"]\n' + other)
    assert (named.concerned(Section.FEE), general.concerned(Section.FEE)) == (2, 2)


def test_a_price_is_for_those_who_used_the_sku_last_month(world: World) -> None:
    for name in ("ann", "cid", "dan"):
        world.use(name, "5")
    world.close()
    [effect] = effects(world, DROPLET).effects
    assert effect.customers == 2
    [unused] = effects(world, DROPLET.replace("droplet", "gpu")).effects
    assert unused.customers == 0


def test_before_the_first_close_nobody_knows_who_uses_a_sku(world: World) -> None:
    world.use("cid", "5")
    found = effects(world, DROPLET)
    assert (found.effects[0].customers, found.last_month) == (None, None)


@pytest.mark.parametrize("rehearsed", [OCTOBER, Period(2026, 11)])
def test_what_a_rehearsal_has_counted_is_not_counted_again(
    world: World, rehearsed: Period, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use("cid", "5")
    if rehearsed == OCTOBER:
        world.rehearse(rehearsed)
        world.close()
    else:
        world.close()
        world.at(rehearsed.end).rehearse(rehearsed)
    monkeypatch.setattr(last_month, "MOST_INVOICES", 0)
    found = effects(world, DROPLET)
    assert found.effects[0].customers == 1
    assert found.last_month
    assert found.last_month.whole


def test_of_very_many_customers_the_largest_invoices_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cid", "dan", "eve"):
        world.use(name, "5")
    world.close()
    monkeypatch.setattr(last_month, "MOST_INVOICES", 2)
    found = effects(world, DROPLET)
    assert found.effects[0].customers == 2
    assert found.last_month
    assert not found.last_month.whole


def test_very_many_customers_are_not_counted_but_taken_from_the_last_close(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_effects, "MOST_COUNTED", 4)
    assert effects(world, FEE).concerned(Section.FEE) == 2  # before the first close there is no other way
    world.close()
    found = effects(world, FEE)
    assert found.everybody
    assert (found.everybody.since, found.concerned(Section.FEE)) == (OCTOBER, 5)


def test_documents_that_have_expired_are_no_trouble(world: World) -> None:
    world.use("cid", "5")
    world.close()
    for key in list(world.documents.objects):
        del world.documents.objects[key]
    assert effects(world, DROPLET).last_month is None


def test_nothing_is_counted_that_the_import_does_not_need(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.directory, "currencies", lambda: pytest.fail("all customers were read"))
    found = effects(world, FEE + 'customers = ["ann"]\n' + DROPLET)
    assert found.everybody is None
