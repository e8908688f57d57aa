"""GoCardless' payouts and their items (API reference, "Payouts" and "Payout items")."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import requests
from gocardless_pro.services import PayoutItemsService, PayoutsService

from monthclose.adapters.gocardless.http import TIMEOUT_SECONDS, Timeout, service_settings, translated
from monthclose.domain.finance.payouts import Payout, PayoutParts
from monthclose.ports.payouts import PartsPage, PayoutPage

_AT_ONCE = 500
_ON_THE_WAY = timedelta(days=10)
"""More than a payout takes to arrive: it can be listed only by when it was made."""
_CAME = frozenset({"payment_paid_out"})
_WENT = frozenset({"payment_failed", "payment_charged_back", "payment_refunded", "refund_funds_returned"})
"""Types of payout items; all others are fees and taxes, which the payout itself adds up."""


class GoCardlessPayouts:
    """`PayoutRecord` on GoCardless' API; see `GoCardlessGateway` for the parameters."""

    provider = "gocardless"

    def __init__(
        self,
        access_token: str,
        base_url: str,
        timeout: Timeout = TIMEOUT_SECONDS,
        session: requests.Session | None = None,
    ) -> None:
        settings = service_settings(base_url, access_token, timeout, session)
        self._payouts = PayoutsService(*settings)
        self._items = PayoutItemsService(*settings)

    def payouts(self, since: date, until: date, after: str = "") -> PayoutPage:
        """List payouts that were made in the days before, and keep those that arrive in time."""
        made = {"created_at[gte]": _time(since - _ON_THE_WAY), "created_at[lt]": _time(until), "limit": _AT_ONCE}
        with translated(moves_money=False):
            listed = self._payouts.list(made | ({"after": after} if after else {}))
        found = [_payout(payout) for payout in listed.records if payout.arrival_date]
        return PayoutPage([one for one in found if since <= one.arrives_on < until], listed.after or "")

    def parts(self, payout: Payout, after: str = "") -> PartsPage:
        """Add up a page of a payout's items: their amounts are texts, in minor units and tenths of them."""
        query = {"payout": payout.payout_id, "limit": _AT_ONCE}
        with translated(moves_money=False):
            listed = self._items.list(query | ({"after": after} if after else {}))
        came = sum((Decimal(item.amount) for item in listed.records if item.type in _CAME), Decimal())
        went = -sum((Decimal(item.amount) for item in listed.records if item.type in _WENT), Decimal())
        return PartsPage(PayoutParts(int(came), int(went)), listed.after or "")


def _payout(payout: Any) -> Payout:
    return Payout(
        "gocardless",
        payout.id,
        payout.currency,
        int(payout.amount),
        date.fromisoformat(payout.arrival_date),
        came_back=payout.status == "bounced",
        fee_minor=int(payout.deducted_fees),
    )


def _time(day: date) -> str:
    return f"{day.isoformat()}T00:00:00.000Z"
