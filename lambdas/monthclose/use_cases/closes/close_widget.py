"""The latest close as a piece of HTML, for the CloudWatch dashboard: money first, summed up from its batches."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from monthclose.domain.closes.close import BatchProgress, Close, Stage, Totals
from monthclose.domain.money import Money
from monthclose.ports import Clock, Closes
from monthclose.templates import environment

_MONEY = ("invoiced", "collected", "pending", "open")
_MOST_PARKED = 8


class _Currency(NamedTuple):
    """A currency's sums, in major units."""

    name: str
    sums: Mapping[str, str]
    percent: int
    """Of what was invoiced, how much is collected."""


@dataclass(slots=True)
class _Sums:
    """What the batches of a close add up to."""

    totals: Totals = field(default_factory=Totals)
    done: Counter[Stage] = field(default_factory=Counter)
    """Customers that are through with each stage."""
    charged: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)
    """Customers by provider: through with charging, and begun."""

    def add(self, progress: BatchProgress) -> None:
        """Add a batch."""
        customers, provider = len(progress.batch.customer_ids), progress.batch.provider
        self.totals += progress.totals
        self.begun[provider] += customers
        for stage in Stage:
            if stage.order <= progress.stage.order:
                self.done[stage] += customers
        if progress.stage.order >= Stage.CHARGED.order:
            self.charged[provider] += customers


@dataclass(frozen=True, slots=True)
class CloseWidget:
    """Draws the latest close."""

    closes: Closes
    clock: Clock

    def draw(self) -> str:
        """Draw it; without a close, a line says so."""
        close, sums = next(iter(self.closes.all()), None), _Sums()
        for progress in self.closes.all_progress(close.period) if close else ():
            sums.add(progress)
        content = _content(close, sums) if close else {}
        time = f"{self.clock():%H:%M:%S}"
        return environment().get_template("close_widget.html.j2").render(close=content, time=time)


def _content(close: Close, sums: _Sums) -> dict[str, object]:
    totals = sums.totals
    parked = sorted(totals.parked.items(), key=lambda item: (-item[1], item[0]))
    return {
        "period": str(close.period),
        "status": "stopped" if close.stopped else str(close.status).replace("_", " "),
        "customers": close.customers,
        "money": [_currency(name, minor) for name, minor in sorted(totals.money.items())],
        "stages": [(stage.value, sums.done[stage]) for stage in Stage],
        "providers": [(name, sums.charged[name], sums.begun[name]) for name in sorted(sums.begun)],
        "payments": [(state.replace("_", " "), number) for state, number in sorted(totals.payments.items()) if number],
        "parked": [(reason, number) for reason, number in parked[:_MOST_PARKED]],
        "warnings": close.warnings,
    }


def _currency(name: str, minor: Mapping[str, int]) -> _Currency:
    sums = {kind: Money(minor.get(kind, 0), name).figures for kind in _MONEY}
    invoiced, collected = minor.get("invoiced", 0), minor.get("collected", 0)
    return _Currency(name, sums, 100 * collected // invoiced if invoiced else 0)
