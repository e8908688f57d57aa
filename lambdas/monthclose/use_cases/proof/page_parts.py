"""What a page for finance is made of: sections of charts and tables. `templates/parts.html.j2` writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from monthclose.charts import Chart

type Kind = Literal["text", "code", "amount", "chart"]
"""How a column is written: amounts and counts to the right."""


class Cell(NamedTuple):
    """A cell of a table.

    Parameters
    ----------
    text : str or Chart
        A dash is written if there is none.
    under : str
        A second, quiet line.
    tone : str
        `good`, `bad`, `quiet`, `sub` in a row that belongs to the one above, or `beside` if `under` stands beside.
    """

    text: str | Chart
    under: str = ""
    tone: str = ""


class Column(NamedTuple):
    """A column of a table; on a telephone its label stands before each cell."""

    label: str
    kind: Kind = "amount"


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of each row is its header.

    Parameters
    ----------
    foot : sequence of sequence of Cell
        The rows of the sums.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Sequence[Cell]] = ()

    @property
    def lines(self) -> list[list[tuple[Column, Cell]]]:
        """The rows, each cell with its column."""
        return self._with_columns(self.rows)

    @property
    def sums(self) -> list[list[tuple[Column, Cell]]]:
        """The foot, each cell with its column."""
        return self._with_columns(self.foot)

    def _with_columns(self, rows: Sequence[Sequence[Cell]]) -> list[list[tuple[Column, Cell]]]:
        return [list(zip(self.columns, row, strict=True)) for row in rows]


class Drawing(NamedTuple):
    """A chart with its heading: what it is of, the main figure, and what that means."""

    label: str
    chart: Chart
    figure: str = ""
    said: str = ""
    aside: str = ""
    """At the end of the line."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a page.

    Parameters
    ----------
    anchor : str
        Where links to it lead; empty if it is not in the page's contents.
    intro, note : str
        What stands before and after; a command in the note is `command`.
    details : sequence of (str, Table)
        What is shown when it is asked for, and not on paper.
    """

    title: str
    anchor: str = ""
    intro: str = ""
    legend: Chart | str = ""
    drawings: Sequence[Drawing] = ()
    side_by_side: bool = False
    """Whether there may be two drawings in a row."""
    tables: Sequence[Table] = ()
    details: Sequence[tuple[str, Table]] = ()
    note: str = ""
    command: str = ""


def row(*cells: Cell | str | Chart) -> list[Cell]:
    """Make a row of cells and plain texts."""
    return [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
