"""Columns: amounts by day or by month, each cut into parts; what is below zero hangs from the line."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from monthclose.charts.bars import Part
from monthclose.charts.drawn import WHOLE, Chart, Key
from monthclose.charts.scale import Scale, scale, ticks_of

_HEIGHT = 150
_FILLED = 0.72
"""How much of its place a column fills."""
_MOST_LABELS = 6
"""As many as stand beside each other on a telephone."""


class Column(NamedTuple):
    """A column; its label stands below it, or not if the columns are many."""

    label: str
    parts: Sequence[Part]


def column_chart(columns: Sequence[Column], *, title: str, value: Callable[[int], str]) -> Chart:
    """Draw columns beside each other.

    Parameters
    ----------
    title : str
        What the amounts are; it is read aloud, followed by each column's label and parts.
    value : callable
        Writes the amount of a line of the scale.
    """
    up = [sum(max(part.value, 0) for part in column.parts) for column in columns]
    down = [sum(min(part.value, 0) for part in column.parts) for column in columns]
    chosen = scale((*up, *down), _HEIGHT)
    place = WHOLE / max(len(columns), 1)
    drawn = [rect for number, column in enumerate(columns) for rect in _drawn(column, number * place, place, chosen)]
    return Chart(
        "columns",
        {
            "height": _HEIGHT,
            **ticks_of(chosen, value),
            "parts": drawn,
            "labels": _labels([column.label for column in columns], place),
            "keys": _keys(columns),
            "described": f"{title}: {'; '.join(map(_described, columns)) or 'nothing'}",
        },
    )


def _drawn(column: Column, begin: float, place: float, chosen: Scale) -> list[dict[str, Any]]:
    rects, up, down = list[dict[str, Any]](), 0, 0
    x, width = round(begin + place * (1 - _FILLED) / 2, 3), round(place * _FILLED, 3)
    for part in column.parts:
        base = up if part.value > 0 else down
        top, bottom = sorted((chosen.y(base), chosen.y(base + part.value)))
        if part.value:
            title = f"{column.label}: {part.described}"
            size = {"y": top, "height": round(max(bottom - top, 1), 2)}
            rects.append({"x": x, "width": width, **size, "tone": part.tone, "title": title})
        up, down = up + max(part.value, 0), down + min(part.value, 0)
    return rects


def _labels(labels: Sequence[str], place: float) -> list[dict[str, Any]]:
    """Label every column, or of many every so many."""
    every = -(-len(labels) // _MOST_LABELS)
    return [
        {"x": round((number + 0.5) * place, 3), "label": label, "anchor": "middle", "lined": False}
        for number, label in enumerate(labels)
        if not every or number % every == 0
    ]


def _keys(columns: Sequence[Column]) -> list[Key]:
    """Name each tone once; a single one needs no legend."""
    keys = {Key(part.label, part.tone): None for column in columns for part in column.parts}
    return list(keys) if len(keys) > 1 else []


def _described(column: Column) -> str:
    return f"{column.label} {', '.join(part.described for part in column.parts if part.value) or 'nothing'}"
