"""The outcome of a dropped file: rejects for its sender, an event for the company, a stored copy for repetitions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from monthclose.domain.audit import in_json
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import LayoutError
from monthclose.domain.imports.drop_settings import MAX_REJECTED_PERCENT
from monthclose.domain.imports.intake import Tally
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.names import PARTS_PREFIX, REJECTS_PREFIX, USAGE_PREFIX
from monthclose.ports import Inbox
from monthclose.use_cases.audit.record_act import ActRecorder
from monthclose.use_cases.imports.check_billable import summary_of, unbillable_in_words
from monthclose.use_cases.imports.dropped_file import DroppedFile
from monthclose.use_cases.imports.rejected_rows import Cells, as_csv

_MOST_REASONS = 3
IMPORTED, CHECKED, UNUSABLE = "imported", "checked", "unusable"
IMPORTED_ACT = "usage.imported"
"""What the audit trail calls an import."""


class UsageOutcome(TypedDict):
    """The company's event: names, counts and reasons, none of the file's content.

    The keys are those of the stored JSON and of the event, and never change.
    """

    key: str
    version: str
    status: str
    """`imported`, `checked` (nothing was stored: the counts say what an import would do) or `unusable`."""
    error: str
    """Why nothing was imported; empty if something was."""
    taken: int
    """Rows that were imported."""
    rejected: Mapping[str, int]
    """Rows that were not, by reason."""
    periods: Mapping[str, int]
    """Imported rows by month."""
    late: Mapping[str, int]
    """Imported rows of closed months, by month."""
    new: int
    """Imported rows that were not stored before."""
    changed: int
    """Imported rows that correct stored ones; the others say the same."""
    left_out: int
    """Rows that do not count by the file's options."""
    without_price: Mapping[str, int]
    without_tax: Mapping[str, int]
    too_many_rejected: bool
    rejects: Mapping[str, str] | None
    """Where the rejected rows are: `{"bucket": …, "key": …}`."""


