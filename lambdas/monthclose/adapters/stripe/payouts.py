"""Stripe's payouts, and the balance transactions that are in them (Stripe, "Payout reconciliation")."""

from datetime import UTC, date, datetime
from typing import Any

import stripe

from monthclose.adapters.stripe.amounts import our_amount
from monthclose.adapters.stripe.client import services
from monthclose.adapters.stripe.errors import translated
from monthclose.domain.finance.payouts import Payout, PayoutParts
from monthclose.ports.payouts import PartsPage, PayoutPage

_AT_ONCE = 100
_CAME = frozenset({"charge", "payment"})
_WENT = frozenset(
    {
        *("refund", "payment_refund", "refund_failure", "adjustment"),
        *("payment_failure_refund", "payment_reversal"),
    }
)
"""Types of balance transactions (Stripe, "Balance transaction types"): disputes are adjustments."""
_CAME_BACK = frozenset({"failed", "canceled"})


class StripePayouts:
    """`PayoutRecord` on Stripe's API v1."""

    provider = "stripe"

    def __init__(self, api_key: str, api_base: str, http_client: stripe.HTTPClient | None = None) -> None:
        self._client = services(api_key, api_base, http_client)

    def payouts(self, since: date, until: date, after: str = "") -> PayoutPage:
        """List payouts by their day of arrival."""
        query: dict[str, Any] = {"arrival_date": {"gte": _seconds(since), "lt": _seconds(until)}, "limit": _AT_ONCE}
        with translated(moves_money=False):
            listed = self._client.payouts.list(query | ({"starting_after": after} if after else {}))  # type: ignore[arg-type]
        found = [_payout(payout) for payout in listed.data]
        return PayoutPage(found, listed.data[-1].id if listed.data and listed.has_more else "")

    def parts(self, payout: Payout, after: str = "") -> PartsPage:
        """Add up a page of a payout's balance transactions."""
        query: dict[str, Any] = {"payout": payout.payout_id, "limit": _AT_ONCE}
        with translated(moves_money=False):
            listed = self._client.balance_transactions.list(query | ({"starting_after": after} if after else {}))  # type: ignore[arg-type]
        came = sum(move.amount for move in listed.data if move.type in _CAME)
        went = -sum(move.amount for move in listed.data if move.type in _WENT)
        fees = sum(move.fee for move in listed.data)
        sums = (our_amount(theirs, payout.currency).minor for theirs in (came, went, fees))
        return PartsPage(PayoutParts(*sums), listed.data[-1].id if listed.data and listed.has_more else "")


def _payout(payout: stripe.Payout) -> Payout:
    amount = our_amount(payout.amount, payout.currency)
    arrives_on = datetime.fromtimestamp(payout.arrival_date, UTC).date()
    came_back = payout.status in _CAME_BACK
    return Payout("stripe", payout.id, amount.currency, amount.minor, arrives_on, came_back)


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
