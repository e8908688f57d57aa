"""Move usage of earlier releases, which stored each event for itself, into packs, and remove it where it was.

It may break off at any time and be run again, also while others read and import. A month is removed only once all of it
is in packs. No close may be running: one that an earlier release began drafts from where usage was, and would bill none
of it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import batched

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.intake import Row
from monthclose.domain.usage import UsageEvent, UsageMonth
from monthclose.domain.words import count
from monthclose.ports import Closes, EarlierItems, PackedUsage, Tell
from monthclose.use_cases.imports.decide_usage import UsageDecider, UsageRow
from monthclose.use_cases.imports.known_customers import KnownCustomers
from monthclose.use_cases.imports.late_usage import LateUsage

AT_ONCE = 8
"""Months that are moved at a time."""
_MONTHS_BETWEEN = 500
"""Months after each of which it is said how far the move is."""
_EVENTS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class MovedUsage:
    """What was moved.

    Parameters
    ----------
    months : int
        A customer's calendar months.
    added : int
        Events that were added to months that were in packs already: an earlier release stored them after that.
    left : int
        Months that stay where they are, too: an event of theirs has the id of another one in the packs.
    """

    months: int = 0
    added: int = 0
    left: int = 0

    def __add__(self, other: "MovedUsage") -> "MovedUsage":
        return MovedUsage(self.months + other.months, self.added + other.added, self.left + other.left)


@dataclass(frozen=True, slots=True)
class UsageMover:
    """Moves usage."""

    usage: PackedUsage
    items: EarlierItems
    decider: UsageDecider
    late: LateUsage
    customers: KnownCustomers
    closes: Closes
    executor: Callable[[], Executor]

    def move(self, tell: Tell) -> MovedUsage:
        """Move everything, several months at a time; `tell` hears how far it is.

        Raises
        ------
        UserMistakeError
            A close has not ended: it is running, waits for approval, or broke off.
        """
        self._require_no_close()
        moved = MovedUsage()
        for months in batched(self.items.months(), _MONTHS_BETWEEN, strict=False):
            moved = sum(self.executor().map(self._move, dict.fromkeys(months)), moved)
            tell(f"{count(moved.months, 'month')} of usage moved")
        return moved

    def _require_no_close(self) -> None:
        for close in self.closes.all():
            if close.under_way:
                raise UserMistakeError(
                    f"the close of {close.period} has not ended, and one that an earlier release began bills only\n"
                    "usage that is where it was; nothing is moved, run this again when the close has ended"
                )

    def _move(self, month: UsageMonth) -> MovedUsage:
        added, refused = 0, False
        if not self.usage.adopt(month, self.items.events(*month)):
            added, refused = self._add_missing(month)
        if not refused:
            self.items.remove(month)
        return MovedUsage(1, added, int(refused))

    def _add_missing(self, month: UsageMonth) -> tuple[int, bool]:
        """Add what a month in packs lacks, as an import does, and say how many events, and whether any were refused.

        Functions of an earlier release that were running when this one was deployed may store events a while longer.
        Corrections are added after what they correct.
        """
        added, refused = 0, False
        for corrections in (False, True):
            for events in batched(self._of_kind(month, corrections=corrections), _EVENTS_AT_ONCE, strict=False):
                rows = [UsageRow(_NO_ROW, event, False) for event in events]
                decided = self.decider.decide({month: rows}, self.decider.clock())
                known = self.customers.find({month.customer_id})
                if known:
                    self.late.note(decided, known)
                added += sum(len(each.acceptance.came) for each in decided)
                refused |= any(any(each.reasons) for each in decided)
        return added, refused

    def _of_kind(self, month: UsageMonth, *, corrections: bool) -> Iterator[UsageEvent]:
        return (event for event in self.items.events(*month) if bool(event.replaces) is corrections)


_NO_ROW = Row(0, {})
"""The events are from no file."""
