"""Programs that run at once, one request at a time, in every order that there is, dying where a schedule says so.

Each program is a thread that waits before each of its requests until it is its turn, so a schedule decides everything,
and the same schedule gives the same run. What a program asks for while it is its turn is its own, whichever of its
threads asks. A program may die before a request, or its request may arrive twice because the first answer got lost:
that is what the SDK does after a reset, and the program hears the second answer. Reads that need not be consistent may
be answered as it was before the last writes.
"""

import copy
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import botocore.client
from moto.dynamodb.models.table import Table

from tests.unit.dying import DiedError

type Program = Callable[[], object]
_PATIENCE = 20
"""Seconds that a program may take from one request to the next."""
_LAG = 3
"""How many writes a read may miss that need not be consistent."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who goes first, and what goes wrong.

    Parameters
    ----------
    turns : tuple of int
        Which of the programs that still run takes each step (or the last, if they are not so many); then the first.
    dies, twice : tuple of int, or None
        A program's number and its request's, both from 0: it dies before it, or it arrives twice.
    stale : int or None
        The seed of what reads that need not be consistent miss; None: they miss nothing.
    """

    turns: tuple[int, ...] = ()
    dies: tuple[int, int] | None = None
    twice: tuple[int, int] | None = None
    stale: int | None = None


@dataclass
class Run:
    """What happened."""

    answers: list[object] = field(default_factory=list)
    """What each program returned; None if it died."""
    calls: list[str] = field(default_factory=list)


class _Process(threading.Thread):
    """A program."""

    def __init__(self, program: Program) -> None:
        super().__init__(daemon=True)
        self.program, self.requests = program, 0
        self.answer: object = None
        self.fault: BaseException | None = None
        self.its_turn, self.waiting = threading.Semaphore(0), threading.Semaphore(0)

    def run(self) -> None:
        try:
            self.answer = self.program()
        except DiedError:
            pass
        except BaseException as fault:
            self.fault = fault
        self.program = _ENDED
        self.waiting.release()

    @property
    def ended(self) -> bool:
        return self.program is _ENDED


def _ENDED() -> None:  # noqa: N802
    """Stand for a program that has ended."""


class Interleaver:
    """Runs programs against DynamoDB's emulator in this process."""

    def __init__(self) -> None:
        self._current: _Process | None = None
        self._processes: list[_Process] = []
        self._schedule, self._run = Schedule(), Run()
        self._table: Any = None
        self._states: list[Any] = []
        self._remembered: list[Any] = []

    @contextmanager
    def on(self, table: Table) -> Iterator["Interleaver"]:
        """Stand between all clients and DynamoDB, of which this table is aged."""
        base: Any = botocore.client.BaseClient
        real, self._table = base._make_api_call, table

        def asked(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            ask = partial(real, client, operation, arguments)
            if client.meta.service_model.service_id != "DynamoDB":
                return ask()
            if self._current is None:
                return self._noted(ask, operation)
            return self._asked(ask, operation, _consistent(arguments))

        base._make_api_call = asked
        try:
            yield self
        finally:
            base._make_api_call = real

    def remember(self) -> None:
        """Remember the table as it is, and what was in it before."""
        self._remembered = list(self._states)

    def restore(self) -> None:
        """Make the table as it was."""
        self._table.items = copy.deepcopy(self._remembered[-1]) if self._remembered else defaultdict(dict)
        self._states = list(self._remembered)

    def run(self, programs: Sequence[Program], schedule: Schedule) -> Run:
        """Run programs to their end, or their death."""
        self._schedule, self._run = schedule, Run()
        self._processes = [_Process(program) for program in programs]
        for process in self._processes:
            self._go(process)
        turns = iter(schedule.turns)
        while running := [process for process in self._processes if not process.ended]:
            turn = min(next(turns, 0), len(running) - 1)
            running[turn].its_turn.release()
            self._await(running[turn])
        self._current = None
        for process in self._processes:
            if process.fault:
                raise process.fault
        self._run.answers = [process.answer for process in self._processes]
        return self._run

    def _go(self, process: _Process) -> None:
        """Let a program come to its first request."""
        self._current = process
        process.start()
        assert process.waiting.acquire(timeout=_PATIENCE), "a program asks for nothing, and does not end"

    def _await(self, process: _Process) -> None:
        assert process.waiting.acquire(timeout=_PATIENCE), "a program asks for nothing, and does not end"

    def _asked(self, ask: Callable[[], Any], operation: str, consistent: bool) -> Any:
        process = self._current
        assert process
        process.waiting.release()
        assert process.its_turn.acquire(timeout=_PATIENCE), "it never was its turn"
        self._current = process
        place = self._processes.index(process), process.requests
        process.requests += 1
        self._run.calls.append(f"{place[0]} {operation}")
        if self._schedule.dies == place:
            raise DiedError
        if self._schedule.twice == place:
            with suppress(Exception):  # the answer is not heard
                ask()
        if not consistent and self._schedule.stale is not None:
            return self._aged(ask, len(self._run.calls))
        return self._noted(ask, operation)

    def _noted(self, ask: Callable[[], Any], operation: str) -> Any:
        """Do a request, and note the state of the table after a write."""
        answer = ask()
        if not operation.startswith(("BatchGet", "Get", "Query", "Scan")):
            self._states.append(copy.deepcopy(self._table.items))
        return answer

    def _aged(self, ask: Callable[[], Any], step: int) -> Any:
        """Answer a read from one of the last states of the table."""
        now = self._table.items
        self._table.items = random.Random(f"{self._schedule.stale} {step}").choice([now, *self._states[-_LAG:]])
        try:
            return ask()
        finally:
            self._table.items = now


def _consistent(arguments: dict[str, Any]) -> bool:
    """Whether a request must see everything: only reads that don't ask for that need not."""
    asked = [*arguments.get("RequestItems", {}).values()] or [arguments]
    reads = [each for each in asked if isinstance(each, dict) and {"Keys", "Key", "KeyConditionExpression"} & {*each}]
    written = {"Item", "UpdateExpression", "ReturnValues"} & {*arguments}
    return bool(written) or not reads or all(each.get("ConsistentRead") for each in reads)
