"""Reversed and returned money: what is booked does not depend on the order in which we hear of it."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.invoices.invoice import Invoice, issue, settle
from monthclose.domain.invoices.money_back import Effect, refund, regain, returned_by, reverse
from monthclose.domain.money import Money
from tests.unit.any import OCTOBER, a_customer, an_entry, an_invoice


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@dataclass
class Booked:
    """An invoice and its payment, booked as refunds and reversals are reported."""

    invoice: Invoice
    customer: Customer
    paid: int
    refunded: int = 0
    reversed: int = 0
    lost: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def excess(self) -> int:
        return self.paid - self.refunded - self.reversed - self.invoice.collected_minor

    def hear(self, refunded: int, reversed_: int) -> None:
        """Hear the total reversed and refunded so far, and book the differences."""
        if self.reversed > reversed_ or self.refunded > refunded:
            done = returned_by(self.entries, ("reversal/", "refund/"), self.lost)
            still = min(self.refunded, refunded), min(self.reversed, reversed_)
            self._book(regain(self.invoice, self.customer, done, usd(still[0]), usd(still[1]), self.excess), "refund/")
            self.refunded, self.reversed = still
        if self.reversed < reversed_:
            more = usd(reversed_ - self.reversed)
            self._book(reverse(self.invoice, self.customer, more, self.excess), "reversal/")
            self.reversed = reversed_
        if self.refunded < refunded:
            self._book(refund(self.invoice, self.customer, usd(refunded - self.refunded), self.excess), "refund/")
            self.refunded = refunded

    def _book(self, effect: Effect, what: str) -> None:
        self.invoice, self.customer, legs = effect.booking
        self.lost += effect.lost
        if legs:
            self.entries.append(an_entry(legs, f"{what}{len(self.entries)}"))

    @property
    def books(self) -> tuple[dict[Account, int], int, int, int]:
        """The ledger by account, and what the customer owes and is owed."""
        legs = Counter[Account]()
        for entry in self.entries:
            for leg in entry.legs:
                legs[leg.account] += leg.minor
        sums = {account: minor for account, minor in legs.items() if minor}
        return sums, self.invoice.open.minor, self.customer.receivable_minor, self.customer.credit_minor


def paid_with(paid: int, used_elsewhere: int = 0, total: int = 1_000) -> Booked:
    invoice, customer, _ = issue(an_invoice(total), a_customer())
    invoice, customer, _ = settle(invoice, customer, usd(paid))
    customer = credit.use(customer, min(used_elsewhere, customer.credit_minor), OCTOBER).customer
    return Booked(invoice, customer, paid)


amounts = st.integers(0, 1_500)
states = st.tuples(amounts, amounts)


@example(paid=1_001, used=0, path=[(1, 1_001)], last=(1, 0))
@example(paid=1_001, used=0, path=[(1, 0), (1, 1_001)], last=(0, 1_001))
@example(paid=1_002, used=1, path=[(1, 1_001)], last=(1, 0))
@given(paid=st.integers(1, 1_500), used=amounts, path=st.lists(states, max_size=6), last=states)
def test_whatever_was_reported_earlier_the_books_end_the_same(
    paid: int, used: int, path: list[tuple[int, int]], last: tuple[int, int]
) -> None:
    step_by_step, at_once = paid_with(paid, used), paid_with(paid, used)
    for refunded, reversed_ in (*path, last):
        step_by_step.hear(min(refunded, paid), min(reversed_, paid))
    at_once.hear(min(last[0], paid), min(last[1], paid))
    assert step_by_step.books == at_once.books


@given(paid=st.integers(1, 1_500), refunded=amounts, reversed_=amounts)
def test_a_refund_and_a_dispute_end_the_same_in_either_order(paid: int, refunded: int, reversed_: int) -> None:
    refunded, reversed_ = min(refunded, paid), min(reversed_, paid)
    refund_first, dispute_first = paid_with(paid), paid_with(paid)
    refund_first.hear(refunded, 0)
    refund_first.hear(refunded, reversed_)
    dispute_first.hear(0, reversed_)
    dispute_first.hear(refunded, reversed_)
    assert refund_first.books == dispute_first.books


@pytest.mark.parametrize(
    ("refunded", "reversed_", "still_open", "written_off"),
    [
        (0, 200, 200, 0),
        (500, 500, 500, 500),
        (500, 1_000, 1_000, 500),  # the bank returns all of it, also what was refunded: that refund is our loss
        (1_000, 0, 0, 1_000),
    ],
)
def test_a_refund_is_written_off_and_a_reversal_is_owed_again(
    refunded: int, reversed_: int, still_open: int, written_off: int
) -> None:
    told = paid_with(1_000)
    told.hear(refunded, reversed_)
    assert told.invoice.open.minor == told.customer.receivable_minor == still_open
    assert told.invoice.written_off_minor + told.lost == written_off


def test_a_refund_that_failed_leaves_no_trace_in_the_sums() -> None:
    told, before = paid_with(1_300), paid_with(1_300)
    told.hear(700, 0)
    assert (told.customer.credit_minor, told.invoice.written_off_minor) == (0, 400)
    told.hear(0, 0)
    assert (told.invoice, replace(told.customer, version=0)) == (before.invoice, replace(before.customer, version=0))


def test_a_dispute_that_is_won_in_part_leaves_the_rest_owed() -> None:
    told = paid_with(1_000)
    told.hear(0, 600)
    told.hear(0, 350)
    assert (told.invoice.open.minor, told.invoice.collected_minor) == (350, 650)


def test_credit_used_elsewhere_is_lost_when_its_payment_is_reversed_and_regained_when_the_money_returns() -> None:
    told = paid_with(1_300, used_elsewhere=300)
    told.hear(0, 1_300)
    assert (told.invoice.open.minor, told.lost) == (1_000, 300)
    told.hear(0, 0)
    assert (told.invoice.open.minor, told.lost, told.customer.credit_minor) == (0, 0, 0)
