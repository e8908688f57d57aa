"""A customer's credit: which grant is used first, what expires when, and that nothing is used twice."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Grant, GrantKind, Part, Parts, merged, sum_minor, take
from tests.unit.any import OCTOBER, a_customer, a_grant, any_parts

PROMOTION = a_grant("promotion", kind=GrantKind.PROMOTIONAL)
OUTAGE = a_grant("outage", kind=GrantKind.GOODWILL)
PREPAID = a_grant("prepaid", kind=GrantKind.PAID, age=9)
AMOUNTS = st.integers(0, 5000)


def a_customer_with(*grants: Grant, own: int = 0) -> Customer:
    """A customer with some unused grants, and credit of their own."""
    parts = merged(*(Part(grant, grant.minor) for grant in grants))
    return a_customer(credit=own + sum_minor(parts), grants=parts)


def any_account() -> SearchStrategy[Customer]:
    return st.builds(
        lambda own, parts: a_customer(credit=own + sum_minor(parts), grants=parts), st.integers(0, 900), any_parts()
    )


def own_minor(customer: Customer) -> int:
    return customer.credit_minor - sum_minor(customer.grants)


def test_promotional_credit_is_used_first_then_goodwill_then_prepaid_then_the_customers_own() -> None:
    _, minor, parts = credit.use(a_customer_with(PREPAID, OUTAGE, PROMOTION, own=100), 350, OCTOBER)
    assert (minor, parts) == (350, (Part(PROMOTION, 100), Part(OUTAGE, 100), Part(PREPAID, 100)))


def test_within_a_kind_the_soonest_to_expire_is_used_first_whatever_its_age() -> None:
    for_ever, later = a_grant("a", age=9), a_grant("b", age=5, good_until=date(2026, 12, 31))
    soon = a_grant("c", age=1, good_until=date(2026, 11, 30))
    used = credit.use(a_customer_with(for_ever, later, soon), 220, OCTOBER).parts
    assert used == (Part(soon, 100), Part(later, 100), Part(for_ever, 20))


@pytest.mark.parametrize("good_until", [None, date(2026, 11, 30)])
def test_grants_that_expire_together_are_used_oldest_first_and_then_by_id(
    good_until: date | None,
) -> None:
    old = a_grant("c", age=5, good_until=good_until)
    one, two = (a_grant(name, age=1, good_until=good_until) for name in "ab")
    used = credit.use(a_customer_with(two, one, old), 220, OCTOBER).parts
    assert used == (Part(old, 100), Part(one, 100), Part(two, 20))


@pytest.mark.long
@given(any_account(), AMOUNTS)
def test_no_grant_is_used_while_one_of_its_kind_expires_sooner(customer: Customer, most: int) -> None:
    after, _, used = credit.use(customer, most, OCTOBER)
    for kept, _ in after.grants:
        for gone, _ in used:
            if kept.kind is gone.kind and kept.expires_at and kept.covers(OCTOBER):
                assert gone.expires_at is not None
                assert gone.expires_at <= kept.expires_at


@pytest.mark.parametrize(("last_day", "used"), [(30, 0), (31, 100)])
def test_a_grant_pays_for_the_months_that_end_before_it_expires(last_day: int, used: int) -> None:
    grant = a_grant(good_until=date(2026, 10, last_day))
    customer = a_customer_with(grant)
    assert credit.use(customer, 100, OCTOBER).minor == used
    assert credit.expire(customer, OCTOBER).minor == 100 - used
    assert credit.expire(customer, OCTOBER.next).minor == 100


def test_clawing_back_lost_money_never_takes_gifts() -> None:
    after, minor, parts = credit.claw_back(a_customer_with(PROMOTION, OUTAGE, PREPAID, own=50), 1000)
    assert (minor, parts) == (150, (Part(PREPAID, 100),))
    assert after.grants == (Part(PROMOTION, 100), Part(OUTAGE, 100))


@given(any_account(), AMOUNTS)
def test_no_grant_falls_below_zero_and_every_unit_is_accounted_for(customer: Customer, most: int) -> None:
    after, minor, parts = credit.use(customer, most, OCTOBER)
    assert minor == min(credit.usable_minor(customer, OCTOBER), most)
    assert after.credit_minor == customer.credit_minor - minor
    assert own_minor(after) == own_minor(customer) - (minor - sum_minor(parts)) >= 0
    assert merged(*after.grants, *parts) == customer.grants


@given(any_account(), AMOUNTS)
def test_the_customers_own_credit_is_used_only_when_no_grant_can_pay(customer: Customer, most: int) -> None:
    after, _, _ = credit.use(customer, most, OCTOBER)
    assert own_minor(after) == own_minor(customer) or not any(part.grant.covers(OCTOBER) for part in after.grants)


@given(any_account(), st.lists(st.integers(0, 800), max_size=4))
def test_using_credit_bit_by_bit_uses_the_same_grants_as_all_at_once(customer: Customer, bits: list[int]) -> None:
    after = customer
    for bit in bits:
        after = credit.use(after, bit, OCTOBER).customer
    assert after == credit.use(customer, sum(bits), OCTOBER).customer


@given(any_account(), AMOUNTS)
def test_restored_credit_is_as_it_was_before(customer: Customer, most: int) -> None:
    after, minor, parts = credit.use(customer, most, OCTOBER)
    assert credit.add(after, minor, parts) == customer


@given(any_account())
def test_only_credit_that_can_no_longer_pay_expires_and_it_expires_once(customer: Customer) -> None:
    after, lost, parts = credit.expire(customer, OCTOBER)
    assert after.credit_minor == credit.usable_minor(customer, OCTOBER)
    assert lost == sum_minor(parts) == customer.credit_minor - after.credit_minor
    assert credit.expire(after, OCTOBER) == (after, 0, ())


@given(any_parts(), st.randoms())
def test_the_order_of_the_parts_does_not_matter(parts: Parts, random: object) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merged(*shuffled) == parts


def test_a_grant_never_exceeds_what_was_granted() -> None:
    with pytest.raises(ValueError, match="so it cannot be 101"):
        merged(Part(PROMOTION, 100), Part(PROMOTION, 1))
    with pytest.raises(ValueError, match="100 of grants in 99"):
        a_customer(credit=99, grants=(Part(PROMOTION, 100),))


def test_impossible_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be covered"):
        take((), -1)
    with pytest.raises(ValueError, match="grants nothing"):
        a_grant(minor=0)
