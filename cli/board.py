"""Watching a close: its progress bars on a terminal, and a line now and then elsewhere."""

import math
import time

from botocore.exceptions import BotoCoreError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.console import duration, err, note
from cli.system import System
from cli.view import STAGE_NAMES, Pace, View, charging, money_line, survey
from monthclose.domain.closes.close import Stage
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from monthclose.ports import Execution

_PATIENCE = 5
"""How many looks in a row may fail: a close takes hours, and a network hiccups."""
_LINE_SECONDS = 5.0
"""How often the progress is a line where there is no terminal, at first; later more and more rarely."""


def watch_or_stop(system: System, period: Period, execution: str) -> Execution | None:
    """Watch an execution to its end; None if Ctrl-C stopped the watching."""
    try:
        return watch(system, period, execution)
    except KeyboardInterrupt:
        note(
            f"the close of {period} keeps running. Watch it with: monthclose status {period} --watch",
            "",
        )
        return None


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
        """Take in how the close stands now."""
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
