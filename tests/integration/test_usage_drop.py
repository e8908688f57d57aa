"""Usage files that are dropped into the bucket of the deployed stacks: imported by what their arrival starts."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest

from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.source import Source
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.domain.usage_archive import MONTHS_KEPT, month_folder, newest_archived
from monthclose.names import EVENT_USAGE_IMPORTED, Env
from monthclose.use_cases.imports.sources import SourceKeeper
from tests.files_made import parquet
from tests.integration.hearing import Hearing, hearing
from tests.integration.system import System, until

PERIOD = Period(2026, 9)
"""Later than any month that a test closes: nobody else's close bills what is dropped here as late usage."""
HEADER = "customer_id,sku,quantity,time,unit_price\n"
GOOD = "dropper,droplet,24,2026-09-05T10:00:00Z,0.5\n"


@dataclass
class Bucket:
    """The usage bucket, and a listener on the event bus."""

    name: str
    hearing: Hearing

    def drop(self, key: str, content: bytes, **metadata: str) -> str:
        """Put an object and return its version."""
        answer = boto3.client("s3").put_object(Bucket=self.name, Key=key, Body=content, Metadata=metadata)
        return str(answer["VersionId"])

    def imported(self, version: str, seconds: float = 120) -> dict[str, Any]:
        """Wait for the event that says what came of a version."""

        def look() -> dict[str, Any] | None:
            return next((detail for _, detail in self.hearing.listen() if detail["version"] == version), None)

        return until(f"the import of {version}", look, seconds)

    def text(self, key: str) -> str:
        content: bytes = boto3.client("s3").get_object(Bucket=self.name, Key=key)["Body"].read()
        return content.decode()


@pytest.fixture
def bucket(system: System) -> Iterator[Bucket]:
    """Listen to import events, with the test's own rule and queue."""
    system.add_customer("dropper")
    with hearing(EVENT_USAGE_IMPORTED) as heard:
        yield Bucket(system.values[Env.USAGE_BUCKET], heard)


def ids(system: System, customer: str) -> set[str]:
    return {event.event_id for event in system.runtime.usage.events(customer, PERIOD)}


def test_a_small_file_is_imported_and_dropped_again_stores_nothing_twice(system: System, bucket: Bucket) -> None:
    content = (HEADER + GOOD + "dropper,droplet,x,2026-09-05,1\n").encode()
    told = bucket.imported(bucket.drop("usage/small.csv", content))

    assert (told["key"], told["status"], told["taken"], told["error"]) == ("usage/small.csv", "imported", 1, "")
    assert told["rejected"] == {"quantity is not a number": 1}
    assert told["periods"] == {"2026-09": 1}
    assert told["rejects"] == {"bucket": bucket.name, "key": "rejects/small.csv.csv"}
    assert bucket.text("rejects/small.csv.csv").splitlines()[1].startswith("2,quantity is not a number,dropper")
    assert "small.csv#1" in ids(system, "dropper")

    before = ids(system, "dropper")
    again = bucket.imported(bucket.drop("usage/small.csv", content))
    assert (again["taken"], again["rejected"]) == (1, {"quantity is not a number": 1})
    assert ids(system, "dropper") == before


def test_when_two_files_are_dropped_at_once_under_one_name_the_later_one_counts(system: System, bucket: Bucket) -> None:
    for quantity in range(1, 5):
        latest = bucket.drop("usage/hasty.csv", (HEADER + GOOD.replace(",24,", f",{quantity},")).encode())
    assert bucket.imported(latest)["taken"] == 1

    events = [e for e in system.runtime.usage.events("dropper", PERIOD) if e.event_id.startswith("hasty.csv#1")]
    assert [int(event.quantity) for event in events if not event.replaced_by] == [4]


def test_a_gzip_file_with_other_columns_is_read_as_its_metadata_says(system: System, bucket: Bucket) -> None:
    content = gzip.compress(b"Kunde;Menge;time\ndropper;3;2026-09-06\n")
    metadata = {"map-customer_id": "Kunde", "map-quantity": "=?utf-8?q?Menge?=", "default-sku": "droplet"}
    told = bucket.imported(bucket.drop("usage/2024/packed.csv.gz", content, **metadata))

    assert (told["status"], told["taken"], told["rejects"]) == ("imported", 1, None), told
    assert "2024/packed.csv#1" in ids(system, "dropper")


