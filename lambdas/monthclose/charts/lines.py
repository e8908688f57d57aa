"""Lines: amounts over time, with the forecast dashed, a balance in steps, a limit straight through."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from monthclose.charts.drawn import WHOLE, Chart, Key, share
from monthclose.charts.scale import Scale, scale, ticks_of

_HEIGHT = 180
_WIDE = 1000
"""Units across: the lines are stretched to the chart's width."""


class Line(NamedTuple):
    """A line.

    Parameters
    ----------
    points : sequence of (float, int)
        Where it goes through: places on the horizontal axis in any unit (seconds, days), in order, and amounts.
    steps : bool
        Whether an amount stays until the next point (a balance), rather than going straight to it.
    filled : bool
        Whether what is below it is shaded.
    """

    label: str
    points: Sequence[tuple[float, int]]
    tone: str = "collected"
    dashed: bool = False
    steps: bool = False
    filled: bool = False


class Mark(NamedTuple):
    """A label of the horizontal axis; one with a line marks an event, such as now."""

    at: float
    label: str
    lined: bool = False


def line_chart(
    lines: Sequence[Line], *, title: str, value: Callable[[int], str], marks: Sequence[Mark], top: int = 0
) -> Chart:
    """Draw lines over one horizontal axis, which has everything that lines and marks have.

    Parameters
    ----------
    title : str
        What the amounts are; it is read aloud, with where each line begins and ends.
    value : callable
        Writes an amount.
    top : int
        An amount that the scale reaches at least.
    """
    lines = [line for line in lines if line.points]
    places = [*(at for line in lines for at, _ in line.points), *(mark.at for mark in marks)]
    first, last = min(places, default=0.0), max(places, default=1.0)
    chosen = scale((top, *(amount for line in lines for _, amount in line.points)), _HEIGHT)
    said = "; ".join(f"{line.label} from {value(line.points[0][1])} to {value(line.points[-1][1])}" for line in lines)
    return Chart(
        "lines",
        {
            "height": _HEIGHT,
            "wide": _WIDE,
            **ticks_of(chosen, value),
            "lines": [_drawn(line, first, last, chosen) for line in lines],
            "labels": [_label(mark, first, last) for mark in marks],
            "keys": _keys(lines),
            "described": f"{title}: {said or 'nothing yet'}",
        },
    )


def _drawn(line: Line, first: float, last: float, chosen: Scale) -> dict[str, Any]:
    found = [(round((at - first) * _WIDE / ((last - first) or 1), 1), chosen.y(amount)) for at, amount in line.points]
    path = [found[0]]
    for x, y in found[1:]:
        path += [(x, path[-1][1]), (x, y)] if line.steps else [(x, y)]
    base = chosen.y(0)
    area = [(path[0][0], base), *path, (path[-1][0], base)] if line.filled else []
    return {"path": _written(path), "area": _written(area), "tone": line.tone, "dashed": line.dashed}


def _keys(lines: Sequence[Line]) -> list[Key]:
    """Name the lines; a single one needs no legend."""
    return [Key(line.label, line.tone, line=True, dashed=line.dashed) for line in lines] if len(lines) > 1 else []


def _written(path: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in path)


def _label(mark: Mark, first: float, last: float) -> dict[str, Any]:
    """Place a label so that it does not leave the chart."""
    x = share(mark.at - first, last - first)
    anchor = "start" if x < WHOLE * 0.06 else "end" if x > WHOLE * 0.94 else "middle"
    return {"x": x, "label": mark.label, "anchor": anchor, "lined": mark.lined}
