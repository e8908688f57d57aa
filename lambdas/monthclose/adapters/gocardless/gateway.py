"""GoCardless (bank debit), through its official SDK.

There is one step: creating a payment collects it, days later. Its idempotency key is made of payment and attempt. The
same key again is a conflict that names the first payment, *even if its amount differs*: the SDK would return that one
silently, so here the conflict is raised and the payment compared with the order. As keys expire, payments also have
payment and attempt in their metadata, by which they are found again.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from gocardless_pro import errors
from gocardless_pro.services import EventsService, MandatesService, PaymentsService, RefundsService

from monthclose.adapters.gocardless.amounts import charge_limits
from monthclose.adapters.gocardless.http import (
    TIMEOUT_SECONDS,
    Timeout,
    conflicting_resource,
    service_settings,
    translated,
)
from monthclose.adapters.gocardless.record import GoCardlessRecord
from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.money import Money
from monthclose.domain.payments.charge_limits import ChargeLimits
from monthclose.domain.period import Period
from monthclose.errors import (
    MethodReplacedError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderRefusedError,
    TryLaterError,
)
from monthclose.ports import (
    Answer,
    BeforeRequest,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    CollectedPage,
    FoundRefund,
    InProgress,
    NotCollected,
    RefundFate,
    RefundOrder,
    Refused,
    Window,
)

_LONGEST_KEY = 128
_PAGE = 500
_CLOCK_SKEW = timedelta(minutes=5)
"""How far GoCardless' clock and ours may be apart."""
_REFUND, _MANDATE = "RF", "MD"
_NAME = "refund"
"""The key of a refund's name in its metadata."""
_REPLACED = "mandate_replaced"
_INVALID_MANDATE = "invalid mandate"
_NO_SUCH_OBJECT = "resource_not_found"
_MANDATE_ID = re.compile(r"[A-Za-z0-9_-]+")

_PENDING = frozenset({"pending_customer_approval", "pending_submission", "submitted"})
_COLLECTED = frozenset({"confirmed", "paid_out"})
_CHARGED_BACK = "charged_back"
_NOT_REFUNDED = frozenset({"cancelled", "failed", "funds_returned"})
"""Statuses of a refund whose money has come back to us, or never left (API reference, "Refunds"). When it has bounced,
the money is still on its way."""
_REFUSED = frozenset({"failed", "cancelled", "customer_approval_denied"})


