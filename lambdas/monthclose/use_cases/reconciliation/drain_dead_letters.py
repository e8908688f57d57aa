"""Drain dead letters: do what their messages asked for, and only then delete them.

A message that cannot be read is stored among the documents, with a finding: nothing is lost, and nobody has to empty a
queue manually.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.closes.proof import Finding
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.notices.mail_event import MailEvent
from monthclose.domain.period import Period
from monthclose.errors import TryLaterError
from monthclose.names import COLLECT_DUE
from monthclose.ports import Closes, DeadLetter, DeadLetters, Documents, EventQueue, Log, TimeIsUp, Workflow
from monthclose.use_cases.batch_work import recent_closes
from monthclose.use_cases.webhooks.take_webhook import WebhookMessage

_TARGET, _ERROR = "TARGET_ARN", "ERROR_CODE"
"""Attributes that EventBridge sets on a dead letter (its guide, "Using dead-letter queues")."""
_MOST_RETURNS = 3
"""How often an event goes back from the dead letters. What fails for longer has a reason that a person must remove."""


@dataclass(slots=True)
class Drained:
    """The result of draining a queue.

    Parameters
    ----------
    answered : int
        Messages whose task was still waiting; it was failed, so its execution continues.
    taken_up : int
        Messages whose task no longer waits: settling picks up their batches, or there is nothing left to do.
    started : int
        Starts that had not been delivered.
    put_back : int
        Providers' events that are applied again.
    """

    answered: int = 0
    taken_up: int = 0
    started: int = 0
    put_back: int = 0
    findings: list[Finding] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The counts of a provider's queue, or the rules', for people and programs."""
        return {"answered": self.answered, "taken_up": self.taken_up, "started": self.started}


