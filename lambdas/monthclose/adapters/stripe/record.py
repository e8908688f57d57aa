"""What Stripe holds for our payments, by its own record of the money: balance transactions, refunds and disputes.

This is the other side of the proof. It must not agree with our books by the same mistake, so it shares no code with the
gateway and reads other objects: not the outcome of a PaymentIntent, but what was put into our balance for its charge
and what was taken out.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from monthclose.domain.closes.proof import MoneyReturned, ProviderCharge
from monthclose.domain.money import Money, exponent
from monthclose.domain.period import Period
from monthclose.ports import BeforeRequest, CollectedPage

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
charge, too, such as a reserve's holds, but leave its money with us."""
_ALL_RETURNED = frozenset({"won", "prevented", "warning_closed"})
"""Statuses of a dispute that returns all that it took, whatever the exchange rate."""


class StripeRecord:
    """Adds up money that moved.

    Parameters
    ----------
    client : stripe.v1 services
        Errors of its calls pass through.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def page(self, period: Period, created: Mapping[str, int], after: str) -> CollectedPage:
        """List what came in for a period's payments, and what went out again, by a page of balance transactions.

        A bank debit has a balance transaction while it is pending, and another one if it fails: it counts as held once
        it has succeeded.

        Parameters
        ----------
        created : mapping
            When they were made, in Unix seconds: `gte`, and perhaps `lt`.
        """
        query = {"created": dict(created), "limit": _AT_ONCE, "expand": ["data.source"]}
        listed = self._client.balance_transactions.list(query | ({"starting_after": after} if after else {}))
        came, gone = [], dict[str, _Gone]()
        for move in listed.data:
            if move.type in _CHARGES and getattr(move.source, "object", "") == "charge":
                came.append(move)
            elif move.type in _BACK_AND_FORTH and move.source is not None:
                before = gone.get(_charge_of(move.source))
                minor = _gone(move, move.source) + (before.minor if before else 0)
                gone[_charge_of(move.source)] = _Gone(move.source, minor)
        charges = [charge for move in came if (charge := _listed(period, move, gone))]
        returned = [back.as_returned() for back in gone.values() if back.minor]
        return CollectedPage(charges, returned, listed.data[-1].id if listed.data and listed.has_more else "")

    def held(self, intent: str, before_request: BeforeRequest) -> Money | None:
        """Add up what one PaymentIntent's charges, refunds and disputes leave; None if nothing was collected."""
        query = {"payment_intent": intent, "limit": _AT_ONCE}
        asked = {**query, "expand": ["data.balance_transaction"]}
        charges = [charge for charge in self._client.charges.list(asked).auto_paging_iter() if _has_come(charge)]
        if not charges:
            return None
        minor = sum(
            _came(charge.balance_transaction, charge) for charge in charges if not charge.failure_balance_transaction
        )
        before_request()
        for refund in self._client.refunds.list(query).auto_paging_iter():
            minor -= refund.amount if _has_left(refund) else 0
        before_request()
        for dispute in self._client.disputes.list(query).auto_paging_iter():
            minor -= sum(_gone(move, dispute) for move in dispute.balance_transactions)
        return _money(minor, charges[0].currency)


class _Gone(NamedTuple):
    """What went out again of a charge, in Stripe's units of its currency; the source is what took it out last."""

    source: Any
    minor: int

    def as_returned(self) -> MoneyReturned:
        """Name the payment whose money it was."""
        money = _money(self.minor, self.source.currency)
        reference = _id(getattr(self.source, "payment_intent", ""))
        return MoneyReturned("stripe", reference, money.currency, money.minor)


def _listed(period: Period, move: Any, gone: dict[str, _Gone]) -> ProviderCharge | None:
    """Make the entry of a charge that came in, unless it is another period's; what went out of it is used up."""
    charge = move.source
    back = gone.pop(charge.id, None)
    if charge.status != "succeeded" or _quoted(charge, "close") != str(period):
        return None
    held = _money(_came(move, charge) - (back.minor if back else 0), charge.currency)
    return ProviderCharge("stripe", _id(charge.payment_intent), _quoted(charge, "payment"), held.currency, held.minor)


def _has_come(charge: Any) -> bool:
    """Whether a charge's money is in our balance, or was until the charge failed."""
    return charge.status == "succeeded" or bool(charge.failure_balance_transaction)


def _has_left(refund: Any) -> bool:
    """Whether a refund was taken from the balance and not returned to it. Members that don't apply are absent."""
    return bool(refund.balance_transaction) and not getattr(refund, "failure_balance_transaction", None)


def _came(move: Any, charge: Any) -> int:
    """Return how much a charge brought in, in Stripe's units of its currency.

    Right after it has succeeded it has no balance transaction yet, and one in another currency does not have this
    amount.
    """
    return int(move.amount if move and move.currency == charge.currency else charge.amount_captured)


def _gone(move: Any, source: Any) -> int:
    """Return how much less is held after a movement, in Stripe's units of the charge's currency.

    The movement is in the currency that Stripe settles in. If that is another, the refund or dispute has the amount.
    """
    if move.currency == source.currency:
        return -int(move.amount)
    if move.amount < 0:
        return int(source.amount)
    return -(_returned(move, source) if getattr(source, "object", "") == "dispute" else int(source.amount))


def _returned(move: Any, dispute: Any) -> int:
    """Return what a dispute returned, in Stripe's units of the charge's currency: each movement has its own rate."""
    if dispute.status in _ALL_RETURNED:
        return int(dispute.amount)
    taken = [_exchanged(other) for other in dispute.balance_transactions if other.amount < 0]
    if not taken:
        return 0
    returned: int = round(int(dispute.amount) * _exchanged(move) / -sum(taken))
    return min(returned, int(dispute.amount))


def _exchanged(move: Any) -> Fraction:
    """Convert a movement's amount back, at its own exchange rate."""
    return int(move.amount) / Fraction(str(move.exchange_rate or 1))


def _charge_of(source: Any) -> str:
    return _id(source if getattr(source, "object", "") == "charge" else getattr(source, "charge", ""))


def _money(minor: int, currency: str) -> Money:
    ours = exponent(currency.upper())
    theirs = 0 if currency in _NO_DECIMALS else 2 if currency in _TWO_DECIMALS else ours
    return Money(int(Decimal(minor).scaleb(ours - theirs)), currency.upper())


def _quoted(charge: Any, key: str) -> str:
    """Read our metadata of the PaymentIntent, which its charges repeat."""
    return str(getattr(charge.metadata, key, ""))


def _id(reference: Any) -> str:
    return str(getattr(reference, "id", reference) or "")
