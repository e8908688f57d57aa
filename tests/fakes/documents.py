"""Stored objects, and the renderers of documents."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.link import LinkKeys
from monthclose.domain.register.tables import Column
from monthclose.ports.documents import Paper
from monthclose.ports.tables import Sheet


class FakeColumnFiles:
    """Writes files that begin with their columns' names, with the rows as they come."""

    def parquet(self, columns: Sequence[Column], rows: Iterable[bytes]) -> Iterator[bytes]:
        yield b"PAR1 " + ",".join(column.name for column in columns).encode() + b"\n"
        yield from rows

    def read(self, name: str, path: Path) -> Sheet:
        """Read them as they are read: there is nothing to fake in a file."""
        from monthclose.adapters.tables.duck import DuckColumnFiles  # noqa: PLC0415 - few tests need it

        return DuckColumnFiles().read(name, path)


class FakeRenderer:
    """Writes pages that name their invoice; counts them."""

    def __init__(self) -> None:
        self.rendered: list[Paper] = []

    @property
    def documents(self) -> list[InvoiceDocument]:
        """The invoices and credit notes among what was rendered."""
        return [paper for paper in self.rendered if isinstance(paper, InvoiceDocument)]

    def render(self, document: Paper, logo: bytes | None = None) -> bytes:
        self.rendered.append(document)
        content = document.canonical() if isinstance(document, InvoiceDocument) else repr(document).encode()
        return b"%PDF " + content + (logo or b"")


class FakeEInvoices:
    """Writes XML that names its invoice; refuses an invoice without exactly one tax, like the standard."""

    def xml(self, document: InvoiceDocument) -> bytes:
        if len(document.taxes) != 1:
            raise UserMistakeError(f"{document.number} has no tax line")
        return f"<invoice>{document.number}</invoice>".encode()

    def embed(self, pdf: bytes, document: InvoiceDocument) -> bytes:
        return pdf + self.xml(document)


@dataclass
class FakeLinkSecrets:
    """Keys in memory."""

    keys: LinkKeys = field(default_factory=lambda: LinkKeys("k1", {"k1": "secret-of-at-least-32-characters"}))

    def link_keys(self) -> LinkKeys:
        return self.keys


class FakeDocuments:
    """`Documents` in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        self.objects[key] = content

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        new = key not in self.objects
        self.objects.setdefault(key, content)
        return new

    def has(self, key: str) -> bool:
        return key in self.objects

    def keys(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def link(self, key: str, file_name: str, seconds: int) -> str:
        return f"https://documents.example.com/{key}?name={file_name}&seconds={seconds}"

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        self.put(key, b"".join(pieces))

    def get(self, key: str) -> bytes:
        return self.objects[key]

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def lines(self, key: str) -> Iterator[bytes]:
        yield from io.BytesIO(self.objects[key])

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        return self.objects[key][offset : offset + length]

    def location(self, key: str) -> dict[str, str]:
        return {"bucket": "documents", "key": key}
