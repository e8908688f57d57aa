"""The state that workers share to keep to the providers' limits, in the closes table.

A lane is one item with one number: when its next free slot is due, in seconds since the epoch. A lease is one
conditional update that adds to it: while there is a queue, workers lose no races and needn't read before they write.

Times are those of the workers' own clocks. Clocks that are `d` seconds apart let two workers' slots bunch by at most
`d * rate` requests, and do not change the rate: 5 ms, as on AWS, are an eighth of a request at 25 a second.
`Limit.burst` and the provider's own tolerance must allow for that.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, cast

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import LimitItem
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.payments.provider_health import Health
from monthclose.domain.payments.throttle import LimitChanges, Pace, Run
from monthclose.errors import ConflictError, ProviderPausedError, TryLaterError
from monthclose.ports import ProviderState

_CHANGES, _PAUSE, _HEALTH = "changes", "charging", "circuit"
"""Sort keys, in their order; no lane's lies between them, so that one query reads all three."""
_RACES = 5
_DIGITS = 6
"""Decimals of a second: DynamoDB adds decimals exactly."""


class DynamoProviderLimits:
    """`ProviderLimits` on DynamoDB."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}
        """When a lane's next free slot was due, as of the last lease; it only grows."""

    def state(self, provider: str) -> ProviderState:
        """Read the items in one query; an operator's change takes effect at once."""
        with translated():
            items = {
                item.sk: item
                for item in LimitItem.query(
                    _pk(provider), LimitItem.sk.between(_CHANGES, _HEALTH), consistent_read=True
                )
            }
        changes, pause, health = items.get(_CHANGES), items.get(_PAUSE), items.get(_HEALTH)
        return ProviderState(
            LimitChanges(**cast("dict[str, Any]", changes.content)) if changes else LimitChanges(),
            Health(**cast("dict[str, Any]", health.content) | {"version": int(health.version)}) if health else Health(),
            Pause.from_json(cast("dict[str, Any]", pause.content)) if pause else None,
            int(pause.version) if pause else 0,
        )

    def put_changes(self, provider: str, changes: LimitChanges) -> None:
        """Overwrite the changes: operators see what they change, and the last one wins."""
        with translated():
            LimitItem(_pk(provider), _CHANGES, content=asdict(changes)).save()

    def put_health(self, provider: str, health: Health) -> Health:
        """Write the health if the stored one still has its version."""
        after = replace(health, version=health.version + 1)
        content = {name: value for name, value in asdict(after).items() if name != "version"}
        unchanged = LimitItem.version == health.version if health.version else LimitItem.pk.does_not_exist()
        with translated():
            LimitItem(_pk(provider), _HEALTH, content=content, version=after.version).save(condition=unchanged)
        return after

    def put_pause(self, provider: str, pause: Pause, version: int) -> None:
        """Write the pause if the stored one still has its version."""
        unchanged = LimitItem.version == version if version else LimitItem.pk.does_not_exist()
        with translated():
            LimitItem(_pk(provider), _PAUSE, content=pause.to_json(), version=version + 1).save(condition=unchanged)

    def lease(self, provider: str, lane: str, count: int, pace: Pace, *, now: float, latest: float) -> Run:
        """Add to the lane's number, or set it if slots have passed unused since the last lease.

        One of the two conditions holds, unless others lease in between; the one that held last time is tried first.
        """
        key, earliest = (_pk(provider), f"lane#{lane}"), round(pace.earliest(now), _DIGITS)
        span = round(count * pace.interval, _DIGITS)

        def queued() -> float:
            item = LimitItem(*key)
            in_time = LimitItem.free_at.between(earliest, round(latest, _DIGITS))
            item.update([LimitItem.free_at.set(LimitItem.free_at + span)], condition=in_time)
            return float(item.free_at) - span

        def restarted() -> float:
            nobody = LimitItem.free_at.does_not_exist() | (LimitItem.free_at < earliest)
            LimitItem(*key).update([LimitItem.free_at.set(earliest + span)], condition=nobody)
            return earliest

        ways = (queued, restarted) if self._seen.get(key, 0) >= earliest else (restarted, queued)
        for way in ways * _RACES:
            first = _tried(way)
            if first is not None:
                self._seen[key] = first + span
                return Run(first, count, pace)
            free_at = self._free_at(key) if way is ways[1] else 0
            if free_at > latest:
                raise ProviderPausedError(f"{provider} is already asked as fast as it allows", free_at - now)
        raise TryLaterError(f"too many workers are asking for {provider}'s slots at once")

    def _free_at(self, key: tuple[str, str]) -> float:
        with translated():
            item = next(iter(LimitItem.query(key[0], LimitItem.sk == key[1], consistent_read=True)), None)
        return float(item.free_at) if item else 0.0


def _pk(provider: str) -> str:
    return f"limits#{provider}"


def _tried(way: Callable[[], float]) -> float | None:
    try:
        with translated():
            return way()
    except ConflictError:
        return None
