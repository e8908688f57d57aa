"""Judge a rehearsal once its batches are drafted: sum them up, find who is gone, hold the sum against the rules.

As much is done as there is time for; how far it is is kept among the documents, and the next call continues. A
repetition does no harm: whatever it writes is the same again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import batched, chain
from typing import Any, Literal

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.adding import add_up
from monthclose.domain.rehearsals.billed import Billed
from monthclose.domain.rehearsals.comparison import NOTHING_COMPARED, Comparison, compare
from monthclose.domain.rehearsals.differences import NO_DIFFERENCES, Differences, judge_differences
from monthclose.domain.rehearsals.finding import GateFinding
from monthclose.domain.rehearsals.gate import GateSettings, decide
from monthclose.domain.rehearsals.rehearsal import Rehearsal, RehearsalStatus, approved_key, folder_of
from monthclose.domain.rehearsals.rows import Pair
from monthclose.domain.rehearsals.rules import judge
from monthclose.ports import Books, Clock, Closes, CustomerDirectory, Documents, PriceBooks, Rehearsals, TimeIsUp
from monthclose.use_cases.batch_work import side_by_side
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.invoices.billed_months import billed_month
from monthclose.use_cases.rehearsals.rehearse_batch import Summary, pairs_key, read_pairs, summary_key, write_pairs
from monthclose.use_cases.rehearsals.sorted_months import LONGEST_RUN, Compared, compare_runs, write_run
from monthclose.use_cases.rehearsals.standing import standing
from monthclose.use_cases.stored_documents import read_json

_READ_AT_ONCE = 64
_GONE_AT_A_TIME = 10_000
"""Customers who are gone: their months are kept together until they are written."""

type Outcome = Literal["time_was_up", "rehearsed", "may_charge", "wait", "not_approved"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes next.

    Parameters
    ----------
    outcome : Outcome
        `time_was_up`: call again. `rehearsed`: it was a rehearsal of its own. The others are for a close: it may issue
        its drafts and charge; it waits for approval; or it ends, as a person started it and can start it again.
    why : str
        In one line, why it may not charge.
    """

    outcome: Outcome
    findings: int = 0
    why: str = ""


@dataclass(slots=True)
class _State:
    """How far the judging is: batches summed up, batches of the last period searched, customers compared."""

    batch: int = 0
    last_batch: int = 0
    pieces: int = 0
    drafted: int = 0
    comparison: Comparison = NOTHING_COMPARED
    runs: list[str] = field(default_factory=list)
    differences: Differences = NO_DIFFERENCES
    after: str | None = ""
    """The last customer that was compared with what was approved; None once all are."""
    gone_done: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in ("batch", "last_batch", "pieces", "drafted", "runs", "after")},
            "gone_done": self.gone_done,
            "comparison": self.comparison.to_json(),
            "differences": self.differences.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "_State":
        read = {
            "comparison": Comparison.from_json(values["comparison"]),
            "differences": Differences.from_json(values["differences"]),
        }
        return cls(**dict(values) | read)


