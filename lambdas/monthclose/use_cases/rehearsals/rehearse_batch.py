"""Rehearse a batch: draft its customers' invoices, compare them with the last period, and write nothing but documents.

Of a batch three documents are stored: its drafts; each customer's month in short, now and in the last period; and last
a summary, whose being there says that the batch is drafted. A repetition writes the same again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from monthclose.domain.closes.close import Batch, Close
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.adding import add_up
from monthclose.domain.rehearsals.billed import Billed, Outcome, billed, parked
from monthclose.domain.rehearsals.comparison import NOTHING_COMPARED, Comparison, compare
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.domain.rehearsals.rows import Pair
from monthclose.domain.rehearsals.settings import GateRules
from monthclose.ports import Books, Closes, Documents, Rehearsals
from monthclose.use_cases.accounts.expire_credit import without_expired
from monthclose.use_cases.batch_work import read_months
from monthclose.use_cases.invoices.billed_months import billed_month
from monthclose.use_cases.invoices.draft_batch import BatchDrafter, Drafted, NotDrafted
from monthclose.use_cases.invoices.judged_drafts import drafts_key, line_of
from monthclose.use_cases.rehearsals.standing import standing


@dataclass(frozen=True, slots=True)
class Summary:
    """What a rehearsed batch comes to.

    Parameters
    ----------
    billed : tuple of Billed
        Each customer's month in short, its entries summed up by kind (see `shortened`).
    drafted : int
        Customers whose invoice the close would issue; the others have one, or need none.
    """

    comparison: Comparison
    billed: tuple[Billed, ...]
    drafted: int

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON."""
        months = [month.to_json() for month in self.billed]
        return {"comparison": self.comparison.to_json(), "billed": months, "drafted": self.drafted}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Summary":
        """Read what `to_json` wrote."""
        months = tuple(map(Billed.from_json, values["billed"]))
        return cls(Comparison.from_json(values["comparison"]), months, values["drafted"])


def summary_key(rehearsal: Rehearsal, batch: int) -> str:
    """Name the object with a batch's summary."""
    return f"{rehearsal.folder}batch-{batch:05}.json"


def pairs_key(rehearsal: Rehearsal, batch: int) -> str:
    """Name the object with the months of a batch's customers, now and in the last period."""
    return f"{rehearsal.folder}months-{batch:05}.jsonl"


def read_pairs(documents: Documents, key: str) -> Iterator[Pair]:
    """Read customers' months, now and in the last period."""
    for line in documents.lines(key):
        now, last = json.loads(line)
        yield Billed.from_json(now) if now else None, Billed.from_json(last) if last else None


def write_pairs(documents: Documents, key: str, pairs: Iterable[Pair]) -> None:
    """Write customers' months, now and in the last period."""
    documents.write(key, map(_pair_line, pairs))


def _pair_line(pair: Pair) -> bytes:
    return json.dumps([month.to_json() if month else None for month in pair], ensure_ascii=False).encode() + b"\n"


@dataclass(slots=True)
class _Found:
    """What is known of a batch's customers so far."""

    now: dict[str, Billed] = field(default_factory=dict)
    drafted: int = 0


@dataclass(frozen=True, slots=True)
class BatchRehearser:
    """Rehearses batches."""

    books: Books
    closes: Closes
    rehearsals: Rehearsals
    documents: Documents
    drafter: BatchDrafter
    policy: InvoicingPolicy
    rules: GateRules

    def rehearse(self, period: Period, number: int, batch: Batch) -> Summary:
        """Draft a batch and compare it.

        Raises
        ------
        UserMistakeError
            The rehearsal no longer counts.
        """
        rehearsal, close = standing(self.rehearsals, self.closes, period, number)
        months, found = read_months(self.books, batch.customer_ids, period), _Found()
        lines = self._lines(rehearsal, rehearsal.as_close(close), batch, months, found)
        self.documents.write(drafts_key(period, number, batch.number), lines)
        pairs = [(self._now(name, months[name], found), self._last(name, rehearsal)) for name in batch.customer_ids]
        write_pairs(self.documents, pairs_key(rehearsal, batch.number), pairs)
        comparison = add_up((compare(now, last, self.rules) for now, last in pairs), NOTHING_COMPARED)
        summary = Summary(comparison, tuple(shortened(now) for now, _ in pairs if now), found.drafted)
        self.documents.put(summary_key(rehearsal, batch.number), json.dumps(summary.to_json()).encode())
        return summary

    def _lines(
        self, rehearsal: Rehearsal, close: Close, batch: Batch, months: Mapping[str, CustomerMonth], found: _Found
    ) -> Iterator[bytes]:
        """Draft, and write each draft as soon as it is there: those of a batch may be more than fits into memory."""
        period = rehearsal.period
        todo = {name: month for name, month in months.items() if not month.invoice and not month.carried}
        prepare = partial(without_expired, self.books, period=period)
        for one in self.drafter.drafts(period, batch, todo, close, prepare):
            month = self._billed(one)
            found.now[month.customer_id] = month
            found.drafted += month.outcome is Outcome.INVOICED
            yield json.dumps(line_of(one), ensure_ascii=False).encode() + b"\n"

    def _billed(self, one: Drafted | NotDrafted) -> Billed:
        if isinstance(one, NotDrafted):
            return parked(one.customer_id, one.reason.reason, one.reason.detail)
        return billed(one.draft, self.policy)

    def _now(self, customer_id: str, month: CustomerMonth, found: _Found) -> Billed | None:
        return found.now.get(customer_id) or billed_month(self.documents, customer_id, month)

    def _last(self, customer_id: str, rehearsal: Rehearsal) -> Billed | None:
        if rehearsal.last_period is None:
            return None
        return billed_month(self.documents, customer_id, self.books.month(customer_id, rehearsal.last_period))


def shortened(month: Billed) -> Billed:
    """Sum up a month's entries by kind, each with a hash of what they are: two that are the same stay the same."""
    by_kind: dict[str, list[tuple[str, int]]] = {}
    for key, minor in sorted(month.entries.items()):
        by_kind.setdefault(key.partition(":")[0], []).append((key, minor))
    entries = {
        f"{kind}:{hashlib.sha256(repr(found).encode()).hexdigest()[:12]}": sum(minor for _, minor in found)
        for kind, found in by_kind.items()
    }
    return replace(month, entries=entries, detail="")
