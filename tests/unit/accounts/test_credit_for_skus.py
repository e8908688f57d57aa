"""Credit that pays for named SKUs only: with taxes and discounts, when an invoice is credited, and when it expires."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts.credit import use
from monthclose.domain.accounts.grant import Grant, GrantKind, Part, merged, sum_minor
from monthclose.domain.accounts.ledger import Account, sums_by_account
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.payable import payable_by_sku
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.proof.report import Report
from tests.unit.any import a_customer
from tests.world import OCTOBER, World

NOVEMBER = Period(2026, 11)
PROMOTION, GOODWILL = GrantKind.PROMOTIONAL, GrantKind.GOODWILL
DE_VAT = b"""
seller = "DE"
[[rate]]
countries = ["DE"]
name = "VAT"
percent = 19

[[rate]]
countries = ["DE"]
name = "VAT"
percent = 7
classes = ["books"]
"""


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.fixture
def world() -> World:
    """One customer who uses 60.00 of disk and 40.00 of cpu a month; it is the middle of October."""
    world = World().at(datetime(2026, 10, 15, tzinfo=UTC))
    prices = [{"sku": sku, "currency": "USD", "unit_price": "1"} for sku in ("disk", "cpu")]
    world.price_books.merge(read_book({"prices": prices}))
    world.add_customer("acme")
    for period in (OCTOBER, NOVEMBER):
        use_of(world, "disk", "60", period)
        use_of(world, "cpu", "40", period)
    return world


def use_of(world: World, sku: str, quantity: str, period: Period = OCTOBER, number: int = 1) -> None:
    event = UsageEvent(f"{sku}-{number}", "acme", sku, Decimal(quantity), period.start, received_at=world.clock.now)
    world.usage.put([event])


def closed(world: World, period: Period = OCTOBER) -> Report:
    """Close a month on the first of the next, and see that the books tie."""
    report = world.at(period.end).close(period, f"execution-{period}")
    assert report["proof"]["ties"], report["proof"]
    return report


def left(world: World) -> list[int]:
    return [part.minor for part in world.customer("acme").grants]


def open_and_charged(world: World, period: Period = OCTOBER) -> tuple[int, int]:
    """What credit left to pay of a month's invoice, and what was collected for it."""
    invoice = world.month("acme", period).invoice
    assert invoice
    return invoice.total_minor - invoice.credited_minor, invoice.collected_minor


def test_it_pays_for_its_skus_alone_and_the_rest_stays_for_the_months_to_come(world: World) -> None:
    world.cashier.credit("acme", usd(9_000), "the trial", PROMOTION, skus=("disk",))
    closed(world)
    assert (open_and_charged(world), left(world)) == ((4_000, 4_000), [3_000])
    closed(world, NOVEMBER)
    assert (open_and_charged(world, NOVEMBER), left(world)) == ((7_000, 7_000), [])


def test_it_does_not_pay_for_a_fee_of_the_same_name(world: World) -> None:
    world.price_books.merge(read_book({"fees": [{"id": "disk", "currency": "USD", "monthly_fee": "30"}]}))
    world.cashier.credit("acme", usd(20_000), "the trial", PROMOTION, skus=("disk",))
    closed(world)
    assert open_and_charged(world) == (7_000, 7_000)


def test_it_pays_for_what_discounts_leave_and_for_its_part_of_those_on_the_whole_invoice(world: World) -> None:
    discounts = [{"id": "d", "percent": 50, "skus": ["disk"]}, {"id": "whole", "percent": 10}]
    world.price_books.merge(read_book({"discounts": discounts}))
    world.cashier.credit("acme", usd(20_000), "the trial", PROMOTION, skus=("disk",))
    closed(world)
    # disk: 60.00 - 30.00 - 3.00 = 27.00; cpu: 40.00 - 4.00 = 36.00
    assert (open_and_charged(world), left(world)) == ((3_600, 3_600), [17_300])


@pytest.mark.parametrize(
    ("taxed", "charged", "kept"),
    [
        ("", 4_760, 12_860),  # disk: 60.00 x 1.19 = 71.40 are paid; cpu: 40.00 x 1.19
        ("books", 4_760, 13_580),  # disk: 60.00 x 1.07 = 64.20 are paid; cpu as before
    ],
)
def test_it_pays_for_the_taxes_of_its_skus(world: World, taxed: str, charged: int, kept: int) -> None:
    world.tax_tables.put(DE_VAT)
    if taxed:
        world.price_books.merge(read_book({"tax_classes": [{"id": taxed, "skus": ["disk"]}]}))
    world.change("acme", profile=replace(world.customer("acme").profile, country="DE"))
    world.cashier.credit("acme", usd(20_000), "the trial", PROMOTION, skus=("disk",))
    closed(world)
    assert (open_and_charged(world), left(world)) == ((charged, charged), [kept])


def test_credit_for_fewer_skus_is_used_first_and_credit_for_everything_last_of_its_kind(world: World) -> None:
    world.cashier.credit("acme", usd(3_000), "anything", GOODWILL)
    world.cashier.credit("acme", usd(5_000), "both", GOODWILL, skus=("disk", "cpu"))
    world.cashier.credit("acme", usd(4_000), "disk", GOODWILL, skus=("disk",))
    closed(world)
    # 40.00 of disk by the second; 20.00 of disk and 30.00 of cpu by the first; 10.00 of cpu by the one for anything
    assert (open_and_charged(world), left(world)) == ((0, 0), [2_000])


