"""Report a close: sum up the batches, prove that the books tie, write the report for finance."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monthclose.domain.closes.checks import AT_THE_END, Check, CheckResult, State
from monthclose.domain.closes.close import BatchProgress, Close, CloseStatus, Totals
from monthclose.domain.closes.loose_end import LooseEnd, LooseEndKind, count_loose_ends, loose_ends
from monthclose.domain.closes.proof import MOST_FINDINGS, NOT_COMPARED, Comparison, Finding, check_totals
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import exponent
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.ports import Books, Clock, Closes, CustomerDirectory, Documents, TimeIsUp
from monthclose.use_cases.batch_work import OF_ONE_CUSTOMER, read_months
from monthclose.use_cases.proof.approved import approved_entry
from monthclose.use_cases.proof.check_entries import entry_of, result_of
from monthclose.use_cases.proof.check_numbers import check_runs
from monthclose.use_cases.proof.check_results import (
    check_snapshot,
    digest,
    findings_of,
    in_order,
    not_checked,
    of_provider,
    of_records,
    unlisted_of,
)
from monthclose.use_cases.proof.compare_books import BookComparer
from monthclose.use_cases.proof.join_comparison import Joined
from monthclose.use_cases.proof.report import (
    Counts,
    FindingEntry,
    LooseEndEntry,
    LooseEndList,
    LooseEnds,
    ProofEntry,
    Report,
    ReportHead,
)
from monthclose.use_cases.proof.report_last_month import last_month_entry
from monthclose.use_cases.proof.report_names import NameLists, with_names
from monthclose.use_cases.proof.report_pack import pack_entries
from monthclose.use_cases.proof.report_page import render_report

_MONEY = ("invoiced", "credited", "collected", "pending", "open", "written_off", "lost", "credit_granted")
_DID_NOT_ARRIVE = ("bounced", "complained", "unreachable")
"""States of notices that only some reports have."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Proves and reports closes."""

    comparer: BookComparer
    books: Books
    closes: Closes
    documents: Documents
    clock: Clock
    company: str
    directory: CustomerDirectory

    def report(self, period: Period, run: int) -> Report:
        """Finish a close and return its report; also stored as JSON and as a page.

        Raises
        ------
        UserMistakeError
            The period was never closed.
        """
        close = self._close(period, run)
        return self._finish(close, self.comparer.compare(close), None, lambda: False)

    def continue_report(
        self, period: Period, run: int, comparison: str, *, half_is_up: TimeIsUp, time_is_up: TimeIsUp
    ) -> Report | Joined:
        """Finish a close once its comparison is done; until then, return how far that is.

        Parameters
        ----------
        comparison : str
            Its name; empty if it could not be planned. What was not compared is a finding.
        half_is_up : callable
            Whether half of the time is up: no report is begun then, and nothing more is compared.

        Raises
        ------
        UserMistakeError
            The period was never closed.
        """
        close = self._close(period, run)
        joined = self.comparer.join_in_time(close, comparison, half_is_up)
        done = joined.outcome == "done"
        return self._finish(close, joined.comparisons, comparison, time_is_up) if done else joined

    def _close(self, period: Period, run: int) -> Close:
        close = self.closes.get(period)
        if close is None or close.run != run:
            raise UserMistakeError(f"there is no run {run} of a close of {period}")
        return close

    def _finish(
        self, close: Close, comparisons: Sequence[Comparison], name: str | None, time_is_up: TimeIsUp
    ) -> Report:
        done, report = self._prove(replace(close, completed_at=self.clock()), comparisons, name, time_is_up)
        self._store(close, done, report)
        return report

    def prove_again(
        self,
        close: Close,
        comparisons: Sequence[Comparison],
        name: str | None = None,
        *,
        stored: bool = True,
        time_is_up: TimeIsUp = lambda: False,
    ) -> Report:
        """Regenerate a close's report after its payments have changed, and return it.

        Parameters
        ----------
        comparisons : sequence of Comparison
            Made just now.
        name : str or None
            Of the comparison they are from; None: the latest.
        stored : bool
            Whether it replaces the stored report: not if only some of the providers were asked.

        Raises
        ------
        ConflictError
            The period is being closed again, which will report it.
        """
        done, report = self._prove(close, comparisons, name, time_is_up)
        if stored:
            self._store(close, done, report)
        return report

    def _store(self, before: Close, done: Close, report: Report) -> None:
        self.documents.put(report_key(done.period, "json"), json.dumps(report, indent=2).encode())
        self.documents.put(report_key(done.period, "html"), render_report(report), "text/html; charset=utf-8")
        if done != before:
            self.closes.put(done)

    def _prove(
        self, close: Close, comparisons: Sequence[Comparison], name: str | None, time_is_up: TimeIsUp
    ) -> tuple[Close, Report]:
        totals, left, batches, names = Totals(), _LooseEndLists(), dict[int, bytes](), NameLists()
        for progress in self.closes.all_progress(close.period):
            totals += progress.totals
            left.add(progress, self.books, time_is_up)
            names.add(progress, self.books, time_is_up)
            batches[progress.batch.number] = digest(progress.batch)
        checks = self._checks(close, comparisons, name, batches)
        findings = findings_of(checks)
        if any(result.state is State.NOT_CHECKED for result in checks if result.check is Check.EQUATION):
            findings += check_totals(totals, close.customers)  # of the status's sums: there are no better ones
        findings += [finding for comparison in comparisons for finding in comparison.findings]
        unlisted = unlisted_of(checks) + sum(c.findings_in_all - len(c.findings) for c in comparisons)
        done = replace(close, status=_status(findings, totals, left))
        content = report_content(done, totals, findings, self.company, checks, unlisted=unlisted)
        kept = pack_entries(self.documents, close.period)
        named = {"names": names.content(totals), **approved_entry(self.documents, close), **kept}
        last = last_month_entry(stored_report(self.documents, close.period.previous))
        report: Report = {**content, **left.content(), **named, **last}  # type: ignore[typeddict-item]
        return done, with_names(report, self.directory)

    def _checks(
        self, close: Close, comparisons: Sequence[Comparison], name: str | None, batches: Mapping[int, bytes]
    ) -> list[CheckResult]:
        """Make the checks of what the comparison's parts have read of our records, and of what was compared."""
        store, now = self.comparer.joiner.store, self.clock()
        plan = store.latest(close.period) if name is None else store.plan(close.period, name) if name else None
        tally = store.checks(plan) if plan else None
        of_providers = [of_provider(comparison) for comparison in comparisons if comparison.provider]
        if plan is None or tally is None:
            return in_order([*not_checked(Check, "not all records were read in time", now), *of_providers])
        check_runs(tally, self.closes)
        why = check_snapshot(tally, self.documents, close, batches, all_batches=True, now=now)
        results = of_records(tally, plan.created_at, thorough=plan.thorough, partly=why)
        return in_order([*results, *([] if plan.thorough else self._kept(close, now)), *of_providers])

    def _kept(self, close: Close, now: datetime) -> list[CheckResult]:
        """Take the checks that are made at the end of a close from the stored report."""
        before = {result.check: result for result in stored_checks(self.documents, close.period)}
        why = f"made at the end of each close, and by `monthclose prove {close.period}`"
        missing = not_checked((check for check in sorted(AT_THE_END) if check not in before), why, now)
        return [*(before[check] for check in sorted(AT_THE_END) if check in before), *missing]


