"""Billing requests, their flows and the hosted page on which a customer gives a mandate or pays at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.gocardless import GoCardlessSandbox
from sandbox.web.testing import serving
from sandbox.wire import Request
from tests.sandbox.browsing import Customer
from tests.sandbox.gocardless_conformity import differences
from tests.sandbox.gocardless_driving import Wire, reason, sdk

if TYPE_CHECKING:
    from sandbox.twin import ManualClock

MANDATE = {"mandate_request": {"currency": "EUR", "metadata": {"customer_id": "acme"}}}
PAYMENT = {"payment_request": {"amount": 1200, "currency": "GBP", "description": "Invoice 7"}}
BACK = "https://example.com/done"
IBAN = {"account_holder_name": "Acme", "iban": "DE89 3704 0044 0532 0130 00"}
PERSON = {"email": "a@example.com", "given_name": "Ada", "family_name": "Lovelace"}


class Desk:
    """A business with a fake GoCardless, and a customer at its page."""

    def __init__(self, clock: ManualClock) -> None:
        self.told: list[str] = []
        self.events: list[Any] = []
        self.sandbox = GoCardlessSandbox(clock=clock, seed=1, notify=self._hear)
        self.wire = Wire(self.sandbox)
        self.browser = Customer(self.sandbox.page)

    def _hear(self, event: Any) -> None:
        assert differences("Event", event) == []
        self.events.append(event)
        self.told.append(f"{event['resource_type']}.{event['action']}")

    def ask(self, wanted: Any, **links: str) -> Any:
        answer = self.wire.post("billing_requests", {"billing_requests": {**wanted, "links": links}})
        assert answer.status == 201, answer.body
        return self._checked(answer.json()["billing_requests"])

    def now(self, request: Any) -> Any:
        return self._checked(self.wire.get(f"billing_requests/{request['id']}").json()["billing_requests"])

    def _checked(self, request: Any) -> Any:
        assert differences("BillingRequest", request) == []
        actions = [found for action in request["actions"] for found in differences("BillingRequestAction", action)]
        assert actions == []
        return request

    def flow(self, request: Any, **options: Any) -> Any:
        wanted = {"redirect_uri": BACK, "links": {"billing_request": request["id"]}, **options}
        answer = self.wire.post("billing_request_flows", {"billing_request_flows": wanted})
        assert answer.status == 201, answer.body
        flow = answer.json()["billing_request_flows"]
        assert differences("BillingRequestFlow", flow) == []
        return flow

    def open(self, request: Any, **options: Any) -> Customer:
        return self.browser.open(self.flow(request, **options)["authorisation_url"])


@pytest.fixture
def desk(clock: ManualClock) -> Desk:
    return Desk(clock)


def test_a_new_customer_gives_a_mandate_on_the_page_and_can_be_charged(desk: Desk) -> None:
    request = desk.ask(MANDATE)
    assert [(action["type"], action["status"]) for action in request["actions"]] == [
        ("collect_customer_details", "pending"),
        ("collect_bank_account", "pending"),
        ("confirm_payer_details", "pending"),
    ]
    missing = request["actions"][0]["collect_customer_details"]["incomplete_fields"]["customer"]
    assert missing == ["email", "given_name", "family_name"]

    desk.open(request).submit("Continue", **PERSON, **IBAN)
    assert "ACME, account ending in 00" in desk.browser.text
    desk.browser.submit("Confirm")

    assert desk.browser.page.links == [BACK]
    done = desk.now(request)
    assert done["status"] == "fulfilled"
    mandate = desk.wire.get(f"mandates/{done['links']['mandate_request_mandate']}").json()["mandates"]
    assert (mandate["scheme"], mandate["status"], mandate["metadata"]) == (
        *("sepa_core", "pending_submission"),
        {"customer_id": "acme"},
    )
    assert mandate["links"]["customer"] == request["links"]["customer"]
    assert desk.wire.try_payment(mandate["id"]).status == 201
    assert desk.told[:8] == [
        *("billing_requests.created", "billing_requests.flow_created", "billing_requests.flow_visited"),
        *("billing_requests.collect_customer_details", "billing_requests.collect_bank_account"),
        *("billing_requests.payer_details_confirmed", "mandates.created", "billing_requests.fulfilled"),
    ]
    assert desk.events[7]["links"]["mandate_request_mandate"] == mandate["id"]
    assert desk.events[7]["details"]["origin"] == "gocardless"


def test_a_known_customer_is_asked_only_for_what_is_missing(desk: Desk) -> None:
    old = desk.wire.get("mandates/MD_OK_acme").json()["mandates"]
    request = desk.ask(MANDATE, customer=old["links"]["customer"])
    assert request["actions"][0]["status"] == "completed"

    desk.open(request).submit("Continue", **IBAN).submit("Change").submit("Continue", **IBAN).submit("Confirm")

    new = desk.now(request)["links"]["mandate_request_mandate"]
    owned = desk.wire.get(f"mandates?customer={old['links']['customer']}").json()["mandates"]
    assert [mandate["id"] for mandate in owned] == [new, "MD_OK_acme"]


def test_the_customer_of_a_magic_mandate_can_be_asked_before_the_mandate_was_used(desk: Desk) -> None:
    assert desk.ask(MANDATE, customer="CU_FAILS_acme")["links"]["customer"] == "CU_FAILS_acme"


@pytest.mark.parametrize(
    ("currency", "account"),
    [
        ("AUD", {"branch_code": "082-082", "account_number": "012345678"}),
        ("CAD", {"bank_code": "0003", "branch_code": "00006", "account_number": "1234567"}),
        ("DKK", {"bank_code": "345", "account_number": "3179681"}),
        ("GBP", {"branch_code": "20-00-00", "account_number": "55779911"}),
        ("NZD", {"account_number": "01-0123-0000444-00"}),
        ("SEK", {"account_number": "5491 0000003"}),
        ("USD", {"bank_code": "026073150", "account_number": "2715500356"}),
    ],
)
def test_every_scheme_takes_the_account_of_its_country(desk: Desk, currency: str, account: dict[str, str]) -> None:
    request = desk.ask({"mandate_request": {"currency": currency}})
    person = {**PERSON, "account_holder_name": "Acme"}
    desk.open(request).submit("Continue", **person, **account).submit("Confirm")
    assert desk.now(request)["status"] == "fulfilled"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"iban": "DE89370400440532013001"}, "The IBAN is not valid."),
        ({"iban": "12"}, "The IBAN is not valid."),
        ({"account_holder_name": ""}, "The name of the account holder is required."),
        ({"email": ""}, "Email is required."),
    ],
)
def test_what_is_no_account_is_refused_on_the_page(desk: Desk, wrong: dict[str, str], said: str) -> None:
    request = desk.ask(MANDATE)
    desk.open(request).submit("Continue", **{**PERSON, **IBAN, **wrong})
    assert said in desk.browser.text
    assert desk.now(request)["resources"]["customer_bank_account"] is None


def test_a_mandate_behaves_as_the_holder_is_called(desk: Desk) -> None:
    request = desk.ask(MANDATE)
    desk.open(request).submit("Continue", **PERSON, **{**IBAN, "account_holder_name": "md fails"}).submit("Confirm")
    payment = desk.wire.create_payment(desk.now(request)["links"]["mandate_request_mandate"])
    desk.sandbox.advance()
    desk.sandbox.advance()
    assert desk.wire.status(payment) == "failed"


def test_a_payment_is_made_at_once_when_the_customer_approves_it_at_their_bank(desk: Desk) -> None:
    request = desk.ask(PAYMENT)
    desk.open(request).submit("Continue", **PERSON)
    assert "Pay 12.00 GBP now: Invoice 7." in desk.browser.text
    desk.browser.submit("Deny")
    assert "denied at your bank" in desk.browser.text
    assert desk.sandbox.movements() == []

    desk.browser.submit("Approve")

    done = desk.now(request)
    payment = desk.wire.get(f"payments/{done['links']['payment_request_payment']}").json()["payments"]
    assert (payment["status"], payment["scheme"], payment["amount"]) == ("confirmed", "faster_payments", 1200)
    assert differences("Payment", payment) == []
    assert [movement["amount"] for movement in desk.sandbox.movements()] == [1200]
    mandate = desk.wire.get(f"mandates/{payment['links']['mandate']}").json()["mandates"]
    assert (mandate["status"], differences("Mandate", mandate)) == ("consumed", [])
    assert reason(desk.wire.try_payment(mandate["id"], currency="GBP"))[2] == "mandate_is_inactive"
    desk.sandbox.advance(to="paid_out")
    assert desk.wire.status(payment["id"]) == "paid_out"


def test_a_payment_and_a_mandate_come_of_one_visit(desk: Desk) -> None:
    request = desk.ask({**PAYMENT, "mandate_request": {"scheme": "bacs"}})
    account = {"account_holder_name": "Acme", "branch_code": "200000", "account_number": "55779911"}
    desk.open(request).submit("Continue", **PERSON, **account).submit("Confirm").submit("Approve")
    links = desk.now(request)["links"]
    assert {"mandate_request_mandate", "payment_request_payment"} <= {*links}


def test_a_business_may_fulfil_a_request_itself(desk: Desk) -> None:
    request = desk.ask(MANDATE)
    path = f"billing_requests/{request['id']}/actions/fulfil"
    refused = desk.wire.post(path, {"data": {}})
    assert reason(refused) == (422, "invalid_state", "billing_request_not_ready_to_fulfil")

    desk.open(request, auto_fulfil=False, skip_success_screen=True).submit("Continue", **PERSON, **IBAN)
    desk.browser.submit("Confirm")
    assert desk.browser.url == BACK
    assert desk.now(request)["status"] == "ready_to_fulfil"
    assert (
        desk.wire.post(path, {"data": {"metadata": {"by": "us"}}}).json()["billing_requests"]["status"] == "fulfilled"
    )
    assert (desk.events[-1]["details"]["origin"], desk.events[-1]["metadata"]) == ("api", {"by": "us"})
    assert reason(desk.wire.post(path, {"data": {}}))[2] == "billing_request_not_ready_to_fulfil"


def test_a_customer_may_leave_and_come_back(desk: Desk) -> None:
    request = desk.ask(MANDATE)
    desk.open(request, exit_uri="https://example.com/left").submit("Exit")
    assert desk.browser.url == "https://example.com/left"
    assert desk.told[-1] == "billing_requests.flow_exited"
    desk.open(request).submit("Continue", **PERSON, **IBAN).submit("Confirm")
    assert desk.now(request)["status"] == "fulfilled"


def test_a_flow_ends_after_seven_days_or_with_its_request(desk: Desk, clock: ManualClock) -> None:
    request = desk.ask(MANDATE)
    url = desk.flow(request)["authorisation_url"]
    clock.advance(7 * 86_400)
    assert "This link has expired" in desk.browser.open(url).text
    path = f"billing_requests/{request['id']}/actions/cancel"
    assert desk.wire.post(path, {"data": {}}).json()["billing_requests"]["status"] == "cancelled"
    assert reason(desk.wire.post(path, {"data": {}}))[2] == "cancellation_failed"
    flow = {"links": {"billing_request": request["id"]}}
    refused = desk.wire.post("billing_request_flows", {"billing_request_flows": flow})
    assert reason(refused)[2] == "billing_request_not_pending"
    listed = desk.wire.get("billing_requests?status=cancelled").json()["billing_requests"]
    assert [found["id"] for found in listed] == [request["id"]]


def test_steps_in_a_wrong_order_are_refused(desk: Desk) -> None:
    url = desk.flow(desk.ask({**PAYMENT, "mandate_request": {"currency": "GBP"}}))["authorisation_url"]
    for step in ("confirm", "approve", "deny", "elsewhere"):
        answer = desk.sandbox.page(Request.to("POST", url, {}, f"step={step}"))
        assert answer.status == 200
        assert b'role="alert"' in answer.body
    assert desk.told[-1] == "billing_requests.flow_created"
    for path in ("billing/static/flow?id=BRF0", "billing/static/flow", "elsewhere"):
        assert desk.sandbox.page(Request.to("GET", f"/pages/gocardless/{path}")).status == 404


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "mandate_request"),
    "a mandate in no currency": ({"mandate_request": {}}, "currency"),
    "a mandate in a currency without a scheme": ({"mandate_request": {"currency": "JPY"}}, "currency"),
    "a scheme of another currency": ({"mandate_request": {"currency": "EUR", "scheme": "bacs"}}, "currency"),
    "no such scheme": ({"mandate_request": {"scheme": "pigeon"}}, "scheme"),
    "no such check": ({"mandate_request": {"currency": "EUR", "verify": "never"}}, "verify"),
    "a payment at once in dollars": (
        {"payment_request": {**PAYMENT["payment_request"], "currency": "USD"}},
        "currency",
    ),
    "a payment for nothing": ({"payment_request": {"amount": 1200, "currency": "GBP"}}, "description"),
    "a payment below the least": ({"payment_request": {**PAYMENT["payment_request"], "amount": 1}}, "amount"),
    "two currencies": ({**MANDATE, **PAYMENT}, "currency"),
    "a fallback": ({**MANDATE, "fallback_enabled": True}, "fallback_enabled"),
    "no such purpose": ({**MANDATE, "purpose_code": "fun"}, "purpose_code"),
    "no such customer": ({**MANDATE, "links": {"customer": "CU0"}}, "customer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_gocardless_refuses(desk: Desk, name: str) -> None:
    wanted, field = REFUSED[name]
    assert reason(desk.wire.post("billing_requests", {"billing_requests": wanted})) == (422, "validation_failed", field)


def test_what_is_not_known_and_what_was_done_before_is_refused(desk: Desk) -> None:
    unknown = desk.wire.post("billing_requests", {"billing_requests": {**MANDATE, "colour": "red"}})
    assert unknown.status in (400, 422)
    first = desk.wire.post("billing_requests", {"billing_requests": MANDATE}, "key")
    assert reason(desk.wire.post("billing_requests", {"billing_requests": MANDATE}, "key"))[2] == (
        "idempotent_creation_conflict"
    )
    links = {"billing_request": first.json()["billing_requests"]["id"]}
    for wrong in ({"redirect_uri": "example.com"}, {"language": "xx"}):
        refused = desk.wire.post("billing_request_flows", {"billing_request_flows": {"links": links, **wrong}})
        assert refused.status == 422


def test_the_official_library_makes_a_flow_whose_page_a_browser_can_open() -> None:
    # The SDK drops the path of its base address: it is served without one.
    with serving({"": GoCardlessSandbox(path_prefix="")}) as url:
        client = sdk(url)
        request = client.billing_requests.create(params={"mandate_request": {"currency": "EUR"}})
        links = {"billing_request": request.id}
        flow = client.billing_request_flows.create(params={"redirect_uri": BACK, "links": links})
        assert flow.authorisation_url.startswith(f"{url}/pages/gocardless/")
        assert "Name of the account holder" in httpx.get(flow.authorisation_url).text
        again = client.billing_request_flows.initialise(flow.id)
        assert again.session_token.startswith("sesh_sandbox_")
        assert client.billing_requests.cancel(request.id).status == "cancelled"
