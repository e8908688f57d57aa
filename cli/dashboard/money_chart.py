"""The money of a close over time, as points of a drawing: what came in, what is expected, what was planned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cli.live import Followed
from monthclose.domain.closes.expected_money import money_as_planned
from monthclose.domain.closes.money_curve import Amount
from monthclose.domain.money import Money, exponent

_MOST_POINTS = 240
"""Of a line: more than a screen shows."""
_LETTERS = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))
_NICE = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class MoneyChart:
    """A currency's drawing: 100 units wide and high, time to the right, money upwards.

    Parameters
    ----------
    came, expected, planned : str
        The points of the lines, as SVG writes them; empty if there is nothing to draw.
    area : str
        What is below `came`.
    now : float or None
        Where the present is; None of a close that has ended.
    most : int
        The money at the top, in minor units.
    sum, total : int
        What has come in, and what is expected in all, in minor units.
    begins, ends : datetime
        The times at the left and the right.
    """

    currency: str
    came: str
    area: str
    expected: str
    planned: str
    now: float | None
    most: int
    sum: int
    total: int
    begins: datetime
    ends: datetime

    @property
    def scale(self) -> list[tuple[float, str]]:
        """The lines across: how far from the top, and their money."""
        return [(100 * (1 - share), _in_short(self.most * share, self.currency)) for share in (1, 0.5, 0)]


def money_charts(followed: Followed) -> list[MoneyChart]:
    """Draw each currency's money; none as long as nobody knows when what is charged, or was."""
    forecast, close = followed.forecast, followed.view.close
    if forecast is None or not followed.money:
        return []
    began = close.run_started_at
    planned = money_as_planned(followed.view.standing, followed.lanes, close.customers)
    elapsed = ((close.completed_at or followed.now) - began).total_seconds()
    seconds = [amount.second for amount in (*followed.money, *planned)]
    ends = max(elapsed if followed.view.running else 0.0, *seconds, 1.0)
    return [
        _chart(currency, followed.money, planned, elapsed, ends, began, running=followed.view.running)
        for currency in sorted({amount.currency for amount in followed.money})
    ]


def _chart(
    currency: str,
    money: Iterable[Amount],
    planned: Iterable[Amount],
    elapsed: float,
    ends: float,
    began: datetime,
    *,
    running: bool,
) -> MoneyChart:
    own = _added_up(amount for amount in money if amount.currency == currency)
    plan = _added_up(amount for amount in planned if amount.currency == currency)
    came = [place for place in own if place[0] <= elapsed]
    came.append((min(elapsed, ends), came[-1][1]))
    later = [place for place in own if place[0] > elapsed]
    most = _round_up(max(own[-1][1], plan[-1][1]), currency)
    drawn = _points(came, ends, most)
    return MoneyChart(
        currency,
        drawn,
        f"{drawn} {_x(came[-1][0], ends)},100 0,100" if came[-1][1] else "",
        _points([came[-1], *later], ends, most) if later else "",
        _points(plan, ends, most) if len(plan) > 1 else "",
        _x(elapsed, ends) if running else None,
        most,
        round(came[-1][1]),
        round(own[-1][1]),
        began,
        began + timedelta(seconds=ends),
    )


def _added_up(amounts: Iterable[Amount]) -> list[tuple[float, float]]:
    """Add amounts up in the order of time, from nothing at the start."""
    total, found = 0.0, [(0.0, 0.0)]
    for second, _, minor in sorted(amounts):
        total += minor
        found.append((second, total))
    return found


def _points(places: Sequence[tuple[float, float]], ends: float, most: int) -> str:
    step = max(len(places) // _MOST_POINTS, 1)
    kept = [*places[::step], places[-1]]
    return " ".join(f"{_x(second, ends)},{round(100 - 100 * minor / most, 2)}" for second, minor in kept)


def _x(second: float, ends: float) -> float:
    return round(100 * second / ends, 2)


def _in_short(minor: float, currency: str) -> str:
    """Write an amount of a scale: `500 k`, `1.5 M`."""
    major = minor / 10 ** exponent(currency)
    power, letter = next(((power, letter) for power, letter in _LETTERS if major >= power), (1, ""))
    return f"{major / power:.4g}{letter}"


def _round_up(minor: float, currency: str) -> int:
    """Find the next amount with one or two digits before its zeros, of whole major units."""
    least = max(minor, Money(10 ** exponent(currency), currency).minor)
    power = int(10 ** (len(str(int(least))) - 1))
    return next(round(nice * power) for nice in _NICE if nice * power >= least)
