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
from fractions import Fraction

import stripe

from monthclose.adapters import stripe_amounts
from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.adapters.stripe_amounts import our_amount, stripe_amount
from monthclose.adapters.stripe_record import StripeRecord
from monthclose.domain.charge_limits import ChargeLimits
from monthclose.domain.customer import Customer
from monthclose.domain.money import Money
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
        self._record = StripeRecord(self._client)

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
        """Go over Stripe's own record of the money: its balance transactions, a hundred at a time."""
        with _translated(moves_money=False):
            yield from self._record.held_for(period, int(since.timestamp()) - _CLOCK_SKEW_SECONDS)

    def held(self, reference: str) -> Money | None:
        """Add up the money that moved for one PaymentIntent."""
        with _translated(moves_money=False):
            return self._record.held(reference)

    def _answer(self, intent: stripe.PaymentIntent) -> Answer:
        outcome = _outcome(intent)
        charge = intent.latest_charge
        if isinstance(outcome, Collected) and isinstance(charge, stripe.Charge):
            if charge.amount_refunded:
                outcome = replace(outcome, refunded_minor=self._refunded(intent))
            if charge.disputed:
                outcome = replace(outcome, reversed_minor=self._reversed(intent), code="disputed")
        return Answer(intent.id, outcome)

    def _refunded(self, intent: stripe.PaymentIntent) -> int:
        """Add up the refunds whose money has left us, and not come back."""
        refunds = self._client.refunds.list({"payment_intent": intent.id, "limit": _PAGE})
        gone = sum(r.amount for r in refunds.auto_paging_iter() if r.status in _REFUNDED)
        return our_amount(gone, intent.currency).minor

    def _reversed(self, intent: stripe.PaymentIntent) -> int:
        """Add up what disputes have taken and not returned."""
        disputes = self._client.disputes.list({"payment_intent": intent.id, "limit": _PAGE})
        gone = sum(_withdrawn(dispute) for dispute in disputes.auto_paging_iter())
        return our_amount(gone, intent.currency).minor


_UNEXPECTED_STATE = "payment_intent_unexpected_state"
_NO_SUCH_OBJECT = "resource_missing"
_CANCELED = "canceled"
_MONEY_IS_HERE = frozenset({"won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed"})
"""Statuses of a dispute that has taken nothing (an inquiry) or has given it back (Stripe, "How disputes work"). More
may come, as those of appeals did: money in a dispute whose status is not known here is not counted as ours."""
_REFUNDED = frozenset({"succeeded", "pending"})
"""Statuses of a refund whose money has left our balance; a failed or cancelled one has returned it, and one that
requires an action has not taken it yet (Stripe, "Refund and cancel payments")."""


def _withdrawn(dispute: stripe.Dispute) -> int:
    """What a dispute has taken and not returned, in Stripe's units of the charge's currency.

    It may be less than its amount: a lost dispute can be won in part. That shows in its balance transactions, which are
    in the currency that Stripe settles in: of another one than the charge's, only the share counts.
    """
    if dispute.status in _MONEY_IS_HERE:
        return 0
    moves = dispute.balance_transactions
    taken = -sum(move.amount for move in moves if move.amount < 0)
    returned = sum(move.amount for move in moves if move.amount > 0)
    if not taken:  # on its way
        return dispute.amount
    if all(move.currency == dispute.currency for move in moves):
        return max(taken - returned, 0)
    return max(dispute.amount - round(Fraction(dispute.amount * returned, taken)), 0)


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
