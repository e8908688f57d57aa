"""How a close stands: the sums over its batches, and how people read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.console import amount
from cli.system import System
from monthclose.domain.closes.close import Close, CloseStatus, Stage, Stop, Totals
from monthclose.domain.closes.standing import Standing
from monthclose.domain.period import Period
from monthclose.domain.words import count

STAGE_NAMES: Mapping[Stage, str] = {
    Stage.GENERATED: "generate",
    Stage.CHARGED: "charge",
    Stage.NOTIFIED: "notify",
    Stage.CLOSED: "close",
}
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


@dataclass(frozen=True, slots=True)
class View:
    """A close at one moment; `done` counts the customers that are through with each stage."""

    close: Close
    done: Mapping[Stage, int]
    totals: Totals
    interrupted: bool
    """Its record says that it runs, but its execution doesn't."""
    standing: Standing = field(default_factory=Standing)
    waits: bool = False
    """An execution waits for its approval."""

    @property
    def state(self) -> str:
        """The status in one word."""
        if self.interrupted:
            return "stopped" if self.close.stopped else "interrupted"
        return str(self.close.status)

    @property
    def running(self) -> bool:
        """Whether an execution works on it, or waits for its approval."""
        return self.waits or (self.close.status is CloseStatus.RUNNING and not self.interrupted)


def survey(system: System, period: Period) -> View | None:
    """See how a close stands; None if there is none. Exact: the sum over its batches as they are now."""
    close = system.ports.closes.get(period)
    if close is None:
        return None
    standing = system.use_cases.close_follower.standing(close)
    runs = close.under_way and system.ports.workflow.is_running(close.execution)
    waits = runs and close.status is CloseStatus.WAITING_FOR_APPROVAL
    interrupted = close.status is CloseStatus.RUNNING and not runs
    return View(close, standing.done, standing.totals, interrupted, standing, waits)


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
        "stage_money": {STAGE_NAMES[stage]: sums for stage, sums in view.standing.money.items()},
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


def stage_money(view: View, stage: Stage) -> str:
    """Say what the customers that are through with a stage were invoiced; empty if that is nothing."""
    sums = view.standing.money[stage]
    return " + ".join(f"{amount(minor, currency)} {currency}" for currency, minor in sorted(sums.items()) if minor)


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
