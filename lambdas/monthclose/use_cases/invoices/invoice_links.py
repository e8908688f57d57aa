"""Links to invoices: sent in e-mails; anybody who has one can open it."""

from dataclasses import dataclass

from monthclose.domain.invoices.link import InvoiceLink, LinkRefusedError, sign, verify
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


@dataclass(frozen=True, slots=True)
class LinkOpener:
    """Opens links."""

    secrets: LinkSecrets
    clock: Clock
    issued: IssuedDocuments
    documents: Documents

    def open(self, token: str) -> str:
        """Return an address that serves the PDF for one minute.

        No store is read before the token is verified.

        Raises
        ------
        LinkRefusedError
            The token is not ours or was altered, or the document that it names does not exist.
        LinkExpiredError
            The link has expired.
        """
        link = verify(token, self.secrets.link_keys(), self.clock())
        issued = self.issued.issued_to(link.customer_id, link.period, link.number)
        if issued is None:
            raise LinkRefusedError("refused")
        return self.documents.link(self.issued.pdf_key(issued), f"{issued.number}.pdf", _OPEN_SECONDS)
