"""A pause of charging by a person: of one provider, or of one close. It lasts until a person ends it.

It is not the circuit of `provider_health`, which opens and closes by itself: neither of the two ends the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

FIRST_RETURN_SECONDS = 10
"""A batch that is paused comes back to its queue after so many seconds at the earliest,"""
_LAST_RETURN_SECONDS = (20, 900)
"""and as long as its close takes to charge at the latest, but not before, and not after, so many seconds: SQS delays no
message for longer."""
_GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, are spread evenly however many there are (Weyl's sequence)."""


@dataclass(frozen=True, slots=True)
class Pause:
    """That a person paused charging, and whether another one has ended that.

    Parameters
    ----------
    reason : str
        May be empty.
    """

    time: datetime
    by: str
    reason: str = ""
    ended_at: datetime | None = None
    ended_by: str = ""

    @property
    def in_force(self) -> bool:
        """Whether nobody has ended it."""
        return self.ended_at is None

    def end(self, time: datetime, by: str) -> Pause:
        """End it."""
        return replace(self, ended_at=time, ended_by=by)

    def lasted_until(self, time: datetime) -> bool:
        """Whether it was still in force at a time."""
        return self.ended_at is None or self.ended_at >= time

    def in_words(self) -> str:
        """Say by whom and when: `by ada on 2026-11-01 00:12 UTC: wrong prices`."""
        return f"by {self.by} on {self.time:%Y-%m-%d %H:%M} UTC: {self.reason or 'no reason given'}"

    def end_in_words(self) -> str:
        """Say who ended it and when."""
        return f"by {self.ended_by} on {self.ended_at:%Y-%m-%d %H:%M} UTC"

    def to_json(self) -> dict[str, Any]:
        """Write it for JSON."""
        return {
            "time": self.time.isoformat(),
            "by": self.by,
            "reason": self.reason,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "ended_by": self.ended_by,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Pause:
        """Read it from JSON."""
        ended = content["ended_at"]
        return cls(
            datetime.fromisoformat(content["time"]),
            content["by"],
            content["reason"],
            datetime.fromisoformat(ended) if ended else None,
            content["ended_by"],
        )


def return_seconds(expected_seconds: float, batch: int) -> int:
    """After how many seconds a paused batch comes back to its queue, to see whether it may be charged.

    They are spread over the time that charging takes, so that after a pause they come about as fast as the provider
    takes them, the first ones at once; and a long close that is paused for a day costs a few messages a second.

    Parameters
    ----------
    expected_seconds : float
        How long the close takes to charge.
    batch : int
        The batch's number: each comes back at another moment.
    """
    least, most = _LAST_RETURN_SECONDS
    last = min(max(expected_seconds, least), most)
    return round(FIRST_RETURN_SECONDS + (last - FIRST_RETURN_SECONDS) * (batch * _GOLDEN % 1))
