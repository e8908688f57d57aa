"""Damaged and malicious files: each ends in one clear line, with limited memory and work."""

import gzip
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import Row
from monthclose.use_cases.imports import tables, unpacking
from monthclose.use_cases.imports.dropped_file import HINTS
from monthclose.use_cases.imports.rejected_rows import rejected
from monthclose.use_cases.imports.tables import read_table
from tests.dropping import GOOD, HEADER, KEY, LARGE, SMALL, Drop, of
from tests.unit.cli.driving import Command, FakeMachine
from tests.unit.imports import hostile
from tests.world import OCTOBER, World

pytestmark = pytest.mark.long

MB = 1 << 20
GOOD_JSON = b'{"customer_id":"acme","sku":"s","quantity":1,"time":"2026-10-02"}\n'
MANY = (HEADER + GOOD * 30_000).encode()


@cache
def packed(content: bytes, times: int = 1) -> bytes:
    """Pack a content again and again in one stream. It is packed once: each repetition stands for itself."""
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = deflate.compress(content) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(times):
        checksum = zlib.crc32(content, checksum)
    end = struct.pack("<LL", checksum, times * len(content) % 2**32)
    return gzip.compress(b"", mtime=0)[:10] + piece * times + deflate.flush() + end


def damaged(content: bytes, at: float) -> bytes:
    """Turn some bytes over in the middle of a stream."""
    place = int(len(content) * at)
    return content[:place] + bytes(byte ^ 0xFF for byte in content[place : place + 8]) + content[place + 8 :]


@cache
def noisy(rows: int) -> bytes:
    """Pack a file that does not pack well, so that damage is inside of blocks."""
    lines = [f"acme,droplet,{zlib.crc32(str(n).encode())},2026-10-02,\n" for n in range(rows)]
    return packed((HEADER.strip() + ",description\n" + "".join(lines)).encode())


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a gzip file cut in its head": (lambda: gzip.compress(MANY)[:15], "is a broken gzip file"),
    "a gzip file cut later": (lambda: noisy(20_000)[:-5000], "is cut off after row"),
    "a gzip file damaged early": (lambda: damaged(noisy(20_000), 0.001), "gzip file"),
    "a gzip file damaged later": (lambda: damaged(noisy(20_000), 0.6), "is damaged after row"),
    "a wrong checksum": (lambda: noisy(20_000)[:-8] + b"\1\2\3\4\5\6\7\0", "is damaged after row 19,9"),
    "a header that breaks off": (
        lambda: packed(os.urandom(200_000).hex().encode())[:-300],
        "is cut off before the first",
    ),
    "packed twice": (lambda: packed(packed(MANY)), "is compressed twice"),
    "zeros": (lambda: packed(bytes(MB), 300), "is not text"),
    "one line": (lambda: packed(b"x" * MB, 300), "has a line of more than 1,048,576 characters"),
    "a record of a million lines": (
        lambda: packed(HEADER.encode() + b'"x\n",' * 1_000_000),
        "row 1 is longer than 1,048,576 characters",
    ),
    "a header of a million lines": (lambda: packed(b'a,"x\n",' * 1_000_000), "the header is longer than"),
    "a very wide header": (
        lambda: ",".join(map(str, range(50_000))).encode() + b"\n" + b"x\n" * 25_000,
        "50,000 columns",
    ),
    "very many keys": (lambda: b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}\n", "50,000 columns"),
    "a very long name": (lambda: b"x" * 300 + b",b\n1,2\n", "has a column whose name is longer than 256 characters"),
    "nothing but empty lines": (lambda: packed(HEADER.encode() + b"\n" * 70_000), "more than 20,000 empty lines"),
    "empty cells": (lambda: packed(HEADER.encode() + b",,,\n" * 70_000), "more than 20,000 empty lines"),
    "empty lines of JSON": (lambda: packed(b"{}\n" + b" \n" * 70_000), "more than 20,000 empty lines"),
    "half of utf-16": (lambda: (HEADER + GOOD).encode("utf-16")[:-1], "is not UTF-8 text"),
}


