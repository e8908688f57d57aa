"""How both peers charge a card: one PaymentIntent for each attempt, created and confirmed in one request.

It is what Stripe's documents show for saved cards, with an idempotency key, the SDK's own retries and a look-up for
answers that stay lost. The addresses are in the README of each peer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import stripe

TIMEOUT_SECONDS = 10
RETRIES = 2
LONGEST_CALL = timedelta(seconds=TIMEOUT_SECONDS * (RETRIES + 1) + 15)
"""No call lasts longer: with all retries and their pauses, and a margin."""
_KEYS_LAST = timedelta(hours=23)
"""Stripe keeps idempotency keys for 24 hours at least."""
_STORED = 500
"""The status of failures that Stripe stores under the key like any answer."""


class StillOpenError(Exception):
    """The bank has not decided yet."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to collect an invoice; stored before Stripe hears of it.

    Attributes
    ----------
    key : str
        Names it: the idempotency key, and the metadata by which it is found again.
    minor : int
        The amount; it does not change.
    begun : datetime
        When it was stored, UTC.
    """

    key: str
    customer_id: str
    payment_customer: str
    payment_method: str
    minor: int
    currency: str
    begun: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt.

    Attributes
    ----------
    state : str
        `paid`, `declined`, or `void`: it never reached Stripe, or was not carried out there.
    reference : str
        The PaymentIntent, if there is one.
    reason : str
        Why it was declined, in Stripe's word.
    """

    state: Literal["paid", "declined", "void"]
    reference: str = ""
    reason: str = ""


class Card:
    """Stripe, through its official SDK. What it raises (`stripe.StripeError`) leaves the outcome open."""

    def __init__(self, key: str, url: str) -> None:
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": url},
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )

    def settle(self, attempt: Attempt, now: datetime) -> Outcome:
        """Charge, or find out what became of an attempt that was made before.

        It is repeated with the same key and parameters until Stripe answers: Stripe executes it once, whoever else
        repeats it. It is looked up if Stripe does not know the key any more, or has stored a 500 under it.
        """
        if now - attempt.begun > _KEYS_LAST:
            return self._find(attempt)
        try:
            return self._charge(attempt)
        except stripe.APIError as error:
            if error.http_status != _STORED or now - attempt.begun < LONGEST_CALL:
                raise
            return self._find(attempt)

    def _charge(self, attempt: Attempt) -> Outcome:
        try:
            intent = self._client.v1.payment_intents.create(
                {
                    "amount": attempt.minor,
                    "currency": attempt.currency.lower(),
                    "customer": attempt.payment_customer,
                    "payment_method": attempt.payment_method,
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "off_session": True,
                    "confirm": True,
                    "metadata": {"attempt": attempt.key, "customer_id": attempt.customer_id},
                },
                {"idempotency_key": attempt.key},
            )
        except stripe.CardError as error:
            return Outcome("declined", reason=error.code or "card_declined")
        except stripe.InvalidRequestError as error:  # nothing was executed: too small an amount, a card that is gone
            return Outcome("declined", reason=error.code or "invalid_request")
        return _outcome(intent)

    def _find(self, attempt: Attempt) -> Outcome:
        """List the customer's PaymentIntents: lists are up to date at once, which Stripe's search is not."""
        listed = self._client.v1.payment_intents.list({"customer": attempt.payment_customer, "limit": 100})
        for intent in listed.auto_paging_iter():
            if getattr(intent.metadata, "attempt", None) == attempt.key:
                if intent.status in ("succeeded", "processing") or intent.last_payment_error:
                    return _outcome(intent)
                self._client.v1.payment_intents.cancel(intent.id)
        return Outcome("void")


def _outcome(intent: stripe.PaymentIntent) -> Outcome:
    if intent.status == "succeeded":
        return Outcome("paid", intent.id)
    if intent.status == "processing":
        raise StillOpenError(f"{intent.id} is processing")
    error = intent.last_payment_error
    return Outcome("declined", intent.id, (error.code if error else None) or intent.status)
