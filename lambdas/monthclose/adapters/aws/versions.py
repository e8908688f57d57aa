"""Price books and tax tables, in the documents bucket: an immutable object per version, and a pointer to the latest."""

import json
from collections.abc import Callable
from functools import lru_cache

from monthclose.adapters.aws.s3 import S3Documents
from monthclose.domain.pricing import PriceBook
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.tax.reading import new_tax_table, read_tax_table
from monthclose.domain.tax.tax_table import NoTaxTable, TaxTable
from monthclose.names import PRICE_BOOKS_PREFIX, TAX_TABLES_PREFIX
from monthclose.ports import Taxes


class S3Versions[T]:
    """Versions of something, each named by its content's hash.

    Parameters
    ----------
    folder, kind : str
        The prefix and the suffix of its objects' names.
    read : Callable
        Reads a version's content.
    none : T
        The version "", before any is stored.
    """

    def __init__(self, documents: S3Documents, folder: str, kind: str, read: Callable[[bytes], T], none: T) -> None:
        self._documents, self._folder, self._kind = documents, folder, kind
        self._read, self._none = read, none
        self.get = lru_cache(maxsize=4)(self._get)  # a version never changes

    def latest(self) -> str:
        """Read the pointer."""
        try:
            return self._documents.get(f"{self._folder}latest").decode()
        except KeyError:
            return ""

    def add(self, version: str, content: bytes) -> None:
        """Store a version, then point at it."""
        self._documents.put_new(self._key(version), content, f"application/{self._kind}")
        self._documents.put(f"{self._folder}latest", version.encode(), "text/plain")

    def _get(self, version: str) -> T:
        return self._read(self._documents.get(self._key(version))) if version else self._none

    def _key(self, version: str) -> str:
        return f"{self._folder}{version}.{self._kind}"


class S3PriceBooks(S3Versions[PriceBook]):
    """`PriceBooks` on S3."""

    def __init__(self, documents: S3Documents) -> None:
        super().__init__(
            documents, PRICE_BOOKS_PREFIX, "json", lambda content: read_book(json.loads(content)), PriceBook()
        )

    def merge(self, additions: PriceBook) -> PriceBook:
        """Store the latest version with the additions merged in."""
        book = self.get(self.latest()).merged(additions)
        self.add(book.version, json.dumps(book.content(), ensure_ascii=False).encode())
        return book


class S3TaxTables(S3Versions[Taxes]):
    """`TaxTables` on S3, as they were imported."""

    def __init__(self, documents: S3Documents) -> None:
        super().__init__(documents, TAX_TABLES_PREFIX, "toml", read_tax_table, NoTaxTable())

    def put(self, toml: bytes) -> TaxTable:
        """Store a table."""
        table = new_tax_table(toml)
        self.add(table.version, toml)
        return table
