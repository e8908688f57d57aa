"""Issuing and settling: after every step the invoices, the account and the ledger say the same."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.grant import GrantKind, merged
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs, sums_by_account
from monthclose.domain.invoices.invoice import Invoice, amount_due, issue, settle
from monthclose.domain.invoices.money_back import refund, reverse
from monthclose.domain.money import Money
from tests.unit.any import OCTOBER, a_customer, a_grant, an_entry, an_invoice, any_minor

GONE, GOOD = date(2026, 10, 30), date(2026, 10, 31)
"""Last days of grants: one that is gone when October ends, and one that still pays for October."""


class AnAccountsLife(RuleBasedStateMachine):
    """Any legal sequence of invoices, credits and payments of one customer."""

    def __init__(self) -> None:
        super().__init__()
        self.customer = a_customer()
        self.invoices: list[Invoice] = []
        self.entries: list[Entry] = []

    @rule(total=st.integers(-500, 500).filter(bool))
    def issue_an_invoice(self, total: int) -> None:
        invoice, self.customer, legs = issue(an_invoice(total, number=f"INV-{len(self.invoices)}"), self.customer)
        self.invoices.append(invoice)
        self.entries.append(an_entry(legs))

    @rule(
        minor=st.integers(1, 300), kind=st.sampled_from(GrantKind), last_day=st.none() | st.sampled_from([GONE, GOOD])
    )
    def grant_credit(self, minor: int, kind: GrantKind, last_day: date | None) -> None:
        granted = a_grant(f"grant-{len(self.entries)}", minor, kind, good_until=last_day)
        self.customer = credit.grant(self.customer, granted)
        self.entries.append(an_entry(entry_legs({Account.ALLOWANCE: minor, Account.CREDIT: -minor})))

    @rule()
    def october_ends(self) -> None:
        self.customer, lost, _ = credit.expire(self.customer, OCTOBER)
        if lost:
            self.entries.append(an_entry(entry_legs({Account.ALLOWANCE: -lost, Account.CREDIT: lost})))

    @precondition(lambda self: any(invoice.open for invoice in self.invoices))
    @rule(data=st.data())
    def collect_a_part(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from([i for i, invoice in enumerate(self.invoices) if invoice.open]))
        minor = data.draw(st.integers(0, self.invoices[index].open.minor))
        self._settle(index, Money(minor, "USD"))

    @precondition(lambda self: bool(self.invoices))
    @rule(data=st.data())
    def collect_what_is_due(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.invoices) - 1))
        due = amount_due(self.invoices[index], self.customer)
        self._settle(index, due)
        assert not self.invoices[index].open, "what is due and the credit leave nothing open"

    def _settle(self, index: int, collected: Money) -> None:
        before = self.invoices[index]
        after, self.customer, legs = settle(before, self.customer, collected)
        assert after.collected_minor == before.collected_minor + collected.minor
        self.invoices[index] = after
        if legs:
            self.entries.append(an_entry(legs))  # an entry that doesn't balance raises

    @invariant()
    def each_total_is_collected_credited_written_off_or_open(self) -> None:
        for invoice in self.invoices:
            settled = invoice.collected_minor + invoice.credited_minor + invoice.written_off_minor
            assert max(invoice.total_minor, 0) == settled + invoice.open.minor
            assert invoice.open.minor >= 0

    @invariant()
    def the_receivable_is_the_sum_of_what_is_open(self) -> None:
        assert self.customer.receivable_minor == sum(invoice.open.minor for invoice in self.invoices)

    @invariant()
    def the_balance_is_the_ledger_s(self) -> None:
        sums = sums_by_account(self.entries).get("USD", {})
        assert sums.get(Account.RECEIVABLE, 0) == self.customer.receivable_minor
        assert sums.get(Account.CREDIT, 0) == -self.customer.credit_minor
        assert sums.get(Account.REVENUE, 0) == -sum(invoice.total_minor for invoice in self.invoices)
        assert sums.get(Account.CLEARING, 0) == sum(invoice.collected_minor for invoice in self.invoices)

    @invariant()
    def nobody_is_asked_for_more_than_is_open_or_than_they_owe(self) -> None:
        for invoice in self.invoices:
            due = amount_due(invoice, self.customer).minor
            assert 0 <= due <= invoice.open.minor
            assert due <= max(self.customer.receivable_minor - credit.usable_minor(self.customer, OCTOBER), 0)

    @invariant()
    def no_grant_has_more_than_was_granted_or_than_there_is(self) -> None:
        assert all(0 < part.minor <= part.grant.minor for part in self.customer.grants)
        used = [part for invoice in self.invoices for part in invoice.grants_used]
        merged(*self.customer.grants, *used)  # raises if together they are more than was granted


TestAnAccountsLife = AnAccountsLife.TestCase
TestAnAccountsLife.settings = settings(max_examples=60, stateful_step_count=20)


def test_an_invoice_uses_credit_first_and_leaves_the_rest_open() -> None:
    invoice, customer, _ = issue(an_invoice(1000), a_customer(credit=300))
    assert (invoice.credited_minor, invoice.open.minor) == (300, 700)
    assert (customer.receivable_minor, customer.credit_minor, customer.last_invoiced_minor) == (700, 0, 1000)


def test_an_invoice_uses_no_more_credit_than_it_needs() -> None:
    invoice, customer, _ = issue(an_invoice(1000), a_customer(credit=5000))
    assert (invoice.credited_minor, invoice.open.minor, customer.credit_minor) == (1000, 0, 4000)


def test_a_negative_invoice_becomes_credit_and_charges_nothing() -> None:
    invoice, customer, _ = issue(an_invoice(-1000), a_customer(receivable=200, credit=5))
    assert not invoice.open
    assert (customer.receivable_minor, customer.credit_minor, customer.last_invoiced_minor) == (200, 1005, 0)


def test_credit_that_came_after_the_invoice_is_used_when_it_is_settled() -> None:
    settled, customer, _ = settle(an_invoice(1000), a_customer(receivable=1000, credit=400), Money(600, "USD"))
    assert (settled.collected_minor, settled.credited_minor, settled.open.minor) == (600, 400, 0)
    assert (customer.receivable_minor, customer.credit_minor) == (0, 0)


def test_credit_covers_nothing_that_was_collected() -> None:
    settled, customer, _ = settle(an_invoice(1000), a_customer(receivable=1000, credit=400), Money(1000, "USD"))
    assert (settled.credited_minor, customer.credit_minor) == (0, 400)


@pytest.mark.parametrize(
    ("receivable", "credit", "due"),
    [(1000, 0, 1000), (1000, 400, 600), (1000, 1500, 0), (5000, 0, 1000), (1000, 1000, 0)],
)
def test_the_amount_due_is_the_open_amount_but_no_more_than_the_customer_owes_overall(
    receivable: int, credit: int, due: int
) -> None:
    assert amount_due(an_invoice(1000), a_customer(receivable=receivable, credit=credit)) == Money(due, "USD")


@given(any_minor(1, 10**9), any_minor(1, 10**9))
def test_money_collected_beyond_the_open_amount_becomes_credit(total: int, more: int) -> None:
    settled, customer, legs = settle(an_invoice(total), a_customer(receivable=total), Money(total + more, "USD"))
    assert (settled.open.minor, settled.collected_minor, customer.credit_minor) == (0, total, more)
    assert sum(leg.minor for leg in legs) == 0


def test_a_payment_reversed_by_the_bank_reopens_the_invoice() -> None:
    paid, customer, _ = settle(an_invoice(1000), a_customer(receivable=1000), Money(1000, "USD"))
    (reopened, owing, legs), lost = reverse(paid, customer, Money(1000, "USD"), excess_minor=0)
    assert not lost
    assert (reopened.open.minor, owing.receivable_minor) == (1000, 1000)
    assert {leg.account: leg.minor for leg in legs} == {Account.CLEARING: -1000, Account.RECEIVABLE: 1000}


def test_credit_from_an_overpayment_is_clawed_back_when_the_payment_is_reversed() -> None:
    paid, customer, _ = settle(an_invoice(1000), a_customer(receivable=1000), Money(1300, "USD"))
    (reopened, owing, _), lost = reverse(paid, customer, Money(1300, "USD"), excess_minor=300)
    assert not lost
    assert (reopened.open.minor, owing.receivable_minor, owing.credit_minor) == (1000, 1000, 0)


def test_a_refund_leaves_the_invoice_settled_and_is_written_off() -> None:
    paid, customer, _ = settle(an_invoice(1000), a_customer(receivable=1000), Money(1000, "USD"))
    (refunded, after, legs), _ = refund(paid, customer, Money(300, "USD"), excess_minor=0)
    assert (refunded.open.minor, refunded.collected_minor, refunded.written_off_minor) == (0, 700, 300)
    assert after.receivable_minor == 0
    assert {leg.account: leg.minor for leg in legs} == {Account.CLEARING: -300, Account.WRITE_OFF: 300}


def test_a_refund_of_an_overpayment_comes_from_the_credit_that_it_became() -> None:
    paid, customer, _ = settle(an_invoice(1000), a_customer(receivable=1000), Money(1300, "USD"))
    (refunded, after, legs), _ = refund(paid, customer, Money(300, "USD"), excess_minor=300)
    assert (refunded.collected_minor, after.credit_minor) == (1000, 0)
    assert {leg.account: leg.minor for leg in legs} == {Account.CLEARING: -300, Account.CREDIT: 300}


def test_money_in_another_currency_cannot_settle_an_invoice() -> None:
    with pytest.raises(ValueError, match="cannot be mixed"):
        settle(an_invoice(1000), a_customer(receivable=1000), Money(1000, "EUR"))


@pytest.mark.parametrize(
    "step",
    [lambda i, c: issue(i, c)[0], lambda i, c: settle(i, c, Money(400, "USD"))[0]],
    ids=["issue", "settle"],
)
def test_the_invoiced_amount_itself_never_changes(step: Callable[..., Invoice]) -> None:
    before = an_invoice(1000)
    after = step(before, a_customer(receivable=1000, credit=100))
    assert replace(after, collected_minor=0, credited_minor=0) == before


def test_a_written_off_amount_is_not_open() -> None:
    assert an_invoice(1000, collected=100, credited=200, written_off=300).open == Money(400, "USD")
