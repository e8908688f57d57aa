"""`monthclose close`: start a close and watch it until it ends."""

import math
import time
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.commands.report import print_report, read_report
from cli.connect import NoSystemError, connected
from cli.console import duration, err, note, say
from cli.system import System, cause_for_people
from cli.view import STAGE_NAMES, Pace, View, charging, money_line, survey
from monthclose.domain.closes.close import CloseStatus, Stage
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from monthclose.ports import Execution

_PATIENCE = 5
"""How many looks in a row may fail: a close takes hours, and a network hiccups."""
ALREADY_RUNNING, FINDINGS, INTERRUPTED = 3, 4, 130
_LINE_SECONDS = 5.0
"""How often the progress is a line where there is no terminal, at first; later more and more rarely."""


def close(
    ctx: typer.Context,
    period: Annotated[
        str | None, typer.Argument(metavar="PERIOD", help="A month, like 2026-10; the month before now by default.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start it and don't watch.")] = False,
    late: Annotated[
        bool, typer.Option("--late", help="Close a month that has never been closed though a later one has.")
    ] = False,
) -> None:
    """Close a month: invoice, charge and notify every customer, then prove that the books tie.

    Safe to repeat at any time: a close that runs is watched, one that broke off goes on, one that is done does only
    what is missing. Ctrl-C stops watching, never the close. Exit status 4: it ended, and the books do
    not tie; customers who are unfinished or wait are named, and are no error.
    """
    system, chosen = connect_for(ctx, period)
    if not late:
        _require_in_turn(system, chosen)
    raise typer.Exit(run_close(system, chosen, wait=not no_wait))


def stop(
    ctx: typer.Context,
    period: Annotated[
        str | None, typer.Argument(metavar="PERIOD", help="A month, like 2026-10; the month before now by default.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why: kept, and shown in the status, the report and stories.")] = "",
) -> None:
    """Stop a close: nobody more is charged. What is done stays done, and `close` goes on with the rest.

    Charges that have begun come to their end, and so do those of the batches that are being charged at this moment.
    """
    system, chosen = connect_for(ctx, period)
    before = survey(system, chosen)
    if before is None or not before.running:
        raise UserMistakeError(f"{chosen} is not being closed")
    cause = f"monthclose stop: {reason}" if reason else "monthclose stop"
    system.ports.workflow.stop(before.close.execution, cause)
    system.use_cases.note_stop(chosen, reason.strip())
    say(f"the close of {chosen} is stopped; what is done stays done. Go on with: monthclose close {chosen}")


def connect_for(ctx: typer.Context, period: str | None) -> tuple[System, Period]:
    """Connect, and choose the period: the month before now if none is said."""
    said = None if period is None else Period.parse(period)  # a typing mistake needs no connection to be told
    system = connected(ctx)
    return system, said or Period.of(system.ports.clock()).previous


def _require_in_turn(system: System, period: Period) -> None:
    """Ask back before a month is billed that was left out, or mistyped: what is done cannot be undone by a command.

    Raises
    ------
    UserMistakeError
        It has never been closed, and a later one has.
    """
    closed = [close.period for close in system.ports.closes.all()]
    if period not in closed and any(later > period for later in closed):
        raise UserMistakeError(
            f"{period} has never been closed, and {max(closed)} has: all who are customers now would be billed for it\n"
            f"if you mean that: monthclose close {period} --late"
        )


def run_close(system: System, period: Period, *, wait: bool = True) -> int:
    """Start a close and, if told so, watch it to its end; returns the exit status."""
    period.require_ended(system.ports.clock())
    before = survey(system, period)
    if before is None and next(iter(system.ports.directory.scan()), None) is None:
        raise UserMistakeError("there are no customers to close for\nimport some: monthclose import customers FILE")
    if before and before.close.status is CloseStatus.RUNNING and not before.interrupted:
        if not wait:
            return _already_running(period)
        note(f"{period} is being closed already: nothing is started, here is how it goes", "bold")
        execution = before.close.execution
    else:
        name = f"close-{period}-{system.ports.clock():%Y%m%dT%H%M%S%f}"
        execution = system.ports.workflow.start(system.state_machine, name, {"period": str(period)})
    if not wait:
        say(f"closing {period}; watch it with: monthclose status {period} --watch")
        return 0
    began = time.monotonic()
    ended = watch_or_stop(system, period, execution)
    return conclude(system, period, ended, time.monotonic() - began) if ended else INTERRUPTED


def watch_or_stop(system: System, period: Period, execution: str) -> Execution | None:
    """Watch an execution to its end; None if Ctrl-C stopped the watching."""
    try:
        return watch(system, period, execution)
    except KeyboardInterrupt:
        note(
            f"not watching any more; the close of {period} goes on. See it with: monthclose status {period} --watch", ""
        )
        return None


