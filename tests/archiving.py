"""Archiving for tests, as its state machine does it."""

from monthclose.assembly.use_cases import UseCases
from monthclose.domain.period import Period
from monthclose.domain.usage_archive import ArchivedMonth
from tests.world import World


def archive(world: World, execution: str = "archive-1", only: Period | None = None) -> list[ArchivedMonth]:
    """Archive a month, or all that are due; returns the months that were archived."""
    made = world.use_cases
    world.workflow.running.add(execution)
    assert made.archive_planner.claim(execution)
    done = [archive_month(made, period) for period in ([only] if only else list(made.archive_planner.due()))]
    world.workflow.running.discard(execution)
    return done


def archive_month(made: UseCases, period: Period) -> ArchivedMonth:
    """Archive a month to its end."""
    plan = made.archive_planner.plan(period)
    while not made.archive_planner.deal(plan):
        pass
    for number in range(plan.parts):
        while not made.part_archiver.archive(plan, number):
            pass
    return made.archive_finisher.finish(period)
