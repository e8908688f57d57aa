"""Publish events about committed changes: at least once, whatever dies in between.

The changes come from the tables' streams, which have every commit for a day: no commit waits for an event or pays for
one, and an event that could not be sent is sent again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from monthclose.domain.closes.close import BatchProgress, Close, Stage, Totals
from monthclose.domain.events import STAGE_PASSED, Change, Event, events_of, stage_event, stages_passed
from monthclose.domain.period import Period
from monthclose.ports import Closes, EventBus


@dataclass(slots=True)
class EventPublisher:
    """Publishes events. One process keeps one, which remembers what it need not read or send again."""

    bus: EventBus
    closes: Closes
    _behind: dict[tuple[Period, Stage], int] = field(default_factory=dict)
    """A batch that had not passed a stage when the close's batches were last read."""
    _sent: set[object] = field(default_factory=set)
    """The ids of the events of stages that were sent."""

    def publish(self, changes: Iterable[Change]) -> int:
        """Send the events of changes; returns how many.

        Raises
        ------
        TryLaterError
            They are not all sent: do the same again.
        """
        changes = list(changes)
        events = [event for change in changes for event in events_of(change)]
        events += [event for period, stage in _passed(changes) for event in self._of_stage(period, stage)]
        self.bus.send(events)
        self._sent |= {event.detail["id"] for event in events if event.kind == STAGE_PASSED}
        return len(events)

    def _of_stage(self, period: Period, stage: Stage) -> Iterable[Event]:
        """Announce a stage of a close that a batch has just passed, if that was the last one."""
        close = self.closes.get(period)
        if close is None or not close.batches or f"{period}/{close.run}/{stage}" in self._sent:
            return []
        behind = self._behind.get((period, stage))
        if behind is not None and not _has_passed(self.closes.progress(period, behind), stage):
            return []
        return self._all_passed(close, stage)

    def _all_passed(self, close: Close, stage: Stage) -> Iterable[Event]:
        """Read a close's batches: one that is behind is remembered, so that they are read a few times in all.

        It is the last of them, as batches begin in order.
        """
        totals, passed, latest = Totals(), set[int](), close.run_started_at
        for progress in self.closes.all_progress(close.period):
            if _has_passed(progress, stage):
                passed.add(progress.batch.number)
                totals, latest = totals + progress.totals, max(latest, progress.time)
        behind = next((number for number in reversed(range(close.batches)) if number not in passed), None)
        if behind is not None:
            self._behind[close.period, stage] = behind
            return []
        return [stage_event(close, stage, totals, latest.isoformat())]


def _has_passed(progress: BatchProgress | None, stage: Stage) -> bool:
    return progress is not None and progress.stage.order >= stage.order


def _passed(changes: Iterable[Change]) -> list[tuple[Period, Stage]]:
    """List the stages that batches have passed, by period and in the stages' order, each once."""
    found = set[tuple[Period, Stage]]()
    for change in changes:
        before, after = change.before, change.after
        if isinstance(after, BatchProgress) and (before is None or isinstance(before, BatchProgress)):
            found |= {(after.period, stage) for stage in stages_passed(before, after)}
    return sorted(found, key=lambda one: (one[0], one[1].order))
