"""`status` and the board of a running close: each provider's pace and backlog, its money over time, its end."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from cli.board import _Board
from monthclose.domain.closes.close import BatchProgress, Close, Stage, Totals
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.payments.provider_health import Health
from monthclose.domain.period import Period
from monthclose.names import LimitScope
from tests.unit.cli.driving import EXECUTION, Command, FakeMachine
from tests.unit.closes.forecasting import at, charged, queued
from tests.unit.closes.forecasting import close as a_close
from tests.world import OCTOBER, STRIPE, World

CUSTOMERS = 400


@pytest.fixture
def world() -> World:
    debits = replace(STRIPE, name="gocardless", requests_per_second=15, limit_scope=LimitScope.ACCOUNT)
    return World(providers={"stripe": replace(STRIPE, maximum_concurrency=7), "gocardless": debits})


@pytest.fixture(autouse=True)
def _half_charged(world: World, machine: FakeMachine) -> None:
    """Half of the customers are charged at 2 a second; one of the others is parked."""
    close = replace(a_close(CUSTOMERS, planned_for={"gocardless": 100, "stripe": 300}), execution=EXECUTION)
    world.closes.put(replace(close, batches=CUSTOMERS, providers=("gocardless", "stripe")))
    for n in range(CUSTOMERS):
        provider, minor = "stripe" if n % 4 else "gocardless", (CUSTOMERS - n) * 1_000
        done = n < CUSTOMERS / 2
        batch = charged(n, 10 + n / 2, 1, provider, minor) if done else queued(n, 1, provider, minor)
        world.closes.put_progress(batch)
    parked = Totals(customers={"parked": 1}, parked={"no_price": 1})
    world.closes.put_progress(replace(queued(CUSTOMERS - 1), totals=parked, unsettled=0))
    machine.running.add(EXECUTION)
    world.clock.now = at(110)


def board(command: Command, width: int) -> str:
    shown = _Board(command.system, OCTOBER, EXECUTION)
    shown.look()
    console = Console(width=width, record=True, force_terminal=True, file=io.StringIO())
    console.print(shown.render())
    return console.export_text()


def test_status_says_how_fast_each_provider_is_asked_and_what_waits(monthclose: Command) -> None:
    said = monthclose("status", "2026-10").stdout
    assert "stripe      1.5/s of 24.5 (limit 25/s), 149 to charge, 150 batches waiting, until 00:03:29" in said
    assert "gocardless  0.5/s of 14.7 (limit 15/s), 50 to charge, 50 batches waiting, until 00:03:29" in said
    assert "parked      1 no price" in said


def test_at_its_end_each_provider_says_how_many_charges_were_tried_and_what_became_of_them(
    monthclose: Command, world: World
) -> None:
    refused = Totals(customers={"invoiced": 3}, payments={"declined": 2, "action_required": 1})
    under_way = Totals(customers={"invoiced": 2}, payments={"pending": 1, "no_payment_method": 1})
    unasked = Totals(customers={"invoiced": 1}, payments={"ready": 1})
    for n in range(CUSTOMERS):
        done = charged(n, 10 + n / 2, provider="stripe" if n % 4 else "gocardless")
        totals = {0: under_way, 1: refused, 2: unasked}.get(n, done.totals)
        world.closes.put_progress(replace(done, totals=totals))
    said = monthclose("status", "2026-10").stdout
    assert "stripe      301 charges tried, 298 collected\n" in said
    assert "gocardless  100 charges tried, 99 collected, 1 being collected\n" in said
    debits, cards = monthclose.json("status", "2026-10", "--json")["providers"]
    assert [cards[f"charges_{each}"] for each in ("tried", "collected", "pending", "left")] == [301, 298, 0, 0]
    assert [debits[f"charges_{each}"] for each in ("tried", "collected", "pending", "left")] == [100, 99, 1, 0]


def test_status_counts_the_money_of_each_stage(monthclose: Command) -> None:
    rows = [line.split() for line in monthclose("status", "2026-10").stdout.splitlines()[1:5]]
    assert rows[0] == ["generate", "400", "100%", "801,990.00", "EUR"]
    assert rows[1] == ["charge", "200", "50%", "601,000.00", "EUR"]
    answer = monthclose.json("status", "2026-10", "--json")
    assert answer["stage_money"]["charge"] == {"EUR": 60_100_000}


def test_status_says_when_it_ends_and_how_good_its_forecasts_were(monthclose: Command) -> None:
    said = monthclose("status", "2026-10").stdout
    assert re.search(r"forecast    ends about 00:03 UTC, in 1 min [45]\d s; slowest: stripe", said)
    assert "since 10% of the charges the forecasts were off by" in said
    forecast = monthclose.json("status", "2026-10", "--json")["forecast"]
    assert [tenth["share"] for tenth in forecast["tenths"]] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert forecast["charged_at"].startswith("2026-11-01T00:03:29")
    assert forecast["off"] is not None


def test_most_of_the_money_has_come_in_by_the_time_half_are_charged(monthclose: Command) -> None:
    answer = monthclose.json("status", "2026-10", "--json")["forecast"]["curve"]
    halfway = max(point["money"].get("EUR", 0) for point in answer if point["seconds"] <= 110)
    assert 0.7 < halfway / answer[-1]["money"]["EUR"] < 0.8
    assert "50% at 00:01:0" in monthclose("status", "2026-10").stdout


def test_a_provider_that_is_down_says_when_it_is_asked_again(monthclose: Command, world: World) -> None:
    now = world.clock.now.timestamp()
    world.limits.put_health("stripe", Health(pause_seconds=40, paused_at=now, paused_until=now + 40))
    assert "stripe      down, asked again in 40 s, 149 to charge" in monthclose("status", "2026-10").stdout
    (_, stripe) = monthclose.json("status", "2026-10", "--json")["providers"]
    assert stripe["down_for_seconds"] == 40


def test_a_provider_that_was_slowed_down_shows_it(monthclose: Command, world: World) -> None:
    world.limits.put_health("stripe", Health(slowed_to=0.5, slowed_at=world.clock.now.timestamp()))
    assert "of 12.2 (limit 25/s, slowed to 50%)" in monthclose("status", "2026-10").stdout


def test_without_a_terminal_a_line_says_when_it_ends(
    monthclose: Command, machine: FakeMachine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.watching._LINE_SECONDS", 0)
    machine.looks = 0

    def end(look: int) -> None:
        if look > 1:
            raise KeyboardInterrupt

    machine.on_look = end
    said = monthclose("status", "2026-10", "--watch", exit_code=130).stderr
    assert (
        "charge 200, notify 200, close 200; collected 601,000.00 EUR; parked 1 no price; ends about 00:03 UTC" in said
    )


def test_who_paused_it_and_what_is_left_is_shown(monthclose: Command, world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, pauses=(Pause(at(100), "ada", "wrong prices"),)))
    assert "paused with 199 charges to make: it ends once it is resumed" in monthclose("status", "2026-10").stdout
    drawn = board(monthclose, 120)
    assert "by ada on 2026-11-01 00:01 UTC: wrong prices" in drawn
    assert "names: monthclose parked 2026-10" in drawn
    assert monthclose.json("status", "2026-10", "--json")["forecast"]["ends_at"] is None


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_board_fits_the_terminal(monthclose: Command, width: int) -> None:
    drawn = board(monthclose, width)
    assert max(cell_len(line.rstrip()) for line in drawn.splitlines()) <= width
    for text in ("400 customers", "generate", "601,000.00 EUR", "stripe", "no price", "ends about 00:03 UTC"):
        assert text in drawn
    assert any(bar in drawn for bar in "▅▆▇█")


def test_a_look_reads_the_batches_once(monthclose: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[Period]()
    kept = world.closes.all_progress

    def reading(period: Period) -> Iterator[BatchProgress]:
        read.append(period)
        return kept(period)

    monkeypatch.setattr(world.closes, "all_progress", reading)
    monthclose("status", "2026-10")
    assert read == [OCTOBER]


def test_a_close_that_has_ended_tells_how_good_its_forecasts_were(monthclose: Command, world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    for n in range(CUSTOMERS):
        world.closes.put_progress(charged(n, 10 + n / 2, 1, "stripe"))
    world.closes.put(replace(close, completed_at=at(216)))
    world.clock.now = at(90_000)
    forecast = monthclose.json("status", "2026-10", "--json")["forecast"]
    assert len(forecast["tenths"]) == 9
    assert forecast["off"] < 0.1


def test_a_close_of_an_earlier_release_has_no_forecasts_to_judge(monthclose: Command, world: World) -> None:
    close: Close | None = world.closes.get(OCTOBER)
    assert close
    for n in range(CUSTOMERS):
        world.closes.put_progress(replace(charged(n, 10 + n / 2), charged_at=None, stage=Stage.CLOSED))
    world.closes.put(replace(close, completed_at=at(216)))
    assert monthclose.json("status", "2026-10", "--json")["forecast"] is None
