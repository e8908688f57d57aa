"""Looks at a close that many windows share, and the points of its drawing."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cli.dashboard.looks import Looks
from cli.dashboard.money_chart import money_charts
from cli.live import follow
from cli.view import survey
from tests.browser import scenes
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    return scenes.two_providers()


@dataclass
class Watch:
    """Seconds that pass when a test says so, and how often the batches were read."""

    now: float = 0.0
    read: int = 0
    takes: float = 0.0
    """Seconds that reading them takes."""

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch(world: World, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> Watch:
    scenes.half_charged(world, machine)
    watch, read = Watch(), world.closes.all_progress

    def counted(period: object) -> object:
        watch.read += 1
        watch.now += watch.takes
        return read(period)  # type: ignore[arg-type]

    monkeypatch.setattr(world.closes, "all_progress", counted)
    return watch


@pytest.fixture
def looks(monthclose: Command, watch: Watch) -> Looks:
    return Looks(monthclose.system, shortest=2.0, clock=watch)


def test_windows_share_a_look_for_as_long_as_it_is_fresh(looks: Looks, watch: Watch) -> None:
    assert looks.at(OCTOBER) is looks.at(OCTOBER)
    watch.now += 1.9
    looks.at(OCTOBER)
    assert watch.read == 1
    watch.now += 0.2
    looks.at(OCTOBER)
    assert watch.read == 2


def test_looking_takes_a_fifth_of_the_time_at_most(looks: Looks, watch: Watch) -> None:
    watch.takes = 3.0
    look = looks.at(OCTOBER)
    assert look
    assert look.interval == pytest.approx(15)
    watch.now += 14
    looks.at(OCTOBER)
    assert watch.read == 1


def test_after_a_change_of_our_own_the_next_look_is_a_new_one(looks: Looks, watch: Watch) -> None:
    looks.at(OCTOBER)
    looks.forget(OCTOBER)
    looks.at(OCTOBER)
    assert watch.read == 2


def test_a_month_without_a_close_has_no_look_and_is_asked_for_again(monthclose: Command, world: World) -> None:
    looks = Looks(monthclose.system)
    assert looks.at(OCTOBER) is None
    world.use(world.add_customer("acme"), "5")
    world.close()
    assert looks.at(OCTOBER)


@pytest.mark.parametrize("scene", [scenes.half_charged, scenes.ended])
def test_a_drawing_ends_at_the_sums_of_the_batches_and_stays_within_its_frame(
    monthclose: Command, world: World, machine: FakeMachine, scene: Callable[[World, FakeMachine], None]
) -> None:
    scene(world, machine)
    system = monthclose.system
    view = survey(system, OCTOBER)
    assert view
    charts = money_charts(follow(system, view))
    assert [chart.currency for chart in charts] == sorted(view.totals.money)
    for chart in charts:
        sums = view.totals.money[chart.currency]
        assert chart.came == sums["collected"] + sums["pending"]
        assert chart.came <= chart.expected <= sums["invoiced"]
        assert (chart.came < chart.expected) == view.running
        for line in chart.drawn.content["lines"]:
            places = [tuple(map(float, place.split(","))) for place in line["path"].split()]
            assert places == sorted(places, key=lambda place: (place[0], -place[1])), "time and money only grow"
