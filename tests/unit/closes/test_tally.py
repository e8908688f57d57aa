"""What checks add up to: in any order, without loss in JSON, and with no more than the first failures kept."""

import json

from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.closes.checks import Check, State
from monthclose.domain.closes.tally import MOST_NAMED, Tally, merged
from tests.world import World

NOW = World().clock()
checks = st.sampled_from(Check)
minor = st.integers(-(10**12), 10**12)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    tally = Tally()
    for check, left, right, currency in draw(st.lists(st.tuples(checks, minor, minor, st.sampled_from(["", "USD"])))):
        tally.add(check, left, right, currency=currency, what="what")
    for check, customer in draw(st.lists(st.tuples(checks, st.text(max_size=3)), max_size=3)):
        tally.fail(check, customer, "why")
    tally.add_part("USD", opening=draw(minor))
    tally.runs += draw(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=2))
    return tally


def sums(tally: Tally) -> tuple[object, ...]:
    return tally.sides, tally.failed, tally.parts, sorted(tally.runs)


@given(tallies(), tallies())
def test_the_order_of_parts_does_not_matter(one: Tally, other: Tally) -> None:
    assert sums(merged([one, other])) == sums(merged([other, one]))


@given(tallies())
def test_json_loses_nothing(tally: Tally) -> None:
    assert Tally.from_content(json.loads(json.dumps(tally.content()))) == tally


def test_all_failures_are_counted_and_the_first_are_kept() -> None:
    parts = [Tally() for _ in range(10)]
    for number, part in enumerate(parts):
        for customer in range(MOST_NAMED):
            part.fail(Check.HOLDS, f"c{number}-{customer}", "on hold")
    result = merged(parts).result(Check.HOLDS, NOW)
    assert (result.failures_in_all, len(result.failures)) == (10 * MOST_NAMED, MOST_NAMED)
    assert result.failures[0].customer_id == "c0-0"
    assert len(json.dumps(merged(parts).content())) < 10_000


@given(minor, minor)
def test_a_check_fails_if_its_sides_differ(left: int, right: int) -> None:
    tally = Tally()
    tally.add(Check.PAYMENTS, left, right, currency="USD")
    result = tally.result(Check.PAYMENTS, NOW)
    assert (result.state is State.PASSED) is (left == right)
    assert result.rows[0].difference == left - right
