"""Archiving for tests, as its state machine does it."""

from monthclose.assembly.use_cases import UseCases
from monthclose.domain.period import Period
from monthclose.domain.usage_archive import ArchivedMonth


def archive_month(made: UseCases, period: Period) -> ArchivedMonth:
    """Archive a month to its end."""
    plan = made.archive_planner.plan(period)
    while not made.archive_planner.deal(plan):
        pass
    for number in range(plan.parts):
        while not made.part_archiver.archive(plan, number):
            pass
    return made.archive_finisher.finish(period)
