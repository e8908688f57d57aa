"""Dead letters: each has its effect before it is deleted, and none is lost."""

import json
from typing import Any

import pytest

from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.errors import OrderInvalidError, TryLaterError
from monthclose.use_cases.reconciliation.drain_dead_letters import Drained
from monthclose.use_cases.webhooks.take_webhook import WebhookMessage
from tests.world import OCTOBER, World

MESSAGE: dict[str, Any] = {"period": "2026-10", "round": 1, "batch": 0, "task_token": "token-1"}
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:MonthClose"
IMPORT = "arn:aws:states:eu-west-1:123456789012:stateMachine:ImportUsage"
RESTARTED = frozenset({MACHINE, IMPORT})
EVENT = {"detail-type": "Scheduled Event", "time": "2026-11-01T00:00:00Z"}


@pytest.fixture
def world() -> World:
    """A close that could not charge its only customer."""
    world = World()
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["register", "before"] = [OrderInvalidError("email_invalid")] * 3
    world.close()
    world.gateway.failures.clear()
    return world


def put(world: World, **changes: Any) -> None:
    world.letters.put(json.dumps(MESSAGE | changes))


def test_a_waiting_task_learns_that_its_message_failed_and_sends_another(world: World) -> None:
    put(world)
    drained = world.drain.drain_charges("stripe", world.letters)
    assert world.workflow.answers["token-1"][0] == "TryLaterError"
    assert drained.counts() == {"answered": 1, "taken_up": 0, "started": 0}
    assert world.letters.letters == []
    assert drained.findings == []


def test_a_batch_that_no_task_waits_for_is_resumed_by_settling(world: World) -> None:
    world.workflow.gone.add("token-1")
    put(world)
    drained = world.drain.drain_charges("stripe", world.letters)
    assert (drained.taken_up, drained.findings, world.letters.letters) == (1, [], [])
    world.clock.pass_time(minutes=15)
    world.settle()
    payment = world.month("acme").payment
    assert payment
    assert payment.state is PaymentState.PAID


@pytest.mark.parametrize("waits", [True, False])
def test_a_dead_letter_of_the_collections_answers_its_task_or_is_due_again_tomorrow(world: World, waits: bool) -> None:
    if not waits:
        world.workflow.gone.add("token-1")
    message = {"kind": "collect_due", "run": "r", "today": "2026-11-02", "closing": [], "batch": 0, "customers": []}
    world.letters.put(json.dumps({**message, "task_token": "token-1"}))
    drained = world.drain.drain_charges("stripe", world.letters)
    assert (drained.answered, drained.taken_up) == ((1, 0) if waits else (0, 1))
    assert (drained.findings, world.letters.letters) == ([], [])


def test_a_batch_that_nothing_resumes_is_a_finding(world: World) -> None:
    world.workflow.gone.add("token-1")
    put(world, period="2026-09")
    put(world, batch=99)
    findings = world.drain.drain_charges("stripe", world.letters).findings
    assert [finding.check for finding in findings] == ["dead_letter", "dead_letter"]
    assert "close 2026-09 again" in findings[0].detail
    assert world.letters.letters == []


def test_a_batch_of_a_running_close_is_left_to_it(world: World) -> None:
    world.workflow.gone.add("token-1")
    world.open(execution="execution-2")
    put(world, batch=99)
    assert world.drain.drain_charges("stripe", world.letters).findings == []


@pytest.mark.parametrize(
    "body",
    ["not JSON", "[]", "{}", '{"period": "soon", "batch": 1, "task_token": "t"}', '{"period": "2026-10", "batch": 0}'],
)
def test_a_message_that_cannot_be_read_is_kept_and_found(world: World, body: str) -> None:
    letter = world.letters.put(body)
    drained = world.drain.drain_charges("stripe", world.letters)
    key = f"dead-letters/stripe/{letter.message_id}.json"
    assert json.loads(world.documents.get(key))["body"] == body
    assert [finding.check for finding in drained.findings] == ["dead_letter"]
    assert key in drained.findings[0].detail
    assert world.letters.letters == []


def test_a_letter_that_is_delivered_twice_is_one_finding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = world.letters.receive
    world.letters.put("not JSON")
    monkeypatch.setattr(world.letters, "receive", lambda: deliver() * 2)

    drained = world.drain.drain_charges("stripe", world.letters)

    assert len(drained.findings) == 1
    assert world.letters.letters == []


def test_a_letter_is_deleted_only_after_its_effect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(*_: Any) -> bool:
        raise TryLaterError("Step Functions is briefly unable")

    put(world)
    world.letters.put("not JSON")
    monkeypatch.setattr(world.workflow, "still_waits", unable)
    monkeypatch.setattr(world.documents, "put", unable)
    assert world.drain.drain_charges("stripe", world.letters).findings == []
    assert world.letters.deleted == []
    monkeypatch.undo()
    world.letters.show_again()

    world.drain.drain_charges("stripe", world.letters)

    assert world.letters.deleted == ["message-0", "message-1"]


def test_more_letters_than_one_call_returns_are_all_drained_if_there_is_time(world: World) -> None:
    for number in range(25):
        put(world, task_token=f"token-{number}")
    assert world.drain.drain_charges("stripe", world.letters, lambda: True).answered == 0
    assert world.drain.drain_charges("stripe", world.letters).answered == 25


