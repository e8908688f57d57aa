"""Checkout Sessions, SetupIntents and the pages that customers are sent to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.stripe import StripeSandbox
from sandbox.stripe.outside import authenticate_setup, settle
from sandbox.wire import Request
from tests.sandbox.browsing import Customer
from tests.sandbox.driving import CARD_INTENT, Fields, Wire
from tests.sandbox.stripe_types import faults

if TYPE_CHECKING:
    import stripe

    from sandbox.twin import ManualClock
    from sandbox.wire import Response

BACK = "https://example.com/done?session={CHECKOUT_SESSION_ID}"
SETUP: Fields = {"mode": "setup", "currency": "usd", "success_url": BACK, "cancel_url": "https://example.com/back"}
LINE: Fields = {
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": 1500,
    "line_items[0][price_data][product_data][name]": "Invoice 7",
    "line_items[0][quantity]": 2,
}
PAYMENT: Fields = {"mode": "payment", "success_url": BACK, **LINE}
VISA = {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"}
FAILS, ASKS = {**VISA, "number": "4000000000000002"}, {**VISA, "number": "4000002500003155"}


class Shop:
    """A business with a fake Stripe, one of its customers, and the webhooks it gets."""

    def __init__(self, clock: ManualClock) -> None:
        self.told: list[str] = []
        self.sandbox = StripeSandbox(clock=clock, seed=1, notify=self._hear)
        self.wire = Wire(self.sandbox)
        self.customer = str(self.wire.post("customers", {"email": "a@example.com"}).json()["id"])
        self.browser = Customer(self.sandbox.page)
        self.told.clear()

    def _hear(self, event: Any) -> None:
        assert faults(event) == []
        self.told.append(event["type"])

    def session(self, wanted: Fields, **more: Any) -> Any:
        answer = self.wire.post("checkout/sessions", {"customer": self.customer, **wanted, **more})
        assert answer.status == 200, answer.body
        assert faults(answer.json()) == []
        return answer.json()

    def now(self, session: Any) -> Any:
        """The session as it is now, with what it led to."""
        return self.get(f"checkout/sessions/{session['id']}", "setup_intent", "payment_intent", "line_items")

    def get(self, path: str, *expand: str, **fields: Any) -> Any:
        shown = self.wire.get(path, **fields, **{f"expand[{place}]": name for place, name in enumerate(expand)}).json()
        assert faults(shown) == []
        return shown

    def charge(self, method: str) -> Response:
        """Charge a payment method of the customer while they are away."""
        return self.wire.confirm(self.wire.create_intent(customer=self.customer)["id"], method)


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    return Shop(clock)


def test_a_card_that_was_saved_on_the_page_is_the_customers_and_can_be_charged_without_them(shop: Shop) -> None:
    session = shop.session(SETUP, **{"setup_intent_data[metadata][invoice]": "7"})
    assert (session["status"], session["payment_status"]) == ("open", "no_payment_required")

    shop.browser.open(session["url"]).submit(kind="card", **VISA, name="Ada")

    assert shop.browser.url == f"https://example.com/done?session={session['id']}"
    done = shop.now(session)
    setup = done["setup_intent"]
    assert (done["status"], done["url"], setup["status"]) == ("complete", None, "succeeded")
    assert setup["metadata"] == {"invoice": "7"}
    (method,) = shop.get("payment_methods", customer=shop.customer)["data"]
    assert (method["id"], method["billing_details"]["name"]) == (setup["payment_method"], "Ada")
    assert (method["card"]["exp_year"], method["allow_redisplay"]) == (2034, "limited")
    assert shop.told[-3:] == ["payment_method.attached", "setup_intent.succeeded", "checkout.session.completed"]
    assert shop.sandbox.movements() == [], "nothing was charged"
    assert shop.charge(method["id"]).status == 200


def test_a_declined_card_leaves_the_page_open_for_another(shop: Shop) -> None:
    session = shop.session(SETUP)
    shop.browser.open(session["url"]).submit(kind="card", **FAILS)
    assert "Your card was declined." in shop.browser.text
    assert shop.now(session)["setup_intent"]["status"] == "requires_payment_method"
    assert shop.told[-1] == "setup_intent.setup_failed"

    shop.browser.submit(kind="card", **VISA)
    assert shop.now(session)["status"] == "complete"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"number": "4242424242424241"}, "Your card number is invalid."),
        ({"number": "4000056655665556"}, "only Stripe's test cards"),
        ({"expiry": "12/20"}, "Your card's expiration year is in the past."),
        ({"expiry": "13/34"}, "Your card's expiration date is incomplete."),
        ({"cvc": "12"}, "Your card's security code is incomplete."),
        ({"number": ""}, "Required: Card number."),
    ],
)
def test_what_is_no_test_card_is_refused_before_anything_happens(shop: Shop, wrong: dict[str, str], said: str) -> None:
    session = shop.session(SETUP)
    shop.browser.open(session["url"]).submit(kind="card", **{**VISA, **wrong})
    assert said in shop.browser.text
    assert shop.now(session)["setup_intent"]["latest_attempt"] is None


def test_a_card_that_is_authenticated_once_is_charged_later_without_the_customer(shop: Shop) -> None:
    session = shop.session(SETUP)
    shop.browser.open(session["url"]).submit(kind="card", **ASKS)
    assert "confirm your card" in shop.browser.text
    assert shop.now(session)["setup_intent"]["status"] == "requires_action"

    shop.browser.submit("Fail")
    assert "failed because authentication failed" in shop.browser.text
    shop.browser.submit(kind="card", **ASKS).submit("Complete")

    method = shop.now(session)["setup_intent"]["payment_method"]
    assert shop.charge(method).json()["status"] == "succeeded"
    fresh = shop.wire.post("payment_methods/pm_card_authenticationRequiredOnSetup/attach", {"customer": shop.customer})
    assert shop.charge(fresh.json()["id"]).json()["error"]["code"] == "authentication_required"


@pytest.mark.parametrize(
    ("number", "later"),
    [
        ("4000002760003184", "authentication_required"),
        ("4000003800000446", "succeeded"),
        ("4000008260003178", "card_declined"),
        ("4000000000000341", "card_declined"),
    ],
)
def test_test_cards_do_later_what_stripe_s_page_on_testing_says(shop: Shop, number: str, later: str) -> None:
    session = shop.session(SETUP)
    shop.browser.open(session["url"]).submit(kind="card", **{**VISA, "number": number})
    if shop.browser.response is not None:
        shop.browser.submit("Complete")
    answer = shop.charge(shop.now(session)["setup_intent"]["payment_method"]).json()
    assert answer.get("status", answer.get("error", {}).get("code")) == later


@pytest.mark.parametrize(
    ("currency", "kind", "typed"),
    [
        ("usd", "us_bank_account", {"routing_number": "110000000", "number": "000123456789", "name": "Acme"}),
        ("eur", "sepa_debit", {"iban": "DE89 3704 0044 0532 0130 00", "name": "Acme"}),
        ("gbp", "bacs_debit", {"sort_code": "10-88-00", "number": "00012345", "name": "Acme"}),
    ],
)
def test_a_bank_account_can_be_saved_too_with_a_mandate(
    shop: Shop, currency: str, kind: str, typed: dict[str, str]
) -> None:
    session = shop.session(SETUP, currency=currency)
    assert session["payment_method_types"] == ["card", kind]
    shop.browser.open(session["url"]).submit(kind=kind, **typed)

    setup = shop.now(session)["setup_intent"]
    assert (setup["status"], setup["mandate"][:8]) == ("succeeded", "mandate_")
    wanted = {"currency": currency, "customer": shop.customer, "allowed_payment_method_types[]": kind}
    intent = shop.wire.create_intent(**wanted)["id"]
    assert shop.wire.confirm(intent, setup["payment_method"]).json()["status"] == "processing"


def test_a_customer_pays_on_the_page_and_is_charged_once(shop: Shop) -> None:
    session = shop.session(PAYMENT, **{"payment_intent_data[metadata][invoice]": "7"})
    assert (session["amount_total"], session["payment_status"], session["payment_intent"]) == (3000, "unpaid", None)
    shop.browser.open(session["url"])
    assert "Invoice 7: 30.00 USD" in shop.browser.text

    shop.browser.submit(kind="card", **FAILS)
    assert "Your card was declined." in shop.browser.text
    shop.browser.submit(kind="card", **VISA)

    done = shop.now(session)
    assert (done["status"], done["payment_status"], done["payment_intent"]["amount_received"]) == (
        *("complete", "paid"),
        3000,
    )
    assert done["payment_intent"]["metadata"] == {"invoice": "7"}
    assert [line["amount_total"] for line in done["line_items"]["data"]] == [3000]
    assert [movement["amount"] for movement in shop.sandbox.movements()] == [3000]
    assert shop.told[-3:] == ["payment_intent.succeeded", "checkout.session.completed", "charge.updated"]
    shop.browser.open(session["url"])
    assert "has been completed" in shop.browser.text
    assert shop.get("payment_methods", customer=shop.customer)["data"] == [], "it was not asked to be kept"


def test_a_card_can_be_kept_while_paying(shop: Shop) -> None:
    session = shop.session(PAYMENT, **{"payment_intent_data[setup_future_usage]": "off_session"})
    shop.browser.open(session["url"]).submit(kind="card", **ASKS).submit("Complete")
    done = shop.now(session)
    assert done["payment_status"] == "paid"
    assert shop.charge(done["payment_intent"]["payment_method"]).json()["status"] == "succeeded"


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_bank_debit_completes_the_session_and_its_outcome_is_told_later(shop: Shop, succeeds: bool) -> None:
    session = shop.session(PAYMENT)
    account = {"routing_number": "110000000", "number": "000123456789", "name": "Acme"}
    shop.browser.open(session["url"]).submit(kind="us_bank_account", **account)
    done = shop.now(session)
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")

    shop.sandbox.act(settle(done["payment_intent"]["id"], succeeds=succeeds))

    outcome = "succeeded" if succeeds else "failed"
    assert f"checkout.session.async_payment_{outcome}" in shop.told
    assert shop.now(session)["payment_status"] == ("paid" if succeeds else "unpaid")


def test_an_intent_of_checkout_can_be_confirmed_and_canceled_by_nobody_else(shop: Shop) -> None:
    setup = shop.session(SETUP)["setup_intent"]
    for path in ("confirm", "cancel"):
        refused = shop.wire.post(f"setup_intents/{setup}/{path}", {})
        assert refused.json()["error"]["code"] == "setup_intent_unexpected_state"
    session = shop.session(PAYMENT)
    shop.browser.open(session["url"]).submit(kind="card", **FAILS)
    payment = shop.now(session)["payment_intent"]["id"]
    for path in ("confirm", "cancel"):
        refused = shop.wire.post(f"payment_intents/{payment}/{path}", {})
        assert refused.json()["error"]["code"] == "payment_intent_unexpected_state"


def test_a_session_expires_by_itself_and_on_request(shop: Shop, clock: ManualClock) -> None:
    early, session = shop.session(SETUP), shop.session(PAYMENT, expires_at=int(clock()) + 3600)
    shop.browser.open(session["url"]).submit(kind="card", **FAILS)
    assert faults(shop.wire.post(f"checkout/sessions/{early['id']}/expire").json()) == []
    assert shop.now(early)["setup_intent"]["status"] == "canceled"
    again = shop.wire.post(f"checkout/sessions/{early['id']}/expire")
    assert (again.status, "status of `expired`" in again.json()["error"]["message"]) == (400, True)

    clock.advance(3600)
    shop.sandbox.pass_time()
    assert shop.told[-2:] == ["checkout.session.expired", "payment_intent.canceled"]
    assert shop.now(session)["payment_intent"]["cancellation_reason"] == "expired"
    shop.browser.open(session["url"])
    assert "has expired" in shop.browser.text
    states = {status: len(shop.get("checkout/sessions", status=status)["data"]) for status in ("open", "expired")}
    assert states == {"open": 0, "expired": 2}


REFUSED: dict[str, tuple[Fields, str]] = {
    "a session without a page to return to": ({"success_url": None}, "success_url"),
    "an address that is none": ({"success_url": "example.com"}, "success_url"),
    "a set-up that could be in any currency": ({"currency": None}, "currency"),
    "a customer and an address": ({"customer_email": "b@example.com"}, "customer_email"),
    "a session that is too short": ({"expires_at": 1}, "expires_at"),
    "lines in a set-up": (LINE, "line_items"),
    "the types of old": ({"payment_method_types[]": "card"}, "payment_method_types"),
    "a subscription": ({"mode": "subscription"}, "mode"),
    "details of a payment in a set-up": ({"payment_intent_data[description]": "x"}, "payment_intent_data"),
    "a payment without lines": ({"mode": "payment", "currency": None}, "line_items"),
    "a currency beside that of the lines": ({**PAYMENT, "currency": "usd"}, "currency"),
    "lines in two currencies": (
        {
            **PAYMENT,
            "currency": None,
            **{name.replace("[0]", "[1]"): value for name, value in LINE.items()},
            "line_items[1][price_data][currency]": "eur",
        },
        "line_items",
    ),
    "a line without a quantity": (
        {**PAYMENT, "currency": None, "line_items[0][quantity]": None},
        "line_items[0][quantity]",
    ),
    "a line with something unknown": (
        {**PAYMENT, "currency": None, "line_items[0][colour]": "red"},
        "line_items[0][colour]",
    ),
    "too little to charge": (
        {**PAYMENT, "currency": None, "line_items[0][price_data][unit_amount]": 1},
        "amount",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_stripe_refuses(shop: Shop, name: str) -> None:
    fields, param = REFUSED[name]
    wanted = {"customer": shop.customer, **SETUP, **fields}
    answer = shop.wire.post("checkout/sessions", {name: value for name, value in wanted.items() if value is not None})
    assert (answer.status, answer.json()["error"].get("param")) == (400, param), answer.body
    assert faults(answer.json()) == []


def test_a_setup_intent_sets_up_a_card_through_the_api(shop: Shop) -> None:
    made = shop.wire.post("setup_intents", {"customer": shop.customer, "automatic_payment_methods[enabled]": "true"})
    path = f"setup_intents/{made.json()['id']}"
    assert (
        shop.wire.post(f"{path}/confirm", {"payment_method": "pm_card_visa"}).json()["error"]["param"] == "return_url"
    )

    waits = shop.wire.post(
        f"{path}/confirm",
        {"payment_method": "pm_card_authenticationRequired", "return_url": "https://example.com/back?a=1"},
    ).json()
    shop.browser.open(waits["next_action"]["redirect_to_url"]["url"]).submit("Complete")

    assert shop.browser.url.startswith(f"https://example.com/back?a=1&setup_intent={waits['id']}&")
    assert shop.browser.url.endswith("&redirect_status=succeeded")
    shown = shop.get(path)
    assert (shown["status"], shown["next_action"]) == ("succeeded", None)
    assert shop.get("setup_intents", payment_method=shown["payment_method"])["data"] == [shown]
    assert shop.wire.post(f"{path}/cancel").json()["error"]["code"] == "setup_intent_unexpected_state"


def test_a_setup_intent_is_declined_changed_and_canceled(shop: Shop) -> None:
    path = f"setup_intents/{shop.wire.post('setup_intents', {'allowed_payment_method_types[]': 'card'}).json()['id']}"
    declined = shop.wire.post(f"{path}/confirm", {"payment_method": "pm_card_chargeDeclined"})
    assert (declined.status, faults(declined.json())) == (402, [])
    assert shop.get(path)["last_setup_error"]["code"] == "card_declined"

    changed = shop.wire.post(path, {"payment_method": "pm_card_visa", "metadata[a]": "b", "description": "d"}).json()
    assert (changed["status"], changed["metadata"]) == ("requires_confirmation", {"a": "b"})
    refused = shop.wire.post(path, {"payment_method": "pm_usBankAccount_success"})
    assert refused.status == 400
    assert shop.wire.post(f"{path}/cancel", {"cancellation_reason": "abandoned"}).json()["status"] == "canceled"

    waits = {"confirm": "true", "payment_method": "pm_card_authenticationRequired", "customer": shop.customer}
    made = shop.wire.post("setup_intents", {**waits, "allowed_payment_method_types[]": "card"}).json()
    assert made["next_action"]["type"] == "use_stripe_sdk"
    assert shop.sandbox.act(authenticate_setup(made["id"], succeeds=False))["status"] == "requires_payment_method"


@pytest.mark.parametrize(("button", "status"), [("Complete", "succeeded"), ("Fail", "failed")])
def test_a_payment_that_waits_for_the_customer_sends_them_to_a_page_and_back(
    shop: Shop, button: str, status: str
) -> None:
    intent = shop.wire.post("payment_intents", CARD_INTENT).json()["id"]
    back = {"return_url": "https://example.com/back"}
    waits = shop.wire.confirm(intent, "pm_card_authenticationRequired", off_session="false", **back).json()

    shop.browser.open(waits["next_action"]["redirect_to_url"]["url"])
    assert "a payment of 15.00 USD" in shop.browser.text
    page = shop.browser.url
    shop.browser.submit(button)

    assert f"payment_intent={intent}" in shop.browser.url
    assert shop.browser.url.endswith(f"redirect_status={status}")
    shop.browser.open(page)
    assert "nothing to authenticate any more" in shop.browser.text


def test_there_are_no_other_pages(shop: Shop) -> None:
    for path in ("checkout/cs_test_none", "authenticate/pi_none", "checkout/", "elsewhere"):
        assert shop.sandbox.page(Request.to("GET", f"/pages/stripe/{path}")).status == 404


def test_what_a_customer_is_called_is_shown_as_text(shop: Shop) -> None:
    session = shop.session({**PAYMENT, "line_items[0][price_data][product_data][name]": "<script>alert(1)</script>"})
    shop.browser.open(session["url"])
    assert shop.browser.response is not None
    assert b"<script" not in shop.browser.response.body
    assert "<script>alert(1)</script>: 30.00 USD" in shop.browser.text


def test_the_page_is_where_the_request_for_it_was_sent(client: stripe.StripeClient, url: str) -> None:
    made = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "usd",
            "success_url": BACK,
            "customer": client.v1.customers.create({"email": "a@example.com"}).id,
        }
    )
    assert made.url
    assert made.url.startswith(f"{url}/pages/stripe/checkout/")
    with httpx.Client() as browser:
        assert "Card number" in browser.get(made.url).text
        answer = browser.post(made.url, data={"type": "card", **VISA})
    assert (answer.status_code, answer.headers["location"]) == (303, f"https://example.com/done?session={made.id}")
    assert client.v1.checkout.sessions.retrieve(made.id).status == "complete"
