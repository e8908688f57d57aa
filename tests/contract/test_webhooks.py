"""What a webhook says, and which ones we refuse: signed with the providers' own helpers where they have them."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from gocardless_pro import webhooks
from hypothesis import given
from hypothesis import strategies as st

from monthclose.adapters.gocardless.webhooks import GoCardlessWebhooks
from monthclose.adapters.stripe.webhooks import StripeWebhooks
from monthclose.domain.payments.payment import PaymentState as S
from monthclose.errors import WebhookRefusedError
from monthclose.ports import PartlyUnreadableError, ProviderEvent
from monthclose.use_cases.webhooks.take_webhook import WebhookMessage
from tests.sandbox.gocardless_driving import webhook

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SECRET = "whsec_1"


def stripe_headers(body: bytes, *, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    signed = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(at.timestamp()))
    return {"stripe-signature": signed, "content-type": "application/json"}


def stripe_body(kind: str, about: Any) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": about}}).encode()


INTENT = {"object": "payment_intent", "id": "pi_1", "metadata": {"payment": "2026-10/acme"}}
CHARGE = {"object": "charge", "id": "ch_1", "payment_intent": "pi_1", "metadata": {"payment": "2026-10/acme"}}
DISPUTE = {"object": "dispute", "id": "dp_1", "payment_intent": "pi_1", "metadata": {"payment": "somebody's note"}}
REFUND = {"object": "refund", "id": "re_1", "payment_intent": "pi_1", "metadata": {}}


@pytest.mark.parametrize(
    ("kind", "about", "reference", "payment_id"),
    [
        ("payment_intent.succeeded", INTENT, "pi_1", "2026-10/acme"),
        ("payment_intent.payment_failed", {"object": "payment_intent", "id": "pi_1"}, "pi_1", ""),
        ("charge.refunded", CHARGE, "pi_1", "2026-10/acme"),
        ("charge.refunded", {**CHARGE, "payment_intent": {"id": "pi_1"}}, "pi_1", "2026-10/acme"),
        ("charge.refunded", {**CHARGE, "payment_intent": None, "metadata": {}}, "", ""),
        ("charge.dispute.created", DISPUTE, "pi_1", ""),
        ("charge.refund.updated", REFUND, "pi_1", ""),
        ("refund.failed", REFUND, "pi_1", ""),
        ("charge.succeeded", CHARGE, "", ""),  # the PaymentIntent says the same
        ("payment_intent.created", INTENT, "", ""),
        ("customer.created", {"object": "customer", "id": "cus_1"}, "", ""),
        ("invoice.paid", {"object": "invoice", "id": "in_1", "payment_intent": "pi_1"}, "", ""),
        ("charge.refunded", None, "", ""),
    ],
)
def test_stripes_events_name_their_payment_intent(kind: str, about: Any, reference: str, payment_id: str) -> None:
    body = stripe_body(kind, about)
    [event] = StripeWebhooks(SECRET).read(stripe_headers(body), body, NOW)
    assert (event.event_id, event.kind) == ("evt_1", kind)
    assert (event.reference, event.payment_id) == (reference, payment_id)


OURS = {"monthclose": "payment_details", "customer_id": "acme"}


@pytest.mark.parametrize(
    ("kind", "about", "page"),
    [
        ("checkout.session.completed", {"object": "checkout.session", "id": "cs_1", "metadata": OURS}, "cs_1"),
        ("setup_intent.succeeded", {"object": "setup_intent", "id": "seti_1", "metadata": OURS}, "seti_1"),
        ("checkout.session.expired", {"object": "checkout.session", "id": "cs_1", "metadata": OURS}, ""),
        ("checkout.session.completed", {"object": "checkout.session", "id": "cs_1", "metadata": {}}, ""),
        ("checkout.session.completed", {"object": "checkout.session", "id": "cs_1", "metadata": None}, ""),
        ("setup_intent.succeeded", {"object": "setup_intent", "id": "seti_1"}, ""),
    ],
)
def test_stripes_events_name_the_pages_of_ours_that_a_customer_has_answered(kind: str, about: Any, page: str) -> None:
    body = stripe_body(kind, about)
    [event] = StripeWebhooks(SECRET).read(stripe_headers(body), body, NOW)
    assert (event.reference, event.page) == (page, page)


@pytest.mark.parametrize(
    ("kind", "known", "not_known"),
    [
        ("payment_intent.succeeded", {S.PAID, S.REVERSED}, {S.CHARGING, S.UNKNOWN, S.PENDING, S.DECLINED}),
        ("payment_intent.payment_failed", {S.DECLINED, S.PAID}, {S.CHARGING, S.PENDING, S.ACTION_REQUIRED}),
        ("charge.refunded", set(), set(S)),
        ("charge.dispute.closed", set(), set(S)),
    ],
)
def test_stripes_events_say_in_which_states_they_are_no_news(kind: str, known: set[S], not_known: set[S]) -> None:
    body = stripe_body(kind, INTENT)
    [event] = StripeWebhooks(SECRET).read(stripe_headers(body), body, NOW)
    assert event.known_in >= known
    assert not event.known_in & not_known


def test_stripes_webhook_is_accepted_while_its_secret_is_rolled() -> None:
    body = stripe_body("charge.refunded", None)
    (time, new) = stripe_headers(body, secret="whsec_new")["stripe-signature"].split(",")
    old = stripe_headers(body)["stripe-signature"].split(",")[1]
    for signed in (f"{time},{new},{old}", f"{time},v0=x,{old},{new}", f"{time}, {old}"):
        assert StripeWebhooks(SECRET).read({"Stripe-Signature": signed}, body, NOW)


def test_an_old_stripe_webhook_is_refused_and_one_within_the_tolerance_is_not() -> None:
    body = stripe_body("charge.refunded", None)
    reader = StripeWebhooks(SECRET, tolerance_seconds=300)
    assert reader.read(stripe_headers(body, at=NOW - timedelta(seconds=300)), body, NOW)
    assert reader.read(stripe_headers(body, at=NOW + timedelta(seconds=30)), body, NOW)
    with pytest.raises(WebhookRefusedError, match="301 s ago"):
        reader.read(stripe_headers(body, at=NOW - timedelta(seconds=301)), body, NOW)


@pytest.mark.parametrize(
    "signed", ["", "t=1793534400", "v1=abc", "t=,v1=abc", "t=x,v1=abc", "t=1,t=2,v1=abc", "t=1793534400,v1=é"]
)
def test_a_header_that_is_not_a_stripe_signature_is_refused(signed: str) -> None:
    with pytest.raises(WebhookRefusedError):
        StripeWebhooks(SECRET).read({"Stripe-Signature": signed}, b"{}", NOW)


@pytest.mark.parametrize("body", [b"[]", b"\xff", b"{}", b'{"id": 1, "type": "x"}'])
def test_a_signed_stripe_body_that_is_not_an_event_is_refused(body: bytes) -> None:
    signature = stripe.WebhookSignature._compute_signature
    content = b"1793534400." + body
    signed = signature(content.decode("latin-1"), SECRET) if body.isascii() else "0"
    with pytest.raises(WebhookRefusedError):
        StripeWebhooks(SECRET).read({"Stripe-Signature": f"t=1793534400,v1={signed}"}, body, NOW)


def payment_event(number: int, action: str = "confirmed", **metadata: str) -> dict[str, Any]:
    return {
        "id": f"EV{number}",
        "resource_type": "payments",
        "action": action,
        "links": {"payment": f"PM{number}"},
        "details": {"cause": "x"},
        "resource_metadata": metadata,
    }


MANDATE_EVENT = {"id": "EV9", "resource_type": "mandates", "action": "cancelled", "links": {"mandate": "MD1"}}
REFUND_EVENT = {"id": "EV8", "resource_type": "refunds", "action": "created", "links": {"refund": "RF1"}}


def test_gocardless_events_name_their_payment_as_the_sdk_does() -> None:
    sent = [payment_event(1, payment="2026-10/acme#2"), MANDATE_EVENT, payment_event(2, "failed"), REFUND_EVENT]
    headers, body = webhook(sent, SECRET, "WB1")
    read = GoCardlessWebhooks(SECRET).read({name.lower(): value for name, value in headers.items()}, body, NOW)
    assert read == [
        ProviderEvent("EV1", "payments.confirmed", "PM1", "2026-10/acme", frozenset({S.PAID})),
        ProviderEvent("EV9", "mandates.cancelled", ""),
        ProviderEvent("EV2", "payments.failed", "PM2", "", frozenset({S.DECLINED})),
        ProviderEvent("EV8", "refunds.created", "RF1"),
    ]
    theirs = webhooks.parse(body, SECRET, headers["Webhook-Signature"])
    named = [(event.id, event.links.payment or event.links.refund or "") for event in theirs]
    assert [(event.event_id, event.reference) for event in read] == named


def test_events_before_a_payments_outcome_concern_nobody() -> None:
    headers, body = webhook([payment_event(1, action) for action in ("created", "submitted")], SECRET, "WB1")
    assert [event.reference for event in GoCardlessWebhooks(SECRET).read(headers, body, NOW)] == ["", ""]


def test_a_delivery_without_events_has_none() -> None:
    headers, body = webhook([], SECRET, "WB1")
    assert GoCardlessWebhooks(SECRET).read(headers, body, NOW) == []


@pytest.mark.parametrize(
    "event", [{}, {"id": "EV1", "resource_type": "payments", "action": "failed", "links": {}}, "EV1", None]
)
def test_an_unreadable_signed_gocardless_event_is_refused(event: Any) -> None:
    headers, body = webhook([event], SECRET, "WB1")
    with pytest.raises(WebhookRefusedError):
        GoCardlessWebhooks(SECRET).read(headers, body, NOW)


def test_an_unreadable_event_does_not_lose_the_others_of_its_delivery() -> None:
    headers, body = webhook([payment_event(1), {"id": "EV2"}, None, payment_event(3, "failed")], SECRET, "WB1")
    with pytest.raises(PartlyUnreadableError, match="2 of 4 events") as refused:
        GoCardlessWebhooks(SECRET).read(headers, body, NOW)
    assert [event.event_id for event in refused.value.events] == ["EV1", "EV3"]


def test_a_replaced_mandate_is_reported_and_other_mandate_events_concern_nobody() -> None:
    links = {"mandate": "MD1", "new_mandate": "MD2"}
    replaced = {"id": "EV1", "resource_type": "mandates", "action": "replaced", "links": links}
    headers, body = webhook([replaced, MANDATE_EVENT], SECRET, "WB1")
    [first, second] = GoCardlessWebhooks(SECRET).read(headers, body, NOW)
    assert (first.reference, first.method, first.payment_id) == ("MD1", "MD1", "")
    assert (second.reference, second.method) == ("", "")


def test_a_fulfilled_billing_request_is_reported_and_its_other_events_concern_nobody() -> None:
    links = {"billing_request": "BRQ1", "mandate_request_mandate": "MD1", "customer": "CU1"}
    kinds = ("fulfilled", "created", "flow_visited")
    events = [
        {"id": f"EV_{kind}", "resource_type": "billing_requests", "action": kind, "links": links} for kind in kinds
    ]
    headers, body = webhook(events, SECRET, "WB1")
    fulfilled, *others = GoCardlessWebhooks(SECRET).read(headers, body, NOW)
    assert (fulfilled.reference, fulfilled.page, fulfilled.method) == ("BRQ1", "BRQ1", "")
    assert [(event.reference, event.page) for event in others] == [("", ""), ("", "")]
    message = WebhookMessage("gocardless", fulfilled, NOW).to_message()
    assert WebhookMessage.from_message(message).event == fulfilled
    assert WebhookMessage.from_message({k: v for k, v in message.items() if k != "page"}).event.page == ""


@given(st.integers(min_value=0), st.sampled_from(["body", "signature", "secret"]))
def test_whatever_is_changed_after_signing_is_refused(place: int, what: str) -> None:
    headers, body = webhook([payment_event(1)], SECRET, "WB1")
    changed = bytearray(body if what == "body" else headers["Webhook-Signature"].encode())
    changed[place % len(changed)] ^= 1
    if what == "body":
        body = bytes(changed)
    elif what == "signature":
        headers["Webhook-Signature"] = changed.decode()
    with pytest.raises(WebhookRefusedError):
        GoCardlessWebhooks(SECRET + ("x" if what == "secret" else "")).read(headers, body, NOW)
    at = {"Stripe-Signature": f"t={int(NOW.timestamp())},v1={headers['Webhook-Signature']}"}
    with pytest.raises(WebhookRefusedError):
        StripeWebhooks(SECRET).read(at, body, NOW)


@pytest.mark.parametrize("reader", [GoCardlessWebhooks, StripeWebhooks])
def test_a_webhook_without_a_signature_and_a_reader_without_a_secret_are_refused(reader: Any) -> None:
    with pytest.raises(WebhookRefusedError):
        reader(SECRET).read({}, b"{}", NOW)
    with pytest.raises(ValueError, match="secret"):
        reader("")


@pytest.mark.parametrize(
    ("heading", "reader"), [("### Stripe", StripeWebhooks), ("### GoCardless", GoCardlessWebhooks)]
)
def test_the_manual_names_the_events_that_are_applied_and_no_others(heading: str, reader: Any) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    section = manual.partition(f"\n{heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([a-z_.]+)`", "".join(rows))) == reader.events
