"""Payment providers: what they are asked to collect, and what they say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.money import Money
from monthclose.domain.payments.charge_limits import ChargeLimits
from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """What a gateway is asked to collect. Frozen with the payment: the same order again has the same content.

    Parameters
    ----------
    since : datetime
        When the payment was first started: nothing of it is older.
    reference : str
        The provider's id of the payment; empty as long as none is known.
    """

    payment_id: str
    attempt: int
    amount: Money
    invoice_number: str
    period: Period
    customer_id: str
    provider_customer_id: str
    payment_method: str
    since: datetime
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """The provider has collected the money. Some of it may have gone back since.

    Parameters
    ----------
    amount : Money
        What was collected, whatever became of it.
    refunded_minor : int
        What was given back on purpose, in minor units; a refund that failed or was cancelled is none.
    reversed_minor : int
        What the customer's bank has taken back and not returned (dispute, charge-back, late failure), in minor units.
    code : str
        Why the bank took it.
    """

    amount: Money
    refunded_minor: int = 0
    reversed_minor: int = 0
    code: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no: nothing is collected, and this attempt never will.

    If it was before, all of it is gone again, and no refund of it is out: one that is makes it `Collected`, less that.
    """

    code: str
    needs_customer: bool = False
    """The customer must authenticate the charge themselves."""
    request_id: str = ""
    advice: str = ""
    """What the provider advises about another attempt, in its words (`domain.declines` has what they mean)."""


@dataclass(frozen=True, slots=True)
class InProgress:
    """The provider works on it; the outcome comes later."""

    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NotCollected:
    """The provider does not know the order, or has not been told to collect it."""


ChargeOutcome = Collected | Refused | InProgress


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says of an order; `reference` is its id for it, empty if it knows none."""

    reference: str
    outcome: ChargeOutcome | NotCollected


class PaymentGateway(Protocol):
    """One payment provider. All calls are idempotent by the order's payment and attempt, and none repeats by itself.

    Raises, in every method: `RateLimitedError` and `ProviderDownError` (try later; surely nothing happened),
    `OutcomeUnknownError` (it may have happened), `ProviderRefusedError` (the provider doesn't accept us).
    """

    @property
    def provider(self) -> str:
        """The name that settings and customers know it by."""

    @property
    def idempotency_window(self) -> timedelta:
        """How long the provider surely recognises a repetition of a call by its idempotency key."""

    @property
    def latest_effect(self) -> timedelta:
        """After how long an unanswered call can surely take effect no more."""

    @property
    def one_order_per_payment(self) -> bool:
        """Whether a payment keeps one reference for all its attempts, which can be collected once only.

        Then an attempt whose answer was lost may be followed by another: both cannot collect.
        """

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Tell what it takes of a currency in one charge; None if it takes none. Asks nobody."""

    def check(self) -> None:
        """Ask whether the provider accepts us; moves no money."""

    def register(self, customer: Customer) -> str:
        """Make the customer known to the provider and return its id for them; moves no money."""

    def prepare(self, order: ChargeOrder) -> str:
        """Create the provider's object for the payment, or bring the one referred to up to date; moves no money.

        Returns
        -------
        str
            Its reference; empty if the provider has no such step.

        Raises
        ------
        OrderRefusedError
            The provider will not take the order.
        PayerGoneError
            It doesn't have the customer (any more).
        """

    def collect(self, order: ChargeOrder) -> Answer:
        """Collect an order. Moves money, once at the most for a reference, or for a payment's attempt.

        Raises
        ------
        OrderRefusedError
            The provider will not take the order.
        MethodReplacedError
            The payment method has a successor, and is good for nothing any more.
        PayerGoneError
            The provider doesn't have the customer (any more).
        """

    def look_up(self, order: ChargeOrder) -> Answer:
        """Ask what became of an order, by its reference, or by what it says if none is known; moves no money."""

    def withdraw(self, order: ChargeOrder) -> Answer:
        """See to it that an order can never be collected, and say what it then is; moves no money."""

    def successor(self, method: str) -> str:
        """Tell which payment method the provider has put in the place of one; empty if none. Moves no money."""

    def payment_of(self, reference: str) -> str:
        """Tell which of our payments the provider's object names; empty if it is none of ours. Moves no money.

        Parameters
        ----------
        reference : str
            The provider's id of a payment, or of what its webhooks name in its place: a refund, or a payment method,
            which names a payment of its customer's.
        """

    def collected_for(self, period: Period, since: datetime) -> Iterator[ProviderCharge]:
        """Go over all money collected for a period's invoices since a time, less what went back.

        It is the other side of the proof: read from the provider's record of the money that it moved, by code that
        shares nothing with how outcomes are read. A charge whose money went back whole has nothing left, and one may
        be missing whose money has not been recorded yet.
        """

    def held(self, reference: str) -> Money | None:
        """Add up, in the same way, what the provider holds for one payment of ours; None if it collected nothing.

        Parameters
        ----------
        reference : str
            The provider's id of the payment.
        """
