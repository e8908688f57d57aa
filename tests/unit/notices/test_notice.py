"""Notices: one, after the outcome of the charge is known."""

import pytest

from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.notices.notice import NoticeKind, notice_due
from monthclose.domain.payments.payment import PaymentState
from tests.unit.any import NOW, OCTOBER, a_payment, an_invoice

KINDS = {
    PaymentState.PAID: NoticeKind.RECEIPT,
    PaymentState.NOTHING_DUE: NoticeKind.CREDIT,
    PaymentState.DECLINED: NoticeKind.DECLINED,
    PaymentState.ACTION_REQUIRED: NoticeKind.ACTION_REQUIRED,
    PaymentState.NO_PAYMENT_METHOD: NoticeKind.NO_PAYMENT_METHOD,
    PaymentState.PENDING: NoticeKind.PENDING,
    PaymentState.NO_ADAPTER: NoticeKind.OPEN,
}


@pytest.mark.parametrize("state", PaymentState)
def test_the_payments_outcome_decides_the_notice_and_nothing_is_sent_before_it_is_known(
    state: PaymentState,
) -> None:
    assert notice_due(CustomerMonth(an_invoice(), a_payment(state))) == KINDS.get(state)


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (NoticeState.SENT, False),
        (NoticeState.CLAIMED, False),
        (NoticeState.REFUSED, False),
        (NoticeState.WITHDRAWN, True),
    ],
)
def test_there_is_no_second_notice_unless_the_first_was_certainly_not_sent(state: NoticeState, due: bool) -> None:
    notice = Notice("C-1", OCTOBER, NoticeKind.RECEIPT, state, NOW)
    month = CustomerMonth(an_invoice(), a_payment(PaymentState.PAID), notice)
    assert (notice_due(month) is NoticeKind.RECEIPT) is due


@pytest.mark.parametrize(
    "month", [CustomerMonth(), CustomerMonth(an_invoice()), CustomerMonth(payment=a_payment(PaymentState.PAID))]
)
def test_without_an_invoice_and_a_payment_there_is_no_notice(month: CustomerMonth) -> None:
    assert notice_due(month) is None
