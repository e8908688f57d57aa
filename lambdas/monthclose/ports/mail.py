"""Mail to customers, and to finance."""

from dataclasses import dataclass
from typing import Protocol

from monthclose.domain.notices.sending import SendingQuota


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with an e-mail."""

    name: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail to a customer, or to finance; `tag` identifies the notice in the mail service's events.

    `others` are further recipients of the same e-mail. One that nobody would get has no `to`.
    """

    to: str
    subject: str
    text: str
    html: str
    tag: str
    attachments: tuple[Attachment, ...] = ()
    others: tuple[str, ...] = ()


class Mailer(Protocol):
    """The mail service."""

    def wait_for_turn(self) -> None:
        """Wait until this thread may send its next mail, before it does anything that only the mail can undo.

        Raises
        ------
        ProviderPausedError
            Its turn does not come in time, or the day's quota is used up.
        """

    def send(self, mail: Mail) -> str:
        """Hand over a mail and return the service's message id.

        Raises
        ------
        ProviderPausedError
            As `wait_for_turn`. Nothing was sent.
        MailRefusedError
            The service will never accept this mail.
        OutcomeUnknownError
            It may have accepted it.
        """


class MailAccount(Protocol):
    """The account's quota at the mail service."""

    def quota(self) -> SendingQuota:
        """Return the quota; it may be some minutes old.

        Raises
        ------
        TryLaterError
            The service does not say right now.
        """

    def look(self) -> SendingQuota:
        """Return the quota as `quota` does, for somebody who only reads: nothing is kept for others.

        Raises
        ------
        TryLaterError
            The service does not say right now.
        """

    def used_up(self) -> None:
        """Note that the service has refused a mail because the day's quota is used up."""
