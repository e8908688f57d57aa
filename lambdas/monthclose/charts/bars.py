"""Horizontal bars: one amount cut into parts, a share in a table's cell, this month's amount beside last month's."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from monthclose.charts.drawn import Chart, share


class Part(NamedTuple):
    """A part of a bar or of a column.

    Parameters
    ----------
    shown : str
        The amount as people read it, with its currency where that is not said nearby.
    tone : str
        A class of `charts.css`, which gives colour and texture.
    of_which : Part or None
        A piece of this part that is drawn on it, and is not a part of its own.
    """

    label: str
    value: int
    shown: str
    tone: str
    of_which: "Part | None" = None

    @property
    def described(self) -> str:
        """What is read aloud, and shown where the pointer is."""
        own = f"{self.label} {self.shown}"
        piece = self.of_which
        return f"{own}, of which {piece.label.lower()} {piece.shown}" if piece and piece.value else own


def parts_bar(parts: Sequence[Part], *, empty: str, whole: int = 0, height: int = 18) -> Chart:
    """Draw an amount as a bar that is cut into its parts; parts that are not above zero are left out.

    Parameters
    ----------
    empty : str
        What is said if there are no parts.
    whole : int
        The amount that is as wide as the chart; without it, the sum of the parts.
    """
    parts = [part for part in parts if part.value > 0]
    whole = max(whole, sum(part.value for part in parts), 1)
    rows, begin = list[dict[str, Any]](), 0
    for part in parts:
        rows.append(_drawn(part, begin, whole))
        if part.of_which and part.of_which.value > 0:
            piece = part.of_which._replace(value=min(part.of_which.value, part.value))
            rows.append(_drawn(piece, begin, whole))
        begin += part.value
    described = "; ".join(part.described for part in parts) or empty
    return Chart("parts_bar", {"parts": rows, "described": described, "height": height})


def _drawn(part: Part, begin: int, whole: int) -> dict[str, Any]:
    x, width = share(begin, whole), share(part.value, whole)
    return {"x": x, "width": width, "end": round(x + width, 3), "tone": part.tone, "title": part.described}


def share_bar(value: int, whole: int, tone: str = "count") -> Chart:
    """Draw a share in a table's cell. It isn't read aloud: the number stands beside it."""
    return Chart("share_bar", {"width": share(max(value, 0), whole), "tone": tone})


def bullet(now: int, before: int, whole: int, tone: str = "count") -> Chart:
    """Draw an amount as a bar, and the earlier one as a mark on it. It isn't read aloud: both stand beside it."""
    return Chart(
        "bullet",
        {"width": share(max(now, 0), whole), "mark": share(before, whole) if before > 0 else None, "tone": tone},
    )
