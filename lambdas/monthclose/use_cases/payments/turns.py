"""Whose turn it is: which of the batches that a worker was given together it begins, and when.

A worker is given up to ten batches and has a few minutes. Small ones are charged side by side. Of large ones it begins
the next when its threads run out of customers, and only if it can be finished in time: a batch that goes back half done
costs reading all of its customers twice, and one that was not begun costs nothing.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from monthclose.use_cases.payments.waiting_task import WaitingTask


class Turn:
    """A batch's turn. Any number of threads may use it.

    Attributes
    ----------
    left : float
        Customers whose charges are still to be begun; infinite until that is known.
    """

    def __init__(self, turns: "Turns") -> None:
        self._turns = turns
        self.left = math.inf

    def expects(self, customers: int) -> None:
        """Say how many customers the batch has."""
        with self._turns.changed:
            self.left = customers
            self._turns.largest = max(self._turns.largest, customers)
            self._turns.changed.notify_all()

    def begins(self) -> None:
        """Say that a customer's charge is begun."""
        with self._turns.changed:
            self.left -= 1
            self._turns.begun += 1
            self._turns.changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let no more batches begin: the provider is not to be asked for some seconds."""
        with self._turns.changed:
            self._turns.pause_seconds = max(self._turns.pause_seconds, seconds)


class Turns:
    """The turns of the batches that a worker was given together, each handled by a thread.

    Parameters
    ----------
    threads : int
        How many customers the worker charges at once.
    per_second : float
        How many it charges a second: its share of the provider's limit.

    Attributes
    ----------
    largest, begun : int
        Customers of the largest batch, and those whose charges were begun, as the turns say.
    pause_seconds : float
        After how long it is worth trying a batch that had no turn.
    """

    def __init__(self, threads: int, per_second: float) -> None:
        self._threads, self._per_second = threads, per_second
        self._turns = list[Turn]()
        self._came, self._seconds = 0, 0.0
        self.changed = threading.Condition()
        self.largest = self.begun = 0
        self.pause_seconds = 0.0

    @contextmanager
    def turn(self, task: WaitingTask) -> Iterator[Turn | None]:
        """Wait for a batch's turn; None if it has none: its task is over, or the worker has no time for it."""
        turn = None if task.is_over() else self._take(task)
        try:
            yield turn
        finally:
            with self.changed:
                if turn:
                    self._turns.remove(turn)
                self.changed.notify_all()

    def _take(self, task: WaitingTask) -> Turn | None:
        with self.changed:
            place, self._came = self._came, self._came + 1
            if not place:
                self._seconds = task.seconds_left
            self.changed.wait_for(lambda: self._is_surplus(place) or self._left < self._threads)
            if self.pause_seconds or self._is_surplus(place) or not self._has_time(task.seconds_left):
                return None
            self._turns.append(Turn(self))
            return self._turns[-1]

    @property
    def _left(self) -> float:
        """Customers of the batches begun who wait for a thread: infinite while a batch's size is not known."""
        return sum(turn.left for turn in self._turns)

    def _is_surplus(self, place: int) -> bool:
        """Whether those before a batch take up the worker's time: then it need not wait here, others may have time."""
        return place > 0 and (place + 1) * self.largest > self._per_second * self._seconds

    def _has_time(self, seconds_left: float) -> bool:
        """Whether another batch can be finished, at the pace until now."""
        passed = self._seconds - seconds_left
        return (self._left + self.largest) * passed <= seconds_left * self.begun if self.begun else seconds_left > 0
