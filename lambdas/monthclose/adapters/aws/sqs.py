"""Queues: SQS."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.errors import TryLaterError
from monthclose.names import FIRST_SENT
from monthclose.ports import DeadLetter

_LONGEST_DELAY = 900


class SqsChargeQueue:
    """`ChargeQueue` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def put_back(self, message: Mapping[str, Any], seconds: int, first_sent: datetime | None = None) -> None:
        """Send a message, to be delivered after a pause."""
        noted = {FIRST_SENT: {"DataType": "String", "StringValue": first_sent.isoformat()}} if first_sent else {}
        _call(
            "send_message",
            QueueUrl=self._queue_url,
            MessageBody=json.dumps(message),
            DelaySeconds=min(max(seconds, 0), _LONGEST_DELAY),
            MessageAttributes=noted,
        )


_MOST_AT_ONCE = 10
_HIDDEN_SECONDS = 120
"""How long a dead letter is hidden from other consumers while it is handled."""


class SqsDeadLetters:
    """`DeadLetters` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def receive(self) -> list[DeadLetter]:
        """Receive up to ten, from all of SQS' servers."""
        answer = _call(
            "receive_message",
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_MOST_AT_ONCE,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,  # without waiting, SQS asks only some of its servers
            MessageAttributeNames=["All"],
        )
        return [
            DeadLetter(
                message["MessageId"],
                message["Body"],
                message["ReceiptHandle"],
                {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()},
            )
            for message in answer.get("Messages", [])
        ]

    def delete(self, letter: DeadLetter) -> None:
        """Delete a message."""
        _call("delete_message", QueueUrl=self._queue_url, ReceiptHandle=letter.receipt)


def _call(operation: str, **arguments: Any) -> Any:
    try:
        return getattr(client("sqs"), operation)(**arguments)
    except (ClientError, BotoCoreError) as error:
        raise TryLaterError(f"the queue cannot be used: {operation}, {type(error).__name__}") from error
