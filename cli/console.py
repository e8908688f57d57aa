"""How the command speaks: short and aligned on a terminal, plain lines elsewhere; results on stdout, talk on stderr.

Names of files, columns, SKUs and customers come from outside, and so do providers' answers. Whatever is printed goes
through `SafeConsole`, so that none of them can move a cursor, change a title or turn the order of the letters.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from monthclose.domain.money import EXPONENT_BY_CURRENCY, Money, exponent

_PLAIN_WIDTH = 200
"""Wide enough that nothing is broken into lines where no terminal sets the width."""
_NEVER_BROKEN = 16
"""What is no longer than that (a currency, a name, a state) keeps to one line on the narrowest terminal."""
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters (C0 but tab and line feed, C1), line separators, what turns the direction of writing by force
(Unicode Standard Annex 9), and halves of characters, which no stream takes."""


def harmless(text: str) -> str:
    r"""Write each character that a terminal obeys by its code: `\u001b`, which is how JSON writes it, too."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class SafeConsole(Console):
    """A console whose texts are only ever shown: what makes colours are segments of its own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Make segments, with nothing in their texts that a terminal obeys."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else harmless(text), style, control)


def out() -> Console:
    """Make a console for results."""
    return _console(stderr=False)


def err() -> Console:
    """Make a console for talk: hints, progress, errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Made again each time: the streams may have been replaced since (tests, pipes).
    console = SafeConsole(stderr=stderr, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        return SafeConsole(
            stderr=stderr, highlight=False, emoji=False, markup=False, width=_PLAIN_WIDTH, force_terminal=False
        )
    return console


def say(text: str, style: str = "") -> None:
    """Print a line of the result."""
    out().print(Text(text, style=style), soft_wrap=True)


def show(table: Table) -> None:
    """Print a grid as a result. Where the terminal is too narrow for its figures, lines are longer than it."""
    console = out()
    if console.is_terminal:
        console.width = max(console.width, _least(table))
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
    """Print an error: the first line says what is wrong, the others how to fix it."""
    first, *more = text.splitlines() or [""]
    err().print(Text.assemble(("error: ", "bold red"), first), soft_wrap=True)
    for line in more:
        note(f"       {line}", style="")


def print_json(value: Any) -> None:
    """Print JSON for programs: no colours, no wrapping. Amounts say how to read them (see `with_exponents`)."""
    out().print(Text(json.dumps(with_exponents(value), indent=2, ensure_ascii=False)), soft_wrap=True)


def print_json_stream(head: Mapping[str, Any], name: str, items: Iterable[Any]) -> None:
    """Print a JSON object whose last entry is a list of any length, item by item."""
    console = out()
    opening = json.dumps(with_exponents(dict(head)), indent=2, ensure_ascii=False).removesuffix("\n}")
    console.print(Text(f'{opening},\n  "{name}": ['), soft_wrap=True, end="")
    before = "\n    "
    for item in items:
        written = json.dumps(with_exponents(item), ensure_ascii=False)
        console.print(Text(before + written), soft_wrap=True, end="")
        before = ",\n    "
    console.print(Text("]\n}" if before == "\n    " else "\n  ]\n}"), soft_wrap=True)


def with_exponents(value: Any) -> Any:
    """Say beside every `currency`, and beside sums by currency, how many decimals its minor units are.

    One rule for all output: amounts are integers in minor units; an object's `currency` and `exponent` hold for all
    that is in it, and where sums are keyed by currency, `exponents` beside them has each one's.
    """
    if isinstance(value, Mapping):
        inner = {name: with_exponents(item) for name, item in value.items()}
        codes = {code for item in value.values() if _by_currency(item) for code in item}
        more: dict[str, Any] = {"exponents": {c: exponent(c) for c in sorted(codes)}} if codes else {}
        if isinstance(value.get("currency"), str) and value["currency"] in EXPONENT_BY_CURRENCY:
            more["exponent"] = exponent(value["currency"])
        return {**more, **inner}
    if isinstance(value, list | tuple):
        return [with_exponents(item) for item in value]
    return value


def _by_currency(item: object) -> bool:
    return isinstance(item, Mapping) and bool(item) and item.keys() <= EXPONENT_BY_CURRENCY.keys()


def show_figures(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    """Print rows of figures below their header; what doesn't fit on the terminal's lines comes below, named again."""
    first, last = 1, len(header)
    while first < len(header):
        while last > first + 1 and _least(_figures(rows, header, first, last)) > out().width:
            last -= 1
        show(_figures(rows, header, first, last))
        first, last = last, len(header)


def _figures(rows: Sequence[Sequence[str]], header: Sequence[str], first: int, last: int) -> Table:
    some = [(row[0], *row[first:last]) for row in rows]
    return grid(some, right=range(1, 1 + last - first), header=(header[0], *header[first:last]))


def _least(table: Table) -> int:
    """Measure how wide a grid must be so that nothing in it is cut."""
    wide = Console(width=10 * _PLAIN_WIDTH, force_terminal=False)
    return Measurement.get(wide, wide.options, table).minimum


def grid(rows: Iterable[Sequence[str | Text]], *, right: Sequence[int] = (), header: Sequence[str] = ()) -> Table:
    """Lay rows out in aligned columns, without lines; `right` lists the columns to align to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=bool(header), header_style="dim", pad_edge=False)
    # Made harmless before it is measured: what becomes longer afterwards is cut.
    titles = [harmless(title) for title in header]
    kept = [[harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    for index in range(max([len(titles), *map(len, kept)])):
        title = titles[index] if index < len(titles) else ""
        longest = max(cell_len(title), *(cell_len(str(row[index])) for row in kept if index < len(row)), 0)
        figures = index in right
        table.add_column(
            title,
            justify="right" if figures else "left",
            no_wrap=figures,
            overflow="fold",  # a long id is broken into lines, never cut
            min_width=longest if figures else min(longest, _NEVER_BROKEN),
        )
    for row in kept:
        table.add_row(*row)
    return table


def amount(minor: int, currency: str) -> str:
    """Write an amount without its currency, as the column names it."""
    return Money(minor, currency).figures


def duration(seconds: float) -> str:
    """Write a span of time: `8 s`, `4 min 12 s`, `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
