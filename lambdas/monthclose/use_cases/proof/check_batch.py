"""Check a batch of a close by its records: each customer's month is read once, as the comparison needs it anyhow.

What fails is read again before it is a failure: records change while they are read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import UnbalancedEntryError
from monthclose.domain.closes.check_account import SeenAccount, check_account
from monthclose.domain.closes.check_month import SeenMonth, check_entries, check_month, status_of
from monthclose.domain.closes.checks import Check
from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.closes.tally import Tally
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Closes, Documents
from monthclose.use_cases.batch_work import OF_ONE_CUSTOMER, read_accounts
from monthclose.use_cases.proof.check_documents import check_documents
from monthclose.use_cases.proof.check_numbers import NumberedBatch, check_credit_note_numbers, check_invoice_numbers

_TRIES = 3


class Scope(NamedTuple):
    """What is checked.

    Parameters
    ----------
    newest : Period
        The newest month that was closed.
    thorough : bool
        Whether accounts and documents are checked, too.
    """

    newest: Period
    thorough: bool


class CheckedBatch(NamedTuple):
    """A batch's months, without those that cannot be read, and what the checks add up to."""

    months: Mapping[str, CustomerMonth]
    tally: Tally


type Refresh = Callable[[BatchProgress, Iterable[CustomerMonth]], BatchProgress]


def _as_it_is(progress: BatchProgress, _: Iterable[CustomerMonth]) -> BatchProgress:
    return progress


@dataclass(frozen=True, slots=True)
class BatchChecker:
    """Checks batches. It reads only."""

    books: Books
    closes: Closes
    documents: Documents
    clock: Clock

    def check(self, progress: BatchProgress, scope: Scope, refreshed: Refresh = _as_it_is) -> CheckedBatch:
        """Check a batch's customers, numbers, documents and status.

        Parameters
        ----------
        refreshed : callable
            Brings the progress up to date with the months before it is checked; by default it is taken as it is.

        Raises
        ------
        TryLaterError
            AWS is briefly unavailable.
        """
        found = self._check(progress, scope, refreshed)
        for _ in range(_TRIES - 1):
            if not found.tally.failed:
                break
            again = self.closes.progress(progress.period, progress.batch.number)
            found = self._check(again or progress, scope, refreshed)
        return found

    def scope(self, period: Period, *, thorough: bool) -> Scope:
        """Say what is checked of a month."""
        return Scope(max((close.period for close in self.closes.all()), default=period), thorough)

    def _check(self, progress: BatchProgress, scope: Scope, refreshed: Refresh) -> CheckedBatch:
        tally, months = Tally(), dict[str, CustomerMonth]()
        reserved = self.closes.reservations(progress.period, progress.batch.number)
        accounts = read_accounts(self.books, progress.batch.customer_ids) if scope.thorough else {}
        for customer_id in progress.batch.customer_ids:
            month = self._check_customer(tally, progress, customer_id, scope, accounts)
            if month is not None:
                months[customer_id] = month
        all_readable = len(months) == len(progress.batch.customer_ids)
        check_invoice_numbers(tally, NumberedBatch(progress.period, reserved, months, all_readable))
        if scope.thorough:
            check_documents(tally, self.documents, months, reserved)
        current = refreshed(progress, months.values()) if all_readable else progress
        if all_readable and not tally.failed:  # records that fail themselves are nothing to hold a status against
            _check_status(tally, current, months.values())
        return CheckedBatch(months, tally)

    def _check_customer(
        self,
        tally: Tally,
        progress: BatchProgress,
        customer_id: str,
        scope: Scope,
        accounts: Mapping[str, Customer],
    ) -> CustomerMonth | None:
        """Check a customer; None if their records cannot be read, which is a failure itself."""
        found, period = Tally(), progress.period
        try:
            months = self._months(customer_id, period, scope)
            month = months.get(period, CustomerMonth())
            if not check_entries(found, customer_id, months, period):
                tally.merge(found)
                return None
            check_month(found, SeenMonth(customer_id, month, _is_known(progress), self.clock()))
            check_credit_note_numbers(found, period, customer_id, month, self.closes)
            if scope.thorough:
                account = accounts.get(customer_id) or self.books.customer(customer_id)
                check_account(found, SeenAccount(customer_id, account, months, period, scope.newest))
            found.add(Check.RECORDS, 1, 1)
        except UnbalancedEntryError as error:
            tally.add(Check.ENTRIES, 1, 0, what="entries that do not balance")
            tally.fail(Check.ENTRIES, customer_id, str(error))
            return None
        except OF_ONE_CUSTOMER as error:
            tally.add(Check.RECORDS, 1, 0)
            tally.fail(
                Check.RECORDS, customer_id, f"their records cannot be read: {type(error).__name__}: {error}"[:300]
            )
            return None
        tally.merge(found)
        return month

    def _months(self, customer_id: str, period: Period, scope: Scope) -> Mapping[Period, CustomerMonth]:
        """Read a customer's months in one query: all of them if their account is checked, as its ledger is in all."""
        if scope.thorough:
            return self.books.months(customer_id)
        return {period: self.books.month(customer_id, period)}


def _is_known(progress: BatchProgress) -> bool:
    """Whether somebody finds this batch again, and does what is left: the close, or the reconciler by its index."""
    return progress.stage is not Stage.CLOSED or progress.left_to_reconcile


def _check_status(tally: Tally, progress: BatchProgress, months: Iterable[CustomerMonth]) -> None:
    """Hold the batch's status against sums of its records, unless it says itself that it is behind."""
    if progress.outdated:
        return
    records = status_of(months)
    totals = progress.totals
    status = {(kind, name): n for kind in ("customers", "payments") for name, n in getattr(totals, kind).items()}
    for currency, sums in totals.money.items():
        status |= {(currency, n): sums.get(n, 0) for n in ("invoiced", "credited", "collected", "written_off", "open")}
    differing = []
    for kind, name in sorted({*status, *records}):
        currency = "" if kind in ("customers", "payments") else kind
        what = f"{kind} {name}" if not currency else name
        if not tally.add(
            Check.STATUS,
            status.get((kind, name), 0),
            records.get((kind, name), 0),
            currency=currency,
            what=what.replace("_", " "),
        ):
            differing.append(f"{kind} {name}".replace("_", " "))
    if differing:
        tally.fail(Check.STATUS, "", f"batch {progress.batch.number}: {', '.join(differing)}")
