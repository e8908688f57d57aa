"""Payment providers: what they are asked to collect, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from monthclose.domain.money import Money

if TYPE_CHECKING:
    from monthclose.domain.accounts.customer import Customer
    from monthclose.domain.closes.proof import MoneyReturned, ProviderCharge
    from monthclose.domain.payments.charge_limits import ChargeLimits
    from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """What a gateway is asked to collect. Frozen with the payment: the same order always has the same content.

    Parameters
    ----------
    since : datetime
        When the payment was first started: the provider has nothing older of it.
    reference : str
        The provider's id of the payment; empty as long as none is known.
    back : str
        Where the provider sends the customer after they have authenticated the charge; empty if they are not there to.
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
    back: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """The provider has collected the money. Some of it may have been refunded or reversed since.

    Parameters
    ----------
    amount : Money
        What was collected, before any refund or reversal.
    refunded_minor : int
        What was refunded, in minor units, as it stands now: a refund that failed or was cancelled does not count.
    reversed_minor : int
        What the customer's bank has reversed and not returned (dispute, charge-back, late failure), in minor units, as
        it stands now.
    code : str
        Why the bank reversed it, in the provider's words.
    card_brand : str
        The card's brand, in the provider's words, where it says it unasked: `visa`.
    """

    amount: Money
    refunded_minor: int = 0
    reversed_minor: int = 0
    code: str = ""
    request_id: str = ""
    card_brand: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no: nothing is collected, and this attempt never will be.

    Also for money that was collected and then failed late, all of it. If some of it was refunded, it is `Collected`,
    with the failed amount in `reversed_minor`.
    """

    code: str
    needs_customer: bool = False
    """The customer must authenticate the charge themselves."""
    request_id: str = ""
    advice: str = ""
    """What the provider advises about another attempt, in its words (`domain.payments.declines` has what they mean)."""
    card_brand: str = ""
    """The card's brand, as in `Collected`."""
    confirm_at: str = ""
    """The address at which the customer authenticates the charge, if the order says where to send them back to."""


@dataclass(frozen=True, slots=True)
class InProgress:
    """The provider is working on it; the outcome comes later."""

    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NotCollected:
    """The provider does not know the order, or was not asked to collect it."""


ChargeOutcome = Collected | Refused | InProgress


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer about an order; `reference` is the provider's id, empty if it has none."""

    reference: str
    outcome: ChargeOutcome | NotCollected


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a provider's record of the money: what it recorded from a time on, and before another.

    Windows that abut share nothing and leave nothing out, whatever the clocks say.

    Parameters
    ----------
    until : datetime or None
        None if the window ends now.
    """

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CollectedPage:
    """A page of what a provider collected.

    Parameters
    ----------
    charges : sequence of ProviderCharge
        Less what went back on the same page.
    returned : sequence of MoneyReturned
        What else went back. Its charge is on another page, perhaps of an earlier window, or is none of the period's.
    after : str
        Where the next page begins, in the provider's words; empty if this is the last one.
    """

    charges: Sequence[ProviderCharge]
    returned: Sequence[MoneyReturned] = ()
    after: str = ""


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a gateway is asked to give back. Frozen: the same order always has the same content.

    Parameters
    ----------
    name : str
        Names the refund at the provider; unique.
    reference : str
        The provider's id of the payment.
    before_minor : int
        What of the payment was refunded before, in minor units.
    since : datetime
        When it was asked for: the provider has nothing older of it.
    """

    name: str
    reference: str
    amount: Money
    before_minor: int
    since: datetime


class RefundFate(StrEnum):
    """What became of a refund that the provider has taken on."""

    WAITING = "waiting"
    """No money has left yet: it waits for money in our balance, or for the customer. It still may leave."""
    GIVEN = "given"
    """The money has left our balance, even if it arrives days later."""
    FAILED = "failed"
    """It failed or was cancelled: the money never left, or has come back."""


@dataclass(frozen=True, slots=True)
class FoundRefund:
    """A refund as the provider has it; `reference` is the provider's id of it."""

    reference: str
    fate: RefundFate


type BeforeRequest = Callable[[], None]
"""Called by a gateway before each request of a call but the first."""


