"""The HTTP client of GoCardless' SDK, and what the SDK's errors mean.

By default the SDK repeats a call three times when the connection breaks, opens a connection for each call, drops the
path of its base URL and has a time-out of a minute. But each of our requests must pass the limiter first, and be
answered within a function's time, hence this client. It relies on two members of `ApiClient` that are not public
(`_headers`, `_handle_errors`): the version is pinned, and the contract tests would notice.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from gocardless_pro import errors
from gocardless_pro.api_client import ApiClient
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from monthclose.domain.payments.declines import is_decline
from monthclose.domain.payments.payment import ABOVE_MAXIMUM, BELOW_MINIMUM, CURRENCY_NOT_TAKEN
from monthclose.errors import (
    MethodReplacedError,
    MonthCloseError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderRefusedError,
    RateLimitedError,
)

type Timeout = tuple[float, float]
"""Seconds to connect, and to wait for each piece of the answer."""

TIMEOUT_SECONDS: Timeout = (5, 20)
_ONE_ATTEMPT = 1
"""What the SDK's services call retries are attempts."""
_CONNECTIONS = 64
"""Connections that are kept, one per thread that may charge at once; others are opened and closed for each call."""


class HttpClient(ApiClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's HTTP client: one request per call, on connections that are kept, below the path of its base URL."""

    def __init__(
        self, base_url: str, access_token: str, timeout: Timeout, session: requests.Session | None = None
    ) -> None:
        super().__init__(base_url.rstrip("/"), access_token, timeout=timeout)
        self._session = session or _lasting_session()

    def get(self, path: str, params: Any = None, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Perform a GET request."""
        return self._request("GET", path, headers, params=params)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Perform a POST request with a JSON body."""
        return self._request("POST", path, headers, data=json.dumps(body))

    def _request(self, method: str, path: str, headers: Mapping[str, str] | None, **content: Any) -> requests.Response:
        response = self._session.request(
            method,
            self.base_url + path,
            headers=self._headers(headers),
            timeout=self.timeout,
            allow_redirects=False,
            **content,
        )
        self._handle_errors(response)
        return response


def service_settings(
    base_url: str, access_token: str, timeout: Timeout, session: requests.Session | None
) -> tuple[HttpClient, int, int, bool]:
    """Return what the SDK's services are made with: its own client's repeat calls by themselves, these don't."""
    return HttpClient(base_url, access_token, timeout, session), _ONE_ATTEMPT, 0, True


def _lasting_session() -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=0))
    return session


_MANDATE_REPLACED = "mandate_replaced"

_DEFINITE = (errors.ValidationFailedError, errors.InvalidStateError, errors.InvalidApiUsageError)


@contextmanager
def translated(*, moves_money: bool) -> Iterator[None]:
    """Translate the SDK's errors by what the caller must do (GoCardless API reference, "Errors").

    An idempotent creation conflict passes through: it is an answer.
    """
    try:
        yield
    except errors.IdempotentCreationConflictError:
        raise
    except (errors.ApiError, errors.MalformedResponseError) as error:
        raise _translate(error, moves_money=moves_money) from error
    except requests.RequestException as error:
        if _not_connected(error):
            raise ProviderDownError("GoCardless cannot be reached") from error
        raise _lost(type(error).__name__, moves_money=moves_money) from error
    except (errors.GoCardlessProError, AttributeError, KeyError, TypeError) as error:
        # The SDK doesn't know the kind of error, or fails on an answer that lacks what it expects.
        raise _lost(f"{type(error).__name__} in the SDK", moves_money=moves_money) from error


def reason(error: errors.ApiError) -> str:
    """Return the error's reason, else the field that is wrong, else its type."""
    for entry in _entries(error):
        if named := entry.get("reason"):
            return str(named)
        if field := entry.get("field"):
            return f"invalid {field}"
    return str(_document(error).get("type") or "refused")


def conflicting_resource(error: errors.ApiError) -> str:
    """Return the resource that an idempotency key has created before; empty if the error doesn't say."""
    return _link(error, "conflicting_resource_id")


def _link(error: errors.ApiError, name: str) -> str:
    links = (entry.get("links") for entry in _entries(error))
    return next((str(link[name]) for link in links if isinstance(link, dict) and link.get(name)), "")


def _translate(error: Any, *, moves_money: bool) -> MonthCloseError:
    malformed = isinstance(error, errors.MalformedResponseError)
    document = {} if malformed else _document(error)
    status = error.status_code if malformed else document.get("code")
    request_id = str(document.get("request_id") or "")
    if isinstance(error, errors.AuthenticationError | errors.PermissionsError) or status in (401, 403):
        why = status if malformed else reason(error)
        return ProviderRefusedError(f"GoCardless does not accept our access token: {why}")
    if status == requests.codes.too_many_requests:
        return RateLimitedError("GoCardless's rate limit")
    if isinstance(error, _DEFINITE) and status in range(400, 500) and status != requests.codes.request_timeout:
        return _refusal(error, request_id)
    return _lost(f"{type(error).__name__} {status or ''}".rstrip(), moves_money=moves_money)


def _refusal(error: errors.ApiError, request_id: str) -> OrderRefusedError:
    if untaken := _untaken(error):
        return OrderRefusedError(untaken, request_id)
    why = reason(error)
    if why == _MANDATE_REPLACED and (successor := _link(error, "new_mandate")):
        return MethodReplacedError(why, successor, request_id)
    return (OrderRefusedError if is_decline("gocardless", why) else OrderInvalidError)(why, request_id)


_TOO_LITTLE, _TOO_MUCH = ("minimum", "greater than or equal"), ("maximum", "limit", "less than or equal")
"""Words of GoCardless' messages about amounts; the reason is `invalid` for both."""


def _says(message: str, words: tuple[str, ...]) -> bool:
    return any(word in message for word in words)


def _untaken(error: Any) -> str:
    """Return why GoCardless cannot collect an order's amount or currency; empty for any other error."""
    for entry in _entries(error):
        match entry:
            case {"field": "amount", "message": str(message)} if _says(message, _TOO_LITTLE):
                return BELOW_MINIMUM
            case {"field": "amount", "message": str(message)} if _says(message, _TOO_MUCH):
                return ABOVE_MAXIMUM
            case {"field": "currency"}:
                return CURRENCY_NOT_TAKEN
    return ""


def _lost(what: str, *, moves_money: bool) -> MonthCloseError:
    return (OutcomeUnknownError if moves_money else ProviderDownError)(f"GoCardless's answer was lost: {what}")


def _not_connected(error: requests.RequestException) -> bool:
    """Whether the request surely never left: connection refused, no such host, or no connection in time."""
    cause = error.args[0] if error.args else None
    refused = isinstance(getattr(cause, "reason", None), NewConnectionError)
    return isinstance(error, requests.ConnectTimeout) or refused


def _document(error: Any) -> dict[str, Any]:
    return error.error if isinstance(error.error, dict) else {}


def _entries(error: Any) -> list[dict[str, Any]]:
    entries = _document(error).get("errors") or []
    return [entry for entry in entries if isinstance(entry, dict)]
