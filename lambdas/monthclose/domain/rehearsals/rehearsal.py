"""The rehearsal of a close: every invoice drafted and compared with the last period, and nothing else done.

One record a period has the newest rehearsal, and what was approved last. The drafts, the comparison and the findings
are documents below `folder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.period import Period

PREFIX = "rehearsals/"
"""Of all documents of rehearsals."""


class RehearsalStatus(StrEnum):
    """How far a rehearsal is."""

    DRAFTING = "drafting"
    """Its invoices are being drafted or compared, or its execution broke off meanwhile."""
    COMPLETED = "completed"
    """All is drafted and compared, and the findings are written."""
    INCOMPLETE = "incomplete"
    """It is through, but some batches could not be drafted: it cannot be approved."""


def folder_of(period: Period, number: int) -> str:
    """Name the folder of a rehearsal's documents."""
    return f"{PREFIX}{period}/{number:04}/"


def approved_key(period: Period, number: int) -> str:
    """Name the document that says what a close's own rehearsal was let through with, and where it differed."""
    return f"{folder_of(period, number)}approved.json"


@dataclass(frozen=True, slots=True)
class Approval:
    """That a person has accepted the findings of a rehearsal.

    Parameters
    ----------
    number : int
        The rehearsal's.
    keys : tuple of str
        The findings that were accepted, by their keys.
    snapshot_key : str
        The list of batches that it was made from.
    """

    number: int
    by: str
    time: datetime
    note: str = ""
    keys: tuple[str, ...] = ()
    snapshot_key: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The newest rehearsal of a period.

    Parameters
    ----------
    number : int
        Counts the period's rehearsals from 1.
    execution : str
        The execution that makes it.
    run : int
        The run of the close that it belongs to, which it decides about; 0 for a rehearsal of its own.
    scheduled : bool
        Whether that close was started by its rule: it waits for approval, and one that a person started does not.
    started_at : datetime
        What a close that began then would bill is drafted: usage received later is not in it.
    price_book, tax_table : str
        The versions that it drafts with.
    settings : str
        A fingerprint of what else decides about amounts: the deployment's settings.
    last_period : Period or None
        What it is compared with; None if no earlier month was closed.
    round : int
        Passes over its batches so far.
    undrafted : int
        Batches that could not be drafted in any round.
    task_token : str
        Of the close that waits for its approval.
    drafted : int
        Customers whose invoice a close would issue.
    differs : int
        Customers for whom a close's own drafts differ from what was approved.
    approval : Approval or None
        What was approved last: this rehearsal or an earlier one.
    over_at : datetime or None
        When the month is over for all customers, where that is not its end in UTC.
    """

    period: Period
    number: int
    execution: str
    started_at: datetime
    status: RehearsalStatus = RehearsalStatus.DRAFTING
    run: int = 0
    scheduled: bool = False
    price_book: str = ""
    tax_table: str = ""
    settings: str = ""
    last_period: Period | None = None
    snapshot_key: str = ""
    customers: int = 0
    batches: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    """Customers by provider."""
    round: int = 0
    undrafted: int = 0
    drafted: int = 0
    findings: int = 0
    completed_at: datetime | None = None
    task_token: str = ""
    differs: int = 0
    approval: Approval | None = None
    over_at: datetime | None = None
    version: int = 0

    @property
    def folder(self) -> str:
        """Where its documents are."""
        return folder_of(self.period, self.number)

    @property
    def ends_at(self) -> datetime:
        """When the month is over for all customers."""
        return self.over_at or self.period.end

    @property
    def so_far(self) -> bool:
        """Whether the month was not over yet: it has the usage so far, and cannot be approved."""
        return self.started_at < self.ends_at

    @property
    def approved(self) -> bool:
        """Whether this very rehearsal is approved."""
        return self.approval is not None and self.approval.number == self.number

    def as_close(self, close: Close | None) -> Close:
        """Return the close as it would be if it were opened, or opened again, when the rehearsal was started."""
        if close is None or not close.round:
            opened = Close(self.period, CloseStatus.RUNNING, self.execution, 1, self.started_at, self.started_at)
        else:
            opened = close
        return replace(opened, price_book=self.price_book, tax_table=self.tax_table, run_started_at=self.started_at)
