"""A quote in a usage file, fixed or broken in place: no row is billed twice, the others keep their ids."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import Row
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.imports.dropped_file import HINTS
from monthclose.use_cases.imports.tables import read_table
from tests.dropping import KEY, LARGE, SMALL, Drop
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import OCTOBER, World

COLUMNS = "customer_id,sku,quantity,time,description\n"
NAMES = ("acme", "globex")
IMPORTERS = {"the command": None, "the drop, at once": SMALL, "the drop, in lanes": LARGE}


def known(*names: str) -> World:
    world = World()
    for name in names or NAMES:
        world.add_customer(name)
    return world


def stored(world: World) -> list[UsageEvent]:
    return [event for name in NAMES for event in world.usage.events(name, OCTOBER)]


def counting(world: World) -> Counter[Decimal]:
    """How often each quantity is billed; in these tests it tells the rows apart."""
    return Counter(event.quantity for event in stored(world) if not event.replaced_by)


class Imports:
    """Imports versions of one file, by the command or the drop."""

    def __init__(self, way: DropSettings | None, folder: Path) -> None:
        self.world, self._way, self._folder = known(), way, folder
        self._times = 0

    def take(self, content: str) -> dict[str, int]:
        """Import a version; returns what was rejected, by its reason."""
        self._times += 1
        if self._way:
            self.world.inbox.drop(KEY, content.encode())
            outcome = Drop(self.world, self._way).run(execution=f"import-{self._times}")
            return dict(outcome["rejected"])
        return self._command(content)

    def _command(self, content: str) -> dict[str, int]:
        path = self._folder / "a.csv"
        path.write_text(content, newline="")
        reasons: Counter[str] = Counter()
        with path.open("rb") as raw:
            table = read_table("a.csv", raw)
            mapping = ColumnMapping.resolve(USAGE, table.columns, FileOptions(), HINTS)

            def reject(_: Row, reason: str) -> None:
                reasons[reason] += 1

            self.world.importer.load(table.rows, mapping, "a.csv", reject)
        return dict(reasons)


@st.composite
def files(draw: Any) -> list[str]:
    """Lines of a file: rows that differ in their quantity, some with a text of two lines, some lines empty."""
    lines = list[str]()
    for number in range(1, draw(st.integers(2, 8)) + 1):
        customer = draw(st.sampled_from(NAMES))
        text = draw(st.sampled_from(["", "plain", '"quoted"', '"two\nlines"', '"a ""word"""']))
        lines.append(f"{customer},droplet,{number},2026-10-02,{text}\n")
        if draw(st.integers(0, 5)) == 0:
            lines.append("\n")
    return lines


@st.composite
def versions(draw: Any) -> tuple[str, str, int]:
    """Two versions of a file that differ in one quote, and the line where they do."""
    text = COLUMNS + "".join(draw(files()))
    place = draw(st.integers(len(COLUMNS), len(text)))
    quotes = [at for at in range(len(COLUMNS), len(text)) if text[at] == '"']
    if quotes and draw(st.booleans()):
        place = draw(st.sampled_from(quotes))
        changed = text[:place] + text[place + 1 :]
    else:
        changed = text[:place] + '"' + text[place:]
    pair = (text, changed) if draw(st.booleans()) else (changed, text)
    return *pair, text.count("\n", 0, place)


def untouched(text: str, line: int) -> dict[Decimal, str]:
    """The ids of rows that start on other lines than the changed one, by their quantity."""
    found = {}
    for number, content in enumerate(text.split("\n")):
        cells = content.split(",")
        if number != line and len(cells) == 5 and cells[0] in NAMES and cells[2].isdecimal():
            found[Decimal(cells[2])] = f"a.csv#{number}"
    return found


@pytest.mark.long
@pytest.mark.parametrize("way", IMPORTERS.values(), ids=IMPORTERS)
@settings(max_examples=120)
@given(versions())
def test_whichever_quote_is_added_or_removed_no_row_is_billed_twice_and_the_others_keep_their_ids(
    tmp_path_factory: pytest.TempPathFactory, way: DropSettings | None, pair: tuple[str, str, int]
) -> None:
    imports = Imports(way, tmp_path_factory.getbasetemp())
    before, after, line = pair

    imports.take(before)
    imports.take(after)

    twice = {quantity: times for quantity, times in counting(imports.world).items() if times > 1}
    assert not twice
    ids = untouched(after, line)
    for event in stored(imports.world):
        if event.quantity in ids:
            assert event.event_id.partition("~")[0] == ids[event.quantity]


