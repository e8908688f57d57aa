"""All objects of the fake GoCardless, in every state, its events and its errors are as GoCardless publishes them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.published import UnpublishedError, published, why
from sandbox.twin import ManualClock
from tests.sandbox.browsing import Customer
from tests.sandbox.gocardless_conformity import differences
from tests.sandbox.gocardless_driving import Wire

OBJECTS = {
    "customers": "Customer",
    "mandates": "Mandate",
    "payments": "Payment",
    "refunds": "Refund",
    "payouts": "Payout",
    "events": "Event",
}
# Of these the sandbox has nothing to happen to: instalments, foreign exchange, taxes, surcharges, Faster Payments,
# billing requests whose currency, amount or institution the customer chooses.
NOT_HERE = {
    *("choose_currency", "collect_amount", "select_institution", "payer_geo_blocked"),
    *("bank_authorisation_failed", "bank_authorisation_expired", "billing_request_failed"),
    "fx_rate_confirmed",
    "tax_exchange_rates_confirmed",
    "surcharge_fee_debited",
    "customer_approval_skipped",
    "instalment_schedule_created",
    "instalment_schedule_cancelled",
    "initial_one_off_payment_failed",
}
EVENTS = [
    (kind, action, pair["cause"], pair["origin"])
    for kind, actions in published()["events"].items()
    for action, pairs in actions.items()
    for pair in pairs
    if not {action, pair["cause"]} & NOT_HERE
]


class World:
    """A sandbox, the events that it sent, and how to cause each of them."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.clock = ManualClock()
        self.wire = Wire(GoCardlessSandbox(clock=self.clock, seed=1, notify=self.events.append))
        self.outside = self.wire.sandbox.outside

    def mandate(self, status: str = "pending_submission") -> str:
        """A mandate created through the API, with everything it needs."""
        customer = self.create("customers", {"company_name": "Acme"})
        account = {"account_holder_name": "Acme", "iban": "NL91ABNA0417164300", "links": {"customer": customer}}
        bank_account = self.create("customer_bank_accounts", account)
        mandate = self.create("mandates", {"links": {"customer_bank_account": bank_account}})
        if status == "active":
            self.outside.advance_payment(self.wire.create_payment(mandate), "submitted")
        return mandate

    def create(self, kind: str, document: dict[str, Any]) -> str:
        answer = self.wire.post(kind, {kind: document})
        assert answer.status == 201, answer.body
        if kind == "customer_bank_accounts":
            assert differences("CustomerBankAccount", answer.json()[kind]) == []
        return str(answer.json()[kind]["id"])

    def payment(self, status: str = "confirmed", mandate: str = "MD_OK") -> str:
        made = self.wire.create_payment(mandate)
        if status != "pending_submission":
            self.outside.advance_payment(made, status)
        return made

    def refund(self, status: str) -> str:
        made = str(self.outside.refund(self.payment(), 400)["id"])
        if status != "created":
            self.outside.advance_refund(made, status)
        return made

    def settled(self, status: str) -> None:
        """A paid-out payment is charged back, and deducted from the next payout."""
        paid = self.payment("paid_out")
        self.outside.advance_payment(paid, status)
        for _ in range(2):  # of one alone nothing would be left to pay out
            self.payment("confirmed")
        self.outside.pay_out()

    def approval(self) -> str:
        return self.wire.create_payment("MD_APPROVED")

    def everything(self) -> None:
        """Bring every object into every state."""
        for status in ("pending_submission", "submitted", "confirmed", "paid_out", "cancelled", "failed"):
            self.payment(status)
        self.approval()
        self.outside.advance_payment(self.approval(), "customer_approval_denied")
        self.payment("charged_back")
        for status in ("created", "pending_submission", "submitted", "paid", "cancelled", "bounced", "funds_returned"):
            self.refund(status)
        self.mandate()
        self.mandate("active")
        for status in ("cancelled", "expired", "failed", "blocked", "consumed", "suspended_by_payer"):
            self.outside.end_mandate(self.mandate(), status)
        replaced = self.mandate()
        self.outside.replace_mandate(replaced)
        self.wire.try_payment(replaced)
        self.outside.pay_out()
        self.payment("paid_out", "MD_OK_other")
        [bounced] = self.wire.get("payouts?limit=1").json()["payouts"]
        self.outside.bounce_payout(bounced["id"])
        self.payment("confirmed")

    def listed(self, kind: str) -> list[Any]:
        found: list[Any] = self.wire.get(f"{kind}?limit=500").json()[kind]
        return found


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.everything()
    return made


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_object_in_every_state_is_as_published(world: World, kind: str) -> None:
    documents = world.listed(kind)
    assert documents
    assert [difference for document in documents for difference in differences(OBJECTS[kind], document)] == []


