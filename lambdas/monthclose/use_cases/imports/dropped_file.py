"""A dropped usage file: the names derived from it, and the options in its metadata for reading it."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.file_options import TABLES, TEXTS, FileOptions, Hints
from monthclose.domain.imports.intake import Tally, unpacked_name

HINTS = Hints("the object's metadata map-{} = COLUMN", "default-{} = VALUE", "the object's metadata {} = {}")
_MAP, _DEFAULT, _HORIZON, _SOURCE, _CHECK = "map-", "default-", "horizon", "source", "check"
_MISSPELT = {"timezone": "time_zone", "timeformat": "time_format", "charset": "encoding"}
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
        """Name of its import lock, which a file and its packed version share: they are the same usage."""
        return f"usage-file/{_hashed(unpacked_name(self.name))}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class DropOptions:
    """How to import a file, from the object's metadata.

    Parameters
    ----------
    reading : FileOptions
        How to read it.
    horizon : timedelta or None
        How old usage may be; None for the default.
    source : str
        The saved source that it comes from; empty if not given.
    check : bool
        Whether to say what an import would do, and store nothing.
    """

    reading: FileOptions = field(default_factory=FileOptions)
    horizon: timedelta | None = None
    source: str = ""
    check: bool = False


def read_options(metadata: Mapping[str, str]) -> DropOptions:
    """Read an object's metadata: `map-FIELD`, `default-FIELD`, and the options of a file by their names.

    Values are ASCII, or encoded by RFC 2047: HTTP headers allow nothing else. A hyphen in a name stands for an
    underscore, because some proxies drop headers with underscores. Other metadata are ignored, but a misspelt
    option is refused: what somebody has said of a file must not be left out silently.

    Raises
    ------
    UserMistakeError
        One cannot be read, is misspelt, or a field is named twice.
    """
    tables: dict[str, dict[str, str]] = {name: {} for name in TABLES}
    texts: dict[str, str] = {}
    for key, value in sorted(metadata.items()):
        name = key.lower().replace("-", "_")
        _check_spelling(key, name)
        for prefix, table in ((_MAP, "mapped"), (_DEFAULT, "defaults")):
            if key.lower().startswith(prefix):
                field_name = name[len(prefix) :]
                if field_name in tables[table]:
                    raise UserMistakeError(f"the object's metadata {prefix}{field_name} appears twice")
                tables[table][field_name] = _decoded(key, value)
        if name in ("only", "without"):
            column, sign, wanted = _decoded(key, value).partition("=")
            if not sign:
                raise UserMistakeError(HINTS.say(name, value) + ": write it as COLUMN=VALUE")
            tables[name][column.strip()] = wanted.strip()
        if name in (*TEXTS, _HORIZON, _SOURCE, _CHECK):
            texts[name] = _decoded(key, value).strip()
    horizon, source, check = (texts.pop(name, "") for name in (_HORIZON, _SOURCE, _CHECK))
    if check.lower() not in ("", "yes", "no"):
        raise UserMistakeError(HINTS.say(_CHECK, check) + ": write yes or no")
    return DropOptions(
        FileOptions.read({**texts, **tables}), _horizon(horizon) if horizon else None, source, check.lower() == "yes"
    )


def _check_spelling(key: str, name: str) -> None:
    right = _MISSPELT.get(name, "")
    for prefix in (_MAP, _DEFAULT):
        if name.startswith(prefix.replace("-", "_")) and not key.lower().startswith(prefix):
            right = f"{prefix}{name[len(prefix) :]}"
    if right:
        raise UserMistakeError(f"the object's metadata {name} is not an option; write it as {right}")


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
        "left_out": dict(tally.left_out),
        "new": tally.new,
        "changed": tally.changed,
    }


def read_tally(content: Mapping[str, Any]) -> Tally:
    """Read a tally that `tally_content` wrote; earlier releases did not count all that it counts."""
    return Tally(
        taken=content["taken"],
        rejected=Counter(content["rejected"]),
        groups=Counter(content["groups"]),
        late=Counter(content["late"]),
        unpriced=Counter(content.get("unpriced", {})),
        untaxed=Counter(content.get("untaxed", {})),
        left_out=Counter(content.get("left_out", {})),
        new=content.get("new", 0),
        changed=content.get("changed", 0),
    )
