"""Charge a batch: each of its customers by the protocol of `charge_customers`, one's trouble apart from another's."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
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


class HandedBack(NamedTuple):
    """Customers that nothing was asked of the provider for, and after how many seconds to go on with them."""

    customers: int
    pause_seconds: float


def charge_each(
    jobs: Mapping[str, Callable[[], object]], executor: Executor, log: Log, time_is_up: TimeIsUp
) -> HandedBack:
    """Do jobs that charge, as many at a time as the executor has threads, until done or `time_is_up`.

    A job that broke off is logged under its name and stays what it was: whoever comes next takes it up.

    Raises
    ------
    ProviderRefusedError
        The provider doesn't accept us; there is no point in going on.
    """

    def one(name: str) -> float | None:
        return 0 if time_is_up() else _attempt(name, jobs[name], log)

    pauses = [pause for pause in side_by_side(executor, one, jobs) if pause is not None]
    return HandedBack(len(pauses), max(pauses, default=0))


def _attempt(name: str, job: Callable[[], object], log: Log) -> float | None:
    """Do a job; the answer is None, or after how many seconds to begin with it."""
    try:
        job()
    except ProviderRefusedError:
        raise
    except ProviderPausedError as error:
        return error.seconds
    except TryLaterError as error:
        log.warning("charge comes later", extra={"payment": name, "why": str(error)})
    except Exception as error:
        log_failure(log, "charge failed", name, error)
    return None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch's charges.

    Parameters
    ----------
    handed_back : int
        Customers that nothing was asked of the provider for: time didn't suffice, or it has paused.
    pause_seconds : float
        When it is worth going on with them.
    """

    progress: BatchProgress
    handed_back: int = 0
    pause_seconds: float = 0


@dataclass(frozen=True, slots=True)
class BatchCharger:
    """Charges the customers of a batch, as many at a time as the executor has threads.

    How fast, is the gateway's limiter's business.
    """

    charger: Charger
    books: Books
    closes: Closes
    clock: Clock
    log: Log
    executor: Executor

    def charge(
        self, period: Period, number: int, round_number: int, time_is_up: TimeIsUp = lambda: False
    ) -> BatchResult:
        """Charge each customer of a batch that has something to pay, until done or `time_is_up`.

        Each customer's payment is a checkpoint of its own: whoever takes the batch up again finds who is through.

        Raises
        ------
        ProviderRefusedError
            The provider doesn't accept us; there is no point in going on.
        """
        begun = begun_batch(self.closes, period, number)

        keys = [PaymentKey(customer_id, period) for customer_id in begun.batch.customer_ids]
        jobs = {key.payment_id: partial(self.charger.charge, key) for key in keys}
        handed_back = charge_each(jobs, self.executor, self.log, time_is_up)
        months = read_months(self.books, begun.batch.customer_ids, period).values()
        progress = record_progress(self.closes, self.books, self.clock, begun, Stage.CHARGED, round_number, months)
        refresh_gathered(self.closes, self.books, self.clock, months)
        return BatchResult(progress, *handed_back)
