"""Sources: how the files of a sender are read is saved once, and used by the command and by folders."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monthclose.domain.usage import UsageEvent
from tests.dropping import GOOD, KEY, LARGE, SMALL, Drop, of
from tests.files_made import Rows, csv_file, parquet
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import World

METERED = "Kunde;Menge;Zeit;Stand\nacme;1.234,5;2026-10-02 12:00;gültig\nacme;1;2026-10-02;Test\n".encode("cp1252")
OPTIONS = (
    *("--map", "customer_id=Kunde", "--map", "quantity=Menge", "--map", "time=Zeit", "--default", "sku=droplet"),
    *("--decimal", ",", "--delimiter", ";", "--encoding", "windows-1252", "--time-zone", "Europe/Berlin"),
    *("--only", "Stand=gültig"),
)


@pytest.fixture
def drop() -> Drop:
    world = World()
    world.add_customer("acme")
    return Drop(world)


@pytest.fixture
def monthclose(drop: Drop) -> Command:
    return Command(drop.world, FakeMachine(drop.world))


def read(drop: Drop) -> list[tuple[str, Decimal, datetime]]:
    return [(event.sku, event.quantity, event.time) for event in drop.events()]


AS_SAVED = [("droplet", Decimal("1234.5"), datetime(2026, 10, 2, 10, tzinfo=UTC))]


def test_a_saved_source_reads_files_for_the_command(monthclose: Command, drop: Drop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(METERED)
    monthclose("sources", "save", "meters", *OPTIONS)

    answer = monthclose.json("import", "usage", str(path), "--source", "meters", "--json")

    assert (answer["imported"], answer["left_out"]) == (1, {"Stand is Test": 1})
    assert read(drop) == AS_SAVED


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
def test_a_file_in_the_folder_of_a_source_needs_no_metadata(monthclose: Command, drop: Drop, how: object) -> None:
    drop.settings = how  # type: ignore[assignment]
    monthclose("sources", "save", "meters", *OPTIONS)
    drop.world.inbox.drop("usage/meters/10/a.csv", METERED)

    outcome = drop.run(key="usage/meters/10/a.csv")

    assert (outcome["taken"], outcome["left_out"], outcome["rejected"]) == (1, 1, {})
    assert read(drop) == AS_SAVED


def test_a_dropped_file_may_name_its_source_wherever_it_is(monthclose: Command, drop: Drop) -> None:
    monthclose("sources", "save", "meters", *OPTIONS)
    drop.world.inbox.drop(KEY, METERED, source="meters")
    drop.run()
    assert read(drop) == AS_SAVED


def test_what_a_file_says_of_itself_goes_before_its_source(monthclose: Command, drop: Drop) -> None:
    monthclose("sources", "save", "meters", *OPTIONS)
    drop.world.inbox.drop("usage/meters/a.csv", METERED, default_sku="volume", **{"time-zone": "UTC"})
    drop.run(key="usage/meters/a.csv")
    assert read(drop) == [("volume", Decimal("1234.5"), datetime(2026, 10, 2, 12, tzinfo=UTC))]


def test_a_folder_that_is_no_sources_is_a_folder_as_before(monthclose: Command, drop: Drop) -> None:
    monthclose("sources", "save", "people", "--kind", "customers", "--map", "customer_id=Kunde")
    for name in ("2026/a.csv", "people/a.csv"):
        drop.world.inbox.drop(f"usage/{name}", of(GOOD))
        assert drop.run(key=f"usage/{name}", execution=name)["taken"] == 1


def test_files_at_the_top_cost_no_request_for_sources(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    get = drop.world.documents.get

    def counted(key: str) -> bytes:
        asked.append(key)
        return get(key)

    monkeypatch.setattr(drop.world.documents, "get", counted)
    drop.world.inbox.drop(KEY, of(GOOD))
    drop.run()
    assert asked == []


def test_sources_are_listed_as_they_were_typed_and_removed(monthclose: Command) -> None:
    monthclose("sources", "save", "meters", *OPTIONS)
    told = monthclose("sources").stdout
    for part in ("--map customer_id=Kunde", "--decimal ,", "--time-zone Europe/Berlin", "--only Stand=gültig"):
        assert part in " ".join(told.split())
    listed = {each["source"]: each for each in monthclose.json("sources", "--json")}
    assert listed.keys() == {"focus", "meters"}
    assert listed["meters"]["kind"] == "usage"
    assert listed["meters"]["options"]["decimal"] == ","

    monthclose("sources", "remove", "meters")
    assert [each["source"] for each in monthclose.json("sources", "--json")] == ["focus"]


def test_who_saved_and_removed_a_source_is_in_the_audit_trail(monthclose: Command) -> None:
    monthclose("sources", "save", "meters", *OPTIONS, "--by", "ada")
    monthclose("sources", "remove", "meters", "--by", "grace")
    acts = {act["what"]: act["by"] for act in monthclose.json("audit", "--json")["acts"]}
    assert (acts["source.saved"], acts["source.removed"]) == ("ada", "grace")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("meters", "--map", "customer=Kunde"), "a usage file has no field 'customer'"),
        (("Meters",), "'Meters' cannot be a source's name"),
        (("focus",), "the source focus is built in"),
        (("meters", "--kind", "invoices"), "a source sends usage, customers, prices, not 'invoices'"),
        (("meters", "--time-zone", "Berlin"), "--time-zone Berlin: there is no such time zone; write one like"),
        (("meters", "--time-zone", "Europe"), "--time-zone Europe: there is no such time zone"),
        (("meters", "--time-format", "unix"), "--time-format unix: the time format is iso, seconds"),
        (("meters", "--encoding", "ebcdic"), "--encoding ebcdic: there is no such encoding of text"),
        (("meters", "--encoding", "unicode_escape"), "there is no such encoding of text"),
        (("meters", "--encoding", "hex"), "there is no such encoding of text"),
        (("meters", "--delimiter", "ab"), "--delimiter ab: the delimiter is tab, or one character"),
        (("meters", "--delimiter", "1"), "--delimiter 1: the delimiter is tab, or one character"),
        (("meters", "--decimal", ";"), "--decimal ;: the decimal mark must be . or ,"),
        (("meters", "--only", "Stand"), "--only Stand: write it like Region=EU"),
    ],
)
def test_a_source_that_could_not_be_used_is_not_saved(
    monthclose: Command, arguments: tuple[str, ...], message: str
) -> None:
    assert message in " ".join(monthclose("sources", "save", *arguments, exit_code=2).stderr.split())
    assert [each["source"] for each in monthclose.json("sources", "--json")] == ["focus"]


def test_an_unknown_source_and_one_of_another_kind_are_named(monthclose: Command, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(METERED)
    told = monthclose("import", "usage", path, "--source", "nobody", exit_code=2).stderr
    assert "there is no source 'nobody'; the sources are focus" in told
    told = monthclose("import", "customers", path, "--source", "focus", exit_code=2).stderr
    assert "the source focus sends usage, not customers" in told
    assert "'nobody' does not exist" in monthclose("sources", "remove", "nobody", exit_code=2).stderr


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-8", "utf-16", "utf-16-le", "cp437"])
def test_a_file_is_read_in_the_encoding_that_its_sender_names(drop: Drop, encoding: str) -> None:
    rows = [("customer_id", "sku", "quantity", "time"), ("acme", "größe", "1", "2026-10-02")]
    drop.world.inbox.drop(KEY, csv_file(rows, encoding=encoding), encoding=encoding)
    assert drop.run()["rejected"] == {}
    assert [event.sku for event in drop.events()] == ["größe"]


def test_a_file_in_another_encoding_is_refused_and_says_what_helps(drop: Drop) -> None:
    rows = [("customer_id", "sku", "quantity", "time"), ("acme", "größe", "1", "2026-10-02")]
    drop.world.inbox.drop(KEY, csv_file(rows, encoding="windows-1252"))
    assert drop.run()["error"] == (
        "a.csv is not UTF-8 text (before the first row)\n"
        "name its encoding (--encoding windows-1252, for example), or save it as CSV UTF-8"
    )


@pytest.mark.parametrize("delimiter", ["|", "tab", ":"])
def test_a_file_has_the_delimiter_that_its_sender_names(drop: Drop, delimiter: str) -> None:
    rows = [("customer_id", "sku", "quantity", "time", "a,b,c;d;e"), ("acme", "s", "1", "2026-10-02", "")]
    drop.world.inbox.drop(KEY, csv_file(rows, "\t" if delimiter == "tab" else delimiter), delimiter=delimiter)
    assert drop.run()["taken"] == 1


def test_a_file_of_which_no_row_counts_is_refused(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD), only="sku=volume")
    assert drop.run()["error"] == "no row of a.csv counts: sku is droplet (1)"


# FOCUS 1.2 (focus.finops.org/focus-specification/v1-2), the columns that matter here; worked by hand.
COLUMNS = (
    *("BillingAccountId", "SubAccountId", "BillingCurrency", "ChargeCategory", "ChargeClass", "ChargePeriodStart"),
    *("ChargeDescription", "SkuId", "ResourceId", "PricingQuantity", "PricingUnit", "ContractedUnitPrice"),
    *("BilledCost", "CommitmentDiscountStatus"),
)
HOUR = "2026-10-02T10:00:00Z"
FOCUS: Rows = [
    COLUMNS,
    ("1", "acme", "USD", "Usage", None, HOUR, "a VM", "vm-1", "i-1", "2.5", "Hours", "0.1", "0.25", None),
    ("1", "acme", "USD", "Usage", None, HOUR, "a VM", "vm-1", "i-2", "1", "Hours", "0.1", "0", "Used"),
    ("1", "acme", "USD", "Usage", None, HOUR, "unused", "vm-1", None, "7", "Hours", "0", "0", "Unused"),
    ("1", "acme", "USD", "Usage", "Correction", HOUR, "a VM", "vm-1", "i-1", "-0.5", "Hours", "0.1", "-0.05", None),
    ("1", "acme", "USD", "Usage", "Correction", HOUR, "a goodwill", "vm-1", "i-1", None, None, None, "-9", None),
    ("1", "acme", "USD", "Tax", None, HOUR, "VAT", None, None, None, None, None, "3", None),
    ("1", "acme", "USD", "Purchase", None, HOUR, "a year", "vm-y", None, "1", "Year", "9", "9", None),
    ("1", "acme", "USD", "Credit", None, HOUR, "start-up", None, None, None, None, None, "-5", None),
    ("1", "stranger", "USD", "Usage", None, HOUR, "a VM", "vm-1", "i-1", "1", "Hours", "0.1", "0.1", None),
]


@pytest.mark.parametrize("how", [SMALL, LARGE], ids=["at once", "in lanes"])
@pytest.mark.parametrize("make", [csv_file, parquet])
def test_a_clouds_bill_is_usage_as_it_is(drop: Drop, make: type, how: object) -> None:
    drop.settings = how  # type: ignore[assignment]
    drop.world.inbox.drop("usage/focus/october", make(FOCUS))

    outcome = drop.run(key="usage/focus/october")

    assert (outcome["taken"], outcome["left_out"]) == (3, 4)
    assert outcome["rejected"] == {"quantity is missing": 1, "unknown customer": 1}
    assert sorted(map(said, drop.events())) == [
        ("focus/october#1", "vm-1", "i-1", Decimal("2.5"), None),
        ("focus/october#2", "vm-1", "i-2", Decimal(1), None),
        ("focus/october#4", "vm-1", "i-1", Decimal("-0.5"), None),
    ]


def said(event: UsageEvent) -> tuple[str, str, str, Decimal, Decimal | None]:
    return event.event_id, event.sku, event.resource, event.quantity, event.unit_price


def test_a_clouds_bill_may_be_passed_on_at_cost_in_its_currency(drop: Drop) -> None:
    euros = ("1", "acme", "EUR", "Usage", None, HOUR, "a VM", "vm-1", "i-3", "1", "Hours", "0.2", "0.2", None)
    drop.world.inbox.drop(KEY, csv_file([*FOCUS[:2], euros]), source="focus", map_unit_price="ContractedUnitPrice")
    assert drop.run()["rejected"] == {"currency is not the customer's": 1}
    assert [event.unit_price for event in drop.events()] == [Decimal("0.1")]


def test_columns_that_focus_does_not_require_may_be_missing(drop: Drop) -> None:
    lacking = ("ResourceId", "ChargeDescription", "CommitmentDiscountStatus")
    kept = [number for number, column in enumerate(COLUMNS) if column not in lacking]
    drop.world.inbox.drop(KEY, csv_file([[row[number] for number in kept] for row in FOCUS[:2]]), source="focus")
    assert drop.run()["taken"] == 1


def test_what_is_no_focus_file_is_told_by_its_first_missing_column(drop: Drop) -> None:
    drop.world.inbox.drop(KEY, of(GOOD), source="focus")
    assert drop.run()["error"] == "there is no column 'ChargeCategory' (by which rows are left out)"


def test_a_clouds_bill_as_json_lines_may_lack_the_same_columns_and_its_times_are_utc(drop: Drop) -> None:
    drop.zone = "Europe/Berlin"
    lacking = ("ResourceId", "ChargeDescription", "CommitmentDiscountStatus")
    row = dict(zip(COLUMNS, FOCUS[1], strict=True)) | {"ChargePeriodStart": "2026-10-01 00:00:00"}
    first = {name: value for name, value in row.items() if name not in lacking}
    later = {name: value for name, value in row.items() if value is not None}
    drop.world.inbox.drop(KEY, "\n".join(map(json.dumps, (first, later))).encode(), source="focus")

    assert drop.run()["taken"] == 2
    assert [event.time for event in drop.events()] == [datetime(2026, 10, 1, tzinfo=UTC)] * 2
    assert sorted(event.resource for event in drop.events()) == ["", later["ResourceId"]]
