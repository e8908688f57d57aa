"""Files of old usage: every event comes back as it was, and one customer's without fetching the others'."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.adapters.tables.usage_parquet import ParquetUsage
from monthclose.domain.usage import UsageEvent
from monthclose.ports.usage_archive import WrittenUsage
from tests.fakes.documents import FakeDocuments

KEY = "usage-archive/period=2025-09/part-0000-1.parquet"
BERLIN = timezone(timedelta(hours=2))
NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)


class CountedDocuments(FakeDocuments):
    """Counts the bytes that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        found = super().get_slice(key, offset, length)
        self.read += len(found)
        return found


@pytest.fixture
def documents() -> CountedDocuments:
    return CountedDocuments()


@pytest.fixture
def files(documents: CountedDocuments) -> ParquetUsage:
    return ParquetUsage(documents)


def event(number: int, **more: object) -> UsageEvent:
    plain = UsageEvent(f"event-{number}", "acme", "cpu", Decimal(number), NOON + timedelta(seconds=number))
    return replace(plain, **more)  # type: ignore[arg-type]


EVERYTHING = event(
    1,
    quantity=Decimal("-1234567890123456789012345.500"),
    time=NOON.replace(microsecond=123456).astimezone(BERLIN),
    unit_price=Decimal("0.00000000000000000000000012"),
    description='two\nlines, "quoted" and \\N',
    resource="vm 7",
    replaces="event-0",
    received_at=NOON + timedelta(days=1),
    replaced_by="event-2",
    replaced_at=NOON + timedelta(days=2),
    attributes=(("note", '=1+1 "x", {y}'), ("region", "eu-\u00e9\U0001f600")),
    returned_at=NOON + timedelta(days=3),
)


def test_an_event_comes_back_with_everything_that_was_said_of_it(files: ParquetUsage) -> None:
    written = files.write(KEY, [EVERYTHING, event(2)])
    first, second = files.read(written)
    assert (first, second) == (EVERYTHING, event(2))
    assert str(first.quantity) == "-1234567890123456789012345.500"


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**28), max_value=10**28)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))
EVENTS = st.builds(
    UsageEvent,
    TEXTS,
    TEXTS,
    TEXTS,
    NUMBERS,
    TIMES,
    st.none() | NUMBERS,
    TEXTS,
    TEXTS,
    TEXTS,
    st.none() | TIMES,
    TEXTS,
    st.none() | TIMES,
    st.dictionaries(TEXTS, TEXTS, max_size=3).map(lambda said: tuple(sorted(said.items()))),
    st.none() | TIMES,
)


@given(st.lists(EVENTS, max_size=5))
def test_any_events_come_back_exactly(events: list[UsageEvent]) -> None:
    files = ParquetUsage(FakeDocuments())
    found = list(files.read(files.write(KEY, events)))
    assert found == events
    assert [str(one.quantity) for one in found] == [str(one.quantity) for one in events]


def many(customers: int, each: int) -> Iterator[UsageEvent]:
    for customer in range(customers):
        for number in range(each):
            said = hashlib.sha256(f"{customer} {number}".encode()).hexdigest()  # does not shrink
            yield event(number, customer_id=f"customer-{customer:05}", description=said)


def test_one_customer_s_events_are_found_without_fetching_those_of_the_others(
    files: ParquetUsage, documents: CountedDocuments
) -> None:
    written = files.write(KEY, many(2000, 30))
    wanted = [one for one in many(2000, 30) if one.customer_id == "customer-01345"]
    assert list(files.of_customer(written, "customer-01345")) == wanted
    assert documents.read < written.size / 2
    assert list(files.of_customer(written, "customer-01345x")) == []
    assert list(files.of_customer(written, "aaa")) == []


def test_customers_are_read_one_after_the_other_without_opening_a_database_for_each(
    files: ParquetUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = files.write(KEY, many(20, 2))
    connect = Mock(wraps=duckdb.connect)
    monkeypatch.setattr(duckdb, "connect", connect)
    found = [list(files.of_customer(written, f"customer-{number:05}")) for number in range(20)]
    assert [event for events in found for event in events] == list(many(20, 2))
    assert connect.call_count == 1


def test_a_customer_whose_events_fill_several_groups_is_found_whole(files: ParquetUsage) -> None:
    events = [*many(1, 30), *(event(n, customer_id="large") for n in range(50_000)), event(1, customer_id="small")]
    written = files.write(KEY, events)
    assert list(files.of_customer(written, "large")) == [one for one in events if one.customer_id == "large"]
    assert [one.customer_id for one in files.of_customer(written, "small")] == ["small"]


def test_a_file_without_events_can_be_read(files: ParquetUsage) -> None:
    written = files.write(KEY, [])
    assert list(files.read(written)) == []
    assert list(files.of_customer(written, "acme")) == []


def test_a_file_that_is_missing_is_said_to_be(files: ParquetUsage) -> None:
    for read in (files.read(WrittenUsage(KEY, 100)), files.of_customer(WrittenUsage(KEY, 100), "acme")):
        with pytest.raises(KeyError):
            list(read)


def test_query_engines_see_numbers_times_and_attributes_by_month(
    files: ParquetUsage, documents: CountedDocuments, tmp_path: Path
) -> None:
    too_long = event(2, quantity=Decimal("0.1234567890123456"))
    exact = replace(EVERYTHING, quantity=Decimal("1.50"), unit_price=None)
    written = files.write(KEY, [exact, too_long])
    path = tmp_path / "period=2025-09" / "part.parquet"
    path.parent.mkdir()
    path.write_bytes(documents.get(written.key))
    found = duckdb.execute(
        "SELECT period, quantity, quantity_text, time, attributes['region'] AS region, replaced_by "
        f"FROM read_parquet('{tmp_path}/period=*/*.parquet', hive_partitioning=true, hive_types_autocast=false)"
    ).fetchall()
    assert found == [
        ("2025-09", Decimal("1.5"), "1.50", datetime(2025, 9, 5, 12, 0, 0, 123456), "eu-\u00e9\U0001f600", "event-2"),
        ("2025-09", None, "0.1234567890123456", datetime(2025, 9, 5, 12, 0, 2), None, None),
    ]
