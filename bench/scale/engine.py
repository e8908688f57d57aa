"""Virtual time: processes are generators that yield how long they wait, or what they wait for."""

import heapq
from collections.abc import Callable, Generator
from typing import Any

type Process[T] = Generator[float | Signal, Any, T]


class Signal:
    """Something that one process waits for and another brings about, once."""

    def __init__(self) -> None:
        self.fired = False
        self.value: object = None
        self._waiting: Callable[[object], None] | None = None

    def fire(self, value: object = None) -> None:
        """Bring it about; a second time changes nothing."""
        if self.fired:
            return
        self.fired, self.value = True, value
        if self._waiting:
            self._waiting(value)

    def wait(self, then: Callable[[object], None]) -> None:
        """Call `then` once it has happened."""
        if self.fired:
            then(self.value)
        else:
            self._waiting = then


class Loop:
    """Runs processes in the order of virtual time, in seconds since the start of the close."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._queue: list[tuple[float, int, Callable[[object], None], object]] = []
        self._number = 0

    def at(self, time: float, call: Callable[[object], None], value: object = None) -> None:
        """Call something at a time."""
        self._number += 1
        heapq.heappush(self._queue, (max(time, self.now), self._number, call, value))

    def start(self, process: Process[Any], done: Callable[[Any], None] | None = None) -> None:
        """Start a process; `done` gets what it returns."""

        def resume(value: object) -> None:
            try:
                what = process.send(value)
            except StopIteration as end:
                if done:
                    done(end.value)
                return
            if isinstance(what, Signal):
                what.wait(lambda answer: self.at(self.now, resume, answer))
            else:
                self.at(self.now + what, resume)

        self.at(self.now, resume)

    def run(self, until: float = float("inf")) -> None:
        """Run until nothing is left to happen, or until a time."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, call, value = heapq.heappop(self._queue)
            self.events += 1
            call(value)
