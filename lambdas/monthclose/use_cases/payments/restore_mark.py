"""The mark that the tables were restored from a backup: providers may have orders that our records have lost."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monthclose.domain.calendar import FARTHEST_AHEAD
from monthclose.domain.period import Period
from monthclose.ports import Claim, Claims, Clock
from monthclose.ports.copies import RESTORE_MARK

_FRESH = timedelta(minutes=1)


@dataclass(slots=True)
class RestoreMark:
    """Reads the mark, once a minute and process."""

    claims: Claims
    clock: Clock
    _found: Claim | None = field(default=None, init=False)
    _read_at: datetime | None = field(default=None, init=False)

    def covers(self, period: Period) -> bool:
        """Whether a month was already being charged when the tables were restored, in any time zone."""
        now = self.clock()
        if self._read_at is None or now - self._read_at > _FRESH:
            self._found, self._read_at = self.claims.get(RESTORE_MARK), now
        return self._found is not None and period.end - FARTHEST_AHEAD <= self._found.since

    def put(self, by: str) -> None:
        """Note that the tables are being restored: before the first item is.

        Raises
        ------
        ConflictError
            Somebody else is restoring them at the same moment.
        """
        before = self.claims.get(RESTORE_MARK)
        self.claims.put(Claim(RESTORE_MARK, by, self.clock(), before.version if before else 0))
        self._read_at = None
