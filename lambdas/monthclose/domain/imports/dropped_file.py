"""A usage file that was dropped: its names, and what its metadata say about how to read it."""

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
"""In bytes. An object's key has 1,024 at the most, and what is kept beside a file has a longer prefix and an ending."""
_LONGEST_HORIZON = 100_000
"""Days."""


@dataclass(frozen=True, slots=True)
class DropSettings:
    """How dropped usage files are imported.

    Parameters
    ----------
    part_kb : int
        Text that is loaded in one go, in KB: a file with no more text than that (unpacked) isn't split.
    lanes : int
        The number of lanes in which a larger one is loaded, side by side. All of a customer's usage is in one lane.
    wait_seconds : int
        Pause after which a file that waits for an earlier one of its name is tried again.
    """

    part_kb: int = 8192
    lanes: int = 16
    wait_seconds: int = 60


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """One version of a file.

    Parameters
    ----------
    name : str
        Its key below the prefix of what is dropped: what its events without ids are named after, as if it were a file.
    version : str
        The object's version. Each is imported once, however often its arrival is told.
    """

    name: str
    version: str

    @property
    def run(self) -> str:
        """What all that belongs to this version's import is kept under."""
        return f"{_hashed(self.name)}/{_hashed(self.version)}"

    @property
    def beside(self) -> str:
        """What is kept beside it is named after."""
        return self.name if len(self.name.encode(errors="surrogatepass")) <= _LONGEST_NAME else _hashed(self.name)

    @property
    def claim(self) -> str:
        """What only one import of a file of this name may have at a time; packed, it is the same usage."""
        return f"usage-file/{_hashed(self.name.removesuffix('.gz'))}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What an object's metadata say.

    Parameters
    ----------
    mapped, defaults : mapping
        Columns by field, and values by field.
    horizon : timedelta or None
        How old usage may be; None: as usual.
    decimal : str
        The decimal mark; empty if they don't say.
    """

    mapped: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    horizon: timedelta | None = None
    decimal: str = ""


def read_options(metadata: Mapping[str, str]) -> ImportOptions:
    """Read an object's metadata: `map-FIELD`, `default-FIELD`, `horizon` and `decimal`; others are not ours.

    Values are ASCII, or written by RFC 2047: HTTP headers hold nothing else. A hyphen in a field's name stands for its
    underscore, which some proxies drop.

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
                    raise UserMistakeError(f"the object's metadata {prefix}{name} are there twice")
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
            f"the object's metadata {key} cannot be read\nwrite it in ASCII, or by RFC 2047: =?utf-8?q?Stra=C3=9Fe?="
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
    """Add a tally that was written as plain data."""
    tally.taken += content["taken"]
    tally.rejected.update(content["rejected"])
    tally.groups.update(content["groups"])
    tally.late.update(content["late"])
    for counter, counted in ((tally.unpriced, "unpriced"), (tally.untaxed, "untaxed")):
        for name, number in content.get(counted, {}).items():  # a part that was loaded before these were counted
            add_named(counter, name, number)
