"""The e-mail that both peers send: one for each invoice, once the charge's outcome is known."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage

_SENDER = "billing@company.example"
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Letter:
    """What a customer is told. Amounts in minor units, `charged` 0 if nothing was."""

    name: str
    email: str
    invoice: str
    currency: str
    minor: int
    charged: int
    state: str

    def message(self) -> EmailMessage:
        """Write it. Its Message-ID is the invoice's, so that mail programs show a repetition once."""
        message = EmailMessage()
        message["From"] = _SENDER
        message["To"] = self.email
        message["Subject"] = f"Invoice {self.invoice}"
        message["Message-ID"] = f"<{self.invoice}@company.example>"
        message.set_content(f"Dear {self.name},\n\n{self._sentence()}\n\nYour billing team\n")
        return message

    def _sentence(self) -> str:
        invoice = f"your invoice {self.invoice} comes to {self._money(self.minor)}"
        if self.state != "paid":
            return f"{invoice}. Your card was declined: please pay by bank transfer or change the card."
        if self.charged:
            return f"{invoice}. We have charged {self._money(self.charged)} to your card."
        return f"{invoice}. Nothing is left to pay."

    def _money(self, minor: int) -> str:
        return f"{self.currency} {minor // 100:,}.{minor % 100:02}"


@contextmanager
def mail_server(host: str, port: int) -> Iterator[smtplib.SMTP]:
    """Connect to the mail server."""
    with smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS) as server:
        yield server
