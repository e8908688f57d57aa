"""A close at a glance: its money, stages, payments and providers, and who needs somebody. The page updates itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.dashboard.addresses import list_path
from cli.dashboard.context import NotFoundError, dashboard_of, period_of
from cli.dashboard.looks import Look
from cli.dashboard.money_chart import legend, money_charts
from cli.dashboard.pages.closes import sums_of
from cli.dashboard.register.catalog import LISTS
from cli.dashboard.rendering import render
from cli.dashboard.states import PAYMENTS, Shown, state_of
from cli.live import Followed, end_in_words, error_in_words, slowest_in_words, tried_in_words
from cli.view import stage_money
from monthclose.charts import Chart, share_bar
from monthclose.domain.closes.close import Stage, Totals
from monthclose.domain.closes.listing import counts
from monthclose.domain.closes.pace import Lane
from monthclose.domain.closes.parked import what_helps
from monthclose.domain.closes.standing import ProviderStanding
from monthclose.domain.payments.payment import PaymentState

_MOST_CHARTS = 6
_SLOWED = 0.995
_STAGES: Mapping[Stage, str] = {
    Stage.GENERATED: "Invoiced",
    Stage.CHARGED: "Charged",
    Stage.NOTIFIED: "Told by e-mail",
    Stage.CLOSED: "Closed",
}
_HELP: Mapping[str, str] = {
    "declined": "they are tried again and reminded by themselves",
    "action_required": "the customer confirms the payment with their bank; the e-mail says how",
    "reversed": "the customer's bank took the payment away: ask them, or collect again",
    "unknown": "the provider is asked until it says what became of the charge: nothing to do",
    "no_payment_method": "the customer adds a card or bank account; the e-mail says how",
    "no_adapter": "their payment provider is not connected: a transfer, or another provider",
    "held": "lifted by itself once they pay",
    "untold": "the e-mail follows by itself; while a close runs it comes last",
    "waiting": "a bank is collecting: it goes on by itself, in days",
    "unreached": "their e-mail came back: ask them for another address",
}


class Count(NamedTuple):
    """A count: of what, how many of how many, and its tone."""

    label: str
    number: int
    whole: int
    tone: str = "count"
    more: str = ""
    """What helps."""
    money: tuple[str, ...] = ()
    sub: bool = False
    path: str = ""
    """Where they are listed by name."""

    @property
    def bar(self) -> Chart:
        """Which share of the whole it is."""
        return share_bar(self.number, self.whole, self.tone)


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider: how fast it is asked, and what is left for it."""

    name: str
    state: Shown
    standing: ProviderStanding
    lane: Lane | None
    seen: float | None
    until: datetime | None

    @property
    def allowed(self) -> float:
        """Charges a second that its limit allows now."""
        return self.lane.load.allowed_per_second * self.lane.speed if self.lane else 0.0

    @property
    def tried(self) -> str:
        """What came of its charges so far, in words."""
        return tried_in_words(self.standing)

    @property
    def bar(self) -> Chart:
        """Which share of its limit is used; the numbers stand below it."""
        return share_bar(round(1000 * (self.seen or 0.0)), round(1000 * self.allowed), "credited")


def show(request: Request) -> Response:
    """Show the page."""
    return _shown(request, "glance.html.j2")


def live(request: Request) -> Response:
    """Show the part that updates itself."""
    return _shown(request, "live.html.j2")


def _shown(request: Request, template: str) -> Response:
    period = period_of(request)
    look = dashboard_of(request).looks.at(period)
    if look is None:
        raise NotFoundError(f"{period} has not been closed yet")
    return render(request, template, section="closes", period=period, tab="glance", **_content(look))


def _content(look: Look) -> dict[str, Any]:
    followed = look.followed
    view, close = followed.view, followed.view.close
    charts = money_charts(followed)
    return {
        "close": close,
        "running": view.running,
        "waits": view.waits,
        "interrupted": view.interrupted,
        "state": state_of(view),
        "interval": round(max(look.interval, 1.0 if view.running else 30.0)),
        "as_of": followed.now,
        "spent": ((close.completed_at or followed.now) - close.run_started_at).total_seconds(),
        "repair_round": max(close.round - close.first_round - 1, 0),
        "sums": sums_of(view.totals.money),
        "legend": legend(running=view.running),
        "charts": charts[:_MOST_CHARTS],
        "charts_left_out": len(charts) - _MOST_CHARTS,
        "stages": list(_stages(followed)),
        "payments": list(_payments(view.totals, str(close.period))),
        "providers": [_provider(followed, name, of) for name, of in view.standing.providers.items()],
        "parked": sum(view.totals.parked.values()),
        "people": list(_people(view.totals, str(close.period))),
        "lists": list(_lists(str(close.period))),
        "end": end_in_words(followed),
        "slowest": slowest_in_words(followed),
        "error": error_in_words(followed),
        "tenth": _tenth(followed),
    }


