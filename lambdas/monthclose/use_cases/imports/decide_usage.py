"""Decide on rows of usage, customer's month by customer's month, and store what is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from monthclose.domain.imports.acceptance import UsageAcceptance, ids_of, successors_of
from monthclose.domain.imports.intake import Row
from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.errors import ConflictError
from monthclose.ports import Clock, UsageStore

_MOST_TRIES = 50
"""How often a month is decided on that others write into: each time, one of them gets ahead."""


class UsageRow(NamedTuple):
    """A row of usage that can be read."""

    row: Row
    event: UsageEvent
    id_from_position: bool
    """Whether its id is its position in the file."""


@dataclass(frozen=True, slots=True)
class DecidedMonth:
    """What was decided on the rows of a month.

    Parameters
    ----------
    stored : mapping
        What was stored of the events that the decision needed to know of, by their ids.
    reasons : sequence of str
        Why each row was rejected; empty if it was accepted.
    """

    month: UsageMonth
    rows: Sequence[UsageRow]
    stored: Mapping[str, UsageEvent]
    acceptance: UsageAcceptance
    reasons: Sequence[str]
    seen: str

    @property
    def may_change(self) -> bool:
        """Whether a newer look may lead to something else where nothing is to be stored.

        What is stored stays, so a row with an id of its own that was found there is done with. A row by its position
        may have been corrected since, and an event that is to be replaced may have come.
        """
        return any(self.reasons) or any(row.id_from_position for row in self.rows)

    @property
    def change(self) -> UsageChange | None:
        """What is to be stored, if anything is."""
        added, replaced = self.acceptance.added, self.acceptance.replaced
        return UsageChange(self.month, self.seen, added, replaced) if added or replaced else None


@dataclass(frozen=True, slots=True)
class UsageDecider:
    """Decides, and stores. Any number of threads, and of imports at once, may do so."""

    usage: UsageStore
    clock: Clock

    def decide(self, rows: Mapping[UsageMonth, Sequence[UsageRow]], now: datetime) -> list[DecidedMonth]:
        """Decide on rows, each month's in order, and store what is new.

        A first look at what is stored may be a moment old. The store refuses a change that was decided on such a look;
        where nothing is to be stored there is nothing to refuse. Such months are looked up again, as they are then.

        Parameters
        ----------
        now : datetime
            When the rows are received.

        Raises
        ------
        ConflictError
            Others have stored something in one of the months each time.
        TryLaterError
            The store takes no more, and time is up.
        """
        settled, left = list[DecidedMonth](), rows
        for attempt in range(_MOST_TRIES):
            decided = self._decided(left, self.clock() if attempt else now, consistent=attempt > 0)
            changes = {each.month: change for each in decided if (change := each.change)}
            again = set(self.usage.store(changes.values())) if changes else set()
            if attempt == 0:
                again |= {each.month for each in decided if each.month not in changes and each.may_change}
            settled += [each for each in decided if each.month not in again]
            left = {month: left[month] for month in left if month in again}
            if not left:
                return settled
        raise ConflictError(f"{len(left)} months of usage are being written by somebody else")

    def _decided(
        self, rows: Mapping[UsageMonth, Sequence[UsageRow]], now: datetime, *, consistent: bool
    ) -> list[DecidedMonth]:
        """Decide on rows, until what is to be stored has been looked up."""
        asked = {month: ids_of(row.event for row in some) for month, some in rows.items()}
        found = self._look_up(asked, consistent=consistent)
        decided = {month: _decided_on(month, rows[month], stored, now) for month, stored in found.items()}
        while named := {m: ids for m, each in decided.items() if (ids := each.acceptance.not_among(asked[m]))}:
            asked |= {month: asked[month] | ids for month, ids in named.items()}
            for month, stored in self._look_up(named, consistent=True).items():
                found[month] = _both(found[month], stored)
                decided[month] = _decided_on(month, rows[month], found[month], now)
        return list(decided.values())

    def _look_up(self, ids: Mapping[UsageMonth, set[str]], *, consistent: bool) -> dict[UsageMonth, StoredUsage]:
        """Look events up, and what has replaced them."""
        asked = dict(ids)
        found = dict(self.usage.look_up(ids, consistent=consistent))
        while later := {m: more for m, each in found.items() if (more := successors_of(each.events) - asked[m])}:
            for month, stored in self.usage.look_up(later, consistent=True).items():
                found[month] = _both(found[month], stored)
                asked[month] = asked[month] | later[month]  # one may be missing: an import broke off
        return found


def _both(first: StoredUsage, later: StoredUsage) -> StoredUsage:
    """Put two answers about a month together, the later one as of now.

    The version is the first one's: if anything was added in between, the store refuses what rests on both.
    """
    return StoredUsage({**first.events, **later.events}, first.version)


def _decided_on(month: UsageMonth, rows: Sequence[UsageRow], stored: StoredUsage, now: datetime) -> DecidedMonth:
    acceptance = UsageAcceptance(stored.events, now)
    reasons = [acceptance.accept(row.event, id_from_position=row.id_from_position) for row in rows]
    return DecidedMonth(month, rows, stored.events, acceptance, reasons, stored.version)
