"""Mail to customers."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail to a customer; `tag` identifies the notice in the mail service's events."""

    to: str
    subject: str
    text: str
    html: str
    tag: str


class Mailer(Protocol):
    """The mail service."""

    def send(self, mail: Mail) -> str:
        """Hand over a mail and return the service's message id.

        Raises
        ------
        MailRefusedError
            The service will never accept this mail.
        OutcomeUnknownError
            It may have accepted it.
        """
