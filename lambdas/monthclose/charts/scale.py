"""Vertical scales: round numbers at which a chart has its lines, and where an amount is between them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from monthclose.domain.money import Money

_STEPS = (1, 2, 5, 10)
_LINES = 4
_CHARACTER = 7.2
"""Pixels of a digit of the labels, which have 12 pixels; with the distance to the plot they are a gutter."""
_GAP = 10


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of amounts, from `low` to `high`, drawn on `height` pixels from the bottom up.

    Parameters
    ----------
    ticks : tuple of int
        The round amounts that have a line, zero among them.
    """

    low: int
    high: int
    height: int
    ticks: tuple[int, ...]

    def y(self, amount: float) -> float:
        """Pixels from the top."""
        return round(self.height * (self.high - amount) / (self.high - self.low), 2)


def scale(amounts: Iterable[int], height: int) -> Scale:
    """Choose the range for amounts: zero is always in it, and both ends are round."""
    found = [0, *amounts]
    step = _step(max(found) - min(found))
    low, high = min(found) // step * step, -(-max(found) // step) * step
    high = high if high > low else low + step
    return Scale(low, high, height, tuple(range(low, high + 1, step)))


def _step(spread: int) -> int:
    """Choose a round distance of lines so that a spread has about four; amounts are whole, so it is at least 1."""
    least = max(-(-spread // _LINES), 1)
    power: int = 10 ** (len(str(least)) - 1)
    return next(power * step for step in _STEPS if power * step >= least)


def ticks_of(chosen: Scale, value: Callable[[int], str]) -> dict[str, Any]:
    """Lay out a scale's lines, and the gutter that their labels need."""
    ticks = [{"y": chosen.y(tick), "label": value(tick), "zero": not tick} for tick in chosen.ticks]
    longest = max(len(value(tick)) for tick in chosen.ticks)
    return {"ticks": ticks, "gutter": round(longest * _CHARACTER + _GAP)}


def amounts_in(currency: str) -> Callable[[int], str]:
    """Write a scale's amounts in major units; round ones without decimals."""

    def write(minor: int) -> str:
        amount = Money(minor, currency)
        return f"{amount.major:,.0f}" if amount.major == int(amount.major) else amount.figures

    return write