def stored_checks(documents: Documents, period: Period) -> list[CheckResult]:
    """Read the checks of the period's stored report; none if it has none, is of an earlier release or is damaged."""
    report = stored_report(documents, period)
    try:
        found = [result_of(entry) for entry in report["proof"].get("checks", ())] if report else []
    except (KeyError, TypeError, ValueError):
        return []
    return [result for result in found if result]


def stored_report(documents: Documents, period: Period) -> Report | None:
    """Read a period's stored report; None if it has none, or one that cannot be read."""
    try:
        report: Report = json.loads(documents.get(report_key(period, "json")))
    except (KeyError, ValueError):
        return None
    return report


@dataclass(slots=True)
class _LooseEndLists:
    """The loose ends of a close: all are counted, and the first of each kind are listed."""

    ends: dict[LooseEndKind, list[LooseEnd]] = field(default_factory=lambda: {kind: [] for kind in LooseEndKind})
    in_all: Counter[LooseEndKind] = field(default_factory=Counter)

    def add(self, progress: BatchProgress, books: Books, time_is_up: TimeIsUp = lambda: False) -> None:
        """Add a batch's. Its customers are read only if it has loose ends of a kind that is not fully listed.

        Once time is up they are counted, and no more are listed.
        """
        counted = {kind: number for kind, number in count_loose_ends(progress).items() if number}
        if all(len(self.ends[kind]) >= MOST_FINDINGS for kind in counted) or time_is_up():
            self.in_all.update(counted)
            return
        try:
            months = read_months(books, progress.batch.customer_ids, progress.period)
        except OF_ONE_CUSTOMER:  # the proof names whose records cannot be read
            self.in_all.update(counted)
            return
        for end in loose_ends(progress, months):
            self.in_all[end.kind] += 1
            if len(self.ends[end.kind]) < MOST_FINDINGS:
                self.ends[end.kind].append(end)

    def content(self) -> LooseEnds:
        """Put them into the report's shape."""
        content: LooseEnds = {
            "unfinished": self._list(LooseEndKind.UNFINISHED),
            "waiting": self._list(LooseEndKind.WAITING),
        }
        if self.in_all[LooseEndKind.UNREACHED]:
            content["unreached"] = self._list(LooseEndKind.UNREACHED)
        return content

    def _list(self, kind: LooseEndKind) -> LooseEndList:
        return {"customers": [_entry(end) for end in self.ends[kind]], "in_all": self.in_all[kind]}


