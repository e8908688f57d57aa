"""Stripe, through its official SDK.

One PaymentIntent per payment, created, stored by the caller, then confirmed off-session: a PaymentIntent can be paid
once only, whatever happens to idempotency keys (Stripe, "PaymentIntents": "no double charges"). A further attempt
updates and confirms the same one. All calls carry keys made of payment and attempt, so that a repetition answers like
the first call.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import stripe

from monthclose.adapters import stripe_amounts
from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.adapters.stripe_amounts import our_amount, stripe_amount
from monthclose.domain.charge_limits import ChargeLimits
from monthclose.domain.customer import Customer
from monthclose.domain.payment import ABOVE_MAXIMUM, BELOW_MINIMUM, CURRENCY_NOT_TAKEN
from monthclose.domain.period import Period
from monthclose.domain.proof import ProviderCharge
from monthclose.errors import (
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderRefusedError,
    RateLimitedError,
)
from monthclose.ports import (
    Answer,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    InProgress,
    NotCollected,
    Refused,
    TakenBack,
)

_TIMEOUT_SECONDS = 20
_PAGE = 100


class StripeGateway:
    """`PaymentGateway` on Stripe's API v1. A call is a request: the SDK repeats nothing, so that it can be paced."""

    provider = "stripe"
    keys_live = timedelta(hours=24)
    late_effect = timedelta(hours=1)
    reuses_orders = True

    def __init__(self, api_key: str, api_base: str, http_client: stripe.HTTPClient | None = None) -> None:
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base},
            max_network_retries=0,
            http_client=http_client or stripe.RequestsClient(timeout=_TIMEOUT_SECONDS),
        ).v1

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Look it up in Stripe's tables."""
        return stripe_amounts.charge_limits(currency)

    def check(self) -> None:
        """List one customer: any key that may charge may do that."""
        with _translated(moves_money=False):
            self._client.customers.list({"limit": 1})

    def register(self, customer: Customer) -> str:
        """Create a Stripe customer for one who came without (`cus_…`)."""
        profile = customer.profile
        with _translated(moves_money=False):
            created = self._client.customers.create(
                {"name": profile.name, "email": profile.email, "metadata": {"customer_id": customer.customer_id}},
                # Each attempt has a key of its own: under the last one's, Stripe replays a 500 for a day, and refuses a
                # corrected address. A second customer object at Stripe harms nobody.
                {"idempotency_key": _key(customer.customer_id, "register", customer.version)},
            )
        return created.id

    def prepare(self, order: ChargeOrder) -> str:
        """Create the PaymentIntent (`pi_…`), or bring its amount and method up to date."""
        if order.reference and self._revise(order):
            return order.reference
        with _translated(moves_money=False):
            intent = self._client.payment_intents.create(
                {
                    "amount": stripe_amount(order.amount),
                    "currency": order.amount.currency.lower(),
                    "customer": order.provider_customer,
                    "payment_method": order.payment_method,
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "description": f"Invoice {order.invoice_number}",
                    "metadata": {
                        "payment": order.payment_id,
                        "invoice": order.invoice_number,
                        "close": str(order.period),
                        "customer_id": order.customer_id,
                    },
                },
                {"idempotency_key": _key(order.payment_id, order.attempt, "create")},
            )
        return intent.id

    def _revise(self, order: ChargeOrder) -> bool:
        """Update a PaymentIntent; False if it was canceled, and another is needed."""
        try:
            with _translated(moves_money=False):
                self._client.payment_intents.update(
                    order.reference,
                    {"amount": stripe_amount(order.amount), "payment_method": order.payment_method},
                    {"idempotency_key": _key(order.payment_id, order.attempt, "update")},
                )
        except OrderInvalidError as error:
            if error.code != _UNEXPECTED_STATE:
                raise
            outcome = self._retrieve(order.reference).outcome
            return not (isinstance(outcome, Refused) and outcome.code == _CANCELED)
        return True

    def collect(self, order: ChargeOrder) -> Answer:
        """Confirm the PaymentIntent off-session."""
        try:
            with _translated(moves_money=True):
                intent = self._client.payment_intents.confirm(
                    order.reference,
                    {"payment_method": order.payment_method, "off_session": True},
                    {"idempotency_key": _key(order.payment_id, order.attempt, "confirm")},
                )
        except stripe.CardError as error:
            return Answer(order.reference, _refusal(_decline_code(error), error.request_id))
        except OrderInvalidError as error:
            if error.code != _UNEXPECTED_STATE:
                raise
            return self._retrieve(order.reference)  # somebody confirmed or canceled it before us
        return self._answer(intent)

    def look_up(self, order: ChargeOrder) -> Answer:
        """Retrieve the PaymentIntent, or find it among the customer's by its metadata; search would lag behind."""
        return self._retrieve(order.reference) if order.reference else self._find(order)

    def _retrieve(self, reference: str) -> Answer:
        with _translated(moves_money=False):
            return self._answer(self._client.payment_intents.retrieve(reference, {"expand": ["latest_charge"]}))

    def _find(self, order: ChargeOrder) -> Answer:
        with _translated(moves_money=False):
            intents = self._client.payment_intents.list(
                {
                    "customer": order.provider_customer,
                    "created": {"gte": int(order.since.timestamp()) - _CLOCK_SKEW_SECONDS},
                    "limit": _PAGE,
                    "expand": ["data.latest_charge"],
                }
            )
            for intent in intents.auto_paging_iter():
                if _metadata(intent, "payment") == order.payment_id and intent.status != _CANCELED:
                    return self._answer(intent)
        return Answer("", NotCollected())

    def withdraw(self, order: ChargeOrder) -> Answer:
        """Cancel the PaymentIntent; one that was collected, or is being, cannot be canceled any more."""
        try:
            with _translated(moves_money=False):
                return self._answer(self._client.payment_intents.cancel(order.reference))
        except OrderInvalidError as error:
            if error.code != _UNEXPECTED_STATE:
                raise
            return self._retrieve(order.reference)

    def payment_of(self, reference: str) -> str:
        """Read the PaymentIntent's metadata."""
        try:
            with _translated(moves_money=False):
                return _metadata(self._client.payment_intents.retrieve(reference), "payment")
        except OrderInvalidError as error:
            if error.code != _NO_SUCH_OBJECT:
                raise
            return ""

    def collected_for(self, period: Period, since: datetime) -> Iterator[ProviderCharge]:
        """List what was collected for a period, a hundred PaymentIntents at a time."""
        with _translated(moves_money=False):
            intents = self._client.payment_intents.list(
                {
                    "created": {"gte": int(since.timestamp()) - _CLOCK_SKEW_SECONDS},
                    "limit": _PAGE,
                    "expand": ["data.latest_charge"],
                }
            )
            for intent in intents.auto_paging_iter():
                if intent.status == "succeeded" and _metadata(intent, "close") == str(period):
                    yield self._charge(intent)

    def _charge(self, intent: stripe.PaymentIntent) -> ProviderCharge:
        outcome, minor = self._answer(intent).outcome, 0
        if isinstance(outcome, Collected):
            minor = outcome.amount.minor - outcome.refunded_minor
        return ProviderCharge(self.provider, intent.id, _metadata(intent, "payment"), intent.currency.upper(), minor)

    def _answer(self, intent: stripe.PaymentIntent) -> Answer:
        outcome = _outcome(intent)
        charge = intent.latest_charge
        if isinstance(outcome, Collected) and isinstance(charge, stripe.Charge):
            if charge.disputed and self._lost(intent.id):
                outcome = TakenBack("disputed", outcome.request_id)
            else:
                outcome = replace(outcome, refunded_minor=our_amount(charge.amount_refunded, intent.currency).minor)
        return Answer(intent.id, outcome)

    def _lost(self, reference: str) -> bool:
        """Whether a dispute took the money: it does as soon as it is opened, and gives it back if it is won."""
        disputes = self._client.disputes.list({"payment_intent": reference, "limit": _PAGE})
        return any(dispute.status in _MONEY_WITHDRAWN for dispute in disputes.auto_paging_iter())


