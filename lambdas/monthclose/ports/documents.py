"""Stored objects, what sets documents for people and programs, and what links to them are signed with."""

from collections.abc import Iterable
from typing import Protocol

from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.link import LinkKeys


class Documents(Protocol):
    """Objects: snapshots, drafts, invoices' documents, reports."""

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        """Write an object."""

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        """Write an object that must never change: if there is one already, it stays, and False says so."""

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object piece by piece, in memory that doesn't grow with it."""

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises
        ------
        KeyError
            There is none.
        """

    def has(self, key: str) -> bool:
        """Whether there is such an object."""

    def link(self, key: str, file_name: str, seconds: int) -> str:
        """Make an address at which anybody can read one object for a while, in their browser, under a file's name."""

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        """Read a part of an object, in bytes."""

    def location(self, key: str) -> dict[str, str]:
        """Name an object for others: `{"bucket": …, "key": …}`."""


class InvoiceRenderer(Protocol):
    """Sets documents for people to read."""

    def render(self, document: InvoiceDocument, logo: bytes | None = None) -> bytes:
        """Make a document's PDF; the same document and logo give the same bytes."""


class EInvoices(Protocol):
    """Writes documents for programs to read, by EN 16931.

    Raises, in every method: `UserMistakeError` (the norm cannot express the document; the message says why).
    """

    def xml(self, document: InvoiceDocument) -> bytes:
        """Write a document as XML that is valid against its schema."""

    def embed(self, pdf: bytes, document: InvoiceDocument) -> bytes:
        """Put a document's XML into its PDF."""


class LinkSecrets(Protocol):
    """The keys that links to invoices are signed with."""

    def link_keys(self) -> LinkKeys:
        """Read them; changed ones are seen within minutes.

        Raises
        ------
        ProviderRefusedError
            They cannot be read, or cannot be used.
        """
