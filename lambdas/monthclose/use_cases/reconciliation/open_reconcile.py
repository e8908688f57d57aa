"""Open a reconciliation, one at a time, and say which periods are due to be compared."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.period import Period
from monthclose.ports import Claim, Claims, Clock, Closes, Documents, Workflow
from monthclose.use_cases.batch_work import providers_of, recent_closes
from monthclose.use_cases.claim_holder import still_running
from monthclose.use_cases.reconciliation.reconcile_period import comparison_key

CLAIM = "reconcile"
_COMPARE_EVERY, _COMPLETE_AFTER = timedelta(hours=24), timedelta(hours=1)
"""How long after a comparison the next one is due: if it was complete, and if not everything could be read."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Whether this execution may continue, with which providers, and the periods to compare."""

    outcome: Literal["opened", "already_running"]
    periods: tuple[Period, ...] = ()
    providers: tuple[str, ...] = ()
    """Those that the running and recent closes charge through: an unused one needs no key."""


@dataclass(frozen=True, slots=True)
class ReconcileOpener:
    """Opens reconciliations."""

    claims: Claims
    closes: Closes
    documents: Documents
    workflow: Workflow
    clock: Clock
    providers: Collection[str]

    def open(self, execution: str, *, compare: bool = False) -> Opened:
        """Claim the work for an execution, unless another one is still running.

        The workflow engine says whether it is, so one that failed blocks nobody.

        Parameters
        ----------
        compare : bool
            Compare all recent periods now, not only those that were last compared a day ago or never.

        Raises
        ------
        ConflictError
            Another execution claimed it at the same moment; try again.
        """
        before, now = self.claims.get(CLAIM), self.clock()
        again = before is not None and before.execution == execution
        if before and still_running(before.execution, execution, self.workflow):
            return Opened("already_running")
        if not again:
            self.claims.put(Claim(CLAIM, execution, now, before.version if before else 0))
        used = {close.period: self._used_by(close) for close in recent_closes(self.closes)}
        due = [period for period, names in used.items() if compare or self._is_due(period, names, now)]
        running = [self._used_by(close) for close in self.closes.all() if close.status is CloseStatus.RUNNING]
        return Opened("opened", tuple(due), tuple(sorted(set[str]().union(*used.values(), *running))))

    def _used_by(self, close: Close) -> set[str]:
        return providers_of(self.closes, close) & set(self.providers)

    def _is_due(self, period: Period, providers: Collection[str], now: datetime) -> bool:
        return any(self._due_at(period, name) <= now for name in providers)

    def _due_at(self, period: Period, provider: str) -> datetime:
        try:
            content = json.loads(self.documents.get(comparison_key(period, provider)))
        except KeyError:
            return period.start  # never
        pause = _COMPARE_EVERY if content["complete"] else _COMPLETE_AFTER
        return datetime.fromisoformat(content["compared_at"]) + pause
