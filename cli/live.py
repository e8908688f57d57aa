"""A close followed: what `status` and the board show of how it goes on, in words and in JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.console import amount, duration
from cli.curve import sparkline
from cli.system import System
from cli.view import View
from monthclose.domain.closes.expected_money import money_over_time
from monthclose.domain.closes.forecast import Forecast
from monthclose.domain.closes.money_curve import Amount, curve, second_of_share
from monthclose.domain.closes.pace import Lane
from monthclose.domain.closes.standing import ProviderStanding
from monthclose.domain.closes.timetable import GENERATING, PROVING, TELLING
from monthclose.domain.words import count

_SHARES = (0.5, 0.9)
_SLOWED = 0.995


@dataclass(frozen=True, slots=True)
class Followed:
    """A close, its providers as they are now, and its forecast; None as long as its customers are not known."""

    view: View
    lanes: Mapping[str, Lane]
    forecast: Forecast | None
    now: datetime
    money: tuple[Amount, ...] = ()
    """When it came in, or will, in seconds after the run's start."""


def follow(system: System, view: View) -> Followed:
    """Forecast a close that was looked at."""
    follower, now = system.use_cases.close_follower, system.ports.clock()
    lanes = follower.lanes(view.standing)
    forecast = follower.forecast(view.close, view.standing, lanes)
    money = money_over_time(view.standing, forecast, view.close.run_started_at, now) if forecast else []
    return Followed(view, lanes, forecast, now, tuple(money))


def provider_rows(followed: Followed) -> Iterable[tuple[str, str]]:
    """Say of each provider how fast it is asked, what of its limit that is, what waits, and until when."""
    for name, standing in followed.view.standing.providers.items():
        lane = followed.lanes.get(name)
        if lane is None:
            yield name, f"has no adapter: {count(standing.customers + standing.to_begin, 'customer')} not charged"
        else:
            yield name, ", ".join(_of_provider(followed, lane, standing))


def _of_provider(followed: Followed, lane: Lane, standing: ProviderStanding) -> Iterable[str]:
    expected = followed.forecast.providers[standing.provider] if followed.forecast else None
    if lane.paused:
        yield "paused"
    elif lane.wait_seconds:
        yield f"down, asked again in {duration(lane.wait_seconds)}"
    elif expected and expected.left:
        seen = expected.seen_per_second
        yield f"{seen:.1f}/s of {_allowed(lane)}" if seen is not None else f"{_allowed(lane)} allowed"
    if not standing.left:
        yield tried_in_words(standing) if standing.tried else "nothing to charge"
        return
    waiting = count(len(standing.queued), "batch", "batches")
    yield f"{round(standing.left):,} to charge, {waiting} waiting"
    if expected and expected.charged_at:
        yield f"until {expected.charged_at:%H:%M:%S}"


def tried_in_words(standing: ProviderStanding) -> str:
    """Say what came of a provider's charges so far: `45 charges tried, 31 collected, 12 being collected`."""
    if not standing.tried:
        return "no charge tried yet"
    pending = f", {standing.pending:,} being collected" if standing.pending else ""
    return f"{count(standing.tried, 'charge')} tried, {standing.collected:,} collected{pending}"


def _allowed(lane: Lane) -> str:
    slowed = f", slowed to {lane.speed:.0%}" if lane.speed < _SLOWED else ""
    return f"{lane.load.allowed_per_second * lane.speed:.1f} (limit {lane.load.limit.rate_per_second:g}/s{slowed})"


def end_in_words(followed: Followed) -> str:
    """Say when the close ends: `ends about 12:38 UTC, in 4 min 10 s`; empty if nobody knows."""
    forecast = followed.forecast
    if forecast is None or not followed.view.running:
        return ""
    if forecast.ends_at is None:
        left = sum(found.left for found in forecast.providers.values())
        if followed.view.waits:
            return f"waits for approval with {count(round(left), 'charge')} to make"
        return f"paused with {count(round(left), 'charge')} to make: it ends once it is resumed"
    seconds = max((forecast.ends_at - followed.now).total_seconds(), 0.0)
    return f"ends about {forecast.ends_at:%H:%M} UTC, in {duration(seconds)}"