# The sandbox has no scheme in which a customer has to sign a mandate twice, and sends payouts as soon as it makes them.
STATES_NOT_HERE = {"Mandate": {"submitted", "pending_customer_approval"}, "Payout": {"pending"}}


@pytest.mark.parametrize("kind", ["mandates", "payments", "refunds", "payouts"])
def test_every_published_state_was_covered(world: World, kind: str) -> None:
    known = set(published()["objects"][OBJECTS[kind]]["status"]["is"])
    assert {document["status"] for document in world.listed(kind)} == known - STATES_NOT_HERE.get(OBJECTS[kind], set())


def test_every_item_of_every_payout_is_as_published(world: World) -> None:
    items = [
        item
        for payout in world.listed("payouts")
        for item in world.wire.get(f"payout_items?payout={payout['id']}").json()["payout_items"]
    ]
    assert [difference for item in items for difference in differences("PayoutItem", item)] == []
    assert {item["type"] for item in items} >= {"payment_paid_out", "gocardless_fee", "payment_refunded"}


def test_the_conformity_checker_finds_every_kind_of_difference(world: World) -> None:
    payment = world.listed("payments")[0]
    wrong = payment | {"colour": "red", "status": "paid", "amount": "12", "currency": None}
    del wrong["reference"]
    assert sorted(difference.split(",")[0] for difference in differences("Payment", wrong)) == [
        "Payment.amount is '12'",
        "Payment.colour is not published",
        "Payment.currency is null",
        "Payment.reference is missing",
        "Payment.status is paid",
    ]


def _bring_about(world: World, kind: str, action: str, cause: str, origin: str) -> None:
    match kind:
        case "mandates":
            _bring_about_on_a_mandate(world, action, cause, origin)
        case "payments":
            _bring_about_on_a_payment(world, action, cause, origin)
        case "billing_requests":
            _visit_the_page(world)
        case "payouts":
            world.payment("paid_out")
        case "refunds" if action == "refund_settled":
            world.refund("paid")
            world.payment("paid_out")
        case "refunds":
            world.refund("bounced" if action == "failed" else action)


def _visit_the_page(world: World) -> None:
    """Three billing requests: one that the page fulfils, after all kinds of detours, one that we do, one canceled."""
    browser, person = Customer(world.wire.sandbox.page), {"given_name": "Ada", "family_name": "L", "email": "a@a.com"}
    wanted = {
        "mandate_request": {"currency": "GBP"},
        "payment_request": {"amount": 500, "currency": "GBP", "description": "Invoice 7"},
    }
    account = {"account_holder_name": "Ada", "branch_code": "200000", "account_number": "55779911"}
    for auto_fulfil in (True, False):
        request = world.create("billing_requests", wanted)
        options = {"exit_uri": "https://example.com", "auto_fulfil": auto_fulfil}
        made = world.wire.post(
            "billing_request_flows", {"billing_request_flows": {**options, "links": {"billing_request": request}}}
        )
        page = made.json()["billing_request_flows"]["authorisation_url"]
        browser.open(page).submit("Exit")
        browser.open(page).submit("Continue", **person, **account).submit("Confirm").submit("Deny").submit("Approve")
    world.wire.post(f"billing_requests/{request}/actions/fulfil", {"data": {}})
    canceled = world.create("billing_requests", wanted)
    world.wire.post(f"billing_requests/{canceled}/actions/cancel", {"data": {}})


def _bring_about_on_a_payment(world: World, action: str, cause: str, origin: str) -> None:
    outside = world.outside
    match action:
        case "chargeback_cancelled":
            outside.cancel_charge_back(world.payment("charged_back"), origin)
        case "chargeback_settled":
            world.settled("charged_back")
        case "late_failure_settled":
            world.settled("failed")
        case "customer_approval_granted":
            outside.advance_payment(world.approval(), "pending_submission")
        case "customer_approval_denied":
            outside.advance_payment(world.approval(), action)
        case "resubmission_requested":
            outside.advance_payment(world.payment("failed"), "pending_submission", cause, origin)
        case "created":
            world.payment("pending_submission")
        case _:
            outside.advance_payment(world.payment("pending_submission"), action, cause, origin)


