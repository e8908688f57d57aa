"""What of a charge's money has gone back, by the refunds and disputes that Stripe has of it."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import stripe

from monthclose.adapters.stripe.amounts import our_amount
from monthclose.ports import Collected

_PAGE = 100
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

    A failed or canceled one has returned it. One that is not through yet may wait for money in the balance, or for the
    customer: what it has taken has a balance transaction (Stripe, "Refund and cancel payments").
    """
    if refund.status in ("failed", "canceled"):
        return False
    return refund.status == "succeeded" or bool(refund.balance_transaction)


def _withdrawn(dispute: stripe.Dispute) -> int:
    """What a dispute has taken and not returned, in Stripe's units of the charge's currency.

    It may be less than its amount: a lost dispute can be won in part. That shows in its balance transactions, which are
    in the currency that Stripe settles in: of another one than the charge's, only the share counts, each at its rate.
    """
    moves = dispute.balance_transactions
    taken = -sum(_at_its_rate(move) for move in moves if move.amount < 0)
    returned = sum(_at_its_rate(move) for move in moves if move.amount > 0)
    if not taken:  # an inquiry, or on its way
        return 0 if dispute.status in _MONEY_IS_HERE else dispute.amount
    if all(move.currency == dispute.currency for move in moves):
        return max(int(taken - returned), 0)
    if returned and dispute.status in _MONEY_IS_HERE:
        return 0
    return max(dispute.amount - round(dispute.amount * returned / taken), 0)


def _at_its_rate(move: stripe.BalanceTransaction) -> Fraction:
    return Fraction(move.amount) / Fraction(str(move.exchange_rate or 1))
