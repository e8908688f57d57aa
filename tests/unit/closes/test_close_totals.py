"""The totals that the status and the report are made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.accounts.ledger import Account, Leg
from monthclose.domain.closes.close import Batch, BatchProgress, Stage, Totals, totals_of
from monthclose.domain.closes.proof import check_totals
from monthclose.domain.invoices.invoice import issue, settle
from monthclose.domain.month import CustomerMonth, HoldAction, HoldChange, Notice, NoticeState, Parking
from monthclose.domain.payments.payment import PaymentState
from tests.unit.any import NOW, OCTOBER, a_customer, a_payment, an_entry, an_invoice

S = PaymentState


def parked(reason: str = "no_price", *, active: bool = True) -> Parking:
    return Parking("C-1", OCTOBER, reason, "…", NOW, active=active)


@st.composite
def a_month(draw: st.DrawFn, currency: str = "USD") -> CustomerMonth:
    """One customer's month as a close leaves it, consistent in itself."""
    total = draw(st.integers(-1000, 1000))
    parking = draw(st.sampled_from([None, parked(), parked(active=False)]))
    if not total:
        return CustomerMonth(parking=parking)
    account = a_customer(credit=draw(st.integers(0, 500)), currency=currency)
    invoice, account, legs = issue(an_invoice(total, currency=currency), account)
    entries = [an_entry(legs, currency=currency)]
    state = (
        draw(st.sampled_from([S.PAID, S.DECLINED, S.PENDING, S.UNKNOWN, S.READY])) if invoice.open else S.NOTHING_DUE
    )
    payment = a_payment(state, amount=invoice.open.minor, currency=currency, code="x" if state is S.DECLINED else "")
    if state is S.PAID:
        invoice, account, legs = settle(invoice, account, invoice.open)
        entries.append(an_entry(legs, "payment/1", currency))
    return CustomerMonth(
        invoice,
        payment,
        draw(st.sampled_from([None, Notice("C-1", OCTOBER, "receipt", NoticeState.SENT, NOW)])),
        draw(st.sampled_from([(), (HoldChange("C-1", OCTOBER, HoldAction.PLACED, "x", NOW),)])),
        parking,
        tuple(entries),
    )


def any_month() -> SearchStrategy[CustomerMonth]:
    return st.sampled_from(["USD", "JPY"]).flatmap(a_month)


any_months = st.lists(any_month(), max_size=8)


@given(any_months, any_months)
def test_totals_are_the_same_however_the_customers_are_split_into_batches(
    some: list[CustomerMonth], others: list[CustomerMonth]
) -> None:
    (a, a_unsettled), (b, b_unsettled) = totals_of(some), totals_of(others)
    assert totals_of([*some, *others]) == (a + b, a_unsettled + b_unsettled)
    assert a + b == b + a
    assert a + Totals() == a


@given(any_months)
def test_every_customer_has_exactly_one_outcome(months: list[CustomerMonth]) -> None:
    totals, _ = totals_of(months)
    assert sum(totals.customers.values()) == len(months)
    assert sum(totals.payments.values()) == totals.customers.get("invoiced", 0)


def test_a_notified_customer_charged_again_does_not_hide_one_not_yet_notified() -> None:
    invoice, told = an_invoice(100), Notice("C-1", OCTOBER, "declined", NoticeState.SENT, NOW)
    charged_again = CustomerMonth(invoice, a_payment(S.UNKNOWN, amount=100), told)
    not_told = CustomerMonth(invoice, a_payment(S.DECLINED, amount=100))
    totals, _ = totals_of([charged_again, not_told])
    assert totals.untold == 1


@given(any_months)
def test_each_currency_s_sums_tie_and_agree_with_the_ledger(months: list[CustomerMonth]) -> None:
    totals, _ = totals_of(months)
    for currency, money in totals.money.items():
        sums = {**dict.fromkeys(("invoiced", "collected", "credited", "open", "credit_granted"), 0), **money}
        assert sums["invoiced"] == sums["collected"] + sums["credited"] + sums["open"]
        ledger = totals.ledger[currency]
        assert ledger.get("clearing", 0) == sums["by_providers"]
        assert ledger.get("receivable", 0) == sums["open"]
        assert ledger.get("credit", 0) == sums["credited"] - sums["credit_granted"]


