"""Links to invoices: written into e-mails, and opened by anybody who has them."""

from dataclasses import dataclass

from monthclose.domain.invoices.link import InvoiceLink, LinkRefusedError, sign, verify
from monthclose.ports import Clock, Documents, LinkSecrets
from monthclose.settings import LinkSettings
from monthclose.use_cases.invoices.issued_documents import Issued, IssuedDocuments

_OPEN_SECONDS = 60
"""How long the address lives that a link leads to: the browser follows it at once."""


@dataclass(frozen=True, slots=True)
class LinkWriter:
    """Writes links that work for so many days.

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
    """Make what writes a deployment's links; None where mails carry none."""
    return LinkWriter(secrets, clock, links.url, links.valid_days) if links and links.url and secrets else None


@dataclass(frozen=True, slots=True)
class LinkOpener:
    """Opens links."""

    secrets: LinkSecrets
    clock: Clock
    issued: IssuedDocuments
    documents: Documents

    def open(self, token: str) -> str:
        """Name an address at which the PDF can be read now, for a minute.

        Nothing is read from any store before the token has proved genuine.

        Raises
        ------
        LinkRefusedError
            The token is none of ours, was altered, or what it names is not there.
        LinkExpiredError
            Its time is over.
        """
        link = verify(token, self.secrets.link_keys(), self.clock())
        issued = self.issued.issued_to(link.customer_id, link.period, link.number)
        if issued is None:
            raise LinkRefusedError("refused")
        return self.documents.link(self.issued.pdf_key(issued), f"{issued.number}.pdf", _OPEN_SECONDS)
