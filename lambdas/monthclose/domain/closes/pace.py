"""How fast a close charges, and how long what is left takes at that. Pure.

The pace is that of the batches charged lately, as long as the providers' limits allow it; before there are enough of
them, it is the limits'.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from monthclose.domain.closes.standing import Step
from monthclose.domain.closes.timetable import Load
from monthclose.domain.payments.provider_health import RECOVERY_PER_SECOND

_ENOUGH_STEPS, _ENOUGH_SECONDS = 4, 3.0
"""Batches and seconds that a pace is seen by; with fewer, the limit's is taken."""
_WINDOW_SHARE, _SHORTEST_WINDOW, _LONGEST_WINDOW = 0.4, 60.0, 900.0
"""The pace is that of the last part of the charging, so many seconds at least and at most."""
_AT_THE_LIMIT, _IMPLAUSIBLE = 0.85, 1.15
"""A pace between these shares of what the limit allows is the limit's: what is missing is in batches that are being
charged. One above them is of before the limit was lowered."""
_BEGINNING_SECONDS, _AT_THE_BEGINNING = 30.0, 0.7
"""Workers start one after the other: for so long, a pace down to this share is no reason to expect less later."""
_STALLED = 5.0
"""Without a batch for so many times their usual distance, the time since the last one counts, too."""


class Seen(NamedTuple):
    """The pace of the charges of late, and for how many seconds charges were seen in all."""

    per_second: float
    lasted: float


@dataclass(frozen=True, slots=True)
class Lane:
    """What a provider lets us do now.

    Parameters
    ----------
    load : Load
        Its limit and workers; its charges are not read.
    speed : float
        Share of the limit in use: less than 1 after a 429, and growing.
    wait_seconds : float
        After how long it is asked again; 0 unless it is down.
    paused : bool
        A person has paused it: nobody knows when it goes on.
    """

    load: Load
    speed: float = 1.0
    wait_seconds: float = 0.0
    paused: bool = False

    def has_room(self, seen: Seen | None) -> bool:
        """Whether charging is slower than the limit allows: something else keeps it back."""
        if seen is None or self.speed < 1:
            return False
        least = _AT_THE_BEGINNING if seen.lasted < _BEGINNING_SECONDS else _AT_THE_LIMIT
        return seen.per_second < least * self.load.per_second

    def seconds(self, charges: float, seen: Seen | None = None) -> float:
        """How long so many charges take from now on at its limit; `seen`, if its workers are faster than we thought."""
        rate, most = self.load.per_second, self.load.allowed_per_second
        if seen and rate < seen.per_second <= most * _IMPLAUSIBLE:
            rate = min(seen.per_second, most)
        growing = (1 - self.speed) / RECOVERY_PER_SECOND
        meanwhile = rate * growing * (1 + self.speed) / 2
        if charges >= meanwhile:
            return self.wait_seconds + growing + (charges - meanwhile) / rate
        half = self.speed / RECOVERY_PER_SECOND  # solve rate * (speed * t + growth * t^2 / 2) = charges
        return self.wait_seconds - half + math.sqrt(half * half + 2 * charges / rate / RECOVERY_PER_SECOND)


def expected_seconds(
    lanes: Mapping[str, Lane], steps: Mapping[str, Sequence[Step]], left: Mapping[str, float], now: datetime
) -> dict[str, float]:
    """Say how long each provider's charges that are left take.

    Providers whose limit has room are kept back by what they share (the batches in flight, the tables, a machine): when
    one of them is through, the others become faster. So theirs are expected together, at their common pace.
    """
    seen = {name: seen_pace(steps.get(name, ()), now) for name in lanes}
    whole = seen_pace(_in_order(steps.values()), now)
    # With too few batches of its own, a provider has room if even all of them together would leave it some.
    sharing = [name for name, lane in lanes.items() if lane.has_room(seen[name] or whole)]
    together = seen_pace(_in_order(steps.get(name, ()) for name in sharing), now)
    found = {}
    for name, charges in left.items():
        if name in lanes:
            found[name] = lanes[name].seconds(charges, seen[name])
            if name in sharing and together:
                common = sum(left.get(other, 0.0) for other in sharing) / together.per_second
                found[name] = max(found[name], lanes[name].wait_seconds + common if charges else 0.0)
    return found


def _in_order(steps: Iterable[Sequence[Step]]) -> list[Step]:
    return sorted((step for own in steps for step in own), key=lambda step: step.time)


def seen_pace(steps: Sequence[Step], now: datetime) -> Seen | None:
    """Measure how many charges a second were tried lately; None if too few were seen.

    Parameters
    ----------
    steps : sequence of Step
        In the order of time, none after `now`.
    """
    if len(steps) < _ENOUGH_STEPS:
        return None
    whole = (steps[-1].time - steps[0].time).total_seconds()
    window = min(max(whole * _WINDOW_SHARE, _SHORTEST_WINDOW), _LONGEST_WINDOW)
    since = steps[-1].time - timedelta(seconds=window)
    seen = [step for step in steps if step.time >= since]
    if len(seen) < _ENOUGH_STEPS:
        seen = list(steps[-_ENOUGH_STEPS:])
    lasted = (seen[-1].time - seen[0].time).total_seconds()
    if lasted < _ENOUGH_SECONDS:
        return None
    quiet = (now - seen[-1].time).total_seconds()
    if quiet > max(_STALLED * lasted / (len(seen) - 1), _ENOUGH_SECONDS):
        lasted += quiet
    return Seen(sum(step.charges for step in seen[1:]) / lasted, whole)
