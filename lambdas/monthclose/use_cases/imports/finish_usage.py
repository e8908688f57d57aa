"""Finish the import of a split usage file: combine the results of its parts."""

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass

from monthclose.domain.imports.drop_settings import MAX_REJECTED_PERCENT
from monthclose.domain.imports.intake import Tally
from monthclose.errors import BrokeOffError
from monthclose.ports import Inbox
from monthclose.use_cases.audit.record_act import ActRecorder
from monthclose.use_cases.imports.dropped_file import read_tally
from monthclose.use_cases.imports.import_lock import ImportLock
from monthclose.use_cases.imports.rejected_rows import Cells, whole_lines
from monthclose.use_cases.imports.split_usage import Split, split_key
from monthclose.use_cases.imports.usage_outcome import OutcomeKeeper, UsageOutcome

_BLOCK, _MOST_READ = 1 << 20, 1 << 27
"""Most bytes of a part's rejected rows that are read at a time, and of those of all parts."""


@dataclass(frozen=True, slots=True)
class UsageFinisher:
    """Finishes imports, in constant memory however many rows are rejected."""

    inbox: Inbox
    lock: ImportLock
    acts: ActRecorder
    max_rejected_percent: int = MAX_REJECTED_PERCENT

    def finish(self, run: str, execution: str) -> UsageOutcome:
        """Add up the parts' tallies, and write their rejected rows in the file's order.

        Raises
        ------
        BrokeOffError
            A part has not been loaded, or the execution has lost the import lock.
        """
        split = Split.read(self.inbox.get(split_key(run)))
        outcomes = OutcomeKeeper(self.inbox, self.acts, self.max_rejected_percent)
        found = outcomes.find(split.file)
        if found:
            return found
        self.lock.require(split.file, execution)
        tally, with_rejects = Tally(), list[str]()
        for lane, parts in enumerate(split.parts):
            for part in range(parts):
                if self._add(tally, split, lane, part):
                    with_rejects.append(split.part_key(lane, part, "rejects.jsonl"))
        block = min(_MOST_READ // max(len(with_rejects), 1), _BLOCK)
        rejected = heapq.merge(*(self._rejected(key, block) for key in with_rejects), key=lambda line: line[0])
        return outcomes.keep(split.file, split.columns, tally, rejected, check=split.check)

    def _add(self, tally: Tally, split: Split, lane: int, part: int) -> bool:
        try:
            content = json.loads(self.inbox.get(split.part_key(lane, part, "tally.json")))
        except KeyError:
            raise BrokeOffError(
                f"part {part} of lane {lane} of {split.file.run} is not loaded; drop the file again"
            ) from None
        tally.add(read_tally(content))
        return bool(content["rejected"])

    def _rejected(self, key: str, block: int) -> Iterator[Cells]:
        """Read a part's rejected rows, a block at a time: as many parts are read side by side as have any."""
        yield from map(json.loads, whole_lines(self._blocks(key, block)))

    def _blocks(self, key: str, size: int) -> Iterator[bytes]:
        offset = 0
        while content := self.inbox.get_slice(key, offset, size):
            offset += len(content)
            yield content
