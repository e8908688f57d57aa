"""Stripe, through its official SDK.

One PaymentIntent per payment, created, stored by the caller, then confirmed off-session: a PaymentIntent can be paid
only once, even when idempotency keys have expired (Stripe, "PaymentIntents": "no double charges"). A further attempt
updates and confirms the same one. All calls have idempotency keys made of payment and attempt, so a repetition gets
the first call's answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import stripe

from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.adapters.stripe import amounts as stripe_amounts
from monthclose.adapters.stripe.amounts import our_amount, stripe_amount
from monthclose.adapters.stripe.client import services
from monthclose.adapters.stripe.errors import (
    INVALID_METHOD,
    NO_SUCH_OBJECT,
    card_brand,
    failure_code,
    member,
    refusal,
    translated,
)
from monthclose.adapters.stripe.money_back import fate_of, with_money_back
from monthclose.adapters.stripe.record import StripeRecord
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.money import Money
from monthclose.domain.payments.charge_limits import ChargeLimits
from monthclose.domain.payments.declines import CUSTOMER_DELETED, METHOD_DETACHED
from monthclose.domain.payments.payment import CANCELED
from monthclose.domain.period import Period
from monthclose.errors import (
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    PayerGoneError,
)
from monthclose.ports import (
    Answer,
    BeforeRequest,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    CollectedPage,
    FoundRefund,
    InProgress,
    NotCollected,
    RefundOrder,
    Refused,
    Window,
)

_PAGE = 100


class StripeGateway:
    """`PaymentGateway` on Stripe's API v1. A call is one request, as the SDK must not retry: requests are paced."""

    provider = "stripe"
    idempotency_window = timedelta(hours=24)
    latest_effect = timedelta(hours=1)
    one_order_per_payment = True

    def __init__(self, api_key: str, api_base: str, http_client: stripe.HTTPClient | None = None) -> None:
        self._client = services(api_key, api_base, http_client)
        self._record = StripeRecord(self._client)

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Look the currency up in Stripe's tables."""
        return stripe_amounts.charge_limits(currency)

    def check(self) -> None:
        """List one customer: any key that may charge may do that."""
        with translated(moves_money=False):
            self._client.customers.list({"limit": 1})

    def register(self, customer: Customer) -> str:
        """Create a Stripe customer (`cus_…`) for one who was imported without."""
        profile = customer.profile
        with translated(moves_money=False):
            created = self._client.customers.create(
                {"name": profile.name, "email": profile.email, "metadata": {"customer_id": customer.customer_id}},
                # Each attempt has its own key: for the last one's, Stripe replays a 500 for a day, and refuses a
                # corrected address. A second customer object at Stripe does no harm.
                {"idempotency_key": _key(customer.customer_id, "register", customer.version)},
            )
        return created.id

    def prepare(self, order: ChargeOrder) -> str:
        """Create the PaymentIntent (`pi_…`), or bring its amount and method up to date."""
        if order.reference and self._revise(order):
            return order.reference
        with self._asking(order, moves_money=False):
            intent = self._client.payment_intents.create(
                {
                    "amount": stripe_amount(order.amount),
                    "currency": order.amount.currency.lower(),
                    "customer": order.provider_customer_id,
                    "payment_method": order.payment_method,
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "description": f"Invoice {order.invoice_number}",
                    "metadata": {
                        "payment": order.payment_id,
                        "invoice": order.invoice_number,
                        "close": str(order.period),
                        "customer_id": order.customer_id,
                        "attempt": str(order.attempt),
                    },
                },
                {"idempotency_key": _key(order.payment_id, order.attempt, "create")},
            )
        return intent.id

    def _revise(self, order: ChargeOrder) -> bool:
        """Update a PaymentIntent; False if a new one is needed: it was canceled, or is another customer's."""
        try:
            with self._asking(order, moves_money=False):
                self._client.payment_intents.update(
                    order.reference,
                    {
                        "amount": stripe_amount(order.amount),
                        "payment_method": order.payment_method,
                        "metadata": {"attempt": str(order.attempt)},
                    },
                    {"idempotency_key": _key(order.payment_id, order.attempt, "update")},
                )
        except OrderInvalidError as error:
            if error.code == _UNEXPECTED_STATE:
                return not _is_canceled(self._retrieve(order.reference))
            if self._owner(order.reference) == order.provider_customer_id:
                raise
            # The customer has another account at Stripe now. A PaymentIntent keeps the one that it was made for.
            return not _is_canceled(self.withdraw(order))
        return True

    def _owner(self, reference: str) -> str:
        with translated(moves_money=False):
            return _id(self._client.payment_intents.retrieve(reference).customer)

    def collect(self, order: ChargeOrder) -> Answer:
        """Confirm the PaymentIntent: off-session, or with the customer there, who may have to authenticate it."""
        try:
            with self._asking(order, moves_money=True):
                intent = self._client.payment_intents.confirm(
                    order.reference,
                    {
                        "payment_method": order.payment_method,
                        "expand": ["latest_charge"],  # says the card's brand
                        **({"return_url": order.back} if order.back else {"off_session": True}),
                    },
                    {"idempotency_key": _key(order.payment_id, order.attempt, "confirm")},
                )
        except stripe.CardError as error:
            return Answer(order.reference, refusal(error.error, error.request_id, error.code))
        except OrderInvalidError as error:
            if error.code != _UNEXPECTED_STATE:
                raise
            return self._retrieve(order.reference)  # somebody confirmed or canceled it before us
        return self._answer(intent)

    def look_up(self, order: ChargeOrder) -> Answer:
        """Retrieve the PaymentIntent, or find it among the customer's by its metadata; Stripe's search lags behind.

        One that still says why an earlier attempt was refused was not brought up to date for this one, nor confirmed.
        """
        if not order.reference:
            return self._find(order)
        with translated(moves_money=False):
            intent = self._client.payment_intents.retrieve(order.reference, {"expand": ["latest_charge"]})
            return Answer(intent.id, NotCollected()) if _is_of_earlier(intent, order) else self._answer(intent)

    def _retrieve(self, reference: str) -> Answer:
        with translated(moves_money=False):
            return self._answer(self._client.payment_intents.retrieve(reference, {"expand": ["latest_charge"]}))

    def _find(self, order: ChargeOrder) -> Answer:
        try:
            return self._find_among(order)
        except OrderInvalidError as error:
            if error.code != NO_SUCH_OBJECT:
                raise
            return Answer("", NotCollected())  # the customer is gone; what was never confirmed can't be collected

    def _find_among(self, order: ChargeOrder) -> Answer:
        with translated(moves_money=False):
            intents = self._client.payment_intents.list(
                {
                    "customer": order.provider_customer_id,
                    "created": {"gte": _stripe_time(order.since)},
                    "limit": _PAGE,
                    "expand": ["data.latest_charge"],
                }
            )
            for intent in intents.auto_paging_iter():
                if _metadata(intent, "payment") == order.payment_id and intent.status != CANCELED:
                    earlier = _is_of_earlier(intent, order)
                    return Answer(intent.id, NotCollected()) if earlier else self._answer(intent)
        return Answer("", NotCollected())

    def withdraw(self, order: ChargeOrder) -> Answer:
        """Cancel the PaymentIntent; one that was collected, or is being, cannot be canceled any more."""
        try:
            with translated(moves_money=False):
                return self._answer(self._client.payment_intents.cancel(order.reference))
        except OrderInvalidError as error:
            if error.code != _UNEXPECTED_STATE:
                raise
            return self._retrieve(order.reference)

    def refund(self, order: RefundOrder) -> str:
        """Create the refund (`re_…`) of a PaymentIntent; Stripe replays the first answer to its key for a day."""
        wanted: stripe.params.RefundCreateParams = {
            "payment_intent": order.reference,
            "amount": stripe_amount(order.amount),
            "metadata": {_REFUND: order.name},
        }
        try:
            with translated(moves_money=True):
                return self._client.refunds.create(wanted, {"idempotency_key": _key(order.name)}).id
        except stripe.CardError as error:
            raise OrderRefusedError(error.code or "declined", error.request_id or "") from None

    def find_refund(self, order: RefundOrder) -> FoundRefund | None:
        """Find it among the PaymentIntent's by its metadata. That Stripe refuses to list them is no answer."""
        try:
            with translated(moves_money=False):
                listed = self._client.refunds.list({"payment_intent": order.reference, "limit": _PAGE})
                for refund in listed.auto_paging_iter():
                    if str(getattr(refund.metadata, _REFUND, "")) == order.name:
                        return FoundRefund(refund.id, fate_of(refund))
        except OrderInvalidError as error:
            raise OutcomeUnknownError(f"Stripe does not list the refunds: {error.code}") from error
        return None

    @contextmanager
    def _asking(self, order: ChargeOrder, *, moves_money: bool) -> Iterator[None]:
        """Translate errors of a request that names the order's customer or method, and find out whether one is gone.

        Stripe's answers don't distinguish a card that its customer has removed from another account's card.

        Raises
        ------
        PayerGoneError
            Stripe doesn't have the customer (any more).
        OrderRefusedError
            The payment method was removed: the customer must provide another.
        OrderInvalidError
            We asked for something that Stripe cannot do.
        """
        try:
            with translated(moves_money=moves_money):
                yield
        except OrderInvalidError as error:
            if error.code not in (NO_SUCH_OBJECT, INVALID_METHOD):
                raise
            self._look_for_payer(order, error.request_id)
            if self._is_detached(order.payment_method):
                raise OrderRefusedError(METHOD_DETACHED, error.request_id) from None
            raise

    def _look_for_payer(self, order: ChargeOrder, request_id: str) -> None:
        if not order.provider_customer_id:
            return
        try:
            with translated(moves_money=False):
                payer = self._client.customers.retrieve(order.provider_customer_id)
        except OrderInvalidError as error:
            if error.code != NO_SUCH_OBJECT:
                raise
            raise PayerGoneError(error.code, request_id, deleted=False) from None
        if member(payer, "deleted"):
            raise PayerGoneError(CUSTOMER_DELETED, request_id, deleted=True) from None

    def _is_detached(self, payment_method: str) -> bool:
        try:
            with translated(moves_money=False):
                return not self._client.payment_methods.retrieve(payment_method).customer
        except OrderInvalidError as error:
            if error.code != NO_SUCH_OBJECT:
                raise
            return False

    def successor(self, method: str) -> str:  # noqa: ARG002
        """Return none: Stripe keeps a payment method's id when its bank replaces the card."""
        return ""

    def payment_of(self, reference: str) -> str:
        """Read the PaymentIntent's metadata."""
        try:
            with translated(moves_money=False):
                return _metadata(self._client.payment_intents.retrieve(reference), "payment")
        except OrderInvalidError as error:
            if error.code != NO_SUCH_OBJECT:
                raise
            return ""

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        """Read a page of Stripe's own record of the money, its balance transactions: the newest first."""
        created = {"gte": _stripe_time(window.since)}
        if window.until:
            created["lt"] = _stripe_time(window.until)
        with translated(moves_money=False):
            return self._record.page(period, created, after)

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        """Add up the money that moved for one PaymentIntent."""
        with translated(moves_money=False):
            return self._record.held(reference, before_request)

    def _answer(self, intent: stripe.PaymentIntent) -> Answer:
        outcome = _outcome(intent)
        charge = intent.latest_charge
        if isinstance(outcome, Collected) and isinstance(charge, stripe.Charge):
            outcome = with_money_back(self._client, intent, charge, replace(outcome, card_brand=card_brand(charge)))
        return Answer(intent.id, outcome)