class PaymentGateway(Protocol):
    """One payment provider. All calls are idempotent by the order's payment and attempt, and none retries on its own.

    Raises, in every method: `RateLimitedError` and `ProviderDownError` (try later; surely nothing happened),
    `OutcomeUnknownError` (it may have happened), `ProviderRefusedError` (the provider refuses us).
    """

    @property
    def provider(self) -> str:
        """The provider's name in the settings and in customers' profiles."""

    @property
    def idempotency_window(self) -> timedelta:
        """How long the provider is sure to recognise a repeated call by its idempotency key."""

    @property
    def latest_effect(self) -> timedelta:
        """How long an unanswered call may still take effect."""

    @property
    def one_order_per_payment(self) -> bool:
        """Whether all attempts of a payment share one reference, which can be collected only once.

        Then an attempt whose answer was lost may be followed by another: they cannot both collect.
        """

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Return the limits of one charge in a currency; None if it is not supported. Makes no request."""

    def check(self) -> None:
        """Check that the provider accepts our credentials; moves no money."""

    def register(self, customer: Customer) -> str:
        """Register the customer with the provider and return its id for them; moves no money."""

    def prepare(self, order: ChargeOrder) -> str:
        """Create the provider's object for the payment, or update the one that the order refers to; moves no money.

        Returns
        -------
        str
            Its reference; empty if the provider has no such step.

        Raises
        ------
        OrderRefusedError
            The provider does not accept the order.
        PayerGoneError
            It doesn't know the customer (any more).
        """

    def collect(self, order: ChargeOrder) -> Answer:
        """Collect an order. Moves money, at most once per reference, or per attempt of a payment.

        Raises
        ------
        OrderRefusedError
            The provider does not accept the order.
        MethodReplacedError
            The payment method was replaced by another one.
        PayerGoneError
            The provider doesn't know the customer (any more).

        Examples
        --------
        A card was charged, and the provider has the money; a debit was accepted, and takes days:

        >>> Answer("pi_1", Collected(Money(1200, "EUR"), request_id="req_1"))  # doctest: +ELLIPSIS
        Answer(reference='pi_1', outcome=Collected(...))
        >>> Answer("PM1", InProgress("req_2"))
        Answer(reference='PM1', outcome=InProgress(request_id='req_2'))

        The bank declined: `code` is the provider's own, to be added to `domain/payments/declines.py`. An adapter may
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

        It is called after every lost answer, webhook and long wait, so it must distinguish what may still happen
        (`InProgress`) from what never will (`NotCollected`, `Refused`): after the latter the customer may be charged
        again.

        Examples
        --------
        The request to collect never arrived; the adapter searched by the order's payment id and found nothing:

        >>> Answer("", NotCollected())
        Answer(reference='', outcome=NotCollected())

        The provider has an object for the payment, but was not asked to collect it: the answer has the reference:

        >>> Answer("pi_1", NotCollected()).reference
        'pi_1'

        12.00 was collected, then 2.00 refunded, and the rest charged back. All amounts are as they stand now:

        >>> Answer("pi_1", Collected(Money(1200, "EUR"), refunded_minor=200, reversed_minor=1000, code="fraudulent"))
        ... # doctest: +ELLIPSIS
        Answer(reference='pi_1', outcome=Collected(...refunded_minor=200, reversed_minor=1000, code='fraudulent', ...))

        The customer must authenticate the charge themselves before the bank decides:

        >>> Answer("pi_1", Refused("authentication_required", needs_customer=True)).outcome.needs_customer
        True
        """

    def withdraw(self, order: ChargeOrder) -> Answer:
        """Make sure that an order can never be collected, and return its outcome then; moves no money."""

    def refund(self, order: RefundOrder) -> str:
        """Give money of a collected payment back to the customer; moves money, at most once per name.

        Returns
        -------
        str
            The provider's id of the refund: it has taken it on, even if the money arrives days later.

        Raises
        ------
        OrderRefusedError
            A definite no: nothing was given back, and asking again is of no use.

        Examples
        --------
        The second call with an order answers as the first did, and moves nothing:

        >>> gateway.refund(order) == gateway.refund(order)  # doctest: +SKIP
        True
        """

    def find_refund(self, order: RefundOrder) -> FoundRefund | None:
        """Look up a refund by its name; None if the provider has none. Moves no money.

        One that failed or was cancelled is found as well.

        Examples
        --------
        It waits for money in our balance:

        >>> FoundRefund("re_1", RefundFate.WAITING).fate is RefundFate.GIVEN
        False
        """

    def successor(self, method: str) -> str:
        """Name the payment method that has replaced this one at the provider; empty if none. Moves no money."""

    def payment_of(self, reference: str) -> str:
        """Find which of our payments the provider's object is about; empty if none. Moves no money.

        Parameters
        ----------
        reference : str
            The provider's id of a payment, or of what its webhooks name instead: a refund, or a payment method, for
            which any payment of its customer is found.
        """

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        """List a page of the money collected for a period's invoices, and of refunds and reversals, in one request.

        This is the other side of the proof: it is read from the provider's record of money movements, by code that
        shares nothing with reading outcomes. A charge that was refunded or reversed in full may be listed with zero,
        and one that is not recorded yet may be missing.

        Parameters
        ----------
        after : str
            Where the page before ended; empty for the first page.
        """

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        """Add up, in the same way, what the provider holds for one of our payments; None if it collected nothing.

        Parameters
        ----------
        reference : str
            The provider's id of the payment.
        before_request : callable
            Called before each request but the first: this may take several.
        """
