"""The kinds of files: the same rows are the same usage, however they are packed."""

import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.imports.tables import read_table
from tests.dropping import KEY, LARGE, SMALL, Drop
from tests.fakes import FakeColumnFiles
from tests.files_made import Cell, Rows, csv_file, excels, gzipped, json_lines, parquet, spreadsheet, zip_file
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import World

HEADER = ("customer_id", "sku", "quantity", "time", "description")
ROWS: Rows = [
    HEADER,
    ("acme", "droplet", "24.5", "2026-10-02T10:00:00Z", "Zürich, größer"),
    ("acme", "volume", "0.000000001", "2026-10-03T10:00:00+02:00", 'a "quoted" one'),
    ("acme", "droplet", "-3", "2026-10-04", ""),
]
KINDS: dict[str, Callable[[Rows], bytes]] = {
    "csv": csv_file,
    "csv in gzip": lambda rows: gzipped(csv_file(rows)),
    "csv in zip": lambda rows: zip_file(csv_file(rows)),
    "json lines in zip": lambda rows: zip_file(json_lines(rows)),
    "json lines": json_lines,
    "parquet": parquet,
    "spreadsheet with texts in its cells": spreadsheet,
    "spreadsheet with shared texts": excels,
}


@pytest.fixture
def drop() -> Drop:
    world = World()
    world.add_customer("acme")
    return Drop(world)


@pytest.fixture
def monthclose(drop: Drop) -> Command:
    return Command(drop.world, FakeMachine(drop.world))


def said(event: UsageEvent) -> tuple[object, ...]:
    return event.event_id, event.sku, event.quantity, event.time, event.description


def dropped(content: bytes, **metadata: str) -> list[tuple[object, ...]]:
    world = World()
    world.add_customer("acme")
    drop = Drop(world)
    world.inbox.drop(KEY, content, **metadata)
    outcome = drop.run()
    assert not outcome["rejected"], outcome
    return [said(event) for event in drop.events()]


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_the_same_rows_are_the_same_usage_in_every_kind_of_file(
    drop: Drop, make: Callable[[Rows], bytes], how: object
) -> None:
    drop.settings = how  # type: ignore[assignment]
    drop.world.inbox.drop(KEY, make(ROWS))

    assert drop.run()["taken"] == 3
    assert [said(event) for event in sorted(drop.events(), key=lambda event: event.event_id)] == [
        ("a.csv#1", "droplet", Decimal("24.5"), datetime(2026, 10, 2, 10, tzinfo=UTC), "Zürich, größer"),
        ("a.csv#2", "volume", Decimal("0.000000001"), datetime(2026, 10, 3, 8, tzinfo=UTC), 'a "quoted" one'),
        ("a.csv#3", "droplet", Decimal(-3), datetime(2026, 10, 4, tzinfo=UTC), ""),
    ]


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_the_command_reads_them_too(
    monthclose: Command, drop: Drop, tmp_path: Path, make: Callable[[Rows], bytes]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(make(ROWS))
    assert monthclose.json("import", "usage", str(path), "--json")["imported"] == 3
    assert len(drop.events()) == 3


_ANY = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip)
TEXTS = _ANY.filter(lambda text: not text.startswith(("=", "{=")))  # what writes spreadsheets makes formulas of these
QUANTITIES = st.decimals(-10000, 10000, places=6)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(QUANTITIES, TEXTS), min_size=1, max_size=5))
def test_whatever_the_rows_say_every_kind_of_file_says_it(rows: list[tuple[Decimal, str]]) -> None:
    table: Rows = [HEADER, *(("acme", "s", str(quantity), "2026-10-02", text) for quantity, text in rows)]
    first, *others = [dropped(make(table)) for make in KINDS.values()]
    assert len(first) == len(rows)
    assert others == [first] * len(others)


@pytest.mark.parametrize("make", [spreadsheet, excels])
def test_numbers_and_times_of_a_spreadsheet_are_what_it_shows(drop: Drop, make: Callable[[Rows], bytes]) -> None:
    rows: list[tuple[Cell, ...]] = [
        HEADER,
        ("acme", 4711, 0.29, datetime(2026, 10, 2, 10, 30), None),
        ("acme", "007", 1e-7, "2026-10-03", True),
        ("acme", 12347.0, 3, datetime(2026, 10, 31, 23, 59, 59, 999000), "x"),
    ]
    drop.world.inbox.drop(KEY, make(rows))
    drop.run()
    assert [said(event)[1:] for event in drop.events()] == [
        ("4711", Decimal("0.29"), datetime(2026, 10, 2, 10, 30, tzinfo=UTC), ""),
        ("007", Decimal("1e-7"), datetime(2026, 10, 3, tzinfo=UTC), "true"),
        ("12347", Decimal(3), datetime(2026, 10, 31, 23, 59, 59, 999000, tzinfo=UTC), "x"),
    ]


