"""How a close stands: the sums over its batches, and how people read them."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.console import amount, duration
from cli.system import System
from monthclose.domain.closes.close import Close, CloseStatus, Stage, Stop, Totals
from monthclose.domain.period import Period
from monthclose.domain.words import count

STAGE_NAMES: Mapping[Stage, str] = {
    Stage.GENERATED: "generate",
    Stage.CHARGED: "charge",
    Stage.NOTIFIED: "notify",
    Stage.CLOSED: "close",
}
_ORDER = list(Stage)
_REPORT_MONEY: Mapping[str, str] = {
    "invoiced": "invoiced",
    "collected": "collected",
    "credited": "credited",
    "written_off": "written off",
    "open": "open",
    "pending": "of which pending",
    "lost": "lost",
    "credit_granted": "new credit",
    "tax": "tax",
}
"""The columns of the report's money, in the order of its page."""
_WHERE_THERE_IS_SOME = ("lost", "credit_granted", "tax")
_WINDOW_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class View:
    """A close at one moment; `done` counts the customers that are through with each stage."""

    close: Close
    done: Mapping[Stage, int]
    totals: Totals
    interrupted: bool
    """Its record says that it runs, but its execution doesn't."""

    @property
    def state(self) -> str:
        """The status in one word."""
        if self.interrupted:
            return "stopped" if self.close.stopped else "interrupted"
        return str(self.close.status)

    @property
    def running(self) -> bool:
        """Whether an execution works on it."""
        return self.close.status is CloseStatus.RUNNING and not self.interrupted

    @property
    def left_to_charge(self) -> int:
        """Customers that are not through with charging."""
        return self.close.customers - self.done[Stage.CHARGED]


def survey(system: System, period: Period) -> View | None:
    """See how a close stands; None if there is none. Exact: the sum over its batches as they are now."""
    close = system.ports.closes.get(period)
    if close is None:
        return None
    done, totals = dict.fromkeys(_ORDER, 0), Totals()
    for progress in system.ports.closes.all_progress(period):
        for stage in _ORDER[: _ORDER.index(progress.stage) + 1]:
            done[stage] += len(progress.batch.customer_ids)
        totals += progress.totals
    running = close.status is CloseStatus.RUNNING
    return View(close, done, totals, interrupted=running and not system.ports.workflow.is_running(close.execution))


def as_json(view: View) -> dict[str, Any]:
    """Put a view into JSON; amounts in minor units."""
    close = view.close
    return {
        "period": str(close.period),
        "status": view.state,
        "run": close.run,
        "round": close.round,
        "opened_at": close.opened_at.isoformat(),
        "completed_at": close.completed_at.isoformat() if close.completed_at else None,
        "execution": close.execution,
        "expected_seconds": close.expected_seconds,
        "stops": stops_as_json(close),
        "paused": close.paused.to_json() if close.paused else None,
        "pauses": [pause.to_json() for pause in close.pauses],
        "warnings": list(close.warnings),
        "customers": {"snapshot": close.customers, **view.totals.customers},
        "stages": {STAGE_NAMES[stage]: number for stage, number in view.done.items()},
        "money": {currency: dict(sums) for currency, sums in view.totals.money.items()},
        "payments": dict(view.totals.payments),
        "notices": dict(view.totals.notices),
        "holds": dict(view.totals.holds),
        "parked": dict(view.totals.parked),
    }


def stops_as_json(close: Close) -> list[dict[str, str]]:
    """Say when, why and by whom a close was stopped."""
    return [{"time": stop.time.isoformat(), "reason": stop.reason, "by": stop.by} for stop in close.stops]


def stop_in_words(stop: Stop) -> str:
    """Say when a close was stopped, and why: `2026-11-01 00:12 UTC: wrong prices`."""
    by = f" (by {stop.by})" if stop.by else ""
    return f"{stop.time:%Y-%m-%d %H:%M} UTC: {stop.reason or 'no reason given'}{by}"


@dataclass
class Pace:
    """How fast customers are charged, over the last seconds."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now: float, charged: int) -> None:
        """Take down a count."""
        self._seen.append((now, charged))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def per_second(self) -> float:
        """Customers charged in a second."""
        if len(self._seen) < 2:
            return 0.0
        (before, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - before) if now > before else 0.0


def charging(view: View, pace: Pace) -> str:
    """Say how fast charging goes and how long it will take."""
    if not view.left_to_charge or view.close.status is not CloseStatus.RUNNING:
        return ""
    if pace.per_second:
        return f"{pace.per_second:.1f}/s, {duration(view.left_to_charge / pace.per_second)} left"
    return f"about {duration(view.close.expected_seconds)} in all" if view.close.expected_seconds else ""


def money_line(totals: Totals, of: str, none: str = "nothing yet") -> str:
    """Sum up one kind of money over the currencies: `12,345.00 GBP + 9.00 USD`; `none` if there is no currency."""
    amounts = [f"{amount(sums.get(of, 0), currency)} {currency}" for currency, sums in totals.money.items()]
    return " + ".join(amounts) or none


def money_rows(money: Mapping[str, Mapping[str, int]]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Lay money out by currency: the header and the rows, in major units; new credit and tax only if there is some."""
    found = {name for sums in money.values() for name in sums if sums[name]}
    names = [name for name in _REPORT_MONEY if name in found or name not in _WHERE_THERE_IS_SOME]
    header = ("", *(_REPORT_MONEY[name] for name in names))
    rows = [
        [currency, *(amount(sums.get(name, 0), currency) for name in names)] for currency, sums in sorted(money.items())
    ]
    return header, rows


def counts_line(counts: Mapping[str, int], names: Sequence[str] = ()) -> str:
    """Write counts in a line, those of zero left out unless named: `1,300 paid · 40 declined`."""
    shown = [(name, counts.get(name, 0)) for name in (names or counts) if name in names or counts.get(name, 0)]
    return " · ".join(f"{count(number)} {name.replace('_', ' ')}" for name, number in shown) or "none"
