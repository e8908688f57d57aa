"""The latest close on the dashboard: money first, and everything from the batches' own records."""

import re

from monthclose.domain.period import Period
from tests.world import World


def text(world: World) -> str:
    """What the widget says, without the tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", world.use_cases.close_widget.draw()).split())


def test_before_the_first_close_it_says_so() -> None:
    assert "No month has been closed yet" in text(World())


def test_it_shows_money_stages_charges_and_who_is_parked() -> None:
    world = World()
    world.use(world.add_customer("a"), "100")
    world.use(world.add_customer("b", method="declined"), "50.50")
    world.use(world.add_customer("c", currency="EUR"), "7")
    world.use(world.add_customer("d", currency="XXX"), "7")
    world.close()
    said = text(world)
    assert said.startswith("2026-10: unfinished, 4 customers")
    assert "USD 150.50 100.00 66% 0.00 50.50" in said
    assert "EUR 7.00 7.00 100% 0.00 0.00" in said
    assert "generated 4 , charged 4 , notified 4 , closed 4" in said
    assert "stripe 4 of 4" in said
    assert "declined 1 , paid 2" in said
    assert "Parked: unknown_currency 1" in said


def test_it_shows_the_latest_month() -> None:
    world = World()
    world.use(world.add_customer("a"), "100")
    world.close(Period(2026, 9))
    world.close()
    assert text(world).startswith("2026-10")
