"""The archive of old usage: which months go there, where their files are, what is in them, and how that is proved.

Below `usage-archive/` each calendar month (UTC) has a folder that query engines take for a partition,
`period=2025-09`, with Parquet files. Their names begin with a letter; what only Month close reads begins with an
underscore, which query engines leave out.

A month's customers are dealt into parts by a checksum of their ids, so that whoever looks for one knows the part. A
part's **list** says which files it has, from which customer to which. It is replaced as a whole, and its files are
never changed: those of a later list have other names.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.names import USAGE_ARCHIVE_PREFIX, USAGE_CAME_BACK_PREFIX

MONTHS_KEPT = 13
"""Months of usage that stay in DynamoDB unless a setting says otherwise: a year, and the month that it is compared
with."""
FEWEST_MONTHS = 2
"""A month that ended less than two months ago is never archived: its late usage is still coming in."""
CUSTOMERS_IN_A_PART = 25_000
MOST_PARTS = 1000
"""A part is an item of a state machine's Map, whose whole input has at most 256 KB."""
_WIDE = Context(prec=100)
"""Sums of quantities of 28 digits on either side of the point, exact for any number of events."""
_HASH = 2**64 - 1
type ReadObject = Callable[[str], bytes]
"""Reads an object by its key; raises KeyError if there is none."""


def newest_archived(now: datetime, months: int | None) -> Period | None:
    """Find the newest month that may be archived.

    Parameters
    ----------
    months : int or None
        How many months stay, before the one that runs; None: all of them.
    """
    if months is None:
        return None
    month = Period.of(now)
    for _ in range(months + 1):
        month = month.previous
    return month


def check_months(months: int | None) -> int | None:
    """Return a number of months that may stay.

    Raises
    ------
    UserMistakeError
        It is lower than `FEWEST_MONTHS`.
    """
    if months is not None and (isinstance(months, bool) or not isinstance(months, int) or months < FEWEST_MONTHS):
        raise UserMistakeError(f"usage_months is a whole number from {FEWEST_MONTHS} on, or null to keep all usage")
    return months


def part_of(customer_id: str, parts: int) -> int:
    """Say which part of a month a customer is in."""
    return zlib.crc32(customer_id.encode(errors="surrogatepass")) % parts


