"""What changes the account's balance (Stripe API reference, "Balance transactions")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from sandbox.stripe.currencies import decimals
from sandbox.wire import JSON

type Kind = Literal[
    "charge",
    "payment",
    "payment_failure_refund",
    "refund",
    "payment_refund",
    "refund_failure",
    "adjustment",
    "payout",
    "payout_failure",
]
type Category = Literal[
    "charge", "charge_failure", "refund", "refund_failure", "dispute", "dispute_reversal", "payout", "payout_reversal"
]

_DAYS_PENDING: Mapping[Kind, int] = {"charge": 2, "payment": 4}
"""How long money that comes in is ``pending``; what goes out is taken from the balance at once."""

_DISPUTE_FEE = 1500
_CHARGE_FEE_PER_MILLE, _CHARGE_FEE_FIXED = 29, 30


@dataclass(frozen=True, slots=True)
class Settlement:
    """How the account settles: each currency in itself, or all that have a rate in one currency.

    Attributes
    ----------
    currency : str
        The settlement currency, in lower case; empty for none.
    rates : Mapping[str, str]
        By charge currency, in lower case: how much of the settlement currency one unit of it is, as a decimal number.
    """

    currency: str = ""
    rates: Mapping[str, str] = field(default_factory=dict)

    def of(self, amount: int, currency: str) -> tuple[int, str, str | None]:
        """Return what an amount in minor units settles as: minor units, currency and the rate, if it is converted.

        Stripe's decimals count, as its amounts are in them: with 1.5 a charge of 1.000 KWD (1000) settles as 1.50 USD
        (150).
        """
        rate = self.rates.get(currency)
        if not self.currency or rate is None or currency == self.currency:
            return amount, currency, None
        scale = Fraction(10 ** decimals(self.currency), 10 ** decimals(currency))
        return round(amount * Fraction(rate) * scale), self.currency, rate


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be booked: an amount in the charge's currency, positive for what comes in.

    Attributes
    ----------
    with_fee : bool
        Whether Stripe takes a fee for it: for charges and for disputes, which cost the same lost or won.
    """

    kind: Kind
    category: Category
    source: str
    amount: int
    currency: str
    description: str | None
    with_fee: bool = False


@dataclass(slots=True)
class BalanceTransaction:
    """A BalanceTransaction (``txn_…``). Amounts are in minor units of the settlement currency.

    Attributes
    ----------
    payout : str, optional
        The automatic payout that has it.
    available_at : int, optional
        When it is available for a payout, if not after the usual days; in seconds since the epoch.
    """

    id: str
    created: int
    entry: Entry
    amount: int
    currency: str
    exchange_rate: str | None
    fee: int
    clock: Callable[[], int] = field(repr=False)
    payout: str | None = None
    available_at: int | None = None

    @property
    def source(self) -> str:
        """The charge, refund, dispute or payout that it is about."""
        return self.entry.source

    @property
    def available_on(self) -> int:
        """When it is available for a payout, in seconds since the epoch."""
        if self.available_at is not None:
            return self.available_at
        return self.created + _DAYS_PENDING.get(self.entry.kind, 0) * 86400

    @property
    def net(self) -> int:
        """What it changes the balance by, in minor units."""
        return self.amount - self.fee

    @property
    def kind(self) -> str:
        """Stripe's ``type``."""
        return self.entry.kind

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""
        return {
            "id": self.id,
            "object": "balance_transaction",
            "amount": self.amount,
            "available_on": self.available_on,
            "balance_type": "payments",
            "created": self.created,
            "currency": self.currency,
            "description": self.entry.description,
            "exchange_rate": None if self.exchange_rate is None else float(self.exchange_rate),
            "fee": self.fee,
            "fee_details": self._fee_details(),
            "net": self.net,
            "reporting_category": self.entry.category,
            "source": self.source,
            "status": "available" if self.clock() >= self.available_on else "pending",
            "type": self.kind,
        }

    def _fee_details(self) -> list[JSON]:
        if not self.fee:
            return []
        what = "Dispute fee" if self.entry.kind == "adjustment" else "Stripe processing fees"
        detail = {"amount": self.fee, "application": None, "currency": self.currency, "description": what}
        return [{**detail, "type": "stripe_fee"}]


def settled(reference: str, clock: Callable[[], int], entry: Entry, settlement: Settlement) -> BalanceTransaction:
    """Make the balance transaction of an entry at the rate of today, as Stripe converts refunds and disputes too."""
    amount, currency, rate = settlement.of(entry.amount, entry.currency)
    return BalanceTransaction(reference, clock(), entry, amount, currency, rate, _fee(entry, amount), clock)


def _fee(entry: Entry, amount: int) -> int:
    if not entry.with_fee:
        return 0
    if entry.kind == "adjustment":
        return _DISPUTE_FEE
    return amount * _CHARGE_FEE_PER_MILLE // 1000 + _CHARGE_FEE_FIXED
