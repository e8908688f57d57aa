"""What comes of a billing request that is fulfilled (API reference, "Billing requests")."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.gocardless.account import Account
from sandbox.gocardless.behaviours import MAGIC_MANDATES, Behaviour
from sandbox.gocardless.billing_requests import BillingRequest, MandateRequest, PaymentRequest, Wanted
from sandbox.gocardless.lifecycle import advance, begin
from sandbox.gocardless.money import Payment
from sandbox.gocardless.objects import Mandate

INSTANT_STEPS = ("submitted", "confirmed", "paid_out")


def complete(account: Account, request: BillingRequest, action: Wanted, event: str, links: Mapping[str, str]) -> None:
    """Let the customer complete an action; the last one makes the request ready.

    Parameters
    ----------
    event : str
        The action of the event that says so.
    links : Mapping[str, str]
        Whom else the event is about.
    """
    request.done.add(action)
    account.emit(request, event, origin="payer", links=links)
    if request.status == "pending" and request.done >= {*request.actions}:
        request.status = "ready_to_fulfil"


def fulfil(account: Account, request: BillingRequest, origin: str, metadata: Mapping[str, str] | None = None) -> None:
    """Make what the request asks for. Call it with the account's lock held.

    Parameters
    ----------
    origin : str
        ``api``, or ``gocardless`` if a flow did it by itself.
    """
    request.status = "fulfilled"
    if request.mandate_request is not None:
        _make_mandate(account, request, request.mandate_request)
    if request.payment_request is not None:
        _make_payment(account, request, request.payment_request)
    links = {name: request.links[name] for name in _LINKED if name in request.links}
    account.emit(request, "fulfilled", origin=origin, links=links, metadata=metadata)


_LINKED = ("customer", "customer_bank_account", "mandate_request_mandate", "payment_request_payment")


def _make_mandate(account: Account, request: BillingRequest, wanted: MandateRequest) -> None:
    assert request.bank_account is not None, "it was collected, or there from the start"
    behaviour = _behaviour(request)
    mandate = Mandate(
        id=account.ids.new("MD"),
        created_at=account.now(),
        customer=request.customer.id,
        bank_account=request.bank_account.id,
        scheme=wanted.scheme,
        reference=account.ids.new("MDT-", 6),
        behaviour=behaviour,
        status="pending_submission",
        clock=account.clock,
        payments_require_approval=behaviour.approval,
        authorisation_source=wanted.authorisation_source,
        metadata=dict(wanted.metadata),
    )
    wanted.mandate = mandate.id
    account.mandates.add(mandate, request.customer.id)
    account.emit(mandate, "created", origin="gocardless")


def _behaviour(request: BillingRequest) -> Behaviour:
    """Return how the mandate's payments end: the sandbox goes by a holder who is called like a magic mandate."""
    holder = request.bank_account.account_holder_name if request.bank_account else ""
    found = MAGIC_MANDATES.get(holder.strip().upper().replace(" ", "_"))
    return found if found is not None and not found.refused else MAGIC_MANDATES["MD_OK"]


def _make_payment(account: Account, request: BillingRequest, wanted: PaymentRequest) -> None:
    """Make a payment that the customer's bank has made already, with the mandate that it consumes."""
    mandate = Mandate(
        id=account.ids.new("MD"),
        created_at=account.now(),
        customer=request.customer.id,
        bank_account=request.bank_account.id if request.bank_account else "",
        scheme=wanted.scheme,
        reference=account.ids.new("MDT-", 6),
        behaviour=Behaviour(INSTANT_STEPS),
        status="active",
        clock=account.clock,
        known=True,
    )
    account.mandates.add(mandate, request.customer.id)
    account.emit(mandate, "created", origin="gocardless")
    payment = Payment(
        id=account.ids.new("PM"),
        created_at=account.now(),
        amount=wanted.amount,
        currency=wanted.currency,
        charge_date=datetime.fromtimestamp(account.clock(), UTC).date().isoformat(),
        mandate=mandate.id,
        customer=request.customer.id,
        scheme=wanted.scheme,
        idempotency_key="",
        since=account.clock(),
        steps_left=INSTANT_STEPS,
        description=wanted.description,
        reference=wanted.reference,
        metadata=dict(wanted.metadata),
    )
    wanted.payment = payment.id
    account.payments.add(payment, mandate.id, request.customer.id)
    begin(account, payment)
    mandate.status = "consumed"
    account.emit(mandate, "consumed")
    advance(account, payment, "confirmed")
