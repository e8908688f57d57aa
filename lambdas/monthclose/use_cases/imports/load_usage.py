"""Load one lane of a split usage file, part by part."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from monthclose.domain.imports.intake import Row
from monthclose.ports import Inbox, TimeIsUp
from monthclose.use_cases.imports.dropped_file import tally_content
from monthclose.use_cases.imports.import_lock import ImportLock
from monthclose.use_cases.imports.import_usage import FileImport, UsageImporter
from monthclose.use_cases.imports.rejected_rows import rejected
from monthclose.use_cases.imports.split_usage import Split, lane_parts, split_key


@dataclass(frozen=True, slots=True)
class LaneLoader:
    """Loads lanes. A part's result is written once it is loaded, so a repetition continues where it broke off."""

    inbox: Inbox
    lock: ImportLock
    importer: UsageImporter

    def load(self, run: str, lane: int, first: int, execution: str, time_is_up: TimeIsUp = lambda: False) -> int:
        """Load a lane's parts from `first` on, at least one; returns the next one, or -1 after the last.

        While a close runs, no part is begun that can't be loaded at its pace in the time left.

        Raises
        ------
        BrokeOffError
            The execution has lost the import lock.
        """
        split = Split.read(self.inbox.get(split_key(run)))
        importer = replace(self.importer, horizon=timedelta(days=split.horizon_days))
        file = (importer.on_trial() if split.check else importer).of_file(split.layout, split.name)
        fits = importer.pace.turn()
        for part, found in enumerate(lane_parts(self.inbox, split, lane)):
            if part < first:
                continue
            if part > first and (time_is_up() or not (split.check or fits(found.size))):
                return part
            self.lock.require(split.file, execution)
            if not self.inbox.has(split.part_key(lane, part, "tally.json")):
                self._load_part(split, file, lane, part, found.rows(), time_is_up)
                if not split.check:
                    importer.pace.wait(0, time_is_up)  # its last rows' share, too: the next call may be elsewhere
        return -1

    def _load_part(
        self, split: Split, file: FileImport, lane: int, part: int, rows: Iterator[Row], time_is_up: TimeIsUp
    ) -> None:
        lines = list[tuple[int, str]]()

        def reject(row: Row, reason: str) -> None:
            lines.append((row.number, json.dumps(rejected(row, reason, split.columns))))

        tally = file.load(rows, reject, time_is_up)
        if lines:
            content = "\n".join(line for _, line in sorted(lines)).encode()  # in the file's order
            self.inbox.put(split.part_key(lane, part, "rejects.jsonl"), content, "application/jsonl")
        # A part's tally is written once: a second run finds its usage stored, and would count none as late.
        self.inbox.put_new(split.part_key(lane, part, "tally.json"), json.dumps(tally_content(tally)).encode())
