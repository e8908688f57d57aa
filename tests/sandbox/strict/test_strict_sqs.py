"""The limits of SQS that the strict local AWS enforces, through the emulator's own functions."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from ministack.services import sqs

from sandbox.strict.limits import Limits
from sandbox.strict.sqs import StrictSqs


class Queue:
    """A queue of a strict SQS."""

    def __init__(self, name: str = "", **attributes: str) -> None:
        self.url = self.call("CreateQueue", QueueName=name or uuid4().hex, Attributes=attributes)["QueueUrl"]

    def call(self, action: str, **data: Any) -> dict[str, Any]:
        headers = {"x-amz-target": f"AmazonSQS.{action}"}
        if action != "CreateQueue":
            data["QueueUrl"] = self.url
        _status, _headers, body = asyncio.run(sqs.handle_request("POST", "/", headers, json.dumps(data).encode(), {}))
        answer: dict[str, Any] = json.loads(body or b"{}")
        return answer

    def send(self, body: str = "hello", **options: Any) -> str:
        return error(self.call("SendMessage", MessageBody=body, **options))

    def receive(self, number: int = 10, **options: Any) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.call("ReceiveMessage", MaxNumberOfMessages=number, **options).get(
            "Messages", []
        )
        return messages


def error(answer: dict[str, Any]) -> str:
    return str(answer.get("__type", "")).rpartition("#")[2]


@pytest.fixture
def limits() -> Limits:
    limits = Limits()
    limits.change("sqs.duplicates", on=False)
    return limits


@pytest.fixture
def queue(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> Queue:
    strict = StrictSqs(limits)
    for name, function in strict.functions().items():
        monkeypatch.setattr(sqs, name, function)
    for name, action in strict.actions().items():
        monkeypatch.setitem(sqs._HANDLERS, name, action)
    return Queue()


def struck(limits: Limits) -> dict[str, int]:
    return {name: times for name, times in limits.counts().items() if times}


def test_a_message_may_be_a_mebibyte_with_its_attributes(queue: Queue, limits: Limits) -> None:
    assert queue.send("x" * 1_048_576) == ""
    assert queue.send("x" * 1_048_577) == "InvalidParameterValue"
    attributes = {"a": {"DataType": "String", "StringValue": "x"}}
    assert queue.send("x" * (1_048_576 - 8), MessageAttributes=attributes) == ""
    assert queue.send("x" * (1_048_576 - 7), MessageAttributes=attributes) == "InvalidParameterValue"
    assert struck(limits) == {"sqs.message_size": 2}


def test_a_batch_is_no_larger_than_a_message_and_has_ten_at_most(queue: Queue, limits: Limits) -> None:
    def batch(number: int, size: int) -> str:
        entries = [{"Id": str(each), "MessageBody": "x" * size} for each in range(number)]
        return error(queue.call("SendMessageBatch", Entries=entries))

    assert batch(10, 100_000) == ""
    assert batch(11, 1) == "TooManyEntriesInBatchRequest"
    assert batch(10, 110_000) == "BatchRequestTooLong"
    assert struck(limits) == {"sqs.batch": 1, "sqs.message_size": 1}


def test_a_message_is_delayed_for_a_quarter_of_an_hour_at_most(queue: Queue, limits: Limits) -> None:
    assert queue.send(DelaySeconds=900) == ""
    assert queue.send(DelaySeconds=901) == "InvalidParameterValue"
    limits.change("sqs.delay", on=False)
    assert queue.send(DelaySeconds=901) == ""


def test_a_message_is_hidden_for_twelve_hours_at_most_from_when_it_was_received(queue: Queue, limits: Limits) -> None:
    queue.send()
    assert error(queue.call("ReceiveMessage", VisibilityTimeout=43_201)) == "InvalidParameterValue"
    (message,) = queue.receive()
    change = {"ReceiptHandle": message["ReceiptHandle"]}
    assert error(queue.call("ChangeMessageVisibility", **change, VisibilityTimeout=43_190)) == ""
    sqs._queues[queue.url]["messages"][0]["received_at"] -= 100  # received long ago
    assert error(queue.call("ChangeMessageVisibility", **change, VisibilityTimeout=43_190)) == "InvalidParameterValue"
    assert error(queue.call("ChangeMessageVisibility", **change, VisibilityTimeout=0)) == ""
    assert struck(limits) == {"sqs.visibility": 2}


def test_a_queue_hands_out_no_more_than_may_be_in_flight(queue: Queue, limits: Limits) -> None:
    limits.change("sqs.in_flight", value=2)
    for _ in range(4):
        queue.send()
    assert len(queue.receive(1)) == 1
    (second,) = queue.receive(1)
    assert error(queue.call("ReceiveMessage")) == "OverLimit"
    assert queue.receive(WaitTimeSeconds=1) == []
    assert sqs._receive_messages_for_esm(queue.url, 1) == []
    queue.call("DeleteMessage", ReceiptHandle=second["ReceiptHandle"])
    assert len(queue.receive(1)) == 1
    assert struck(limits)["sqs.in_flight"] >= 3


def test_some_messages_come_twice(queue: Queue, limits: Limits) -> None:
    limits.change("sqs.duplicates", on=True, value=1)
    queue.send()
    (first,) = queue.receive()
    queue.call("DeleteMessage", ReceiptHandle=first["ReceiptHandle"])
    (again,) = queue.receive(WaitTimeSeconds=5)
    assert (again["MessageId"], again["Body"]) == (first["MessageId"], "hello")
    assert again["ReceiptHandle"] != first["ReceiptHandle"]
    queue.call("DeleteMessage", ReceiptHandle=again["ReceiptHandle"])
    assert sqs._queues[queue.url]["messages"] == []
    assert struck(limits) == {"sqs.duplicates": 1}


def test_the_messages_of_a_fifo_queue_come_once(queue: Queue, limits: Limits) -> None:
    limits.change("sqs.duplicates", on=True, value=1)
    ordered = Queue(f"{uuid4().hex}.fifo", FifoQueue="true")
    assert ordered.send(MessageGroupId="g", MessageDeduplicationId="d") == ""
    ordered.receive()
    assert len(sqs._queues[ordered.url]["messages"]) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_which_messages_come_twice_is_seeded(queue: Queue, limits: Limits, seed: int) -> None:
    limits.change("sqs.duplicates", on=True, value=0.5)

    def twice() -> list[bool]:
        strict = StrictSqs(limits, seed=seed)
        return [strict._comes_twice({"is_fifo": False}, {}) for _ in range(50)]

    assert twice() == twice()
    assert 10 < sum(twice()) < 40
