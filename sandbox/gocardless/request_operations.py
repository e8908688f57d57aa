"""The operations on billing requests (API reference, "Billing requests").

``collect_customer_details``, ``collect_bank_account`` and ``confirm_payer_details`` are for accounts with the custom
payment pages upgrade, which the sandbox's have not: there, the hosted page does all of it.
"""

from collections.abc import Mapping
from dataclasses import replace

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.billing_requests import BillingRequest, MandateRequest, PaymentRequest, missing_of
from sandbox.gocardless.fulfilling import fulfil
from sandbox.gocardless.objects import BankAccount, Customer
from sandbox.gocardless.params import Body
from sandbox.gocardless.payments import check_limits
from sandbox.gocardless.schemes import CURRENCIES, INSTANT, SCHEMES
from sandbox.gocardless.shelf import read_page

_VERIFY = ("minimum", "recommended", "when_available", "always")
_CODES: Mapping[str, tuple[str, ...]] = {
    "payment_context_code": (
        *("billing_goods_and_services_in_advance", "billing_goods_and_services_in_arrears"),
        *("face_to_face_point_of_sale", "ecommerce_merchant_initiated_payment", "transfer_to_self"),
        "transfer_to_third_party",
    ),
    "purpose_code": ("utility", "retail", "commercial", "consumer", "other", "other_payment"),
}


def create(call: Call) -> Command:
    """Create a billing request, for a customer that there is or for a new one."""
    body = call.body
    metadata, codes = body.metadata(), _read_codes(body)
    if body.flag("fallback_enabled"):
        raise errors.invalid_field(body.pointer("fallback_enabled"), "is not enabled for this account")
    mandate, payment = _read_mandate(body), _read_payment(body)
    links = body.nested("links") if body.has("links") else Body({}, body.pointer("links"))
    customer_id, bank_account_id = links.text("customer"), links.text("customer_bank_account")
    links.text("creditor")
    if mandate is None and payment is None:
        raise errors.invalid_field(body.pointer("mandate_request"), "or a payment_request is required")
    if mandate is not None and payment is not None and mandate.currency != payment.currency:
        raise errors.invalid_field(body.pointer("payment_request/currency"), "must be that of the mandate_request")

    def command(account: Account) -> Answer:
        def make() -> BillingRequest:
            if payment is not None:
                check_limits(account, payment.amount, payment.currency, body.pointer("payment_request/amount"))
            customer = _customer(account, customer_id, links)
            made = BillingRequest(
                id=account.ids.new("BRQ"),
                created_at=account.now(),
                customer=customer,
                billing_detail=account.ids.new("CBD"),
                metadata=metadata,
                mandate_request=mandate and replace(mandate, id=account.ids.new("MRQ")),
                payment_request=payment and replace(payment, id=account.ids.new("PRQ")),
                bank_account=_bank_account(account, bank_account_id, customer, links),
                codes=codes,
            )
            if not missing_of(customer) and customer_id:
                made.done.add("collect_customer_details")
            if made.bank_account is not None:
                made.done.add("collect_bank_account")
            account.billing_requests.add(made, customer.id)
            account.emit(made, "created", origin="api", links=_about(made))
            return made

        return created(account, call, "billing_requests", make)

    return command


def _read_codes(body: Body) -> dict[str, str]:
    found = {name: body.text(name) for name in _CODES}
    for name, value in found.items():
        if value is not None and value not in _CODES[name]:
            raise errors.invalid_field(body.pointer(name), f"must be one of {', '.join(_CODES[name])}")
    return {name: value for name, value in found.items() if value is not None}


