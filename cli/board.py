"""Watching a close: its progress bars on a terminal, and a line now and then elsewhere."""

import time

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.console import duration, note
from cli.live import (
    Followed,
    curve_lines,
    end_in_words,
    error_in_words,
    follow,
    passed,
    provider_rows,
    slowest_in_words,
)
from cli.system import System
from cli.view import STAGE_NAMES, View, counts_line, money_line, stage_money, survey
from cli.watching import watch_execution
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.ports import Execution


def watch_or_stop(system: System, period: Period, execution: str) -> Execution | None:
    """Watch an execution to its end; None if Ctrl-C stopped the watching."""
    try:
        return watch_execution(system, execution, _Board(system, period, execution))
    except KeyboardInterrupt:
        note(
            f"the close of {period} keeps running. Watch it with: monthclose status {period} --watch",
            "",
        )
        return None


class _Board:
    """What is shown of a running close."""

    def __init__(self, system: System, period: Period, execution: str) -> None:
        self._system, self._period, self._execution = system, period, execution
        self._began = time.monotonic()
        self._followed: Followed | None = None

    def look(self) -> None:
        """See how far it is; until the execution has opened the close, the record is that of an earlier run."""
        view = survey(self._system, self._period)
        opened = view is not None and view.close.execution == self._execution
        self._followed = follow(self._system, view) if view and opened else None

    @property
    def _view(self) -> View | None:
        view = self._followed.view if self._followed else None
        return view if view and view.close.customers else None

    @property
    def age(self) -> float:
        """Seconds that it has been watched for."""
        return time.monotonic() - self._began

    def _title(self) -> str:
        view, followed = self._view, self._followed
        if view is None or followed is None:
            doing = "taking the snapshot" if followed else "opening"
            return f"closing {self._period}: {doing}  {duration(self.age)}"
        rounds = view.close.round - view.close.first_round
        repair = f", repair round {rounds - 1}" if rounds > 1 else ""
        state = "" if view.running and view.state == "running" else f", {view.state.replace('_', ' ')}"
        elapsed = duration((followed.now - view.close.run_started_at).total_seconds())
        return f"closing {self._period}: {count(view.close.customers, 'customer')}{repair}{state}  {elapsed}"

    def line(self) -> str:
        """Write it in one line."""
        view, followed = self._view, self._followed
        if view is None or followed is None:
            return self._title()
        stages = ", ".join(f"{STAGE_NAMES[stage]} {number:,}" for stage, number in view.done.items())
        said = [f"{self._title()}  {stages}", f"collected {money_line(view.totals, 'collected')}"]
        if view.totals.parked:
            said.append(f"parked {counts_line(view.totals.parked)}")
        return "; ".join([*said, *filter(None, [end_in_words(followed)])])

    def render(self) -> RenderableType:
        """Draw it."""
        view, followed = self._view, self._followed
        parts: list[RenderableType] = [Text(self._title(), style="bold")]
        if view and followed:
            parts += [_Stages(view), _facts(followed), _Curves(followed)]
            if end := end_in_words(followed):
                slowest = slowest_in_words(followed)
                parts.append(Text.assemble(f"  {end}", (f"; slowest: {slowest}", "dim"), style="bold"))
            if error := error_in_words(followed):
                parts.append(Text(f"  {error}", style="dim"))
            parts += [Text(f"  warning: {warning}", style="yellow") for warning in view.close.warnings]
        return Group(*parts)


class _Stages:
    """A bar for each stage, as wide as the terminal has room, with customers and money."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(min(options.max_width // 3, _WIDEST_BAR), _NARROWEST_BAR)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(width=width)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(overflow="fold")
        for stage, number in self._view.done.items():
            bar = ProgressBar(
                total=self._view.close.customers,
                completed=number,
                width=width,
                complete_style="green",
                finished_style="green",
            )
            table.add_row(f"  {STAGE_NAMES[stage]}", bar, f"{number:,}", Text(stage_money(self._view, stage), "dim"))
        yield table


class _Curves:
    """The money over time, as wide as the terminal has room."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(min(options.max_width // 3, _WIDEST_BAR), _NARROWEST_BAR)
        for line in curve_lines(self._followed, width):
            text = Text(f"  {line}")
            text.stylize("green", 2, 2 + passed(self._followed, width))
            text.stylize("dim", 2 + passed(self._followed, width), 2 + width)
            yield text


def _facts(followed: Followed) -> Table:
    """Lay out the money, each provider, and who is parked."""
    totals = followed.view.totals
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("  invoiced", money_line(totals, "invoiced"))
    table.add_row("  collected", money_line(totals, "collected"))
    for name, said in provider_rows(followed):
        table.add_row(Text(f"  {name}"), Text(said))
    if pause := followed.view.close.paused:
        table.add_row("  paused", Text(pause.in_words(), style="yellow"))
    if totals.parked:
        names = f"; names: monthclose parked {followed.view.close.period}"
        table.add_row("  parked", Text.assemble((counts_line(totals.parked), "yellow"), (names, "dim")))
    return table


_WIDEST_BAR, _NARROWEST_BAR = 40, 10
"""Characters."""