_UNEXPECTED_STATE = "payment_intent_unexpected_state"
_NO_SUCH_OBJECT = "resource_missing"
_CANCELED = "canceled"
_MONEY_WITHDRAWN = {"needs_response", "under_review", "lost"}
"""Statuses of a dispute during which the money is withdrawn (Stripe, "How disputes work"); an inquiry, whose statuses
begin with `warning_`, withdraws nothing."""


def _key(*parts: object) -> str:
    return idempotency_key(*parts, longest=_LONGEST_KEY)


_LONGEST_KEY = 255
_CLOCK_SKEW_SECONDS = 300
"""How far Stripe's clock and ours may be apart."""


def _metadata(intent: stripe.PaymentIntent, key: str) -> str:
    return str(getattr(intent.metadata, key, ""))


def _outcome(intent: stripe.PaymentIntent) -> ChargeOutcome | NotCollected:
    """Read a PaymentIntent's status (Stripe, "How PaymentIntents work")."""
    request_id = intent.last_response.request_id or "" if intent.last_response else ""
    match intent.status:
        case "succeeded":
            return Collected(our_amount(intent.amount_received, intent.currency), request_id=request_id)
        case "processing":
            return InProgress(request_id)
        case "requires_action":
            return Refused("authentication_required", needs_customer=True, request_id=request_id)
        case "requires_payment_method" if intent.last_payment_error:
            error = intent.last_payment_error
            return _refusal(error.decline_code or error.code or "declined", request_id)
        case "canceled":
            return Refused(_CANCELED, request_id=request_id)
        case _:
            return NotCollected()