@dataclass(frozen=True, slots=True)
class DeadLetterDrain:
    """Drains the dead letters of the providers' queues, and of the rules."""

    closes: Closes
    workflow: Workflow
    documents: Documents
    log: Log

    def drain_charges(self, provider: str, queue: DeadLetters, time_is_up: TimeIsUp = lambda: False) -> Drained:
        """Handle the messages that a provider's queue gave up on.

        A task that still waits is failed: its child sends the message again, or leaves the batch to the repair round.
        If none waits, settling picks up the batch by the unsettled payments in its progress; the collections' work is
        due again the next day.
        """

        def handle(letter: DeadLetter, drained: Drained) -> None:
            message = _charge_message(letter.body)
            if message is None:
                self._keep(provider, letter, drained, "dead_letter", "a message cannot be read")
            elif self.workflow.still_waits(message["task_token"]):
                self.workflow.fail(message["task_token"], TryLaterError.__name__, "the queue gave up on its message")
                drained.answered += 1
            else:
                drained.taken_up += 1
                if message.get("kind") == COLLECT_DUE:
                    return
                self._check_picked_up(provider, Period.parse(message["period"]), message["batch"], drained)

        return self._drain(queue, handle, time_is_up)

    def drain_starts(
        self, queue: DeadLetters, restarted: frozenset[str], time_is_up: TimeIsUp = lambda: False
    ) -> Drained:
        """Repeat starts that EventBridge could not deliver: start closes and imports, report the others.

        Each is started with its original event.

        Parameters
        ----------
        restarted : frozenset of str
            ARNs of the state machines that close a month and that import dropped usage. Starting them is safe: they
            stop if one is running already, and skip what is done.
        """

        def handle(letter: DeadLetter, drained: Drained) -> None:
            request, target = _object(letter.body), letter.attributes.get(_TARGET, "")
            if request is not None and target in restarted:
                self.workflow.start(target, f"missed-{letter.message_id}", request)
                drained.started += 1
                return
            what = f"a start request for {target.rpartition(':')[2] or 'a state machine'} was not delivered"
            self._keep(
                "starts",
                letter,
                drained,
                "missed_start",
                f"{what} ({letter.attributes.get(_ERROR, 'no reason given')})",
            )

        return self._drain(queue, handle, time_is_up)

    def drain_mail(self, queue: DeadLetters, events: EventQueue, time_is_up: TimeIsUp = lambda: False) -> Drained:
        """Put events about e-mails that could not be kept back into their queue: keeping one twice changes nothing.

        Parameters
        ----------
        events : EventQueue
            The queue that the letters come from.
        """

        def handle(letter: DeadLetter, drained: Drained) -> None:
            event = _object(letter.body)
            try:
                MailEvent.read(event or {})
            except UserMistakeError:
                self._keep("mail", letter, drained, "dead_letter", "an event about an e-mail cannot be read")
                return
            events.put([event or {}])
            drained.taken_up += 1

        return self._drain(queue, handle, time_is_up)

    def drain_webhooks(
        self,
        queue: DeadLetters,
        events: EventQueue,
        providers: Collection[str],
        time_is_up: TimeIsUp = lambda: False,
    ) -> Drained:
        """Put providers' events that could not be applied back into their queue, a few times.

        An event that fails again and again, or whose provider is not in the settings, is kept, with a finding. The
        payment that it is about is looked up all the same: settling asks about every payment in flight, and the
        comparison of the books finds what came later, such as a refund.

        Parameters
        ----------
        providers : collection of str
            Those whose events can be applied.
        """

        def handle(letter: DeadLetter, drained: Drained) -> None:
            message = _webhook_message(letter.body)
            if message and message.provider in providers and message.drained < _MOST_RETURNS:
                events.put([message.put_back().to_message()])
                drained.put_back += 1
                return
            if message is None:
                why = "an event from a provider cannot be read"
            elif message.provider not in providers:
                why = f"event {message.event.event_id} is from {message.provider}, which is not in the settings"
            else:
                about = f"{message.event.kind} ({message.event.reference})"
                why = f"{message.provider}'s event {message.event.event_id}, {about}, could not be applied"
            self._keep("webhooks", letter, drained, "webhook_event", why)

        return self._drain(queue, handle, time_is_up)

    def _drain(
        self, queue: DeadLetters, handle: Callable[[DeadLetter, Drained], None], time_is_up: TimeIsUp
    ) -> Drained:
        drained, handled = Drained(), set[str]()
        while not time_is_up() and (letters := queue.receive()):
            for letter in letters:
                try:
                    if letter.message_id not in handled:  # a standard queue may deliver a letter twice
                        handle(letter, drained)
                        handled.add(letter.message_id)
                    queue.delete(letter)
                except TryLaterError as error:  # it stays in the queue, and is received again
                    self.log.warning(
                        "a dead letter stays in the queue", extra={"message": letter.message_id, "why": str(error)}
                    )
        return drained

    def _keep(self, source: str, letter: DeadLetter, drained: Drained, check: str, why: str) -> None:
        key = f"dead-letters/{source}/{letter.message_id}.json"
        kept = {"body": letter.body, "attributes": dict(letter.attributes)}
        self.documents.put(key, json.dumps(kept, indent=2).encode())
        drained.findings.append(Finding(check, f"{why}; it is kept as {key}"))

    def _check_picked_up(self, provider: str, period: Period, batch: int, drained: Drained) -> None:
        """Add a finding unless settling, or the running close, will pick up a batch."""
        close, progress = self.closes.get(period), self.closes.progress(period, batch)
        if close and close.status is CloseStatus.RUNNING:
            return  # its repair rounds cover whatever is unfinished
        if progress and (not progress.unsettled or close in recent_closes(self.closes)):
            return
        text = f"{provider}'s queue gave up on batch {batch} of {period}, and nothing picks it up: close {period} again"
        drained.findings.append(Finding("dead_letter", text))


def _object(body: str) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except json.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _charge_message(body: str) -> Mapping[str, Any] | None:
    """Read a message of the charge queue; None if it is not one."""
    message = _object(body)
    if message is None or not isinstance(message.get("task_token"), str) or not isinstance(message.get("batch"), int):
        return None
    if message.get("kind") == COLLECT_DUE:
        return message
    try:
        Period.parse(str(message.get("period")))
    except UserMistakeError:
        return None
    return message


def _webhook_message(body: str) -> WebhookMessage | None:
    """Read a message of the webhooks' queue; None if it is not one."""
    message = _object(body)
    try:
        return WebhookMessage.from_message(message) if message else None
    except (KeyError, TypeError, ValueError):
        return None
