"""Check a file's rows before any of them is imported, and hand them on in chunks."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import NUMBERS, ColumnMapping
from monthclose.domain.imports.file_options import Hints
from monthclose.domain.imports.intake import Row, Tally, add_named
from monthclose.domain.imports.numerals import COMMA, POINT, shows_comma
from monthclose.domain.imports.times import (
    ISO,
    MILLISECONDS,
    SECONDS,
    SPREADSHEET,
    UTC_NAME,
    has_no_zone,
    shows_number,
)

_CHUNK, _CHUNK_CHARACTERS = 2000, 4 << 20
"""Most rows in memory at once, and most characters: a row may have a million."""
_LONGEST_REASON = 100


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Hand rows on in lists that fit into memory, however long the rows are."""
    chunk, characters = list[Row](), 0
    for row in rows:
        chunk.append(row)
        characters += row.size
        if len(chunk) >= _CHUNK or characters > _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


class CustomerRows(NamedTuple):
    """Rows of some customers."""

    customers: set[str]
    rows: list[Row]


def customer_chunks(rows: Iterable[Row], mapping: ColumnMapping) -> Iterator[CustomerRows]:
    """Hand rows on in such lists, none of which ends among a customer's rows unless they fill one by themselves."""
    chunk, characters = CustomerRows(set(), []), 0
    for customer_id, group in _groups(rows, mapping):
        size = sum(row.size for row in group)
        if chunk.rows and (len(chunk.rows) + len(group) > _CHUNK or characters + size > _CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = CustomerRows(set(), []), 0
        chunk.customers.add(customer_id)
        chunk.rows.extend(group)
        characters += size
    if chunk.rows:
        yield chunk


def _groups(rows: Iterable[Row], mapping: ColumnMapping) -> Iterator[tuple[str, list[Row]]]:
    customer_of, customer = mapping.customer_of, ""
    group, characters = list[Row](), 0
    for row in rows:
        customer_id = customer_of(row.cells)
        if group and (customer_id != customer or len(group) >= _CHUNK or characters > _CHUNK_CHARACTERS):
            yield customer, group
            group, characters = [], 0
        group.append(row)
        characters += row.size
        customer = customer_id
    if group:
        yield customer, group


def kept(rows: Iterable[Row], mapping: ColumnMapping, tally: Tally) -> Iterator[Row]:
    """Hand on the rows that count by the options `only` and `without`, and count the others by what they say."""
    if not mapping.only and not mapping.without:
        yield from rows
        return
    for row in rows:
        reason = "" if row.fault else mapping.left_out(row.cells)
        if reason:
            add_named(tally.left_out, reason[:_LONGEST_REASON])
        else:
            yield row


def checked(
    name: str, rows: Iterable[Row], mapping: ColumnMapping, hints: Hints, company_zone: str = UTC_NAME
) -> Iterator[Row]:
    """Hand rows on, unless one shows that the whole file must be refused.

    Parameters
    ----------
    company_zone : str
        The time zone that bills go by. Where it is not UTC, a time without a zone may be meant in either.

    Raises
    ------
    UserMistakeError
        A number seems to have a decimal comma, a time is a number or has no zone, and nobody has said what is meant.
    """
    asked = _Asked(name, mapping, hints, company_zone)
    for row in rows:
        if not row.fault:
            asked.about(row)
        yield row


class _Asked:
    """What somebody has to say before a file can be read."""

    def __init__(self, name: str, mapping: ColumnMapping, hints: Hints, company_zone: str) -> None:
        self._name, self._hints, self._zone = name, hints, company_zone
        self._numbers = [
            (field, mapping.columns[field]) for field in NUMBERS if field in mapping.columns and not mapping.decimal
        ]
        self._time, self._usual = mapping.columns.get("time", ""), mapping.defaults.get("time", "")
        self._used_at = mapping.columns.get("used_at", "")
        self._wants_format = bool(self._time) and not mapping.time_format
        in_text = mapping.time_format in ("", ISO)
        self._wants_zone = "time" in {**mapping.columns, **mapping.defaults} and not mapping.time_zone
        self._wants_zone &= company_zone != UTC_NAME and mapping.time_format not in (SECONDS, MILLISECONDS)
        self._has_no_zone = has_no_zone if in_text else bool

    def about(self, row: Row) -> None:
        for field, column in self._numbers:
            if shows_comma(row.cells.get(column, "").strip()):
                self._ask(
                    f"the {field} of row {row.number:,} seems to have a decimal comma, so 1.500 may mean 1500",
                    "decimal",
                    (COMMA, POINT),
                )
        if self._wants_format or self._wants_zone:
            time = row.cells.get(self._time, "").strip() or self._usual
            if self._wants_format and time:
                self._wants_format = False  # the first one shows how times are written: a stray number is rejected
                if shows_number(time):
                    what = f"the time of row {row.number:,} is a number"
                    self._ask(what, "time_format", (SECONDS, MILLISECONDS, SPREADSHEET, ISO))
            if self._wants_zone and self._has_no_zone(time):
                self._ask(f"the time of row {row.number:,} has no time zone", "time_zone", (self._zone, UTC_NAME))
        used_at = row.cells.get(self._used_at, "").strip()
        if used_at and self._wants_zone and self._has_no_zone(used_at):
            self._ask(f"the used_at of row {row.number:,} has no time zone", "time_zone", (self._zone, UTC_NAME))

    def _ask(self, what: str, option: str, choices: Sequence[str]) -> None:
        *most, last = [self._hints.say(option, choice) for choice in choices]
        raise UserMistakeError(f"{self._name}: {what}; nothing was imported\nchoose one: {', '.join(most)} or {last}")
