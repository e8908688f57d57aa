"""The money of a close as it would come in if every charge succeeded at the pace that the limits allow."""

from dataclasses import replace

import pytest

from monthclose.domain.closes.expected_money import money_as_planned
from monthclose.domain.closes.standing import standing_of
from monthclose.domain.closes.timetable import opening_seconds
from tests.unit.closes.forecasting import charged, close, lane, queued

FIRST = opening_seconds(100)


def test_each_batch_comes_at_the_limits_pace_in_the_order_of_the_queue_whatever_really_happened() -> None:
    batches = [charged(0, 500, minor=700), charged(1, 900, minor=300), *(queued(n) for n in range(2, 100))]
    standing = standing_of(close(100), batches)
    for other in (lane(10), replace(lane(10), speed=0.5, wait_seconds=60)):
        planned = money_as_planned(standing, {"stripe": other}, 100)
        assert [amount.minor for amount in planned[:3]] == [700, 300, 100]
        assert [amount.second for amount in planned[:2]] == pytest.approx([FIRST + 0.1, FIRST + 0.2])
        assert planned[-1].second == pytest.approx(FIRST + 10)
        assert sum(amount.minor for amount in planned) == 700 + 300 + 98 * 100


def test_what_was_declined_is_planned_whole_and_what_is_not_invoiced_yet_like_the_last_batch() -> None:
    declined = charged(0, 20, minor=500)
    money = {"EUR": {"invoiced": 500, "collected": 0}}
    declined = replace(declined, totals=replace(declined.totals, payments={"declined": 1}, money=money))
    standing = standing_of(close(3), [declined, queued(1, minor=200)])
    planned = money_as_planned(standing, {"stripe": lane(1)}, 3)
    assert sum(amount.minor for amount in planned) == pytest.approx(500 + 200 + 200)
    assert max(amount.second for amount in planned) == pytest.approx(opening_seconds(3) + 3)


def test_a_provider_without_an_adapter_brings_nothing() -> None:
    standing = standing_of(close(1, planned_for={"paypal": 1}), [charged(0, 20, provider="paypal")])
    assert money_as_planned(standing, {"stripe": lane(1)}, 1) == []
