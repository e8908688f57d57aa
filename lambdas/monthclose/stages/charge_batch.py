"""Charge a batch: each of its customers by the protocol of `charge_customers`, one's trouble apart from another's."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from monthclose.domain.close import BatchProgress, Stage
from monthclose.domain.payment import PaymentKey
from monthclose.domain.period import Period
from monthclose.errors import ProviderPausedError, ProviderRefusedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, Log
from monthclose.stages.batch_work import begun_batch, log_failure, record_progress, side_by_side
from monthclose.stages.charge_customers import Charger


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
        self, period: Period, number: int, round_number: int, time_is_up: Callable[[], bool] = lambda: False
    ) -> BatchResult:
        """Charge each customer of a batch that has something to pay, until done or `time_is_up`.

        Each customer's payment is a checkpoint of its own: whoever takes the batch up again finds who is through.

        Raises
        ------
        ProviderRefusedError
            The provider doesn't accept us; there is no point in going on.
        """
        begun = begun_batch(self.closes, period, number)

        def one(customer_id: str) -> float | None:
            return 0 if time_is_up() else self._charge_one(PaymentKey(customer_id, period))

        charged = side_by_side(self.executor, one, begun.batch.customer_ids)
        pauses = [pause for pause in charged if pause is not None]
        progress = record_progress(self.closes, self.books, self.clock, begun, Stage.CHARGED, round_number)
        return BatchResult(progress, len(pauses), max(pauses, default=0))

    def _charge_one(self, key: PaymentKey) -> float | None:
        """Charge a customer; the answer is None, or after how many seconds to begin with them.

        A payment that broke off stays unsettled, which the progress shows and the repair round takes up.
        """
        try:
            self.charger.charge(key)
        except ProviderRefusedError:
            raise
        except ProviderPausedError as error:
            return error.seconds
        except TryLaterError as error:
            self.log.warning("charge comes later", extra={"payment": key.payment_id, "why": str(error)})
        except Exception as error:
            log_failure(self.log, "charge failed", key.payment_id, error)
        return None
