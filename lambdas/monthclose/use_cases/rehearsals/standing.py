"""Whether a rehearsal still counts: a newer one replaces it, and a close that begins ends it."""

from monthclose.domain.closes.close import Close
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.ports import Closes, Rehearsals


def standing(rehearsals: Rehearsals, closes: Closes, period: Period, number: int) -> tuple[Rehearsal, Close | None]:
    """Read a rehearsal that is under way, and the period's close.

    Raises
    ------
    UserMistakeError
        It no longer counts.
    """
    rehearsal, close = rehearsals.get(period), closes.get(period)
    if rehearsal is None or rehearsal.number != number:
        raise UserMistakeError(f"rehearsal {number} of {period} has been replaced by a newer one")
    if begun_since(close, rehearsal):
        raise UserMistakeError(
            f"a close of {period} has begun meanwhile, so its rehearsal ends here: its drafts would be out of date"
        )
    return rehearsal, close


def begun_since(close: Close | None, rehearsal: Rehearsal) -> bool:
    """Whether a run of the close began after a rehearsal that is not its own."""
    return close is not None and close.execution != rehearsal.execution and close.run_started_at > rehearsal.started_at
