"""Apply holds: put customers who don't pay on hold, and lift the holds of those who did."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import batched

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.close import BatchProgress, Stage
from monthclose.domain.collections.dunning import DunningPolicy, telling_due
from monthclose.domain.collections.hold import HoldPolicy, decide_hold
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange
from monthclose.domain.period import Period
from monthclose.errors import ProviderPausedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, TimeIsUp
from monthclose.use_cases.batch_work import (
    READ_AHEAD,
    begun_batch,
    read_accounts,
    record_progress,
    refresh_soon,
    retry_conflicts,
)
from monthclose.use_cases.tellers import TellsHolds


@dataclass(slots=True)
class _Mail:
    """Why mail has no turn for a batch, if it has none: waiting for one takes a quarter of a minute a customer."""

    paused: ProviderPausedError | None = None


@dataclass(frozen=True, slots=True)
class HoldKeeper:
    """Decides customers' holds, by all of their months.

    Parameters
    ----------
    teller : TellsHolds or None
        Tells customers about changes that no other e-mail mentions; with None nobody is told.
    """

    books: Books
    closes: Closes
    policy: HoldPolicy
    clock: Clock
    dunning: DunningPolicy
    teller: TellsHolds | None = None

    def today(self) -> date:
        """The company's day."""
        return self.dunning.calendar.day(self.clock())

    def apply(
        self, period: Period, number: int, round_number: int, time_is_up: TimeIsUp = lambda: False
    ) -> BatchProgress:
        """Place and lift the holds of a batch; its last stage.

        Raises
        ------
        TryLaterError
            Time is up, or the mail service is briefly unavailable; the next call does the rest.
        """
        begun = begun_batch(self.closes, period, number)
        months, mail = list[CustomerMonth](), _Mail()
        for some in batched(begun.batch.customer_ids, READ_AHEAD, strict=False):
            accounts = read_accounts(self.books, some)
            for name in some:
                if time_is_up():
                    raise TryLaterError(f"the holds of batch {number} of {period} are not all applied")
                customer = accounts.get(name) or self.books.customer(name)
                months.append(self._month_after_review(name, customer, period, mail))
        return record_progress(self.closes, self.books, self.clock, begun, Stage.CLOSED, round_number, months)

    def review_all(self, customer_ids: Iterable[str], today: date, closing: frozenset[Period]) -> list[HoldChange]:
        """Place and lift the holds of customers outside of a close, and return what changed.

        Parameters
        ----------
        closing : frozenset of Period
            Months that a close works on right now: their customers are left to it.

        Raises
        ------
        ProviderPausedError
            Mail has no turn. All holds are placed and lifted; the next call tells the customers who were not told.
        """
        changes, mail = [], _Mail()
        for name in customer_ids:
            if closing and closing & self.books.months(name).keys():
                continue
            change = self._change(name, None, today)
            if change:
                changes.append(change)
                self._refresh(change)
            self._tell_in_turn(name, mail)
        if mail.paused:
            raise mail.paused
        return changes

    def review(self, customer_id: str, *, period: Period | None = None, today: date | None = None) -> HoldChange | None:
        """Decide a customer's hold again, and return what changed. The caller tells the customer.

        Parameters
        ----------
        period : Period or None
            The month to note the change in; default: the one that it is about.
        """
        return retry_conflicts(partial(self._decide, customer_id, period, today))

    def keep(self, customer_id: str, *, period: Period | None = None, today: date | None = None) -> HoldChange | None:
        """Decide a customer's hold again, tell them if it has changed, and return what changed.

        Nobody is put on hold for an invoice whose notice is still to be sent: it is decided again with that notice.

        Raises
        ------
        TryLaterError
            Lost every race, or the mail service is briefly unavailable; the same call continues.
        """
        change = self._change(customer_id, period, today)
        self.tell(customer_id)
        return change

    def settle_up(self, customer_id: str, changed: Iterable[tuple[Period, CustomerMonth]]) -> None:
        """Lift the hold if it can be, and bring the sums of the changed months up to date; the caller tells."""
        customer = self.books.customer(customer_id)
        if customer and customer.held_since:
            self.review(customer_id)
        for period, month in changed:
            if month.payment:
                refresh_soon(self.closes, self.books, self.clock, period, month.payment.batch)

    def tell(self, customer_id: str) -> None:
        """Tell a customer about the latest change of their hold, if that is news to them."""
        if self.teller:
            self.teller.tell(customer_id)

    def _month_after_review(
        self, customer_id: str, customer: Customer | None, period: Period, mail: _Mail
    ) -> CustomerMonth:
        if customer and (customer.held_since or customer.receivable_minor):  # all months are read for these only
            self._change(customer_id, period, None)
            self._tell_in_turn(customer_id, mail)  # if it has none, neither has the month's notice, which will say it
        return self.books.month(customer_id, period)

    def _tell_in_turn(self, customer_id: str, mail: _Mail) -> None:
        try:
            if not mail.paused:
                self.tell(customer_id)
        except ProviderPausedError as error:
            mail.paused = error

    def _change(self, customer_id: str, period: Period | None, today: date | None) -> HoldChange | None:
        return retry_conflicts(partial(self._decide, customer_id, period, today, waits_for_notice=True))

    def _decide(
        self, customer_id: str, period: Period | None, today: date | None, *, waits_for_notice: bool = False
    ) -> HoldChange | None:
        # The account first: a payment that begins after this changes it, and then nothing is written.
        customer = self.books.customer(customer_id)
        if customer is None:
            return None
        months, now = self.books.months(customer_id), self.clock()
        decision = decide_hold(customer, months, self.policy, self.dunning, today or self.today())
        if decision is None:
            return None
        placed = decision.action is HoldAction.PLACED
        if placed and waits_for_notice and telling_due(months[decision.period]):
            return None
        noted = period or decision.period
        number = len(months[noted].holds) + 1 if noted in months else 1
        after = customer.put_on_hold(now, decision.reason) if placed else customer.off_hold()
        change = HoldChange(customer_id, noted, decision.action, decision.reason, now, number)
        self.books.commit(after, change)
        return change

    def _refresh(self, change: HoldChange) -> None:
        payment = self.books.month(change.customer_id, change.period).payment
        if payment:
            refresh_soon(self.closes, self.books, self.clock, change.period, payment.batch)
