"""When a running close will have charged, told and proved, and how good its forecasts have been so far. Pure.

The pace is that of the batches charged lately, as long as the provider's limit allows it; before there are enough of
them, it is the limit's. What was forecast earlier is computed from the same batches as they were then, so it does not
matter who watched.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from monthclose.domain.closes.close import Close
from monthclose.domain.closes.standing import ProviderStanding, Standing, Step, marks
from monthclose.domain.closes.timetable import (
    GENERATING,
    LAST_BATCH_SECONDS,
    PROVING,
    TELLING,
    Load,
    opening_seconds,
    proving_seconds,
)
from monthclose.domain.payments.provider_health import RECOVERY_PER_SECOND
from monthclose.domain.payments.throttle import Limit

TENTHS = tuple(tenth / 10 for tenth in range(1, 10))
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
    """The pace of the charges made lately, and for how many seconds charges were seen in all."""

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

    def per_second(self, seen: Seen | None) -> float:
        """Expect so many charges a second, at full speed."""
        usual, most = self.load.per_second, self.load.allowed_per_second
        if seen is None or self.speed < 1 or seen.per_second > most * _IMPLAUSIBLE:
            return usual
        least = _AT_THE_BEGINNING if seen.lasted < _BEGINNING_SECONDS else _AT_THE_LIMIT
        if least <= seen.per_second / usual <= 1:
            return usual
        return min(seen.per_second, most)

    def seconds(self, charges: float, seen: Seen | None) -> float:
        """How long so many charges take from now on."""
        rate = self.per_second(seen)
        growing = (1 - self.speed) / RECOVERY_PER_SECOND
        meanwhile = rate * growing * (1 + self.speed) / 2
        if charges >= meanwhile:
            return self.wait_seconds + growing + (charges - meanwhile) / rate
        half = self.speed / RECOVERY_PER_SECOND  # solve rate * (speed * t + growth * t^2 / 2) = charges
        return self.wait_seconds - half + math.sqrt(half * half + 2 * charges / rate / RECOVERY_PER_SECOND)


@dataclass(frozen=True, slots=True)
class ProviderForecast:
    """A provider's charges.

    Parameters
    ----------
    left : float
        Charges to make.
    seen_per_second : float or None
        Charges made a second lately, if enough of them were seen.
    per_second : float
        Those expected.
    charged_at : datetime or None
        When the last is made; None while a person has paused it.
    """

    provider: str
    left: float
    seen_per_second: float | None
    per_second: float
    charged_at: datetime | None


class Mark(NamedTuple):
    """What was forecast when a share of the charges was made.

    Parameters
    ----------
    charged_at, ends_at : datetime
        When the last charge would be made, and when the close would end, as forecast then.
    off : float or None
        How wrong that was, as a share of the time it was about; below 0: it was too early. Against the real end, or,
        as long as that is not known, against what was charged since.
    """

    share: float
    time: datetime
    charged_at: datetime
    ends_at: datetime
    off: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of a close.

    Parameters
    ----------
    charged_at, told_at, ends_at : datetime or None
        When all are charged, all are told, and the close ends; None while somebody has paused it.
    bottleneck : str
        What it waits for longest: a provider, or a part of `timetable`.
    marks : tuple of Mark
        The forecasts at each tenth so far.
    """

    providers: Mapping[str, ProviderForecast]
    charged_at: datetime | None
    told_at: datetime | None
    ends_at: datetime | None
    bottleneck: str
    marks: tuple[Mark, ...] = ()

    @property
    def off(self) -> float | None:
        """How wrong the worst forecast since the first tenth has been; None if there is none."""
        return max((abs(mark.off) for mark in self.marks if mark.off is not None), default=None)


