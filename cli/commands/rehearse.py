"""`monthclose close --dry-run` and `approve`: rehearse a close, and accept what the rehearsal has found."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from cli import operating
from cli.commands.close import check_ended
from cli.console import note, print_json, say
from cli.exit_status import ExitStatus
from cli.home import folder, shown
from cli.months import connect_for
from cli.system import System
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Rehearsal, RehearsalStatus
from monthclose.domain.rehearsals.rows import COLUMNS, Pair, rows
from monthclose.domain.words import count
from monthclose.use_cases.imports.csv_out import CsvWriter
from monthclose.use_cases.rehearsals.rehearsal_report import RehearsalReport, rehearsal_report


def run_rehearsal(
    system: System, period: Period, by: str, *, wait: bool, in_json: bool, customers: Path | None
) -> ExitStatus:
    """Start a rehearsal, or watch the one that is running; then show what it has found."""
    execution = _running(system, period)
    if execution:
        note(f"{period} is already being rehearsed: nothing new is started, this is its progress", "bold")
    else:
        execution = _start(system, period, by)
    if not wait:
        if in_json:
            print_json({"period": str(period), "status": "started", "execution": execution})
        else:
            say(f"rehearsing {period}; to see what it finds: monthclose close {period} --dry-run, or approve {period}")
        return ExitStatus.DONE
    from cli.rehearsal_board import watch_rehearsal  # noqa: PLC0415 - only where somebody waits

    try:
        ended = watch_rehearsal(system, period, execution)
    except KeyboardInterrupt:
        note(f"the rehearsal of {period} keeps running. To watch it: monthclose close {period} --dry-run", "")
        return ExitStatus.INTERRUPTED
    check_ended(ended, f"the rehearsal of {period}", f"to rehearse again: monthclose close {period} --dry-run")
    rehearsal = system.ports.rehearsals.get(period)
    assert rehearsal
    return _show(system, rehearsal, in_json=in_json, customers=customers)


def _running(system: System, period: Period) -> str:
    """Find the execution of a rehearsal that is being made; empty if none is."""
    found = system.ports.rehearsals.get(period)
    under_way = found and not found.run and found.status is RehearsalStatus.DRAFTING
    return found.execution if found and under_way and system.ports.workflow.is_running(found.execution) else ""


def _start(system: System, period: Period, by: str) -> str:
    name = f"rehearsal-{period}-{system.ports.clock():%Y%m%dT%H%M%S%f}"
    machine = system.state_machine
    system.use_cases.rehearsal_opener.check(period, f"{machine.replace(':stateMachine:', ':execution:')}:{name}")
    if next(iter(system.ports.directory.scan()), None) is None:
        raise UserMistakeError("there are no customers to bill\nimport some: monthclose import customers FILE")
    asked = system.use_cases.acts.record("close.rehearsed", by=by, period=period, after=name)
    return system.ports.workflow.start(
        machine, name, {"period": str(period), "dry_run": True, "by": by, "act": asked.name}
    )


def _show(system: System, rehearsal: Rehearsal, *, in_json: bool, customers: Path | None) -> ExitStatus:
    report = read_rehearsal(system, rehearsal)
    if customers is not None:
        written = write_months(system, rehearsal, customers)
        note(f"{count(written, 'customer')} of {rehearsal.period} written to {shown(customers)}", "")
    if in_json:
        print_json(report)
    else:
        from cli.commands.rehearsal_view import print_rehearsal  # noqa: PLC0415 - only where it is printed

        page = save_page(rehearsal, report)
        print_rehearsal(report, more=f"page: {shown(page)}")
    return ExitStatus.UNRESOLVED if report["findings"] or report["undrafted"] else ExitStatus.DONE


def read_rehearsal(system: System, rehearsal: Rehearsal) -> RehearsalReport:
    """Read what a rehearsal has found."""
    read, approval = system.use_cases.rehearsal_reader, rehearsal.approval
    compared = rehearsal.run and approval and not rehearsal.approved
    return rehearsal_report(
        rehearsal,
        read.comparison(rehearsal),
        read.findings(rehearsal),
        read.differences(rehearsal) if compared else None,
        company=system.ports.settings.company_name,
        book=system.ports.price_books.get(rehearsal.price_book),
    )


def save_page(rehearsal: Rehearsal, report: RehearsalReport) -> Path:
    """Write a rehearsal's page to the state folder."""
    from monthclose.use_cases.rehearsals.rehearsal_page import render_rehearsal  # noqa: PLC0415 - brings the templates

    path = folder("reports") / f"{rehearsal.period}-rehearsal-{rehearsal.number}.html"
    path.write_bytes(render_rehearsal(report))
    return path


def write_months(system: System, rehearsal: Rehearsal, path: Path) -> int:
    """Write a row for each customer, now and last month, to a CSV file; returns how many customers there are."""
    counted = _Counted()
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = CsvWriter(file)
            writer.write(COLUMNS)
            for row in rows(counted.watch(system.use_cases.rehearsal_reader.months(rehearsal))):
                writer.write(row)
    except OSError as error:
        raise UserMistakeError(f"{shown(path)} cannot be written: {error.strerror}") from None
    return counted.customers


class _Counted:
    """Counts the customers that pass."""

    def __init__(self) -> None:
        self.customers = 0

    def watch(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        for pair in pairs:
            self.customers += 1
            yield pair


def approve(
    ctx: typer.Context,
    period: str | None,
    note: str,
    by: str,
    *,
    yes: bool,
    rehearsal: int | None,
    in_json: bool,
) -> None:
    """Show the findings of the newest rehearsal, and accept them."""
    system, chosen = connect_for(ctx, period)
    found = system.use_cases.approver.approvable(chosen, rehearsal or 0)
    report = read_rehearsal(system, found)
    if not yes:
        _ask(report, in_json=in_json)
    approved = operating.approve(system, found, by, note)
    if in_json:
        print_json({**read_rehearsal(system, approved.rehearsal), "continues": approved.continues})
        return
    said = f": {count(found.findings, 'finding')} accepted" if found.findings else ""
    say(f"rehearsal {found.number} of {chosen} is approved{said}", "bold")
    if approved.continues:
        say(f"the close continues now; watch it with: monthclose status {chosen} --watch")
    else:
        say(f"to close it: monthclose close {chosen}")


def _ask(report: RehearsalReport, *, in_json: bool) -> None:
    """Show what is to be accepted, and have it confirmed.

    Raises
    ------
    UserMistakeError
        Nobody can be asked.
    """
    if in_json or not sys.stdin.isatty():
        raise UserMistakeError("--yes is needed where nobody can be asked: it accepts the findings of the rehearsal")
    from cli.commands.rehearsal_view import print_rehearsal  # noqa: PLC0415 - only where it is printed

    print_rehearsal(report)
    findings = len(report["findings"])
    what = f"Accept the {count(findings, 'finding')}" if findings else "Approve it"
    if not typer.confirm(f"{what} and let {report['period']} be charged?"):
        note("not approved", "")
        raise typer.Exit(ExitStatus.MISTAKE)