def test_days_may_be_counted_from_1904(drop: Drop) -> None:
    moment = datetime(2026, 10, 2, 10, 30)
    drop.world.inbox.drop(KEY, spreadsheet([HEADER, ("acme", "s", 1, moment, "")], epoch_1904=True))
    drop.run()
    assert [event.time for event in drop.events()] == [moment.replace(tzinfo=UTC)]


def test_a_row_keeps_its_line_of_the_sheet_whatever_stands_above(drop: Drop) -> None:
    rows: list[tuple[Cell, ...]] = [(), ("", ""), HEADER, (), ("acme", "s", 1, "2026-10-02", "")]
    drop.world.inbox.drop(KEY, spreadsheet(rows))
    drop.run()
    assert [event.event_id for event in drop.events()] == ["a.csv#2"]


def workbook_with(cell: Cell, number_format: str = "General") -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet
    for row in (HEADER, ("acme", "s", 1, "2026-10-02", ""), ("acme", "s", cell, "2026-10-02", "")):
        sheet.append(list(row))
    sheet["C3"].number_format = number_format
    saved = BytesIO()
    workbook.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize(
    ("cell", "number_format", "reason"),
    [
        ("=1+1", "General", "a formula has no stored value: open the file in a spreadsheet program, and save it"),
        ("#N/A", "General", "a cell shows an error, like #N/A"),
        (1.5, "[h]:mm", "quantity is not a number"),
        (46320, "dd/mm/yyyy", "quantity is not a number"),
    ],
)
def test_a_cell_that_shows_no_number_rejects_its_row(drop: Drop, cell: Cell, number_format: str, reason: str) -> None:
    drop.world.inbox.drop(KEY, workbook_with(cell, number_format))
    assert drop.run()["rejected"] == {reason: 1}
    assert len(drop.events()) == 1


@pytest.mark.parametrize(
    "number_format", ["0.00", "#,##0.00 [$€-407]", '"days" 0', "0.00_ ;[Red]-0.00", "0.0%", '0 "h"', "General"]
)
def test_a_format_that_only_looks_like_a_date_is_a_number(drop: Drop, number_format: str) -> None:
    drop.world.inbox.drop(KEY, workbook_with(2.5, number_format))
    assert drop.run()["rejected"] == {}
    assert sorted(event.quantity for event in drop.events()) == [Decimal(1), Decimal("2.5")]


