"""A customer's story: what happened, in order, causes before effects."""

from datetime import UTC, datetime, timedelta

from cli.commands.customer import Happening, in_order
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, World

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def at(microseconds: int, kind: str) -> Happening:
    return Happening(NOON + timedelta(microseconds=microseconds), OCTOBER, kind, "", "")


def test_events_written_together_list_causes_before_effects_and_the_rest_goes_by_time() -> None:
    happened = [at(0, "hold"), at(3, "ledger"), at(9, "payment"), at(70_000, "notice"), at(80_000, "payment")]
    assert [h.kind for h in in_order(happened)] == ["payment", "ledger", "hold", "notice", "payment"]


def test_a_month_closed_in_one_instant_reads_from_cause_to_effect(monthclose: Command, world: World) -> None:
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    kinds = [happening["kind"] for happening in monthclose.json("customer", "acme", "--json")["happened"]]
    assert kinds == ["invoice", "ledger", "payment", "payment", "hold", "notice"]
