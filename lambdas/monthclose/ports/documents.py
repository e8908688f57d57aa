"""Documents: their store, what writes them for people and for programs, and the keys of links to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from monthclose.ports.objects import ObjectStore

if TYPE_CHECKING:
    from monthclose.domain.invoices.document import InvoiceDocument
    from monthclose.domain.invoices.link import LinkKeys
    from monthclose.domain.statements.receipt import Receipt
    from monthclose.domain.statements.statement import Statement


class Documents(ObjectStore, Protocol):
    """The bucket of documents: snapshots, drafts, invoices, credit notes, reports."""

    def link(self, key: str, file_name: str, seconds: int) -> str:
        """Make an address at which anybody can open one object in a browser for some seconds, under a file name."""

    def delete(self, key: str) -> None:
        """Remove an object; there need not be one. Earlier versions of it stay for as long as the bucket keeps them."""


type Paper = InvoiceDocument | Receipt | Statement
"""What a customer gets as a PDF."""


class InvoiceRenderer(Protocol):
    """Renders documents for people to read."""

    def render(self, document: Paper, logo: bytes | None = None) -> bytes:
        """Make a document's PDF; the same document and logo give the same bytes."""


class EInvoices(Protocol):
    """Writes documents for programs to read, by EN 16931.

    Raises, in every method: `UserMistakeError` (the standard cannot express the document; the message says why).
    """

    def xml(self, document: InvoiceDocument) -> bytes:
        """Write a document as XML that is valid against its schema."""

    def embed(self, pdf: bytes, document: InvoiceDocument) -> bytes:
        """Put a document's XML into its PDF."""


class LinkSecrets(Protocol):
    """The keys that links to invoices are signed with."""

    def link_keys(self) -> LinkKeys:
        """Read the keys; changes take effect within minutes.

        Raises
        ------
        ProviderRefusedError
            They cannot be read, or cannot be used.
        """
