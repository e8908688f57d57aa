"""The task of a state machine that waits for a batch to be charged, and the time that is left for it."""

import threading
from collections.abc import Callable

from monthclose.ports import Workflow

_SHARE_TO_HAND_BACK = 0.25
"""What is kept of the function's time: of 300 s enough for one provider call and its repetition at their time-outs
(20 s each), and to tell how far we got."""
_HEARTBEAT_SECONDS = 30


class WaitingTask:
    """A waiting task, and the time that is left for it.

    Parameters
    ----------
    token : str
        What answers it.
    milliseconds_left : callable
        How much time the function has left.
    """

    def __init__(self, workflow: Workflow, token: str, milliseconds_left: Callable[[], int]) -> None:
        self._workflow, self._token, self._left = workflow, token, milliseconds_left
        self._kept = milliseconds_left() * _SHARE_TO_HAND_BACK
        self._next_beat = milliseconds_left()
        self._lock = threading.Lock()
        self.waits = True

    @property
    def seconds_left(self) -> float:
        """For how many seconds something may still be begun."""
        return (self._left() - self._kept) / 1000

    def is_over(self) -> bool:
        """Whether to begin with nothing more: time is up, or nobody waits any more. Sends the heartbeats."""
        left = self._left()
        with self._lock:
            if left <= self._next_beat and self.waits:
                self._next_beat = left - _HEARTBEAT_SECONDS * 1000
                self.waits = self._workflow.still_waits(self._token)
        return left < self._kept or not self.waits
