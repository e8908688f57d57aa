"""Reconcile a period: compare its books with the providers', store the results, and prove the close again."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from monthclose.domain.closes.checks import Check, State
from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.closes.proof import Comparison
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.ports import Closes, Documents, Tell, TimeIsUp
from monthclose.use_cases.proof.compare_books import BookComparer
from monthclose.use_cases.proof.comparison_store import ComparisonPlan
from monthclose.use_cases.proof.join_comparison import Joined
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_close import Reporter, stored_checks


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The result for a period."""

    comparisons: list[Comparison]
    report: Report
    """The close's report, regenerated; stored unless only some of the providers were asked."""

    @property
    def findings(self) -> int:
        """Findings of the proof, those of the comparisons included."""
        return self.report["proof"]["findings_in_all"]


@dataclass(frozen=True, slots=True)
class PeriodReconciler:
    """Reconciles the periods of closes that have ended."""

    comparer: BookComparer
    reporter: Reporter
    closes: Closes
    documents: Documents

    def reconcile(
        self,
        period: Period,
        providers: Collection[str] = (),
        *,
        time_is_up: TimeIsUp = lambda: False,
        tell: Tell = lambda _: None,
    ) -> Reconciled:
        """Compare a period's books with its providers' from both sides, book the differences, and prove them again.

        Raises
        ------
        UserMistakeError
            The period was never closed, or is being closed.
        UnfinishedError
            Time is up; the next call continues.
        """
        close = self._ended(period)
        comparisons = self.comparer.compare(close, providers, time_is_up=time_is_up, tell=tell)
        return self._finish(close, comparisons, stored=not providers)

    def plan(self, period: Period) -> ComparisonPlan:
        """Plan a comparison, or continue the last one if it was not finished.

        Accounts and documents are checked at the end of each close; here only if a check has failed the last time.

        Raises
        ------
        UserMistakeError
            As `reconcile`.
        """
        close = self._ended(period)
        before = stored_checks(self.documents, period)
        failed = any(result.state is State.FAILED for result in before if result.check is not Check.PROVIDER)
        return self.comparer.planner.plan(close, thorough=failed)

    def continue_reconciling(
        self, period: Period, comparison: str, *, half_is_up: TimeIsUp, time_is_up: TimeIsUp
    ) -> Reconciled | Joined:
        """Do what `reconcile` does once a comparison's parts are read; until it is done, return how far it is."""
        close = self._ended(period)
        joined = self.comparer.join_in_time(close, comparison, half_is_up)
        done = joined.outcome == "done"
        return self._finish(close, joined.comparisons, comparison, time_is_up=time_is_up) if done else joined

    def _ended(self, period: Period) -> Close:
        close = self.closes.get(period)
        if close is None:
            raise UserMistakeError(f"{period} has not been closed\nclose it with: monthclose close {period}")
        if close.status is CloseStatus.RUNNING or close.completed_at is None:
            raise UserMistakeError(f"{period} is being closed; its books are compared at the end of the close")
        return close

    def _finish(
        self,
        close: Close,
        comparisons: list[Comparison],
        name: str | None = None,
        *,
        stored: bool = True,
        time_is_up: TimeIsUp = lambda: False,
    ) -> Reconciled:
        for comparison in comparisons:
            content = json.dumps(comparison_content(comparison), indent=2)
            self.documents.put(comparison_key(close.period, comparison.provider), content.encode())
        report = self.reporter.prove_again(close, comparisons, name, stored=stored, time_is_up=time_is_up)
        return Reconciled(comparisons, report)


def comparison_key(period: Period, provider: str) -> str:
    """Name the object of a comparison."""
    return f"reconciliations/{period}/{provider}.json"


def comparison_content(comparison: Comparison) -> dict[str, Any]:
    """Put a comparison into JSON; amounts in minor units."""
    return asdict(comparison) | {
        "period": str(comparison.period),
        "compared_at": comparison.compared_at.isoformat(),
        "ties": not comparison.findings_in_all,
    }