@dataclass(frozen=True, slots=True)
class RehearsalJudge:
    """Judges rehearsals."""

    books: Books
    closes: Closes
    rehearsals: Rehearsals
    directory: CustomerDirectory
    documents: Documents
    price_books: PriceBooks
    clock: Clock
    gates: GateSettings
    executor: Executor

    def judge(self, period: Period, number: int, time_is_up: TimeIsUp = lambda: False) -> Judged:
        """Go on judging; once that is done, say what comes next.

        Raises
        ------
        UserMistakeError
            The rehearsal no longer counts.
        """
        rehearsal, close = standing(self.rehearsals, self.closes, period, number)
        if rehearsal.status is RehearsalStatus.DRAFTING:
            state = self._state(rehearsal)
            done = self._sum_up(rehearsal, state, time_is_up)
            done = done and self._find_gone(rehearsal, state, time_is_up)
            done = done and self._compare_with_approved(rehearsal, state, time_is_up)
            self.documents.put(_state_key(period, number), json.dumps(state.to_json()).encode())
            if not done:
                return Judged("time_was_up")
            rehearsal = self._conclude(rehearsal, state)
        return self._next(rehearsal, close)

    def _state(self, rehearsal: Rehearsal) -> _State:
        content = read_json(self.documents, _state_key(rehearsal.period, rehearsal.number))
        return _State.from_json(content) if content else _State()

    def _sum_up(self, rehearsal: Rehearsal, state: _State, time_is_up: TimeIsUp) -> bool:
        """Add up the batches' summaries, and write their customers' months in sorted runs."""
        months: list[Billed] = []
        for some in batched(range(state.batch, rehearsal.batches), _READ_AT_ONCE, strict=False):
            read = partial(self._summary, rehearsal)
            found = [summary for summary in side_by_side(self.executor, read, some) if summary]
            state.comparison = add_up([summary.comparison for summary in found], state.comparison)
            state.drafted += sum(summary.drafted for summary in found)
            months += [month for summary in found for month in summary.billed]
            state.batch = some[-1] + 1
            if len(months) >= LONGEST_RUN:
                self._write_run(rehearsal, state, months)
                months = []
            if time_is_up():
                break
        self._write_run(rehearsal, state, months)
        return state.batch >= rehearsal.batches

    def _summary(self, rehearsal: Rehearsal, batch: int) -> Summary | None:
        content = read_json(self.documents, summary_key(rehearsal, batch))
        return Summary.from_json(content) if content else None

    def _write_run(self, rehearsal: Rehearsal, state: _State, months: list[Billed]) -> None:
        if months:
            key = f"{rehearsal.folder}run-{len(state.runs):04}.jsonl"
            write_run(self.documents, key, months)
            state.runs.append(key)

    def _find_gone(self, rehearsal: Rehearsal, state: _State, time_is_up: TimeIsUp) -> bool:
        """Compare the customers of the last period who are customers no longer."""
        last = self.closes.get(rehearsal.last_period) if rehearsal.last_period else None
        if state.gone_done or last is None or not last.snapshot_key:
            state.gone_done = True
            return True
        gone: list[Billed] = []
        for batch in read_batches(self.documents, last.snapshot_key):
            if batch.number < state.last_batch:
                continue
            if time_is_up():
                break
            gone += self._gone_of(batch.customer_ids, last.period)
            state.last_batch = batch.number + 1
            if len(gone) >= _GONE_AT_A_TIME:
                self._add_gone(rehearsal, state, gone)
                gone = []
        else:
            state.gone_done = True
        self._add_gone(rehearsal, state, gone)
        return state.gone_done

    def _add_gone(self, rehearsal: Rehearsal, state: _State, gone: Sequence[Billed]) -> None:
        if gone:
            write_pairs(self.documents, gone_key(rehearsal, state.pieces), ((None, month) for month in gone))
            state.pieces += 1
            compared = (compare(None, month, self.gates.rules) for month in gone)
            state.comparison += add_up(compared, NOTHING_COMPARED)

    def _gone_of(self, customer_ids: Sequence[str], last: Period) -> Iterator[Billed]:
        known = self.directory.known(customer_ids)
        for customer_id in customer_ids:
            if customer_id not in known:
                month = billed_month(self.documents, customer_id, self.books.month(customer_id, last))
                if month:
                    yield month

    def _compare_with_approved(self, rehearsal: Rehearsal, state: _State, time_is_up: TimeIsUp) -> bool:
        """Compare a close's own drafts with what was approved."""
        approval = rehearsal.approval
        if approval is None or not rehearsal.run:
            return True
        approved = read_json(self.documents, _state_key(rehearsal.period, approval.number))
        if approved is None:
            raise UserMistakeError(
                f"the documents of the approved rehearsal {approval.number} of {rehearsal.period} are gone; "
                "rehearse and approve it again"
            )
        done = Compared(state.differences, state.after)
        done = compare_runs(self.documents, approved["runs"], state.runs, done, time_is_up)
        state.differences, state.after = done
        return state.after is None

    def _conclude(self, rehearsal: Rehearsal, state: _State) -> Rehearsal:
        """Write the comparison and the findings, then that the rehearsal is through."""
        book = self.price_books.get(rehearsal.price_book)
        findings = judge(state.comparison, self.gates.rules, book, rehearsal.period)
        self._put(rehearsal, "comparison", state.comparison.to_json())
        self._put(rehearsal, "differences", state.differences.to_json())
        self._put(rehearsal, "findings", {"findings": [finding.to_json() for finding in findings]})
        completed = RehearsalStatus.INCOMPLETE if rehearsal.undrafted else RehearsalStatus.COMPLETED
        return self.rehearsals.put(
            replace(
                rehearsal,
                status=completed,
                drafted=state.drafted,
                findings=len(findings),
                differs=state.differences.different,
                completed_at=self.clock(),
            )
        )

    def _put(self, rehearsal: Rehearsal, name: str, content: Mapping[str, Any]) -> None:
        self.documents.put(f"{rehearsal.folder}{name}.json", json.dumps(content, ensure_ascii=False).encode())

    def _next(self, rehearsal: Rehearsal, close: Close | None) -> Judged:
        if not rehearsal.run or close is None:
            return Judged("rehearsed", rehearsal.findings)
        verdict = None
        if not rehearsal.approved:
            read = RehearsalReader(self.documents)
            differing = judge_differences(read.differences(rehearsal), self.gates.rules) if rehearsal.approval else ()
            verdict = decide(
                self.gates.required, rehearsal.approval, read.findings(rehearsal), differing, rehearsal.undrafted
            )
        if verdict is None or verdict.may_charge:
            self._write_approved(rehearsal)
            self._put_close(replace(close, status=CloseStatus.RUNNING, rehearsal=rehearsal.number), close)
            return Judged("may_charge", rehearsal.findings)
        self._put_close(replace(close, status=CloseStatus.WAITING_FOR_APPROVAL, customers=rehearsal.customers), close)
        waits = rehearsal.scheduled and not rehearsal.undrafted
        return Judged("wait" if waits else "not_approved", rehearsal.findings, verdict.why)

    def _write_approved(self, rehearsal: Rehearsal) -> None:
        """Write where the close differs from what was approved, for its report; if it waited, in nothing."""
        approval = rehearsal.approval
        if approval is None:
            return
        found = NO_DIFFERENCES if rehearsal.approved else RehearsalReader(self.documents).differences(rehearsal)
        content = {
            "rehearsal": approval.number,
            "by": approval.by,
            "time": approval.time.isoformat(),
            "note": approval.note,
            "differs": found.different,
            "lines": list(found.lines()),
        }
        key = approved_key(rehearsal.period, rehearsal.number)
        self.documents.put(key, json.dumps(content, ensure_ascii=False).encode())

    def _put_close(self, changed: Close, before: Close) -> None:
        if changed != before:
            self.closes.put(changed)


