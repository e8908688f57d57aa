"""Credit grants: which is used first, what expires, and that none is used twice."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.credit import Grant, GrantKind, Use, available_minor, consume, expire, give_back
from tests.unit.domain.any import NOW

DAY = timedelta(days=1)


def grant(
    name: str, kind: GrantKind = GrantKind.PAID, remaining: int = 100, age: int = 0, days_left: int | None = None
) -> Grant:
    expires = None if days_left is None else NOW + days_left * DAY
    return Grant(name, kind, max(remaining, 100), remaining, NOW - age * DAY, expires)


def any_grants() -> SearchStrategy[list[Grant]]:
    one = st.builds(
        grant,
        st.uuids().map(str),
        st.sampled_from(GrantKind),
        st.integers(0, 1000),
        st.integers(0, 9),
        st.none() | st.integers(-3, 3),
    )
    return st.lists(one, max_size=6, unique_by=lambda g: g.grant_id)


AMOUNTS = st.integers(0, 5000)


def test_promotional_credit_goes_before_goodwill_and_goodwill_before_what_was_paid_for() -> None:
    grants = [
        grant("paid", GrantKind.PAID, age=9),
        grant("promo", GrantKind.PROMOTIONAL),
        grant("outage", GrantKind.GOODWILL),
    ]
    used = consume(grants, 250, NOW)
    assert used.uses == (Use("promo", 100), Use("outage", 100), Use("paid", 50))
    assert used.uncovered_minor == 0


def test_of_one_kind_the_oldest_goes_first() -> None:
    used = consume([grant("new", age=1), grant("old", age=5)], 120, NOW)
    assert used.uses == (Use("old", 100), Use("new", 20))


def test_what_has_expired_is_not_used_from_that_very_moment() -> None:
    assert consume([grant("gone", days_left=0)], 10, NOW).uncovered_minor == 10
    assert consume([grant("still", days_left=1)], 10, NOW).uncovered_minor == 0


@given(any_grants(), AMOUNTS)
def test_no_grant_goes_below_nothing_and_every_unit_is_accounted_for(grants: list[Grant], minor: int) -> None:
    used = consume(grants, minor, NOW)
    assert all(0 <= g.remaining_minor <= g.amount_minor for g in used.grants)
    assert sum(use.minor for use in used.uses) + used.uncovered_minor == minor
    assert sum(g.remaining_minor for g in grants) - sum(g.remaining_minor for g in used.grants) == minor - (
        used.uncovered_minor
    )
    assert used.uncovered_minor == max(minor - available_minor(grants, NOW), 0)


@given(any_grants(), st.lists(st.integers(0, 800), max_size=4))
def test_using_credit_bit_by_bit_takes_the_same_as_at_once(grants: list[Grant], parts: list[int]) -> None:
    bit_by_bit: tuple[Grant, ...] = tuple(grants)
    for part in parts:
        bit_by_bit = consume(bit_by_bit, part, NOW).grants
    assert bit_by_bit == consume(grants, sum(parts), NOW).grants


@given(any_grants(), AMOUNTS, st.randoms())
def test_the_order_in_which_grants_are_listed_does_not_matter(grants: list[Grant], minor: int, random: object) -> None:
    shuffled = list(grants)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert consume(shuffled, minor, NOW).uses == consume(grants, minor, NOW).uses


@given(any_grants(), AMOUNTS)
def test_what_is_given_back_can_be_used_again(grants: list[Grant], minor: int) -> None:
    used = consume(grants, minor, NOW)
    assert give_back(used.grants, used.uses) == tuple(grants)


@given(any_grants())
def test_expiry_takes_what_cannot_be_used_and_happens_once(grants: list[Grant]) -> None:
    after, lost = expire(grants, NOW)
    assert sum(g.remaining_minor for g in after) == available_minor(grants, NOW)
    assert sum(g.remaining_minor for g in grants) - sum(use.minor for use in lost) == available_minor(grants, NOW)
    assert expire(after, NOW) == (after, ())


def test_more_than_was_used_cannot_be_given_back() -> None:
    with pytest.raises(ValueError, match="cannot have 101 left"):
        give_back([grant("a")], [Use("a", 1)])


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be covered"):
        consume([], -1, NOW)
