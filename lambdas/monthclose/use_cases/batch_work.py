"""The steps that all work on a batch shares: read the customers' months, park, record progress, retry lost races."""

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, wait
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, totals_of
from monthclose.domain.errors import AmountTooLargeError, MonthCloseError, ParkCustomerError, UserMistakeError
from monthclose.domain.month import CustomerMonth, Parking
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.errors import ConflictError, IllegalTransitionError, RecordRefusedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, Log

_TRIES = 5
"""How often a step that loses races is tried before the caller must try later."""


OF_ONE_CUSTOMER = (
    *(ParkCustomerError, UserMistakeError, IllegalTransitionError, RecordRefusedError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
"""Errors that drafting or booking one customer's invoice may raise: that customer is parked, the others are billed.

Errors of a store that is briefly unavailable, or that refuses us, concern no single customer and are not among these.
"""


def reason_to_park(error: Exception) -> ParkCustomerError:
    """Say why a customer is parked for such an error: its message, or where we failed on the customer's data."""
    match error:
        case ParkCustomerError():
            return error
        case AmountTooLargeError():
            return ParkCustomerError("amount_too_large", str(error))
        case MonthCloseError():
            return ParkCustomerError("cannot_be_billed", str(error))
    where = traceback.extract_tb(error.__traceback__)[-1]
    found = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {str(error)[:_MOST_KEPT]}"
    return ParkCustomerError(
        "cannot_be_billed",
        f"Month close failed on this customer's data ({found}); report that, and close again once it is fixed",
    )


_MOST_KEPT = 300
"""Most characters of an unexpected error that a parking keeps."""


def retry_conflicts[T](step: Callable[[], T]) -> T:
    """Run a read-decide-commit step again, from the read, when somebody else wrote first.

    Raises
    ------
    TryLaterError
        Somebody else wrote first every time.
    """
    for _ in range(_TRIES - 1):
        try:
            return step()
        except ConflictError:
            continue
    return step()


def side_by_side[T, R](executor: Executor, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Run work on each item in the executor's threads, and wait for all of them, even if one raises.

    Nothing may still be running when Lambda freezes the function's process.
    """
    done = [executor.submit(work, item) for item in items]
    wait(done)
    return [future.result() for future in done]


def log_failure(log: Log, message: str, payment_id: str, error: Exception) -> None:
    """Log a defect that one payment met: its type and place, not its message, which may hold addresses or amounts."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    found = {"payment": payment_id, "error": type(error).__name__, "where": f"{where.name}:{where.lineno}"}
    log.error(message, extra=found)


_RECENT = 3
"""Closes that the reconciler still checks."""


def recent_closes(closes: Closes) -> list[Close]:
    """Find the closes that ended last and are not running again, the latest first.

    Those of calendar months count apart from the others, however many billing days there are: their report packs have
    the whole company, and are made again until their journals are final.
    """
    found = [close for close in closes.all() if close.completed_at and close.status is not CloseStatus.RUNNING]
    ended = sorted(found, key=lambda close: str(close.completed_at), reverse=True)
    months = [close for close in ended if close.period.day == 1][:_RECENT]
    others = [close for close in ended if close.period.day != 1][:_RECENT]
    return [close for close in ended if close in months or close in others]


def providers_of(closes: Closes, close: Close) -> set[str]:
    """Name the providers that a close charges through: the others need no key."""
    return set(close.providers) or {progress.batch.provider for progress in closes.all_progress(close.period)}


def left_to_reconcile(closes: Closes, close: Close, provider: str) -> Iterator[BatchProgress]:
    """Find a provider's batches that the reconciler has something to do for; at rest, hardly anything is read.

    Batches of a close that was planned before its providers were recorded may not be in the index.
    """
    if close.providers:
        yield from closes.left_to_reconcile(close.period, provider)
        return
    for progress in closes.all_progress(close.period):
        if progress.left_to_reconcile and progress.batch.provider == provider:
            yield progress


READ_AHEAD = 25
"""Accounts that are read together: few, as they are acted on one after the other, and may change meanwhile."""


def read_accounts(books: Books, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
    """Read accounts together; none if one of them cannot be read: then each is read alone, where it can be said."""
    try:
        return books.customers(customer_ids)
    except OF_ONE_CUSTOMER:
        return {}


def read_months(books: Books, customer_ids: Iterable[str], period: Period) -> dict[str, CustomerMonth]:
    """Read the months of a batch's customers."""
    return {customer_id: books.month(customer_id, period) for customer_id in customer_ids}


def begun_batch(closes: Closes, period: Period, number: int) -> BatchProgress:
    """Read the progress of a batch whose invoices were generated.

    Raises
    ------
    TryLaterError
        It has none yet: the message came too early.
    """
    progress = closes.progress(period, number)
    if progress is None:
        raise TryLaterError(f"batch {number} of {period} has not started")
    return progress


def record_progress(
    closes: Closes,
    books: Books,
    clock: Clock,
    before: BatchProgress,
    stage: Stage,
    round_number: int,
    months: Collection[CustomerMonth] | None = None,
) -> BatchProgress:
    """Sum up a batch's customers from their records and overwrite its progress.

    A late message from a run that was stopped changes the sums but never sets a batch back.

    Parameters
    ----------
    before : BatchProgress
        The progress as the stage found it.
    months : collection of CustomerMonth or None
        The records, if the caller has them up to date; they are read otherwise.
    """
    if months is None:
        months = read_months(books, before.batch.customer_ids, before.period).values()
    reached, in_round = stage, round_number
    if (before.round, before.stage.order) > (round_number, stage.order):
        reached, in_round = before.stage, before.round
    progress = summed_up(before.period, before.batch, months, reached, in_round, clock)
    progress = replace(progress, charged_at=_charged_at(before, progress))
    closes.put_progress(progress, months)
    return progress


def _charged_at(before: BatchProgress, now: BatchProgress) -> datetime | None:
    """Say when a batch's last charge was made: later stages and sums leave it as it was."""
    if before.stage.order >= Stage.CHARGED.order:
        return before.charged_at or before.time
    return now.time if now.stage.order >= Stage.CHARGED.order else None


_SUMMED_UP_AT_ONCE = 20
"""Customers of the largest batch that is summed up for a change to one of them: that reads all of them, twice."""


def refresh_soon(closes: Closes, books: Books, clock: Clock, period: Period, number: int) -> None:
    """Update a batch's sums after a customer's records were changed outside of a close: at once if it is small.

    A large one is marked, and the reconciler sums it up once for all that has changed until then: a million bank debits
    that settle one after the other would otherwise read each batch hundreds of millions of times.
    """
    progress = closes.progress(period, number)
    if progress and _is_left_to_the_reconciler(closes, progress):
        if not progress.outdated:
            closes.put_progress(replace(progress, outdated=True))
    else:
        refresh_progress(closes, books, clock, period, number)


def _is_left_to_the_reconciler(closes: Closes, progress: BatchProgress) -> bool:
    """Whether a batch is large, and the reconciler finds it if it is marked."""
    if len(progress.batch.customer_ids) <= _SUMMED_UP_AT_ONCE:
        return False
    return any(close.period == progress.period and close.providers for close in recent_closes(closes))


def refresh_progress(closes: Closes, books: Books, clock: Clock, period: Period, number: int) -> None:
    """Update a batch's sums after a customer's records were changed outside of a close.

    After writing, the records are read once more: of two updates at the same time, the last to write could otherwise
    leave sums from before the other's change.
    """
    refresh_gathered(closes, books, clock, _refresh_sums(closes, books, clock, period, number))


def refresh_gathered(closes: Closes, books: Books, clock: Clock, months: Iterable[CustomerMonth]) -> None:
    """Update the sums of earlier closes' batches whose invoices were paid together with some months' own."""
    paid = [p for month in months for p in month.payments if p.gathers and p.state is PaymentState.PAID]
    earlier = {(period, books.month(p.customer_id, period).payment) for p in paid for period in p.gathers}
    for period, number in sorted({(period, payment.batch) for period, payment in earlier if payment}):
        _refresh_sums(closes, books, clock, period, number)


def _refresh_sums(closes: Closes, books: Books, clock: Clock, period: Period, number: int) -> Collection[CustomerMonth]:
    months: Collection[CustomerMonth] = ()
    for _ in range(_TRIES):
        before = closes.progress(period, number)
        if before is None:
            break
        summed = [*read_months(books, before.batch.customer_ids, period).values()]
        record_progress(closes, books, clock, before, before.stage, before.round, summed)
        months = read_months(books, before.batch.customer_ids, period).values()
        if [*months] == summed:
            break
    return months


def summed_up(
    period: Period, batch: Batch, months: Iterable[CustomerMonth], stage: Stage, round_number: int, clock: Clock
) -> BatchProgress:
    """Make a batch's progress from its customers' records."""
    totals, unsettled = totals_of(months)
    return BatchProgress(
        period=period,
        batch=batch,
        stage=stage,
        round=round_number,
        totals=totals,
        unsettled=unsettled,
        time=clock(),
    )


def unparked(parking: Parking | None) -> list[Parking]:
    """Make the record that ends a parking, to be committed with what removes its reason; none if nobody is parked."""
    return [replace(parking, active=False)] if parking and parking.active else []


def park(books: Books, clock: Clock, customer_id: str, period: Period, error: ParkCustomerError) -> None:
    """Park a customer with a reason; parking them again for the same reason writes nothing."""

    def step() -> None:
        before = books.month(customer_id, period).parking
        if before and before.active and (before.reason, before.detail) == (error.reason, error.detail):
            return
        version = before.version if before else 0
        books.commit(Parking(customer_id, period, error.reason, error.detail, clock(), version=version))

    retry_conflicts(step)
