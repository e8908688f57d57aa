"""Billing cycles: whatever becomes of a customer's billing day, each day is billed with exactly one period."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts.cycles import (
    ON_THE_FIRST,
    Cycle,
    Cycles,
    changed,
    content,
    cycles_for,
    days_of,
    period_after,
    period_on,
    read,
)
from monthclose.domain.period import LAST, MOST_DAYS, Period

BILLING_DAYS = st.one_of(st.integers(1, MOST_DAYS), st.just(LAST))
START = date(2026, 1, 1)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Cycles, date]:
    """The cycles of somebody whose billing day was changed at random moments, and the last of these."""
    cycles, today = cycles_for(draw(BILLING_DAYS)), START
    for _ in range(draw(st.integers(0, 6))):
        today += timedelta(days=draw(st.integers(0, 70)))
        cycles = changed(cycles, draw(BILLING_DAYS), today)
    return cycles, today


def periods(cycles: Cycles, until: date) -> list[Period]:
    found = [period_on(cycles, START)]
    while found[-1].end_day <= until:
        found.append(period_after(cycles, found[-1]))
    return found


@given(histories())
def test_every_day_is_billed_with_one_period_and_periods_follow_one_another(history: tuple[Cycles, date]) -> None:
    cycles, last = history
    found = periods(cycles, last + timedelta(days=100))

    days = [days_of(cycles, period) for period in found]

    assert found == sorted(set(found)), "a later period comes after an earlier one, and none is there twice"
    for before, after in pairwise(days):
        assert before
        assert after
        assert before.end == after.first
    for period, within in zip(found, days, strict=True):
        assert within
        assert period.first_day <= within.first < within.end <= period.end_day
        assert period_on(cycles, within.first) == period_on(cycles, within.end - timedelta(days=1)) == period


@given(histories(), st.integers(0, 200))
def test_no_other_period_bills_a_day(history: tuple[Cycles, date], after: int) -> None:
    cycles, _ = history
    day = START + timedelta(days=after)
    all_days = [*range(1, MOST_DAYS + 1), LAST]
    holding = {
        period
        for billing_day in all_days
        for period in (Period.on(day, billing_day),)
        if (days := days_of(cycles, period)) and days.first <= day < days.end
    }
    assert holding == {period_on(cycles, day)}


@given(histories(), BILLING_DAYS, st.integers(0, 40))
def test_a_change_moves_nothing_of_the_periods_that_have_begun(
    history: tuple[Cycles, date], billing_day: int, later: int
) -> None:
    cycles, today = history
    today += timedelta(days=later)
    before = periods(cycles, today)

    after = changed(cycles, billing_day, today)

    assert [period for period in periods(after, today) if period_on(cycles, today) >= period] == before
    assert days_of(after, before[-1]) == days_of(cycles, before[-1]), "the one that runs is completed as it began"
    assert read(content(after)) == after


def test_the_first_period_on_another_day_is_the_rest_of_it() -> None:
    cycles = changed(ON_THE_FIRST, 15, date(2026, 10, 10))

    assert cycles == (Cycle(1), Cycle(15, date(2026, 11, 1)))
    assert period_after(cycles, Period(2026, 10)) == Period(2026, 10, 15)
    assert days_of(cycles, Period(2026, 10, 15)) == (date(2026, 11, 1), date(2026, 11, 15))
    assert days_of(cycles, Period(2026, 9, 15)) is None
    assert days_of(cycles, Period(2026, 11)) is None


def test_a_change_that_has_not_begun_is_replaced_by_the_next_one() -> None:
    asked = changed(ON_THE_FIRST, 15, date(2026, 10, 10))

    assert changed(asked, 20, date(2026, 10, 12)) == (Cycle(1), Cycle(20, date(2026, 11, 1)))
    assert changed(asked, 1, date(2026, 10, 12)) == ON_THE_FIRST


def test_the_last_day_of_a_month_is_each_months_own() -> None:
    cycles = cycles_for(LAST)
    assert days_of(cycles, Period(2027, 1, LAST)) == (date(2027, 1, 31), date(2027, 2, 28))
    assert days_of(cycles, Period(2027, 2, LAST)) == (date(2027, 2, 28), date(2027, 3, 31))
