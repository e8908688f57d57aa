"""Charge a batch: each of its customers by the protocol of `charge_customers`, one's trouble apart from another's."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from monthclose.domain.close import BatchProgress, Stage
from monthclose.domain.period import Period
from monthclose.errors import ProviderRefusedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, Log
from monthclose.stages.batch_work import begun_batch, record_progress
from monthclose.stages.charge_customers import Charger


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch's charges; `handed_back` counts the customers that time didn't suffice for."""

    progress: BatchProgress
    handed_back: int


@dataclass(frozen=True, slots=True)
class BatchCharger:
    """Charges the customers of a batch."""

    charger: Charger
    books: Books
    closes: Closes
    clock: Clock
    log: Log

    def charge(
        self, period: Period, number: int, round_number: int, time_is_up: Callable[[], bool] = lambda: False
    ) -> BatchResult:
        """Charge each customer of a batch that has something to pay, until done or `time_is_up`.

        One customer's trouble doesn't keep the others from being charged: their payment stays unsettled, which
        the progress shows and the repair round takes up.

        Raises
        ------
        ProviderRefusedError
            The provider doesn't accept us; there is no point in going on.
        """
        begun = begun_batch(self.closes, period, number)
        handed_back = 0
        for customer_id in begun.batch.customer_ids:
            if time_is_up():
                handed_back += 1
            else:
                self._charge_one(customer_id, period)
        progress = record_progress(self.closes, self.books, self.clock, begun, Stage.CHARGED, round_number)
        return BatchResult(progress, handed_back)

    def _charge_one(self, customer_id: str, period: Period) -> None:
        try:
            self.charger.charge(customer_id, period)
        except ProviderRefusedError:
            raise
        except TryLaterError as error:
            self.log.warning("charge comes later", extra={"customer_id": customer_id, "why": str(error)})
        except Exception as error:
            # Not the message: those of other people's code may hold addresses or amounts.
            where = traceback.extract_tb(error.__traceback__)[-1]
            found = {"customer_id": customer_id, "error": type(error).__name__, "where": f"{where.name}:{where.lineno}"}
            self.log.error("charge failed", extra=found)  # noqa: TRY400 (no trace: it would quote the message)
