"""How fast a dropped usage file is read and split, and in how much memory: `python -m bench.usage_drop`.

What S3 and DynamoDB take is not in it: parts and usage are thrown away. So it says what the code takes of a CPU.
"""

import argparse
import gzip
import io
import time
import tracemalloc
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.usage import StoredUsage, UsageChange, UsageMonth
from monthclose.use_cases.imports.dropped_file import HINTS, DroppedFile
from monthclose.use_cases.imports.split_usage import Splitter
from monthclose.use_cases.imports.tables import read_table
from tests.fakes import FakeUsageStore
from tests.fakes.inbox import FakeInbox
from tests.world import World

_PEAK_ROWS = 400_000
"""Tracing memory slows everything down: it is measured on its own, with as many rows, over many parts a lane."""


class Nowhere(FakeInbox):
    """Throws away what is written, and counts it."""

    written = 0

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:  # noqa: ARG002
        self.written += len(content)

    def write(self, key: str, content: Iterable[bytes], content_type: str = "") -> None:  # noqa: ARG002
        self.written += sum(map(len, content))


class Unstored(FakeUsageStore):
    """A usage store that keeps nothing."""

    def look_up(
        self,
        wanted: Mapping[UsageMonth, Collection[str]],
        *,
        consistent: bool = False,  # noqa: ARG002 - there is nothing
    ) -> dict[UsageMonth, StoredUsage]:
        return dict.fromkeys(wanted, StoredUsage({}, ""))

    def store(self, changes: Iterable[UsageChange]) -> list[UsageMonth]:
        for change in changes:
            assert change.added
        return []


def lines(rows: int) -> Iterator[bytes]:
    """Make a file of a cloud provider's usage, some 100 bytes a row."""
    yield b"event_id,customer_id,sku,resource,quantity,time,description\n"
    for n in range(rows):
        what = f"evt-{n:010},cust-{n * 7919 % 5000:07},droplet-{n % 7},vm-{n % 90_000}"
        yield f"{what},{n % 720}.25,2026-10-{1 + n % 28:02}T10:32:00Z,Droplet 2 GB\n".encode()


def split(raw: "io.BufferedReader[Any]", settings: DropSettings) -> int:
    """Split a file, and return the bytes written."""
    table, inbox = read_table("usage.csv", raw), Nowhere()
    mapping = ColumnMapping.resolve(USAGE, table.columns, FileOptions(), HINTS)
    splitter = Splitter(inbox, settings.lanes, settings.part_bytes)
    splitter.split(DroppedFile("usage.csv", "1"), table.rows, table.columns, mapping, 366, lambda: False)
    return inbox.written


def load(raw: io.BufferedReader) -> None:
    """Load a file with nothing behind it."""
    world = World()
    for number in range(5000):
        world.add_customer(f"cust-{number:07}")
    table = read_table("usage.csv", raw)
    importer = replace(world.importer, usage=Unstored())
    mapping = ColumnMapping.resolve(USAGE, table.columns, FileOptions(), HINTS)
    importer.load(table.rows, mapping, "usage.csv", lambda *_: None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.usage_drop", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="of the file (2,000,000)")
    rows, settings = parser.parse_args().rows, DropSettings()
    with TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "usage.csv", Path(folder) / "usage.csv.gz"
        with plain.open("wb") as file:
            file.writelines(lines(rows))
        with gzip.open(packed, "wb", 6) as out:
            out.write(plain.read_bytes())
        size = plain.stat().st_size
        print(f"{rows:,} rows, {size / 1e6:,.0f} MB, {packed.stat().st_size / 1e6:,.0f} MB packed")
        for name, path in (("plain", plain), ("gzip", packed)):
            began = time.process_time()
            with path.open("rb") as raw:
                written = split(raw, settings)
            took = time.process_time() - began
            rate = f"{rows / took:,.0f} rows/s, {size / took / 1e6:.1f} MB/s"
            print(f"split, {name}: {rate}; {written / size:.2f} times as much is written")
        began = time.process_time()
        with plain.open("rb") as raw:
            load(raw)
        print(f"load: {rows / (time.process_time() - began):,.0f} rows/s without the database")
        for count in (_PEAK_ROWS // 2, _PEAK_ROWS):
            with io.BufferedReader(io.BytesIO(b"".join(lines(count)))) as raw:
                tracemalloc.start()
                split(raw, DropSettings(part_kb=512))
                print(f"memory, {count:,} rows in parts of 512 KB: {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB")
                tracemalloc.stop()


if __name__ == "__main__":
    main()
