"""The fake GoCardless as one object: authentication, validation, then the operation."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from sandbox.chaos.faults import Fault
from sandbox.gocardless import errors, hosted, payouts, timetable
from sandbox.gocardless.account import Account, Call, Clock, Command, Ids, Operation, Terms
from sandbox.gocardless.controls import control
from sandbox.gocardless.errors import GoCardlessError
from sandbox.gocardless.fates import Fates, NoFates
from sandbox.gocardless.outside import Outside
from sandbox.gocardless.params import Query, mentioned, read_body
from sandbox.gocardless.routes import ROUTES, envelope_of
from sandbox.pages import not_found, site
from sandbox.shell import UNRECOGNIZED, Route, Shell
from sandbox.wire import JSON, Execution, Happened, Layer, Request, Response, Subject, straight_through

_log = logging.getLogger(__name__)

DEFAULT_ACCESS_TOKEN = "sandbox_access_token"  # noqa: S105 - of a fake, no secret
VERSION = "2015-07-06"
LONGEST_KEY = 128
_USUAL_SITE = "https://pay-sandbox.gocardless.com"


class GoCardlessSandbox(Shell[Account]):
    """A fake GoCardless in memory: :class:`~sandbox.wire.Provider`.

    Payments stay ``pending_submission`` until they are moved on: by :meth:`advance`, by :attr:`outside`, by the control
    documents that :meth:`control` answers, or by :meth:`pass_time`. How they end, their mandate says
    (:mod:`sandbox.gocardless.behaviours`).

    Parameters
    ----------
    access_tokens : Mapping[str, str]
        The account of each access token.
    clock : Callable[[], float]
        Seconds since the epoch.
    seed : int, optional
        Makes ids repeatable. Without it they are random, so that a new sandbox never repeats an old one's ids.
    around_execution : Layer
        Code around whatever takes effect, such as latency or faults.
    notify : Callable[[JSON], object], optional
        Is given each event's document, outside all locks: what a webhook would carry.
    path_prefix : str
        Where it is mounted. The SDK drops the path of its ``base_url`` (it joins ``/payments`` to it); our adapter
        does not.
    fates : Fates, optional
        What happens to payments that are collected, while all are moved on by :meth:`advance`.

    Examples
    --------
    >>> sandbox = GoCardlessSandbox()
    >>> headers = {"Authorization": "Bearer sandbox_access_token", "GoCardless-Version": "2015-07-06"}
    >>> sandbox.handle(Request.to("GET", "/gocardless/mandates/MD_OK", headers)).status
    200
    """

    name = "gocardless"

    def __init__(
        self,
        access_tokens: Mapping[str, str] | None = None,
        clock: Clock = time.time,
        seed: int | None = None,
        around_execution: Layer = straight_through,
        notify: Callable[[JSON], object] | None = None,
        path_prefix: str = "/gocardless",
        fates: Fates | None = None,
    ) -> None:
        self._ids = Ids(seed)
        self._around_execution = around_execution
        self._notify = notify
        self._prefix = path_prefix
        self.terms = Terms()
        """What was agreed with GoCardless; a reset leaves it."""
        self.outside = Outside(lambda: self._accounts.values(), self._send, fates or NoFates())  # noqa: PLW0108 - they change
        """What banks, customers and users of GoCardless' dashboard do."""
        super().__init__(
            access_tokens or {DEFAULT_ACCESS_TOKEN: "OR_sandbox"}, lambda: Account(self._ids, clock, self.terms)
        )

    def reset(self) -> None:
        """Forget all objects, keys, events, movements and counts; the terms stay."""
        super().reset()
        self.outside.reset()

    def movements(self) -> Sequence[JSON]:
        """Return the money moved in every account, oldest first in each; amounts in minor units.

        Money counts as moved when a payment is confirmed (``kind`` is ``charge``). What goes back is negative:
        ``refund``, ``charge_back``, ``late_failure``; what comes back after all is positive: ``refund_cancelled``,
        ``refund_funds_returned``, ``charge_back_cancelled``.
        """
        return super().movements()

    def advance(self, payment_id: str | None = None, to: str | None = None, cause: str = "") -> list[JSON]:
        """Move one payment on, or all that have a step to make, and return them.

        Parameters
        ----------
        payment_id : str, optional
            Without it, all that have a step to make in every account (and can come to the status asked for).
        to : str, optional
            The status to come to, by every status on the way; the next step, unless given.
        cause : str
            Why, as ``details.cause`` of the last event says it, where it is not the usual.

        Raises
        ------
        LookupError
            There is no such payment.
        IllegalAdvanceError
            It cannot come to that status.
        UnpublishedError
            GoCardless' documents have no such cause for it.
        """
        if payment_id is not None:
            return [self.outside.advance_payment(payment_id, to, cause)]
        return self.outside.advance(to, cause)

    def next_due(self) -> float | None:
        """Tell when something happens next, if nobody decides otherwise: seconds since the epoch."""
        found = []
        for account in self._accounts.values():
            with account.lock:
                found.append(timetable.next_due(account))
        return min((due for due in found if due is not None), default=None)

    def pass_time(self) -> list[Happened]:
        """Let happen what is due by the clock (:mod:`sandbox.gocardless.timetable`)."""
        moved: list[Happened] = []
        for account in self._accounts.values():
            with account.lock:
                moved += timetable.pass_time(account)
            self._send(account)
        return moved

    def page(self, request: Request) -> Response:
        """Answer a browser on GoCardless' hosted page, below ``/pages/gocardless``."""
        answer = hosted.read(request)
        for account in self._accounts.values() if answer is not None else ():
            with account.lock:
                response = answer(account) if answer is not None else None
            if response is not None:
                self._send(account)
                return response
        return not_found()

    def control(self, request: Request) -> Response:
        """Answer the sandbox's own ``POST /_sandbox/gocardless/advance`` and the others of docs/sandbox.md."""
        return control(request, self.outside, self.terms)

    def subject(self, request: Request) -> Subject:
        """Tell the endpoint, and the account."""
        found = ROUTES.find(request.method, request.path.removeprefix(self._prefix))
        account = self._keys.get(_token(request), "")
        return Subject(found[0].name if found else UNRECOGNIZED, account)

    def customers(self, request: Request) -> frozenset[str]:
        """Tell whom a request is about: the customer in it, or of the mandate or payment in it."""
        found = ROUTES.find(request.method, request.path.removeprefix(self._prefix))
        account = self._accounts.get(self.subject(request).account)
        if found is None or account is None:
            return frozenset()
        with account.lock:
            return account.customers_of([*found[1].values(), *mentioned(request)])

    def failure(self, fault: Fault, request: Request, reason: str = "") -> Response:  # noqa: ARG002
        """Word a failure as GoCardless does; its limit is the account's, whatever the reason."""
        failures = {
            Fault.RATE_LIMIT_429: errors.rate_limited,
            Fault.LOCK_TIMEOUT_429: errors.rate_limited,  # GoCardless has no other 429
            Fault.CONFLICT_409: errors.in_flight,
            Fault.UNAVAILABLE_503: errors.unavailable,
        }
        request_id = self._ids.new("", 26)
        return failures.get(fault, errors.internal)().response(request_id).with_headers({"X-Request-Id": request_id})

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises for what a client sends."""
        request_id = self._ids.new("", 26)
        found = ROUTES.find(request.method, request.path.removeprefix(self._prefix))
        try:
            account = self._authenticate(request)
            if found is None:
                raise errors.no_such_path()
            route, ids = found
            response = self._answer(account, route, ids, request, request_id)
        except GoCardlessError as error:
            response = error.response(request_id)
        self._count(found[0].name if found else UNRECOGNIZED, response.status)
        return response.with_headers({"X-Request-Id": request_id})

    def _authenticate(self, request: Request) -> Account:
        token = _token(request)
        if not token:
            raise errors.no_token()
        account = self._keys.get(token)
        if account is None:
            raise errors.unknown_token()
        version = request.headers.get("gocardless-version", "")
        if version != VERSION:
            raise errors.bad_version(version)
        return self._accounts[account]

    def _answer(
        self, account: Account, route: Route[Operation], ids: Mapping[str, str], request: Request, request_id: str
    ) -> Response:
        query = Query(request.query)
        body = read_body(request.body, request.headers.get("content-type", ""), envelope_of(route))
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        if len(key) > LONGEST_KEY:
            raise errors.key_too_long()
        command = route.operation(Call(query, body, ids, key, site(request, _USUAL_SITE)))
        query.end()
        body.end()

        def proceed() -> Response:
            response = self._run(account, command, request_id)
            self._send(account)
            return response

        try:
            return self._around_execution(Execution(self.name, route.name, request), proceed)
        except Exception:
            _log.exception("The sandbox failed in %s", route.name)
            return errors.internal().response(request_id)

    def _run(self, account: Account, command: Command, request_id: str) -> Response:
        with account.lock:
            try:
                answer = command(account)
            except GoCardlessError as error:
                return error.response(request_id)
            headers = {"Location": answer.location} if answer.location else {}
            return Response.of(answer.status, answer.document, headers)

    def _send(self, account: Account) -> None:
        # Without the lock: whoever is notified may ask the sandbox again.
        with account.lock:
            payouts.close(account)
            unsent, account.unsent = account.unsent, []
        if self._notify is not None:
            for event in unsent:
                self._notify(event)


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
