"""What every directory of customers promises, fake or real: profiles come with imports, accounts stay."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from monthclose.domain.accounts.customer import SELDOM
from monthclose.domain.accounts.cycles import Cycle
from monthclose.domain.calendar import ZoneSince, changed
from monthclose.domain.closes.batching import Planned
from monthclose.errors import ConflictError
from monthclose.ports import Billed
from tests.contract.conftest import AnyWorld
from tests.contract.records import NOON, PROFILE


def test_importing_a_profile_again_keeps_the_account(world: AnyWorld) -> None:
    world.directory.put_profiles([("acme", PROFILE)])
    customer = world.books.customer("acme")
    assert customer
    world.books.commit(replace(customer, receivable_minor=500, open_payment="p"))

    world.directory.put_profiles([("acme", replace(PROFILE, name="New"))])

    after = world.books.customer("acme")
    assert after
    assert (after.profile.name, after.receivable_minor, after.open_payment) == ("New", 500, "p")


def test_another_time_zone_is_left_to_the_account_that_must_keep_the_one_before(world: AnyWorld) -> None:
    tokyo, berlin = replace(PROFILE, time_zone="Asia/Tokyo"), replace(PROFILE, time_zone="Europe/Berlin")
    assert world.directory.put_profiles([("acme", PROFILE), ("tokyo", tokyo)]) == {}
    assert world.directory.put_profiles([("acme", tokyo), ("tokyo", tokyo)]) == {"acme": tokyo}
    assert world.directory.put_profiles([("tokyo", PROFILE)]) == {"tokyo": PROFILE}
    customer = world.books.customer("tokyo")
    assert customer
    assert customer.profile == tokyo

    zones = changed((), "Asia/Tokyo", "Europe/Berlin", date(2026, 11, 15))
    world.books.commit(replace(customer, profile=berlin, zones=zones))

    assert world.directory.put_profiles([("tokyo", replace(berlin, name="New"))]) == {}
    billed = world.directory.billed(["acme", "tokyo"])
    assert billed["acme"] == Billed(PROFILE, (), ())
    assert billed["tokyo"] == Billed(replace(berlin, name="New"), (), zones)
    assert billed["tokyo"].billing_zones == zones
    world.directory.put_profiles([("new", tokyo)])
    scanned = {one.customer_id: one.zones for one in world.directory.scan()}
    assert scanned == {"acme": (), "tokyo": zones, "new": (ZoneSince("Asia/Tokyo"),)}


def test_another_billing_day_is_stored_with_the_account_only(world: AnyWorld) -> None:
    on_15 = replace(PROFILE, billing_day=15)
    assert world.directory.put_profiles([("acme", PROFILE), ("mid", on_15)]) == {}
    assert world.directory.put_profiles([("acme", PROFILE), ("mid", on_15)]) == {}, "the same again"

    moved = world.directory.put_profiles([("acme", on_15), ("mid", replace(PROFILE, name="New"))])

    assert moved == {"acme": on_15, "mid": replace(PROFILE, name="New")}
    known = world.directory.known(["acme", "mid"])
    assert known == {"acme": PROFILE, "mid": on_15}, "both stay as they were"
    customer = world.books.customer("acme")
    assert customer
    cycles = (Cycle(1), Cycle(15, date(2026, 12, 1)))
    world.books.commit(replace(customer, profile=on_15, cycles=cycles, fees_ahead="2026-12-15"))
    after = world.books.customer("acme")
    assert after
    assert (after.profile, after.cycles, after.fees_ahead) == (on_15, cycles, "2026-12-15")
    assert {one.customer_id: one.cycles for one in world.directory.scan()} == {"acme": cycles, "mid": (Cycle(15),)}
    assert world.directory.billed(["acme"])["acme"] == (on_15, cycles, ())


def test_what_few_customers_have_comes_with_an_import_and_goes_with_one(world: AnyWorld) -> None:
    seldom: dict[str, Any] = {name: f"some {name}" for name in SELDOM if name not in ("payer", "time_zone")}
    world.directory.put_profiles([("acme", replace(PROFILE, **seldom))])
    customer = world.books.customer("acme")
    assert customer
    assert customer.profile == replace(PROFILE, **seldom)
    world.books.commit(replace(customer, receivable_minor=5))
    assert world.directory.known(["acme"]) == {"acme": replace(PROFILE, **seldom)}

    world.directory.put_profiles([("acme", PROFILE)])

    after = world.books.customer("acme")
    assert after
    assert after.profile == PROFILE


def test_a_profile_that_names_another_payer_is_not_stored_but_handed_back(world: AnyWorld) -> None:
    under_head = replace(PROFILE, payer="head")
    assert world.directory.put_profiles([("acme", PROFILE), ("new", under_head)]) == {"new": under_head}
    assert world.directory.put_profiles([("acme", under_head)]) == {"acme": under_head}
    customer = world.books.customer("acme")
    assert customer
    assert customer.profile == PROFILE
    assert world.books.customer("new") is None

    world.books.commit(replace(customer, profile=under_head, payers=(("2026-10-01T00:00:00+00:00", "head"),)))

    assert world.directory.put_profiles([("acme", replace(under_head, name="New"))]) == {}
    assert world.directory.put_profiles([("acme", PROFILE)]) == {"acme": PROFILE}
    after = world.books.customer("acme")
    assert after
    assert (after.profile.name, after.payers) == ("New", (("2026-10-01T00:00:00+00:00", "head"),))


def test_an_import_makes_earlier_readers_conflict(world: AnyWorld) -> None:
    world.directory.put_profiles([("acme", PROFILE)])
    customer = world.books.customer("acme")
    assert customer
    world.directory.put_profiles([("acme", replace(PROFILE, payment_method="new"))])
    with pytest.raises(ConflictError):
        world.books.commit(replace(customer, receivable_minor=1))


def test_the_directory_scans_all_customers_and_finds_named_ones(world: AnyWorld) -> None:
    world.directory.put_profiles((f"c{n}", PROFILE) for n in range(120))
    assert sorted(world.directory.scan()) == sorted(Planned(f"c{n}", "stripe", 0, "USD") for n in range(120))
    found = world.directory.known([*(f"c{n}" for n in range(110)), "nobody", "c1"])
    assert found.keys() == {f"c{n}" for n in range(110)}
    profiles = {name: customer.profile for name in found if (customer := world.books.customer(name))}
    assert profiles == found


def test_a_scan_continues_after_the_customer_it_is_given(world: AnyWorld) -> None:
    world.directory.put_profiles((f"c{n}", PROFILE) for n in range(7))
    everybody = list(world.directory.scan())
    for number, customer in enumerate(everybody):
        assert list(world.directory.scan(customer.customer_id)) == everybody[number + 1 :]


def test_every_customers_currency_is_listed(world: AnyWorld) -> None:
    euros = replace(PROFILE, currency="EUR")
    world.directory.put_profiles([("a", euros), ("b", euros), ("c", replace(PROFILE, currency="JPY"))])
    assert sorted(world.directory.currencies()) == ["EUR", "EUR", "JPY"]


def test_only_customers_who_owe_or_are_on_hold_are_found(world: AnyWorld) -> None:
    world.directory.put_profiles([(name, PROFILE) for name in ("new", "paid", "owes", "held", "other")])
    changes = {
        "paid": {"receivable_minor": 0, "credit_minor": 5, "open_payment": "2026-10/paid"},
        "owes": {"receivable_minor": 5},
        "held": {"held_since": NOON},
        "other": {"receivable_minor": 5, "profile": replace(PROFILE, payment_provider="gocardless")},
    }
    for name, change in changes.items():
        found = world.books.customer(name)
        assert found
        world.books.commit(replace(found, **change))  # type: ignore[arg-type]
    assert sorted(world.directory.owing()) == [("held", "stripe"), ("other", "gocardless"), ("owes", "stripe")]