def test_a_formula_counts_with_the_value_that_its_program_has_stored(drop: Drop) -> None:
    content = workbook_with(7)
    calculated = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(calculated, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            if name.endswith("sheet1.xml"):
                assert b"<v>7</v>" in part
                part = part.replace(b"<v>7</v>", b"<f>3+4</f><v>7</v>")
            target.writestr(name, part)
    drop.world.inbox.drop(KEY, calculated.getvalue())
    assert drop.run()["rejected"] == {}
    assert sorted(event.quantity for event in drop.events()) == [Decimal(1), Decimal(7)]


def test_of_several_sheets_one_is_named(drop: Drop) -> None:
    content = spreadsheet([("notes",)], May=[HEADER, ("acme", "s", 1, "2026-10-02", "")])
    drop.world.inbox.drop(KEY, content)
    assert drop.run()["error"] == "a.csv has 2 sheets: Sheet, May\nname one: --sheet NAME"
    drop.world.inbox.drop(KEY, content, sheet="June")
    assert drop.run(execution="import-2")["error"] == "a.csv has no sheet 'June'; its sheets are Sheet, May"
    drop.world.inbox.drop(KEY, content, sheet="May")
    assert drop.run(execution="import-3")["taken"] == 1


def test_a_hidden_sheet_is_not_the_one(drop: Drop) -> None:
    workbook = load_workbook(BytesIO(spreadsheet([HEADER, ("acme", "s", 1, "2026-10-02", "")], Lists=[("x",)])))
    workbook["Lists"].sheet_state = "hidden"
    saved = BytesIO()
    workbook.save(saved)
    drop.world.inbox.drop(KEY, saved.getvalue())
    assert drop.run()["taken"] == 1


def test_numbers_of_parquet_keep_their_digits_and_times_their_zone(drop: Drop) -> None:
    types = {"quantity": "DECIMAL(38, 9)", "time": "TIMESTAMPTZ", "unit_price": "DOUBLE"}
    moment = datetime(2026, 10, 2, 10, 30, tzinfo=UTC) + timedelta(microseconds=1)
    rows: Rows = [(*HEADER[:4], "unit_price"), ("acme", "s", Decimal("12345678901234567.123456789"), moment, 0.29)]
    drop.world.inbox.drop(KEY, parquet(rows, **types))
    assert drop.run()["rejected"] == {}
    [event] = drop.events()
    assert (event.quantity, event.time) == (Decimal("12345678901234567.123456789"), moment)
    assert event.unit_price == Decimal("0.29")


@pytest.mark.parametrize("make", [lambda rows: parquet(rows, quantity="DOUBLE"), spreadsheet, json_lines])
def test_numbers_that_are_no_texts_have_a_point_whatever_the_texts_have(
    drop: Drop, make: Callable[[Rows], bytes]
) -> None:
    rows: Rows = [(*HEADER[:4], "unit_price"), ("acme", "s", 1.5, "2026-10-02", "1.234,5")]
    drop.world.inbox.drop(KEY, make(rows), decimal=",")
    assert drop.run()["rejected"] == {}
    assert [(event.quantity, event.unit_price) for event in drop.events()] == [(Decimal("1.5"), Decimal("1234.5"))]


def test_a_zip_file_has_one_file_in_it(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, zip_file(csv_file(ROWS), csv_file(ROWS)))
    assert drop.run()["error"] == (
        "a.csv has 2 files in it, not one\npack each by itself, so that its rows keep their ids"
    )


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (zip_file(b"", b"", b"", names=("mimetype", "content.xml", "meta.xml")), "a.csv is a document that cannot be"),
        (zip_file(b"", b"", names=("xl/workbook.bin", "xl/styles.bin")), "a.csv is a document that cannot be read"),
        (b"PK\x05\x06" + bytes(18), "a.csv is a zip file with nothing in it"),
        (zip_file(spreadsheet(ROWS)), "a.csv is a zip file or a spreadsheet inside another file; unpack it once"),
    ],
    ids=["ods", "xlsb", "empty zip", "spreadsheet in a zip"],  # a zip file has the time in it
)
def test_what_is_packed_like_a_zip_file_and_is_none_gets_advice_that_helps(
    drop: Drop, content: bytes, error: str
) -> None:
    drop.world.inbox.drop(KEY, content)
    assert drop.run()["error"].startswith(error)


def test_what_a_macintosh_adds_to_a_zip_file_does_not_count(drop: Drop) -> None:
    names = ("__MACOSX/._rows.csv", "rows.csv", ".DS_Store")
    drop.world.inbox.drop(KEY, zip_file(b"\0", csv_file(ROWS), b"\0", names=names))
    assert drop.run()["taken"] == 3


def test_a_file_and_its_packed_twins_are_the_same_usage(drop: Drop) -> None:
    for name, content in {
        "a.csv": csv_file(ROWS),
        "a.csv.gz": gzipped(csv_file(ROWS)),
        "a.csv.zip": zip_file(csv_file(ROWS)),
    }.items():
        drop.world.inbox.drop(f"usage/{name}", content)
        drop.run(execution=name, key=f"usage/{name}")
    assert [event.event_id for event in drop.events()] == ["a.csv#1", "a.csv#2", "a.csv#3"]


def test_customers_come_in_spreadsheets_too(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "customers.xlsx"
    columns = ("customer_id", "name", "email", "currency", "payment_provider", "payment_method")
    path.write_bytes(spreadsheet([columns, ("globex", "Globex", "billing@globex.example", "USD", "stripe", None)]))
    assert monthclose.json("import", "customers", str(path), "--json")["imported"] == 1
    assert monthclose.world.directory.known(["globex"])["globex"].name == "Globex"


def test_prices_come_in_spreadsheets_too(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "prices.xlsx"
    path.write_bytes(spreadsheet([("sku", "currency", "unit_price"), ("droplet", "USD", 0.01)]))
    assert monthclose.json("import", "prices", str(path), "--json")["imported"] == 1


@pytest.mark.long
@pytest.mark.parametrize("make", [excels, parquet], ids=["spreadsheet", "parquet"])
def test_memory_does_not_grow_with_the_file(make: Callable[[Rows], bytes], tmp_path: Path) -> None:
    """Counted in Python's own memory, which is where rows are."""
    peaks = []
    for count in (500, 5_000):
        rows: Rows = [HEADER, *(("acme", "s", str(n), "2026-10-02", f"a text of its own {n}") for n in range(count))]
        path = tmp_path / f"{count}.csv"
        path.write_bytes(make(rows))
        with path.open("rb") as raw:
            tracemalloc.start()
            with closing(read_table("a", raw, column_files=FakeColumnFiles)) as table:
                assert sum(1 for _ in table.rows) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + (1 << 20)
