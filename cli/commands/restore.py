"""`monthclose restore`: the tables as they were, copied from their backups, compared, and put back."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import typer

from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.system import System
from monthclose.domain.audit import Act
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.ports.copies import Difference

_READY = "ACTIVE"
_HEADER = ("table", "to put back", "to remove", "kept", "same")


def restore(ctx: typer.Context, at: str, by: str, *, put_back: bool, in_json: bool) -> None:
    """Make the copies, or compare the tables with them, or put back what they hold."""
    moment, system = _read_time(at), connected(ctx)
    _require_past(system, moment)
    _require_same_moment(system, moment)
    states = system.ports.copies.states()
    if not all(states.values()):
        system.ports.copies.make(moment)
        states = system.ports.copies.states()
    if set(states.values()) != {_READY}:
        return _say_copying(states, in_json=in_json)
    if put_back:
        _require_rest(system)
        act = Act(time=system.ports.clock(), what="tables.restored", by=by, after=f"as of {moment:%Y-%m-%dT%H:%M:%S}")
        system.ports.audit.append(act)
        system.use_cases.restore_mark.put(by)
    found = {table: system.ports.copies.compare(table, put_back=put_back) for table in states}
    return _say_compared(found, put_back=put_back, in_json=in_json)


def _read_time(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise UserMistakeError(f"--at {text}: write a time like 2026-11-01T02:30, in UTC") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _require_past(system: System, moment: datetime) -> None:
    if moment >= system.ports.clock():
        raise UserMistakeError(f"{moment:%Y-%m-%d %H:%M} UTC has not been yet")


def _require_same_moment(system: System, moment: datetime) -> None:
    """Refuse copies that an earlier restore has left.

    Raises
    ------
    UserMistakeError
        A copy was made of another time.
    """
    for copy, made_of in system.ports.copies.moments().items():
        if made_of and made_of != moment:
            raise UserMistakeError(
                f"the copy {copy} is of {made_of:%Y-%m-%dT%H:%M:%S} UTC\n"
                f"delete it first: aws dynamodb delete-table --table-name {copy}"
            )


def _require_rest(system: System) -> None:
    """Refuse to set books back under a close that writes them.

    Raises
    ------
    UserMistakeError
        A close is running.
    """
    for close in system.ports.closes.all():
        if close.status is CloseStatus.RUNNING and system.ports.workflow.is_running(close.execution):
            raise UserMistakeError(f"{close.period} is being closed\nstop it first: monthclose stop {close.period}")


def _say_copying(states: Mapping[str, str], *, in_json: bool) -> None:
    if in_json:
        return print_json({"status": "copying", "copies": states})
    show(grid(sorted(states.items()), header=("table", "its copy")))
    return note("the copies are being made; run the same command again when all are ACTIVE")


def _say_compared(found: Mapping[str, Difference], *, put_back: bool, in_json: bool) -> None:
    if in_json:
        status = "put_back" if put_back else "compared"
        return print_json(
            {"status": status, "tables": {table: asdict(difference) for table, difference in found.items()}}
        )
    rows = [(table, *(f"{number:,}" for number in _numbers(difference))) for table, difference in sorted(found.items())]
    show(grid(rows, right=(1, 2, 3, 4), header=_HEADER))
    if put_back:
        return say("the tables are as they were. Now: monthclose reconcile, then monthclose close for the month")
    return note("nothing is changed yet; with --put-back the tables become as their copies are")


def _numbers(difference: Difference) -> tuple[int, int, int, int]:
    return difference.changed, difference.newer, difference.kept, difference.same