def parts_for(customers: int) -> int:
    """Say how many parts a month of so many customers has. It never changes afterwards."""
    return min(max(-(-customers // CUSTOMERS_IN_A_PART), 1), MOST_PARTS)


def month_folder(period: Period) -> str:
    """Name the folder of a month."""
    return f"{USAGE_ARCHIVE_PREFIX}period={period}/"


def month_key(period: Period) -> str:
    """Name the object that says what a month has."""
    return f"{month_folder(period)}_month.json"


def part_key(period: Period, number: int) -> str:
    """Name the list of a part."""
    return f"{month_folder(period)}_part-{number:04}.json"


NOTED_FOR = timedelta(minutes=10)
"""For how long a note stands for all usage of its month that its writer stores."""
_UNDER_WAY = timedelta(minutes=15)
"""How long a write that a note still stood for may take: no function runs for longer."""


def notes_of(period: Period) -> str:
    """Return what the keys of all notes of a month begin with."""
    return f"{USAGE_CAME_BACK_PREFIX}{period}"


def note_key(period: Period, until: datetime) -> str:
    """Name the note that usage of a month is in DynamoDB: it came for the first time, or after it was archived.

    A key of its own for each, so that nobody overwrites another's, or removes one that has just come.

    Parameters
    ----------
    until : datetime
        Before that, its writer may begin to store more usage without another note.
    """
    return f"{notes_of(period)}/{until.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"


def noted_period(key: str) -> Period:
    """Read which month a note is about."""
    return Period.parse(_parts_of_note(key)[0])


def is_outdated(key: str, now: datetime) -> bool:
    """Whether all usage that a note stands for has been stored: whoever archives the month from now on finds it."""
    until = _parts_of_note(key)[1]
    return not until or datetime.strptime(until, "%Y%m%dT%H%M%S.%f%z") + _UNDER_WAY <= now


def _parts_of_note(key: str) -> tuple[str, str]:
    """Split a note's key; those that an earlier release wrote are `2026-10.json`."""
    period, _, until = key.removeprefix(USAGE_CAME_BACK_PREFIX).removesuffix(".json").partition("/")
    return period, until


class Kind(StrEnum):
    """What a column of the files holds, as Athena calls it."""

    TEXT = "string"
    TIME = "timestamp"
    """In UTC."""
    DECIMAL = "decimal(38, 15)"
    MAP = "map<string, string>"


COLUMNS: Mapping[str, Kind] = {
    "customer_id": Kind.TEXT,
    "event_id": Kind.TEXT,
    "time": Kind.TIME,
    "sku": Kind.TEXT,
    "quantity": Kind.DECIMAL,
    "unit_price": Kind.DECIMAL,
    "description": Kind.TEXT,
    "resource": Kind.TEXT,
    "attributes": Kind.MAP,
    "replaces": Kind.TEXT,
    "returned_at": Kind.TIME,
    "received_at": Kind.TIME,
    "replaced_by": Kind.TEXT,
    "replaced_at": Kind.TIME,
    "quantity_text": Kind.TEXT,
    "unit_price_text": Kind.TEXT,
}
"""Those of the files; new ones come last. Decimals are there twice: as numbers to add up, empty where one has more
digits than fit, and as texts, exactly as they came."""


def athena_statements(place: str) -> str:
    """Write the statements with which Athena reads all months, those to come as well.

    Partitions are computed, not listed (Athena's guide, "Partition projection").

    Parameters
    ----------
    place : str
        The address of the archive, with a slash at its end.
    """
    columns = ",\n".join(f"  `{name}` {kind}" for name, kind in COLUMNS.items())
    projected = {
        "projection.enabled": "true",
        "projection.period.type": "date",
        "projection.period.format": "yyyy-MM",
        "projection.period.range": "1970-01,NOW",
        "projection.period.interval": "1",
        "projection.period.interval.unit": "MONTHS",
        "storage.location.template": f"{place}period=${{period}}/",
    }
    properties = ",\n".join(f"  '{name}' = '{value}'" for name, value in projected.items())
    return (
        "-- Usage that has left DynamoDB. What a later event has corrected has replaced_by: leave it out of sums.\n\n"
        "CREATE DATABASE IF NOT EXISTS `monthclose`;\n\n"
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `monthclose`.`usage` (\n{columns}\n)\n"
        f"PARTITIONED BY (`period` string)\nSTORED AS PARQUET\nLOCATION '{place}'\n"
        f"TBLPROPERTIES (\n{properties}\n);\n"
    )


def _read[T](key: str, get: ReadObject, parse: Callable[[bytes], T]) -> T | None:
    """Read an object; None if there is none. One that is damaged is never taken for usage that isn't archived."""
    try:
        content = get(key)
    except KeyError:
        return None
    try:
        return parse(content)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{key} in the usage archive is damaged: restore its last version") from error


@dataclass(frozen=True, slots=True)
class ArchivedMonth:
    """A month of the archive.

    Parameters
    ----------
    parts : int
        How many parts it has.
    run : str
        What archived it last, or archives it: see `ArchivePlan.name`.
    begun_at : datetime
        When it was archived last, or is being archived.
    completed_at : datetime or None
        When that ended; None while it goes on.
    customers, events, size : int
        In all of its files; bytes.
    quantity : str
        The sum of all quantities, whatever they are of: a check, not a figure.
    """

    period: Period
    parts: int
    run: str
    begun_at: datetime
    completed_at: datetime | None = None
    customers: int = 0
    events: int = 0
    size: int = 0
    quantity: str = "0"

    @classmethod
    def read(cls, period: Period, get: ReadObject) -> ArchivedMonth | None:
        """Read what a month has; None if it is not archived. It raises ValueError if what says so is damaged."""
        return _read(month_key(period), get, cls.parse)

    def content(self) -> bytes:
        """Write it as JSON."""
        said = asdict(self) | {
            "period": str(self.period),
            "begun_at": self.begun_at.isoformat(),
            "completed_at": self.completed_at.isoformat() if self.completed_at else None,
        }
        return json.dumps(said, indent=1).encode()

    @classmethod
    def parse(cls, content: bytes) -> ArchivedMonth:
        """Read what `content` wrote."""
        said = json.loads(content)
        times = {
            "begun_at": datetime.fromisoformat(said["begun_at"]),
            "completed_at": datetime.fromisoformat(said["completed_at"]) if said["completed_at"] else None,
        }
        return cls(**said | times | {"period": Period.parse(said["period"])})

    def begun_again(self, run: str, at: datetime) -> ArchivedMonth:
        """Return the month as it is while it is archived again."""
        return replace(self, run=run, begun_at=at, completed_at=None)

    def completed(self, parts: Iterable[ArchivedPart], at: datetime) -> ArchivedMonth:
        """Return the month as it is with its parts' lists."""
        customers = events = size = 0
        quantity = Decimal(0)
        for part in parts:
            customers += part.customers
            for file in part.files:
                events, size = events + file.events, size + file.size
                quantity = _WIDE.add(quantity, Decimal(file.quantity))
        return replace(
            self, completed_at=at, customers=customers, events=events, size=size, quantity=f"{quantity.normalize():f}"
        )


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One Parquet file: events sorted by customer.

    Parameters
    ----------
    name : str
        Within the month's folder.
    first, last : str
        The customers that it begins and ends with. The usage of one may go on in the next file.
    quantity : str
        The sum of all quantities.
    size : int
        In bytes.
    """

    name: str
    first: str
    last: str
    events: int
    quantity: str
    size: int


@dataclass(frozen=True, slots=True)
class ArchivedPart:
    """The list of a part.

    Parameters
    ----------
    customers : int
        Those who have usage in it.
    revision : int
        How many lists there have been; 0: there is none yet.
    """

    files: Sequence[ArchivedFile] = ()
    customers: int = 0
    revision: int = 0

    def of_customer(self, customer_id: str) -> Iterator[ArchivedFile]:
        """Iterate over the files that may have a customer's usage."""
        return (file for file in self.files if file.first <= customer_id <= file.last)

    @classmethod
    def read(cls, period: Period, number: int, get: ReadObject) -> ArchivedPart:
        """Read the list of a part; an empty one if there is none. It raises ValueError if the list is damaged."""
        return _read(part_key(period, number), get, cls.parse) or cls()

    def content(self) -> bytes:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def parse(cls, content: bytes) -> ArchivedPart:
        """Read what `content` wrote."""
        said: Mapping[str, Any] = json.loads(content)
        return cls(**{**said, "files": tuple(ArchivedFile(**file) for file in said["files"])})


@dataclass(slots=True)
class Counted:
    """What events come to: two of these are equal if they counted the same events, in whatever order.

    Parameters
    ----------
    events : int
        How many they were.
    quantity : Decimal
        The sum of their quantities.
    """

    events: int = 0
    quantity: Decimal = field(default_factory=Decimal)
    _hash: int = 0

    def counting(self, events: Iterable[UsageEvent]) -> Iterator[UsageEvent]:
        """Pass events on, and count them."""
        for event in events:
            self.events += 1
            self.quantity = _WIDE.add(self.quantity, event.quantity)
            self._hash = (self._hash + hash((event, str(event.quantity), str(event.unit_price)))) & _HASH
            yield event