def nonzero(totals: Totals) -> dict[str, int]:
    return {name: minor for name, minor in totals.money["USD"].items() if minor}


def test_credit_granted_by_hand_counts_in_the_month_it_was_granted_even_without_an_invoice() -> None:
    legs = (Leg(Account.ALLOWANCE, 300), Leg(Account.CREDIT, -300))
    totals, _ = totals_of([CustomerMonth(entries=(an_entry(legs, "granted/1"),))])
    assert nonzero(totals) == {"credit_granted": 300}
    assert check_totals(totals, 1) == []


def test_all_payments_of_an_invoice_count() -> None:
    manual = a_payment(S.PAID, amount=400, sequence=2)
    month = CustomerMonth(an_invoice(1000, collected=400), a_payment(S.UNKNOWN, amount=600), manual=(manual,))
    totals, unsettled = totals_of([month])
    assert (totals.money["USD"]["by_providers"], totals.money["USD"]["pending"], unsettled) == (400, 600, 1)


def test_the_records_of_one_customer_are_counted_by_their_states() -> None:
    month = CustomerMonth(
        an_invoice(1000, collected=100, credited=200, written_off=300),
        a_payment(S.DECLINED, amount=700, code="expired_card"),
        Notice("C-1", OCTOBER, "declined", NoticeState.SENT, NOW),
        (HoldChange("C-1", OCTOBER, HoldAction.PLACED, "…", NOW),),
    )
    totals, unsettled = totals_of([month])
    assert totals.customers == {"invoiced": 1}
    assert totals.payments == {"declined": 1}
    assert totals.notices == {"sent": 1}
    assert totals.holds == {"placed": 1}
    assert totals.declines == {"expired_card": 1}
    assert nonzero(totals) == {"invoiced": 1000, "collected": 100, "credited": 200, "written_off": 300, "open": 400}
    assert unsettled == 0


@pytest.mark.parametrize(
    ("state", "pending", "unsettled"),
    [(S.PENDING, 700, 0), (S.CHARGING, 700, 1), (S.UNKNOWN, 700, 1), (S.DECLINED, 0, 0), (S.PAID, 0, 0)],
)
def test_pending_is_what_a_provider_may_be_collecting_right_now(
    state: PaymentState, pending: int, unsettled: int
) -> None:
    totals, left = totals_of([CustomerMonth(an_invoice(1000), a_payment(state, amount=700))])
    assert (totals.money["USD"]["pending"], left) == (pending, unsettled)


def test_a_negative_invoice_counts_as_credit_granted_and_not_as_invoiced() -> None:
    totals, _ = totals_of([CustomerMonth(an_invoice(-500), a_payment(S.NOTHING_DUE))])
    assert nonzero(totals) == {"negative": 500}
    assert totals.customers == {"invoiced": 1}


@pytest.mark.parametrize(
    ("month", "outcome", "reasons"),
    [
        (CustomerMonth(), {"nothing_to_bill": 1}, {}),
        (CustomerMonth(parking=parked()), {"parked": 1}, {"no_price": 1}),
        (CustomerMonth(parking=parked(active=False)), {"nothing_to_bill": 1}, {}),
        (CustomerMonth(an_invoice(), parking=parked("payment_unsettled")), {"invoiced": 1}, {"payment_unsettled": 1}),
    ],
)
def test_a_customer_is_invoiced_parked_or_has_nothing_to_bill(
    month: CustomerMonth, outcome: dict[str, int], reasons: dict[str, int]
) -> None:
    totals, _ = totals_of([month])
    assert (totals.customers, totals.parked) == (outcome, reasons)


@pytest.mark.parametrize(
    ("stage", "unsettled", "finished"),
    [(Stage.CLOSED, 0, True), (Stage.CLOSED, 1, False), (Stage.NOTIFIED, 0, False), (Stage.GENERATED, 0, False)],
)
def test_a_batch_is_finished_when_all_stages_are_done_and_every_payment_is_settled(
    stage: Stage, unsettled: int, finished: bool
) -> None:
    batch = Batch(0, "stripe", ("C-1",))
    assert BatchProgress(OCTOBER, batch, stage, 1, Totals(), unsettled, NOW).finished is finished