def _entry(end: LooseEnd) -> LooseEndEntry:
    since = end.since.isoformat() if end.since else None
    return {"customer_id": end.customer_id, "what": end.what, "since": since}


def _status(findings: Sequence[Finding], totals: Totals, left: _LooseEndLists) -> CloseStatus:
    """Decide a close's status; a pending bank debit leaves nothing to do once the customer was notified."""
    if any(finding.check not in NOT_COMPARED for finding in findings):
        return CloseStatus.COMPLETED_WITH_FINDINGS
    if findings:
        return CloseStatus.NOT_COMPARED
    if left.in_all[LooseEndKind.UNFINISHED]:
        return CloseStatus.UNFINISHED
    return CloseStatus.WAITING if totals.waiting else CloseStatus.COMPLETED


def report_so_far(close: Close, state: str, closes: Closes, books: Books, company: str) -> Report:
    """Report on a close that was stopped or broke off: what is done, in the report's shape. Nothing is stored.

    The providers are not asked. Customers not started yet are unfinished, not findings.

    Parameters
    ----------
    state : str
        The status to report.
    """
    totals, left, names = Totals(), _LooseEndLists(), NameLists()
    for progress in closes.all_progress(close.period):
        totals += progress.totals
        left.add(progress, books)
        names.add(progress, books)
    started = sum(totals.customers.values())
    left.in_all[LooseEndKind.UNFINISHED] += close.customers - started
    content = report_content(close, totals, check_totals(totals, started), company)
    warning = f"partial: {count(close.customers - started, 'customer')} not started"
    warnings = [warning, *content["warnings"]]
    content = {**content, **left.content(), "names": names.content(totals)}
    return {**content, "status": state, "partial": True, "warnings": warnings}


