"""Credit grants on the account: in a close, on the invoice, in the ledger, and when an invoice is credited."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monthclose.domain.accounts.credit import MOST_GRANTS
from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.accounts.ledger import Account, sums_by_account
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.use_cases.proof.report import Report
from tests.world import OCTOBER, World

PROMOTION, GOODWILL = GrantKind.PROMOTIONAL, GrantKind.GOODWILL
NOVEMBER = Period(2026, 11)


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.fixture
def world() -> World:
    """One customer who uses 100.00 a month; it is the middle of October."""
    world = World().at(day(10, 15))
    world.add_customer("acme")
    for period in (OCTOBER, NOVEMBER):
        world.use("acme", "100", period=period)
    return world


def closed(world: World, period: Period = OCTOBER) -> Report:
    """Close a month on the first of the next, and see that the books tie."""
    report = world.at(period.end).close(period, f"execution-{period}")
    assert report["proof"]["ties"], report["proof"]
    return report


def left(world: World) -> dict[GrantKind, int]:
    return {part.grant.kind: part.minor for part in world.customer("acme").grants}


def credits_shown(world: World, period: Period = OCTOBER) -> list[tuple[str, int]]:
    invoice = world.month("acme", period).invoice
    assert invoice
    return [(c.description, c.amount_minor) for c in world.issued.document(invoice).credits]


def ledger(world: World, period: Period) -> dict[str, int]:
    return sums_by_account(world.month("acme", period).entries)["USD"]


def test_gifts_are_used_before_prepaid_credit_and_the_invoice_names_each(world: World) -> None:
    world.cashier.record("acme", usd(5_000), "SEPA 1", day(12, 31))
    world.cashier.credit("acme", usd(2_000), "the outage")
    world.cashier.credit("acme", usd(4_000), "welcome", PROMOTION, day(11, 1))
    world.cashier.record("acme", usd(700), "SEPA 2")

    closed(world)

    assert credits_shown(world) == [
        ("Promotional credit, valid until 31 October 2026", -4_000),
        ("Goodwill credit granted on 15 October 2026", -2_000),
        ("Prepaid credit, valid until 30 December 2026", -4_000),
    ]
    assert left(world) == {GrantKind.PAID: 1_000}
    assert world.customer("acme").credit_minor == 1_700
    assert world.gateway.money_moved == []


def test_within_a_kind_the_soonest_to_expire_pays_first_whichever_was_granted_first(world: World) -> None:
    for until in (None, day(12, 31), day(11, 15)):
        world.cashier.credit("acme", usd(4_000), "welcome", PROMOTION, until)
        world.clock.pass_time(days=1)

    closed(world)

    assert credits_shown(world) == [
        ("Promotional credit, valid until 14 November 2026", -4_000),
        ("Promotional credit, valid until 30 December 2026", -4_000),
        ("Promotional credit granted on 15 October 2026", -2_000),
    ]
    assert left(world) == {PROMOTION: 2_000}
    world.corrector.credit("INV-00000001", usd(5_000), "too much")
    restored = {part.grant.last_day: part.minor for part in world.customer("acme").grants}
    assert restored == {None: 4_000, day(12, 30).date(): 3_000}, "what was used last comes back first"


def test_credit_that_expired_before_the_month_ended_is_booked_as_expired_and_pays_for_nothing(world: World) -> None:
    world.cashier.credit("acme", usd(3_000), "welcome", PROMOTION, day(10, 31))
    world.cashier.record("acme", usd(2_000), "SEPA 1", day(10, 31))

    closed(world)

    assert [amount.minor for _, amount in world.gateway.money_moved] == [10_000]
    assert world.customer("acme").credit_minor == 0
    sums = ledger(world, OCTOBER)
    assert (sums[Account.ALLOWANCE], sums[Account.BREAKAGE]) == (0, -2_000)
    [gone] = [e for e in world.month("acme").entries if e.entry_id.startswith("expired/")]
    assert gone.memo == "credit expired: promotional of 2026-10-15, paid of 2026-10-15"


def test_the_rest_of_a_grant_stays_until_it_expires(world: World) -> None:
    world.cashier.credit("acme", usd(13_000), "welcome", PROMOTION, day(12, 1))
    closed(world)
    assert left(world) == {PROMOTION: 3_000}

    closed(world, NOVEMBER)
    assert credits_shown(world, NOVEMBER) == [("Promotional credit, valid until 30 November 2026", -3_000)]
    assert [amount.minor for _, amount in world.gateway.money_moved] == [7_000]
    assert left(world) == {}


def test_credit_expires_in_a_month_without_usage_too(world: World) -> None:
    closed(world)
    world.cashier.credit("acme", usd(3_000), "sorry", GOODWILL, day(11, 20))
    closed(world, NOVEMBER)
    world.cashier.credit("acme", usd(3_000), "sorry", GOODWILL, day(12, 20))
    closed(world, NOVEMBER.next)
    assert world.customer("acme").credit_minor == 0
    assert ledger(world, NOVEMBER.next) == {Account.ALLOWANCE: 0, Account.CREDIT: 0}


def test_a_close_that_runs_again_expires_nothing_twice(world: World) -> None:
    world.cashier.credit("acme", usd(3_000), "welcome", PROMOTION, day(10, 31))
    closed(world)
    entries = world.month("acme").entries
    world.close(OCTOBER, "execution-again")
    assert world.month("acme").entries == entries


def test_credit_for_a_parked_month_does_not_expire_before_the_month_is_billed(world: World) -> None:
    world.cashier.credit("acme", usd(4_000), "welcome", PROMOTION, day(11, 1))
    profile = world.customer("acme").profile
    world.change("acme", profile=replace(profile, currency="???"))
    assert closed(world)["parked"] == {"unknown_currency": 1}
    world.change("acme", profile=profile)
    closed(world, NOVEMBER)
    assert left(world) == {PROMOTION: 4_000}

    world.close(OCTOBER, "execution-again")

    assert credits_shown(world) == [("Promotional credit, valid until 31 October 2026", -4_000)]
    assert (left(world), world.customer("acme").credit_minor) == ({}, 0)


def test_credit_granted_after_the_invoice_covers_the_open_amount_gifts_first() -> None:
    world = World().at(OCTOBER.end)
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    world.cashier.credit("acme", usd(15_000), "sorry", GOODWILL, day(11, 20))
    invoice = world.month("acme").invoice
    assert invoice
    assert (invoice.open.minor, left(world)) == (0, {GOODWILL: 5_000})


def test_voiding_an_invoice_restores_each_grant_with_its_conditions(world: World) -> None:
    world.cashier.credit("acme", usd(4_000), "welcome", PROMOTION, day(12, 1))
    closed(world)
    assert [amount.minor for _, amount in world.gateway.money_moved] == [6_000]

    world.corrector.void("INV-00000001", "billed twice")

    customer = world.customer("acme")
    assert (customer.credit_minor, left(world)) == (10_000, {PROMOTION: 4_000})
    closed(world, NOVEMBER)
    assert credits_shown(world, NOVEMBER) == [
        ("Promotional credit, valid until 30 November 2026", -4_000),
        ("Your credit on 1 December 2026", -6_000),
    ]


def test_a_restored_grant_that_has_since_expired_becomes_the_customers_own_credit(world: World) -> None:
    world.cashier.credit("acme", usd(4_000), "welcome", PROMOTION, day(11, 1))
    closed(world)
    world.at(day(11, 5)).corrector.void("INV-00000001", "billed twice")
    assert (world.customer("acme").credit_minor, left(world)) == (10_000, {})
    closed(world, NOVEMBER)
    assert [amount.minor for _, amount in world.gateway.money_moved] == [6_000]
    assert world.customer("acme").balance.minor == 0


def test_crediting_a_part_returns_paid_money_first_and_gifts_last(world: World) -> None:
    world.cashier.credit("acme", usd(4_000), "welcome", PROMOTION)
    closed(world)
    world.corrector.credit("INV-00000001", usd(7_000), "too much")
    assert (world.customer("acme").credit_minor, left(world)) == (7_000, {PROMOTION: 1_000})
    world.corrector.void("INV-00000001", "all of it")
    assert (world.customer("acme").credit_minor, left(world)) == (10_000, {PROMOTION: 4_000})


def test_crediting_a_part_paid_by_credit_restores_the_customers_own_before_any_gift(world: World) -> None:
    world.cashier.credit("acme", usd(5_000), "welcome", PROMOTION, day(12, 1))
    world.cashier.record("acme", usd(5_000), "SEPA 1")
    closed(world)
    world.corrector.credit("INV-00000001", usd(2_000), "too much")
    world.corrector.credit("INV-00000001", usd(3_000), "still too much")
    assert (world.customer("acme").credit_minor, left(world)) == (5_000, {})
    world.corrector.credit("INV-00000001", usd(1_000), "and again")
    assert (world.customer("acme").credit_minor, left(world)) == (6_000, {PROMOTION: 1_000})


def test_a_grant_that_would_expire_at_once_is_refused(world: World) -> None:
    with pytest.raises(UserMistakeError, match="cannot expire before it is granted"):
        world.cashier.credit("acme", usd(1), "why", PROMOTION, day(10, 15))
    with pytest.raises(UserMistakeError, match="cannot expire before it is granted"):
        world.cashier.record("acme", usd(1), "SEPA 1", day(10, 1))
    assert world.customer("acme").credit_minor == 0


@pytest.mark.long
def test_an_account_has_no_more_grants_than_its_item_holds(world: World) -> None:
    for number in range(MOST_GRANTS):
        world.at(day(10, 15) + timedelta(seconds=number)).cashier.credit("acme", usd(1), "why", PROMOTION, day(12, 1))
    with pytest.raises(
        UserMistakeError,
        match="customer acme has 500 credit grants, the most there can be: wait until some are used up or have expired",
    ):
        world.cashier.credit("acme", usd(1), "why", PROMOTION, day(12, 1))
