"""What the handlers add to their use cases: reading the event, answering tasks, returning work in time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from moto import mock_aws

from monthclose.domain.period import LAST, Period
from monthclose.errors import ProviderPausedError, ProviderRefusedError, UserMistakeError
from monthclose.handlers import charge_customers, entry, find_owing, plan_close
from monthclose.handlers.find_owing import requested_day
from monthclose.handlers.open_close import requested_period
from monthclose.names import ALL_FUNCTIONS, REFUSED_METRIC, WAIT_METRIC, Env
from monthclose.use_cases.closes.snapshot import read_batches
from tests.fakes import FakeClock, FakePatience
from tests.world import OCTOBER, SETTINGS, World


@pytest.mark.parametrize(
    ("request_input", "period"),
    [
        ({"period": "2026-09"}, Period(2026, 9)),
        ({"time": "2026-11-01T00:00:00Z", "detail-type": "Scheduled Event"}, Period(2026, 10)),
        ({"time": "2026-01-01T00:00:03+00:00"}, Period(2025, 12)),
        ({"time": "2026-11-01T00:30:00+01:00"}, Period(2026, 9)),  # 23:30 of October 31 in UTC
    ],
)
def test_the_period_is_the_operators_or_the_month_before_the_event(request_input: Any, period: Period) -> None:
    assert requested_period(request_input) == period


@pytest.mark.parametrize(
    ("now", "billing_day", "period"),
    [
        (datetime(2026, 11, 15, tzinfo=UTC), "15", Period(2026, 10, 15)),
        (datetime(2026, 11, 16, 3, tzinfo=UTC), "15", Period(2026, 10, 15)),  # the rule could not start it for a day
        (datetime(2027, 2, 28, tzinfo=UTC), "28", Period(2027, 1, 28)),
        (datetime(2027, 2, 28, tzinfo=UTC), "last", Period(2027, 1, LAST)),
    ],
)
def test_a_billing_days_rule_closes_the_period_that_ended_on_it(
    now: datetime, billing_day: str, period: Period
) -> None:
    assert requested_period({"billing_day": billing_day}, FakeClock(now)) == period


@pytest.mark.parametrize("request_input", [{}, [], None, {"period": 10}, {"time": "soon"}, {"period": "October"}])
def test_an_input_without_a_valid_period_is_the_users_mistake(request_input: Any) -> None:
    with pytest.raises(UserMistakeError, match="period"):
        requested_period(request_input)


@pytest.mark.parametrize(
    ("request_input", "day"),
    [
        ({"today": "2026-11-04"}, date(2026, 11, 4)),
        ({"time": "2026-11-04T09:00:00Z", "detail-type": "Scheduled Event"}, date(2026, 11, 4)),
        ({}, None),
        (None, None),
    ],
)
def test_the_day_of_the_collections_is_the_operators_the_events_or_absent(request_input: Any, day: Any) -> None:
    assert requested_day(request_input) == day


@pytest.mark.parametrize("request_input", [{"today": "soon"}, {"today": 4}, {"time": None}])
def test_an_unreadable_day_is_the_users_mistake(request_input: Any) -> None:
    with pytest.raises(UserMistakeError, match="the day cannot be read"):
        requested_day(request_input)


@dataclass
class FakeContext:
    """A Lambda context whose time runs out after it was read so many times."""

    looks: int = 10**6
    function_name = "charge"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:charge"
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return 300_000 if self.looks > 0 else 1_000


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A batch of three generated, and the handler wired to it without Powertools' table."""
    world = World()
    for name in ("a", "b", "c"):
        world.use(world.add_customer(name), "10")
    plan = world.planner.plan(OCTOBER, world.open())
    for batch in read_batches(world.documents, plan.round_key):
        world.generator.generate(OCTOBER, batch, 1)
    monkeypatch.setenv(Env.PROVIDER, "stripe")
    monkeypatch.setattr(charge_customers, "_charger", lambda: world.batch_charger)
    monkeypatch.setattr(charge_customers, "_collector", lambda: world.collector)
    monkeypatch.setattr(charge_customers, "_collect_once", charge_customers._collect)
    monkeypatch.setattr(charge_customers, "_charge_once", charge_customers._charge)
    monkeypatch.setattr(charge_customers, "runtime", lambda: world)
    monkeypatch.setattr(charge_customers, "use_cases", lambda: world.use_cases)
    return world


