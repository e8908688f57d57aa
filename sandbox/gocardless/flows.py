"""The operations on billing request flows (API reference, "Billing request flows")."""

from collections.abc import Mapping

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command
from sandbox.gocardless.billing_requests import PERSON, BillingRequest, BillingRequestFlow
from sandbox.gocardless.params import Body
from sandbox.pages import is_address
from sandbox.wire import JSON

_PREFILLED = (
    *("address_line1", "address_line2", "address_line3", "city", "company_name", "country_code"),
    *("danish_identity_number", "email", "family_name", "given_name", "postal_code", "region"),
    "swedish_identity_number",
)
_LANGUAGES = ("da", "de", "en", "es", "fr", "it", "nb", "nl", "pt", "sk", "sl", "sv")
_LIVES_SECONDS = 7 * 86_400
_PAGE = "/gocardless/billing/static/flow?id="


def create(call: Call) -> Command:
    """Create a flow: the address of a page on which the customer does what a billing request asks for."""
    body = call.body
    options = _read_options(body)
    links = body.nested("links")
    reference = links.required("billing_request")

    def command(account: Account) -> Answer:
        request = account.billing_requests.linked(reference, links.pointer("billing_request"))
        if request.status not in ("pending", "ready_to_fulfil"):
            raise errors.invalid_state("billing_request_not_pending", f"Billing request is {request.status}")
        flow_id = account.ids.new("BRF", 29)
        flow = BillingRequestFlow(
            id=flow_id,
            created_at=account.now(),
            expires=account.clock() + _LIVES_SECONDS,
            request=request,
            authorisation_url=f"{call.site}{_PAGE}{flow_id}",
            options=options,
            clock=account.clock,
        )
        _prefill(request, options)
        account.billing_request_flows.add(flow, request.id)
        about = {"customer": request.customer.id, "billing_request_flow": flow.id}
        account.emit(request, "flow_created", origin="api", links=about)
        return Answer({"billing_request_flows": flow.to_json()}, 201, f"/billing_request_flows/{flow.id}")

    return command


def _read_options(body: Body) -> JSON:
    addresses = {name: body.text(name, 2048) for name in ("redirect_uri", "exit_uri")}
    for name, value in addresses.items():
        if value is not None and not is_address(value):
            raise errors.invalid_field(body.pointer(name), "must be a valid URL")
    language = body.text("language")
    if language not in (None, *_LANGUAGES):
        raise errors.invalid_field(body.pointer("language"), f"must be one of {', '.join(_LANGUAGES)}")
    flags = {
        name: body.flag(name)
        for name in (
            *("customer_details_captured", "lock_bank_account", "lock_currency", "lock_customer_details"),
            *("show_redirect_buttons", "show_success_redirect_button", "skip_success_screen"),
        )
    }
    person = body.nested("prefilled_customer") if body.has("prefilled_customer") else None
    account = body.nested("prefilled_bank_account") if body.has("prefilled_bank_account") else None
    kind = account and account.text("account_type")
    if kind not in (None, "savings", "checking"):
        raise errors.invalid_field(body.pointer("prefilled_bank_account/account_type"), "must be savings or checking")
    return {
        **addresses,
        **flags,
        "auto_fulfil": body.flag("auto_fulfil") if body.has("auto_fulfil") else True,
        "language": language,
        "prefilled_bank_account": {"account_type": kind} if kind else None,
        "prefilled_customer": person and {name: person.text(name) for name in _PREFILLED},
    }


def _prefill(request: BillingRequest, options: JSON) -> None:
    """Take the details that the flow brings, where the customer has none."""
    given: Mapping[str, str | None] = options["prefilled_customer"] or {}
    for name in {*PERSON, *_PREFILLED}:
        value = given.get(name)
        if value is not None and not request.customer.details.get(name):
            request.customer.details[name] = value


def initialise(call: Call) -> Command:
    """Return a flow with a new session token, for pages that handle it themselves."""

    def command(account: Account) -> Answer:
        flow = account.billing_request_flows.get(call.ids["flow"])
        flow.session_token = account.ids.new("sesh_sandbox_", 40)
        return Answer({"billing_request_flows": flow.to_json()})

    return command
