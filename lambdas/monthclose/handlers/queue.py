"""Consume a queue: its messages are handled in parallel, and one's failure does not affect the others.

A message that must wait goes back as a new one, as waiting must not use up deliveries. One that fails stays in the
queue, is delivered again a few times, and then goes to the dead letters.

To Lambda, a function that sends to its own queue is an endless loop, which it ends after some 16 turns, and a provider
that is down for an hour makes more. The functions that consume here are allowed to (`puts_back` in the table of
functions); a message that goes round for too long raises an alarm by `WAIT_METRIC`.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from monthclose.errors import MonthCloseError
from monthclose.handlers.entry import Event
from monthclose.names import FIRST_SENT, WAIT_METRIC
from monthclose.observability import logger, measure
from monthclose.ports import ChargeQueue, Clock, EventQueue


@dataclass(frozen=True, slots=True)
class Later:
    """A message that must wait.

    Parameters
    ----------
    message : mapping
        The message to put back.
    seconds : float
        How long it waits.
    why : str
        For the log.
    wanted : bool
        Whether a person wants it to wait: the time that it does is nothing to raise an alarm about.
    """

    message: Mapping[str, object]
    seconds: float
    why: str
    wanted: bool = False


type Handle = Callable[[Event, bool], Later | None]
"""Handles one message; the flag says whether it was delivered before."""


def consume(
    event: Event, queue: ChargeQueue | EventQueue, handle: Handle, what: str, logged: Mapping[str, str], clock: Clock
) -> Event:
    """Handle the messages of an event; the answer names those that stay in the queue.

    They are read without Powertools' classes: one service's event would bring those of all with it, 45 modules.

    Parameters
    ----------
    what : str
        What a message is, for the log.
    logged : mapping
        The fields of a message that may be logged, by their names in the log.
    clock : Clock
        The machine's: the queue stamps its messages by it.
    """

    def failures(record: Event) -> list[Event]:
        shown: dict[str, object] = {}
        try:
            message = json.loads(record["body"])
            shown = {name: message[field] for name, field in logged.items() if field in message}
            later = handle(message, delivered_before(record))
            if later:
                sent = None if later.wanted else first_sent(record)
                queue.put_back(later.message, round(later.seconds), sent)
                if sent:
                    measure(WAIT_METRIC, (clock() - sent).total_seconds())
                logger.info(f"{what} waits", extra={**shown, "why": later.why, "seconds": later.seconds})
        except Exception as error:
            why = str(error) if isinstance(error, MonthCloseError) else ""  # other errors' texts may hold anything
            found = {**shown, "error": type(error).__name__, "why": why}
            logger.error(f"{what} stays in the queue", extra=found)
            return [{"itemIdentifier": record["messageId"]}]
        return []

    records = event["Records"]
    with ThreadPoolExecutor(max(len(records), 1), "message") as pool:
        return {"batchItemFailures": [failure for failed in pool.map(failures, records) for failure in failed]}


def first_sent(record: Event) -> datetime | None:
    """Tell when a message was sent for the first time, before it was put back as a new one."""
    noted = record.get("messageAttributes", {}).get(FIRST_SENT)
    if noted:
        return datetime.fromisoformat(noted["stringValue"])
    milliseconds = record["attributes"].get("SentTimestamp")
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def delivered_before(record: Event) -> bool:
    """Whether a message was delivered before."""
    return int(record["attributes"]["ApproximateReceiveCount"]) > 1