def _already_running(period: Period) -> int:
    note(
        f"{period} is already running: another execution closes it. See it with: monthclose status {period} --watch",
        "bold",
    )
    return ALREADY_RUNNING


def conclude(system: System, period: Period, ended: Execution, seconds: float | None = None) -> int:
    """Tell how an execution ended; returns the exit status."""
    if ended.status != "SUCCEEDED":
        cause = cause_for_people(ended.cause) or ended.status.lower().replace("_", " ")
        if ended.error == UserMistakeError.__name__:
            raise UserMistakeError(cause)
        raise NoSystemError(
            f"the close of {period} did not end well: {cause}\n"
            f"what is done stays done; go on with: monthclose close {period}"
        )
    if isinstance(ended.output, dict) and ended.output.get("outcome") == "already_running":
        return _already_running(period)
    report = read_report(system, period)
    print_report(report, took=seconds)
    return 0 if report["proof"]["ties"] else FINDINGS


def watch(system: System, period: Period, execution: str) -> Execution:
    """Show the progress of an execution until it ends."""
    board = _Board(period)
    console = err()
    if not console.is_terminal:
        return _follow(system, period, execution, board, live=None)
    with Live(console=console, transient=True, refresh_per_second=8, get_renderable=board.render) as live:
        return _follow(system, period, execution, board, live)


def _follow(system: System, period: Period, execution: str, board: "_Board", live: Live | None) -> Execution:
    spoken = (-math.inf, "")
    failures = 0
    while True:
        began = time.monotonic()
        try:
            state, view = system.ports.workflow.describe(execution), survey(system, period)
        except (TryLaterError, BotoCoreError):
            failures += 1
            if failures > _PATIENCE:
                raise
            system.sleep(2 * failures)
            continue
        failures = 0
        # Until it has opened the close, the record is that of an earlier run.
        board.see(view if view and view.close.execution == execution else None, began)
        if live is None and (state.status != "RUNNING" or began - spoken[0] >= max(_LINE_SECONDS, board.age / 10)):
            line = board.line()
            if line != spoken[1]:
                note(line, "")
            spoken = (began, line)
        if state.status != "RUNNING":
            return state
        # With 10,000 batches a look takes a while: never spend more than half of the time looking.
        system.sleep(min(max(time.monotonic() - began, 0.5), 10))


class _Board:
    """What is shown of a running close."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._began = time.monotonic()
        self._pace = Pace()
        self._view: View | None = None

    def see(self, view: View | None, now: float) -> None:
        """Take a look."""
        self._view = view
        if view:
            self._pace.note(now, view.done[Stage.CHARGED])

    @property
    def age(self) -> float:
        """Seconds that it has been watched for."""
        return time.monotonic() - self._began

    def _title(self) -> str:
        view, elapsed = self._view, duration(self.age)
        if view is None:
            return f"closing {self._period}: opening  {elapsed}"
        if not view.close.customers:
            return f"closing {self._period}: taking the snapshot  {elapsed}"
        rounds = view.close.round - view.close.first_round
        repair = f", repair round {rounds - 1}" if rounds > 1 else ""
        return f"closing {self._period}: {count(view.close.customers, 'customer')}{repair}  {elapsed}"

    def line(self) -> str:
        """Write it in one line."""
        view = self._view
        if view is None or not view.close.customers:
            return self._title()
        stages = ", ".join(f"{STAGE_NAMES[stage]} {number:,}" for stage, number in view.done.items())
        return f"{self._title()}  {stages}; collected {money_line(view.totals, 'collected')}"

    def render(self) -> RenderableType:
        """Draw it."""
        view = self._view
        parts: list[RenderableType] = [Text(self._title(), style="bold")]
        if view and view.close.customers:
            table = Table.grid(padding=(0, 2))
            for stage, number in view.done.items():
                extra = charging(view, self._pace) if stage is Stage.CHARGED else ""
                bar = ProgressBar(
                    total=view.close.customers,
                    completed=number,
                    width=32,
                    complete_style="green",
                    finished_style="green",
                )
                table.add_row(f"  {STAGE_NAMES[stage]}", bar, Text(f"{number:,}", justify="right"), Text(extra, "dim"))
            parts += [table, Text(f"  invoiced   {money_line(view.totals, 'invoiced')}")]
            parts.append(Text(f"  collected  {money_line(view.totals, 'collected')}"))
            parts += [Text(f"  warning: {warning}", style="yellow") for warning in view.close.warnings]
        return Group(*parts)
