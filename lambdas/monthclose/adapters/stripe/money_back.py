"""How much of a charge was refunded or reversed, by Stripe's refunds and disputes of it."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import stripe

from monthclose.adapters.stripe.amounts import our_amount
from monthclose.ports import Collected, RefundFate

_PAGE = 100
_NOTHING_WITHHELD = frozenset({"won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed"})
"""Statuses of a dispute that has withdrawn nothing (an inquiry) or has returned it (Stripe, "How disputes work").
Stripe may add others, as for appeals: money in a dispute with an unknown status is not counted as ours."""


def with_money_back(
    client: Any, intent: stripe.PaymentIntent, charge: stripe.Charge, collected: Collected
) -> Collected:
    """Add to an outcome what was refunded and reversed; asks Stripe only if something was.

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

    A failed or canceled one has returned it. A pending one may wait for money in the balance, or for the customer: once
    it has taken the money, it has a balance transaction (Stripe, "Refund and cancel payments").
    """
    return fate_of(refund) is RefundFate.GIVEN


def fate_of(refund: stripe.Refund) -> RefundFate:
    """Say what became of a refund; see `_has_left`."""
    if refund.status in ("failed", "canceled"):
        return RefundFate.FAILED
    given = refund.status == "succeeded" or bool(refund.balance_transaction)
    return RefundFate.GIVEN if given else RefundFate.WAITING


def _withdrawn(dispute: stripe.Dispute) -> int:
    """Add up what a dispute has withdrawn and not returned, in Stripe's units of the charge's currency.

    It may be less than its amount: a lost dispute can be won in part. Its balance transactions show that, in the
    currency that Stripe settles in: if it is not the charge's, the returned share counts, each transaction at its rate.
    """
    moves = dispute.balance_transactions
    taken = -sum(_at_its_rate(move) for move in moves if move.amount < 0)
    returned = sum(_at_its_rate(move) for move in moves if move.amount > 0)
    if not taken:  # an inquiry, or not withdrawn yet
        return 0 if dispute.status in _NOTHING_WITHHELD else dispute.amount
    if all(move.currency == dispute.currency for move in moves):
        return max(int(taken - returned), 0)
    if returned and dispute.status in _NOTHING_WITHHELD:
        return 0
    return max(dispute.amount - round(dispute.amount * returned / taken), 0)


def _at_its_rate(move: stripe.BalanceTransaction) -> Fraction:
    return Fraction(move.amount) / Fraction(str(move.exchange_rate or 1))
