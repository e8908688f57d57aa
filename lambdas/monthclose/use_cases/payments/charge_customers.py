"""Charge the customers of a batch: each by the protocol of `charge_payment`, one's trouble apart from another's."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.payments.payment import PaymentKey
from monthclose.domain.period import Period
from monthclose.errors import ProviderPausedError, ProviderRefusedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, Log, TimeIsUp
from monthclose.use_cases.batch_work import (
    begun_batch,
    log_failure,
    read_months,
    record_progress,
    refresh_gathered,
    side_by_side,
)
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.payments.turns import Turn
from monthclose.use_cases.seen_months import SeenMonths

_OUTAGE_SECONDS = 2
"""A pause as long as this is an outage's: nobody else of the batch is tried. A lane without a free slot says less,
about a lease's length."""


class HandedBack(NamedTuple):
    """Customers for whom the provider was not asked, and after how many seconds to try them.

    Parameters
    ----------
    untouched : int
        How many of them were not even read.
    """

    customers: int
    pause_seconds: float
    untouched: int


class _Pause(NamedTuple):
    """Why a customer is handed back: after how many seconds to try them, and whether they were tried already."""

    seconds: float
    tried: bool


def charge_each(
    jobs: Mapping[str, Callable[[], object]],
    executor: Executor,
    log: Log,
    time_is_up: TimeIsUp,
    turn: Turn | None = None,
) -> HandedBack:
    """Do jobs that charge, as many at a time as the executor has threads, until done or `time_is_up`.

    A job that breaks off is logged under its name and left as it is: the next run takes it up.

    Parameters
    ----------
    turn : Turn or None
        Who must know how many jobs are still to be begun.

    Raises
    ------
    ProviderRefusedError
        The provider doesn't accept us; there is no point in continuing.
    """
    outages = list[_Pause]()

    def one(name: str) -> _Pause | None:
        if turn:
            turn.begins()
        if time_is_up():
            return _Pause(0, tried=False)
        if outages:
            return outages[0]._replace(tried=False)
        pause = _attempt(name, jobs[name], log)
        if pause and pause.seconds >= _OUTAGE_SECONDS:
            outages.append(pause)
            if turn:
                turn.pause(pause.seconds)
        return pause

    if turn:
        turn.expects(len(jobs))
    pauses = [pause for pause in side_by_side(executor, one, jobs) if pause is not None]
    seconds = max((pause.seconds for pause in pauses), default=0)
    return HandedBack(len(pauses), seconds, sum(not pause.tried for pause in pauses))


def _attempt(name: str, job: Callable[[], object], log: Log) -> _Pause | None:
    """Do a job; returns None, or its pause if the provider was not asked."""
    try:
        job()
    except ProviderRefusedError:
        raise
    except ProviderPausedError as error:
        return _Pause(error.seconds, tried=True)
    except TryLaterError as error:
        log.warning("the charge is postponed", extra={"payment": name, "why": str(error)})
    except Exception as error:
        log_failure(log, "the charge failed", name, error)
    return None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch's charges.

    Parameters
    ----------
    handed_back : int
        Customers for whom the provider was not asked: time ran out, or it is paused.
    pause_seconds : float
        After how long it is worth trying them.
    """

    progress: BatchProgress
    handed_back: int = 0
    pause_seconds: float = 0


@dataclass(frozen=True, slots=True)
class BatchCharger:
    """Charges the customers of a batch, as many at a time as the executor has threads.

    The gateway's limiter decides how fast.
    """

    charger: Charger
    books: Books
    closes: Closes
    clock: Clock
    log: Log
    executor: Executor

    def charge(
        self,
        period: Period,
        number: int,
        round_number: int,
        time_is_up: TimeIsUp = lambda: False,
        turn: Turn | None = None,
        only: Collection[str] = (),
    ) -> BatchResult:
        """Charge each customer of a batch that has something to pay, until done or `time_is_up`.

        Each customer's payment is a checkpoint of its own: the next run of the batch finds who is done. The batch is
        summed up if anybody was tried, and is through with charging once nobody is handed back.

        Parameters
        ----------
        only : collection of str
            The only customers of the batch to charge; empty for all.

        Raises
        ------
        ProviderRefusedError
            The provider doesn't accept us; there is no point in continuing.
        """
        begun = begun_batch(self.closes, period, number)

        keys = [PaymentKey(name, period) for name in begun.batch.customer_ids if not only or name in only]
        books = SeenMonths(self.books)
        charger = replace(self.charger, books=books)
        jobs = {key.payment_id: partial(charger.charge, key) for key in keys}
        left = charge_each(jobs, self.executor, self.log, time_is_up, turn)
        if jobs and left.untouched == len(jobs):
            return BatchResult(begun, left.customers, left.pause_seconds)
        stage = begun.stage if left.customers else Stage.CHARGED
        # A webhook that has summed the batch up meanwhile knows better than what was seen when each was charged.
        meanwhile = self.closes.progress(period, number) != begun
        again = read_months(self.books, begun.batch.customer_ids, period) if meanwhile else None
        months = (again or books.seen(begun.batch.customer_ids, period)).values()
        progress = record_progress(self.closes, self.books, self.clock, begun, stage, round_number, months)
        refresh_gathered(self.closes, self.books, self.clock, months)
        return BatchResult(progress, left.customers, left.pause_seconds)
