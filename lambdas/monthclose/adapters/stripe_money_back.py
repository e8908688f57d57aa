"""What of a charge's money has gone back, by the refunds and disputes that Stripe has of it."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import stripe

from monthclose.adapters.stripe_amounts import our_amount
from monthclose.ports import Collected

_PAGE = 100
_CAME_BACK = frozenset({"failed", "canceled"})
_MONEY_IS_HERE = frozenset({"won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed"})
"""Statuses of a dispute that has taken nothing (an inquiry) or has given it back (Stripe, "How disputes work"). More
may come, as those of appeals did: money in a dispute whose status is not known here is not counted as ours."""


def gone_back(client: Any, intent: stripe.PaymentIntent, charge: stripe.Charge, collected: Collected) -> Collected:
    """Add to an outcome what of its money went back; asks Stripe only if something did.

    Parameters
    ----------
    client : stripe.v1 services
        Errors of its calls pass through.
    """
    query = {"payment_intent": intent.id, "limit": _PAGE}
    if charge.amount_refunded:
        refunds = client.refunds.list(query).auto_paging_iter()
        refunded = sum(refund.amount for refund in refunds if _has_left(refund))
        collected = replace(collected, refunded_minor=our_amount(refunded, intent.currency).minor)
    if charge.disputed:
        withdrawn = sum(_withdrawn(dispute) for dispute in client.disputes.list(query).auto_paging_iter())
        collected = replace(collected, reversed_minor=our_amount(withdrawn, intent.currency).minor, code="disputed")
    return collected


def _has_left(refund: stripe.Refund) -> bool:
    """Whether a refund's money has left our balance.

    A failed or cancelled one has returned it, and a pending one may still wait for money in the balance: then it has no
    balance transaction (Stripe, "Refund and cancel payments").
    """
    return bool(refund.balance_transaction) and refund.status not in _CAME_BACK


def _withdrawn(dispute: stripe.Dispute) -> int:
    """What a dispute has taken and not returned, in Stripe's units of the charge's currency.

    It may be less than its amount: a lost dispute can be won in part. That shows in its balance transactions, which are
    in the currency that Stripe settles in: of another one than the charge's, only the share counts.
    """
    moves = dispute.balance_transactions
    taken = -sum(move.amount for move in moves if move.amount < 0)
    returned = sum(move.amount for move in moves if move.amount > 0)
    if not taken:  # an inquiry, or on its way
        return 0 if dispute.status in _MONEY_IS_HERE else dispute.amount
    if all(move.currency == dispute.currency for move in moves):
        return max(taken - returned, 0)
    if dispute.status == "won":
        return 0
    return max(dispute.amount - round(Fraction(dispute.amount * returned, taken)), 0)
