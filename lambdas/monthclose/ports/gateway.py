"""Payment providers: what they are asked to collect, and what they answer."""

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
    """What a gateway is asked to collect. Frozen with the payment: the same order always has the same content.

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
        What was collected, whatever happened to it since.
    refunded_minor : int
        What was refunded, in minor units, as it stands now: a refund that failed or was cancelled does not count.
    reversed_minor : int
        What the customer's bank has reversed and not returned (dispute, charge-back, late failure), in minor units, as
        it stands now.
    code : str
        Why the bank reversed it, in the provider's words.
    """

    amount: Money
    refunded_minor: int = 0
    reversed_minor: int = 0
    code: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no: nothing is collected, and this attempt never will be.

    Also if it was collected before and all of it failed late. Once anything of it was refunded it is `Collected`, with
    what is gone in `reversed_minor`.
    """

    code: str
    needs_customer: bool = False
    """The customer must authenticate the charge themselves."""
    request_id: str = ""
    advice: str = ""
    """What the provider advises about another attempt, in its words (`domain.payments.declines` has what they mean)."""


@dataclass(frozen=True, slots=True)
class InProgress:
    """The provider is working on it; the outcome comes later."""

    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NotCollected:
    """The provider does not know the order, or nobody has asked it to collect it."""


ChargeOutcome = Collected | Refused | InProgress


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says of an order; `reference` is its own id of it, empty if it knows none."""

    reference: str
    outcome: ChargeOutcome | NotCollected


class PaymentGateway(Protocol):
    """One payment provider. All calls are idempotent by the order's payment and attempt, and none retries on its own.

    Raises, in every method: `RateLimitedError` and `ProviderDownError` (try later; surely nothing happened),
    `OutcomeUnknownError` (it may have happened), `ProviderRefusedError` (the provider doesn't accept us).
    """

    @property
    def provider(self) -> str:
        """The name that settings and customers know it by."""

    @property
    def idempotency_window(self) -> timedelta:
        """How long the provider surely recognises a repeated call by its idempotency key."""

    @property
    def latest_effect(self) -> timedelta:
        """After how long an unanswered call can surely no longer take effect."""

    @property
    def one_order_per_payment(self) -> bool:
        """Whether a payment keeps one reference for all its attempts, and that can be collected only once.

        Then an attempt whose answer was lost may be followed by another: both cannot collect.
        """

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Say how much of a currency it takes in one charge; None if it takes none. Makes no request."""

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
            It doesn't know the customer (any more).
        """

    def collect(self, order: ChargeOrder) -> Answer:
        """Collect an order. Moves money, at most once per reference, or per attempt of a payment.

        Raises
        ------
        OrderRefusedError
            The provider will not take the order.
        MethodReplacedError
            The payment method has a successor, and is dead itself.
        PayerGoneError
            The provider doesn't know the customer (any more).

        Examples
        --------
        A card was charged, and the provider has the money; a debit was accepted, and takes days:

        >>> Answer("pi_1", Collected(Money(1200, "EUR"), request_id="req_1"))  # doctest: +ELLIPSIS
        Answer(reference='pi_1', outcome=Collected(...))
        >>> Answer("PM1", InProgress("req_2"))
        Answer(reference='PM1', outcome=InProgress(request_id='req_2'))

        The bank said no: `code` is the provider's own, to be added to `domain/payments/declines.py`. An adapter may
        answer with it, or raise `OrderRefusedError` with the same code:

        >>> Answer("pi_2", Refused("insufficient_funds")).outcome.code
        'insufficient_funds'

        A timeout, or a 5xx after the request was sent, is none of these: raise `OutcomeUnknownError`. The payment
        becomes UNKNOWN, and `look_up` finds out. The second call for an order answers as the first did:

        >>> gateway.collect(order) == gateway.collect(order)  # doctest: +SKIP
        True
        """

    def look_up(self, order: ChargeOrder) -> Answer:
        """Look up what became of an order: by its reference, or by its content if none is known. Moves no money.

        It is asked after every lost answer, webhook and long wait, so it must tell apart what may still happen
        (`InProgress`) from what surely never will (`NotCollected`, `Refused`): after the latter the customer may be
        charged again.

        Examples
        --------
        The request to collect never arrived; the adapter searched by the order's payment id and found nothing:

        >>> Answer("", NotCollected())
        Answer(reference='', outcome=NotCollected())

        The provider has an object for the payment, but was not asked to collect it: the reference is learnt:

        >>> Answer("pi_1", NotCollected()).reference
        'pi_1'

        12.00 were collected, then 2.00 refunded, and the rest charged back. All sums as they stand now:

        >>> Answer("pi_1", Collected(Money(1200, "EUR"), refunded_minor=200, reversed_minor=1000, code="fraudulent"))
        ... # doctest: +ELLIPSIS
        Answer(reference='pi_1', outcome=Collected(...refunded_minor=200, reversed_minor=1000, code='fraudulent', ...))

        The customer must authenticate the charge themselves before the bank decides:

        >>> Answer("pi_1", Refused("authentication_required", needs_customer=True)).outcome.needs_customer
        True
        """

    def withdraw(self, order: ChargeOrder) -> Answer:
        """Make sure that an order can never be collected, and say how it then stands; moves no money."""

    def successor(self, method: str) -> str:
        """Name the payment method by which the provider has replaced one; empty if none. Moves no money."""

    def payment_of(self, reference: str) -> str:
        """Find which of our payments the provider's object is about; empty if none. Moves no money.

        Parameters
        ----------
        reference : str
            The provider's id of a payment, or of what its webhooks name instead: a refund, or a payment method, which
            leads to a payment of its customer.
        """

    def collected_for(self, period: Period, since: datetime) -> Iterator[ProviderCharge]:
        """List all money collected for a period's invoices since a time, less refunds and reversals.

        It is the other side of the proof: read from the provider's record of money movements, by code that shares
        nothing with how outcomes are read. A charge whose money went back in full may be listed with nothing left, and
        one whose money has not been recorded yet may be missing.
        """

    def held(self, reference: str) -> Money | None:
        """Add up, in the same way, what the provider holds for one of our payments; None if it collected nothing.

        Parameters
        ----------
        reference : str
            The provider's id of the payment.
        """
