"""Webhooks: signed so that the official SDKs accept them, tried again, and unreliable on request."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import queue
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stripe
from gocardless_pro import webhooks as gocardless_webhooks

from sandbox.chaos.plan import Plan, WebhookChaos
from sandbox.desk import Desk
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.web.testing import serving
from sandbox.webhooks import Deliverer, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "whsec_sandbox"
DEADLINE = 30


@dataclass
class Receiver:
    """An endpoint that gives prepared answers, then 200."""

    answers: list[int] = field(default_factory=list)
    received: queue.Queue[tuple[dict[str, str], bytes]] = field(default_factory=queue.Queue)
    url: str = ""

    def next(self) -> tuple[dict[str, str], bytes]:
        return self.received.get(timeout=DEADLINE)

    def next_event(self) -> Any:
        return json.loads(self.next()[1])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.received.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(made.answers.pop(0) if made.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join(timeout=DEADLINE)


@contextlib.contextmanager
def delivering(receiver: Receiver, chaos: WebhookChaos | None = None, **endpoint: Any) -> Iterator[Deliverer]:
    """A deliverer whose Stripe events go to the receiver."""
    deliverer = Deliverer(lambda _provider: chaos or WebhookChaos())
    deliverer.register({"stripe": Endpoint(receiver.url, SECRET, **{"pauses": (0.01,) * 3, **endpoint})})
    try:
        yield deliverer
    finally:
        deliverer.close()


def send(deliverer: Deliverer, *numbers: int) -> None:
    for number in numbers:
        deliverer.notify("stripe")({"id": f"evt_{number}", "object": "event", "type": "charge.succeeded"})


def counts(deliverer: Deliverer) -> dict[str, int]:
    assert deliverer.wait_until_idle(DEADLINE)
    found = deliverer.to_json()["stripe"]
    return {name: number for name, number in found.items() if name != "url" and number}


def test_stripes_events_reach_the_endpoint_signed_as_its_sdk_wants(
    client: stripe.StripeClient, url: str, desk: Desk, receiver: Receiver
) -> None:
    endpoint = {"stripe": {"url": receiver.url, "secret": SECRET}}
    shown = httpx.put(f"{url}/_sandbox/webhooks", json=endpoint)
    assert shown.status_code == 200
    assert SECRET not in shown.text
    created = client.v1.payment_intents.create({"amount": 900, "currency": "usd"})

    headers, body = receiver.next()

    event = stripe.Webhook.construct_event(body, headers["stripe-signature"], SECRET)
    assert event.type == "payment_intent.created"
    assert event.data.object.id == created.id
    assert client.v1.events.retrieve(event.id).data.object["id"] == created.id
    for wrong in ((body + b" ", SECRET), (body, "whsec_other")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong[0], headers["stripe-signature"], wrong[1])
    assert desk.webhooks.wait_until_idle(DEADLINE)
    found = httpx.get(f"{url}/_sandbox/webhooks").json()["stripe"]
    assert (found["url"], found["events"], found["delivered"], found["waiting"]) == (receiver.url, 1, 1, 0)

    assert httpx.delete(f"{url}/_sandbox/webhooks").json()["stripe"]["url"] is None
    client.v1.payment_intents.create({"amount": 900, "currency": "usd"})
    assert httpx.get(f"{url}/_sandbox/webhooks").json()["stripe"]["events"] == 1


def test_gocardless_events_reach_the_endpoint_signed_as_its_sdk_wants(receiver: Receiver) -> None:
    desk = Desk()
    provider = GoCardlessSandbox(around_execution=desk.layer, notify=desk.notify("gocardless"))
    headers = {"Authorization": f"Bearer {DEFAULT_ACCESS_TOKEN}", "GoCardless-Version": "2015-07-06"}
    payment = {"amount": 500, "currency": "EUR", "links": {"mandate": "MD_OK"}}
    receiver.answers = [500]
    with serving({"/gocardless": provider}, desk) as url:
        endpoint = {"gocardless": {"url": receiver.url, "secret": SECRET, "pauses": [0.01]}}
        assert httpx.put(f"{url}/_sandbox/webhooks", json=endpoint).status_code == 200
        created = httpx.post(f"{url}/gocardless/payments", json={"payments": payment}, headers=headers).json()
        first, again = receiver.next(), receiver.next()
        advanced = httpx.post(f"{url}/_sandbox/gocardless/payments/{created['payments']['id']}/advance")
        assert advanced.json()["payments"][0]["status"] == "submitted"
        _, later = receiver.next()

    for got, body in (first, again):
        parsed = gocardless_webhooks.parse_with_meta(body, SECRET, got["webhook-signature"])
        assert [event.action for event in parsed.events] == ["created"]
        assert parsed.webhook_id
    assert again[1] == first[1]
    assert json.loads(later)["events"][0]["action"] == "submitted"
    assert json.loads(later)["meta"] != json.loads(first[1])["meta"]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_an_event_not_accepted_is_resent_with_a_new_signature_and_finally_given_up(
    receiver: Receiver, status: int
) -> None:
    receiver.answers = [status, status, 200, *[status] * 4]
    with delivering(receiver) as deliverer:
        send(deliverer, 1)
        bodies = {receiver.next()[1] for _try in range(3)}
        assert len(bodies) == 1
        assert counts(deliverer) == {"events": 1, "attempts": 3, "failed_attempts": 2, "delivered": 1}
        send(deliverer, 2)
        assert counts(deliverer) == {
            "events": 2,
            "attempts": 7,
            "failed_attempts": 6,
            "delivered": 1,
            "given_up": 1,
        }


def test_an_endpoint_that_refuses_connections_is_retried_too(receiver: Receiver) -> None:
    receiver.url = "http://127.0.0.1:1/"
    with delivering(receiver, timeout_seconds=1.0) as deliverer:
        send(deliverer, 1)
        assert counts(deliverer) == {"events": 1, "attempts": 4, "failed_attempts": 4, "given_up": 1}


def test_an_event_may_be_delivered_twice(receiver: Receiver) -> None:
    with delivering(receiver, WebhookChaos(duplicate=1)) as deliverer:
        send(deliverer, 1, 2)
        ids = Counter(receiver.next_event()["id"] for _ in range(4))
        assert counts(deliverer) == {"events": 2, "duplicated": 2, "attempts": 4, "delivered": 4}
    assert ids == {"evt_1": 2, "evt_2": 2}


def test_two_events_may_be_swapped(receiver: Receiver) -> None:
    with delivering(receiver, WebhookChaos(reorder=1, hold_seconds=DEADLINE)) as deliverer:
        send(deliverer, 1, 2)
        assert [receiver.next_event()["id"] for _ in range(2)] == ["evt_2", "evt_1"]
        assert counts(deliverer) == {"events": 2, "reordered": 1, "attempts": 2, "delivered": 2}


def test_an_event_that_is_held_back_is_delivered_even_if_no_other_follows(receiver: Receiver) -> None:
    with delivering(receiver, WebhookChaos(reorder=1, hold_seconds=0.05)) as deliverer:
        send(deliverer, 1)
        assert receiver.next_event()["id"] == "evt_1"
        assert counts(deliverer) == {"events": 1, "attempts": 1, "delivered": 1}
        send(deliverer, 2, 3)
        assert [receiver.next_event()["id"] for _ in range(2)] == ["evt_3", "evt_2"]


def test_an_event_may_be_late(receiver: Receiver) -> None:
    chaos = [WebhookChaos(delay=1, delay_seconds=(1.0, 1.0)), WebhookChaos()]
    deliverer = Deliverer(lambda _provider: chaos.pop(0))
    deliverer.register({"stripe": Endpoint(receiver.url, SECRET)})
    send(deliverer, 1, 2)
    assert [receiver.next_event()["id"] for _ in range(2)] == ["evt_2", "evt_1"]
    assert counts(deliverer) == {"events": 2, "delayed": 1, "attempts": 2, "delivered": 2}
    deliverer.close()


def test_a_first_delivery_may_be_lost_and_the_next_one_arrives(receiver: Receiver) -> None:
    with delivering(receiver, WebhookChaos(drop_first=1)) as deliverer:
        send(deliverer, 1)
        assert receiver.next_event()["id"] == "evt_1"
        assert counts(deliverer) == {"events": 1, "dropped": 1, "attempts": 1, "delivered": 1}


def test_the_same_seed_causes_the_same_faults(receiver: Receiver) -> None:
    def misbehaviour(seed: int) -> dict[str, int]:
        deliverer = Deliverer(lambda _provider: WebhookChaos(duplicate=0.5, drop_first=0.5), seed=seed)
        deliverer.register({"stripe": Endpoint(receiver.url, SECRET, (0.01,))})
        send(deliverer, *range(40))
        found = counts(deliverer)
        deliverer.close()
        return found

    assert misbehaviour(1) == misbehaviour(1) != misbehaviour(2)


def test_no_event_is_lost_whatever_goes_wrong_while_retries_are_left(receiver: Receiver) -> None:
    chaos = WebhookChaos(
        duplicate=0.3, delay=0.3, delay_seconds=(0, 0.05), reorder=0.3, hold_seconds=0.05, drop_first=0.3
    )
    receiver.answers = [200, 500] * 30
    with delivering(receiver, chaos, pauses=(0.01,) * 20) as deliverer:
        send(deliverer, *range(60))
        found = counts(deliverer)
    assert found["delivered"] == 60 + found["duplicated"]
    assert "given_up" not in found
    assert {json.loads(body)["id"] for _, body in receiver.received.queue} == {f"evt_{number}" for number in range(60)}


def test_a_reset_drops_waiting_events_and_closing_ends_every_thread(receiver: Receiver) -> None:
    before = set(threading.enumerate())
    deliverer = Deliverer(lambda _provider: WebhookChaos(delay=1, delay_seconds=(600, 600)))
    deliverer.register({"stripe": Endpoint(receiver.url, SECRET)})
    send(deliverer, 1)
    assert deliverer.to_json()["stripe"]["waiting"] == 1
    deliverer.reset()
    assert deliverer.to_json()["stripe"] == dict.fromkeys(deliverer.to_json()["stripe"], 0) | {"url": receiver.url}
    send(deliverer, 2)
    deliverer.close()
    send(deliverer, 3)
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()
    assert receiver.received.empty()


MISTAKES: list[tuple[object, str]] = [
    ({"stripe": {"secret": "s"}}, "webhooks.stripe: url is missing"),
    ({"stripe": {"url": "ftp://x", "secret": "s"}}, "webhooks.stripe: url should begin with http"),
    ({"stripe": {"url": "http://x"}}, "webhooks.stripe: secret is missing"),
    ({"stripe": {"url": "http://x", "secret": "s", "pauses": 3}}, "webhooks.stripe: pauses should be a list"),
    (
        {"stripe": {"url": "http://x", "secret": "s", "events": "charge.refunded"}},
        "webhooks.stripe: events should be a",
    ),
    ({"stripe": {"url": "http://x", "secret": "s", "events": [""]}}, "webhooks.stripe: events should be a list of"),
    ({"adyen": {"url": "http://x", "secret": "s"}}, "name adyen, which is not one of stripe, gocardless"),
    ([], "webhooks should be a table by provider"),
]


@pytest.mark.parametrize(("document", "message"), MISTAKES)
def test_an_impossible_endpoint_is_refused_and_named(url: str, document: object, message: str) -> None:
    answer = httpx.put(f"{url}/_sandbox/webhooks", json=document)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_an_endpoint_gets_the_kinds_of_events_that_it_asked_for(receiver: Receiver) -> None:
    with delivering(receiver, events=frozenset({"charge.refunded", "payments.confirmed"})) as deliverer:
        for kind in ("charge.succeeded", "charge.refunded"):
            deliverer.notify("stripe")({"id": kind, "object": "event", "type": kind})
        for action in ("submitted", "confirmed"):
            deliverer.notify("stripe")({"id": action, "resource_type": "payments", "action": action})
        assert counts(deliverer)["events"] == 2
    assert {receiver.next_event()["id"] for _ in range(2)} == {"charge.refunded", "confirmed"}


def test_a_plan_makes_the_webhooks_of_the_running_sandbox_unreliable(
    client: stripe.StripeClient, url: str, desk: Desk, receiver: Receiver
) -> None:
    httpx.put(f"{url}/_sandbox/webhooks", json={"stripe": {"url": receiver.url, "secret": SECRET}})
    desk.begin(Plan(webhooks={"stripe": WebhookChaos(duplicate=1)}))
    client.v1.payment_intents.create({"amount": 900, "currency": "usd"})
    assert receiver.next_event()["id"] == receiver.next_event()["id"]
    httpx.delete(f"{url}/_sandbox/chaos")
    client.v1.payment_intents.create({"amount": 900, "currency": "usd"})
    assert desk.webhooks.wait_until_idle(DEADLINE)
    assert desk.webhooks.to_json()["stripe"]["delivered"] == 3


def gocardless_events(
    receiver: Receiver, number: int, *, plan: WebhookChaos | None = None, **endpoint: Any
) -> list[int]:
    """Deliver so many events of GoCardless, and return how many each webhook had."""
    deliverer = Deliverer(lambda _provider: plan or WebhookChaos())
    deliverer.register({"gocardless": Endpoint(receiver.url, SECRET, pauses=(0.01,) * 3, **endpoint)})
    try:
        for place in range(number):
            event = {"id": f"EV{place}", "resource_type": "payments", "action": "confirmed"}
            deliverer.notify("gocardless")(event)
        assert deliverer.wait_until_idle(DEADLINE)
        sizes, seen, webhooks = [], Counter[str](), set()
        for _ in range(deliverer.to_json()["gocardless"]["delivered"]):
            headers, body = receiver.next()
            assert headers["webhook-signature"] == hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            document = json.loads(body)
            webhooks.add(document["meta"]["webhook_id"])
            sizes.append(len(document["events"]))
            seen.update(event["id"] for event in document["events"])
        assert set(seen) == {f"EV{place}" for place in range(number)}
        assert len(webhooks) == len(sizes) or plan
        assert deliverer.to_json()["gocardless"]["batched"] >= number - len(sizes)
    finally:
        deliverer.close()
    return sizes


def test_a_gocardless_webhook_has_as_many_events_as_the_endpoint_asks_for(receiver: Receiver) -> None:
    assert sorted(gocardless_events(receiver, 7, batch=3, batch_seconds=0.05)) == [1, 3, 3]


def test_a_gocardless_webhook_has_at_most_250_events(receiver: Receiver) -> None:
    sizes = gocardless_events(receiver, 600, plan=WebhookChaos(batch=1.0, hold_seconds=0.2))
    assert sorted(sizes) == [100, 250, 250]


def test_events_may_be_batched_doubled_and_reordered_but_none_is_lost(receiver: Receiver) -> None:
    plan = WebhookChaos(batch=0.5, duplicate=0.3, reorder=0.3, drop_first=0.2, hold_seconds=0.05)
    assert max(gocardless_events(receiver, 60, plan=plan)) > 1


def test_a_provider_that_sends_events_one_by_one_cannot_be_set_to_batch(url: str) -> None:
    for document in (
        {"stripe": {"url": "http://a", "secret": "s", "batch": 2}},
        {"gocardless": {"url": "http://a", "secret": "s", "batch": 251}},
    ):
        refused = httpx.put(f"{url}/_sandbox/webhooks", json=document)
        assert refused.status_code == 400
        assert "batch should be" in refused.json()["error"]
    refused = httpx.put(f"{url}/_sandbox/chaos", json={"webhooks": {"stripe": {"batch": 0.5}}})
    assert "which sends each event separately" in refused.json()["error"]
