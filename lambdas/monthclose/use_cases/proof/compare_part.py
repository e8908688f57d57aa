"""Read one part of a comparison: a window of a provider's record, or the payments of some of our batches.

What is read is counted, and kept in sorted runs; nothing is compared yet (see `join_comparison`). A part works until
its time is up and keeps where it was, so the next call continues.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import NamedTuple

from monthclose.domain.closes.close import BatchProgress, Close, totals_of
from monthclose.domain.closes.tally import Tally
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.errors import OutcomeUnknownError, ProviderRefusedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, PaymentGateway, Tell, TimeIsUp
from monthclose.use_cases.batch_work import record_progress, side_by_side
from monthclose.use_cases.proof.check_batch import BatchChecker, Scope
from monthclose.use_cases.proof.comparison_store import ComparisonPlan, ComparisonStore, Part, PartState, RunWriter

_CUSTOMERS_AT_ONCE = 2_000
"""Whose months are read before the time is looked at again: some seconds."""

type _Payment = tuple[int, int, Payment]
"""A batch's number, a customer's place in it, and a payment of theirs."""


class _Found(NamedTuple):
    """What a batch has: its payments, and what the checks of its records add up to."""

    payments: Sequence[_Payment] = ()
    checks: Tally = Tally()


@dataclass(frozen=True, slots=True)
class PartReader:
    """Reads the parts of comparisons.

    Parameters
    ----------
    gateways : mapping
        Makes each provider's gateway.
    """

    books: Books
    closes: Closes
    gateways: Mapping[str, Callable[[], PaymentGateway]]
    store: ComparisonStore
    checker: BatchChecker
    clock: Clock
    executor: Executor

    def read(
        self,
        plan: ComparisonPlan,
        number: int,
        close: Close,
        *,
        time_is_up: TimeIsUp = lambda: False,
        tell: Tell = lambda _: None,
    ) -> bool:
        """Read a part from where it was, and return whether that is all for now.

        It is if the part is complete, or if the provider refuses us: asking at once again would never end. The next
        comparison asks again.

        Raises
        ------
        TryLaterError
            The provider, or AWS, is briefly unavailable, or an answer was lost. What was read so far is kept.
        """
        part, state = plan.parts[number], self.store.part(plan, number)
        if state.done:
            return True
        writer, state.trouble = self.store.writer(plan, number, state), ""
        read = self._read_theirs if part.provider else partial(self._read_ours, plan)
        down: Exception | None = None
        try:
            for _ in read(part, close, state, writer):
                if writer.full:
                    writer.store()
                    self.store.put_part(plan, number, state)
                tell(f"{close.period}: {state.counts.total():,} {_what(part)} read")
                if time_is_up():
                    break
        except (ProviderRefusedError, TryLaterError, OutcomeUnknownError) as error:
            state.trouble, down = str(error), error
        writer.store()
        self.store.put_part(plan, number, state)
        if isinstance(down, TryLaterError | OutcomeUnknownError):
            raise TryLaterError(str(down)) from down  # by this name, which the state machine retries
        return state.done or down is not None

    def _read_theirs(self, part: Part, close: Close, state: PartState, writer: RunWriter) -> Iterator[None]:
        assert part.window is not None
        gateway = self.gateways[part.provider]()
        while not state.done:
            page = gateway.collected_for(close.period, part.window, state.after)
            for charge in page.charges:
                writer.add_charge(charge)
            for back in page.returned:
                writer.add_returned(back)
            state.after, state.done = page.after, not page.after
            yield

    def _read_ours(
        self, plan: ComparisonPlan, part: Part, close: Close, state: PartState, writer: RunWriter
    ) -> Iterator[None]:
        left = range(int(state.after or part.group), close.batches, part.groups)
        at_once = max(_CUSTOMERS_AT_ONCE * close.batches // max(close.customers, 1), 1)
        scope = self.checker.scope(close.period, thorough=plan.thorough)
        for numbers in batched(left, at_once, strict=False):
            for found in side_by_side(self.executor, partial(self._payments_of, close.period, scope), numbers):
                for batch, place, payment in found.payments:
                    writer.add_payment(payment, batch, place)
                state.checks.merge(found.checks)
            state.after = str(numbers[-1] + part.groups)
            state.done = numbers[-1] == left[-1]
            yield
        state.done = True

    def _payments_of(self, period: Period, scope: Scope, number: int) -> _Found:
        """Read the payments of a batch's customers, check its records, and bring its sums up to date."""
        progress = self.closes.progress(period, number)
        if progress is None:
            return _Found()
        checked = self.checker.check(progress, scope, self._refreshed)
        places = {customer_id: place for place, customer_id in enumerate(progress.batch.customer_ids)}
        payments = [
            (number, places[customer_id], payment)
            for customer_id, month in checked.months.items()
            for payment in month.payments
        ]
        return _Found(payments, checked.tally)

    def _refreshed(self, progress: BatchProgress, months: Iterable[CustomerMonth]) -> BatchProgress:
        months = list(months)
        if totals_of(months) == (progress.totals, progress.unsettled):
            return progress
        return record_progress(self.closes, self.books, self.clock, progress, progress.stage, progress.round, months)


def _what(part: Part) -> str:
    return f"charges of {part.provider}" if part.provider else "payments of ours"
