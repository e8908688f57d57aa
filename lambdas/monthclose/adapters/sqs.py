"""A provider's queue: SQS."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.clients import client
from monthclose.errors import TryLaterError

_LONGEST_DELAY = 900


class SqsChargeQueue:
    """`ChargeQueue` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def put_back(self, message: Mapping[str, Any], seconds: int) -> None:
        """Send a message, to be delivered after a pause."""
        delay = min(max(seconds, 0), _LONGEST_DELAY)
        try:
            client("sqs").send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(message), DelaySeconds=delay)
        except (ClientError, BotoCoreError) as error:
            raise TryLaterError(f"the queue takes no message: {type(error).__name__}") from error
