"""The first page: all closes, and what came of each."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.dashboard.context import Dashboard, dashboard_of
from cli.dashboard.rendering import figures, render
from cli.dashboard.states import Shown, shown_state, state_of
from monthclose.charts import Chart, Part, parts_bar
from monthclose.domain.closes.close import Close

_READERS = 8


@dataclass(frozen=True, slots=True)
class Sums:
    """What a close came to in a currency, in minor units."""

    currency: str
    invoiced: int
    collected: int
    pending: int
    open: int

    @property
    def bar(self) -> Chart:
        """What of it is collected, and being collected, as a bar."""
        parts = [
            Part("Collected", self.collected, figures(self.collected, self.currency), "collected"),
            Part("Being collected", self.pending, figures(self.pending, self.currency), "pending"),
        ]
        return parts_bar(parts, empty="nothing collected yet", whole=self.invoiced, height=8)


@dataclass(frozen=True, slots=True)
class Row:
    """A close in the list."""

    close: Close
    state: Shown
    sums: list[Sums]


def sums_of(money: Mapping[str, Mapping[str, int]]) -> list[Sums]:
    """Read the sums of each currency, as totals and reports have them."""
    return [
        Sums(currency, *(of.get(name, 0) for name in ("invoiced", "collected", "pending", "open")))
        for currency, of in sorted(money.items())
    ]


def show(request: Request) -> Response:
    """Show all closes, the newest first."""
    dashboard = dashboard_of(request)
    with ThreadPoolExecutor(_READERS) as pool:
        rows = list(pool.map(lambda close: _row(dashboard, close), dashboard.system.ports.closes.all()))
    return render(request, "closes.html.j2", section="closes", rows=rows)


def _row(dashboard: Dashboard, close: Close) -> Row:
    """Sum up a close: one that has ended by its report, for its batches may be thousands."""
    look = dashboard.looks.at(close.period) if close.completed_at is None else None
    if look:
        view = look.followed.view
        return Row(close, state_of(view), sums_of(view.totals.money))
    report = dashboard.reports.of(close)
    return Row(close, shown_state(str(close.status)), sums_of(report["money"] if report else {}))


ROUTES = (Route("/", show),)