@pytest.fixture(autouse=True)
def _fewer_empty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two million take a while."""
    monkeypatch.setattr(tables, "_MOST_EMPTY", 20_000)


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
@pytest.mark.parametrize(("make", "message"), CASES.values(), ids=CASES)
def test_a_malicious_dropped_file_is_refused_in_two_lines_and_little_memory(
    make: Callable[[], bytes], message: str, how: DropSettings
) -> None:
    world = World()
    world.add_customer("acme")
    world.inbox.drop(KEY, make())
    tracemalloc.start()
    outcome = Drop(world, how).run()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (outcome["status"], outcome["taken"]) == ("unusable", 0)
    assert message in outcome["error"]
    assert outcome["error"].startswith("a.csv")
    assert len(outcome["error"].splitlines()) <= 2
    assert list(world.usage.events("acme", OCTOBER)) == []
    assert most < 80 * MB
    assert sum(len(content) for content in world.inbox.objects.values()) < 20 * MB


@pytest.mark.parametrize(("make", "message"), hostile.CASES.values(), ids=hostile.CASES)
def test_a_malicious_zip_file_spreadsheet_or_parquet_file_is_refused_in_little_memory_and_time(
    make: Callable[[], bytes], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_HARMLESS", 4 * MB)
    world = World()
    world.add_customer("acme")
    world.inbox.drop(KEY, make())
    tracemalloc.start()
    outcome = Drop(world, SMALL).run()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (outcome["status"], outcome["taken"]) == ("unusable", 0)
    assert outcome["error"].startswith(message)
    assert len(outcome["error"].splitlines()) <= 2
    assert "/tmp" not in outcome["error"]
    assert list(world.usage.events("acme", OCTOBER)) == []
    assert most < 40 * MB


@pytest.mark.parametrize(("make", "message"), CASES.values(), ids=CASES)
def test_the_command_says_the_same_and_imports_nothing(make: Callable[[], bytes], message: str, tmp_path: Path) -> None:
    world = World()
    world.add_customer("acme")
    path = tmp_path / "a.csv"
    path.write_bytes(make())
    for kind in ("usage", "customers", "prices"):
        maps = () if kind == "usage" else _mapped(kind)
        told = Command(world, FakeMachine(world))("import", kind, path, *maps, exit_code=2).stderr
        errors = [line for line in told.splitlines() if "read, " not in line]
        assert errors[0].startswith("error: a.csv")
        assert message in errors[0]
        assert len(errors) <= 2
    assert list(world.usage.events("acme", OCTOBER)) == []


def _mapped(kind: str) -> list[str]:
    values = {
        "customers": {
            "name": "x",
            "email": "a@b.example",
            "currency": "USD",
            "payment_provider": "stripe",
            "payment_method": "x",
            "customer_id": "x",
        },
        "prices": {"sku": "x", "currency": "USD", "unit_price": "1"},
    }[kind]
    return [part for name, value in values.items() for part in ("--default", f"{name}={value}")]


@pytest.mark.parametrize("line", [b"x\n", b"{}\n"])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_HARMLESS", MB // 16)
    world = World()
    content = packed(line * (MB // len(line)))
    assert len(content) * 500 < MB
    head = HEADER.encode() if line != b"{}\n" else GOOD_JSON
    world.inbox.drop(KEY, packed(head) + content)
    outcome = Drop(world, DropSettings(part_kb=64, lanes=2)).receive().outcome
    assert outcome
    assert outcome["error"].startswith("a.csv unpacks to more than 500 times its size")


def test_a_file_that_compresses_well_and_is_not_a_bomb_is_read() -> None:
    world = World()
    world.inbox.drop(KEY, packed(MANY))
    with world.inbox.open(KEY, "version-1") as arrival:
        assert len(list(read_table("a.csv", arrival.stream).rows)) == 30_000


@pytest.mark.parametrize("how", [SMALL, DropSettings(part_kb=1, lanes=2)], ids=["at once", "in lanes"])
@pytest.mark.parametrize(
    "rows",
    [b"x\n" * 5000, b"x,,\n" * 2000],
    ids=["short rows", "empty cells"],
)
def test_short_rows_below_a_wide_header_make_no_wide_rejects(rows: bytes, how: DropSettings) -> None:
    """A kilobyte of rows makes some kilobytes of rejects, whatever the header is."""
    world = World()
    names = [*HEADER.strip().split(","), *(f"a_rather_long_name_{number}" for number in range(900))]
    content = ",".join(names).encode() + b"\n" + rows
    world.inbox.drop(KEY, content)
    Drop(world, how).run()
    kept = sum(len(one) for one in world.inbox.objects.values())
    assert kept < 50 * len(rows) + 2 * len(content)
    assert world.inbox.get("rejects/a.csv.csv").splitlines()[1].startswith(b"1,")


def test_checking_a_row_does_not_check_every_column() -> None:
    """Counted in comparisons of names; with a list of columns for each row it was the square of them."""
    counted = [0]

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            counted[0] += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    columns: list[str] = [Name(f"c{number}") for number in range(1000)]
    assert rejected(Row(1, {f"c{n}": "x" for n in range(1000)} | {"other": "y"}), "no", columns)[-1] == "other=y"
    assert counted[0] < 10_000


def test_rows_of_a_megabyte_each_are_not_kept_in_memory_by_the_thousand() -> None:
    world = World()
    world.add_customer("acme")
    long = GOOD_JSON.replace(b"}", b',"%s":"%s"}' % (b"k" * 450_000, b"v" * 450_000))
    version = world.inbox.drop(KEY, gzip.compress(GOOD_JSON * 100 + long * 60, 1))
    tracemalloc.start()
    with world.inbox.open(KEY, version) as arrival:
        table = read_table("a.jsonl", arrival.stream)
        tally = world.importer.load(
            table.rows, ColumnMapping.resolve(USAGE, table.columns, FileOptions(), HINTS), "a", lambda *_: None
        )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tally.taken == 160
    assert most < 40 * MB


def test_endlessly_nested_json_is_a_rejected_row() -> None:
    world = World()
    world.add_customer("acme")
    good = GOOD_JSON
    deep = b'{"customer_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    long = good.replace(b":1,", b":" + b"1" * 5000 + b",")
    world.inbox.drop(KEY, good + deep + long + good.replace(b":1,", b":1e400,"))
    outcome = Drop(world, SMALL).run()
    assert outcome["taken"] == 1
    assert outcome["rejected"] == {"row is not a JSON object": 1, "quantity has more than 28 digits": 2}


DEEP_TOML = {
    "lists in lists": "a = " + "[" * 100_000,
    "tables in tables": "a = " + "{b = " * 5000,
    "a dotted key": "a" + ".a" * 50_000 + " = 1",
    "a dotted key in quotes": '"a"' + '."a"' * 50_000 + " = 1",
    "a dotted heading": "[a" + ".a" * 50_000 + "]",
    "a number of 5,000 digits": "a = " + "1" * 5000,
    "a number of 20,000 digits in base 16": "a = 0x" + "f" * 20_000,
    "a fraction out of all bounds": "a = 1e999999999999999999999",
    "too large": "# " + "x" * 9_000_000,
    "no toml": "[[",
}


@pytest.mark.parametrize("content", DEEP_TOML.values(), ids=DEEP_TOML)
@pytest.mark.parametrize("pack", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", ["prices", "taxes"])
def test_malicious_toml_is_reported_in_one_line(kind: str, content: str, tmp_path: Path, *, pack: bool) -> None:
    path = tmp_path / ("p.toml.gz" if pack else "p.toml")
    path.write_bytes(gzip.compress(content.encode()) if pack else content.encode())
    world = World()
    tracemalloc.start()
    told = Command(world, FakeMachine(world))("import", kind, path, exit_code=2).stderr
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.startswith(f"error: {path.name}: this ")
    assert len(told.splitlines()) == 1
    assert len(told) < 300
    assert most < 150 * MB


@pytest.mark.parametrize("kind", ["prices", "taxes"])
def test_compressed_toml_that_is_cut_damaged_or_a_bomb_is_reported(kind: str, tmp_path: Path) -> None:
    noise = "".join(f"# {zlib.crc32(str(n).encode())}\n" for n in range(20_000)).encode()
    whole = gzip.compress(b"[[prices]]\n" + noise)
    world = World()
    monthclose = Command(world, FakeMachine(world))
    path = tmp_path / "p.toml.gz"
    for content, message in (
        (whole[:-500], "is cut off"),
        (damaged(whole, 0.7), "is damaged"),
        (whole[:12], "is a broken gzip file"),
        (packed(b"[[prices]]\n" + b" " * MB, 300), "p.toml.gz: this is too large"),
    ):
        path.write_bytes(content)
        tracemalloc.start()
        told = monthclose("import", kind, path, exit_code=2).stderr
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert message in told
        assert most < 100 * MB


def test_toml_that_is_nested_only_in_texts_and_comments_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    deep = "[" * 50 + ".a" * 50
    path.write_text(
        f'# {deep}\n[[prices]]\nsku = "{deep}"\ncurrency = "USD"\nunit_price = 1.5\n'
        f"description = '''{deep}\n\"{deep}'''\n"
        f'[[prices]]\nsku = "b\\"{deep}"\ncurrency = \'USD\'\nunit_price = "2"\n'
    )
    world = World()
    assert "2 rows imported" in Command(world, FakeMachine(world))("import", "prices", path).stdout


def test_more_prices_than_any_book_can_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("sku,currency,unit_price\n" + "".join(f"s{n},USD,1\n" for n in range(100_001)))
    world = World()
    told = Command(world, FakeMachine(world))("import", "prices", path, exit_code=2).stderr
    assert "there are more than 100,000 prices" in told
    assert world.price_books.latest() == ""


def test_a_pipe_can_be_read_twice_like_a_file(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, of(GOOD))
    os.close(write)
    world = World()
    world.add_customer("acme")
    path = tmp_path / "a.csv"
    path.symlink_to(f"/dev/fd/{read}")
    assert "1 row imported" in Command(world, FakeMachine(world))("import", "usage", path).stdout
    os.close(read)
