"""What usage costs at DynamoDB, through the importer and the store: the targets that packs were made for.

A unit is what DynamoDB bills: 1 KB written, 4 KB read (half as much if it need not be consistent).
"""

import io
from collections.abc import Iterator

import pytest

from bench.costs.meter import Meter, metering
from bench.costs.usage_files import OCTOBER, UsageFiles, name_of
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.file_options import FileOptions
from monthclose.use_cases.imports.dropped_file import HINTS
from monthclose.use_cases.imports.tables import read_table


@pytest.fixture
def meter() -> Iterator[Meter]:
    with metering() as counting:
        yield counting


def import_files(aws: Runtime, meter: Meter, files: UsageFiles) -> None:
    """Import files one after the other, counting, as a command does that is started for each."""
    profile = Profile("Acme", "acme@example.com", "USD", "stripe", "pm_card_visa")
    aws.directory.put_profiles((name_of(number), profile) for number in range(files.customers))
    for number in range(files.files):
        table = read_table("usage.csv", io.BufferedReader(io.BytesIO(b"".join(files.lines(number)))))
        mapping = ColumnMapping.resolve(USAGE, table.columns, FileOptions(), HINTS)
        vars(aws).pop("usage", None)  # what it remembers of the months is the last command's
        with meter.stage_of("import"):
            tally = UseCases(aws).usage_importer.load(table.rows, mapping, f"{number}.csv", lambda *_: None)
        assert tally.new == files.customers * files.each // files.files


def units(meter: Meter, stage: str, kind: str) -> float:
    return sum(number for name, number in meter.counts[stage].items() if name.startswith(f"{kind}:usage"))


def test_fifty_events_of_a_customer_cost_a_twentieth_of_a_unit_each_and_their_month_one_to_read(
    aws: Runtime, meter: Meter
) -> None:
    files = UsageFiles(20, 50, ids="uuid")
    import_files(aws, meter, files)
    assert units(meter, "import", "write") / files.events <= 0.05
    assert units(meter, "import", "read") / files.events <= 0.05

    with meter.stage_of("read"):
        assert len(list(aws.usage.events(name_of(0), OCTOBER))) == 50
    assert units(meter, "read", "read") <= 1
    assert meter.counts["read"]["request:DynamoDB Query"] == 1


@pytest.mark.parametrize(("ids", "most"), [("none", 0.006), ("uuid", 0.02)])
def test_ten_thousand_events_of_a_customer_cost_a_fiftieth_of_a_unit_each(
    aws: Runtime, meter: Meter, ids: str, most: float
) -> None:
    """Random ids are what costs: they alone take 15 bytes of each event, and nothing compresses them."""
    files = UsageFiles(1, 10_000, ids=ids)
    import_files(aws, meter, files)
    assert units(meter, "import", "write") / files.events <= most
    assert units(meter, "import", "read") / files.events <= 0.02


def test_a_month_that_comes_day_by_day_is_not_written_again_each_day(aws: Runtime, meter: Meter) -> None:
    files = UsageFiles(1, 1500, 30, ids="uuid")
    import_files(aws, meter, files)
    assert units(meter, "import", "write") / files.events <= 0.05