@dataclass(frozen=True, slots=True)
class OutcomeKeeper:
    """Keeps the outcomes of files.

    Parameters
    ----------
    max_rejected_percent : int
        The largest share of rejected rows; an outcome is flagged if it is exceeded.
    """

    inbox: Inbox
    acts: ActRecorder
    max_rejected_percent: int = MAX_REJECTED_PERCENT

    def find(self, file: DroppedFile) -> UsageOutcome | None:
        """Find the outcome of a file's version, if its import is done."""
        try:
            found: UsageOutcome = json.loads(self.inbox.get(_outcome_key(file)))
        except KeyError:
            return None
        return found

    def keep(
        self,
        file: DroppedFile,
        columns: Sequence[str],
        tally: Tally,
        rejected: Iterable[Cells],
        *,
        check: bool = False,
    ) -> UsageOutcome:
        """Keep the rejected rows and the outcome of a file that was read to its end.

        Raises
        ------
        UserMistakeError
            It has no rows, or none that counts.
        """
        require_rows(file.name, tally)
        table, text, error = _table_key(file, check=check), _text_key(file, check=check), ""
        if tally.rejected:
            self.inbox.write(table, as_csv(columns, rejected))
        else:
            self._delete(table)  # an earlier version's rejects would be taken for this one's
        unbillable = unbillable_in_words(tally)
        if unbillable:
            self._put_text(text, "\n".join(unbillable))
        elif tally.taken:
            self._delete(text)
        else:
            error = f"nothing in {file.name} {'would be' if check else 'was'} imported: {reasons_in_words(tally)}"
            self._put_text(text, f"{error}\nthe rejected rows: {table}")
        status = UNUSABLE if error else CHECKED if check else IMPORTED
        return self._remember(file, tally, status, error, table if tally.rejected else "")

    def refuse(self, file: DroppedFile, mistake: UserMistakeError) -> UsageOutcome:
        """Keep why a file cannot be used. The text for its sender may quote its columns, the outcome doesn't."""
        self._delete(_table_key(file))
        text = str(mistake)
        self._put_text(_text_key(file), text if file.name in text else f"{file.name}: {text}")
        problem = mistake.problem if isinstance(mistake, LayoutError) else text
        return self._remember(file, Tally(), UNUSABLE, problem, _text_key(file))

    def _remember(self, file: DroppedFile, tally: Tally, status: str, error: str, rejects: str) -> UsageOutcome:
        outcome: UsageOutcome = {
            "key": f"{USAGE_PREFIX}{file.name}",
            "version": file.version,
            "status": status,
            "error": error,
            "taken": tally.taken,
            "rejected": dict(tally.rejected),
            "periods": dict(sorted(tally.groups.items())),
            "late": dict(sorted(tally.late.items())),
            "new": tally.new,
            "changed": tally.changed,
            "left_out": tally.left_out.total(),
            "without_price": summary_of(tally.unpriced, "skus"),
            "without_tax": summary_of(tally.untaxed, "customers"),
            "too_many_rejected": tally.rejected_above(self.max_rejected_percent),
            "rejects": self.inbox.location(rejects) if rejects else None,
        }
        if status == IMPORTED:
            self._record(outcome)
        if self.inbox.put_new(_outcome_key(file), json.dumps(outcome).encode()):
            return outcome
        return self.find(file) or outcome

    def _record(self, outcome: UsageOutcome) -> None:
        """Record the import as one act, with counts and nothing of what is in the file."""
        periods = outcome["periods"]
        self.acts.record(
            IMPORTED_ACT,
            by="file drop",
            after=in_json(
                file=outcome["key"],
                version=outcome["version"],
                imported=outcome["taken"],
                rejected=sum(outcome["rejected"].values()),
                periods=periods,
            ),
            period=Period.parse(next(iter(periods))) if len(periods) == 1 else None,
        )

    def _put_text(self, key: str, text: str) -> None:
        content = f"{text}\n".encode(errors="backslashreplace")
        self.inbox.put(key, content, "text/plain; charset=utf-8")

    def _delete(self, key: str) -> None:
        if self.inbox.has(key):  # in a versioned bucket, deleting what is not there leaves a delete marker, too
            self.inbox.delete(key)


def reasons_in_words(tally: Tally) -> str:
    """Name the commonest reasons of rejection, and count the others."""
    commonest = sorted(tally.rejected.items(), key=lambda counted: (-counted[1], counted[0]))
    named = [f"{reason} ({count(number, 'row')})" for reason, number in commonest[:_MOST_REASONS]]
    more = commonest[_MOST_REASONS:]
    rows = count(sum(number for _, number in more), "row")
    others = f" and {count(len(more), 'more reason', 'more reasons')} ({rows}; see the rejected rows)" if more else ""
    return f"{', '.join(named)}{others}"


def require_rows(name: str, tally: Tally) -> None:
    """Check that a file has rows.

    Raises
    ------
    UserMistakeError
        It has none, or none that counts.
    """
    if tally.taken or tally.rejected:
        return
    if tally.left_out:
        commonest = ", ".join(f"{reason} ({count(number)})" for reason, number in tally.left_out.most_common(3))
        raise UserMistakeError(f"no row of {name} counts: {commonest}")
    raise UserMistakeError(f"{name} has columns but no rows")


def _table_key(file: DroppedFile, *, check: bool = False) -> str:
    """Name the rejected rows; a check leaves those of the import as they are."""
    return f"{REJECTS_PREFIX}{file.rejects_name}{'.check' if check else ''}.csv"


def _text_key(file: DroppedFile, *, check: bool = False) -> str:
    return f"{REJECTS_PREFIX}{file.rejects_name}{'.check' if check else ''}.txt"


def _outcome_key(file: DroppedFile) -> str:
    return f"{PARTS_PREFIX}{file.run}/outcome.json"
