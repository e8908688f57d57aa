"""Records acts: before the change is made, so that none is made without a record of it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Unpack

from monthclose.domain.audit import About, Act, RecordedAct
from monthclose.errors import MonthCloseError
from monthclose.ports import AuditTrail, Clock

FAILED = "act.failed"
"""An act that another one announced was not done, or only in part: `asked_by` names the other one."""


@dataclass(frozen=True, slots=True)
class ActRecorder:
    """Appends acts to the audit trail."""

    trail: AuditTrail
    clock: Clock

    def record(self, what: str, **about: Unpack[About]) -> RecordedAct:
        """Record an act; call it before anything is changed.

        Parameters
        ----------
        what : str
            Subject and verb with a dot between: `close.stopped`.

        Raises
        ------
        TryLaterError
            It could not be recorded: change nothing.
        UserMistakeError
            The deployment has no audit trail yet.
        """
        return self.trail.append(Act(time=self.clock(), what=what, **about))

    @contextmanager
    def acting(self, what: str, **about: Unpack[About]) -> Iterator[RecordedAct]:
        """Record an act, let it be done, and record as well if that fails.

        Raises
        ------
        TryLaterError, UserMistakeError
            See `record`; nothing is done then.
        """
        made = self.record(what, **about)
        try:
            yield made
        except Exception as error:
            failed = about | About(why=_in_short(error), before="", after="", asked_by=made.name)
            with suppress(MonthCloseError):  # what went wrong first is what the caller must hear of
                self.record(FAILED, **failed)
            raise


def _in_short(error: Exception) -> str:
    """Name an error; what others than we say in theirs may have personal data in it."""
    said = str(error).partition("\n")[0] if isinstance(error, MonthCloseError) else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
