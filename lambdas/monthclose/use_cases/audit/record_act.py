"""Records acts: before the change is made, so that none is made without a record of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Unpack

from monthclose.domain.audit import DONE, FAILED, About, Act, RecordedAct
from monthclose.errors import MonthCloseError
from monthclose.ports import AuditTrail, Clock, Log


@dataclass(frozen=True, slots=True)
class ActRecorder:
    """Appends acts to the audit trail."""

    trail: AuditTrail
    clock: Clock
    log: Log

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
    def acting(self, what: str, **about: Unpack[About]) -> Iterator["Announced"]:
        """Record an act and let it be done; if it fails, record that as well.

        Raises
        ------
        TryLaterError, UserMistakeError
            See `record`; nothing is done then.
        """
        announced = Announced(self, self.record(what, **about))
        try:
            yield announced
        except Exception as error:
            announced.failed(error)
            raise


@dataclass(frozen=True, slots=True)
class Announced:
    """An act that was recorded, and is being done."""

    recorder: ActRecorder
    made: RecordedAct

    def done(self, after: str) -> None:
        """Record what came of it, where the act itself could not say it: counts, numbers, states."""
        self._follow(DONE, after=after)

    def failed(self, error: Exception) -> None:
        """Record that it was not done, or only in part."""
        self._follow(FAILED, why=_in_short(error))

    def _follow(self, what: str, *, why: str = "", after: str = "") -> None:
        """Record what came of it. If that fails, the log says so: what is done stays done, and the act is recorded."""
        act = self.made.act
        try:
            self.recorder.record(
                what,
                by=act.by,
                why=why,
                after=after,
                period=act.period,
                customer_id=act.customer_id,
                invoice=act.invoice,
                follows=self.made.name,
            )
        except MonthCloseError as error:
            said = {"act": self.made.name, "error": str(error)}
            self.recorder.log.warning("what came of an act could not be recorded in the audit trail", extra=said)


def _in_short(error: Exception) -> str:
    """Name an error; what libraries say in theirs may have personal data in it."""
    said = str(error).partition("\n")[0] if isinstance(error, MonthCloseError) else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
