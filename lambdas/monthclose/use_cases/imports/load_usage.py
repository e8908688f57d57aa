"""Load one lane of a split usage file, part by part in the file's order."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta

from monthclose.domain.imports.intake import Row
from monthclose.ports import Inbox, TimeIsUp
from monthclose.use_cases.imports.dropped_file import tally_content
from monthclose.use_cases.imports.import_lock import ImportLock
from monthclose.use_cases.imports.import_usage import UsageImporter
from monthclose.use_cases.imports.rejected_rows import rejected
from monthclose.use_cases.imports.split_usage import Split, part_key, read_part, split_key


@dataclass(frozen=True, slots=True)
class LaneLoader:
    """Loads lanes. A part's result is written once it is loaded, so a repetition continues where it broke off."""

    inbox: Inbox
    lock: ImportLock
    importer: UsageImporter

    def load(self, run: str, lane: int, first: int, execution: str, time_is_up: TimeIsUp = lambda: False) -> int:
        """Load a lane's parts from `first` on, at least one; returns the next one, or -1 after the last.

        Raises
        ------
        BrokeOffError
            The execution has lost the import lock.
        """
        split = Split.read(self.inbox.get(split_key(run)))
        importer = replace(self.importer, horizon=timedelta(days=split.horizon_days))
        importer = importer.on_trial() if split.check else importer
        for part in range(first, split.parts[lane]):
            if part > first and time_is_up():
                return part
            self.lock.require(split.file, execution)
            if not self.inbox.has(part_key(run, lane, part, "tally.json")):
                self._load_part(split, importer, lane, part)
        return -1

    def _load_part(self, split: Split, importer: UsageImporter, lane: int, part: int) -> None:
        run, lines = split.file.run, list[str]()

        def reject(row: Row, reason: str) -> None:
            lines.append(json.dumps(rejected(row, reason, split.columns)))

        rows = read_part(self.inbox.get(part_key(run, lane, part)), split.columns)
        tally = importer.load(rows, split.layout, split.name, reject)
        if lines:
            self.inbox.put(part_key(run, lane, part, "rejects.jsonl"), "\n".join(lines).encode(), "application/jsonl")
        # A part's tally is written once: a second run finds its usage stored, and would count none as late.
        self.inbox.put_new(part_key(run, lane, part, "tally.json"), json.dumps(tally_content(tally)).encode())
