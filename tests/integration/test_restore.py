"""The restore of the runbook, rehearsed on the deployed stacks: backups from before a close, after that close.

The local AWS knows no time to restore to: its `RestoreTableToPointInTime` copies a table as it is now. So the copies
are made of named backups (`CreateBackup`, `RestoreTableFromBackup`); what follows is the same.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import boto3

from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.names import EVENT_CLOSE_COMPLETED, Env
from tests.integration.hearing import hearing
from tests.integration.system import System, until

SEPTEMBER = Period(2024, 9)
TABLES = [env for env in Env if env.name.endswith("_TABLE") and env is not Env.AUDIT_TABLE]
"""All but the audit trail, which is never set back."""


@contextmanager
def copies_from_now(system: System) -> Iterator[list[str]]:
    """Back the tables up now; the copies are deleted in the end."""
    dynamodb, names = boto3.client("dynamodb"), [system.values[env] for env in TABLES]
    backups = {
        name: dynamodb.create_backup(TableName=name, BackupName="before")["BackupDetails"]["BackupArn"]
        for name in names
    }
    for name, backup in backups.items():
        dynamodb.restore_table_from_backup(TargetTableName=f"{name}-restored", BackupArn=backup)
    yield names
    for name in names:
        dynamodb.delete_table(TableName=f"{name}-restored")


def monthclose(*words: str) -> str:
    command = [str(Path(sys.executable).parent / "monthclose"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_after_a_restore_to_before_the_close_nobody_is_charged_twice_and_the_books_tie(system: System) -> None:
    names = [system.add_customer(f"restored-{number}") for number in range(3)]
    for name in names:
        system.use([UsageEvent(f"event-{name}", name, "droplet", Decimal(1), SEPTEMBER.start, Decimal(8), "Droplet")])
    with hearing() as events, copies_from_now(system):
        first = system.close(SEPTEMBER)
        invoices = {name: system.runtime.books.month(name, SEPTEMBER).invoice for name in names}
        charged = system.charges(SEPTEMBER)
        assert len(charged) == 3
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
        monthclose("restore", "--at", now, "--put-back", "--by", "ada")
        assert system.runtime.closes.get(SEPTEMBER) is None, "the tables are as they were before the close"
        monthclose("reconcile")
        again = system.close(SEPTEMBER)
        until("the last event", lambda: len([k for k, _ in events.listen() if k == EVENT_CLOSE_COMPLETED]) == 2)

    assert system.charges(SEPTEMBER) == charged
    assert again["proof"]["ties"], again["proof"]
    assert again["money"] == first["money"]
    for name, invoice in invoices.items():
        issued = system.runtime.books.month(name, SEPTEMBER).invoice
        assert invoice
        assert issued
        assert (issued.number, issued.document) == (invoice.number, invoice.document), "the invoice that was mailed"
    kinds = {(kind, detail.get("stage", "")) for kind, detail in events.heard}
    assert kinds >= {("Month close started", ""), ("Month close completed", "")}
    stages = {stage for kind, stage in kinds if kind == "Month close stage passed"}
    assert stages == {"generated", "charged", "notified", "closed"}


def test_a_document_that_was_overwritten_has_its_earlier_version(system: System) -> None:
    s3, bucket, key = boto3.client("s3"), system.values[Env.DOCUMENTS_BUCKET], "reports/2024-08/report.json"
    s3.put_object(Bucket=bucket, Key=key, Body=b"sound")
    s3.put_object(Bucket=bucket, Key=key, Body=b"damaged")
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    [earlier] = [version["VersionId"] for version in versions if not version["IsLatest"]]
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key, "VersionId": earlier})
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"sound"
