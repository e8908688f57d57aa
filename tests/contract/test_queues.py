"""What a queue of dead letters, and starting an execution, promise: the fakes, and SQS and Step Functions on moto."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import boto3
import pytest

from monthclose.adapters.aws.sqs import SqsChargeQueue, SqsDeadLetters
from monthclose.adapters.aws.stepfunctions import StepFunctionsWorkflow
from monthclose.errors import TryLaterError
from monthclose.names import FIRST_SENT
from monthclose.ports import DeadLetters
from tests.fakes import FakeDeadLetters


@dataclass
class Case:
    """A queue, how messages get into it, and how the time passes that hides them."""

    queue: DeadLetters
    put: Callable[[str, dict[str, str]], object]
    show_again: Callable[[], object]


@pytest.fixture(params=["fake", "sqs"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param == "fake":
        fake = FakeDeadLetters()
        yield Case(fake, lambda body, attributes: fake.put(body, **attributes), fake.show_again)
        return
    request.getfixturevalue("aws")
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    received: list[str] = []

    class Recording(SqsDeadLetters):
        def receive(self):  # type: ignore[no-untyped-def]
            letters = super().receive()
            received.extend(letter.receipt for letter in letters)
            return letters

    def put(body: str, attributes: dict[str, str]) -> None:
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=typed)  # type: ignore[arg-type]

    def show_again() -> None:
        for receipt in received:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)

    yield Case(Recording(url), put, show_again)


def test_a_dead_letter_says_what_it_was_and_why_it_failed(case: Case) -> None:
    case.put("the body", {"ERROR_CODE": "NO_PERMISSIONS"})
    [letter] = case.queue.receive()
    assert (letter.body, letter.attributes) == ("the body", {"ERROR_CODE": "NO_PERMISSIONS"})
    assert letter.message_id


def test_a_letter_that_was_received_is_hidden_and_comes_again_until_it_is_deleted(case: Case) -> None:
    case.put("the body", {})
    [letter] = case.queue.receive()
    assert case.queue.receive() == []
    case.show_again()
    [again] = case.queue.receive()
    assert again.message_id == letter.message_id
    case.queue.delete(again)
    assert case.queue.receive() == []


def test_all_letters_are_received_eventually(case: Case) -> None:
    for number in range(23):
        case.put(str(number), {})
    found = []
    while letters := case.queue.receive():
        found += [letter.body for letter in letters]
    assert sorted(found, key=int) == [str(number) for number in range(23)]


@pytest.mark.usefixtures("aws")
def test_a_queue_that_cannot_be_reached_is_asked_later() -> None:
    with pytest.raises(TryLaterError):
        SqsDeadLetters("https://sqs.us-east-1.amazonaws.com/123456789012/missing").receive()


@pytest.mark.usefixtures("aws")
def test_an_execution_of_a_name_starts_once() -> None:
    states = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "end", "States": {"end": {"Type": "Succeed"}}})
    role = "arn:aws:iam::123456789012:role/states"
    machine = states.create_state_machine(name="close", definition=definition, roleArn=role)["stateMachineArn"]
    workflow = StepFunctionsWorkflow()
    workflow.start(machine, "missed-1", {"time": "2026-11-01T00:00:00Z"})
    states.stop_execution(executionArn=states.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"])

    workflow.start(machine, "missed-1", {"time": "2026-11-01T00:00:00Z"})

    [execution] = states.list_executions(stateMachineArn=machine)["executions"]
    assert execution["name"] == "missed-1"


def test_a_message_that_is_put_back_says_when_it_was_first_sent(aws: None) -> None:
    sqs, sent = boto3.client("sqs"), datetime(2026, 11, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    SqsChargeQueue(url).put_back({"batch": 1}, 0, sent)
    SqsChargeQueue(url).put_back({"batch": 2}, 0)
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
    noted = {json.loads(m["Body"])["batch"]: m.get("MessageAttributes", {}).get(FIRST_SENT) for m in found}
    assert noted[1] is not None
    assert noted[1]["StringValue"] == sent.isoformat()
    assert noted[2] is None
