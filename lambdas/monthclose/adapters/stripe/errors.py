"""What Stripe's errors mean, and its reasons for a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from monthclose.domain.payments.declines import is_decline
from monthclose.domain.payments.payment import ABOVE_MAXIMUM, BELOW_MINIMUM, CURRENCY_NOT_TAKEN
from monthclose.errors import (
    ObjectBusyError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderRefusedError,
    RateLimitedError,
)
from monthclose.ports import Refused

NO_SUCH_OBJECT = "resource_missing"
INVALID_METHOD = "invalid payment_method"
"""How `translated` names an error without a code whose `param` is the payment method."""
_BUSY = frozenset({"lock_timeout", "payment_intent_rate_limit_exceeded", "card_decline_rate_limit_exceeded"})
"""Codes of a 429 that concern one object, not the account's limit (Stripe, "Rate limits", "Object lock timeouts")."""
_VAGUE = frozenset({"", "payment_intent_payment_attempt_failed", "payment_method_provider_decline"})
"""Codes of a bank debit's failure that say less than its charge."""


def member(of: stripe.StripeObject | None, name: str) -> str:
    """Read a member that Stripe leaves out if it is empty."""
    return str(getattr(of, name, None) or "")


def failure_code(intent: stripe.PaymentIntent) -> str:
    """Read why a PaymentIntent's last payment failed: for a bank debit, its charge says more."""
    code, charge = member(intent.last_payment_error, "code"), intent.latest_charge
    if code in _VAGUE and isinstance(charge, stripe.Charge):
        return charge.failure_code or code
    return code


def refusal(error: stripe.StripeObject | None, request_id: str | None, code: str | None) -> Refused:
    """Take the issuer's reason where Stripe passes it on (`insufficient_funds`), else the code, and any advice."""
    reason = member(error, "decline_code") or code or "declined"
    advice = member(error, "advice_code") or member(error, "network_advice_code")
    needs_customer = reason == "authentication_required"
    return Refused(
        reason,
        needs_customer=needs_customer,
        request_id=request_id or "",
        advice=advice,
        card_brand=card_brand(error),
    )


def card_brand(of: stripe.StripeObject | None) -> str:
    """Read the card's brand from a charge, or from an error about one; empty where it is no card."""
    means = getattr(of, "payment_method_details", None) or getattr(of, "payment_method", None)
    return member(getattr(means, "card", None), "brand")


_UNTAKEN = {"amount_too_small": BELOW_MINIMUM, "amount_too_large": ABOVE_MAXIMUM}


def _untaken(error: stripe.InvalidRequestError) -> str:
    """Return why Stripe cannot collect an order's amount or currency; empty for any other error."""
    return _UNTAKEN.get(error.code or "") or (CURRENCY_NOT_TAKEN if error.param == "currency" else "")


@contextmanager
def translated(*, moves_money: bool) -> Iterator[None]:
    """Translate the SDK's errors by what the caller must do (Stripe, "Error handling").

    A card error passes through: it is an answer.
    """
    try:
        yield
    except stripe.CardError as error:
        if moves_money:
            raise
        no = refusal(error.error, error.request_id, error.code)
        raise OrderRefusedError(no.code, no.request_id, no.advice, no.card_brand) from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderRefusedError(f"Stripe does not accept our key: {error.code or error.http_status}") from None
    except stripe.RateLimitError as error:
        if (code := member(error.error, "code")) in _BUSY:  # the SDK leaves the error's own `code` empty
            raise ObjectBusyError(f"Stripe is busy with this object: {code}") from error
        raise RateLimitedError("Stripe's rate limit") from error
    except stripe.IdempotencyError as error:  # somebody used the key for something else: look it up, don't charge
        raise OutcomeUnknownError("Stripe knows the idempotency key, but with other parameters") from error
    except stripe.InvalidRequestError as error:
        if untaken := _untaken(error):  # not our mistake: the amount is what is due
            raise OrderRefusedError(untaken, error.request_id or "") from None
        code = error.code or f"invalid {error.param or 'request'}"
        kind = OrderRefusedError if is_decline("stripe", code) else OrderInvalidError
        raise kind(code, error.request_id or "") from None
    except stripe.StripeError as error:
        # Connection broken, time-out, 5xx, or 409 for a request with the same key in flight: it may have happened.
        message = f"Stripe's answer was lost: {type(error).__name__} {error.http_status or ''}".rstrip()
        raise (OutcomeUnknownError if moves_money else ProviderDownError)(message) from error
