"""The shared charts: in proportion, read aloud, harmless; no script, no style attribute, nothing from elsewhere."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from monthclose.charts import (
    Chart,
    Column,
    Line,
    Mark,
    Part,
    amounts_in,
    bullet,
    column_chart,
    line_chart,
    parts_bar,
    share_bar,
)
from monthclose.charts.scale import scale

DOLLARS = amounts_in("USD")
OPEN = Part("Open", 4000, "40.00", "open", Part("Pending", 1000, "10.00", "pending"))


def drawn(chart: Chart) -> str:
    return str(escape(chart))


def aloud(chart: Chart) -> str:
    found = re.search(r'role="img" aria-label="([^"]*)"', drawn(chart))
    assert found
    return unescape(found[1])


def widths(chart: Chart) -> list[tuple[str, float, float]]:
    found = re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%" height="18" class="(\w+)"', drawn(chart))
    return [(tone, float(x), float(width)) for x, width, tone in found]


def test_a_bars_parts_follow_each_other_and_a_piece_is_drawn_on_its_part() -> None:
    bar = parts_bar([Part("Collected", 6000, "60.00", "collected"), OPEN], empty="")
    assert widths(bar) == [("collected", 0, 60), ("open", 60, 40), ("pending", 60, 10)]
    assert aloud(bar) == "Collected 60.00; Open 40.00, of which pending 10.00"


def test_a_piece_is_never_wider_than_its_part() -> None:
    bar = parts_bar([OPEN._replace(value=500)], empty="")
    assert widths(bar) == [("open", 0, 100), ("pending", 0, 100)]


def test_a_bar_without_parts_says_so() -> None:
    assert aloud(parts_bar([Part("Open", 0, "0.00", "open")], empty="nothing invoiced")) == "nothing invoiced"


@given(st.lists(st.integers(min_value=-(10**17), max_value=10**17), max_size=12))
def test_a_scale_has_every_amount_between_few_round_lines(amounts: list[int]) -> None:
    chosen = scale(amounts, 150)
    assert chosen.low <= min([0, *amounts]) <= max([0, *amounts]) <= chosen.high
    assert 0 in chosen.ticks
    assert 2 <= len(chosen.ticks) <= 7
    assert re.fullmatch(r"[125]0*", str(chosen.ticks[1] - chosen.ticks[0]))
    assert all(0 <= chosen.y(amount) <= 150 for amount in amounts)


@pytest.mark.parametrize(
    ("currency", "minor", "written"),
    [
        ("USD", 400_000, "4,000"),
        ("USD", 400_050, "4,000.50"),
        ("JPY", 400_000, "400,000"),
        ("KWD", 400_050, "400.050"),
        ("USD", -5_000, "-50"),
    ],
)
def test_a_scales_amounts_are_in_major_units_of_their_currency(currency: str, minor: int, written: str) -> None:
    assert amounts_in(currency)(minor) == written


def test_a_columns_negative_parts_hang_from_the_line() -> None:
    parts = [Part("Cash", 10_000, "100.00", "series1"), Part("Refunds", -5_000, "-50.00", "series3")]
    chart = column_chart([Column("1 Nov", parts)], title="Cash by day", value=DOLLARS)
    sizes = re.findall(r'<rect x="[\d.]+%" y="([\d.]+)" width="[\d.]+%" height="([\d.]+)"', drawn(chart))
    assert [(float(y), float(height)) for y, height in sizes] == [(0, 100), (100, 50)]
    assert aloud(chart) == "Cash by day: 1 Nov Cash 100.00, Refunds -50.00"
    assert drawn(chart).count("<li>") == 2, "the legend names each tone once"


def test_of_many_columns_a_few_are_labelled_and_all_are_read_aloud() -> None:
    columns = [Column(f"day {day}", [Part("Cash", day, str(day), "series1")]) for day in range(1, 32)]
    chart = column_chart(columns, title="Cash", value=DOLLARS)
    labels = re.findall(r">(day \d+)</text>", drawn(chart))
    assert labels == ["day 1", "day 7", "day 13", "day 19", "day 25", "day 31"]
    assert all(f"day {day} Cash {day}" in aloud(chart) for day in range(1, 32))


def test_a_line_goes_through_its_points_and_a_balance_goes_in_steps() -> None:
    points = [(0.0, 0), (5.0, 10_000), (10.0, 20_000)]
    straight = line_chart(
        [Line("Collected", points)], title="Money", value=DOLLARS, marks=[Mark(10, "now", lined=True)]
    )
    assert 'points="0,180 500,90 1000,0"' in drawn(straight)
    assert aloud(straight) == "Money: Collected from 0 to 200"
    steps = line_chart([Line("Balance", points, steps=True)], title="Balance", value=DOLLARS, marks=[])
    assert 'points="0,180 500,180 500,90 1000,90 1000,0"' in drawn(steps)


def test_a_forecast_is_dashed_in_the_chart_and_in_its_legend() -> None:
    lines = [Line("Collected", [(0, 1)]), Line("Forecast", [(0, 1), (1, 2)], "count", dashed=True)]
    assert drawn(line_chart(lines, title="Money", value=DOLLARS, marks=[])).count("count dashed") == 2


def test_a_chart_of_nothing_is_drawn() -> None:
    assert aloud(line_chart([Line("Collected", [])], title="Money", value=DOLLARS, marks=[])) == "Money: nothing yet"
    assert aloud(column_chart([], title="Cash", value=DOLLARS)) == "Cash: nothing"


def test_an_earlier_amount_is_a_mark_on_the_bar() -> None:
    assert re.search(r'width="50.0%".*x1="75.0%"', drawn(bullet(50, 75, 100)))
    assert "mark" not in drawn(bullet(50, 0, 100))


def test_no_name_becomes_markup_and_no_chart_needs_script_style_or_anything_from_elsewhere() -> None:
    evil = '"><script>alert(1)</script>'
    part = Part(evil, 5, evil, "open", Part(evil, 1, evil, "pending"))
    charts = (
        parts_bar([part], empty=evil),
        column_chart([Column(evil, [part])], title=evil, value=lambda _: evil),
        line_chart([Line(evil, [(0, 1), (1, 2)])], title=evil, value=lambda _: evil, marks=[Mark(0, evil)]),
        share_bar(1, 2),
    )
    page = "".join(map(drawn, charts))
    assert not re.search(r"(?i)<script|style=|url\(|https?:|\son\w+=", page)
