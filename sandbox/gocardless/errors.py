"""GoCardless' errors as exceptions that know their HTTP answer (GoCardless API reference, "Errors")."""

from collections.abc import Mapping

from sandbox.wire import JSON, Response

_DOCUMENTATION = "https://developer.gocardless.com/api-reference"


class GoCardlessError(Exception):
    """An answer that is not a success.

    Parameters
    ----------
    status : int
        HTTP status, repeated in the body as ``code``.
    kind : str
        GoCardless' ``type``: ``invalid_api_usage``, ``validation_failed``, ``invalid_state`` or ``gocardless``.
    message : str
        For a person.
    reason : str, optional
        What programs go by; validation errors have none.
    detail : Mapping[str, object], optional
        Other members of the one entry in ``errors``, such as ``field`` or ``links``.
    headers : Mapping[str, str], optional
        Headers that belong to this error.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        reason: str | None = None,
        detail: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.reason = reason
        self.detail = detail or {}
        self.headers = headers or {}

    def response(self, request_id: str) -> Response:
        """Return the HTTP answer."""
        entry = {"reason": self.reason} if self.reason else {}
        error: JSON = {
            "message": "Validation failed" if self.kind == "validation_failed" else self.message,
            "documentation_url": f"{_DOCUMENTATION}#{self.reason or self.kind}",
            "type": self.kind,
            "request_id": request_id,
            "code": self.status,
            "errors": [{**entry, "message": self.message, **self.detail}],
        }
        return Response.of(self.status, {"error": error}, self.headers)


def invalid_usage(status: int, reason: str, message: str) -> GoCardlessError:
    """Refuse a request that is wrong as such: its address, headers, syntax."""
    return GoCardlessError(status, "invalid_api_usage", message, reason=reason)


def no_token() -> GoCardlessError:
    """No access token came with the request."""
    return invalid_usage(401, "missing_authorization_header", "Missing Authorization header")


def unknown_token() -> GoCardlessError:
    """No account has this access token."""
    return invalid_usage(401, "access_token_not_found", "The access token you've used is not a valid access token")


def bad_version(version: str) -> GoCardlessError:
    """The ``GoCardless-Version`` header is missing, or names no version that the sandbox has."""
    if not version:
        return invalid_usage(400, "missing_version_header", "Missing GoCardless-Version header")
    return invalid_usage(400, "version_not_found", f"Version not found: {version}")


def no_such_path() -> GoCardlessError:
    """No such endpoint (or none that the sandbox has)."""
    return invalid_usage(404, "not_found", "not found")


def no_such_resource() -> GoCardlessError:
    """The address names an object that does not exist."""
    return invalid_usage(404, "resource_not_found", "Resource not found")


def bad_request(message: str) -> GoCardlessError:
    """Refuse a body that is not JSON, or an unknown parameter."""
    return invalid_usage(400, "bad_request", message)


def unsupported_media_type() -> GoCardlessError:
    """Refuse a body that is not declared as JSON."""
    return invalid_usage(415, "unsupported_media_type", "The Content-Type must be application/json")


def key_too_long() -> GoCardlessError:
    """Refuse an idempotency key that is too long."""
    return invalid_usage(400, "idempotency_key_too_long", "The idempotency key is too long")


def rate_limited() -> GoCardlessError:
    """Refuse one request too many."""
    return invalid_usage(429, "rate_limit_exceeded", "Rate limit exceeded")


def invalid_field(pointer: str, message: str) -> GoCardlessError:
    """Refuse a wrong value; the pointer is as in ``/payments/amount``."""
    detail = {"field": pointer.rsplit("/", 1)[-1], "request_pointer": pointer}
    return GoCardlessError(422, "validation_failed", message, detail=detail)


def invalid_state(reason: str, message: str, status: int = 422) -> GoCardlessError:
    """Refuse what an object's state does not allow."""
    return GoCardlessError(status, "invalid_state", message, reason=reason)


def mandate_replaced(new: str) -> GoCardlessError:
    """Refuse to collect by a mandate that was replaced, and name the new one."""
    return GoCardlessError(
        422,
        "invalid_state",
        "The mandate has been replaced",
        reason="mandate_replaced",
        detail={"links": {"new_mandate": new}},
    )


def gone(message: str) -> GoCardlessError:
    """Refuse a removed object."""
    return invalid_usage(410, "gone", message)


def customer_removed() -> GoCardlessError:
    """Refuse to show a customer who was removed."""
    return invalid_usage(410, "customer_data_removed", "The customer's data has been removed")


def key_already_used(resource: str) -> GoCardlessError:
    """Refuse to create again what an idempotency key has created, and name it ("Idempotency keys")."""
    return GoCardlessError(
        409,
        "invalid_state",
        "A resource has already been created with this idempotency key",
        reason="idempotent_creation_conflict",
        detail={"links": {"conflicting_resource_id": resource}},
    )


def internal() -> GoCardlessError:
    """Something broke: the outcome is not known."""
    return GoCardlessError(500, "gocardless", "Internal server error", reason="internal_server_error")


def in_flight() -> GoCardlessError:
    """Refuse a repeat while the first request with its idempotency key is still under way: no resource to name yet.

    GoCardless' documents don't say what it answers then; the words are the sandbox's.
    """
    message = "A request with this idempotency key is already in progress"
    return GoCardlessError(409, "gocardless", message, reason="idempotency_key_in_progress")


def unavailable() -> GoCardlessError:
    """The provider is unavailable."""
    return GoCardlessError(503, "gocardless", "Service unavailable", reason="service_unavailable")
