"""The tax table, in the documents bucket: one immutable object per version, as it was imported, and a pointer."""

from functools import lru_cache

from monthclose.adapters.s3 import S3Documents
from monthclose.domain.tax_table import NoTaxTable, TaxTable, read_tax_table
from monthclose.ports import Taxes

_LATEST = "tax-tables/latest"


class S3TaxTables:
    """`TaxTables` on S3."""

    def __init__(self, documents: S3Documents) -> None:
        self._documents = documents
        self.get = lru_cache(maxsize=4)(self._get)  # a version never changes

    def latest(self) -> str:
        """Read the pointer."""
        try:
            return self._documents.get(_LATEST).decode()
        except KeyError:
            return ""

    def put(self, toml: bytes) -> TaxTable:
        """Store a version, then point at it."""
        table = read_tax_table(toml)
        self._documents.put_new(_key(table.version), toml, "application/toml")
        self._documents.put(_LATEST, table.version.encode(), "text/plain")
        return table

    def _get(self, version: str) -> Taxes:
        return read_tax_table(self._documents.get(_key(version))) if version else NoTaxTable()


def _key(version: str) -> str:
    return f"tax-tables/{version}.toml"