_UNEXPECTED_STATE = "payment_intent_unexpected_state"
_REFUND = "refund"
"""The key of a refund's name in its metadata."""


def _key(*parts: object) -> str:
    return idempotency_key(*parts, longest=_LONGEST_KEY)


_LONGEST_KEY = 255
_CLOCK_SKEW_SECONDS = 300
"""How far Stripe's clock and ours may be apart."""


def _stripe_time(time: datetime) -> int:
    return int(time.timestamp()) - _CLOCK_SKEW_SECONDS


def _metadata(intent: stripe.PaymentIntent, key: str) -> str:
    return str(getattr(intent.metadata, key, ""))


def _is_of_earlier(intent: stripe.PaymentIntent, order: ChargeOrder) -> bool:
    """Whether a PaymentIntent that was refused, or waits for its customer, is as an earlier attempt has left it."""
    attempt = _metadata(intent, "attempt")
    open_ = intent.status in ("requires_payment_method", "requires_confirmation", "requires_action")
    return open_ and attempt.isdecimal() and int(attempt) < order.attempt


def _id(reference: str | stripe.StripeObject | None) -> str:
    """Read a member that holds an object's id, or is the object."""
    return str(member(reference, "id") if isinstance(reference, stripe.StripeObject) else reference or "")


def _is_canceled(answer: Answer) -> bool:
    return isinstance(answer.outcome, Refused) and answer.outcome.code == CANCELED


def _authentication_url(intent: stripe.PaymentIntent) -> str:
    """Read where the customer authenticates; empty if only Stripe's own script could take them there."""
    action = intent.next_action
    return member(getattr(action, "redirect_to_url", None), "url") if action else ""


def _outcome(intent: stripe.PaymentIntent) -> ChargeOutcome | NotCollected:
    """Read a PaymentIntent's status (Stripe, "How PaymentIntents work")."""
    request_id = intent.last_response.request_id or "" if intent.last_response else ""
    match intent.status:
        case "succeeded":
            return Collected(our_amount(intent.amount_received, intent.currency), request_id=request_id)
        case "processing":
            return InProgress(request_id)
        case "requires_action":
            url = _authentication_url(intent)
            return Refused("authentication_required", needs_customer=True, request_id=request_id, confirm_at=url)
        case "requires_payment_method" if intent.last_payment_error:
            return refusal(intent.last_payment_error, request_id, failure_code(intent))
        case "canceled":
            return Refused(CANCELED, request_id=request_id)
        case _:
            return NotCollected()