def _decline_code(error: stripe.CardError) -> str:
    """Take the issuer's reason where Stripe passes it on (`insufficient_funds`), else Stripe's own code."""
    details = error.error
    return (details and details.decline_code) or error.code or "declined"


def _refusal(code: str, request_id: str | None) -> Refused:
    return Refused(code, needs_customer=code == "authentication_required", request_id=request_id or "")


_UNTAKEN = {"amount_too_small": BELOW_MINIMUM, "amount_too_large": ABOVE_MAXIMUM}


def _untaken(error: stripe.InvalidRequestError) -> str:
    """Name what Stripe cannot take of an order's amount; empty if it is another matter."""
    return _UNTAKEN.get(error.code or "") or (CURRENCY_NOT_TAKEN if error.param == "currency" else "")


@contextmanager
def _translated(*, moves_money: bool) -> Iterator[None]:
    """Translate the SDK's errors by what the caller must do (Stripe, "Error handling").

    A card error passes through: it is an answer.
    """
    try:
        yield
    except stripe.CardError as error:
        if moves_money:
            raise
        raise OrderRefusedError(_decline_code(error), error.request_id or "") from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderRefusedError(f"Stripe doesn't accept our key: {error.code or error.http_status}") from None
    except stripe.RateLimitError as error:
        raise RateLimitedError("Stripe's rate limit") from error
    except stripe.IdempotencyError as error:  # somebody used the key for something else: look, don't touch
        raise OutcomeUnknownError("Stripe knows the idempotency key with other parameters") from error
    except stripe.InvalidRequestError as error:
        if untaken := _untaken(error):  # no mistake of ours: the bill is what it is
            raise OrderRefusedError(untaken, error.request_id or "") from None
        raise OrderInvalidError(error.code or f"invalid {error.param or 'request'}", error.request_id or "") from None
    except stripe.StripeError as error:
        # Connection broken, time-out, 5xx, or 409 for a request with the same key in flight: it may have happened.
        message = f"Stripe's answer is lost: {type(error).__name__} {error.http_status or ''}".rstrip()
        raise (OutcomeUnknownError if moves_money else ProviderDownError)(message) from error
