"""Plan a comparison: cut the providers' records into windows and our batches into groups, which are read in parallel.

A small close has one window for each provider and one group. A part works until its time is up, and is then called
again, so a window may have any number of charges; the cut only makes a large comparison faster.
"""

import uuid
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monthclose.domain.closes.close import BatchProgress, Close
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.ports import Clock, Closes, Window
from monthclose.use_cases.proof.comparison_store import ComparisonPlan, ComparisonStore, Part

_CHARGES_IN_A_PART = 25_000
"""About five minutes of reading a provider's list, or half a minute of reading our books."""
_MOST_PARTS = 16
"""Windows of one provider, and groups of batches. With two providers all parts can run at once: an inline Map of Step
Functions runs 40 iterations in parallel."""
_RESUMED_FOR = timedelta(hours=24)
"""How long a comparison that was not finished is continued; after that it is made again."""
_COLLECTING = (PaymentState.PAID, PaymentState.PENDING, PaymentState.UNKNOWN, PaymentState.CHARGING)


@dataclass(frozen=True, slots=True)
class ComparisonPlanner:
    """Plans comparisons."""

    closes: Closes
    store: ComparisonStore
    clock: Clock
    configured: Collection[str]
    """The providers in the settings."""

    def plan(self, close: Close, providers: Collection[str] = (), *, thorough: bool = False) -> ComparisonPlan:
        """Continue the period's last comparison if it was not finished, or plan one.

        It is not continued if the close has done something since, or if other providers are asked for.

        Parameters
        ----------
        providers : collection of str
            Whom to ask; by default all that the close charges through and that are in the settings.
        thorough : bool
            Whether reading our books checks accounts and documents, too.
        """
        before, only = self.store.latest(close.period), tuple(sorted(providers))
        if before and before.only == only and before.thorough >= thorough and self._continues(before, close):
            return before
        charged_by = self._charged_by(close.period)
        names = only or tuple(sorted(charged_by.keys() & set(self.configured)))
        parts = [part for name in names for part in self._windows(close, name, charged_by[name])]
        groups = min(_parts(close.customers), max(close.batches, 1))
        parts += [Part(group=group, groups=groups) for group in range(groups)]
        name, now = uuid.uuid4().hex, self.clock()
        plan = ComparisonPlan(close.period, name, close.run, now, names, tuple(parts), only, thorough=thorough)
        self.store.put_plan(plan)
        return plan

    def extend(self, plan: ComparisonPlan, close: Close, names: Collection[str], charges: int) -> ComparisonPlan:
        """Ask further providers, whom customers of the close have switched to and paid through since."""
        windows = [part for name in sorted(names) for part in self._windows(close, name, charges)]
        plan = replace(plan, providers=(*plan.providers, *sorted(names)), parts=(*plan.parts, *windows))
        self.store.put_plan(plan)
        return plan

    def _continues(self, before: ComparisonPlan, close: Close) -> bool:
        if before.finished or self.clock() - before.created_at > _RESUMED_FOR:
            return False
        return before.run == close.run or (close.round == close.first_round and before.run == close.run - 1)

    def _charged_by(self, period: Period) -> Counter[str]:
        """Estimate from the batches' progress how much each provider has charged."""
        charges = Counter[str]()
        for progress in self.closes.all_progress(period):
            charges[progress.batch.provider] += _expected(progress)
        return charges

    def _windows(self, close: Close, name: str, charges: int) -> list[Part]:
        """Cut a provider's record since the month's end where most charges are: while the close ran.

        From the month's end, not from the opening of the close: every charge that names this close is checked. East of
        UTC the close opens before the month has ended there.
        """
        begin, number = min(close.period.end, close.opened_at), _parts(charges)
        cuts = _cuts(max(close.opened_at, begin), close.completed_at or self.clock(), number)
        begins = [begin, *cuts]
        windows = zip(begins, [*cuts, None], strict=True)
        return [Part(name, Window(since, until)) for since, until in windows]


def _expected(progress: BatchProgress) -> int:
    return sum(progress.totals.payments.get(state, 0) for state in _COLLECTING)


def _parts(charges: int) -> int:
    return min(max(-(-charges // _CHARGES_IN_A_PART), 1), _MOST_PARTS)


def _cuts(begin: datetime, end: datetime, number: int) -> list[datetime]:
    """Cut a time into windows of whole seconds: no provider records times that are finer than Stripe's, seconds."""
    seconds = int((end - begin).total_seconds())
    begin = begin.replace(microsecond=0)
    places = sorted({seconds * cut // number for cut in range(1, number)} - {0}) if seconds > 0 else []
    return [begin + timedelta(seconds=place) for place in places]
