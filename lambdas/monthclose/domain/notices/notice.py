"""Notices: which message a customer gets once the outcome of their charge is known."""

from collections.abc import Mapping
from enum import StrEnum

from monthclose.domain.accounts.addresses import Purpose
from monthclose.domain.month import CustomerMonth, NoticeState
from monthclose.domain.payments.payment import BELOW_MINIMUM, UNTAKEN, PaymentState


class NoticeKind(StrEnum):
    """What a notice says."""

    RECEIPT = "receipt"
    """The invoice, and that it was paid."""
    CREDIT = "credit"
    """The invoice, and that nothing is to be paid for it."""
    DECLINED = "declined"
    """The invoice, and that the charge was declined."""
    ACTION_REQUIRED = "action_required"
    """The invoice, and that the customer must authenticate the charge."""
    NO_PAYMENT_METHOD = "no_payment_method"
    """The invoice, and that there is no way to charge it."""
    PENDING = "pending"
    """The invoice, and that the money is being collected."""
    OPEN = "open"
    """The invoice, which has not been collected yet."""
    TOO_SMALL = "too_small"
    """The invoice, which is charged together with the next one, as it is too small for a charge."""
    NOT_CHARGEABLE = "not_chargeable"
    """The invoice, and that it must be paid another way, as the provider cannot take its amount or currency."""
    REMINDER = "reminder"
    """That the invoice is still to be paid."""
    LAST_REMINDER = "last_reminder"
    """The same, for the last time, and what happens then."""
    NEW_METHOD = "new_method"
    """That the invoice can only be paid with another payment method."""
    ACTION_REMINDER = "action_reminder"
    """That the customer must still authenticate the charge."""
    REVERSED = "reversed"
    """That the customer's bank reversed the payment."""
    CREDIT_NOTE = "credit_note"
    """That the invoice was credited, in part or in full, and what was done with the amount."""
    REPLACED = "replaced"
    """That another invoice replaces the invoice, and what is still due on it."""
    REFUNDED = "refunded"
    """That money of a payment was given back, and why."""
    WRITTEN_OFF = "written_off"
    """That a part of the invoice, or all that was open, need not be paid."""
    HOLD_PLACED = "hold_placed"
    """That the account was put on hold."""
    HOLD_LIFTED = "hold_lifted"
    """That the account is no longer on hold."""


OF_HOLDS = frozenset({NoticeKind.HOLD_PLACED, NoticeKind.HOLD_LIFTED})
"""Notices about the account and not about an invoice's payment: dunning does not count them."""

_PURPOSES: Mapping[NoticeKind, Purpose] = {
    **dict.fromkeys((NoticeKind.REMINDER, NoticeKind.LAST_REMINDER), Purpose.DUNNING),
    **dict.fromkeys((NoticeKind.NEW_METHOD, NoticeKind.ACTION_REMINDER), Purpose.DUNNING),
    **dict.fromkeys(OF_HOLDS, Purpose.DUNNING),
    **dict.fromkeys((NoticeKind.DECLINED, NoticeKind.ACTION_REQUIRED), Purpose.BOTH),
    **dict.fromkeys((NoticeKind.NO_PAYMENT_METHOD, NoticeKind.NOT_CHARGEABLE), Purpose.BOTH),
    NoticeKind.REVERSED: Purpose.BOTH,
}


def purpose_of(kind: NoticeKind) -> Purpose:
    """Say what a notice is for: one that brings an invoice goes where invoices go, whatever else it says."""
    return _PURPOSES.get(kind, Purpose.INVOICE)


_KIND_BY_STATE = {
    PaymentState.PAID: NoticeKind.RECEIPT,
    PaymentState.NOTHING_DUE: NoticeKind.CREDIT,
    PaymentState.DECLINED: NoticeKind.DECLINED,
    PaymentState.ACTION_REQUIRED: NoticeKind.ACTION_REQUIRED,
    PaymentState.NO_PAYMENT_METHOD: NoticeKind.NO_PAYMENT_METHOD,
    PaymentState.PENDING: NoticeKind.PENDING,
    PaymentState.NO_ADAPTER: NoticeKind.OPEN,
}


def notice_due(month: CustomerMonth) -> NoticeKind | None:
    """Decide which notice to send a customer now.

    None if they got the one of this close already, or if there is nothing to say yet: no invoice, or a charge
    whose outcome isn't known.
    """
    notified = month.notice is not None and month.notice.state is not NoticeState.WITHDRAWN
    payment, state = month.collecting, month.collected_how
    if notified or month.invoice is None or payment is None or state is None:
        return None
    if payment.code in UNTAKEN:
        return NoticeKind.TOO_SMALL if payment.code == BELOW_MINIMUM else NoticeKind.NOT_CHARGEABLE
    return _KIND_BY_STATE.get(state)
