"""Send notices: one e-mail per customer and close, after the charge's outcome is known.

Mail has a limit of its own. A batch does not wait for its turn for long: what it leaves is sent after the charging, at
mail's pace, before the close is proved; and what the day's quota leaves then, by the reconciler.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import batched
from threading import Event

from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.period import Period
from monthclose.errors import ProviderPausedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, TimeIsUp
from monthclose.use_cases.batch_work import begun_batch, read_months, record_progress, side_by_side
from monthclose.use_cases.notices.tell_customer import CustomerTeller

SENDERS = 16
"""Batches whose notices are sent at once after the charging: at 0.15 s a notice, some 100 a second."""
SIDE_BY_SIDE = 4
"""Notices of a batch that are sent at once: while one waits for SES, another is written. They share leases of slots."""
WAIT, SENDING = timedelta(seconds=30), timedelta(seconds=0.22)
"""How long a batch waits for mail, and what one notice takes a function of half a GB: 80 ms of it are SES's. A batch of
1,000 has 250 s of the function's 300."""


type _Each = Callable[[Callable[[str], None], list[str]], object]
"""Does something for each customer."""


def _never() -> bool:
    return False


def _one_by_one(work: Callable[[str], None], customer_ids: list[str]) -> None:
    for customer_id in customer_ids:
        work(customer_id)


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """Sends the notices of a batch."""

    books: Books
    closes: Closes
    teller: CustomerTeller
    clock: Clock
    executor: Executor

    def can_send(self) -> bool:
        """Wait for this thread's turn to send, and say whether it came: in time, and before the quota was used up."""
        try:
            self.teller.mailer.wait_for_turn()
        except TryLaterError:
            return False
        return True

    def send(self, period: Period, number: int, round_number: int, time_is_up: TimeIsUp = _never) -> BatchProgress:
        """Send each customer of a batch the notice that is due: the close's, or one about a later outcome.

        Customers for whom there is no time, no slot or no quota stay untold, and count as such in the progress.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends the rest.
        """
        return self._send(begun_batch(self.closes, period, number), round_number, time_is_up, _one_by_one)

    def send_promptly(
        self, period: Period, number: int, round_number: int, time_is_up: TimeIsUp = _never
    ) -> BatchProgress:
        """Send as `send` does, some side by side, and wait for mail no longer than half a minute.

        What sending itself takes comes on top. Batches wait side by side, too: some ten at once use up SES's usual
        rate.
        """
        progress = begun_batch(self.closes, period, number)
        until = self.clock() + WAIT + len(progress.batch.customer_ids) * SENDING

        def over() -> bool:
            return time_is_up() or self.clock() > until

        return self._send(progress, round_number, over, partial(side_by_side, self.executor))

    def _send(self, progress: BatchProgress, round_number: int, time_is_up: TimeIsUp, each: _Each) -> BatchProgress:
        months, halted = read_months(self.books, progress.batch.customer_ids, progress.period), Event()

        def tell(customer_id: str) -> None:
            if halted.is_set() or time_is_up():
                return
            try:
                months[customer_id] = self.teller.tell(customer_id, progress.period, months[customer_id])
            except ProviderPausedError:
                halted.set()
            except BaseException:
                halted.set()
                raise

        each(tell, list(months))
        return record_progress(
            self.closes, self.books, self.clock, progress, Stage.NOTIFIED, round_number, months.values()
        )


@dataclass(frozen=True, slots=True)
class Remaining:
    """What came of sending the notices that the batches left.

    Parameters
    ----------
    sent, left : int
        Customers who were told, and who still are not.
    """

    sent: int
    left: int

    @property
    def again(self) -> bool:
        """Whether another call would send more. If this one sent none, what is left waits for something else."""
        return bool(self.left and self.sent)


@dataclass(frozen=True, slots=True)
class RemainingSender:
    """Sends the notices that a close's batches have left."""

    closes: Closes
    sender: NoticeSender
    executor: Executor

    def send(self, period: Period, time_is_up: TimeIsUp = _never) -> Remaining:
        """Send what is left, as fast as mail may be sent, until there is no time or no quota.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends the rest.
        """
        waiting = [found for found in self.closes.all_progress(period) if found.totals.untold]
        untold, left, halted = sum(found.totals.untold for found in waiting), 0, Event()
        one = self._one(time_is_up, halted)
        for chunk in batched(waiting, SENDERS, strict=False):
            left += sum(side_by_side(self.executor, one, chunk))
        return Remaining(untold - left, left)

    def _one(self, time_is_up: TimeIsUp, halted: Event) -> Callable[[BatchProgress], int]:
        def send(found: BatchProgress) -> int:
            if halted.is_set() or time_is_up() or not self.sender.can_send():
                halted.set()
                return found.totals.untold
            sent = self.sender.send(found.period, found.batch.number, found.round, time_is_up)
            return sent.totals.untold

        return send
