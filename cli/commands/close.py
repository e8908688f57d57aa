"""`monthclose close`: start a close and watch it until it ends."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from cli.connect import NoSystemError
from cli.console import note, print_json, say
from cli.exit_status import ExitStatus
from cli.months import connect_for
from cli.system import System, cause_for_people
from cli.view import survey
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.ports import Execution


def close(
    ctx: typer.Context,
    period: str | None,
    by: str,
    *,
    no_wait: bool,
    late: bool,
    dry_run: bool,
    customers: Path | None,
    in_json: bool,
) -> None:
    """Close a month, rehearse that, or watch it being done."""
    if customers and (no_wait or not dry_run):
        raise UserMistakeError("--customers writes what a rehearsal found: it goes with --dry-run, without --no-wait")
    system, chosen = connect_for(ctx, period)
    if dry_run:
        from cli.commands.rehearse import run_rehearsal  # noqa: PLC0415 - only for a rehearsal

        raise typer.Exit(run_rehearsal(system, chosen, by, wait=not no_wait, in_json=in_json, customers=customers))
    if not late:
        _require_in_turn(system, chosen)
    raise typer.Exit(run_close(system, chosen, by, wait=not no_wait, in_json=in_json))


def _require_in_turn(system: System, period: Period) -> None:
    """Refuse to bill a month that was left out, or mistyped, unless asked twice: no command undoes a close.

    Raises
    ------
    UserMistakeError
        It has never been closed, and a later one has.
    """
    closed = [close.period for close in system.ports.closes.all() if close.period.day == period.day]
    if period not in closed and any(later > period for later in closed):
        raise UserMistakeError(
            f"{period} has never been closed, but {max(closed)} has: every customer would be billed for it\n"
            f"if that is what you want: monthclose close {period} --late"
        )


def run_close(system: System, period: Period, by: str, *, wait: bool = True, in_json: bool = False) -> ExitStatus:
    """Start a close and, unless told not to, watch it to its end."""
    system.calendar.require_over(period, system.ports.clock())
    before = survey(system, period)
    if before is None and next(iter(system.ports.directory.scan()), None) is None:
        raise UserMistakeError("there are no customers to bill\nimport some: monthclose import customers FILE")
    if before and before.running:
        if not wait:
            return _already_running(period, in_json=in_json)
        note(f"{period} is already being closed: nothing new is started, this is its progress", "bold")
        execution = before.close.execution
    else:
        name = f"close-{period}-{system.ports.clock():%Y%m%dT%H%M%S%f}"
        was = before.state if before else "never closed"
        asked = system.use_cases.acts.record("close.requested", by=by, period=period, before=was, after=name)
        request = {"period": str(period), "by": by, "act": asked.name}
        execution = system.ports.workflow.start(system.state_machine, name, request)
    if not wait:
        _tell_started(period, execution, in_json=in_json)
        return ExitStatus.DONE
    from cli.board import watch_or_stop  # noqa: PLC0415 - only where somebody waits

    began = time.monotonic()
    ended = watch_or_stop(system, period, execution)
    if ended is None:
        return ExitStatus.INTERRUPTED
    return conclude(system, period, ended, time.monotonic() - began, in_json=in_json)


def _tell_started(period: Period, execution: str, *, in_json: bool) -> None:
    if in_json:
        print_json({"period": str(period), "status": "started", "execution": execution})
    else:
        say(f"closing {period}; watch it with: monthclose status {period} --watch")


def _already_running(period: Period, *, in_json: bool) -> ExitStatus:
    if in_json:
        print_json({"period": str(period), "status": "already_running"})
    note(f"{period} is already being closed. Watch it with: monthclose status {period} --watch", "bold")
    return ExitStatus.ALREADY_RUNNING


def _not_approved(period: Period, output: Mapping[str, Any], *, in_json: bool) -> ExitStatus:
    if in_json:
        print_json({"period": str(period), "status": "waiting_for_approval", "why": output["why"]})
    else:
        say(f"{period} is not closed: {output['why']}", "bold yellow")
        note("nothing was issued, nobody was charged or mailed", "")
        note(f"to see and accept it: monthclose approve {period}, then monthclose close {period}", "")
        note(f"or correct what is wrong, and close again; to look first: monthclose close {period} --dry-run", "")
    return ExitStatus.NOT_APPROVED


def conclude(
    system: System, period: Period, ended: Execution, seconds: float | None = None, *, in_json: bool = False
) -> ExitStatus:
    """Say how an execution ended; as JSON, that is the report's."""
    check_close_ended(period, ended)
    if isinstance(ended.output, dict) and ended.output.get("outcome") == "already_running":
        return _already_running(period, in_json=in_json)
    if isinstance(ended.output, dict) and ended.output.get("outcome") == "not_approved":
        return _not_approved(period, ended.output, in_json=in_json)
    from cli.commands.report import print_report, read_report  # noqa: PLC0415 - the report, when there is one

    report = read_report(system, period)
    if in_json:
        print_json(report)
    else:
        print_report(report, took=seconds)
    return ExitStatus.DONE if report["proof"]["ties"] else ExitStatus.UNRESOLVED


def check_ended(ended: Execution, what: str, again: str) -> None:
    """Raise if an execution did not succeed.

    Parameters
    ----------
    what : str
        What it was, for people: "the close of 2026-10".
    again : str
        What goes on from here.

    Raises
    ------
    UserMistakeError, NoSystemError
        Why, and what continues it.
    """
    if ended.status == "SUCCEEDED":
        return
    cause = cause_for_people(ended.cause) or ended.status.lower().replace("_", " ")
    if ended.error == UserMistakeError.__name__:
        raise UserMistakeError(cause)
    how = "was stopped" if ended.status == "ABORTED" else "failed"
    raise NoSystemError(f"{what} {how}: {cause}\n{again}")


def check_close_ended(period: Period, ended: Execution) -> None:
    """Raise if the execution of a close did not succeed (see `check_ended`)."""
    check_ended(ended, f"the close of {period}", f"what is done stays done; to continue: monthclose close {period}")
