"""Closes: their progress, and the numbers reserved for them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from monthclose.domain.closes.close import BatchProgress, Close
from monthclose.domain.invoices.series import Series
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class Reservation:
    """A run of numbers, fixed for the drafts stored under a key before any of them is used."""

    first: int
    count: int
    drafts_key: str


@dataclass(frozen=True, slots=True)
class NumberedRun:
    """A run of numbers and its owner: a batch of a period; for credit notes, the number of the corrected invoice."""

    period: Period
    batch: int
    first: int
    count: int


class Closes(Protocol):
    """Closes, the progress of their batches, and the runs of numbers reserved for them.

    Credit notes have their own series; their `batch` is the number of the invoice that they correct.
    """

    def get(self, period: Period) -> Close | None:
        """Read a close."""

    def put(self, close: Close) -> Close:
        """Write a close, fenced by its version, and return it with the next one.

        Raises
        ------
        ConflictError
            Somebody else wrote it first.
        """

    def all(self) -> list[Close]:
        """List every close, newest period first."""

    def progress(self, period: Period, batch: int) -> BatchProgress | None:
        """Read one batch's progress."""

    def put_progress(self, progress: BatchProgress, months: Collection[CustomerMonth] = ()) -> None:
        """Overwrite one batch's progress, and its rows in the register.

        Parameters
        ----------
        months : collection of CustomerMonth
            The records that it was summed up from, of all its customers. Without them its rows stay as they are.
        """

    def all_progress(self, period: Period) -> Iterator[BatchProgress]:
        """Iterate over the progress of all batches that have started."""

    def left_to_reconcile(self, period: Period, provider: str) -> Iterator[BatchProgress]:
        """Iterate over a provider's batches with `left_to_reconcile`, reading no others; it may lag a moment."""

    def reservations(self, period: Period, batch: int, series: Series = Series.INVOICES) -> list[Reservation]:
        """The runs of numbers reserved for a batch, oldest first."""

    def reserve(
        self,
        period: Period,
        batch: int,
        earlier: int,
        drafts_key: str,
        count: int,
        series: Series = Series.INVOICES,
    ) -> Reservation:
        """Reserve the next `count` numbers for a batch that had `earlier` reservations, in one transaction.

        Raises
        ------
        ConflictError
            Another worker reserved for the same batch in the meantime.
        """

    def run_of(self, number: int, series: Series = Series.INVOICES) -> NumberedRun | None:
        """Find the run that a number of the series was reserved in; None if it never was."""
