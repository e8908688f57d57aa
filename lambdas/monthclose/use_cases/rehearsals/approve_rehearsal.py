"""Approve a rehearsal: a person accepts its findings, and the close that waits for that goes on."""

import json
from dataclasses import dataclass, replace
from functools import partial

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Approval, Rehearsal, RehearsalStatus
from monthclose.domain.words import count
from monthclose.ports import Clock, Closes, Documents, PriceBooks, Rehearsals, TaxTables, Workflow
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.rehearsals.judge_rehearsal import RehearsalReader
from monthclose.use_cases.rehearsals.standing import begun_since


@dataclass(frozen=True, slots=True)
class Approved:
    """The rehearsal that was approved, and whether a close that waited for it goes on now."""

    rehearsal: Rehearsal
    continues: bool


@dataclass(frozen=True, slots=True)
class Approver:
    """Approves rehearsals. Of two people at once, one wins, and the other is told who it was."""

    closes: Closes
    rehearsals: Rehearsals
    documents: Documents
    price_books: PriceBooks
    tax_tables: TaxTables
    workflow: Workflow
    clock: Clock
    settings: str
    """Fingerprint of the settings that decide about amounts."""

    def approvable(self, period: Period, number: int = 0) -> Rehearsal:
        """Find the newest rehearsal, which must be one that can be approved.

        Parameters
        ----------
        number : int
            Which one is meant; 0 for the newest.

        Raises
        ------
        UserMistakeError
            It cannot be approved; the message says why, and what to do.
        """
        rehearsal = self.rehearsals.get(period)
        if rehearsal is None:
            raise UserMistakeError(f"{period} has not been rehearsed\nrehearse it: monthclose close {period} --dry-run")
        if number and number != rehearsal.number:
            known = f"the newest is {rehearsal.number}"
            what = "has been replaced" if number < rehearsal.number else "does not exist"
            raise UserMistakeError(f"rehearsal {number} of {period} {what}: {known}")
        self._require_finished(rehearsal)
        self._require_current(rehearsal)
        self._require_in_time(rehearsal, self.closes.get(period))
        return rehearsal

    def approve(self, period: Period, number: int, by: str, note: str) -> Approved:
        """Accept the findings of a rehearsal.

        Raises
        ------
        UserMistakeError
            It cannot be approved (see `approvable`), or somebody else has.
        """
        rehearsal = retry_conflicts(partial(self._approve, period, number, by, note))
        accepted = [finding.to_json() for finding in RehearsalReader(self.documents).findings(rehearsal)]
        approval = rehearsal.approval
        assert approval
        said = {"by": approval.by, "time": approval.time.isoformat(), "note": approval.note}
        content = json.dumps([finding | said for finding in accepted], ensure_ascii=False).encode()
        self.documents.put(f"{rehearsal.folder}accepted.json", content)
        return Approved(rehearsal, self._let_go_on(rehearsal))

    def _approve(self, period: Period, number: int, by: str, note: str) -> Rehearsal:
        rehearsal = self.approvable(period, number)
        keys = tuple(finding.key for finding in RehearsalReader(self.documents).findings(rehearsal))
        approval = Approval(rehearsal.number, by, self.clock(), note, keys, rehearsal.snapshot_key)
        return self.rehearsals.put(replace(rehearsal, approval=approval))

    def _let_go_on(self, rehearsal: Rehearsal) -> bool:
        if not rehearsal.task_token:
            return False
        self.workflow.answer(rehearsal.task_token, {"approved": rehearsal.number})
        return self.workflow.is_running(rehearsal.execution)

    def _require_finished(self, rehearsal: Rehearsal) -> None:
        period, number, approval = rehearsal.period, rehearsal.number, rehearsal.approval
        again = f"rehearse it again: monthclose close {period} --dry-run"
        if rehearsal.status is RehearsalStatus.DRAFTING:
            if self.workflow.is_running(rehearsal.execution):
                raise UserMistakeError(f"rehearsal {number} of {period} is still running: approve it afterwards")
            raise UserMistakeError(f"rehearsal {number} of {period} did not finish\n{again}")
        if rehearsal.status is RehearsalStatus.INCOMPLETE:
            left = count(rehearsal.undrafted, "batch", "batches")
            raise UserMistakeError(f"rehearsal {number} of {period}: {left} could not be drafted\n{again}")
        if rehearsal.so_far:
            raise UserMistakeError(
                f"rehearsal {number} has the usage so far: {period} was not over yet\n"
                f"from {rehearsal.ends_at:%Y-%m-%d} on, {again}"
            )
        if approval and approval.number == number:
            note = f" ({approval.note})" if approval.note else ""
            when = f"{approval.time:%Y-%m-%d %H:%M} UTC"
            raise UserMistakeError(f"rehearsal {number} of {period} was approved by {approval.by}, {when}{note}")

    def _require_current(self, rehearsal: Rehearsal) -> None:
        changed = [
            what
            for what, then, now in (
                ("the price book", rehearsal.price_book, self.price_books.latest()),
                ("the tax table", rehearsal.tax_table, self.tax_tables.latest()),
                ("the settings", rehearsal.settings, self.settings),
            )
            if then != now
        ]
        if changed:
            period = rehearsal.period
            stop = f"monthclose stop {period}, then " if rehearsal.task_token else ""
            raise UserMistakeError(
                f"{' and '.join(changed)} changed after rehearsal {rehearsal.number} of {period}\n"
                f"rehearse it again: {stop}monthclose close {period} --dry-run"
            )

    def _require_in_time(self, rehearsal: Rehearsal, close: Close | None) -> None:
        period, number = rehearsal.period, rehearsal.number
        if close is None:
            return
        if close.status is CloseStatus.RUNNING and self.workflow.is_running(close.execution):
            raise UserMistakeError(f"{period} is being closed already: it is too late to approve rehearsal {number}")
        if begun_since(close, rehearsal) or (rehearsal.run and close.round):
            raise UserMistakeError(
                f"{period} has been closed since rehearsal {number}\n"
                f"to see what is left to bill: monthclose close {period} --dry-run"
            )


@dataclass(frozen=True, slots=True)
class ApprovalWaiter:
    """Lets a close wait for approval."""

    rehearsals: Rehearsals
    workflow: Workflow

    def wait(self, period: Period, number: int, task_token: str) -> None:
        """Keep the token of the task that waits; if it is approved already, answer at once.

        Both are fields of one item, written under its version, so that no approval is missed.
        """
        retry_conflicts(partial(self._wait, period, number, task_token))

    def _wait(self, period: Period, number: int, task_token: str) -> None:
        rehearsal = self.rehearsals.get(period)
        if rehearsal is None or rehearsal.number != number:
            raise UserMistakeError(f"rehearsal {number} of {period} has been replaced by a newer one")
        if rehearsal.approved:
            self.workflow.answer(task_token, {"approved": number})
        elif rehearsal.task_token != task_token:
            self.rehearsals.put(replace(rehearsal, task_token=task_token))
