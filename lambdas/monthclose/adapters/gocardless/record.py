"""What GoCardless holds for our payments, by its records of payments and refunds.

This is the other side of the proof: it shares no code with the gateway, so that it cannot agree with our books by the
same mistake. GoCardless has no record of single movements before a payout, days later; so what is held is what its
payments say was collected, less each of its refunds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from monthclose.domain.closes.proof import MoneyReturned, ProviderCharge
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.ports import BeforeRequest, CollectedPage

_AT_ONCE = 500
_PAYMENTS, _REFUNDS = "payments", "refunds"
"""The two lists of which one window is made, in the order in which they are read."""
_COLLECTED = ("confirmed", "paid_out")
_LOST = ("charged_back", "failed")
"""A payment that failed may have been confirmed before (API reference, "Payments": late failures)."""
_RETURNED = ("cancelled", "failed", "funds_returned")
"""Statuses of a refund whose money has come back. A bounced refund's is still on its way (API reference, "Refunds")."""


class GoCardlessRecord:
    """Adds up money by payments and refunds.

    Parameters
    ----------
    payments, refunds : gocardless_pro services
        Errors of their calls pass through.
    """

    def __init__(self, payments: Any, refunds: Any) -> None:
        self._payments, self._refunds = payments, refunds

    def page(self, period: Period, created: Mapping[str, str], after: str) -> CollectedPage:
        """List a page of a period's payments that were created in a time; after the last one, of such refunds.

        Parameters
        ----------
        created : mapping
            The bounds of the time, as the API's filters.
        """
        kind, _, cursor = after.partition(":")
        query = {**created, "limit": _AT_ONCE} | ({"after": cursor} if cursor else {})
        if kind == _REFUNDS:
            listed = self._refunds.list(query)
            back = [_returned(refund) for refund in listed.records if refund.status not in _RETURNED]
            return CollectedPage((), back, f"{_REFUNDS}:{listed.after}" if listed.after else "")
        listed = self._payments.list(query)
        charges = [_charge(payment) for payment in listed.records if _is_listed(payment, period)]
        return CollectedPage(charges, (), f"{_PAYMENTS}:{listed.after}" if listed.after else f"{_REFUNDS}:")

    def held(self, reference: str, before_request: BeforeRequest) -> Money | None:
        """Add up what is held for one payment; None if nothing was ever collected."""
        payment = self._payments.get(reference)
        if payment.status not in (*_COLLECTED, *_LOST):
            return None
        before_request()
        refunded = _by_payment(self._refunds.all({"payment": reference, "limit": _AT_ONCE}))
        return Money(_collected(payment) - refunded[reference], payment.currency)


def _is_listed(payment: Any, period: Period) -> bool:
    """Whether a payment is one of the period's that collected, or was refunded: then it had collected before."""
    collected = payment.status in (*_COLLECTED, "charged_back") or payment.amount_refunded
    return bool(collected) and (payment.metadata or {}).get("close") == str(period)


def _charge(payment: Any) -> ProviderCharge:
    ours = str((payment.metadata or {}).get("payment", "")).rpartition("#")[0]
    return ProviderCharge("gocardless", payment.id, ours, payment.currency, _collected(payment))


def _returned(refund: Any) -> MoneyReturned:
    return MoneyReturned("gocardless", str(refund.links.payment), refund.currency, int(refund.amount))


def _collected(payment: Any) -> int:
    return int(payment.amount) if payment.status in _COLLECTED else 0


def _by_payment(refunds: Iterable[Any]) -> Counter[str]:
    sums = Counter[str]()
    for refund in refunds:
        if refund.status not in _RETURNED:
            sums[refund.links.payment] += refund.amount
    return sums