def _notice_warnings(totals: Totals) -> list[str]:
    texts = {
        "refused": "were refused by the mail service: their addresses are invalid",
        "bounced": "bounced: their customers were not told",
        "complained": "were marked as spam by their readers",
        "unreachable": "were not sent: an earlier e-mail to the address bounced, or its reader complained",
        "claimed": "may or may not have been sent: sending broke off, and they are not sent again in case they were",
    }
    not_notified = (
        [f"{count(totals.untold, 'customer')} not notified yet: the reconciler sends their notices"]
        if totals.untold
        else []
    )
    return not_notified + [
        f"{totals.notices[state]} notices {text}" for state, text in texts.items() if totals.notices.get(state)
    ]


def report_key(period: Period, kind: str) -> str:
    """Name the report's object; `kind` is `json` or `html`."""
    return f"reports/{period}/report.{kind}"


def report_content(
    close: Close,
    totals: Totals,
    findings: list[Finding],
    company: str,
    checks: Sequence[CheckResult] = (),
    *,
    unlisted: int = 0,
) -> Report:
    """Put a close, its totals and the proof into the report's shape. Amounts are in minor units.

    Parameters
    ----------
    checks : sequence of CheckResult
        None of a close that has not ended.
    unlisted : int
        Findings that are counted but not listed.
    """
    money = (*_MONEY, "tax") if close.tax_table else _MONEY
    return {
        **_head(close, company),
        "customers": _customers(close, totals),
        "exponents": {currency: exponent(currency) for currency in sorted(totals.money)},
        "money": {
            currency: {name: sums.get(name, 0) for name in money} for currency, sums in sorted(totals.money.items())
        },
        "ledger": {currency: dict(sums) for currency, sums in sorted(totals.ledger.items())},
        "payments": {state.value: totals.payments.get(state, 0) for state in PaymentState},
        "declines": dict(totals.declines),
        "parked": dict(totals.parked),
        "notices": {
            "sent": totals.notices.get("sent", 0),
            "refused": totals.notices.get("refused", 0),
            "unconfirmed": totals.notices.get("claimed", 0),
            **{name: totals.notices[name] for name in _DID_NOT_ARRIVE if totals.notices.get(name)},
        },
        "holds": {name: totals.holds.get(name, 0) for name in ("placed", "lifted")},
        "proof": _proof(findings, checks, unlisted),
        "stops": [{"time": stop.time.isoformat(), "reason": stop.reason} for stop in close.stops],
        "warnings": [*close.warnings, *_notice_warnings(totals)],
    }


def _proof(findings: Sequence[Finding], checks: Sequence[CheckResult], unlisted: int) -> ProofEntry:
    listed: list[FindingEntry] = [
        {"check": f.check, "detail": f.detail, "customer_id": f.customer_id} for f in findings[:MOST_FINDINGS]
    ]
    proof: ProofEntry = {"ties": not findings, "findings": listed, "findings_in_all": len(findings) + unlisted}
    return {**proof, "checks": [entry_of(result) for result in checks]} if checks else proof


def _head(close: Close, company: str) -> ReportHead:
    ended = close.completed_at
    head: ReportHead = {
        "period": str(close.period),
        "status": close.status,
        "company": company,
        "run": close.run,
        "rounds": close.round - close.first_round,
        "opened_at": close.opened_at.isoformat(),
        "completed_at": ended.isoformat() if ended else None,
        "duration_seconds": (ended - close.run_started_at).total_seconds() if ended else None,
        "price_book": close.price_book,
    }
    if close.tax_table:
        head["tax_table"] = close.tax_table
    return head


def _customers(close: Close, totals: Totals) -> Counts:
    carried = totals.customers.get("carried")
    return {
        "snapshot": close.customers,
        **{name: totals.customers.get(name, 0) for name in ("invoiced", "nothing_to_bill", "parked")},
        **({"carried": carried} if carried else {}),
    }
