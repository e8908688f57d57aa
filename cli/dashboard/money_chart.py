"""The money of a close over time: what came in, what is expected, and what was to be expected at most."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cli.live import Followed
from monthclose.charts import Chart, Key, Line, Mark, amounts_in, line_chart
from monthclose.domain.closes.expected_money import money_as_planned
from monthclose.domain.closes.money_curve import Amount, curve

_POINTS = 80
_NEAR_THE_START, _NEAR_THE_END = 0.27, 0.75
"""Shares of a narrow chart's width that its first and last labels reach."""
CAME, EXPECTED = "came in, or a bank is collecting it", "expected"
PLANNED = "if every payment succeeded, as fast as the limits allow"


@dataclass(frozen=True, slots=True)
class MoneyChart:
    """A currency's drawing, and its sums.

    Parameters
    ----------
    came, expected : int
        What has come in, and what is expected in all, in minor units.
    """

    currency: str
    drawn: Chart
    came: int
    expected: int


def legend(*, running: bool) -> Chart:
    """Name the lines, once for all currencies."""
    keys = [Key(CAME, "collected", line=True)]
    keys += [Key(EXPECTED, "collected", line=True, dashed=True)] if running else []
    return Chart("legend", {"keys": [*keys, Key(PLANNED, "count", line=True)]})


def money_charts(followed: Followed) -> list[MoneyChart]:
    """Draw each currency's money; none as long as nobody knows when what is charged, or was."""
    close = followed.view.close
    if followed.forecast is None or not followed.money:
        return []
    began = close.run_started_at
    elapsed = max(((close.completed_at or followed.now) - began).total_seconds(), 1.0)
    planned = money_as_planned(followed.view.standing, followed.lanes, close.customers)
    last = max(elapsed, *(amount.second for amount in (*followed.money, *planned)))
    marks = [_mark(began, 0), _mark(began, last)]
    if followed.view.running:
        marks = _with_now(marks, elapsed)
    return [
        _chart(currency, followed.money, planned, elapsed, marks)
        for currency in sorted({amount.currency for amount in followed.money})
    ]


def _chart(
    currency: str, money: Iterable[Amount], planned: Iterable[Amount], elapsed: float, marks: list[Mark]
) -> MoneyChart:
    own = [amount for amount in money if amount.currency == currency]
    plan = [amount for amount in planned if amount.currency == currency]
    came = _points(currency, (amount for amount in own if amount.second <= elapsed), 0.0, elapsed, 0)
    later = [amount for amount in own if amount.second > elapsed]
    ends = max((amount.second for amount in own), default=elapsed)
    expected = _points(currency, later, elapsed, ends, came[-1][1]) if later else []
    until = max((amount.second for amount in plan), default=0.0)
    lines = [
        Line(PLANNED, _points(currency, plan, 0.0, until, 0) if plan else [], "count"),
        Line(EXPECTED, expected, dashed=True),
        Line(CAME, came, filled=True),
    ]
    drawn = line_chart(lines, title=f"{currency} over time", value=amounts_in(currency), marks=marks)
    drawn = replace(drawn, content={**drawn.content, "keys": []})
    return MoneyChart(currency, drawn, came[-1][1], expected[-1][1] if expected else came[-1][1])


def _points(
    currency: str, amounts: Iterable[Amount], begins: float, ends: float, from_minor: int
) -> list[tuple[float, int]]:
    """Add amounts up over a span of time, to what there was before it."""
    shifted = (amount._replace(second=amount.second - begins) for amount in amounts)
    found = curve(shifted, ends - begins, _POINTS)
    later = [(begins + point.second, from_minor + point.money.get(currency, 0)) for point in found]
    return [(begins, from_minor), *later]


def _with_now(marks: list[Mark], elapsed: float) -> list[Mark]:
    """Mark the present; of labels that would lie on each other, one is left out."""
    first, last = marks
    share = elapsed / last.at
    now = Mark(elapsed, "" if share > _NEAR_THE_END else "now", lined=True)
    return [first._replace(label="") if share < _NEAR_THE_START else first, now, last]


def _mark(began: datetime, second: float) -> Mark:
    return Mark(second, f"{began + timedelta(seconds=second):%H:%M:%S}")
