"""Receive a dropped usage file: load it at once if it is small, else split it.

S3 announces a file at least once, and it may be dropped again while it is imported. So one execution at a time imports
files of a name, only the latest version counts, and each version's outcome is stored.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.drop_settings import MAX_REJECTED_PERCENT, DropSettings
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import Row
from monthclose.domain.imports.source import Source
from monthclose.domain.imports.times import UTC_NAME
from monthclose.names import USAGE_PREFIX
from monthclose.ports import Arrival, Inbox, TimeIsUp
from monthclose.ports.tables import ColumnFiles
from monthclose.use_cases.audit.record_act import ActRecorder
from monthclose.use_cases.imports.check_rows import checked
from monthclose.use_cases.imports.dropped_file import HINTS, DropOptions, DroppedFile, read_options
from monthclose.use_cases.imports.import_lock import ImportLock
from monthclose.use_cases.imports.import_usage import UsageImporter
from monthclose.use_cases.imports.rejected_rows import Cells, rejected
from monthclose.use_cases.imports.sources import SourceKeeper
from monthclose.use_cases.imports.split_usage import Splitter
from monthclose.use_cases.imports.tables import Table, read_table
from monthclose.use_cases.imports.usage_outcome import OutcomeKeeper, UsageOutcome

_ROW_OVERHEAD = 16
"""Bytes that a part has around a row's cells. If they were not counted, rows without cells would never fill a part."""


@dataclass(frozen=True, slots=True)
class Received:
    """The result of receiving a file.

    Parameters
    ----------
    result : str
        `done`: see `outcome`. `split`: the lanes are to be loaded. `busy`: another execution is importing a file of
        this name; try again. `nothing`: it was replaced or deleted since, or is a folder.
    run : str
        Prefix of a split file's parts.
    again : bool
        Whether an earlier call had stored the outcome.
    """

    result: Literal["done", "split", "busy", "nothing"]
    run: str = ""
    outcome: UsageOutcome | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class UsageReceiver:
    """Receives files."""

    inbox: Inbox
    lock: ImportLock
    importer: UsageImporter
    acts: ActRecorder
    sources: SourceKeeper
    column_files: Callable[[], ColumnFiles]
    settings: DropSettings
    max_rejected_percent: int = MAX_REJECTED_PERCENT
    time_zone: str = UTC_NAME
    """The zone that bills go by."""

    def receive(self, key: str, version: str, execution: str, time_is_up: TimeIsUp = lambda: False) -> Received:
        """Receive one version of an object; an empty version means its latest.

        Raises
        ------
        ConflictError
            Another execution acquired the lock at the same moment; try again.
        """
        name = key.removeprefix(USAGE_PREFIX)
        if key == name or not name or name.endswith("/"):
            return Received("nothing")
        if not self.lock.acquire(DroppedFile(name, version), execution):
            return Received("busy")
        latest = self.inbox.latest(key)  # read under the lock: a later version may have been imported meanwhile
        if not latest or version not in ("", latest):
            return Received("nothing")
        return self._import(DroppedFile(name, latest), time_is_up)

    def _import(self, file: DroppedFile, time_is_up: TimeIsUp) -> Received:
        outcomes = OutcomeKeeper(self.inbox, self.acts, self.max_rejected_percent)
        found = outcomes.find(file)
        if found:
            return Received("done", outcome=found, again=True)
        try:
            with self.inbox.open(f"{USAGE_PREFIX}{file.name}", file.version) as arrival:
                return self._read(file, arrival, outcomes, time_is_up)
        except UserMistakeError as mistake:
            return Received("done", outcome=outcomes.refuse(file, mistake))

    def _read(self, file: DroppedFile, arrival: Arrival, outcomes: OutcomeKeeper, time_is_up: TimeIsUp) -> Received:
        options = read_options(arrival.metadata)
        reading = self._reading(file, options)
        with closing(read_table(file.name, arrival.stream, reading, self.column_files)) as table:
            return self._take(file, table, reading, options, outcomes, time_is_up)

    def _take(
        self,
        file: DroppedFile,
        table: Table,
        reading: FileOptions,
        options: DropOptions,
        outcomes: OutcomeKeeper,
        time_is_up: TimeIsUp,
    ) -> Received:
        mapping = ColumnMapping.resolve(USAGE, table.columns, reading, HINTS, open_ended=table.open_ended)
        importer = replace(self.importer, horizon=options.horizon or self.importer.horizon)
        importer = importer.on_trial() if options.check else importer
        part_bytes = self.settings.part_bytes
        checked_rows = checked(file.name, table.rows, mapping, HINTS, self.time_zone)
        head, ended = _read_head(checked_rows, part_bytes)
        if ended:
            whole = table._replace(rows=iter(head))
            return Received("done", outcome=_load(importer, outcomes, file, whole, mapping, time_is_up))
        splitter = Splitter(self.inbox, self.settings.lanes, part_bytes)
        rows, days = chain(head, checked_rows), importer.horizon.days
        splitter.split(file, rows, table.columns, mapping, days, time_is_up, check=options.check)
        return Received("split", run=file.run)

    def _reading(self, file: DroppedFile, options: DropOptions) -> FileOptions:
        """Put the file's own options before those of its source: the one that it names, or that its folder is for."""
        if options.source:
            source: Source | None = self.sources.find(options.source, USAGE.name)
        else:
            source = self.sources.of_folder(file.name, USAGE.name)
        return (options.reading.over(source.options) if source else options.reading).checked(HINTS)


def _read_head(rows: Iterator[Row], size: int) -> tuple[list[Row], bool]:
    """Read as many rows as a part may hold, and say whether that was all; `size` is in bytes, unpacked."""
    head, read = list[Row](), 0
    for row in rows:
        head.append(row)
        read += row.size + _ROW_OVERHEAD
        if read > size:
            return head, False
    return head, True


def _load(
    importer: UsageImporter,
    outcomes: OutcomeKeeper,
    file: DroppedFile,
    table: Table,
    mapping: ColumnMapping,
    time_is_up: TimeIsUp,
) -> UsageOutcome:
    lines: list[Cells] = []

    def reject(row: Row, reason: str) -> None:
        lines.append(rejected(row, reason, table.columns))

    rows = sorted(table.rows, key=lambda row: mapping.customer_of(row.cells))
    tally = importer.load(rows, mapping, file.name, reject, time_is_up)
    lines.sort(key=lambda cells: cells[0])  # by the row's number: in the file's order
    return outcomes.keep(file, table.columns, tally, lines, check=importer.trial)