def test_a_parquet_file_in_the_folder_of_a_saved_source_is_read(system: System, bucket: Bucket) -> None:
    options = FileOptions({"customer_id": "Kunde"}, {"sku": "droplet"}, time_zone="Europe/Berlin")
    SourceKeeper(system.runtime.documents).save(Source("meters", "usage", options))
    rows = [("Kunde", "quantity", "time"), ("dropper", "2.5", "2026-09-06 12:00")]
    told = bucket.imported(bucket.drop("usage/meters/hours", parquet(rows, quantity="DOUBLE", time="TIMESTAMP")))

    assert (told["status"], told["taken"], told["rejects"]) == ("imported", 1, None), told
    [event] = [e for e in system.runtime.usage.events("dropper", PERIOD) if e.event_id == "meters/hours#1"]
    assert (str(event.quantity), event.time.isoformat()) == ("2.5", "2026-09-06T10:00:00+00:00")


def test_an_unreadable_file_is_reported_and_fails_no_execution(system: System, bucket: Bucket) -> None:
    told = bucket.imported(bucket.drop("usage/book.xlsx", b"PK\x03\x04 secret content"))

    assert (told["status"], told["taken"]) == ("unusable", 0)
    assert told["error"] == "book.xlsx is a broken zip file (File is not a zip file)"
    assert bucket.text(told["rejects"]["key"]) == told["error"] + "\n"
    failed = system.workflow.list_executions(stateMachineArn=system.values[Env.USAGE_IMPORT_ARN], statusFilter="FAILED")
    assert failed["executions"] == []


def test_a_large_file_is_split_into_lanes_and_imported_as_if_it_were_one(system: System, bucket: Bucket) -> None:
    customers = [system.add_customer(f"dropper-{number}") for number in range(5)]
    rows = [f"{customers[n % 5]},droplet,{n},2026-09-07T10:00:00Z,0.5" for n in range(1, 3001)]
    rows[1499] = f"{customers[0]},droplet,much,2026-09-07T10:00:00Z,0.5"
    rows[2999] = "stranger,droplet,1,2026-09-07T10:00:00Z,0.5"
    told = bucket.imported(bucket.drop("usage/large.csv", (HEADER + "\n".join(rows) + "\n").encode()), seconds=240)

    assert (told["status"], told["taken"]) == ("imported", 2998), told
    assert told["rejected"] == {"quantity is not a number": 1, "unknown customer": 1}
    rejected = list(csv.reader(io.StringIO(bucket.text("rejects/large.csv.csv"))))
    assert [line[0] for line in rejected] == ["row", "1500", "3000"]
    stored = {name: ids(system, name) for name in customers}
    expected = {f"large.csv#{n}": customers[n % 5] for n in range(1, 3001) if n not in (1500, 3000)}
    assert {event_id: name for name, found in stored.items() for event_id in found} == expected
    kept = boto3.client("s3").list_objects_v2(Bucket=bucket.name, Prefix="parts/")["Contents"]
    assert len([part for part in kept if part["Key"].endswith("tally.json")]) > 2, "it was not split"


def test_old_usage_is_archived_and_a_late_file_brings_it_back(system: System, bucket: Bucket) -> None:
    old = newest_archived(datetime.now(UTC), MONTHS_KEPT)
    assert old
    customer = system.add_customer("archived")
    event = UsageEvent("old-1", customer, "droplet", Decimal("1.50"), old.start, attributes=(("region", "eu"),))
    system.use([event])
    started = system.workflow.start_execution(
        stateMachineArn=system.values[Env.USAGE_ARCHIVE_ARN], input=json.dumps({"period": str(old)})
    )
    ended = system.ended(started["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    archived = json.loads(ended["output"])["archived"]
    assert archived["period"] == str(old)
    assert archived["customers"] >= 1, "other tests may have used something in that month"
    documents, folder = system.values[Env.DOCUMENTS_BUCKET], month_folder(old)
    kept = boto3.client("s3").list_objects_v2(Bucket=documents, Prefix=folder)["Contents"]
    assert [one["Key"] for one in kept if one["Key"].endswith(".parquet")]
    assert list(system.runtime.leaving_usage.packed([event.key.month])) == [], "it has left DynamoDB"
    assert list(system.runtime.usage.events(customer, old)) == [event]

    late = f"{HEADER}{customer},droplet,2,{old.start:%Y-%m-%dT%H:%M:%SZ},0.5\n"
    assert bucket.imported(bucket.drop("usage/late.csv", late.encode()))["taken"] == 1
    assert {one.event_id for one in system.runtime.usage.events(customer, old)} == {"old-1", "late.csv#1"}
    assert len(list(system.runtime.leaving_usage.packed([event.key.month]))) == 1, "it is in DynamoDB again"
