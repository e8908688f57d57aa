"""What a narrow terminal shows: figures and currencies are never cut."""

import re

import pytest

from cli.console import grid, show, show_figures, with_exponents
from cli.report import print_report
from cli.view import money_rows

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
def test_money_that_is_too_wide_goes_on_below_with_its_currency(capsys: pytest.CaptureFixture[str]) -> None:
    header, rows = money_rows(MONEY)

    show_figures(rows, header)

    lines = shown(capsys)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert all(text.count(cell) == 2 for cell in rows[0][1:])
    assert all(name in text for name in header)
    assert [line[:3].strip() for line in lines] == ["", "EUR", "USD"] * 2


@pytest.mark.usefixtures("_narrow")
def test_a_row_that_no_terminal_holds_is_longer_than_it(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [f"{number:,}.00" for number in range(1_000_000_000, 1_000_000_006)]

    show(grid([("USD", *figures, "a text that may well be broken into several lines if need be")], right=range(1, 7)))

    first = shown(capsys)[0]
    assert first.startswith("USD")
    assert all(figure in first for figure in figures)


@pytest.mark.usefixtures("_narrow")
def test_a_report_names_every_amounts_currency(capsys: pytest.CaptureFixture[str]) -> None:
    content = {
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


def test_where_no_terminal_is_each_currency_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    header, rows = money_rows(MONEY)

    show_figures(rows, header)

    assert [line[:3].strip() for line in shown(capsys)] == ["", "EUR", "USD"]


def test_amounts_say_in_which_currency_and_with_how_many_decimals_they_are() -> None:
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