def _bring_about_on_a_mandate(world: World, action: str, cause: str, origin: str) -> None:
    outside = world.outside
    match action:
        case "created" | "submitted" | "active":
            world.mandate("active")
            outside.replace_mandate(world.mandate("active"))  # a new one by GoCardless
        case "replaced":
            outside.replace_mandate(world.mandate())
        case "transferred":
            outside.transfer_mandate(world.mandate())
        case "resubmission_requested" | "reinstated":
            mandate = world.mandate()
            world.wire.post(f"mandates/{mandate}/actions/cancel")
            world.wire.post(f"mandates/{mandate}/actions/reinstate")
            world.payment("submitted", mandate)
        case "cancelled" if origin == "api":
            world.wire.post(f"mandates/{world.mandate()}/actions/cancel")
        case _:
            outside.end_mandate(world.mandate(), action, cause)


# Published, but only the first origin or cause of each comes about by itself.
ANOTHER_WAY = {
    *(
        ("billing_requests", action, f"billing_request_{action}", origin)
        for action, origins in {
            "bank_authorisation_authorised": ["gocardless"],
            "bank_authorisation_denied": ["gocardless"],
            "cancelled": ["gocardless"],
            "collect_bank_account": ["api"],
            "collect_customer_details": ["api"],
            "created": ["gocardless", "payer"],
            "flow_created": ["gocardless", "payer"],
            "payer_details_confirmed": ["api"],
        }.items()
        for origin in origins
    ),
    ("payments", "created", "payment_created", "gocardless"),
    ("mandates", "active", "mandate_activated", "bank"),
    ("mandates", "cancelled", "bank_account_closed", "api"),
    ("mandates", "cancelled", "mandate_cancelled", "gocardless"),
    ("mandates", "customer_approval_granted", "customer_approval_granted", "customer"),
    ("mandates", "expired", "mandate_cancelled", "gocardless"),
    ("mandates", "reinstated", "mandate_reinstated", "bank"),
    ("mandates", "resubmission_requested", "bank_account_transferred", "bank"),
    ("mandates", "submitted", "bank_account_transferred", "bank"),
    ("mandates", "transferred", "mandate_transferred", "api"),
    ("refunds", "created", "refund_created", "api"),
}


@pytest.mark.parametrize(("kind", "action", "cause", "origin"), sorted(set(EVENTS) - ANOTHER_WAY))
def test_every_published_event_occurs_and_is_as_published(kind: str, action: str, cause: str, origin: str) -> None:
    world = World()
    _bring_about(world, kind, action, cause, origin)
    told = [
        event
        for event in world.events
        if (event["resource_type"], event["action"]) == (kind, action)
        and (event["details"]["cause"], event["details"]["origin"]) == (cause, origin)
    ]
    assert told, [(event["action"], event["details"]) for event in world.events]
    assert [difference for event in world.events for difference in differences("Event", event)] == []
    pair = next(
        found for found in published()["events"][kind][action] if (found["cause"], found["origin"]) == (cause, origin)
    )
    bank = {"scheme", "reason_code"} if pair.get("bank") else set()
    for event in told:
        assert event["details"].keys() & {"scheme", "reason_code"} == bank
        assert ("will_attempt_retry" in event["details"]) == ((kind, action) == ("payments", "failed"))


def test_an_event_that_gocardless_does_not_publish_cannot_be_created() -> None:
    world = World()
    payment = world.payment("confirmed")
    before = len(world.events)
    for act in (
        lambda: world.outside.charge_back(payment, "insufficient_funds"),
        lambda: world.outside.fail_late(payment, "refund_requested"),
        lambda: world.outside.advance_payment(payment, "failed", "bad_luck"),
        lambda: world.outside.end_mandate("MD_OK", "expired", "bad_luck"),
        lambda: why("refunds", "bounced"),
    ):
        with pytest.raises(UnpublishedError):
            act()
    assert world.wire.status(payment) == "confirmed"
    assert len(world.events) == before


ERRORS = [
    ("payments", {"amount": 0, "currency": "EUR", "links": {"mandate": "MD_OK"}}),
    ("payments", {"amount": 500, "currency": "EUR", "links": {"mandate": "MD_CANCELLED"}}),
    ("refunds", {"amount": 500, "total_amount_confirmation": 500, "links": {"payment": "PM0"}}),
    ("colours", {}),
]


@pytest.mark.parametrize(("path", "document"), ERRORS)
def test_every_entry_of_an_error_has_only_published_members(path: str, document: dict[str, Any]) -> None:
    answer = World().wire.post(path, {path: document})
    assert answer.status >= 400
    error = answer.json()["error"]
    assert error.keys() == {"message", "documentation_url", "type", "request_id", "code", "errors"}
    for entry in error["errors"]:
        assert entry.keys() <= set(published()["error_entry"])
