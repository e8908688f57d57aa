"""How the command speaks: short and aligned on a terminal, plain lines elsewhere; results on stdout, talk on stderr."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monthclose.domain.money import Money

_PLAIN_WIDTH = 200
"""Wide enough that nothing is broken into lines where no terminal sets the width."""


def out() -> Console:
    """Make a console for results."""
    return _console(stderr=False)


def err() -> Console:
    """Make a console for talk: hints, progress, errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Made anew each time: the streams may have been replaced since (tests, pipes).
    console = Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        return Console(
            stderr=stderr, highlight=False, emoji=False, markup=False, width=_PLAIN_WIDTH, force_terminal=False
        )
    return console


def say(text: str, style: str = "") -> None:
    """Print a line of the result."""
    out().print(Text(text, style=style), soft_wrap=True)


def show(table: Table) -> None:
    """Print a grid as a result."""
    console = out()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():  # a table pads its lines; programs and diffs don't want that
        console.print(Text(line.rstrip()), soft_wrap=True)


def note(text: str, style: str = "dim") -> None:
    """Print a line of talk."""
    err().print(Text(text, style=style), soft_wrap=True)


def complain(text: str) -> None:
    """Print an error: the first line says what is wrong, the others how to mend it."""
    first, *more = text.splitlines() or [""]
    err().print(Text.assemble(("error: ", "bold red"), first), soft_wrap=True)
    for line in more:
        note(f"       {line}", style="")


def print_json(value: Any) -> None:
    """Print JSON for programs: no colours, no wrapping."""
    out().print(Text(json.dumps(value, indent=2, ensure_ascii=False)), soft_wrap=True)


def grid(rows: Iterable[Sequence[str | Text]], *, right: Sequence[int] = (), header: Sequence[str] = ()) -> Table:
    """Lay rows out in aligned columns, without lines; `right` lists the columns to align to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=bool(header), header_style="dim", pad_edge=False)
    kept = list(rows)
    for index in range(max((len(row) for row in [*kept, header]), default=0)):
        title = header[index] if index < len(header) else ""
        table.add_column(title, justify="right" if index in right else "left", no_wrap=index in right)
    for row in kept:
        table.add_row(*row)
    return table


def count(number: int, one: str = "", many: str = "") -> str:
    """Write a number with its noun: `1 customer`, `1,425 customers`."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{number:,} {noun}" if one else f"{number:,}"


def amount(minor: int, currency: str) -> str:
    """Write an amount without its currency, as the column names it."""
    return str(Money(minor, currency)).removesuffix(f" {currency}")


def duration(seconds: float) -> str:
    """Write a span of time: `8 s`, `4 min 12 s`, `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
