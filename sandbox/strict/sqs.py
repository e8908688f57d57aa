"""SQS as strict as on AWS: sizes, delays, messages in flight, and messages that come twice."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ministack.services import sqs

from sandbox.strict.limits import Limits

type Data = Mapping[str, Any]
type Queue = dict[str, Any]
type Message = dict[str, Any]
type Clock = Callable[[], float]

_SEED = 20261101
_LATER = 0.5
"""Seconds after which a message comes for the second time."""


def size_of(entry: Data) -> int:
    """Return a message's size: its body, and the names, types and values of its attributes."""
    size = len((entry.get("MessageBody") or "").encode())
    for name, value in (entry.get("MessageAttributes") or {}).items():
        texts = (name, value.get("DataType", ""), value.get("StringValue") or value.get("BinaryValue") or "")
        size += sum(len(text.encode() if isinstance(text, str) else text) for text in texts)
    return size


class StrictSqs:
    """Judges the calls of MiniStack's SQS before it carries them out."""

    def __init__(self, limits: Limits, clock: Clock = time.time, seed: int = _SEED) -> None:
        self._limits, self._clock = limits, clock
        self._random, self._lock = random.Random(seed), threading.Lock()  # noqa: S311 - no secret
        self._send, self._send_batch = sqs._act_send_message, sqs._act_send_message_batch
        self._visibility, self._collect = sqs._act_change_visibility, sqs._collect_msgs
        self._receive, self._entries = sqs._act_receive_message, sqs._validate_batch_entries

    def actions(self) -> dict[str, Callable[..., Any]]:
        """Return what answers to SQS's actions, by their names."""
        return {
            "SendMessage": self.send,
            "SendMessageBatch": self.send_batch,
            "ReceiveMessage": self.receive,
            "ChangeMessageVisibility": self.change_visibility,
        }

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return what to put in the place of MiniStack's functions, by their names."""
        return {
            "_act_send_message": self.send,
            "_act_send_message_batch": self.send_batch,
            "_act_receive_message": self.receive,
            "_act_change_visibility": self.change_visibility,
            "_collect_msgs": self.collect,
            "_validate_batch_entries": self.check_entries,
        }

    def send(self, data: Data, url: str) -> Any:
        """Take in a message."""
        most = self._exceeds("sqs.message_size", size_of(data))
        if most:
            raise sqs._Err(
                "InvalidParameterValue",
                f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.",
            )
        delay = data.get("DelaySeconds")
        most = self._exceeds("sqs.delay", int(delay or 0))
        if most:
            raise _out_of_range("DelaySeconds", delay, most)
        return self._send(data, url)

    def send_batch(self, data: Data, url: str) -> Any:
        """Take in a batch of messages, which together may be as large as one."""
        size = sum(size_of(entry) for entry in data.get("Entries") or ())
        most = self._exceeds("sqs.message_size", size)
        if most:
            raise sqs._Err(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {most} bytes. You have sent {size} bytes.",
            )
        return self._send_batch(data, url)

    def check_entries(self, entries: Sequence[Data], name: str) -> None:
        """Refuse a batch of too many."""
        most = self._exceeds("sqs.batch", len(entries))
        if most:
            message = f"Too many messages in a batch request. A maximum of {most} messages are allowed."
            raise sqs._Err("TooManyEntriesInBatchRequest", message)
        self._entries(entries, name)

    async def receive(self, data: Data, url: str) -> Any:
        """Hand out messages; an error if too many are in flight and the call doesn't wait."""
        queue = sqs._get_q(data.get("QueueUrl", url), "sqs:ReceiveMessage")
        timeout = data.get("VisibilityTimeout")
        most = self._exceeds("sqs.visibility", int(timeout or 0))
        if most:
            raise _out_of_range("VisibilityTimeout", timeout, most)
        if not data.get("WaitTimeSeconds") and self._full(queue):
            self._limits.strike("sqs.in_flight")
            raise sqs._Err("OverLimit", "Too many messages in flight.", 403)
        return await self._receive(data, url)

    def change_visibility(self, data: Data, url: str) -> Any:
        """Hide a message for longer, at most twelve hours after it was received."""
        timeout = int(data.get("VisibilityTimeout", 0))
        handle, now = data.get("ReceiptHandle"), self._clock()
        queue = sqs._get_q(data.get("QueueUrl", url), "sqs:ChangeMessageVisibility")
        received = next((message for message in queue["messages"] if message["receipt_handle"] == handle), None)
        hidden = now - received.get("received_at", now) + timeout if received else timeout
        most = self._exceeds("sqs.visibility", hidden)
        if most:
            message = f"Total VisibilityTimeout for the message is beyond the limit [{most} seconds]"
            raise sqs._Err(
                "InvalidParameterValue", f"Value {timeout} for parameter VisibilityTimeout is invalid. {message}"
            )
        return self._visibility(data, url)

    def collect(self, queue: Queue, number: int, timeout: int) -> list[Message]:
        """Pick the messages to hand out, and let some come a second time a little later."""
        if self._full(queue):
            self._limits.strike("sqs.in_flight")
            return []
        messages: list[Message] = self._collect(queue, number, timeout)
        for message in messages:
            message["received_at"] = self._clock()
            if self._comes_twice(queue, message):
                again = {**message, "receipt_handle": None, "visible_at": self._clock() + _LATER, "again": True}
                queue["messages"].append(again)
        return messages

    def _comes_twice(self, queue: Queue, message: Message) -> bool:
        if queue["is_fifo"] or message.get("again") or not self._limits.on("sqs.duplicates"):
            return False
        with self._lock:
            twice = self._random.random() < self._limits.value("sqs.duplicates")
        if twice:
            self._limits.strike("sqs.duplicates")
        return twice

    def _full(self, queue: Queue) -> bool:
        most = self._limits.value("sqs.in_flight")
        if not self._limits.on("sqs.in_flight") or len(queue["messages"]) < most:
            return False
        now = self._clock()
        in_flight: int = sum(
            message["receive_count"] > 0 and message["visible_at"] > now for message in queue["messages"]
        )
        return in_flight >= most

    def _exceeds(self, limit: str, value: float) -> int:
        """Return the limit if a value exceeds it; 0 if not."""
        if not self._limits.on(limit) or value <= self._limits.value(limit):
            return 0
        self._limits.strike(limit)
        return int(self._limits.value(limit))


def _out_of_range(parameter: str, value: Any, most: int) -> Exception:
    message = f"Value {value} for parameter {parameter} is invalid. Reason: {parameter} must be >= 0 and <= {most}."
    error: Exception = sqs._Err("InvalidParameterValue", message)
    return error


def install(limits: Limits) -> None:
    """Put SQS's limits into MiniStack."""
    strict = StrictSqs(limits)
    for name, function in strict.functions().items():
        setattr(sqs, name, function)
    sqs._HANDLERS.update(strict.actions())