@dataclass(frozen=True, slots=True)
class RehearsalReader:
    """Reads what a rehearsal has found."""

    documents: Documents

    def comparison(self, rehearsal: Rehearsal) -> Comparison:
        """Read the comparison with the last period."""
        return Comparison.from_json(self._get(rehearsal, "comparison"))

    def findings(self, rehearsal: Rehearsal) -> tuple[GateFinding, ...]:
        """Read the findings."""
        return tuple(map(GateFinding.from_json, self._get(rehearsal, "findings")["findings"]))

    def differences(self, rehearsal: Rehearsal) -> Differences:
        """Read where a close's own drafts differ from what was approved."""
        return Differences.from_json(self._get(rehearsal, "differences"))

    def months(self, rehearsal: Rehearsal) -> Iterator[Pair]:
        """Read everybody's month, now and in the last period; those who are gone come last."""
        keys = (pairs_key(rehearsal, number) for number in range(rehearsal.batches))
        gone = (gone_key(rehearsal, piece) for piece in range(self._get(rehearsal, "judging")["pieces"]))
        for key in chain(keys, gone):
            with suppress(KeyError):  # a batch that could not be drafted
                yield from read_pairs(self.documents, key)

    def _get(self, rehearsal: Rehearsal, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.documents.get(f"{rehearsal.folder}{name}.json"))
        return content


def gone_key(rehearsal: Rehearsal, piece: int) -> str:
    """Name the object with the months of customers who are gone."""
    return f"{rehearsal.folder}months-gone-{piece:04}.jsonl"


def _state_key(period: Period, number: int) -> str:
    return f"{folder_of(period, number)}judging.json"
