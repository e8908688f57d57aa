"""Links to invoices: sent in e-mails; anybody who has one can open it."""

from dataclasses import dataclass
from typing import NamedTuple

from monthclose.domain.invoices.link import InvoiceLink, LinkRefusedError, sign, verify
from monthclose.domain.month import CustomerMonth
from monthclose.ports import Clock, Documents, LinkSecrets
from monthclose.settings import LinkSettings
from monthclose.use_cases.invoices.issued_documents import Issued, IssuedDocuments

_OPEN_SECONDS = 60
"""How long the PDF's address is valid: the browser follows the redirect at once."""


@dataclass(frozen=True, slots=True)
class LinkWriter:
    """Writes links that are valid for `valid_days`.

    Parameters
    ----------
    url : str
        Where links lead; a token is appended.
    """

    secrets: LinkSecrets
    clock: Clock
    url: str
    valid_days: int

    def __call__(self, issued: Issued) -> str:
        """Write the link to an invoice or a credit note."""
        link = InvoiceLink.to(issued, self.clock(), self.valid_days)
        return f"{self.url.rstrip('/')}/{sign(link, self.secrets.link_keys())}"


def link_writer(links: LinkSettings | None, secrets: LinkSecrets | None, clock: Clock) -> LinkWriter | None:
    """Make a deployment's link writer; None if its mails carry no links."""
    return LinkWriter(secrets, clock, links.url, links.valid_days) if links and links.url and secrets else None


class Opened(NamedTuple):
    """What a link leads to: an invoice or credit note, and its month."""

    issued: Issued
    month: CustomerMonth


@dataclass(frozen=True, slots=True)
class LinkOpener:
    """Opens links."""

    secrets: LinkSecrets
    clock: Clock
    issued: IssuedDocuments
    documents: Documents

    def open(self, token: str) -> Opened:
        """Find what a link leads to.

        No store is read before the token is verified.

        Raises
        ------
        LinkRefusedError
            The token is not ours or was altered, or the document that it names does not exist.
        LinkExpiredError
            The link has expired.
        """
        link = verify(token, self.secrets.link_keys(), self.clock())
        month = self.issued.books.month(link.customer_id, link.period)
        every: list[Issued] = [*month.invoices, *month.credit_notes]
        issued = next((one for one in every if one.number == link.number), None)
        if issued is None:
            raise LinkRefusedError("refused")
        return Opened(issued, month)

    def pdf(self, issued: Issued) -> str:
        """Return an address that serves the PDF for one minute."""
        return self.documents.link(self.issued.pdf_key(issued), f"{issued.number}.pdf", _OPEN_SECONDS)
