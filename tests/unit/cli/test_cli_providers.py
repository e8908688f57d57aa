"""`monthclose providers`: how fast they are called, and whether they are healthy."""

import pytest

from monthclose.domain.payments.provider_health import Health
from monthclose.domain.payments.throttle import LimitChanges
from monthclose.settings import Provider
from tests.unit.cli.driving import Command
from tests.world import World


@pytest.fixture(autouse=True)
def _two_providers(world: World) -> None:
    world.providers["gocardless"] = Provider("gocardless", "https://sqs/1/Debits", "s", "https://a", 15)


def test_each_provider_is_shown_as_deployed_and_healthy(monthclose: Command) -> None:
    header, gocardless, stripe = monthclose("providers").stdout.splitlines()
    assert " ".join(header.split()) == "provider adapter limit/s reserve burst now/s circuit since (UTC)"
    assert gocardless.split() == ["gocardless", "no", "15", "0%", "5", "14.7", "closed"]
    assert stripe.split() == ["stripe", "yes", "25", "0%", "5", "24.5", "closed"]


def test_a_change_overrides_the_deployed_value_and_is_shown_beside_it(monthclose: Command, world: World) -> None:
    row = monthclose("providers", "set", "stripe", "--rate", "20", "--reserve", "0.2").stdout.splitlines()[1]
    assert "20 (deployed: 25)" in row
    assert "20% (deployed: 0%)" in row
    monthclose("providers", "set", "stripe", "--burst", "4")

    assert world.limits.state("stripe").changes == LimitChanges(20, 0.2, 4)
    assert world.limits.state("gocardless").changes == LimitChanges()
    [_, stripe] = monthclose.json("providers", "--json")
    assert (stripe["rate_per_second"], stripe["reserve_share"], stripe["burst"]) == (20, 0.2, 4)
    assert stripe["deployed"] == {"rate_per_second": 25, "reserve_share": 0, "burst": 5}
    assert stripe["usable_per_second"] == pytest.approx(0.8 * 20 * 0.98)


def test_a_reset_restores_the_deployed_limits(monthclose: Command, world: World) -> None:
    monthclose("providers", "set", "stripe", "--rate", "5")
    assert "deployed" not in monthclose("providers", "reset", "stripe").stdout
    assert world.limits.state("stripe").changes == LimitChanges()


def test_a_slow_down_is_shown_with_its_time(monthclose: Command, world: World) -> None:
    now = world.clock().timestamp()
    world.limits.put_health("stripe", Health().limited(now - 10))
    row = monthclose("providers").stdout.splitlines()[2]
    assert "closed, slowed to 85%" in row
    assert "2026-10-31 23:59:50" in row
    assert f"{0.85 * 24.5:.1f}" in row


def test_a_pause_shows_since_when_the_provider_has_been_down(monthclose: Command, world: World) -> None:
    now = world.clock().timestamp()
    world.limits.put_health("stripe", Health().down(now - 60).down(now - 3))
    row = monthclose("providers").stdout.splitlines()[2]
    assert row.split() == ["stripe", "yes", "25", "0%", "5", "0.0", "open", "2026-10-31", "23:59:00"]
    world.clock.pass_time(seconds=30)
    [_, stripe] = monthclose.json("providers", "--json")
    assert (stripe["circuit"], stripe["since"]) == ("half-open", "2026-10-31T23:59:00+00:00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["set", "paypal", "--rate", "5"],
            "no provider 'paypal' in the settings; there are: gocardless, stripe",
        ),
        (["reset", "paypal"], "there is no provider 'paypal'"),
        (["set", "stripe"], "choose what to change: --rate, --reserve or --burst"),
        (["set", "stripe", "--rate", "0"], "the rate must be above 0"),
        (["set", "stripe", "--rate", "nan"], "the rate must be above 0"),
        (["set", "stripe", "--reserve", "20"], "--reserve 20: write a number from 0 to 0.95, like 0.2"),
        (["set", "stripe", "--burst", "1"], "--burst 1: write a whole number from 2 to 1000, like 5"),
    ],
)
def test_an_invalid_change_is_refused_and_changes_nothing(
    monthclose: Command, world: World, arguments: list[str], message: str
) -> None:
    assert message in monthclose("providers", *arguments, exit_code=2).stderr
    assert world.limits.state("stripe").changes == LimitChanges()


def test_a_burst_too_short_for_punctual_threads_is_pointed_out(monthclose: Command) -> None:
    said = monthclose("providers", "set", "stripe", "--rate", "100").stderr
    assert "a slot is valid for 41 ms only" in said
    assert "--burst 12 avoids that" in said
    assert monthclose("providers", "set", "stripe", "--burst", "12").stderr == ""