def slowest_in_words(followed: Followed) -> str:
    """Name what the close waits for."""
    if followed.forecast is None:
        return ""
    names = {GENERATING: "the invoices", TELLING: "the e-mails", PROVING: "the comparison and the proof"}
    return names.get(followed.forecast.bottleneck, followed.forecast.bottleneck)


def error_in_words(followed: Followed) -> str:
    """Say how good the forecasts were so far; empty before the first tenth."""
    forecast = followed.forecast
    if forecast is None or forecast.off is None:
        return ""
    return f"since {forecast.marks[0].share:.0%} of the charges the forecasts were off by {forecast.off:.0%} at most"


def curve_lines(followed: Followed, width: int) -> Iterable[str]:
    """Draw the money of each currency over time, the part that is still to come included."""
    if followed.forecast is None or followed.forecast.charged_at is None:
        return
    began = followed.view.close.run_started_at
    ends = max((followed.forecast.charged_at - began).total_seconds(), 1.0)
    for currency in sorted({part.currency for part in followed.money}):
        own = [part for part in followed.money if part.currency == currency]
        drawn = sparkline(curve(own, ends), width, currency)
        if drawn:
            total = amount(round(sum(part.minor for part in own)), currency)
            yield f"{drawn} {total} {currency}: {_when(followed, own)}"


def passed(followed: Followed, width: int) -> int:
    """Count the characters of a curve that are past."""
    if followed.forecast is None or followed.forecast.charged_at is None:
        return width
    began = followed.view.close.run_started_at
    ends, now = (time - began for time in (followed.forecast.charged_at, followed.now))
    return round(width * min(now / ends, 1.0)) if ends > now else width


def _when(followed: Followed, own: list[Amount]) -> str:
    began = followed.view.close.run_started_at.timestamp()
    zone = followed.now.tzinfo
    times = [
        f"{share:.0%} at {datetime.fromtimestamp(began + second, zone):%H:%M:%S}"
        for share in _SHARES
        for second in second_of_share(own, share).values()
    ]
    return ", ".join(times)


def forecast_as_json(followed: Followed) -> dict[str, Any] | None:
    """Put the forecast into JSON."""
    forecast = followed.forecast
    if forecast is None:
        return None
    began = followed.view.close.run_started_at
    ends = (forecast.charged_at - began).total_seconds() if forecast.charged_at else 0.0
    return {
        "charged_at": _iso(forecast.charged_at),
        "told_at": _iso(forecast.told_at),
        "ends_at": _iso(forecast.ends_at),
        "bottleneck": forecast.bottleneck,
        "off": None if forecast.off is None else round(forecast.off, 4),
        "tenths": [
            {
                "share": mark.share,
                "time": mark.time.isoformat(),
                "charged_at": mark.charged_at.isoformat(),
                "ends_at": mark.ends_at.isoformat(),
                "off": None if mark.off is None else round(mark.off, 4),
            }
            for mark in forecast.marks
        ],
        "curve": [
            {"seconds": round(point.second, 1), "money": dict(point.money)}
            for point in (curve(followed.money, ends) if ends > 0 else [])
        ],
    }


def providers_as_json(followed: Followed) -> list[dict[str, Any]]:
    """Put what waits for each provider into JSON, and how fast it is asked."""
    return [
        {
            "provider": name,
            "charges_tried": standing.tried,
            "charges_collected": standing.collected,
            "charges_pending": standing.pending,
            "charges_left": round(standing.left),
            "batches_waiting": len(standing.queued),
            "customers_without_invoice": standing.to_begin,
            **_lane_as_json(followed, name),
        }
        for name, standing in followed.view.standing.providers.items()
    ]


def _lane_as_json(followed: Followed, name: str) -> dict[str, Any]:
    lane, forecast = followed.lanes.get(name), followed.forecast
    if lane is None or forecast is None:
        return {}
    expected = forecast.providers[name]
    return {
        "limit_per_second": lane.load.limit.rate_per_second,
        "allowed_charges_per_second": round(lane.load.allowed_per_second * lane.speed, 3),
        "charges_per_second": None if expected.seen_per_second is None else round(expected.seen_per_second, 3),
        "speed": round(lane.speed, 3),
        "down_for_seconds": round(lane.wait_seconds, 1),
        "paused": lane.paused,
        "charged_at": _iso(expected.charged_at),
    }


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
