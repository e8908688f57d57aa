"""Times as they are written in somebody's file: ISO 8601, numbers since 1970, or a spreadsheet's days.

A time without a zone means an instant only together with one. Where clocks go back it may mean two instants, where they
go forward none: such a row is rejected, and needs an offset.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monthclose.domain.calendar import instant, zone_named
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.numerals import COMMA, POINT

UTC_NAME = "UTC"
ISO, SECONDS, MILLISECONDS, SPREADSHEET = "iso", "seconds", "milliseconds", "spreadsheet"
FORMATS = (ISO, SECONDS, MILLISECONDS, SPREADSHEET)
"""ISO 8601; seconds or milliseconds since 1970; a spreadsheet's number of days since 30 December 1899."""
_EPOCH, _SPREADSHEET_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), datetime(1899, 12, 30)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_PLAIN_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_MICROSECONDS_IN_A_DAY = 86_400_000_000
_LONGEST = 64


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    try:
        zone_named(name)
    except (KeyError, ValueError, OSError):  # a folder of the database, a path
        return False
    return True


def parse_time(text: str, zone: str = "") -> datetime:
    """Read an ISO 8601 time; without an offset it is one of the zone, or UTC.

    Raises
    ------
    UserMistakeError
        The text is no such time, is none or two in the zone, or lies before 1970 or after 9998.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UserMistakeError("time is not ISO 8601, like 2026-10-25T02:30:00+02:00") from None
    if time.tzinfo is UTC:  # most are: `Z`
        return _in_range(time)
    return _as_instant(time, zone)


def read_time(text: str, form: str, zone: str = "", mark: str = POINT) -> datetime:
    """Read a time that is written in one of `FORMATS`.

    Parameters
    ----------
    mark : str
        The decimal mark of numbers.

    Raises
    ------
    UserMistakeError
        It is not written like that, is none or two in the zone, or is out of range.
    """
    if form in ("", ISO):
        return parse_time(text, zone)
    plain = text.replace(COMMA, POINT) if mark == COMMA else text
    if not _PLAIN_NUMBER.fullmatch(plain):  # 1.79E+12 has lost its last digits
        what = "days as spreadsheets count them" if form == SPREADSHEET else f"{form} since 1970"
        raise UserMistakeError(f"time is not a number of {what}")
    number = Decimal(plain)
    try:
        if form == SPREADSHEET:
            return _as_instant(_SPREADSHEET_EPOCH + _days(number), zone)
        units = 1_000_000 if form == SECONDS else 1000
        return _in_range(_EPOCH + timedelta(microseconds=int(number * units)))
    except OverflowError:
        raise UserMistakeError("time is out of range") from None


def shows_number(cell: str) -> bool:
    """Whether a time is written as a number, which may count seconds, milliseconds or days.

    `20261002` is a date in ISO 8601.
    """
    if len(cell) > _LONGEST or not _NUMBER.fullmatch(cell):
        return False
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return True
    return False


def has_no_zone(cell: str) -> bool:
    """Whether this is a time in ISO 8601 without an offset."""
    try:
        return datetime.fromisoformat(cell).tzinfo is None
    except ValueError:
        return False


def _days(number: Decimal) -> timedelta:
    """A spreadsheet keeps a time as a binary fraction of a day: to the millisecond it is what was entered."""
    return timedelta(milliseconds=round(number * _MICROSECONDS_IN_A_DAY / 1000))


def _as_instant(time: datetime, zone: str) -> datetime:
    try:
        if time.tzinfo is None:
            time = instant(time, zone or UTC_NAME)
        return _in_range(time.astimezone(UTC))
    except OverflowError:
        raise UserMistakeError("time is out of range") from None


def _in_range(time: datetime) -> datetime:
    if not 1970 <= time.year <= 9998:
        raise UserMistakeError("time is out of range")
    return time
