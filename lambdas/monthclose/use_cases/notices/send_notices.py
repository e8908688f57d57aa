"""Send notices: one e-mail per customer and close, after the charge's outcome is known.

Mail has a limit of its own. A batch does not wait for mail for long: what it leaves is sent after the charging, at
mail's pace, before the close is proved; and what the day's quota leaves then, by the reconciler.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import batched
from threading import Event
from typing import NamedTuple

from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.collections.dunning import telling_due
from monthclose.domain.period import Period
from monthclose.errors import ProviderPausedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, TimeIsUp
from monthclose.use_cases.batch_work import begun_batch, read_months, record_progress, side_by_side
from monthclose.use_cases.notices.tell_customer import CustomerTeller

SENDERS = 16
"""Batches whose notices are sent at once after the charging: at 0.15 s a notice, some 100 a second."""
MOST_WAITING = timedelta(seconds=30)
"""For how long a batch waits for mail, all of its customers together. Batches that wait do so side by side: with half a
minute each, some ten use up SES' usual rate. What it takes to write and send the e-mails is not waiting."""
SIDE_BY_SIDE = 4
"""Notices of a batch that are sent at once: while one waits for SES, another is written. They share leases of slots."""

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

    def send(
        self,
        period: Period,
        number: int,
        round_number: int,
        time_is_up: TimeIsUp = _never,
        most_waiting: timedelta = timedelta.max,
        each: _Each = _one_by_one,
    ) -> BatchProgress:
        """Send each customer of a batch the notice that is due: the close's, or one about a later outcome.

        Customers for whom there is no time, no slot or no quota stay untold, and count as such in the progress.

        Parameters
        ----------
        most_waiting : timedelta
            For how long to wait for mail, in all.
        each : callable
            Tells customers one after the other, or side by side.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends the rest.
        """
        progress = begun_batch(self.closes, period, number)
        months = read_months(self.books, progress.batch.customer_ids, period)
        halted, waits = Event(), list[timedelta]()

        def tell(customer_id: str) -> None:
            if halted.is_set() or telling_due(months[customer_id]) is None:
                return
            before = self.clock()
            if time_is_up() or sum(waits, timedelta()) > most_waiting or not self.can_send():
                halted.set()
                return
            waits.append(self.clock() - before)
            try:
                months[customer_id] = self.teller.tell(customer_id, period, months[customer_id])
            except ProviderPausedError:
                halted.set()
            except BaseException:
                halted.set()
                raise

        each(tell, list(months))
        return record_progress(
            self.closes, self.books, self.clock, progress, Stage.NOTIFIED, round_number, months.values()
        )

    def send_promptly(self, period: Period, number: int, round_number: int, time_is_up: TimeIsUp) -> BatchProgress:
        """Send as `send` does, some side by side, and wait for mail for no longer than `MOST_WAITING`."""
        each = partial(side_by_side, self.executor)
        return self.send(period, number, round_number, time_is_up, MOST_WAITING * SIDE_BY_SIDE, each)


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


class _Left(NamedTuple):
    """A batch with untold customers, without its customers: those of ten million don't fit into memory."""

    period: Period
    number: int
    round: int
    untold: int


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
        waiting = [
            _Left(period, found.batch.number, found.round, found.totals.untold)
            for found in self.closes.all_progress(period)
            if found.totals.untold
        ]
        untold, left, halted = sum(found.untold for found in waiting), 0, Event()
        one = self._one(time_is_up, halted)
        for chunk in batched(waiting, SENDERS, strict=False):
            left += sum(side_by_side(self.executor, one, chunk))
        return Remaining(max(untold - left, 0), left)  # more may be due by now than there were

    def _one(self, time_is_up: TimeIsUp, halted: Event) -> Callable[[_Left], int]:
        def send(found: _Left) -> int:
            if halted.is_set() or time_is_up() or not self.sender.can_send():
                halted.set()
                return found.untold
            sent = self.sender.send(found.period, found.number, found.round, time_is_up)
            return sent.totals.untold

        return send
