"""A dropped usage file: the names derived from it, and the options in its metadata for reading it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import Hints
from monthclose.domain.imports.intake import Tally, add_named

HINTS = Hints("the object's metadata map-{} = COLUMN", "default-{} = VALUE", "the object's metadata decimal = {}")
_MAP, _DEFAULT, _HORIZON, _DECIMAL = "map-", "default-", "horizon", "decimal"
_LONGEST_NAME = 1000
"""In bytes. An object's key has at most 1,024, and the keys of a file's rejects have a longer prefix and a suffix."""
_LONGEST_HORIZON = 100_000
"""Days."""


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """One version of a file.

    Parameters
    ----------
    name : str
        Its key without the drop prefix; events without an id get one derived from it.
    version : str
        The object's version. Each is imported once, however often its arrival is announced.
    """

    name: str
    version: str

    @property
    def run(self) -> str:
        """Prefix of everything that is stored for this version's import."""
        return f"{_hashed(self.name)}/{_hashed(self.version)}"

    @property
    def rejects_name(self) -> str:
        """Name of its rejects: its own, or a hash if that is too long."""
        return self.name if len(self.name.encode(errors="surrogatepass")) <= _LONGEST_NAME else _hashed(self.name)

    @property
    def claim(self) -> str:
        """Name of its import lock, which a file and its gzip version share: they are the same usage."""
        return f"usage-file/{_hashed(self.name.removesuffix('.gz'))}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read a file, from the object's metadata.

    Parameters
    ----------
    mapped, defaults : mapping
        Columns by field, and values by field.
    horizon : timedelta or None
        How old usage may be; None for the default.
    decimal : str
        The decimal mark; empty if not given.
    """

    mapped: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    horizon: timedelta | None = None
    decimal: str = ""


def read_options(metadata: Mapping[str, str]) -> ImportOptions:
    """Read an object's metadata: `map-FIELD`, `default-FIELD`, `horizon` and `decimal`; others are ignored.

    Values are ASCII, or encoded by RFC 2047: HTTP headers allow nothing else. A hyphen in a field's name stands for an
    underscore, because some proxies drop headers with underscores.

    Raises
    ------
    UserMistakeError
        One cannot be read, or a field is named twice.
    """
    mapped: dict[str, str] = {}
    defaults: dict[str, str] = {}
    horizon, decimal = None, ""
    for key, value in sorted(metadata.items()):
        for prefix, options in ((_MAP, mapped), (_DEFAULT, defaults)):
            if key.lower().startswith(prefix):
                name = key.lower().removeprefix(prefix).replace("-", "_")
                if name in options:
                    raise UserMistakeError(f"the object's metadata {prefix}{name} appears twice")
                options[name] = _decoded(key, value)
        if key.lower() == _HORIZON:
            horizon = _horizon(value)
        if key.lower() == _DECIMAL:
            decimal = value.strip()
    return ImportOptions(mapped, defaults, horizon, decimal)


def _decoded(key: str, value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError):
        raise UserMistakeError(
            f"the object's metadata {key} cannot be read\nwrite it in ASCII, or encode it by RFC 2047: "
            "=?utf-8?q?Stra=C3=9Fe?="
        ) from None


def _horizon(value: str) -> timedelta:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= _LONGEST_HORIZON:
        raise UserMistakeError(
            f"the object's metadata {_HORIZON} must be a number of days from 1 to {_LONGEST_HORIZON}"
        )
    return timedelta(days=int(value))


def tally_content(tally: Tally) -> dict[str, Any]:
    """Write a tally as plain data."""
    return {
        "taken": tally.taken,
        "rejected": dict(tally.rejected),
        "groups": dict(tally.groups),
        "late": dict(tally.late),
        "unpriced": dict(tally.unpriced),
        "untaxed": dict(tally.untaxed),
    }


def add_tally(tally: Tally, content: Mapping[str, Any]) -> None:
    """Add a tally that `tally_content` wrote."""
    tally.taken += content["taken"]
    tally.rejected.update(content["rejected"])
    tally.groups.update(content["groups"])
    tally.late.update(content["late"])
    for counter, counted in ((tally.unpriced, "unpriced"), (tally.untaxed, "untaxed")):
        for name, number in content.get(counted, {}).items():  # earlier releases did not count these
            add_named(counter, name, number)
