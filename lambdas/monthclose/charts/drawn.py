"""A chart that a template can write: its macro of `templates/charts.html.j2`, and what goes into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from monthclose.templates import environment

WHOLE = 100
"""Percent: all horizontal places are shares of the chart's width."""


class Key(NamedTuple):
    """An entry of a legend; a line's key is a piece of the line, dashed or not."""

    label: str
    tone: str
    line: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, ready to be drawn.

    Parameters
    ----------
    macro : str
        Of `templates/charts.html.j2`.
    content : mapping
        The macro's arguments: places and sizes.
    """

    macro: str
    content: Mapping[str, Any]

    def __html__(self) -> str:
        """Draw it; whatever text it has is escaped."""
        return str(getattr(_macros(), self.macro)(**self.content))


@cache
def _macros() -> Any:
    return environment().get_template("charts.html.j2").module


def legend(keys: Sequence[Key]) -> Chart:
    """Name the tones of several charts; a chart of columns or lines has its own."""
    return Chart("legend", {"keys": keys})


def share(part: float, whole: float) -> float:
    """Percent of a whole, as SVG has it; of nothing it is nothing."""
    return round(WHOLE * part / whole, 3) if whole else 0.0