def _read_mandate(body: Body) -> MandateRequest | None:
    if not body.has("mandate_request"):
        return None
    wanted = body.nested("mandate_request")
    currency, scheme, description = wanted.text("currency"), wanted.text("scheme"), wanted.text("description")
    verify = wanted.text("verify") or "minimum"
    source = wanted.text("authorisation_source") or "web"
    if verify not in _VERIFY:
        raise errors.invalid_field(wanted.pointer("verify"), f"must be one of {', '.join(_VERIFY)}")
    if source not in ("web", "telephone", "paper"):
        raise errors.invalid_field(wanted.pointer("authorisation_source"), "must be one of web, telephone, paper")
    if scheme is not None and scheme not in CURRENCIES:
        raise errors.invalid_field(wanted.pointer("scheme"), f"must be one of {', '.join(CURRENCIES)}")
    currency = currency or (scheme and CURRENCIES[scheme])
    if currency is None:
        raise errors.invalid_field(wanted.pointer("currency"), "is required, or a scheme")
    if currency not in SCHEMES or scheme not in (None, SCHEMES[currency]):
        raise errors.invalid_field(wanted.pointer("currency"), f"must be one of {', '.join(SCHEMES)}, by scheme")
    return MandateRequest("", currency, SCHEMES[currency], description, verify, wanted.metadata(), source)


def _read_payment(body: Body) -> PaymentRequest | None:
    if not body.has("payment_request"):
        return None
    wanted = body.nested("payment_request")
    amount, currency = wanted.amount("amount"), wanted.required("currency")
    description, scheme = wanted.required("description"), wanted.text("scheme")
    if currency not in INSTANT:
        raise errors.invalid_field(wanted.pointer("currency"), f"must be one of {', '.join(INSTANT)}")
    if scheme not in (None, INSTANT[currency]):
        raise errors.invalid_field(wanted.pointer("scheme"), f"must be {INSTANT[currency]}")
    reference, metadata = wanted.text("reference"), wanted.metadata()
    return PaymentRequest("", amount, currency, INSTANT[currency], description, reference, metadata)


def _customer(account: Account, reference: str | None, links: Body) -> Customer:
    if reference is None:
        return account.customers.add(Customer(account.ids.new("CU"), account.now(), {}))
    found = account.customer(reference, links.pointer("customer"))
    if found.removed:
        raise errors.customer_removed()
    return found


def _bank_account(account: Account, reference: str | None, customer: Customer, links: Body) -> BankAccount | None:
    if reference is None:
        return None
    found = account.bank_accounts.linked(reference, links.pointer("customer_bank_account"))
    if found.customer != customer.id:
        raise errors.invalid_field(links.pointer("customer_bank_account"), "must be the customer's")
    return found


def _about(made: BillingRequest) -> dict[str, str]:
    return {"customer": made.customer.id}


def get(call: Call) -> Command:
    """Get a billing request."""
    return lambda account: _answer(account.billing_requests.get(call.ids["request"]))


def _answer(request: BillingRequest) -> Answer:
    return Answer({"billing_requests": request.to_json()})


def list_all(call: Call) -> Command:
    """List billing requests, also by customer and status."""
    query = call.query
    page, customer, statuses = read_page(query), query.text("customer"), query.words("status")
    return lambda account: Answer(
        account.billing_requests.page(
            page, "billing_requests", owner=customer, where=lambda found: not statuses or found.status in statuses
        )
    )


def cancel(call: Call) -> Command:
    """Cancel a billing request; the pages of its flows can no longer be used."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        request = account.billing_requests.get(call.ids["request"])
        if request.status not in ("pending", "ready_to_fulfil"):
            raise errors.invalid_state("cancellation_failed", f"Billing request is {request.status}")
        request.status = "cancelled"
        account.emit(request, "cancelled", origin="api", links=_about(request), metadata=metadata)
        return _answer(request)

    return command


def fulfil_one(call: Call) -> Command:
    """Fulfil a billing request that is ready: make the mandate, or the payment, that it asks for."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        request = account.billing_requests.get(call.ids["request"])
        if request.status != "ready_to_fulfil":
            raise errors.invalid_state("billing_request_not_ready_to_fulfil", f"Billing request is {request.status}")
        fulfil(account, request, "api", metadata)
        return _answer(request)

    return command
