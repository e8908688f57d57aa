"""What Stripe holds for our payments, by its own record of the money: balance transactions, refunds and disputes.

The other side of the proof. It must not agree with our books by going wrong in the same way, so it shares no code with
`stripe_gateway`, and reads other objects: not what became of a PaymentIntent, but what was put into our balance for its
charge and what was taken out.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Any

from monthclose.domain.money import Money, exponent
from monthclose.domain.period import Period
from monthclose.domain.proof import ProviderCharge

_AT_ONCE = 100
_NO_DECIMALS = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
_TWO_DECIMALS = frozenset({"isk", "ugx"})
"""Currencies that Stripe counts in other units than ISO 4217 (https://docs.stripe.com/currencies, "Zero-decimal
currencies" and "Special cases")."""


class StripeRecord:
    """Adds up money that moved.

    Parameters
    ----------
    client : stripe.v1 services
        Errors of its calls pass through.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def held_for(self, period: Period, since: int) -> Iterator[ProviderCharge]:
        """Go over what is held for a period's payments, by the balance transactions since a time (Unix seconds).

        They come newest first, so what went back comes before the charge that it went back from: only that is kept.
        """
        gone = Counter[str]()
        for _, moved in groupby(self._moves(since), key=lambda move: move.created):
            charges = []
            for move in moved:
                source = move.source
                if getattr(source, "object", "") == "charge" and move.amount > 0:
                    charges.append(source)
                elif source is not None and getattr(source, "payment_intent", None):
                    gone[_id(source.payment_intent)] += _gone(move, source)
            for charge in charges:
                intent = _id(charge.payment_intent)
                minor = charge.amount_captured - gone.pop(intent, 0)
                if _quoted(charge, "close") == str(period):
                    held = _money(minor, charge.currency)
                    yield ProviderCharge("stripe", intent, _quoted(charge, "payment"), held.currency, held.minor)

    def _moves(self, since: int) -> Iterator[Any]:
        query = {"created": {"gte": since}, "limit": _AT_ONCE, "expand": ["data.source"]}
        return iter(self._client.balance_transactions.list(query).auto_paging_iter())

    def held(self, intent: str) -> Money | None:
        """Add up what is held for one PaymentIntent, by its charge, refunds and disputes; None without a charge."""
        query = {"payment_intent": intent, "limit": _AT_ONCE}
        charges = [c for c in self._client.charges.list(query).auto_paging_iter() if c.status == "succeeded"]
        if not charges:
            return None
        minor = sum(charge.amount_captured for charge in charges)
        for refund in self._client.refunds.list(query).auto_paging_iter():
            # Stripe leaves out members that have nothing to say.
            moved, returned = (getattr(refund, f"{what}balance_transaction", None) for what in ("", "failure_"))
            if moved and not returned:
                minor -= refund.amount
        for dispute in self._client.disputes.list(query).auto_paging_iter():
            minor -= sum(_gone(move, dispute) for move in dispute.balance_transactions)
        return _money(minor, charges[0].currency)


def _gone(move: Any, source: Any) -> int:
    """How much less is held after a movement, in Stripe's units of the charge's currency.

    The movement is in the currency that Stripe settles in. If that is another one, what it was a movement of tells.
    """
    if move.currency == source.currency:
        return -int(move.amount)
    if getattr(source, "object", "") != "dispute":
        return int(source.amount) if move.amount < 0 else -int(source.amount)
    whole = max((-other.amount for other in source.balance_transactions), default=abs(move.amount))
    share = Decimal(-move.amount) * source.amount / whole
    return int(share.quantize(Decimal(1), ROUND_HALF_EVEN))


def _money(minor: int, currency: str) -> Money:
    ours = exponent(currency.upper())
    theirs = 0 if currency in _NO_DECIMALS else 2 if currency in _TWO_DECIMALS else ours
    return Money(int(Decimal(minor).scaleb(ours - theirs)), currency.upper())


def _quoted(charge: Any, key: str) -> str:
    """What we wrote on the PaymentIntent: its charges quote it."""
    return str(getattr(charge.metadata, key, ""))


def _id(reference: Any) -> str:
    return str(getattr(reference, "id", reference) or "")