def test_a_scheduled_start_that_never_arrived_starts_its_close_once(world: World) -> None:
    letter = world.letters.put(json.dumps(EVENT), TARGET_ARN=MACHINE, ERROR_CODE="SDK_CLIENT_ERROR")
    drained = world.drain.drain_starts(world.letters, RESTARTED)
    assert world.workflow.started == {(MACHINE, f"missed-{letter.message_id}"): EVENT}
    assert (drained.started, drained.findings, world.letters.letters) == (1, [], [])


def test_a_dropped_file_whose_arrival_was_not_announced_is_imported_and_closes_nothing(world: World) -> None:
    arrived = {"detail-type": "Object Created", "detail": {"object": {"key": "usage/a.csv"}}}
    letter = world.letters.put(json.dumps(arrived), TARGET_ARN=IMPORT, ERROR_CODE="THROTTLING")
    drained = world.drain.drain_starts(world.letters, RESTARTED)
    assert world.workflow.started == {(IMPORT, f"missed-{letter.message_id}"): arrived}
    assert (drained.started, drained.findings, world.letters.letters) == (1, [], [])


def test_another_rules_start_that_never_arrived_is_kept_and_found(world: World) -> None:
    world.letters.put(json.dumps(EVENT), TARGET_ARN=f"{MACHINE}Watch", ERROR_CODE="THROTTLING")
    drained = world.drain.drain_starts(world.letters, RESTARTED)
    assert world.workflow.started == {}
    assert [finding.check for finding in drained.findings] == ["missed_start"]
    assert "a start request for MonthCloseWatch was not delivered (THROTTLING)" in drained.findings[0].detail
    assert json.loads(world.documents.get("dead-letters/starts/message-0.json"))["attributes"]["ERROR_CODE"]


def test_a_settled_batch_of_an_old_close_needs_no_attention(world: World) -> None:
    world.clock.pass_time(minutes=15)
    world.settle()
    for month in (11, 12):
        world.clock.pass_time(days=31)
        world.close(Period(2026, month), f"execution-{month}")
    world.clock.pass_time(days=31)
    world.close(Period(2027, 1), "execution-1-2027")
    world.workflow.gone.add("token-1")
    put(world)
    assert world.drain.drain_charges("stripe", world.letters).findings == []
    assert world.closes.get(OCTOBER)


EVENT_OF_STRIPE: dict[str, Any] = {
    "provider": "stripe",
    "event_id": "evt_1",
    "kind": "charge.refunded",
    "reference": "pi_1",
    "payment_id": "2026-10/acme",
    "known_in": [],
    "method": "",
    "received_at": "2026-10-29T00:00:00+00:00",
    "again": False,
}


def drain_webhooks(world: World) -> Drained:
    return world.drain.drain_webhooks(world.letters, world.event_queue, {"stripe"})


def test_an_event_that_could_not_be_applied_is_applied_again(world: World) -> None:
    world.letters.put(json.dumps(EVENT_OF_STRIPE))
    drained = drain_webhooks(world)
    assert (drained.put_back, drained.findings, world.letters.letters) == (1, [], [])
    [message] = map(WebhookMessage.from_message, world.event_queue.messages)
    assert message.event == WebhookMessage.from_message(EVENT_OF_STRIPE).event
    assert message.again


def test_an_event_that_fails_again_and_again_is_kept_and_found(world: World) -> None:
    message = EVENT_OF_STRIPE
    for _ in range(3):
        world.letters.put(json.dumps(message))
        assert drain_webhooks(world).findings == []
        message = world.event_queue.messages.pop()
        world.letters.show_again()
    letter = world.letters.put(json.dumps(message))
    drained = drain_webhooks(world)
    assert (drained.put_back, world.event_queue.messages, world.letters.letters) == (0, [], [])
    [finding] = drained.findings
    assert finding.check == "webhook_event"
    assert "stripe's event evt_1, charge.refunded (pi_1), could not be applied" in finding.detail
    assert json.loads(world.documents.get(f"dead-letters/webhooks/{letter.message_id}.json"))["body"] == letter.body


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("not JSON", "cannot be read"),
        ('{"provider": "stripe"}', "cannot be read"),
        (json.dumps(EVENT_OF_STRIPE | {"known_in": ["gone"]}), "cannot be read"),
        (json.dumps(EVENT_OF_STRIPE | {"provider": "adyen"}), "from adyen, which is not in the settings"),
    ],
)
def test_an_event_that_nobody_can_apply_is_kept_and_found(world: World, body: str, why: str) -> None:
    letter = world.letters.put(body)
    drained = drain_webhooks(world)
    assert world.event_queue.messages == []
    assert [finding.check for finding in drained.findings] == ["webhook_event"]
    assert why in drained.findings[0].detail
    assert json.loads(world.documents.get(f"dead-letters/webhooks/{letter.message_id}.json"))["body"] == body
    assert world.letters.letters == []


def test_an_event_that_the_queue_does_not_take_stays_a_dead_letter(world: World) -> None:
    world.letters.put(json.dumps(EVENT_OF_STRIPE))
    world.event_queue.failures = [TryLaterError("throttled")]
    assert drain_webhooks(world).put_back == 0
    world.letters.show_again()
    assert drain_webhooks(world).put_back == 1
