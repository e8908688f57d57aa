"""`monthclose usage archive`: what of the old usage is archived, and archive what is due."""

import json
from collections.abc import Iterator

import typer

from cli.commands.close import check_ended
from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.system import System
from cli.watching import wait_for_end
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.usage_archive import ArchivedMonth
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from monthclose.names import USAGE_ARCHIVE_PREFIX
from monthclose.use_cases.pack.pack_page import size

_LOOK = "monthclose usage archive --check"


def archive(ctx: typer.Context, period: str | None, *, check: bool, by: str, in_json: bool) -> None:
    """Archive a month, or all that are due; or only say how things are."""
    system = connected(ctx)
    planner = system.use_cases.archive_planner
    asked = [Period.parse(period)] if period else None
    for one in asked or ([] if check else list(planner.due())):
        planner.check(one)
        system.use_cases.usage_finder.require(one, lambda: note("looking through the customers for its usage", ""))
        if not check:
            _archive(system, one, by)
    _tell(system, asked, in_json=in_json)


def _archive(system: System, period: Period, by: str) -> None:
    """Archive a month, and wait for it."""
    if not system.archive:
        raise UserMistakeError("this deployment archives no usage yet: run `cdk deploy --all` from this release")
    with system.use_cases.acts.acting("usage_archive.requested", by=by, period=period) as act:
        name = f"archive-{period}-{system.ports.clock():%Y%m%dT%H%M%S%f}"
        request = {"period": str(period), "by": by, "act": act.made.name}
        execution = system.ports.workflow.start(system.archive, name, request)
    note(f"the usage of {period} is being archived", "")
    state = wait_for_end(system, execution, "the archiving keeps running. Look how far it is with: " + _LOOK)
    check_ended(state, f"the archiving of {period}", f"to continue: monthclose usage archive {period}")
    if "archived" not in (state.output or {}):
        raise TryLaterError("another run is archiving usage, and only one can at a time; that one keeps running")


def _tell(system: System, asked: list[Period] | None, *, in_json: bool) -> None:
    """Say what is archived, and what is due."""
    planner, months = system.use_cases.archive_planner, list(_archived(system, asked))
    stored = [period for period in planner.stored_months() if not asked or period in asked]
    due = [period for period in stored if planner.is_old(period)]
    place = system.ports.documents.location(USAGE_ARCHIVE_PREFIX)
    if in_json:
        said = [json.loads(month.content()) for month in months]
        print_json({"archived": said, "due": [*map(str, due)], "in_dynamodb": [*map(str, stored)], "place": place})
        return
    if months:
        rows = [
            (f"  {month.period}", f"{month.customers:,}", f"{month.events:,}", size(month.size), _state(month))
            for month in months
        ]
        show(grid(rows, header=("  month", "customers", "events", "size", "")))
        say(f"  in s3://{place['bucket']}/{place['key']}", "dim")
    elif asked:
        say(f"no usage of {asked[0]} is archived; to archive it: monthclose usage archive {asked[0]}")
        return
    else:
        say("no usage is archived")
    if stored and not asked:
        say(f"usage may be in DynamoDB of {_spans(stored)}")
    _tell_due(system, due)


def _spans(periods: list[Period]) -> str:
    """Write months in a row as a span: `2024-05, 2025-08 to 2026-11`."""
    spans = list[list[Period]]()
    for period in periods:
        if spans and spans[-1][-1].next == period:
            spans[-1].append(period)
        else:
            spans.append([period])
    return ", ".join(f"{span[0]} to {span[-1]}" if len(span) > 1 else str(span[0]) for span in spans)


def _tell_due(system: System, due: list[Period]) -> None:
    kept = system.ports.settings.usage_months
    if due:
        say(f"{count(len(due), 'month')} due: {', '.join(map(str, due))}", "yellow")
    elif kept is None:
        say("all usage stays in DynamoDB (usage_months is null)")
    else:
        say(f"nothing is due: usage of the last {kept} months stays in DynamoDB")


def _archived(system: System, asked: list[Period] | None) -> Iterator[ArchivedMonth]:
    store = system.use_cases.archive_store
    for period in asked or system.use_cases.archive_planner.old_months():
        month = store.month(period)
        if month:
            yield month


def _state(month: ArchivedMonth) -> str:
    return "" if month.completed_at else "being archived"
