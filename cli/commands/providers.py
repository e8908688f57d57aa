"""`monthclose providers`: the payment providers, how fast they are called, and whether they are healthy."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.system import System
from monthclose.domain.audit import in_json as as_text
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.provider_health import Circuit
from monthclose.domain.payments.throttle import Limit, LimitChanges
from monthclose.ports import ProviderState
from monthclose.settings import Provider

_PUNCTUAL_SECONDS = 0.1
"""Slots that are good for less than so long are lost to threads that wake late."""
_HEADER = ("provider", "adapter", "limit/s", "reserve", "burst", "now/s", "circuit", "since (UTC)")


@dataclass(frozen=True, slots=True)
class _View:
    """One provider as it stands."""

    provider: Provider
    has_adapter: bool
    state: ProviderState
    now: float

    @property
    def limit(self) -> Limit:
        return self.state.changes.over(self.provider.limit)

    @property
    def circuit(self) -> Circuit:
        return self.state.health.circuit(self.now)

    @property
    def usable(self) -> float:
        """Requests a second, per lane, that are made at the most now."""
        if self.circuit is not Circuit.CLOSED:
            return 0.0
        return self.limit.usable(self.state.health.speed(self.now))

    @property
    def condition(self) -> str:
        if self.circuit is Circuit.CLOSED and self.state.health.speed(self.now) < 1:
            return f"closed, slowed to {self.state.health.speed(self.now):.0%}"
        return self.circuit.value

    @property
    def since(self) -> datetime | None:
        health = self.state.health
        if self.circuit is not Circuit.CLOSED:
            return datetime.fromtimestamp(health.paused_at, UTC)
        return datetime.fromtimestamp(health.slowed_at, UTC) if health.speed(self.now) < 1 else None


def providers(ctx: typer.Context, *, in_json: bool) -> None:
    """Show the payment providers."""
    if ctx.invoked_subcommand:
        return
    system = connected(ctx)
    views = [_view(system, name) for name in sorted(system.ports.settings.providers)]
    if in_json:
        print_json([_as_json(view) for view in views])
    else:
        _print(views)


def set_limit(
    ctx: typer.Context,
    name: str,
    rate: float | None,
    reserve: float | None,
    burst: int | None,
    by: str,
    *,
    in_json: bool,
) -> None:
    """Change how fast a provider is called."""
    system = connected(ctx)
    changes = LimitChanges(rate, reserve, burst)
    if changes == LimitChanges():
        raise UserMistakeError("choose what to change: --rate, --reserve or --burst")
    before = _view(system, name)
    after = before.state.changes.with_more(changes)
    limit = after.over(before.provider.limit)
    _put(system, before, after, by)
    _answer(_view(system, name), in_json=in_json)
    tolerance = limit.pace().tolerance
    if tolerance < _PUNCTUAL_SECONDS:
        enough = round(limit.usable() * _PUNCTUAL_SECONDS) + 2
        note(
            f"a slot is valid for {tolerance * 1000:.0f} ms only, so some may be missed; --burst {enough} avoids that",
            "",
        )


def reset(ctx: typer.Context, name: str, by: str, *, in_json: bool) -> None:
    """Go back to the limit that was deployed."""
    system = connected(ctx)
    _put(system, _view(system, name), LimitChanges(), by)
    _answer(_view(system, name), in_json=in_json)


def _put(system: System, before: _View, changes: LimitChanges, by: str) -> None:
    name, limit = before.provider.name, changes.over(before.provider.limit)
    was, will_be = (as_text(**{name: asdict(each)}) for each in (before.limit, limit))
    with system.use_cases.acts.acting("provider.limit_changed", by=by, before=was, after=will_be):
        system.ports.limits.put_changes(name, changes)


def _answer(view: _View, *, in_json: bool) -> None:
    if in_json:
        print_json(_as_json(view))
    else:
        _print([view])


def _view(system: System, name: str) -> _View:
    return _View(
        system.provider(name),
        name in system.adapters,
        system.ports.limits.state(name),
        system.ports.machine_clock().timestamp(),
    )


def _print(views: Sequence[_View]) -> None:
    rows = [
        (
            view.provider.name,
            "yes" if view.has_adapter else "no",
            _changed(f"{view.limit.rate_per_second:g}", f"{view.provider.requests_per_second:g}"),
            _changed(f"{view.limit.reserve_share:.0%}", f"{view.provider.reserve_share:.0%}"),
            _changed(str(view.limit.burst), str(view.provider.burst)),
            f"{view.usable:.1f}",
            view.condition,
            f"{view.since:%Y-%m-%d %H:%M:%S}" if view.since else "",
        )
        for view in views
    ]
    show(grid(rows, right=(5,), header=_HEADER))
    for view in views:
        name, paused = view.provider.name, view.state.paused
        if paused:
            say(f"charging through {name} was paused {paused.in_words()}", "yellow")
            note(f"to resume it: monthclose resume --provider {name}")


def _changed(now: str, deployed: str) -> str:
    return now if now == deployed else f"{now} (deployed: {deployed})"


def _as_json(view: _View) -> dict[str, Any]:
    limit, deployed = view.limit, view.provider.limit
    return {
        "provider": view.provider.name,
        "adapter": view.has_adapter,
        "queue_url": view.provider.queue_url,
        "limit_scope": view.provider.limit_scope,
        "rate_per_second": limit.rate_per_second,
        "reserve_share": limit.reserve_share,
        "burst": limit.burst,
        "deployed": {
            "rate_per_second": deployed.rate_per_second,
            "reserve_share": deployed.reserve_share,
            "burst": deployed.burst,
        },
        "usable_per_second": round(view.usable, 3),
        "speed": round(view.state.health.speed(view.now), 3),
        "circuit": view.circuit,
        "since": view.since.isoformat() if view.since else None,
        "paused": view.state.paused.to_json() if view.state.paused else None,
    }