def test_it_does_not_lower_what_is_charged_for_open_invoices_nor_lift_a_hold(world: World) -> None:
    world.change("acme", profile=replace(world.customer("acme").profile, payment_method=""))
    closed(world)
    before = world.customer("acme")
    after = world.cashier.credit("acme", usd(50_000), "the trial", PROMOTION, skus=("disk",))
    assert (before.owed, after.owed) == (usd(10_000), usd(10_000))
    assert after.balance == usd(-40_000)
    assert open_and_charged(world) == (10_000, 0)
    world.change("acme", profile=replace(world.customer("acme").profile, payment_method="pm_card_visa"))
    world.cashier.pay("acme")
    assert open_and_charged(world) == (10_000, 10_000)


def test_a_credited_invoice_gives_it_back_with_its_condition(world: World) -> None:
    world.cashier.credit("acme", usd(6_000), "the trial", PROMOTION, skus=("disk",))
    closed(world)
    invoice = world.month("acme", OCTOBER).invoice
    assert invoice
    world.corrector.void(invoice.number, "wrong")
    [part] = world.customer("acme").grants
    assert (part.minor, part.grant.skus) == (6_000, ("disk",))
    closed(world, NOVEMBER)
    assert left(world) == []


def test_what_expires_is_booked_as_of_any_grant(world: World) -> None:
    until = datetime(2026, 11, 1, tzinfo=UTC)
    world.cashier.credit("acme", usd(9_000), "the trial", PROMOTION, until, skus=("disk",))
    closed(world)
    closed(world, NOVEMBER)
    assert left(world) == []
    assert sums_by_account(world.month("acme", NOVEMBER).entries)["USD"][Account.ALLOWANCE] == -3_000


def test_late_usage_of_its_skus_is_paid_for_too(world: World) -> None:
    closed(world)
    use_of(world.at(datetime(2026, 11, 10, tzinfo=UTC)), "disk", "5", number=2)
    world.change("acme", late_usage={"2026-10": world.clock.now.isoformat()})
    world.cashier.credit("acme", usd(20_000), "the trial", PROMOTION, skus=("disk",))
    closed(world, NOVEMBER)
    assert (open_and_charged(world, NOVEMBER), left(world)) == ((4_000, 4_000), [13_500])


def test_an_account_refuses_credit_for_more_skus_than_its_item_can_hold(world: World) -> None:
    with pytest.raises(UserMistakeError, match="would be for too many SKUs: name fewer"):
        world.cashier.credit("acme", usd(1), "x", skus=tuple(f"{n:0>250}" for n in range(250)))


SKUS = ("disk", "cpu", "net")


def any_grants() -> st.SearchStrategy[list[Grant]]:
    skus = st.lists(st.sampled_from(SKUS), max_size=3, unique=True).map(tuple)
    grant = st.builds(
        lambda number, kind, minor, of: Grant(f"g{number}", kind, minor, OCTOBER.start, None, of),
        st.integers(0, 99),
        st.sampled_from(GrantKind),
        st.integers(1, 5_000),
        skus,
    )
    return st.lists(grant, max_size=6, unique_by=lambda grant: grant.grant_id)


@given(any_grants(), st.integers(0, 3_000), st.dictionaries(st.sampled_from(SKUS), st.integers(0, 4_000)))
def test_nothing_is_paid_twice_nor_by_credit_that_is_for_something_else(
    grants: list[Grant], own: int, payable: Mapping[str, int]
) -> None:
    total = sum(payable.values()) + 1_000
    parts = merged(*(Part(grant, grant.minor) for grant in grants))
    customer = a_customer(credit=sum_minor(parts) + own, grants=parts)
    after, minor, used = use(customer, total, OCTOBER, payable)
    assert minor <= total
    assert after.credit_minor == customer.credit_minor - minor
    assert sum_minor(after.grants) + sum_minor(used) == sum_minor(parts)
    bound = dict.fromkeys((grant.skus for grant in grants), 0)
    for part in used:
        bound[part.grant.skus] += part.minor
    for several in bound:
        if several:
            within = sum(paid for skus, paid in bound.items() if skus and set(skus) <= set(several))
            assert within <= sum(payable.get(sku, 0) for sku in several)
    assert not any(part.grant.skus for part in use(customer, total, OCTOBER).parts), "not once it is issued"


def test_what_skus_come_to_adds_up_to_the_total_where_all_is_usage(world: World) -> None:
    closed(world)
    invoice = world.month("acme", OCTOBER).invoice
    assert invoice
    assert payable_by_sku(world.issued.document(invoice)) == {"disk": 6_000, "cpu": 4_000}


def test_it_pays_for_what_a_maximum_leaves_of_its_sku_and_for_a_return_it_gets_no_more(world: World) -> None:
    limits = [{"id": "most", "currency": "USD", "maximum": "45", "skus": ["disk"]}]
    world.price_books.merge(read_book({"limits": limits}))
    world.cashier.credit("acme", usd(20_000), "the trial", PROMOTION, skus=("disk",))
    closed(world)
    assert (open_and_charged(world), left(world)) == ((4_000, 4_000), [15_500])

    use_of(world.at(datetime(2026, 11, 10, tzinfo=UTC)), "disk", "-40", number=2)  # 20.00 of the 45.00 are left
    world.change("acme", late_usage={"2026-10": world.clock.now.isoformat()})
    closed(world, NOVEMBER)
    # disk: 45.00 of November less 25.00; cpu: 40.00
    assert (open_and_charged(world, NOVEMBER), left(world)) == ((4_000, 4_000), [13_500])
