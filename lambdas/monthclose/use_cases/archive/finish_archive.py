"""Finish the archiving of a month: sum up what it has, and write the statements with which Athena reads it."""

from dataclasses import dataclass

from monthclose.domain.period import Period
from monthclose.domain.usage_archive import ArchivedMonth, athena_statements
from monthclose.names import USAGE_ARCHIVE_PREFIX
from monthclose.ports import Clock
from monthclose.use_cases.archive.archive_store import ArchiveStore

STATEMENTS = f"{USAGE_ARCHIVE_PREFIX}athena.sql"


@dataclass(frozen=True, slots=True)
class ArchiveFinisher:
    """Finishes months."""

    store: ArchiveStore
    clock: Clock

    def finish(self, period: Period) -> ArchivedMonth:
        """Write what a month has, all of whose parts are archived."""
        month = self.store.month(period)
        assert month is not None, "it was planned"
        done = month.completed((self.store.part(period, number) for number in range(month.parts)), self.clock())
        self.store.put_month(done)
        bucket = self.store.documents.location(USAGE_ARCHIVE_PREFIX)["bucket"]
        statements = athena_statements(f"s3://{bucket}/{USAGE_ARCHIVE_PREFIX}")
        self.store.documents.put(STATEMENTS, statements.encode(), "application/sql")
        return done
