"""The fake Stripe as one object: authentication, validation, idempotency, then the operation."""

import base64
import binascii
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Clock, Command, Ids
from sandbox.stripe.errors import StripeError
from sandbox.stripe.params import Form, Params, decode
from sandbox.stripe.routes import Route, check_expand, expand, find_route
from sandbox.wire import JSON, Execution, Layer, Proceed, Request, Response, straight_through

_log = logging.getLogger(__name__)

DEFAULT_API_KEY = "sk_test_sandbox"


class StripeSandbox:
    """A fake Stripe in memory: :class:`~sandbox.wire.Provider`.

    Parameters
    ----------
    api_keys : Mapping[str, str]
        The account of each secret key. Accounts share nothing but the ledger and the counts.
    clock : Callable[[], float]
        Seconds since the epoch; times of objects and the age of idempotency keys come from it.
    seed : int, optional
        Makes ids repeatable. Without it they are random, so that a new sandbox never repeats an old one's ids.
    around_execution : Layer
        Code around whatever takes effect, such as latency or faults.

    Examples
    --------
    >>> sandbox = StripeSandbox()
    >>> request = Request.to("GET", "/v1/customers", {"Authorization": "Bearer sk_test_sandbox"})
    >>> sandbox.handle(request).status
    200
    """

    name = "stripe"

    def __init__(
        self,
        api_keys: Mapping[str, str] | None = None,
        clock: Clock = time.time,
        seed: int | None = None,
        around_execution: Layer = straight_through,
    ) -> None:
        self._api_keys = api_keys or {DEFAULT_API_KEY: "acct_sandbox"}
        self._clock = clock
        self._ids = Ids(seed)
        self._around_execution = around_execution
        self._counts_lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all objects, keys, movements and counts."""
        with self._counts_lock:
            self._accounts = {name: Account(self._ids, self._clock) for name in self._api_keys.values()}
            self._counts: Counter[tuple[str, int]] = Counter()

    def movements(self) -> Sequence[JSON]:
        """Return every successful charge of every account, oldest first in each; amounts in minor units."""
        return [movement for account in self._accounts.values() for movement in tuple(account.movements)]

    def request_counts(self) -> Mapping[str, Mapping[int, int]]:
        """Return the number of requests by endpoint, named as in ``payment_intents.create``, and HTTP status."""
        with self._counts_lock:
            counted = sorted(self._counts.items())
        tables: dict[str, dict[int, int]] = {}
        for (endpoint, status), count in counted:
            tables.setdefault(endpoint, {})[status] = count
        return tables

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises for what a client sends."""
        request_id = self._ids.new("req_", 14)
        found = find_route(request.method, request.path)
        try:
            account = self._authenticate(request)
            if found is None:
                raise errors.unrecognized_url(request.method, request.path)
            route, ids = found
            response = self._answer(account, route, ids, request, request_id)
        except StripeError as error:
            response = error.response()
        with self._counts_lock:
            self._counts[found[0].name if found else "unrecognized", response.status] += 1
        return response.with_headers({"Request-Id": request_id})

    def _authenticate(self, request: Request) -> Account:
        key = _api_key(request.headers.get("authorization", ""))
        if not key:
            raise errors.no_key()
        account = self._api_keys.get(key)
        if account is None:
            raise errors.invalid_key(key)
        return self._accounts[account]

    def _answer(
        self, account: Account, route: Route, ids: Mapping[str, str], request: Request, request_id: str
    ) -> Response:
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        form = _form(request)
        params = Params(form)
        command = route.operation(Call(params, ids, key, request.headers.get("stripe-version", "")))
        expanded = check_expand(params.values("expand") or [])
        params.end()
        execution = Execution(self.name, route.name, request)

        def proceed() -> Response:
            return _run(account, command, expanded)

        if key is None:
            return self._execute(execution, proceed)

        def execute() -> Response:
            return _to_be_stored(self._execute(execution, proceed), key, request_id)

        return account.idempotency.once(key, request.path, form, execute)

    def _execute(self, execution: Execution, proceed: Proceed) -> Response:
        try:
            return self._around_execution(execution, proceed)
        except Exception:
            _log.exception("The sandbox failed in %s", execution.endpoint)
            return errors.unknown_failure().response()


def _to_be_stored(response: Response, key: str, request_id: str) -> Response:
    headers = {"Idempotency-Key": key, "Original-Request": request_id}
    if response.status >= 400:
        # A repeat with this key could only be answered from the record, so Stripe tells its clients not to try.
        headers["Stripe-Should-Retry"] = "false"
    return response.with_headers({**headers, **response.headers})


def _run(account: Account, command: Command, expanded: list[str]) -> Response:
    with account.lock:
        try:
            return Response.of(200, expand(account, command(account), expanded))
        except StripeError as error:
            return error.response()


def _form(request: Request) -> Form:
    try:
        return decode(request.query if request.method == "GET" else request.body.decode())
    except ValueError as error:
        raise StripeError(400, f"Invalid request: {error}") from error


def _api_key(authorization: str) -> str:
    """Return the secret key of a Bearer header, or of a Basic one, where it is the user's name."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
