"""The webhook receiver and the consumer behind it, with everything that anybody may send there."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import (
    BrokeOffError,
    ProviderDownError,
    ProviderPausedError,
    ProviderRefusedError,
    TryLaterError,
)
from monthclose.handlers import apply_webhook, queue, receive_webhook
from monthclose.ports import Collected, Refused, WebhookReader
from monthclose.providers import WEBHOOKS
from monthclose.use_cases.webhooks.apply_event import EventApplier
from sandbox.signatures import SIGN
from tests.fakes import FakePatience, reversed_by_the_bank
from tests.sandbox.gocardless_driving import webhook
from tests.unit.test_handlers import FakeContext
from tests.world import OCTOBER, World

SECRET = "whsec_of_ours"


@dataclass
class Door:
    """The function URL, and the world behind it."""

    world: World
    secrets: dict[str, list[str]]
    asked: int = 0
    """How often the secrets were asked for."""

    webhook_providers = frozenset({"stripe", "gocardless"})
    patience = FakePatience()

    def webhook_readers(self, name: str) -> list[WebhookReader]:
        self.asked += 1
        if not self.secrets[name]:
            raise ProviderRefusedError("the secret monthclose/stripe needs a webhook_secret")
        return [WEBHOOKS[name](secret) for secret in self.secrets[name]]

    @property
    def queued(self) -> list[dict[str, Any]]:
        return self.world.event_queue.messages

    def send(self, request: dict[str, Any]) -> int:
        answer = receive_webhook.handler(request, FakeContext())
        assert answer["body"] == ""
        return int(answer["statusCode"])

    def deliver(
        self, provider: str, event: Any, *, secret: str = SECRET, age_seconds: float = 0, **changes: Any
    ) -> int:
        """Deliver an event as the provider does, signed some time ago."""
        signed_at = self.world.clock().timestamp() - age_seconds
        headers, body = SIGN[provider](event, secret, signed_at, "1")
        return self.send(request(f"/{provider}", body, dict(headers)) | changes)


def request(path: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST") -> dict[str, Any]:
    """What a function URL hands over (payload format 2.0)."""
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": {"http": {"method": method, "path": path}},
        "body": body.decode("latin-1"),
        "isBase64Encoded": False,
    }


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    world = World()
    made = Door(world, {"stripe": [SECRET], "gocardless": [SECRET]})
    monkeypatch.setattr(world, "webhook_readers", made.webhook_readers)
    monkeypatch.setattr(receive_webhook, "use_cases", lambda: world.use_cases)
    monkeypatch.setattr(receive_webhook, "runtime", lambda: made)
    monkeypatch.setattr(receive_webhook, "logger", world.log)
    return made


def stripe_event(number: int = 1, kind: str = "charge.refunded", payment: str = "2026-10/acme") -> dict[str, Any]:
    about = {
        "object": "charge",
        "id": "ch_1",
        "payment_intent": "pi_2026-10/acme_1",
        "metadata": {"payment": payment},
        "billing_details": {"email": "someone@private.example"},
        "amount": 987_654,
    }
    return {"id": f"evt_{number}", "object": "event", "type": kind, "data": {"object": about}}


def gocardless_event(number: int = 1, action: str = "confirmed") -> dict[str, Any]:
    return {
        "id": f"EV{number}",
        "resource_type": "payments",
        "action": action,
        "links": {"payment": "PM1"},
        "resource_metadata": {"payment": "2026-10/acme#1"},
    }


def test_a_signed_webhook_is_queued_with_ids_only_and_answered_with_200(door: Door) -> None:
    assert door.deliver("stripe", stripe_event()) == 200
    assert door.deliver("gocardless", gocardless_event(action="charged_back")) == 200
    [stripes, gocardlesss] = door.queued
    assert stripes == {
        "provider": "stripe",
        "event_id": "evt_1",
        "kind": "charge.refunded",
        "reference": "pi_2026-10/acme_1",
        "payment_id": "2026-10/acme",
        "known_in": [],
        "method": "",
        "received_at": "2026-11-01T00:00:00+00:00",
        "again": False,
    }
    assert (gocardlesss["event_id"], gocardlesss["known_in"]) == ("EV1", ["reversed"])


def test_a_body_in_base64_is_the_same_body(door: Door) -> None:
    headers, body = SIGN["stripe"](stripe_event(), SECRET, door.world.clock().timestamp(), "1")
    sent = request("/stripe/", b"", dict(headers)) | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert door.send(sent) == 200
    assert door.send(sent | {"body": "?"}) == 400
    assert len(door.queued) == 1


@pytest.mark.parametrize("provider", ["stripe", "gocardless"])
@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "whsec_of_somebody_else"},
        {"headers": {}},
        {"headers": {"stripe-signature": "t=1,v1=0", "webhook-signature": "é"}},
        {"body": '{"id": "evt_2", "type": "charge.refunded"}'},
        {"body": None},
    ],
)
def test_a_webhook_with_a_wrong_signature_is_refused(door: Door, provider: str, changes: dict[str, Any]) -> None:
    event = stripe_event() if provider == "stripe" else gocardless_event()
    assert door.deliver(provider, event, **changes) == 400
    assert door.queued == []


def test_an_old_webhook_is_refused_and_one_within_the_tolerance_is_not(door: Door) -> None:
    assert door.deliver("stripe", stripe_event(), age_seconds=301) == 400
    assert door.queued == []
    assert door.deliver("stripe", stripe_event(), age_seconds=299) == 200


@pytest.mark.parametrize("kind", ["customer.created", "charge.succeeded", "radar.early_fraud_warning.created"])
def test_an_event_of_an_unknown_kind_is_accepted_and_dropped(door: Door, kind: str) -> None:
    assert door.deliver("stripe", stripe_event(kind=kind)) == 200
    assert door.queued == []


@pytest.mark.parametrize("path", ["/stripe", "/", "/anything"])
def test_a_body_of_10_mb_is_refused_before_anything_is_done_with_it(door: Door, path: str) -> None:
    assert door.send(request(path, b"x" * 10_000_000)) == 413
    assert door.asked == 0


def test_a_body_just_above_the_limit_is_refused_in_base64_too(door: Door) -> None:
    body = base64.b64encode(b"x" * (1024 * 1024 + 1)).decode()
    assert door.send(request("/stripe", b"") | {"body": body, "isBase64Encoded": True}) == 413


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "POST", 404), ("/adyen", "POST", 404), ("/stripe/x", "POST", 404), ("/stripe", "GET", 405)],
)
def test_a_request_to_any_other_path_or_method_is_turned_away(door: Door, path: str, method: str, status: int) -> None:
    assert door.send(request(path, b"{}", method=method)) == status
    assert door.asked == 0


def test_without_a_secret_the_provider_is_asked_to_retry(door: Door) -> None:
    door.secrets["stripe"] = []
    assert door.deliver("stripe", stripe_event()) == 503
    door.secrets["stripe"] = [SECRET]
    assert door.deliver("stripe", stripe_event()) == 200


def test_a_queue_that_accepts_nothing_makes_the_provider_retry(door: Door) -> None:
    door.world.event_queue.failures = [TryLaterError("throttled")]
    assert door.deliver("stripe", stripe_event()) == 503
    assert door.deliver("stripe", stripe_event()) == 200
    assert len(door.queued) == 1


def test_while_a_secret_is_rotated_both_are_accepted_and_the_new_one_is_found_within_minutes(door: Door) -> None:
    door.secrets["stripe"] = ["whsec_new", SECRET]
    assert door.deliver("stripe", stripe_event(1)) == 200
    assert door.deliver("stripe", stripe_event(2), secret="whsec_new") == 200
    assert door.asked == 1
    door.secrets["stripe"] = ["whsec_new"]
    door.world.clock.pass_time(minutes=5)
    assert door.deliver("stripe", stripe_event(3)) == 400
    assert door.deliver("stripe", stripe_event(3), secret="whsec_new") == 200
    assert door.asked == 2


def test_a_webhook_signed_with_a_new_secret_is_accepted_at_once(door: Door) -> None:
    assert door.deliver("stripe", stripe_event(1)) == 200
    door.secrets["stripe"] = ["whsec_new"]
    door.world.clock.pass_time(minutes=1)
    assert door.deliver("stripe", stripe_event(2), secret="whsec_new") == 200
    assert len(door.queued) == 2
    assert door.asked == 2


def test_whoever_sends_false_webhooks_lets_us_read_the_secret_twice_a_minute_at_most(door: Door) -> None:
    for _ in range(60):
        assert door.deliver("stripe", stripe_event(), secret="whsec_guessed") == 400
        door.world.clock.pass_time(seconds=1)
    assert door.asked == 2


def test_all_events_of_a_delivery_are_queued(door: Door) -> None:
    events = [gocardless_event(number, action) for number, action in enumerate(["confirmed", "submitted"] * 125)]
    headers, body = webhook(events, SECRET, "WB1")
    assert door.send(request("/gocardless", body, headers)) == 200
    assert len(door.queued) == 125


def test_nothing_of_the_body_reaches_the_log(door: Door) -> None:
    for secret in (SECRET, "whsec_of_somebody_else"):
        door.deliver("stripe", stripe_event(), secret=secret)
    door.secrets["gocardless"] = []
    door.deliver("gocardless", gocardless_event())
    said = repr(door.world.log.lines)
    assert "a webhook was refused" in said
    assert "private.example" not in said
    assert "987654" not in said
    assert SECRET not in said


@pytest.fixture
def consumer(door: Door, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The consumer, on a closed month of a customer who paid 100.00; returns the ids of messages that stay."""
    world = door.world
    world.use(world.add_customer("acme"), "100")
    world.close()
    monkeypatch.setattr(apply_webhook, "_applier", lambda _: world.applier)
    monkeypatch.setattr(apply_webhook, "_apply_once", apply_webhook._apply)
    monkeypatch.setattr(apply_webhook, "runtime", lambda: world)
    monkeypatch.setattr(apply_webhook, "logger", world.log)
    monkeypatch.setattr(queue, "logger", world.log)

    def consume(*messages: Any, received: int = 1) -> list[str]:
        records = [
            {
                "messageId": f"message-{number}",
                "body": message if isinstance(message, str) else json.dumps(message),
                "eventSource": "aws:sqs",
                "attributes": {"ApproximateReceiveCount": str(received)},
            }
            for number, message in enumerate(messages)
        ]
        answer = apply_webhook.handler({"Records": records}, FakeContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return consume


def refunded_minor_of(world: World) -> int:
    payment = world.month("acme").payment
    assert payment
    return payment.refunded_minor


def refund(world: World, minor: int = 3_000) -> None:
    [reference] = world.gateway.orders
    collected = world.gateway.outcomes[reference]
    assert isinstance(collected, Collected)
    world.gateway.settle(reference, Collected(collected.amount, minor))


def test_a_queued_event_is_booked(door: Door, consumer: Callable[..., list[str]]) -> None:
    refund(door.world)
    door.deliver("stripe", stripe_event())
    assert consumer(*door.queued) == []
    assert refunded_minor_of(door.world) == 3_000
    assert door.world.event_queue.put_back_messages == []


def test_an_event_that_says_what_we_know_costs_one_read_and_neither_a_record_nor_a_request_nor_a_line_in_the_log(
    door: Door, consumer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    applied, read = list[str](), list[str]()
    month = door.world.books.month

    def once(message: dict[str, Any], context: Any) -> Any:
        applied.append(message["event_id"])
        return apply_webhook._apply(message, context)

    def counted(customer_id: str, period: Any) -> Any:
        read.append(customer_id)
        return month(customer_id, period)

    monkeypatch.setattr(apply_webhook, "_apply_once", once)
    monkeypatch.setattr(door.world.books, "month", counted)
    door.world.gateway.failures["look_up", "before"] = [AssertionError("the provider was asked")]
    door.world.log.lines.clear()
    succeeded = {"object": "payment_intent", "id": "pi_2026-10/acme_1", "metadata": {"payment": "2026-10/acme"}}
    event = {"object": "event", "type": "payment_intent.succeeded", "data": {"object": succeeded}}
    for number in range(3):
        door.deliver("stripe", {**event, "id": f"evt_{number}"})
    assert consumer(*door.queued) == []
    assert applied == []
    assert read == ["acme"] * 3
    assert door.world.log.lines == []
    assert consumer(door.queued[0], received=2) == []  # it may have stopped half-way before
    assert applied == ["evt_0"]


def test_an_event_about_a_payment_that_is_not_ours_is_dropped(door: Door, consumer: Callable[..., list[str]]) -> None:
    door.deliver("stripe", stripe_event(payment="order 4711"))
    assert consumer(*door.queued) == []
    assert refunded_minor_of(door.world) == 0
    assert "not_ours" in repr(door.world.log.details)


def test_a_delivery_with_a_broken_event_is_redelivered_and_the_others_are_applied_once(
    door: Door, consumer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = set[str]()

    def once(message: dict[str, Any], context: Any) -> Any:
        if message["event_id"] not in done:
            apply_webhook._apply(message, context)
            done.add(message["event_id"])

    monkeypatch.setattr(apply_webhook, "_apply_once", once)
    events = [gocardless_event(1, "charged_back"), {"id": "EV2"}, gocardless_event(3, "charged_back")]
    headers, body = webhook(events, SECRET, "WB1")
    for _ in range(2):
        assert door.send(request("/gocardless", body, headers)) == 400
    assert [message["event_id"] for message in door.queued] == ["EV1", "EV3"] * 2
    assert "1 of 3 events" in repr(door.world.log.lines)

    refund(door.world)
    assert consumer(*door.queued) == []
    assert refunded_minor_of(door.world) == 3_000
    assert len(done) == 2


@pytest.mark.parametrize(
    ("error", "waited_minutes", "seconds"),
    [
        (ProviderDownError("503"), 0, 30),
        (ProviderDownError("503"), 7, 420),
        (ProviderDownError("503"), 120, 900),
        (ProviderPausedError("paused", 77.7), 0, 78),
        (ProviderPausedError("paused", 0), 0, 30),
        (IdempotencyAlreadyInProgressError("twice at once"), 0, 30),
    ],
)
def test_an_event_that_cannot_be_applied_yet_is_requeued_later_and_later(
    door: Door, consumer: Callable[..., list[str]], error: Exception, waited_minutes: int, seconds: int
) -> None:
    refund(door.world)
    door.deliver("stripe", stripe_event())
    door.world.clock.pass_time(minutes=waited_minutes)
    door.world.gateway.failures["look_up", "before"] = [error]
    assert consumer(*door.queued) == []
    assert door.world.event_queue.put_back_messages == [(door.queued[0], seconds)]
    assert consumer(door.world.event_queue.put_back_messages[0][0]) == []
    assert refunded_minor_of(door.world) == 3_000


def test_an_event_that_came_back_from_the_dead_letters_still_counts_its_returns_after_a_wait(
    door: Door, consumer: Callable[..., list[str]]
) -> None:
    door.deliver("stripe", stripe_event())
    door.world.gateway.failures["look_up", "before"] = [ProviderDownError("503")]
    consumer({**door.queued[0], "drained": 2})
    [(message, _)] = door.world.event_queue.put_back_messages
    assert message["drained"] == 2


def test_an_event_that_could_not_be_applied_for_days_becomes_a_dead_letter(
    door: Door, consumer: Callable[..., list[str]]
) -> None:
    door.deliver("stripe", stripe_event())
    door.world.clock.pass_time(days=3, seconds=1)
    door.world.gateway.failures["look_up", "before"] = [ProviderDownError("503")]
    assert consumer(*door.queued) == ["message-0"]
    assert door.world.event_queue.put_back_messages == []


@pytest.mark.parametrize("error", [ProviderRefusedError("key revoked"), RuntimeError("someone@private.example")])
def test_an_event_that_a_person_must_fix_stays_in_the_queue_and_affects_no_other(
    door: Door, consumer: Callable[..., list[str]], error: Exception
) -> None:
    refund(door.world)
    door.deliver("stripe", stripe_event(1, payment="order 4711"))
    door.deliver("stripe", stripe_event(2))
    door.world.gateway.failures["look_up", "before"] = [error]
    assert consumer(door.queued[0], door.queued[1], "not JSON", '{"provider": "stripe"}') == [
        "message-1",
        "message-2",
        "message-3",
    ]
    assert "private.example" not in repr(door.world.log.lines)


def test_resuming_after_the_booking_updates_the_totals(
    door: Door, consumer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = door.world
    [reference] = world.gateway.orders
    world.gateway.settle(reference, reversed_by_the_bank(world.gateway.orders[reference].amount))
    door.deliver("stripe", stripe_event())
    with monkeypatch.context() as patch:
        patch.setattr(EventApplier, "finish", lambda *_: (_ for _ in ()).throw(BrokeOffError("throttled")))
        assert consumer(*door.queued) == ["message-0"]
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.payments[PaymentState.PAID] == 1
    assert consumer(*door.queued, received=2) == []
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert progress.totals.payments[PaymentState.REVERSED] == 1


def test_an_event_whose_mail_has_no_turn_goes_back_with_its_totals_updated_and_tells_the_customer_later(
    door: Door, consumer: Callable[..., list[str]]
) -> None:
    world = door.world
    [reference] = world.gateway.orders
    world.gateway.settle(reference, reversed_by_the_bank(world.gateway.orders[reference].amount))
    door.deliver("stripe", stripe_event())
    world.mailer.turns = 0
    assert consumer(*door.queued) == []
    [(message, _)] = world.event_queue.put_back_messages
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert (progress.totals.payments[PaymentState.REVERSED], progress.totals.untold) == (1, 1)
    before, world.mailer.turns = len(world.mailer.sent), None
    assert consumer(message) == []
    assert len(world.mailer.sent) == before + 1
    progress = world.closes.progress(OCTOBER, 0)
    assert progress
    assert not progress.totals.untold


def test_a_tried_message_that_had_to_wait_still_counts_as_tried(door: Door, consumer: Callable[..., list[str]]) -> None:
    door.deliver("stripe", stripe_event())
    door.world.gateway.failures["look_up", "before"] = [ProviderDownError("503")]
    consumer(*door.queued, received=2)
    [(message, _)] = door.world.event_queue.put_back_messages
    assert message == {**door.queued[0], "again": True}


def test_an_outdated_failure_event_changes_nothing(door: Door, consumer: Callable[..., list[str]]) -> None:
    """A failure event that arrives after the money: the provider's current answer counts."""
    door.deliver("stripe", stripe_event(kind="payment_intent.payment_failed"))
    before = dict(door.world.books.records)
    assert consumer(*door.queued) == []
    assert door.world.books.records == before
    assert not isinstance(door.world.gateway.outcomes["pi_2026-10/acme_1"], Refused)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/webhooks/stripe", 200), ("/webhooks/", 404), ("/webhooks/adyen", 404), ("/webhooks/stripe/x", 404)],
)
def test_on_a_domain_a_provider_delivers_below_a_path(door: Door, path: str, status: int) -> None:
    headers, body = SIGN["stripe"](stripe_event(), SECRET, door.world.clock().timestamp(), "1")
    assert door.send(request(path, body, dict(headers))) == status
