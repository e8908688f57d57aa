"""When a running close will end, from what its batches say, and how good that was so far."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.forecast import Watched, watched
from monthclose.domain.closes.close import BatchProgress, CloseStatus, Stage, Totals
from monthclose.domain.closes.expected_money import money_over_time
from monthclose.domain.closes.forecast import Forecaster
from monthclose.domain.closes.money_curve import curve
from monthclose.domain.closes.standing import standing_of
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.payments.throttle import Limit
from tests.unit.closes.forecasting import BEGAN, at, charged, close, forecast, halfway, lane, queued, second

_SIMULATED: dict[tuple[int, bool], Watched] = {}


def simulated(customers: int, *, asked: bool) -> Watched:
    """A simulated close, with the quotas that docs/scale.md says to ask for, or with slow mail."""
    return _SIMULATED.setdefault((customers, asked), watched(customers, asked=asked))


@pytest.mark.parametrize(("customers", "asked"), [(2_000, True), (2_000, False), (10_500, True)])
def test_from_a_tenth_of_the_charges_on_forecasts_are_off_by_less_than_a_tenth(customers: int, asked: bool) -> None:
    rows = simulated(customers, asked=asked).rows()
    assert [row.when for row in rows] == ["before", "start", *(f"{tenth}%" for tenth in range(10, 100, 10))]
    assert max(abs(row.off_charged) for row in rows) < 0.1
    assert max(abs(row.off_ends) for row in rows) < 0.1


@pytest.mark.parametrize("asked", [True, False])
def test_what_was_forecast_earlier_is_known_to_whoever_looks_late(asked: bool) -> None:
    close_ = simulated(2_000, asked=asked)
    live = {row.when: row for row in close_.rows()}
    late = close_.forecaster(close_.run.stages.ended).at(at(close_.run.stages.ended))
    assert [f"{mark.share:.0%}" for mark in late.marks] == [name for name in live if name.endswith("%")]
    for mark in late.marks:
        said = live[f"{mark.share:.0%}"]
        assert second(mark.charged_at) == pytest.approx(said.charged, rel=0.03)
        assert second(mark.ends_at) == pytest.approx(said.ends, rel=0.03)
        assert mark.off == pytest.approx(said.off_charged, abs=0.03)
    assert late.off is not None
    assert late.off < 0.1


def test_the_pace_that_is_seen_counts_where_it_is_slower_than_the_limit() -> None:
    batches, now = halfway(1_000, per_second=5)
    found = forecast(close(1_000), batches, {"stripe": lane(20)}, now)
    assert found.providers["stripe"].seen_per_second == pytest.approx(5)
    assert second(found.charged_at) == pytest.approx(now + 500 / 5, rel=0.01)


def test_a_limit_that_was_lowered_counts_at_once() -> None:
    batches, now = halfway(1_000, per_second=20)
    found = forecast(close(1_000), batches, {"stripe": lane(5)}, now)
    assert second(found.charged_at) == pytest.approx(now + 500 / 5, rel=0.01)


def test_a_limit_that_was_raised_counts_once_its_pace_is_seen() -> None:
    before = [charged(n, n / 5) for n in range(500)]
    after = [charged(500 + n, 100 + n / 20) for n in range(1_300)]
    waiting = [queued(1_800 + n) for n in range(200)]
    found = forecast(close(2_000), [*before, *after, *waiting], {"stripe": lane(20)}, 165)
    assert second(found.charged_at) == pytest.approx(165 + 200 / 20, rel=0.02)


def test_without_a_charge_for_a_while_the_pace_falls() -> None:
    batches, now = halfway(400, per_second=10)
    lanes = {"stripe": lane(25)}
    on_time = forecast(close(400), batches, lanes, now)
    stalled = forecast(close(400), batches, lanes, now + 60)
    assert second(on_time.charged_at) - now == pytest.approx(200 / 10, rel=0.01)
    assert second(stalled.charged_at) - (now + 60) > 2 * 200 / 10


def test_the_slowest_provider_decides_and_is_named() -> None:
    both = close(200, planned_for={"gocardless": 100, "stripe": 100})
    batches = [queued(n, provider="stripe" if n % 2 else "gocardless") for n in range(200)]
    lanes = {"stripe": lane(20), "gocardless": lane(2, "gocardless")}
    found = forecast(both, batches, lanes, 10)
    assert second(found.providers["stripe"].charged_at) == pytest.approx(10 + 100 / 20)
    assert second(found.charged_at) == second(found.providers["gocardless"].charged_at) == pytest.approx(10 + 100 / 2)
    assert found.bottleneck == "gocardless"


def test_providers_that_share_what_keeps_them_back_are_expected_together() -> None:
    """Two a second in all, whoever they are of: once the debits are through, the cards have all of it."""
    both = close(400, planned_for={"gocardless": 50, "stripe": 350})
    shared = [charged(n, 10 + n / 2, provider="stripe" if n % 2 else "gocardless") for n in range(100)]
    batches = [*shared, *(queued(100 + n) for n in range(300))]
    lanes = {"stripe": lane(25), "gocardless": lane(15, "gocardless")}
    found = forecast(both, batches, lanes, 60)
    assert second(found.charged_at) == pytest.approx(60 + 300 / 2, rel=0.02)


def test_slow_mail_decides_when_everybody_is_told() -> None:
    batches, now = halfway(1_000, per_second=20)
    found = forecast(close(1_000), batches, {"stripe": lane(20)}, now, mail=Limit(2))
    assert found.bottleneck == "e-mail"
    assert second(found.told_at) == pytest.approx(now + 500 / Limit(2).usable())
    assert second(found.ends_at) > second(found.told_at) > second(found.charged_at)


def test_a_provider_that_is_down_adds_the_time_until_it_is_asked_again() -> None:
    batches, now = halfway(1_000, per_second=20)
    well = forecast(close(1_000), batches, {"stripe": lane(20)}, now)
    down = forecast(close(1_000), batches, {"stripe": lane(20, wait_seconds=45.0)}, now)
    assert second(down.charged_at) - second(well.charged_at) == pytest.approx(45)


def test_nobody_knows_when_a_paused_close_ends() -> None:
    batches, now = halfway(1_000, per_second=20)
    found = forecast(close(1_000, pauses=(Pause(at(30), "ada"),)), batches, {"stripe": lane(20)}, now)
    assert (found.charged_at, found.told_at, found.ends_at) == (None, None, None)
    assert found.providers["stripe"].left == 500
    waiting = replace(close(1_000), status=CloseStatus.WAITING_FOR_APPROVAL)
    assert forecast(waiting, batches, {"stripe": lane(20)}, now).ends_at is None
    provider = forecast(close(1_000), batches, {"stripe": replace(lane(20), paused=True)}, now)
    assert (provider.charged_at, provider.ends_at) == (None, None)


def test_a_pause_that_is_over_is_no_slow_pace_and_no_wrong_forecast() -> None:
    before = [charged(n, 10 + n / 10) for n in range(500)]
    after = [charged(500 + n, 3_660 + n / 10) for n in range(200)]
    paused = Pause(at(60), "ada", ended_at=at(3_660), ended_by="ada")
    found = forecast(
        close(1_000, pauses=(paused,)),
        [*before, *after, *(queued(700 + n) for n in range(300))],
        {"stripe": lane(10)},
        3_680,
    )
    assert found.providers["stripe"].seen_per_second == pytest.approx(10, rel=0.01)
    assert second(found.charged_at) == pytest.approx(3_680 + 300 / 10, rel=0.001)
    assert found.off is not None
    assert found.off < 0.02
    assert [round(second(mark.charged_at)) for mark in found.marks] == [*[110] * 5, *[3_710] * 2]


def test_parked_customers_are_no_charges_to_wait_for() -> None:
    parked = BatchProgress(
        *(close(1).period, queued(999).batch, Stage.CLOSED, 1),
        *(Totals(customers={"parked": 1}, parked={"no_price": 1}), 0, at(5)),
    )
    batches = [*(queued(n) for n in range(9)), replace(parked, batch=replace(parked.batch, number=9))]
    assert forecast(close(10), batches, {"stripe": lane(1)}, 10).providers["stripe"].left == 9


def test_a_repair_round_adds_its_pause_and_its_charges() -> None:
    settled = [charged(n, 10 + n) for n in range(20)]
    unsettled = [*settled[:-5], *(replace(batch, unsettled=1) for batch in settled[-5:])]
    lanes = {"stripe": lane(1)}
    calm, repaired = (forecast(close(20), batches, lanes, 40) for batches in (settled, unsettled))
    assert second(repaired.ends_at) - second(calm.ends_at) == pytest.approx(60 + 5 / 1)
    last_round = forecast(close(20, round=3), unsettled, lanes, 40)
    assert second(last_round.ends_at) == pytest.approx(second(calm.ends_at))  # they are parked


def test_customers_without_an_invoice_yet_are_expected_to_be_charged_as_the_others_are() -> None:
    idle = BatchProgress(close(1).period, queued(1).batch, Stage.CLOSED, 1, Totals(customers={"nothing": 1}), 0, at(3))
    found = forecast(close(100), [queued(0), idle], {"stripe": lane(10)}, 10)
    assert found.providers["stripe"].left == pytest.approx(1 + 98 / 2)


def test_money_of_customers_without_an_invoice_yet_is_expected_as_the_last_batch_has_it() -> None:
    of, batches = close(100), [charged(0, 10, minor=900), queued(1, minor=500)]
    standing = standing_of(of, batches)
    found = Forecaster(of, standing, {"stripe": lane(10)}).at(at(11))
    points = curve(money_over_time(standing, found, BEGAN, at(11)), second(found.charged_at))
    assert points[-1].money == {"EUR": 900 + 500 + 98 * 500}


def test_before_its_first_batch_a_close_is_forecast_from_its_plan() -> None:
    found = forecast(close(2_000), [], {"stripe": lane(20)}, 1)
    assert second(found.charged_at) == pytest.approx(107, abs=1)
    assert found.off is None


def test_batches_of_earlier_runs_are_done_and_say_nothing_about_the_pace() -> None:
    earlier = [charged(n, -90_000 + n) for n in range(500)]
    again = [charged(500 + n, 10 + n / 10) for n in range(100)]
    waiting = [queued(600 + n) for n in range(400)]
    found = forecast(close(1_000), [*earlier, *again, *waiting], {"stripe": lane(10)}, 20)
    assert second(found.charged_at) == pytest.approx(20 + 400 / 10, rel=0.02)
    assert [mark.share for mark in found.marks] == [0.1, 0.2]  # of the 500 that this run had to charge


@pytest.mark.parametrize("per_second", [1, 20])
def test_how_wrong_the_forecasts_of_a_close_of_seconds_were_is_not_judged(per_second: int) -> None:
    batches = [charged(n, 10 + n / per_second) for n in range(100)]  # for 5 seconds, or for 100
    found = forecast(close(100), batches, {"stripe": lane(25)}, 200)
    assert len(found.marks) == 9
    assert (found.off is None) is (per_second == 20)


def test_a_pace_that_changed_shows_as_the_error_of_the_earlier_forecasts() -> None:
    fast = [charged(n, 10 + n / 20) for n in range(500)]
    slow = [charged(500 + n, 35 + n / 5) for n in range(400)]
    found = forecast(close(1_000), [*fast, *slow, *(queued(900 + n) for n in range(100))], {"stripe": lane(20)}, 115)
    assert found.marks[0].off is not None
    assert found.marks[0].off < -0.1  # too early
    assert found.off
    assert found.off > 0.1


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(0, 40), st.floats(0.5, 50))
def test_a_forecast_is_never_in_the_past_and_its_money_adds_up(sizes: list[int], done: int, rate: float) -> None:
    batches = [
        charged(n, 10 + n, size, minor=size * 7) if n < done else queued(n, size, minor=size * 7)
        for n, size in enumerate(sizes)
    ]
    of, now = close(sum(sizes)), 10.0 + len(sizes)
    standing = standing_of(of, reversed(batches))  # in whatever order they are read
    found = Forecaster(of, standing, {"stripe": lane(rate)}, Limit(10)).at(at(now))
    assert now <= second(found.charged_at) <= second(found.told_at) <= second(found.ends_at)
    assert standing.charges == sum(sizes)
    points = curve(money_over_time(standing, found, BEGAN, at(now)), second(found.charged_at))
    assert points[-1].money == {"EUR": sum(sizes) * 7}
    assert [p.money.get("EUR", 0) for p in points] == sorted(p.money.get("EUR", 0) for p in points)


@given(st.floats(0.05, 1), st.floats(0, 5_000))
def test_a_provider_that_was_slowed_down_is_forecast_to_recover(speed: float, charges: float) -> None:
    slowed = lane(20, speed=speed)
    seconds = slowed.seconds(charges)
    made = sum(20 * min(speed + (tick / 100) * 0.01, 1) / 100 for tick in range(round(seconds * 100)))
    assert made == pytest.approx(charges, rel=0.01, abs=1)
    assert seconds >= lane(20).seconds(charges) - 1e-6
