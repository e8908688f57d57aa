"""The fake Stripe as one object: authentication, validation, idempotency, then the operation."""

import base64
import binascii
import logging
import time
from collections.abc import Callable, Mapping

from sandbox.chaos.faults import Fault
from sandbox.chaos.limits import ACCOUNT
from sandbox.pages import not_found, site
from sandbox.reading import PlanError
from sandbox.shell import UNRECOGNIZED, Route, Shell
from sandbox.stripe import controls, errors, hosted, timetable
from sandbox.stripe.account import (
    Account,
    Call,
    Clock,
    Command,
    Ids,
    NothingSuchError,
    NotPossibleError,
    Operation,
    Settings,
)
from sandbox.stripe.balance import Settlement
from sandbox.stripe.errors import StripeError
from sandbox.stripe.params import Form, Params, decode
from sandbox.stripe.routes import ROUTES, check_expand, expand
from sandbox.wire import JSON, Execution, Happened, Layer, Proceed, Request, Response, Subject, straight_through

_log = logging.getLogger(__name__)

DEFAULT_API_KEY = "sk_test_sandbox"
_USUAL_SITE = "https://checkout.stripe.com"


class StripeSandbox(Shell[Account]):
    """A fake Stripe in memory: :class:`~sandbox.wire.Provider`, and both of the protocols that one may add to it.

    A movement's ``kind`` is ``charge``, ``refund``, ``refund_failure`` (it came back), ``dispute`` (a bank took it
    back) or ``reinstatement`` (and gave it again, or a part of it).

    Parameters
    ----------
    api_keys : Mapping[str, str]
        The account of each secret key.
    clock : Callable[[], float]
        Seconds since the epoch; times of objects and the age of idempotency keys come from it.
    seed : int, optional
        Makes ids repeatable. Without it they are random, so that a new sandbox never repeats an old one's ids.
    around_execution : Layer
        Code around whatever takes effect, such as latency or faults.
    notify : Callable[[JSON], object]
        Is given each event's document, outside all locks: what a webhook would carry.

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
        notify: Callable[[JSON], object] = lambda _event: None,
    ) -> None:
        self._ids = Ids(seed)
        self._around_execution = around_execution
        self._notify = notify
        self._settings = Settings()
        super().__init__(
            api_keys or {DEFAULT_API_KEY: "acct_sandbox"}, lambda: Account(self._ids, clock, self._settings)
        )

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises for what a client sends."""
        request_id = self._ids.new("req_", 14)
        found = ROUTES.find(request.method, request.path)
        try:
            account = self._authenticate(request)
            if found is None:
                raise errors.unrecognized_url(request.method, request.path)
            route, ids = found
            response = self._answer(account, route, ids, request, request_id)
        except StripeError as error:
            response = error.response()
        self._count(found[0].name if found else UNRECOGNIZED, response.status)
        return response.with_headers({"Request-Id": request_id})

    def _authenticate(self, request: Request) -> Account:
        key = _api_key(request.headers.get("authorization", ""))
        if not key:
            raise errors.no_key()
        account = self._keys.get(key)
        if account is None:
            raise errors.invalid_key(key)
        return self._accounts[account]

    def _answer(
        self, account: Account, route: Route[Operation], ids: Mapping[str, str], request: Request, request_id: str
    ) -> Response:
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        form = _form(request)
        params = Params(form)
        version = request.headers.get("stripe-version", "")
        call = Call(params, ids, key, version, self._settings.settlement, site(request, _USUAL_SITE))
        command = route.operation(call)
        expanded = check_expand(params.values("expand") or [])
        params.end()
        execution = Execution(self.name, route.name, request)

        def proceed() -> Response:
            return self._run(account, command, expanded, (request_id, key))

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

    def _run(
        self, account: Account, command: Command, expanded: list[str], cause: tuple[str | None, str | None]
    ) -> Response:
        with account.lock:
            try:
                response = Response.of(200, expand(account, command(account), expanded))
            except StripeError as error:
                response = error.response()
            account.catch_up()
            events = account.take_unsent(*cause)
        self._send(events)
        return response

    def _send(self, events: list[JSON]) -> None:
        # Without the lock: whoever is notified may ask the sandbox again.
        for event in events:
            self._notify(event)

    def act(self, command: Command) -> JSON:
        """Carry out a command of cardholders and banks, from :mod:`sandbox.stripe.outside`.

        Raises
        ------
        NothingSuchError
            No account has the object.
        NotPossibleError
            The object's state does not allow it.
        """
        return self._acting(command)

    def _acting[Result](self, command: Callable[[Account], Result]) -> Result:
        unknown = NothingSuchError("no account")
        for account in self._accounts.values():
            with account.lock:
                try:
                    result = command(account)
                except NothingSuchError as error:
                    unknown = error
                    continue
                account.catch_up()
                events = account.take_unsent()
            self._send(events)
            return result
        raise unknown

    def next_due(self) -> float | None:
        """Tell when something happens next, if nobody decides otherwise: seconds since the epoch."""
        found = []
        for account in self._accounts.values():
            with account.lock:
                found.append(timetable.next_due(account))
        return min((due for due in found if due is not None), default=None)

    def pass_time(self) -> list[Happened]:
        """Let happen what is due by the clock (:mod:`sandbox.stripe.timetable`)."""
        moved: list[Happened] = []
        for account in self._accounts.values():
            with account.lock:
                moved += timetable.pass_time(account)
                events = account.take_unsent()
            self._send(events)
        return moved

    def configure(self, settlement: Settlement | None = None, confirms: int | None = None) -> JSON:
        """Set how all accounts settle and how often a PaymentIntent can be confirmed; answers what is set.

        Unless given, each currency settles in itself and there is no limit. A reset leaves it.
        """
        settings = self._settings
        settings.settlement, settings.confirms = settlement or Settlement(), confirms
        rates = dict(settings.settlement.rates)
        return {"settlement_currency": settings.settlement.currency, "rates": rates, "confirms": confirms}

    def page(self, request: Request) -> Response:
        """Answer a browser on one of Stripe's own pages, below ``/pages/stripe``."""
        try:
            return self._acting(hosted.read(request))
        except NothingSuchError:
            return not_found()

    def control(self, request: Request) -> Response:
        """Answer the sandbox's own ``POST /_sandbox/stripe/…`` (docs/sandbox.md)."""
        try:
            wanted = controls.read(request)
            if isinstance(wanted, Settings):
                return Response.of(200, self.configure(wanted.settlement, wanted.confirms))
            return Response.of(200, self.act(wanted))
        except NothingSuchError as error:
            return Response.of(404, {"error": str(error)})
        except NotPossibleError as error:
            return Response.of(409, {"error": str(error)})
        except PlanError as error:
            return Response.of(400, {"error": str(error)})

    def subject(self, request: Request) -> Subject:
        """Tell the endpoint by the name Stripe counts it by, and the account."""
        found = ROUTES.find(request.method, request.path)
        account = self._keys.get(_api_key(request.headers.get("authorization", "")), "")
        return Subject(found[0].name if found else UNRECOGNIZED, account)

    def customers(self, request: Request) -> frozenset[str]:
        """Tell whom a request is about: the customer in it, or of the object in it."""
        account = self._accounts.get(self.subject(request).account)
        found = ROUTES.find(request.method, request.path)
        if account is None or found is None:
            return frozenset()
        try:
            form = _form(request)
        except StripeError:
            return frozenset()
        given = [value for value in form.values() if isinstance(value, str)]
        metadata = form.get("metadata")
        ours = metadata.get("customer_id") if isinstance(metadata, dict) else None
        with account.lock:
            named = account.customers_of([*found[1].values(), *given])
        return named | {ours} if isinstance(ours, str) else named

    def failure(self, fault: Fault, request: Request, reason: str = "") -> Response:
        """Word a failure as Stripe does."""
        failures = {
            Fault.RATE_LIMIT_429: errors.rate_limited("global-rate" if reason == ACCOUNT else "endpoint-rate"),
            Fault.LOCK_TIMEOUT_429: errors.lock_timeout(),
            Fault.CONFLICT_409: errors.key_in_use(request.headers.get("idempotency-key", "")),
            Fault.UNAVAILABLE_503: errors.unavailable(),
        }
        failure = failures.get(fault, errors.unknown_failure())
        return failure.response().with_headers({"Request-Id": self._ids.new("req_", 14)})


def _to_be_stored(response: Response, key: str, request_id: str) -> Response:
    headers = {"Idempotency-Key": key, "Original-Request": request_id}
    if response.status >= 400:
        # A repeat with this key could only be answered from the record, so Stripe tells its clients not to try.
        headers["Stripe-Should-Retry"] = "false"
    return response.with_headers({**headers, **response.headers})


def _form(request: Request) -> Form:
    try:
        return decode(request.body.decode() if request.method == "POST" else request.query)
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
