"""The queue of providers' events: SQS."""

import json
from collections.abc import Iterable, Mapping
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.sqs import SqsChargeQueue
from monthclose.errors import TryLaterError

_MOST_AT_ONCE = 10


class SqsEventQueue(SqsChargeQueue):
    """`EventQueue` on SQS; an event that has to wait is put back as a batch is."""

    def put(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Send messages, ten at a time; if one is not accepted, it raises, and the caller sends all of them again."""
        for chunk in batched(messages, _MOST_AT_ONCE, strict=False):
            entries = [{"Id": str(n), "MessageBody": json.dumps(message)} for n, message in enumerate(chunk)]
            try:
                answer = client("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise TryLaterError(f"the queue does not accept messages: {type(error).__name__}") from error
            if answer.get("Failed"):
                raise TryLaterError(f"the queue did not accept {len(answer['Failed'])} of {len(entries)} messages")