@pytest.fixture
def remembering(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same, with Powertools' records of completed calls."""
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        dynamodb.create_table(
            TableName=SETTINGS.idempotency_table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        monkeypatch.setattr(
            entry, "runtime", lambda: SimpleNamespace(settings=SETTINGS, dynamodb=dynamodb, patience=FakePatience())
        )
        charge = entry.once_by("charge_customers", "[period, round, batch]", charge_customers._charge)
        collect = entry.once_by("collect_due", "[run, batch]", charge_customers._collect)
        monkeypatch.setattr(charge_customers, "_charge_once", charge)
        monkeypatch.setattr(charge_customers, "_collect_once", collect)
        yield world


def delivered(*bodies: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{n}",
                "body": json.dumps(body),
                "eventSource": "aws:sqs",
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for n, body in enumerate(bodies)
        ]
    }


MESSAGE = {"period": "2026-10", "round": 1, "batch": 0, "task_token": "token-1"}


def test_a_charged_batch_answers_its_task(world: World) -> None:
    answer = charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert answer == {"batchItemFailures": []}
    assert world.workflow.answers == {"token-1": {"paid": 1, "unsettled": 0}}


def test_a_message_delivered_twice_charges_once_and_both_are_answered(world: World) -> None:
    charge_customers.handler(delivered(MESSAGE, {**MESSAGE, "task_token": "token-2"}), FakeContext())
    assert len(world.gateway.money_moved) == 1
    assert set(world.workflow.answers) == {"token-1", "token-2"}


def test_work_that_does_not_fit_into_the_time_returns_to_the_queue_and_its_task_keeps_waiting(world: World) -> None:
    charge_customers.handler(delivered(MESSAGE), FakeContext(looks=3))
    assert world.workflow.answers == {}
    assert world.gateway.money_moved == []
    [(message, seconds)] = world.queue.messages
    assert (message, seconds) == (MESSAGE, 0)
    charge_customers.handler(delivered(message), FakeContext())
    assert world.workflow.answers["token-1"] == {"paid": 1, "unsettled": 0}


def test_while_the_provider_is_paused_messages_are_requeued_as_new_ones(world: World) -> None:
    world.gateway.failures["register", "before"] = [ProviderPausedError("the provider is down", 42.4)]
    answer = charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert answer == {"batchItemFailures": []}
    assert world.queue.messages == [(MESSAGE, 42)]
    assert world.workflow.answers == {}


@pytest.mark.parametrize(
    "sent",
    [
        {"attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1793491190000"}},
        {"messageAttributes": {"first_sent": {"stringValue": "2026-10-31T23:59:50+00:00", "dataType": "String"}}},
    ],
)
def test_how_long_a_message_goes_round_is_counted_from_when_it_was_first_sent(
    world: World, sent: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    world.gateway.failures["register", "before"] = [ProviderPausedError("the provider is down", 42.4)]
    event = delivered(MESSAGE)
    event["Records"][0] |= sent
    charge_customers.handler(event, FakeContext())
    assert world.queue.first_sent == [datetime(2026, 10, 31, 23, 59, 50, tzinfo=UTC)]
    [counted] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if WAIT_METRIC in line]
    assert counted[WAIT_METRIC] == [10.0]


def test_a_local_clock_that_is_ahead_makes_no_message_older(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.gateway.failures["register", "before"] = [ProviderPausedError("the provider is down", 42.4)]
    monkeypatch.setattr(World, "machine_clock", FakeClock(world.clock.now))
    world.clock.pass_time(days=90)
    event = delivered(MESSAGE)
    event["Records"][0]["attributes"]["SentTimestamp"] = "1793491190000"
    charge_customers.handler(event, FakeContext())
    [counted] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if WAIT_METRIC in line]
    assert counted[WAIT_METRIC] == [10.0]