class GoCardlessGateway:
    """`PaymentGateway` on GoCardless' API, version 2015-07-06. A payment method is a mandate (`MD…`).

    Parameters
    ----------
    access_token : str
        With read and write access.
    base_url : str
        `https://api.gocardless.com`; may have a path.
    timeout : Timeout
        Seconds to connect, and to wait for each piece of an answer.
    session : requests.Session or None
        Sends the requests; None for a session of our own.
    """

    provider = "gocardless"
    idempotency_window = timedelta(hours=1)
    """GoCardless keeps keys "over short periods of time" and doesn't say how long: we rely on no more than we must."""
    latest_effect = timedelta(hours=1)
    one_order_per_payment = False

    def __init__(
        self,
        access_token: str,
        base_url: str,
        timeout: Timeout = TIMEOUT_SECONDS,
        session: requests.Session | None = None,
    ) -> None:
        settings = service_settings(base_url, access_token, timeout, session)
        self._payments = PaymentsService(*settings)
        self._mandates = MandatesService(*settings)
        self._events = EventsService(*settings)
        self._refunds = RefundsService(*settings)
        self._record = GoCardlessRecord(self._payments, self._refunds)

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Look up the currency's scheme."""
        return charge_limits(currency)

    def check(self) -> None:
        """List one payment. Whether the token may also create payments shows only when one is created."""
        with translated(moves_money=False):
            self._payments.list({"limit": 1})

    def register(self, customer: Customer) -> str:
        """Return the id (`CU…`) of the mandate's customer: whoever has a mandate is registered with GoCardless."""
        if customer.profile.imported_provider_customer_id:
            return customer.profile.imported_provider_customer_id
        return str(self._mandate(customer.payment_method).links.customer or "")

    def prepare(self, order: ChargeOrder) -> str:  # noqa: ARG002
        """Do nothing: GoCardless has no step before collecting."""
        return ""

    def collect(self, order: ChargeOrder) -> Answer:
        """Create the payment, to be charged on the earliest day that its scheme allows."""
        try:
            with translated(moves_money=True):
                payment = self._payments.create(
                    {
                        "amount": order.amount.minor,  # all its currencies have the decimals of ISO 4217
                        "currency": order.amount.currency,
                        "description": f"Invoice {order.invoice_number}",
                        "links": {"mandate": order.payment_method},
                        "metadata": _metadata(order),
                        "retry_if_possible": False,  # dunning decides when to try again
                    },
                    {"Idempotency-Key": idempotency_key(order.payment_id, order.attempt, longest=_LONGEST_KEY)},
                )
        except errors.IdempotentCreationConflictError as conflict:
            return self._created_before(conflicting_resource(conflict), order)
        except OrderInvalidError as error:
            if error.code != _REPLACED or not (successor := self.successor(order.payment_method)):
                raise
            raise MethodReplacedError(error.code, successor, error.request_id) from None
        return self._answer(payment)

    def look_up(self, order: ChargeOrder) -> Answer:
        """Get the payment; one whose id was not recorded is found among its customer's by the metadata."""
        payment = self._get(order.reference) if order.reference else self._find(order)
        return self._answer(payment) if payment is not None else Answer("", NotCollected())

    def withdraw(self, order: ChargeOrder) -> Answer:
        """Cancel the payment, which is possible until it is submitted to the bank."""
        answer = self.look_up(order)
        if not isinstance(answer.outcome, InProgress):
            return answer
        try:
            with translated(moves_money=False):
                payment = self._payments.cancel(answer.reference)
        except OrderRefusedError:  # it was submitted meanwhile
            payment = self._get(answer.reference)
        return self._answer(payment)

    def refund(self, order: RefundOrder) -> str:
        """Create the refund (`RF…`): one that is made already would not add up to `total_amount_confirmation`."""
        try:
            with translated(moves_money=True):
                made = self._refunds.create(
                    {
                        "amount": order.amount.minor,
                        "total_amount_confirmation": order.before_minor + order.amount.minor,
                        "links": {"payment": order.reference},
                        "metadata": {_NAME: order.name},
                    },
                    {"Idempotency-Key": idempotency_key(order.name, longest=_LONGEST_KEY)},
                )
        except errors.IdempotentCreationConflictError as conflict:
            if found := conflicting_resource(conflict):
                return found
            raise OutcomeUnknownError(
                "GoCardless knows the idempotency key, but doesn't say for which refund"
            ) from None
        return str(made.id)

    def find_refund(self, order: RefundOrder) -> FoundRefund | None:
        """Find it among the payment's by its metadata."""
        with _looking_up():
            for refund in self._refunds.all({"payment": order.reference, "limit": _PAGE}):
                if _noted(refund, _NAME) == order.name:
                    failed = refund.status in _NOT_REFUNDED
                    return FoundRefund(str(refund.id), RefundFate.FAILED if failed else RefundFate.GIVEN)
        return None

    def successor(self, method: str) -> str:
        """Get the mandate: one that was replaced, as when the creditor gets its own identifier, names its successor.

        The successor may have been replaced, too.
        """
        seen = [method]
        while (successor := str(self._mandate(seen[-1]).links.new_mandate or "")) and successor not in seen:
            seen.append(successor)
        return seen[-1] if len(seen) > 1 else ""

    def payment_of(self, reference: str) -> str:
        """Read the payment's metadata; for a refund (`RF…`), its payment's.

        For a mandate (`MD…`) it is the latest payment of its customer, as mandates don't have our metadata.
        """
        if reference.startswith(_MANDATE):
            return self._payment_of_payer(self._payer(reference))
        try:
            with translated(moves_money=False):
                if reference.startswith(_REFUND):
                    reference = str(self._refunds.get(reference).links.payment)
                payment = self._payments.get(reference)
        except OrderRefusedError as error:
            if error.code != _NO_SUCH_OBJECT:
                raise
            return ""
        return _payment_id(payment)

    def _payment_of_payer(self, payer: str) -> str:
        latest = self._list({"customer": payer}) if payer else iter(())
        return next((ours for payment in latest if (ours := _payment_id(payment))), "")

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        """Read a page of GoCardless' own record: first its payments, then its refunds."""
        created = {"created_at[gte]": _from(window.since)}
        if window.until:
            created["created_at[lt]"] = _from(window.until)
        with _looking_up():
            return self._record.page(period, created, after)

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        """Add up what is held for one payment."""
        with _looking_up():
            return self._record.held(reference, before_request)

    def _created_before(self, reference: str, order: ChargeOrder) -> Answer:
        """Answer with the payment that the order's key has created before, if it matches the order."""
        if not reference:
            raise OutcomeUnknownError("GoCardless knows the idempotency key, but doesn't say for which payment")
        try:
            payment = self._get(reference)
            ordered = (order.amount, _metadata(order))
            if (Money(payment.amount, payment.currency), dict(payment.metadata or {})) != ordered:
                raise OutcomeUnknownError(f"GoCardless knows the idempotency key, but for another payment, {reference}")
            return self._answer(payment)
        except (TryLaterError, ProviderRefusedError) as error:  # the caller would take these for "nothing happened"
            raise OutcomeUnknownError(f"{reference} already exists, but cannot be read right now") from error

    def _get(self, reference: str) -> Any:
        with _looking_up():
            return self._payments.get(reference)

    def _find(self, order: ChargeOrder) -> Any | None:
        """Search all payments of the mandate's customer: a replaced mandate's payments move to its successor."""
        wanted = _metadata(order)["payment"]
        payer = self._payer(order.payment_method)
        payments = self._list({"customer": payer, "created_at[gte]": _from(order.since)}) if payer else iter(())
        return next((payment for payment in payments if _noted(payment, "payment") == wanted), None)

    def _payer(self, mandate_id: str) -> str:
        """Return the id of a mandate's customer; empty if there is no such mandate: nothing was created on it then."""
        try:
            return str(self._mandate(mandate_id).links.customer or "")
        except OrderRefusedError as error:
            if error.code not in (_NO_SUCH_OBJECT, _INVALID_MANDATE):
                raise OutcomeUnknownError(
                    f"GoCardless does not say whose mandate {mandate_id} is: {error.code}"
                ) from error
            return ""

    def _mandate(self, mandate_id: str) -> Any:
        if not _MANDATE_ID.fullmatch(mandate_id):
            raise OrderInvalidError(_INVALID_MANDATE)
        with translated(moves_money=False):
            return self._mandates.get(mandate_id)

    def _list(self, filters: Mapping[str, str]) -> Iterator[Any]:
        with _looking_up():
            yield from self._payments.all({**filters, "limit": _PAGE})

    def _answer(self, payment: Any) -> Answer:
        return Answer(payment.id, self._outcome(payment))

    def _outcome(self, payment: Any) -> ChargeOutcome:
        """Read a payment's status (GoCardless API reference, "Payments")."""
        request_id = payment.api_response.headers.get("X-Request-Id", "")
        status = payment.status
        if status in _PENDING:
            return InProgress(request_id)
        if status in _REFUSED and not payment.amount_refunded:
            return Refused(self._cause(payment), request_id=request_id)
        if status in _COLLECTED | _REFUSED or status == _CHARGED_BACK:
            collected = Collected(Money(payment.amount, payment.currency), self._refunded(payment), 0, "", request_id)
            if status in _COLLECTED:
                return collected
            # What was refunded had been collected, even if it failed afterwards.
            code = status if status == _CHARGED_BACK else self._cause(payment)
            return replace(collected, reversed_minor=payment.amount, code=code)
        raise OutcomeUnknownError(f"{payment.id} has an unknown status: {status}")

    def _refunded(self, payment: Any) -> int:
        """Add up the refunds that have not failed; the payment's own sum counts those of any status."""
        if not payment.amount_refunded:
            return 0
        with _looking_up():
            refunds = list(self._refunds.all({"payment": payment.id, "limit": _PAGE}))
        return sum(refund.amount for refund in refunds if refund.status not in _NOT_REFUNDED)

    def _cause(self, payment: Any) -> str:
        """Read why a payment was refused, in the words of its latest event, which dunning relies on."""
        with _looking_up():
            events = self._events.list({"payment": payment.id, "action": payment.status, "limit": 1}).records
        return str((events and events[0].details.cause) or payment.status)


@contextmanager
def _looking_up() -> Iterator[None]:
    """Translate errors of looking a payment up: none of them is a definite no to the order."""
    try:
        with translated(moves_money=False):
            yield
    except OrderRefusedError as error:
        raise OutcomeUnknownError(f"GoCardless does not give the outcome: {error.code}") from error


def _metadata(order: ChargeOrder) -> dict[str, str]:
    """Write what identifies an order, in the three keys that GoCardless allows."""
    return {
        "payment": f"{order.payment_id}#{order.attempt}",
        "invoice": order.invoice_number,
        "close": str(order.period),
    }


def _noted(payment: Any, key: str) -> str:
    return str((payment.metadata or {}).get(key, ""))


def _payment_id(payment: Any) -> str:
    return _noted(payment, "payment").rpartition("#")[0]


def _from(since: datetime) -> str:
    return (since - _CLOCK_SKEW).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
