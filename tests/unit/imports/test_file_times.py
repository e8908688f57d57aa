"""Times of a file: read as their sender says, and asked where they could mean two things."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.imports.times import MILLISECONDS, SECONDS, SPREADSHEET, read_time
from tests.dropping import HEADER, KEY, LARGE, SMALL, Drop
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import World

BERLIN = "Europe/Berlin"


@pytest.fixture
def drop() -> Drop:
    world = World()
    world.add_customer("acme")
    return Drop(world)


def rows(*times: str) -> bytes:
    return (HEADER + "".join(f"acme,s,1,{time}\n" for time in times)).encode()


# Worked by hand. Seconds: `date -u -d @1790937000`. Days: spreadsheets count 1 January 1970 as 25569.
TIMES = [
    ("2026-10-02T12:30:00", "", "", "2026-10-02T12:30:00+00:00"),
    ("2026-10-02T12:30:00", "iso", BERLIN, "2026-10-02T10:30:00+00:00"),
    ("2026-10-02T12:30:00Z", "", BERLIN, "2026-10-02T12:30:00+00:00"),
    ("2026-10-02T12:30:00-07:00", "", BERLIN, "2026-10-02T19:30:00+00:00"),
    ("2026-10-01", "", BERLIN, "2026-09-30T22:00:00+00:00"),
    ("20261001", "", BERLIN, "2026-09-30T22:00:00+00:00"),
    ("2026-12-01", "", BERLIN, "2026-11-30T23:00:00+00:00"),
    ("2026-10-01 00:00", "", "America/New_York", "2026-10-01T04:00:00+00:00"),
    ("1790937000", "seconds", BERLIN, "2026-10-02T10:30:00+00:00"),
    ("1790937000.25", "seconds", "", "2026-10-02T10:30:00.250000+00:00"),
    ("1790937000250", "milliseconds", "", "2026-10-02T10:30:00.250000+00:00"),
    ("46297.4375", "spreadsheet", "", "2026-10-02T10:30:00+00:00"),
    ("46297.4375", "spreadsheet", BERLIN, "2026-10-02T08:30:00+00:00"),
    ("46297.4375000001", "spreadsheet", "", "2026-10-02T10:30:00+00:00"),  # a binary fraction of a day is not exact
    ("46297", "spreadsheet", "UTC", "2026-10-02T00:00:00+00:00"),
]


@pytest.mark.parametrize(("text", "form", "zone", "expected"), TIMES)
def test_a_time_is_read_as_its_sender_says(text: str, form: str, zone: str, expected: str) -> None:
    assert read_time(text, form, zone).isoformat() == expected


# 25 October 2026 has 25 hours in Berlin: clocks go back at 03:00 CEST. On 29 March they go forward at 02:00 CET.
CHANGES = [
    ("2026-10-25T01:59:59", "2026-10-24T23:59:59+00:00"),
    (
        "2026-10-25T02:00:00",
        "time exists twice in Europe/Berlin, because clocks go back: write its offset, like +01:00",
    ),
    (
        "2026-10-25T02:59:59",
        "time exists twice in Europe/Berlin, because clocks go back: write its offset, like +01:00",
    ),
    ("2026-10-25T03:00:00", "2026-10-25T02:00:00+00:00"),
    ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00+00:00"),
    ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00+00:00"),
    ("2026-03-29T01:59:59", "2026-03-29T00:59:59+00:00"),
    ("2026-03-29T02:00:00", "time does not exist in Europe/Berlin, because clocks go forward"),
    ("2026-03-29T02:59:59", "time does not exist in Europe/Berlin, because clocks go forward"),
    ("2026-03-29T03:00:00", "2026-03-29T01:00:00+00:00"),
]


@pytest.mark.parametrize(("text", "expected"), CHANGES)
def test_where_clocks_change_no_time_is_guessed(text: str, expected: str) -> None:
    try:
        read = read_time(text, "", BERLIN).isoformat()
    except UserMistakeError as mistake:
        read = str(mistake)
    assert read == expected


INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(
    lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=UTC)
)


@given(INSTANTS)
def test_an_instant_is_the_same_in_each_way_that_it_can_be_written(instant: datetime) -> None:
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = since // timedelta(milliseconds=1)
    days = 25569 + milliseconds / 86_400_000  # as a spreadsheet keeps it
    assert read_time(str(milliseconds), MILLISECONDS) == instant
    assert read_time(f"{milliseconds // 1000}.{milliseconds % 1000:03}", SECONDS) == instant
    assert read_time(repr(days), SPREADSHEET) == instant


@given(INSTANTS, st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]))
def test_a_local_time_is_the_instant_that_was_meant_or_is_rejected(instant: datetime, zone: str) -> None:
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    both = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    if len(both) == 1:
        assert read_time(local.isoformat(), "", zone) == instant
    else:
        with pytest.raises(UserMistakeError, match="exists twice"):
            read_time(local.isoformat(), "", zone)


@pytest.mark.parametrize(
    ("text", "form", "reason"),
    [
        ("1.79E+12", "milliseconds", "time is not a number of milliseconds since 1970"),
        ("2026-10-02", "seconds", "time is not a number of seconds since 1970"),
        ("2026-10-02", "spreadsheet", "time is not a number of days as spreadsheets count them"),
        ("1790937000250", "seconds", "time is out of range"),
        ("-1", "seconds", "time is out of range"),
        ("25568.9", "spreadsheet", "time is out of range"),
        ("9" * 20, "spreadsheet", "time is out of range"),
        ("1790937000", "iso", "time is not ISO 8601, like 2026-10-25"),
    ],
)
def test_a_time_that_is_written_otherwise_is_rejected(text: str, form: str, reason: str) -> None:
    with pytest.raises(UserMistakeError, match=reason):
        read_time(text, form)


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
@pytest.mark.parametrize("number", ["1790937000", "1790937000250", "46297.4375", "1.79E+12"])
def test_a_file_whose_times_are_numbers_is_refused_until_somebody_says_what_they_count(
    drop: Drop, number: str, how: DropSettings
) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, rows(number, number))
    outcome = drop.run()
    assert (outcome["status"], outcome["error"]) == (
        "unusable",
        "a.csv: the time of row 1 is a number; nothing was imported\n"
        "choose one: the object's metadata time_format = seconds, the object's metadata time_format = milliseconds, "
        "the object's metadata time_format = spreadsheet or the object's metadata time_format = iso",
    )


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_dropped_file_says_how_its_times_are_written(drop: Drop, how: DropSettings) -> None:
    drop.settings = how
    drop.world.inbox.drop(KEY, rows("46297.4375", "soon"), **{"time-format": "spreadsheet", "time-zone": BERLIN})
    assert drop.run()["rejected"] == {"time is not a number of days as spreadsheets count them": 1}
    assert [event.time for event in drop.events()] == [datetime(2026, 10, 2, 8, 30, tzinfo=UTC)]


def test_the_command_asks_and_is_answered_in_its_own_words(drop: Drop, tmp_path: Path) -> None:
    monthclose, path = Command(drop.world, FakeMachine(drop.world)), tmp_path / "a.csv"
    path.write_bytes(rows("1790937000"))
    asked = monthclose("import", "usage", path, exit_code=2).stderr
    assert "choose one: --time-format seconds, --time-format milliseconds" in asked
    monthclose("import", "usage", path, "--time-format", "seconds")
    assert [event.time for event in drop.events()] == [datetime(2026, 10, 2, 10, 30, tzinfo=UTC)]


def test_one_stray_number_among_times_is_a_rejected_row(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, rows("2026-10-02", "20"))
    assert drop.run()["rejected"] == {"time is not ISO 8601, like 2026-10-25T02:30:00+02:00": 1}


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_where_bills_go_by_another_zone_a_time_without_one_is_asked_for(drop: Drop, how: DropSettings) -> None:
    drop.settings, drop.zone = how, BERLIN
    content = rows("2026-10-02T00:00:00Z", "2026-10-02T00:00:00")
    drop.world.inbox.drop(KEY, content)
    assert drop.run()["error"] == (
        "a.csv: the time of row 2 has no time zone; nothing was imported\n"
        "choose one: the object's metadata time_zone = Europe/Berlin or the object's metadata time_zone = UTC"
    )
    assert drop.events() == []
    drop.world.inbox.drop(KEY, content, **{"time-zone": BERLIN})
    assert drop.run(execution="import-2")["taken"] == 2
    assert sorted(f"{event.time:%d %H}" for event in drop.events()) == ["01 22", "02 00"]


def test_numbers_since_1970_need_no_zone(drop: Drop) -> None:
    drop.zone = BERLIN
    drop.world.inbox.drop(KEY, rows("1790937000"), **{"time-format": "seconds"})
    assert drop.run()["taken"] == 1


def test_a_spreadsheets_days_need_one(drop: Drop) -> None:
    drop.zone = BERLIN
    drop.world.inbox.drop(KEY, rows("46297.4375"), **{"time-format": "spreadsheet"})
    assert "the time of row 1 has no time zone" in drop.run()["error"]
