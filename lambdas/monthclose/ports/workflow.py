"""The workflow engine, and the queues around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution's current state."""

    status: str
    """As in Step Functions: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`."""
    output: Any = None
    error: str = ""
    cause: str = ""


class Workflow(Protocol):
    """The workflow engine. Executions and state machines are named by their ARNs."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> str:
        """Start an execution and return its ARN; if one of that name was started before, return that one's."""

    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution; it is not an error if it has ended."""

    def describe(self, execution: str) -> Execution:
        """Read an execution's state."""

    def is_running(self, execution: str) -> bool:
        """Whether an execution is still running; one that is no longer kept is not."""

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        """Report success to a waiting task; if it no longer waits, nothing happens."""

    def fail(self, task_token: str, error: str, cause: str) -> None:
        """Report failure to a waiting task; if it no longer waits, nothing happens."""

    def still_waits(self, task_token: str) -> bool:
        """Send a waiting task a heartbeat, and say whether it still waits."""


class ChargeQueue(Protocol):
    """A provider's queue of batches to charge."""

    def put_back(self, message: Mapping[str, Any], seconds: int, first_sent: datetime | None = None) -> None:
        """Put a message into the queue as a new one, to be delivered after a pause of at most 900 s.

        A new message has had no deliveries yet, so waiting does not use them up. It carries when it was first sent.
        """


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled; `receipt` deletes it, `attributes` say why it is here."""

    message_id: str
    body: str
    receipt: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class DeadLetters(Protocol):
    """A queue of messages that could not be handled."""

    def receive(self) -> list[DeadLetter]:
        """Receive some, hidden from other consumers for a while; empty if there are none."""

    def delete(self, letter: DeadLetter) -> None:
        """Delete one, once it was handled."""
