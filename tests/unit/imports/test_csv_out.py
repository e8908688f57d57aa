"""CSV that people open in spreadsheets: nothing in it runs."""

import csv
import io
import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.use_cases.imports.csv_out import CsvWriter

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def written(*cells: str | int) -> list[str]:
    file = io.StringIO(newline="")
    CsvWriter(file).write(cells)
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    return row


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        '=HYPERLINK("http://evil.example","Invoice")',
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t1+1",
        "\r1+1",
        "\n1+1",
        "\uff1d1+1",
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_text(cell: str) -> None:
    assert written(cell, "next") == [f"'{cell}", "next"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("\t=1+1", "'\t'=1+1"),
        ("\r=1+1", "'\r'=1+1"),
        ("\n=1+1", "'\n'=1+1"),
        ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
        ('x; "@SUM(1)"', 'x; "\'@SUM(1)"'),
        ("x\t-1+cmd", "x\t'-1+cmd"),
        ("Main Street 5\r\n+1", "Main Street 5\r\n'+1"),
    ],
)
def test_neither_runs_what_another_separator_makes_a_cell(cell: str, shown: str) -> None:
    """German spreadsheets, among others, separate cells by semicolons whatever the file does."""
    assert written(cell, "next") == [shown, "next"]
    assert written(shown, "next") == [shown, "next"]


def test_a_text_of_nothing_but_separators_takes_no_time() -> None:
    begun = process_time()
    written("; \n" * 20_000, "next")
    assert process_time() - begun < 1


@pytest.mark.parametrize(
    "cell",
    ["a; b", "a - b", "5 = 5", "a;b=c", "-5", "+1.50", "-1,234.50", "-.5", "1e-5", "acme", "a=b", "2026-10-01", ""],
)
def test_numbers_and_plain_text_stay_as_they_are(cell: str) -> None:
    assert written(cell, "next") == [cell, "next"]


def test_amounts_stay_numbers() -> None:
    assert written(-500, 0) == ["-500", "0"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_no_cell_starts_like_a_formula_unless_it_is_a_number(cell: str) -> None:
    (out, _) = written(cell, "next")
    assert not out.startswith(RUNS) or float(out.replace(",", "")) is not None
    assert not re.search(rf"[;\t\r\n][\s\"]*[{''.join(map(re.escape, RUNS[:4] + RUNS[7:]))}]", out)
    shown = re.sub("[\u202a-\u202e\u2066-\u2069]", "\ufffd", cell)
    assert out.replace("'", "") == shown.replace("'", "")


def test_no_cell_turns_its_text_around() -> None:
    assert written("Acme \u202egnp.exe", "next") == ["Acme \ufffdgnp.exe", "next"]
