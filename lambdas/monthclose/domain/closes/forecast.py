"""When a running close will have charged, told and proved, and how good its forecasts have been so far. Pure.

The pace is that of the batches charged lately, or the limit's (`pace`). What was forecast earlier is computed from the
same batches as they were then, so it does not matter who watched.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.closes.pace import Lane, expected_seconds, seen_pace
from monthclose.domain.closes.standing import Standing, Step, marks
from monthclose.domain.closes.timetable import (
    GENERATING,
    LAST_BATCH_SECONDS,
    PROVING,
    TELLING,
    opening_seconds,
    proving_seconds,
)
from monthclose.domain.payments.throttle import Limit

TENTHS = tuple(tenth / 10 for tenth in range(1, 10))
_SHORTEST_JUDGED = timedelta(minutes=1)
"""Of a close that charges for seconds, a function's start is a large share: how wrong a forecast was says nothing."""


@dataclass(frozen=True, slots=True)
class ProviderForecast:
    """A provider's charges.

    Parameters
    ----------
    left : float
        Charges to try.
    seen_per_second : float or None
        Charges a second lately, if enough of them were seen.
    charged_at : datetime or None
        When the last is tried; None while a person has paused it.
    """

    provider: str
    left: float
    seen_per_second: float | None
    charged_at: datetime | None


class Mark(NamedTuple):
    """What was forecast when a share of the charges was tried.

    Parameters
    ----------
    charged_at, ends_at : datetime
        When the last charge would be tried, and when the close would end, as forecast then.
    off : float or None
        How wrong that was, as a share of the time it was about; below 0: it was too early. Against the real end, or,
        as long as that is not known, against what was charged since. None where the last charge is less than a minute
        after the start.
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
    """

    close: Close
    standing: Standing
    lanes: Mapping[str, Lane]
    mail: Limit | None = None
    generated_per_second: float = math.inf
    max_rounds: int = 3
    round_wait_seconds: int = 60

    def at(self, now: datetime) -> Forecast:
        """Forecast."""
        providers = self._providers(now)
        left = {name: (found.charged_at - now).total_seconds() for name, found in providers.items() if found.charged_at}
        waits = self.close.paused or self.close.status is CloseStatus.WAITING_FOR_APPROVAL
        known = not waits and len(left) == len(providers)
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

    def _providers(self, now: datetime) -> dict[str, ProviderForecast]:
        working, standings = self._without_pauses(now), self.standing.providers
        own = {name: self._own(standing.steps) for name, standing in standings.items()}
        left = {name: standing.left for name, standing in standings.items()}
        seconds = expected_seconds(self.lanes, own, left, working)
        begins = 0.0 if any(own.values()) else self._begins_in(now)
        found = {}
        for name, standing in standings.items():
            lane, seen = self.lanes.get(name), seen_pace(own[name], working)
            if lane is None:  # without an adapter nobody is charged, and nobody waits for it
                found[name] = ProviderForecast(name, 0.0, None, now)
                continue
            ready = self._generating() if standing.to_begin else 0.0
            lasts = max(begins + seconds[name], ready) if standing.left else 0.0
            at = None if lane.paused and standing.left else now + timedelta(seconds=lasts)
            found[name] = ProviderForecast(name, standing.left, seen.per_second if seen else None, at)
        return found

    def _begins_in(self, now: datetime) -> float:
        """How long until the first charge is expected; 0 once that is over."""
        return max((self._first_charge - now).total_seconds(), 0.0)

    @property
    def _first_charge(self) -> datetime:
        customers = self.close.customers if self.close.run == 1 else 0
        return self.close.run_started_at + timedelta(seconds=opening_seconds(customers))

    def _own(self, steps: Sequence[Step]) -> list[Step]:
        """Leave out what earlier runs have charged, and the time that persons paused it: nobody worked then."""
        began = self.close.run_started_at
        return [step._replace(time=self._without_pauses(step.time)) for step in steps if step.time >= began]

    def _without_pauses(self, time: datetime) -> datetime:
        """Set a clock that stood still while a person had paused the close."""
        began, stood = self.close.run_started_at, timedelta()
        for pause in self.close.pauses:
            begins, ends = max(pause.time, began), min(pause.ended_at or time, time)
            stood += max(ends - begins, timedelta())
        return time - stood

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
        rounds = self.close.round - self.close.first_round - self.close.rounds_not_counted
        if not self.standing.unsettled or rounds >= self.max_rounds:
            return 0.0, 0.0
        rate = min((lane.load.per_second for lane in self.lanes.values()), default=math.inf)
        charging = self.standing.unsettled / rate
        return self.round_wait_seconds * rounds + charging, charging

    def _marks(self, now_said: Forecast, now: datetime) -> Iterable[Mark]:
        began, standings = self.close.run_started_at, self.standing.providers
        own = {name: self._own(standing.steps) for name, standing in standings.items()}
        steps = [step for standing in standings.values() for step in standing.steps if step.time >= began]
        for share, time in marks(steps, self._to_make(own), TENTHS):
            worked = self._without_pauses(time)
            charged, told = self._said(own, worked)
            stood = time - worked
            ends = told + stood + timedelta(seconds=self._proving())
            off = self._off(own, worked, charged, now_said, self._without_pauses(now))
            yield Mark(share, time, charged + stood, ends, off)

    def _to_make(self, own: Mapping[str, Sequence[Step]]) -> float:
        """Count the charges of this run: those that earlier runs tried are none of its work."""
        made = sum(step.charges for steps in own.values() for step in steps)
        return made + sum(standing.left for standing in self.standing.providers.values())

    def _left_then(self, own: Mapping[str, Sequence[Step]], time: datetime) -> dict[str, float]:
        """Go back to a moment: the charges that each provider had left."""
        later = {name: sum(step.charges for step in steps if step.time > time) for name, steps in own.items()}
        return {name: later[name] + self.standing.providers[name].left for name in own}

    def _seconds_then(self, own: Mapping[str, Sequence[Step]], time: datetime) -> dict[str, float]:
        """Go back to a moment: how long each provider's charges were expected to take."""
        then = {name: [step for step in steps if step.time <= time] for name, steps in own.items()}
        lanes = {name: replace(lane, speed=1.0, wait_seconds=0.0) for name, lane in self.lanes.items()}
        return expected_seconds(lanes, then, self._left_then(own, time), time)

    def _said(self, own: Mapping[str, Sequence[Step]], time: datetime) -> tuple[datetime, datetime]:
        """Forecast as at a moment before: when all would be charged, and told.

        Who had been told by then is not kept: mail that is slower than charging is sent without a pause.
        """
        charged = time + timedelta(seconds=max(self._seconds_then(own, time).values(), default=0.0))
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
        if last - began < _SHORTEST_JUDGED:
            return None
        if not any(found.left for found in now_said.providers.values()):
            return (said - last) / (last - began)
        since, seconds, left = (last - time).total_seconds(), self._seconds_then(own, time), self._left_then(own, time)
        made = sum(step.charges for steps in own.values() for step in steps)
        expected: float = made - sum(step.charges for steps in own.values() for step in steps if step.time > time)
        expected += sum(left[name] * min(since / lasts, 1.0) for name, lasts in seconds.items() if lasts > 0)
        return (made - expected) / made if since > 0 and made else None
