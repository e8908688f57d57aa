"""What Stripe holds for our payments, by its own record of the money: balance transactions, refunds and disputes.

The other side of the proof. It must not agree with our books by going wrong in the same way, so it shares no code with
`stripe_gateway`, and reads other objects: not what became of a PaymentIntent, but what was put into our balance for its
charge and what was taken out.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any

from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.money import Money, exponent
from monthclose.domain.period import Period

_AT_ONCE = 100
_NO_DECIMALS = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
_TWO_DECIMALS = frozenset({"isk", "ugx"})
"""Currencies that Stripe counts in other units than ISO 4217 (https://docs.stripe.com/currencies, "Zero-decimal
currencies" and "Special cases")."""


_CHARGES = frozenset({"charge", "payment"})
_BACK_AND_FORTH = frozenset(
    {
        *("refund", "payment_refund", "refund_failure", "adjustment"),
        *("payment_failure_refund", "payment_reversal"),
    }
)
"""Types of balance transactions that move a charge's money (Stripe, "Balance transaction types"). Others may name a
charge, too, as holds of a reserve do: its money is not gone."""
_ALL_RETURNED = frozenset({"won", "prevented", "warning_closed"})
"""Statuses of a dispute in which what comes back is all that it took, at whatever rate of exchange."""


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
        A bank debit has its balance transaction while it is under way, and another one if it fails: it is held only
        once it has succeeded.
        """
        gone = Counter[str]()
        for _, moved in groupby(self._moves(since), key=lambda move: move.created):
            came = []
            for move in moved:
                if move.type in _CHARGES and getattr(move.source, "object", "") == "charge":
                    came.append(move)
                elif move.type in _BACK_AND_FORTH and move.source is not None:
                    gone[_charge_of(move.source)] += _gone(move, move.source)
            for move in came:
                charge = move.source
                minor = _came(move, charge) - gone.pop(charge.id, 0)
                if charge.status == "succeeded" and _quoted(charge, "close") == str(period):
                    held = _money(minor, charge.currency)
                    yield ProviderCharge(
                        "stripe", _id(charge.payment_intent), _quoted(charge, "payment"), held.currency, held.minor
                    )

    def _moves(self, since: int) -> Iterator[Any]:
        query = {"created": {"gte": since}, "limit": _AT_ONCE, "expand": ["data.source"]}
        return iter(self._client.balance_transactions.list(query).auto_paging_iter())

    def held(self, intent: str) -> Money | None:
        """Add up what is held for one PaymentIntent, by its charges, refunds and disputes; None if none ever came."""
        query = {"payment_intent": intent, "limit": _AT_ONCE}
        asked = {**query, "expand": ["data.balance_transaction"]}
        charges = [charge for charge in self._client.charges.list(asked).auto_paging_iter() if _has_come(charge)]
        if not charges:
            return None
        minor = sum(
            _came(charge.balance_transaction, charge) for charge in charges if not charge.failure_balance_transaction
        )
        for refund in self._client.refunds.list(query).auto_paging_iter():
            minor -= refund.amount if _has_left(refund) else 0
        for dispute in self._client.disputes.list(query).auto_paging_iter():
            minor -= sum(_gone(move, dispute) for move in dispute.balance_transactions)
        return _money(minor, charges[0].currency)


def _has_come(charge: Any) -> bool:
    """Whether a charge's money is here, or was until it failed."""
    return charge.status == "succeeded" or bool(charge.failure_balance_transaction)


def _has_left(refund: Any) -> bool:
    """Whether a refund was taken from the balance and not returned to it. Members that don't apply are absent."""
    return bool(refund.balance_transaction) and not getattr(refund, "failure_balance_transaction", None)


def _came(move: Any, charge: Any) -> int:
    """How much came with a charge, in Stripe's units of its currency.

    Right after it has succeeded it has no balance transaction yet, and if it settles in another currency, that one
    doesn't tell.
    """
    return int(move.amount if move and move.currency == charge.currency else charge.amount_captured)


def _gone(move: Any, source: Any) -> int:
    """How much less is held after a movement, in Stripe's units of the charge's currency.

    The movement is in the currency that Stripe settles in. If that is another one, what it was a movement of tells.
    """
    if move.currency == source.currency:
        return -int(move.amount)
    if move.amount < 0:
        return int(source.amount)
    return -(_returned(move, source) if getattr(source, "object", "") == "dispute" else int(source.amount))


def _returned(move: Any, dispute: Any) -> int:
    """What a dispute gave back, in Stripe's units of the charge's currency: each movement has a rate of its own."""
    if dispute.status in _ALL_RETURNED:
        return int(dispute.amount)
    taken = [_exchanged(other) for other in dispute.balance_transactions if other.amount < 0]
    if not taken:
        return 0
    returned: int = round(int(dispute.amount) * _exchanged(move) / -sum(taken))
    return min(returned, int(dispute.amount))


def _exchanged(move: Any) -> Fraction:
    """A movement's amount, converted back at the rate that it was converted at."""
    return int(move.amount) / Fraction(str(move.exchange_rate or 1))


def _charge_of(source: Any) -> str:
    return _id(source if getattr(source, "object", "") == "charge" else getattr(source, "charge", ""))


def _money(minor: int, currency: str) -> Money:
    ours = exponent(currency.upper())
    theirs = 0 if currency in _NO_DECIMALS else 2 if currency in _TWO_DECIMALS else ours
    return Money(int(Decimal(minor).scaleb(ours - theirs)), currency.upper())


def _quoted(charge: Any, key: str) -> str:
    """What we wrote on the PaymentIntent: its charges quote it."""
    return str(getattr(charge.metadata, key, ""))


def _id(reference: Any) -> str:
    return str(getattr(reference, "id", reference) or "")
