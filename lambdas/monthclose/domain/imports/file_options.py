"""How to read somebody's file: its delimiter, encoding, decimal mark and times, its columns, and which rows count.

What is ambiguous is asked, never guessed: an empty option means that nobody has said.
"""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.numerals import COMMA, POINT
from monthclose.domain.imports.times import FORMATS, is_zone

_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " "}
_NO_TEXT = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"})
"""Codecs of Python that are no encoding of a file, or take quadratic time."""
TEXTS = ("decimal", "delimiter", "encoding", "time_zone", "time_format", "sheet")
"""The options that are one word each; the others are tables of names."""
TABLES = ("mapped", "defaults", "only", "without")


@dataclass(frozen=True, slots=True)
class Hints:
    """How to state a column, a default and any other option where a file comes from.

    Parameters
    ----------
    mapped, default : str
        `{}` is the field.
    option : str
        The first `{}` is the option's name, the second its value.
    hyphens : bool
        Names are written with hyphens: `--time-zone`.
    """

    mapped: str
    default: str
    option: str
    hyphens: bool = False

    def say(self, name: str, value: str) -> str:
        """Write an option as its user does."""
        return self.option.format(name.replace("_", "-") if self.hyphens else name, value)


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How to read a file.

    Parameters
    ----------
    mapped, defaults : mapping
        Columns by field, and values by field.
    decimal : str
        The decimal mark of its numbers, `.` or `,`.
    delimiter : str
        What separates its cells: one character, or `tab`.
    encoding : str
        Of its text, as Python names them: `windows-1252`, `utf-16`. Else UTF-8, or UTF-16 with a byte order mark.
    time_zone : str
        The IANA zone of times that are written without one.
    time_format : str
        How its times are written: one of `FORMATS`.
    sheet : str
        The sheet of a spreadsheet.
    only, without : mapping
        Values by column: the rows that count have the former and not the latter. The others are left out.
    may_lack : tuple of str
        Columns named here that a file need not have.
    """

    mapped: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    decimal: str = ""
    delimiter: str = ""
    encoding: str = ""
    time_zone: str = ""
    time_format: str = ""
    sheet: str = ""
    only: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    may_lack: tuple[str, ...] = ()

    def over(self, others: "FileOptions") -> "FileOptions":
        """Put these options before others, which count where these say nothing."""
        texts = {name: getattr(self, name) or getattr(others, name) for name in TEXTS}
        tables = {name: {**getattr(others, name), **getattr(self, name)} for name in TABLES}
        return FileOptions.read({**texts, **tables, "may_lack": others.may_lack})

    def fitting(self, columns: Sequence[str]) -> "FileOptions":
        """Leave out the columns that a file lacks and may lack."""
        lacking = set(self.may_lack).difference(columns)
        mapped = {name: column for name, column in self.mapped.items() if column not in lacking}
        return replace(self, mapped=mapped, without={c: v for c, v in self.without.items() if c not in lacking})

    def content(self) -> dict[str, Any]:
        """Write what is given as plain data."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "FileOptions":
        """Read what `content` wrote; what a later release has added is ignored."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})

    def checked(self, hints: Hints) -> "FileOptions":
        """Check each option by itself, and return them as they are used.

        Raises
        ------
        UserMistakeError
            One is not possible.
        """
        delimiter = _NAMED_DELIMITERS.get(self.delimiter.lower(), self.delimiter)
        mistakes = {
            "decimal": self.decimal not in ("", POINT, COMMA) and f"the decimal mark must be {POINT} or {COMMA}",
            "delimiter": delimiter
            and not _delimits(delimiter)
            and "the delimiter is tab, or one character like ; that is no letter, digit or quote",
            "encoding": self.encoding
            and not _is_encoding(self.encoding)
            and "there is no such encoding of text; write one like windows-1252",
            "time_zone": self.time_zone
            and not is_zone(self.time_zone)
            and "there is no such time zone; write one like Europe/Berlin or UTC",
            "time_format": self.time_format not in ("", *FORMATS)
            and "the time format is iso, seconds, milliseconds or spreadsheet",
        }
        for name, mistake in mistakes.items():
            if mistake:
                raise UserMistakeError(f"{hints.say(name, getattr(self, name))}: {mistake}")
        return replace(self, delimiter=delimiter)


def _delimits(text: str) -> bool:
    return len(text) == 1 and not text.isalnum() and text not in "\"'\r\n\0\ufeff"


def _is_encoding(name: str) -> bool:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: a name with a null character
        return False
    text = getattr(found, "_is_text_encoding", True)  # what hex, rot13 or zip are not
    return bool(text) and found.name.replace("-", "_") not in _NO_TEXT