def _stages(followed: Followed) -> Iterator[Count]:
    view = followed.view
    whole = view.close.customers or 1
    for stage, number in view.done.items():
        money = tuple(filter(None, stage_money(view, stage).split(" + ")))
        yield Count(_STAGES[stage], number, whole, "collected", money=money)


def _payments(totals: Totals, period: str) -> Iterator[Count]:
    """Count the payments by state, and the declined ones by the provider's code."""
    whole = sum(totals.payments.values()) or 1
    for state in (*PAYMENTS, *sorted(totals.payments.keys() - PAYMENTS.keys())):
        number = totals.payments.get(state, 0)
        if not number:
            continue
        label, tone = PAYMENTS.get(state, (state.replace("_", " ").capitalize(), "count"))
        path = list_path("payments", period=period, state=state)
        yield Count(label, number, whole, tone, path=path)
        if state == PaymentState.DECLINED:
            for code, declined in sorted(totals.declines.items(), key=lambda item: (-item[1], item[0])):
                path = list_path("payments", period=period, state=state, decline_code=code)
                if declined:
                    yield Count(code.replace("_", " "), declined, whole, tone, sub=True, path=path)


def _provider(followed: Followed, name: str, standing: ProviderStanding) -> ProviderRow:
    lane = followed.lanes.get(name)
    expected = followed.forecast.providers.get(name) if followed.forecast else None
    seen = expected.seen_per_second if expected and expected.left and followed.view.running else None
    until = expected.charged_at if expected and expected.left and followed.view.running else None
    return ProviderRow(name, _state_of_provider(lane, standing), standing, lane, seen, until)


def _state_of_provider(lane: Lane | None, standing: ProviderStanding) -> Shown:
    if lane is None:
        return Shown("Not connected", "bad", "✗")
    if lane.paused:
        return Shown("Paused", "wait", "❙❙")
    if lane.wait_seconds:
        return Shown(f"Down, asked again in {round(lane.wait_seconds)} s", "bad", "!")
    if lane.speed < _SLOWED:
        return Shown(f"Slowed to {lane.speed:.0%}", "wait", "!")
    return Shown("Charging", "busy", "▶") if standing.left else Shown("Done", "good", "✓")


def _people(totals: Totals, period: str) -> Iterator[Count]:
    """Count those about whom somebody may have to do something, with what helps; the parked by their reason."""
    found = dict(counts(totals))
    parked = found.pop("parked", 0)
    if parked:
        path = list_path("parked", period=period)
        yield Count("Parked", parked, parked, more="set aside: nobody charges them as long as this lasts", path=path)
    for reason, number in sorted(totals.parked.items(), key=lambda item: (-item[1], item[0])):
        path = list_path("parked", period=period, reason=reason)
        yield Count(reason.replace("_", " "), number, parked, more=what_helps(reason), sub=True, path=path)
    for kind, number in found.items():
        label = PAYMENTS[kind][0] if kind in PAYMENTS else kind.replace("_", " ").capitalize()
        yield Count(label, number, number, more=_HELP.get(kind, ""), path=_listed(kind, period))


def _lists(period: str) -> Iterator[tuple[str, str]]:
    """Name the lists that can be limited to a month, and where they are."""
    for spec in LISTS.values():
        if any(each.name == "period" for each in spec.filters):
            yield spec.title, list_path(spec.name, period=period)


def _listed(kind: str, period: str) -> str:
    """Find the list of those whom a count is about; empty if there is none."""
    if kind in PAYMENTS:
        return list_path("payments", period=period, state=kind)
    lists = {
        "held": list_path("holds"),
        "waiting": list_path("payments", period=period, state=PaymentState.PENDING),
        "unreached": list_path("notices", period=period, arrival="came_back"),
    }
    return lists.get(kind, "")


def _tenth(followed: Followed) -> str:
    """Say how far the charging is, in tenths: what a screen reader is told, which would not stop otherwise."""
    standing = followed.view.standing
    if not standing.charges or not followed.view.running:
        return ""
    return f"{int(10 * standing.charges_tried / standing.charges) * 10} percent of the charges have been tried"


ROUTES = (Route("/closes/{period}", show), Route("/closes/{period}/live", live))
