"""`monthclose usage move`."""

from decimal import Decimal

from monthclose.domain.usage import UsageEvent
from tests.fakes import FakeUsageItems
from tests.unit.cli.driving import Command
from tests.usage import store_usage
from tests.world import OCTOBER, World

EVENTS = [UsageEvent(f"e{number}", "acme", "vm", Decimal(number + 1), OCTOBER.start) for number in range(3)]


def test_usage_of_an_earlier_release_is_moved_and_the_command_says_how_much(monthclose: Command, world: World) -> None:
    world.usage_items = FakeUsageItems(EVENTS)
    world.__post_init__()
    assert "moved the usage of 1 month" in monthclose("usage", "move").stdout
    assert list(world.usage.events("acme", OCTOBER)) == EVENTS
    assert "no usage of an earlier release is left" in monthclose("usage", "move").stdout
    assert monthclose.json("usage", "move", "--json") == {"months": 0, "added": 0, "left": 0}
    acts = [(act.act.what, act.act.after) for act in world.audit.find()]
    assert ("act.done", "1 months, 0 events added, 0 months left") in acts
    assert [what for what, _ in acts].count("usage.moved") == 3


def test_what_was_stored_after_the_move_is_said(monthclose: Command, world: World) -> None:
    world.usage_items = FakeUsageItems(EVENTS)
    world.__post_init__()
    store_usage(world.usage, EVENTS[:1])
    assert "2 events of these had been stored after their month was moved" in monthclose("usage", "move").stdout


def test_a_month_that_contradicts_what_is_stored_is_left_and_the_status_says_so(
    monthclose: Command, world: World
) -> None:
    world.usage_items = FakeUsageItems(EVENTS)
    world.__post_init__()
    store_usage(world.usage, [UsageEvent("e1", "acme", "vm", Decimal(77), OCTOBER.start)])
    assert "1 month of customers stay" in " ".join(monthclose("usage", "move", exit_code=4).output.split())
