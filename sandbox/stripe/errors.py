"""Stripe's errors as exceptions that know their HTTP answer (Stripe API reference, "Errors"; "Error codes")."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.stripe.cards import Decline
from sandbox.wire import JSON, Response


class StripeError(Exception):
    """An answer that is not 200.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
        For a person, as Stripe words it.
    kind : str
        Stripe's ``type``: ``invalid_request_error``, ``card_error``, ``idempotency_error`` or ``api_error``.
    code, param : str, optional
        Stripe's ``code`` and ``param``.
    headers : Mapping[str, str], optional
        Headers that belong to this error.
    **more
        Other members of the error object, such as ``payment_intent``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        members = {"code": code, "doc_url": doc_url(code), "message": message, "param": param, "type": kind, **more}
        self.error: JSON = {name: value for name, value in sorted(members.items()) if value is not None}

    def response(self) -> Response:
        """Return the HTTP answer."""
        return Response.of(self.status, {"error": self.error}, self.headers)


def doc_url(code: str | None) -> str | None:
    """Return the address of Stripe's page on an error code."""
    return f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}" if code else None


def no_key() -> StripeError:
    """No API key came with the request."""
    message = (
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
        "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "
        "details, or we can help at https://support.stripe.com/."
    )
    return StripeError(401, message, headers={"WWW-Authenticate": 'Basic realm="Stripe"'})


def invalid_key(key: str) -> StripeError:
    """No account has this API key; only its ends are repeated."""
    shown = key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
    message = f"Invalid API Key provided: {shown}"
    return StripeError(401, message, headers={"WWW-Authenticate": 'Basic realm="Stripe"'})


def unrecognized_url(method: str, path: str) -> StripeError:
    """No such endpoint (or none that the sandbox has)."""
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/."
    )
    return StripeError(404, message)


def unknown_parameters(names: Sequence[str]) -> StripeError:
    """Refuse parameters the endpoint does not have (or the sandbox does not know)."""
    noun = "parameter" if len(names) == 1 else "parameters"
    message = f"Received unknown {noun}: {', '.join(names)}"
    return StripeError(400, message, code="parameter_unknown", param=names[0])


def missing_parameter(name: str) -> StripeError:
    """Refuse a request without a required parameter."""
    return StripeError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)


def empty_parameter(name: str) -> StripeError:
    """Refuse an empty string."""
    message = (
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
    )
    return StripeError(400, message, code="parameter_invalid_empty", param=name)


def invalid_integer(name: str, message: str) -> StripeError:
    """Refuse something that is not an integer, or one out of range."""
    return StripeError(400, message, code="parameter_invalid_integer", param=name)


def invalid_parameter(name: str, message: str, code: str | None = None) -> StripeError:
    """Refuse any other wrong value."""
    return StripeError(400, message, code=code, param=name)


def no_such(thing: str, reference: str, param: str, status: int = 400) -> StripeError:
    """Answer that an object does not exist: 404 where the URL names it, 400 where a parameter does."""
    return StripeError(status, f"No such {thing}: '{reference}'", code="resource_missing", param=param)


def declined(decline: Decline, **more: Any) -> StripeError:
    """Answer that a charge was declined, or that a card would be."""
    error = StripeError(402, decline.message, kind="card_error", code=decline.code, **more)
    error.error |= decline.members()
    return error


def wrong_currency(kind: str, currency: str, takes: str) -> StripeError:
    """Refuse a payment method whose type is for another currency."""
    message = f"The currency provided ({currency}) is invalid. Payments with {kind} support the currency: {takes}."
    return invalid_parameter("currency", message, "payment_method_currency_mismatch")


def wrong_type(kind: str, allowed: Sequence[str]) -> StripeError:
    """Refuse a payment method of a type that the PaymentIntent does not take."""
    message = (
        f"The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please attach a PaymentMethod of "
        f"one of the following types: {', '.join(allowed)}."
    )
    return invalid_parameter("payment_method", message, "payment_intent_incompatible_payment_method")


def unexpected_state(message: str, intent: JSON) -> StripeError:
    """Refuse what a PaymentIntent's status does not allow (error code ``payment_intent_unexpected_state``)."""
    return StripeError(400, message, code="payment_intent_unexpected_state", payment_intent=intent)


def unexpected_setup(message: str, intent: JSON) -> StripeError:
    """Refuse what a SetupIntent's status does not allow (error code ``setup_intent_unexpected_state``)."""
    return StripeError(400, message, code="setup_intent_unexpected_state", setup_intent=intent)


def key_with_other_parameters(key: str) -> StripeError:
    """Refuse an idempotency key that was first used with other parameters."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using "
        f"a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, message, kind="idempotency_error")


def key_on_other_endpoint(key: str, path: str, first_path: str) -> StripeError:
    """Refuse an idempotency key that was first used on another endpoint."""
    message = (
        "Keys for idempotent requests can only be used for the same endpoint they were first used for "
        f"('{path}' vs '{first_path}'). Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, message, kind="idempotency_error")


def key_in_use(key: str) -> StripeError:
    """Refuse a repeat while the first request with its idempotency key is still under way."""
    message = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later."
    )
    return StripeError(409, message, kind="idempotency_error", code="idempotency_key_in_use")


def rate_limited(reason: str) -> StripeError:
    """Refuse a request beyond a rate limit (Stripe docs, "Rate limits"); ``reason`` as in ``endpoint-rate``."""
    message = (
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits."
    )
    return StripeError(429, message, code="rate_limit", headers={"Stripe-Rate-Limited-Reason": reason})


def lock_timeout() -> StripeError:
    """Refuse a request for an object that another request holds (Stripe docs, "Rate limits", "Object lock timeouts").

    No limit was exceeded, so no ``Stripe-Rate-Limited-Reason`` comes with it.
    """
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request. If you see this error frequently and are making "
        "multiple concurrent requests to a single object, make your requests serially or at a lower rate. For more "
        "details, see https://stripe.com/docs/rate-limits#object-lock-timeouts."
    )
    return StripeError(429, message, code="lock_timeout")


def unavailable() -> StripeError:
    """The provider is unavailable."""
    return StripeError(503, "Stripe is temporarily unavailable. Please try again later.", kind="api_error")


def unknown_failure() -> StripeError:
    """Something broke in the sandbox itself: as with Stripe, the outcome is not known."""
    return StripeError(500, "An unknown error occurred", kind="api_error")
