"""What a narrow terminal shows: figures and currencies are never cut."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.commands.report import print_report
from cli.console import complain, err, grid, harmless, note, print_json, say, show, show_figures, with_exponents
from cli.view import money_rows
from monthclose.domain.accounts.customer import Profile
from tests.unit.cli.driving import Command

MONEY = {
    currency: {
        "invoiced": 123_456_789_012,
        "collected": 98_765_432_101,
        "credited": 12_345_678,
        "written_off": 4_500_000,
        "open": 24_674_511_233,
        "pending": 11_000_000_000,
        "credit_granted": 123_400,
        "tax": 19_711_588_162,
    }
    for currency in ("EUR", "USD")
}


@pytest.fixture
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("_narrow")
def test_money_that_is_too_wide_continues_below_with_its_currency(capsys: pytest.CaptureFixture[str]) -> None:
    header, rows = money_rows(MONEY)

    show_figures(rows, header)

    lines = shown(capsys)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert all(text.count(cell) == 2 for cell in rows[0][1:])
    assert all(name in text for name in header)
    assert [line[:3].strip() for line in lines] == ["", "EUR", "USD"] * 2


@pytest.mark.usefixtures("_narrow")
def test_a_row_too_wide_for_any_terminal_runs_past_its_edge(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [f"{number:,}.00" for number in range(1_000_000_000, 1_000_000_006)]

    show(grid([("USD", *figures, "a text that may well be broken into several lines if need be")], right=range(1, 7)))

    first = shown(capsys)[0]
    assert first.startswith("USD")
    assert all(figure in first for figure in figures)


@pytest.mark.usefixtures("_narrow")
def test_a_report_names_the_currency_of_every_amount(capsys: pytest.CaptureFixture[str]) -> None:
    content: Any = {
        "period": "2026-10",
        "customers": {"snapshot": 2},
        "money": MONEY,
        "payments": {},
        "notices": {},
        "holds": {},
        "proof": {"ties": True, "findings": []},
    }

    print_report(content)

    text = "\n".join(shown(capsys))
    assert text.count("  EUR ") == text.count("  USD ") == 2
    assert "1,234,567,890.12" in text
    assert "197,115,881.62" in text


def test_without_a_terminal_each_currency_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    header, rows = money_rows(MONEY)

    show_figures(rows, header)

    assert [line[:3].strip() for line in shown(capsys)] == ["", "EUR", "USD"]


EVIL = "a\x1b[2J\x1b]0;title\x07b\x9b1A\rc\x08\u202ed\u2066e\u2028f\x7f\x00\udc80g"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys or no stream takes."""


def uncoloured(text: str) -> str:
    """Take away colours, which are the console's own."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("terminal", [False, True])
def test_text_from_outside_cannot_move_the_cursor(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest, *, terminal: bool
) -> None:
    if terminal:
        request.getfixturevalue("_narrow")
    say(EVIL, "bold")
    note(EVIL)
    complain(f"{EVIL}\n{EVIL}")
    show(grid([(EVIL, EVIL)], right=(0,), header=(EVIL, "x")))
    show_figures([(EVIL, EVIL)], (EVIL, EVIL))
    with err().status(EVIL):
        pass
    said = capsys.readouterr()
    printed = uncoloured(said.out + re.sub(r"\x1b\[(\?25[lh]|1A|2K)|\r", "", said.err))
    assert not OBEYED.search(printed), OBEYED.search(printed)
    assert "\\u001b[2J" in printed
    assert "\\u202e" in printed


def test_json_keeps_its_content_and_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({EVIL: [EVIL, "é 中 עברית"]})
    printed = capsys.readouterr().out
    assert not OBEYED.search(printed)
    assert json.loads(printed) == {EVIL: [EVIL, "é 中 עברית"]}


def test_text_of_either_direction_is_left_as_it_is() -> None:
    text = "שלום \u200fعربي é 中文 😀\tx\ny"
    assert harmless(text) == text


def test_names_of_files_columns_skus_and_customers_are_printed_harmless(monthclose: Command, tmp_path: Path) -> None:
    world = monthclose.world
    world.directory.put_profiles([("acme", Profile("Ac\u202eme\x9b2J", "a@b.example", "USD", "stripe", "ok"))])
    world.use("acme", "5")
    path = tmp_path / "x\x1b[2J\x9b.csv"
    path.write_text(f"{EVIL.replace(chr(0xDC80), '').replace(chr(0), '')},sku\n1,2\n", newline="")
    outputs = [monthclose("import", "usage", path, exit_code=2).output]
    path.write_bytes(gzip.compress(b"x" * 5000)[:-9])
    outputs.append(monthclose("import", "usage", path, exit_code=2).output)
    outputs.append(monthclose("import", "usage", "x\x1b[2J\udc80", exit_code=2).output)
    outputs.append(monthclose("import", "usage", "--what\x1b[2J", exit_code=2).output)
    outputs.append(monthclose("customer", "acme").output)
    outputs.append(monthclose("customer", "no\x9bbody", exit_code=2).output)
    for printed in outputs:
        assert not OBEYED.search(printed), printed


def test_amounts_say_their_currency_and_decimals() -> None:
    value = {
        "money": {"JPY": {"open": 5}, "KWD": {"open": 5}},
        "rows": [{"currency": "KWD", "total_minor": 1234, "parts": [{"left_minor": 1}]}],
        "status": "completed",
    }
    assert with_exponents(value) == {
        "exponents": {"JPY": 0, "KWD": 3},
        "money": {"JPY": {"open": 5}, "KWD": {"open": 5}},
        "rows": [{"exponent": 3, "currency": "KWD", "total_minor": 1234, "parts": [{"left_minor": 1}]}],
        "status": "completed",
    }