@pytest.mark.parametrize("way", IMPORTERS.values(), ids=IMPORTERS)
def test_fixing_a_quote_imports_the_rows_it_had_swallowed(way: DropSettings | None, tmp_path: Path) -> None:
    imports = Imports(way, tmp_path)
    good = [f"acme,droplet,{number},2026-10-02,\n" for number in range(1, 31)]
    broken = [*good[:2], 'acme,droplet,3,2026-10-02,"5 inch\n', *good[3:10], 'acme,droplet,11,2026-10-02,"5 inch" x\n']

    rejected = imports.take(COLUMNS + "".join([*broken, *good[11:]]))
    assert [*rejected.values()] == [1]
    assert "a quote is not closed, so the lines after it were read as part of the row" in next(iter(rejected))
    assert sorted(counting(imports.world)) == [1, 2, *range(12, 31)]
    imports.take(COLUMNS + "".join(good))

    assert counting(imports.world) == dict.fromkeys(range(1, 31), 1)
    assert {event.event_id for event in stored(imports.world)} == {f"a.csv#{number}" for number in range(1, 31)}


@pytest.mark.parametrize("way", IMPORTERS.values(), ids=IMPORTERS)
@pytest.mark.parametrize(
    "lines",
    [
        ['acme,droplet,1,2026-10-02,"5 inch', 'acme,droplet,2,2026-10-02,19"'],
        ['acme,droplet,1,2026-10-02,"5 inch', "acme,droplet,2,2026-10-02,", 'acme,droplet,3,2026-10-02,19"'],
        ['acme,"droplet,1,2026-10-02,x', 'acme,droplet",2,2026-10-02,x'],
    ],
)
def test_rows_swallowed_by_a_cell_are_reported_even_where_all_quotes_are_closed(
    way: DropSettings | None, tmp_path: Path, lines: list[str]
) -> None:
    imports = Imports(way, tmp_path)
    rejected = imports.take(COLUMNS + "\n".join([*lines, "acme,droplet,9,2026-10-02,x\n"]))
    assert [*rejected] == [
        "row is not valid CSV: a quote is not closed, so the lines after it were read as part of the row"
    ]
    assert list(counting(imports.world)) == [9]


@pytest.mark.parametrize("way", IMPORTERS.values(), ids=IMPORTERS)
def test_a_text_of_several_lines_is_imported_as_it_is(way: DropSettings | None, tmp_path: Path) -> None:
    imports = Imports(way, tmp_path)
    assert imports.take(COLUMNS + 'acme,droplet,1,2026-10-02,"two, three\nand, four"\nacme,x,2,2026-10-02,\n') == {}
    assert [(event.event_id, event.description) for event in stored(imports.world)] == [
        ("a.csv#1", "two, three\nand, four"),
        ("a.csv#3", ""),
    ]


def test_empty_lines_before_the_header_do_not_count(tmp_path: Path) -> None:
    imports = Imports(None, tmp_path)
    imports.take("\n\n" + COLUMNS + "acme,droplet,1,2026-10-02,\n")
    assert [event.event_id for event in stored(imports.world)] == ["a.csv#1"]


def test_the_command_and_the_drop_say_the_same_about_the_same_file(tmp_path: Path) -> None:
    content = (
        COLUMNS
        + 'acme,droplet,1,2026-10-02,"x\n\nacme,droplet,"2,2026-10-02,\nacme,d,x,2026-10-02,\nacme,d,4,2026-10-02,\n'
    )
    path = tmp_path / "a.csv"
    path.write_text(content)
    command = Command(known(), FakeMachine(known()))
    told = command("import", "usage", path, "--rejects", tmp_path / "rejects.csv", exit_code=2).output
    for way in (SMALL, LARGE):
        drop = Drop(known(), way)
        drop.world.inbox.drop(KEY, content.encode())
        rejected = drop.run()["rejected"]
        assert drop.events() == list(command.world.usage.events("acme", OCTOBER))
        assert drop.world.inbox.get("rejects/a.csv.csv") == (tmp_path / "rejects.csv").read_bytes()
        assert all(f"rejected: {reason}" in told for reason in rejected)
