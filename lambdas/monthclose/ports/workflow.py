"""The workflow engine, and the queues around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of a state machine, as it stands."""

    status: str
    """As Step Functions says: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`."""
    output: Any = None
    error: str = ""
    cause: str = ""


class Workflow(Protocol):
    """The workflow engine. Executions and state machines are named by their ARNs."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> str:
        """Start an execution and return its ARN; one of that name that was started before is no error."""

    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution; one that has ended is no error."""

    def describe(self, execution: str) -> Execution:
        """Ask how an execution stands."""

    def is_running(self, execution: str) -> bool:
        """Whether an execution still runs; one that is no longer kept doesn't."""

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        """Report success to a waiting task; if it no longer waits, nothing happens."""

    def fail(self, task_token: str, error: str, cause: str) -> None:
        """Report failure to a waiting task; if it no longer waits, nothing happens."""

    def still_waits(self, task_token: str) -> bool:
        """Send a waiting task a heartbeat, and say whether it still waits."""


class ChargeQueue(Protocol):
    """A provider's queue of batches to charge."""

    def put_back(self, message: Mapping[str, Any], seconds: int) -> None:
        """Put a message into the queue as a new one, to be delivered after a pause of at most 900 s.

        A new message has received nothing yet: waiting does not use up its deliveries.
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
        """Take some, hidden from other consumers for a while; empty if there are none."""

    def delete(self, letter: DeadLetter) -> None:
        """Delete one, once it has had its effect."""