def metrics_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The metrics that were written, each with its dimensions."""
    return [content for line in capsys.readouterr().out.splitlines() if "_aws" in (content := json.loads(line))]


def test_charges_are_counted_by_provider_and_never_by_customer(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "charge_customers")
    charge_customers.handler(delivered(MESSAGE), FakeContext())
    [counted] = [metric for metric in metrics_of(capsys) if "ChargesPaid" in metric]
    assert (counted["provider"], counted["ChargesPaid"]) == ("stripe", [1.0])
    assert counted["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["provider", "service"]]


def test_a_provider_that_refuses_our_key_is_counted_once_for_all_functions(
    remembering: World, capsys: pytest.CaptureFixture[str]
) -> None:
    remembering.gateway.failures["register", "before"] = [ProviderRefusedError("the key was revoked")]
    charge_customers.handler(delivered(MESSAGE), FakeContext())
    [counted] = [metric for metric in metrics_of(capsys) if REFUSED_METRIC in metric]
    assert (counted["service"], counted[REFUSED_METRIC]) == (ALL_FUNCTIONS, [1.0])


def test_a_paused_batch_waits_without_reading_anybody_and_keeps_its_task_alive(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use_cases.pause_close(OCTOBER, "ada", "")
    event = delivered(MESSAGE)
    event["Records"][0]["attributes"]["SentTimestamp"] = "1793405000000"
    with monkeypatch.context() as reading:
        reading.setattr(charge_customers, "_charge_once", lambda *_: pytest.fail("the batch was begun"))
        charge_customers.handler(event, FakeContext())
    assert world.queue.messages == [(MESSAGE, 10)]
    assert world.queue.first_sent == [None]  # how long a person lets it wait raises no alarm
    assert WAIT_METRIC not in capsys.readouterr().out
    assert (world.workflow.heartbeats, world.workflow.answers) == (["token-1"], {})

    world.use_cases.resume_close(OCTOBER, "bob")
    world.clock.pass_time(seconds=3)
    charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert world.workflow.answers == {"token-1": {"paid": 1, "unsettled": 0}}


def test_a_paused_batch_that_nobody_waits_for_is_left(world: World) -> None:
    world.use_cases.pause_provider("stripe", "ada", "")
    world.workflow.gone.add("token-1")
    charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert (world.queue.messages, world.workflow.answers) == ([], {})


def test_a_batch_that_nobody_waits_for_any_more_is_not_started(world: World) -> None:
    world.workflow.gone.add("token-1")
    charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert world.gateway.money_moved == []
    assert world.queue.messages == []


def test_a_batch_that_waited_past_its_heartbeat_is_charged_when_its_task_is_tried_again(remembering: World) -> None:
    remembering.workflow.gone.add("token-1")
    charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert remembering.workflow.answers == {}
    charge_customers.handler(delivered({**MESSAGE, "task_token": "token-2"}), FakeContext())
    assert remembering.workflow.answers == {"token-2": {"paid": 1, "unsettled": 0}}
    assert len(remembering.gateway.money_moved) == 1


def test_collections_that_waited_past_their_heartbeat_are_done_when_their_task_is_tried_again(
    remembering: World,
) -> None:
    message = collecting(remembering)
    remembering.workflow.gone.add("token-1")
    charge_customers.handler(delivered(message), FakeContext())
    assert remembering.workflow.answers == {}
    charge_customers.handler(delivered({**message, "task_token": "token-2"}), FakeContext())
    assert remembering.workflow.answers["token-2"]["retried"] == 3


def test_a_message_that_cannot_be_read_stays_in_the_queue(world: World) -> None:
    event = delivered(MESSAGE)
    event["Records"][0]["body"] = "not JSON"
    assert charge_customers.handler(event, FakeContext()) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}


def test_a_provider_that_refuses_us_is_reported_to_the_task_by_name(world: World) -> None:
    world.gateway.failures["register", "before"] = [ProviderRefusedError("no such key")]
    answer = charge_customers.handler(delivered(MESSAGE), FakeContext())
    assert answer == {"batchItemFailures": []}
    assert world.workflow.answers["token-1"][0] == "ProviderRefusedError"


def test_one_broken_message_does_not_take_the_others_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def charge(message: dict[str, Any], context: Any, *turn: Any) -> dict[str, Any]:
        if message["batch"] == 0:
            raise IdempotencyAlreadyInProgressError("somebody else is at it")
        return charge_customers._charge(message, context, *turn)

    monkeypatch.setattr(charge_customers, "_charge_once", charge)
    answer = charge_customers.handler(delivered(MESSAGE, {**MESSAGE, "batch": 1, "task_token": "t"}), FakeContext())
    assert answer == {"batchItemFailures": []}
    assert world.workflow.answers["t"] == {"paid": 1, "unsettled": 0}
    assert "token-1" not in world.workflow.answers  # whoever is at it answers
    assert world.queue.messages == [(MESSAGE, 60)]


def collecting(world: World) -> dict[str, Any]:
    """Let the charges be refused, a day pass, and the message of the collections be sent."""
    for name in ("a", "b", "c"):
        world.add_customer(name, method="declined")
    charge_customers.handler(
        delivered(*({**MESSAGE, "batch": number, "task_token": f"close-{number}"} for number in range(3))),
        FakeContext(),
    )
    world.workflow.answers.clear()
    world.clock.pass_time(days=1)
    return {
        "kind": "collect_due",
        "run": 1,
        "today": "2026-11-02",
        "closing": [],
        "batch": 0,
        "customers": ["a", "b", "c"],
        "task_token": "token-1",
    }


def test_the_collections_message_retries_what_is_due_and_answers_its_task(world: World) -> None:
    message = collecting(world)
    world.add_customer("b", method="ok")
    charge_customers.handler(delivered(message), FakeContext())
    assert world.workflow.answers == {"token-1": {"retried": 3, "paid": 1}}
    assert len(world.gateway.money_moved) == 1


def test_collections_do_not_wait_for_a_paused_provider_so_that_reminders_and_holds_go_on(world: World) -> None:
    message = collecting(world)
    world.use_cases.pause_provider("stripe", "ada", "")
    moved = len(world.gateway.money_moved)
    charge_customers.handler(delivered(message), FakeContext())
    assert world.workflow.answers[message["task_token"]] == {"retried": 0, "paid": 0}
    assert len(world.gateway.money_moved) == moved


def test_collections_that_run_out_of_time_are_requeued_and_done_next_time(world: World) -> None:
    message = collecting(world)
    charge_customers.handler(delivered(message), FakeContext(looks=3))
    assert world.queue.messages == [(message, 0)]
    assert world.workflow.answers == {}
    charge_customers.handler(delivered(message), FakeContext())
    assert world.workflow.answers["token-1"]["retried"] == 3


def test_the_collections_skip_the_customers_of_a_running_close(world: World) -> None:
    message = {**collecting(world), "closing": ["2026-10"]}
    charge_customers.handler(delivered(message), FakeContext())
    assert world.workflow.answers == {"token-1": {"retried": 0, "paid": 0}}


@pytest.fixture
def forgetting(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The stages' handlers without Powertools' records."""
    monkeypatch.setenv("POWERTOOLS_IDEMPOTENCY_DISABLED", "1")
    monkeypatch.setattr(
        entry,
        "runtime",
        lambda: SimpleNamespace(settings=SETTINGS, dynamodb=SimpleNamespace(), patience=FakePatience()),
    )
    for module in (plan_close, find_owing):
        monkeypatch.setattr(module, "runtime", lambda: world)
        monkeypatch.setattr(module, "use_cases", lambda: world.use_cases)
    return world


DAY = 86_400


@pytest.mark.filterwarnings("ignore:Disabling idempotency")
def test_the_plan_says_how_long_a_batch_may_wait_in_the_queue(forgetting: World) -> None:
    close = forgetting.closes.get(OCTOBER)
    assert close
    forgetting.closes.put(replace(close, expected_seconds=3 * DAY))
    context: Any = FakeContext()
    plan = plan_close.handler({"period": "2026-10", "run": close.run, "entered": "now"}, context)
    assert (plan["heartbeat_seconds"], plan["timeout_seconds"]) == (6 * DAY, 6 * DAY + DAY // 2)


@pytest.mark.filterwarnings("ignore:Disabling idempotency")
def test_the_collections_say_how_long_a_batch_may_wait_in_the_queue(forgetting: World) -> None:
    context: Any = FakeContext()
    found = find_owing.handler({"execution": "execution", "request": {}}, context)
    assert (found["heartbeat_seconds"], found["timeout_seconds"]) == (DAY // 4, DAY // 2)
