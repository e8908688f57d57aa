"""The workflow engine, the queues, the mail service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from monthclose.domain.notices.sending import SendingQuota
from monthclose.errors import ProviderPausedError
from monthclose.ports import (
    DeadLetter,
    Execution,
    Mail,
)


@dataclass
class FakeMailer:
    """A mail service in memory."""

    sent: list[Mail] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    turns: int | None = None
    """How many more mails may be sent; None: any number."""

    def wait_for_turn(self) -> None:
        if self.turns == 0:
            raise ProviderPausedError("SES is already asked as fast as it allows", 1)

    def send(self, mail: Mail) -> str:
        self.wait_for_turn()
        self.turns = self.turns and self.turns - 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(mail)
        return f"message-{len(self.sent)}"


@dataclass
class FakeMailAccount:
    """The account at the mail service, with a quota as SES gives it to a company that sends little."""

    per_second: float = 14
    per_day: float = 50_000
    sent: float = 0

    def quota(self) -> SendingQuota:
        return SendingQuota(self.per_second, self.per_day, self.sent, datetime(2026, 11, 1, tzinfo=UTC))

    def look(self) -> SendingQuota:
        return self.quota()

    def used_up(self) -> None:
        self.sent = self.per_day


@dataclass
class FakeWorkflow:
    """A workflow engine in memory."""

    running: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    """Tokens that nobody waits for any more."""
    answers: dict[str, Any] = field(default_factory=dict)
    started: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """Requests by machine and name."""
    stopped: list[tuple[str, str]] = field(default_factory=list)
    """Executions and causes."""
    heartbeats: list[str] = field(default_factory=list)
    """Tokens of the tasks that were asked whether they still wait."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> str:
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        if (machine, name) not in self.started:
            self.started[machine, name] = request
            self.running.add(execution)
        return execution

    def stop(self, execution: str, cause: str) -> None:
        if execution in self.running:
            self.running.discard(execution)
            self.stopped.append((execution, cause))

    def describe(self, execution: str) -> Execution:
        if execution in self.running:
            return Execution("RUNNING")
        stopped = dict(self.stopped)
        return Execution("ABORTED", cause=stopped[execution]) if execution in stopped else Execution("SUCCEEDED")

    def is_running(self, execution: str) -> bool:
        return execution in self.running

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        self.answers[task_token] = output

    def fail(self, task_token: str, error: str, cause: str) -> None:
        self.answers[task_token] = (error, cause)

    def still_waits(self, task_token: str) -> bool:
        self.heartbeats.append(task_token)
        return task_token not in self.gone


@dataclass
class FakeChargeQueue:
    """A provider's queue in memory."""

    messages: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    first_sent: list[datetime | None] = field(default_factory=list)
    """When each was first sent."""

    def put_back(self, message: Mapping[str, Any], seconds: int, first_sent: datetime | None = None) -> None:
        self.messages.append((dict(message), seconds))
        self.first_sent.append(first_sent)


@dataclass
class FakeDeadLetters:
    """A queue of dead letters in memory; what is received and not deleted comes again in the next test's call."""

    letters: list[DeadLetter] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    _hidden: set[str] = field(default_factory=set)

    def put(self, body: str, **attributes: str) -> DeadLetter:
        letter = DeadLetter(f"message-{len(self.letters)}", body, f"receipt-{len(self.letters)}", attributes)
        self.letters.append(letter)
        return letter

    def receive(self) -> list[DeadLetter]:
        found = [letter for letter in self.letters if letter.receipt not in self._hidden][:10]
        self._hidden |= {letter.receipt for letter in found}
        return found

    def delete(self, letter: DeadLetter) -> None:
        self.deleted.append(letter.message_id)
        self.letters = [other for other in self.letters if other.receipt != letter.receipt]

    def show_again(self) -> None:
        """Let the time pass that hides what was received."""
        self._hidden.clear()


@dataclass
class FakeEventQueue:
    """The queue of providers' events in memory."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    put_back_messages: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    first_sent: list[datetime | None] = field(default_factory=list)
    """When each that was put back was first sent."""
    failures: list[Exception] = field(default_factory=list)

    def put(self, messages: Iterable[Mapping[str, Any]]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.messages += map(dict, messages)

    def put_back(self, message: Mapping[str, Any], seconds: int, first_sent: datetime | None = None) -> None:
        self.put_back_messages.append((dict(message), seconds))
        self.first_sent.append(first_sent)