@dataclass(frozen=True, slots=True)
class Forecaster:
    """Forecasts a close.

    Parameters
    ----------
    lanes : mapping
        Each provider as it is now.
    mail : Limit or None
        How fast e-mail is sent; None if nobody knows.
    generated_per_second : float
        For how many customers a second invoices are generated.
    max_rounds, round_wait_seconds : int
        Of the close's settings.
    paused : bool
        A person has paused the close.
    """

    close: Close
    standing: Standing
    lanes: Mapping[str, Lane]
    mail: Limit | None = None
    generated_per_second: float = math.inf
    max_rounds: int = 3
    round_wait_seconds: int = 60
    paused: bool = False

    def at(self, now: datetime) -> Forecast:
        """Forecast."""
        providers = {name: self._provider(standing, now) for name, standing in self.standing.providers.items()}
        left = {name: (found.charged_at - now).total_seconds() for name, found in providers.items() if found.charged_at}
        known = not self.paused and len(left) == len(providers)
        charged = max([*left.values(), 0.0])
        telling = self._begins_in(now) + self.standing.notices_left / self.mail.usable() if self.mail else 0.0
        told = max(charged + (LAST_BATCH_SECONDS if charged else 0.0), telling)
        proving = self._proving()
        repairing, repairs = self._repairing()
        ends = told + repairing + proving
        parts = {**left, TELLING: telling, PROVING: proving, GENERATING: self._generating()}
        forecast = Forecast(
            providers,
            now + timedelta(seconds=charged + repairs) if known else None,
            now + timedelta(seconds=told) if known else None,
            now + timedelta(seconds=ends) if known else None,
            max(parts, key=lambda name: (parts[name], name)),
        )
        return replace(forecast, marks=tuple(self._marks(forecast, now)))

    def _provider(self, standing: ProviderStanding, now: datetime) -> ProviderForecast:
        lane, seen = self.lanes.get(standing.provider), seen_pace(self._own(standing.steps), now)
        if lane is None:  # without an adapter nobody is charged, and nobody waits for it
            return ProviderForecast(standing.provider, 0.0, None, 0.0, now)
        seconds = lane.seconds(standing.left, seen) if standing.left else 0.0
        begins = 0.0 if standing.steps else self._begins_in(now)
        ready = self._generating() if standing.to_begin else 0.0
        at = None if lane.paused and standing.left else now + timedelta(seconds=max(begins + seconds, ready))
        return ProviderForecast(
            standing.provider, standing.left, seen.per_second if seen else None, lane.per_second(seen), at
        )

    def _begins_in(self, now: datetime) -> float:
        """How long until the first charge is expected; 0 once that is over."""
        return max((self._first_charge - now).total_seconds(), 0.0)

    @property
    def _first_charge(self) -> datetime:
        customers = self.close.customers if self.close.run == 1 else 0
        return self.close.run_started_at + timedelta(seconds=opening_seconds(customers))

    def _own(self, steps: Sequence[Step]) -> list[Step]:
        """Leave out what earlier runs have charged: nobody worked between the runs."""
        return [step for step in steps if step.time >= self.close.run_started_at]

    def _generating(self) -> float:
        to_begin = sum(standing.to_begin for standing in self.standing.providers.values())
        return to_begin / self.generated_per_second

    def _proving(self) -> float:
        loads = [replace(lane.load, charges=self._charges(name)) for name, lane in self.lanes.items()]
        return proving_seconds(self.standing.charges, loads)

    def _charges(self, provider: str) -> float:
        standing = self.standing.providers.get(provider)
        return standing.charges if standing else 0.0

    def _repairing(self) -> tuple[float, float]:
        """How long a repair round takes for those left without an outcome: with its pause, and its charges alone."""
        rounds = self.close.round - self.close.first_round
        if not self.standing.unsettled or rounds >= self.max_rounds:
            return 0.0, 0.0
        rate = min((lane.load.per_second for lane in self.lanes.values()), default=math.inf)
        charging = self.standing.unsettled / rate
        return self.round_wait_seconds * rounds + charging, charging

    def _marks(self, now_said: Forecast, now: datetime) -> Iterable[Mark]:
        own = {name: self._own(standing.steps) for name, standing in self.standing.providers.items()}
        steps = [step for found in own.values() for step in found]
        for share, time in marks(steps, self._to_make(own), TENTHS):
            charged, told = self._said(own, time)
            off = self._off(own, time, charged, now_said, now)
            yield Mark(share, time, charged, told + timedelta(seconds=self._proving()), off)

    def _to_make(self, own: Mapping[str, Sequence[Step]]) -> float:
        """Count the charges of this run: those that earlier runs made are none of its work."""
        made = sum(step.charges for steps in own.values() for step in steps)
        return made + sum(standing.left for standing in self.standing.providers.values())

    def _then(self, own: Mapping[str, Sequence[Step]], time: datetime) -> Iterable[tuple[Lane, float, float]]:
        """Go back to a moment: each provider's lane, the pace that was expected, and the charges that were left."""
        for name, steps in own.items():
            lane, then = self.lanes.get(name), [step for step in steps if step.time <= time]
            if lane:
                made = sum(step.charges for step in then)
                own_charges = sum(step.charges for step in steps) + self.standing.providers[name].left
                yield lane, replace(lane, speed=1.0).per_second(seen_pace(then, time)), own_charges - made

    def _said(self, own: Mapping[str, Sequence[Step]], time: datetime) -> tuple[datetime, datetime]:
        """Forecast as at a moment before: when all would be charged, and told.

        Who had been told by then is not kept: mail that is slower than charging is sent without a pause.
        """
        charged = time + timedelta(seconds=max((left / rate for _, rate, left in self._then(own, time)), default=0.0))
        told = charged + timedelta(seconds=LAST_BATCH_SECONDS)
        if self.mail:
            first = min((steps[0].time for steps in own.values() if steps), default=self._first_charge)
            told = max(told, first + timedelta(seconds=self._to_make(own) / self.mail.usable()))
        return charged, told

    def _off(
        self,
        own: Mapping[str, Sequence[Step]],
        time: datetime,
        said: datetime,
        now_said: Forecast,
        now: datetime,
    ) -> float | None:
        last = max((steps[-1].time for steps in own.values() if steps), default=now)
        began = self.close.run_started_at
        if not any(found.left for found in now_said.providers.values()):
            return (said - last) / (last - began) if last > began else None
        since = (last - time).total_seconds()
        made = sum(step.charges for steps in own.values() for step in steps)
        expected: float = made - sum(step.charges for steps in own.values() for step in steps if step.time > time)
        expected += sum(min(rate * since, charges) for _, rate, charges in self._then(own, time))
        return (made - expected) / made if since > 0 and made else None


def seen_pace(steps: Sequence[Step], now: datetime) -> Seen | None:
    """Measure how many charges a second were made lately; None if too few were seen.

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
