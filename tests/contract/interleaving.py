"""Programs that run at once, one request at a time, in every order that there is, and what goes wrong meanwhile.

Each program is a thread that waits before each of its requests until it is its turn, so a schedule decides everything,
and the same schedule gives the same run. A program may die at a request, and begins again then. Its request may arrive
twice because the first answer got lost: that is what the SDK does after a reset, and the program hears the second
answer. Reads that need not be consistent may be answered as it was before the last writes.
"""

import copy
import json
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from moto.core.models import botocore_stubber
from moto.dynamodb.models.table import Table

from tests.requests_of import in_front_of, operation_of
from tests.unit.dying import DiedError

type Program = Callable[[], object]
type Place = tuple[int, int]
"""A program's number and its request's, both from 0; it goes on counting when it begins again."""
_PATIENCE = 20
"""Seconds that a program may take from one request to the next."""
_LAG = 3
"""How many writes a read may miss that need not be consistent."""


class Fault(Enum):
    """What goes wrong at a request."""

    DIES_BEFORE = auto()
    DIES_AFTER = auto()
    ARRIVES_TWICE = auto()


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who goes first, and what goes wrong.

    Parameters
    ----------
    turns : sequence of int
        Which of the programs that still run takes each step (or the last, if they are not so many); then the first.
        One that begins again is the last of them.
    stale : int or None
        The seed of what reads that need not be consistent miss; None: they miss nothing.
    """

    turns: Sequence[int] = ()
    faults: Mapping[Place, Fault] = field(default_factory=dict)
    stale: int | None = None


@dataclass
class Run:
    """What happened."""

    answers: list[Any]
    """What each program returned in the end."""
    deaths: list[int]
    """How often each died."""
    calls: list[str] = field(default_factory=list)


class _Process(threading.Thread):
    """A program, from its beginning to its end or death."""

    def __init__(self, number: int, program: Program) -> None:
        super().__init__(daemon=True)
        self.number, self.program = number, program
        self.ended, self.died = False, False
        self.answer: object = None
        self.error: BaseException | None = None
        self.its_turn, self.waiting = threading.Semaphore(0), threading.Semaphore(0)

    def run(self) -> None:
        try:
            self.answer = self.program()
        except DiedError:
            self.died = True
        except BaseException as error:
            self.error = error
        self.ended = True
        self.waiting.release()

    def await_next(self) -> None:
        """Wait until it is about to ask for something, or has ended."""
        assert self.waiting.acquire(timeout=_PATIENCE), "a program asks for nothing, and does not end"


class Interleaver:
    """Runs programs, each of one thread, against DynamoDB's emulator in this process.

    Parameters
    ----------
    tables : mapping
        The emulator's, by their names.
    name : str
        The one that may be seen as it was.
    """

    def __init__(self, tables: Mapping[str, Table], name: str) -> None:
        self._tables, self._name = tables, name
        self._current: _Process | None = None
        self._requests: list[int] = []
        self._place: Place = (0, 0)
        self._now: Any = None
        """The table as it is, while a read is answered by what it was."""
        self._schedule, self._run = Schedule(), Run([], [])
        self._states: list[Any] = []
        self._remembered: list[Any] = []

    @contextmanager
    def of(self, client: Any) -> Iterator["Interleaver"]:
        """Stand in front of a client."""
        with in_front_of(client, self._before, self._after):
            yield self

    def remember(self) -> None:
        """Remember the table as it is, and what was in it before."""
        self._remembered = list(self._states)

    def restore(self) -> None:
        """Make the table as it was."""
        self._table.items = copy.deepcopy(self._remembered[-1]) if self._remembered else defaultdict(dict)
        self._states = list(self._remembered)

    def run(self, programs: Sequence[Program], schedule: Schedule) -> Run:
        """Run programs to their end."""
        count, errors = len(programs), list[BaseException]()
        self._schedule, self._run, self._requests = schedule, Run([None] * count, [0] * count), [0] * count
        running = [self._begun(number, program) for number, program in enumerate(programs)]
        turns = iter(schedule.turns)
        while running:
            process = running[min(next(turns, 0), len(running) - 1)]
            if not process.ended:
                process.its_turn.release()
                process.await_next()
            if not process.ended:
                continue
            running.remove(process)
            self._run.answers[process.number] = process.answer
            if process.died:
                self._run.deaths[process.number] += 1
                running.append(self._begun(process.number, process.program))
            elif process.error:
                errors.append(process.error)
        self._current = None
        if errors:
            raise errors[0]
        return self._run

    @property
    def _table(self) -> Any:
        """The table: a transaction that is refused puts another one in its place."""
        return self._tables[self._name]

    def _begun(self, number: int, program: Program) -> _Process:
        """Let a program come to its first request."""
        self._current = process = _Process(number, program)
        process.start()
        process.await_next()
        return process

    def _before(self, event_name: str, request: Any, **_: object) -> None:
        operation = operation_of(request)
        if self._current:
            self._take_turn(self._current, operation)
        match self._fault():
            case Fault.DIES_BEFORE:
                raise DiedError
            case Fault.ARRIVES_TWICE:
                botocore_stubber(event_name, request)  # the answer is not heard
        if self._current and self._schedule.stale is not None and not _consistent(json.loads(request.body)):
            chance = random.Random(f"{self._schedule.stale} {len(self._run.calls)}")
            self._now = self._table.items
            self._table.items = chance.choice([self._table.items, *self._states[-_LAG:]])

    def _take_turn(self, process: _Process, operation: str) -> None:
        process.waiting.release()
        assert process.its_turn.acquire(timeout=_PATIENCE), "it never was its turn"
        self._current = process
        self._place = process.number, self._requests[process.number]
        self._requests[process.number] += 1
        self._run.calls.append(f"{process.number} {operation}")

    def _fault(self) -> Fault | None:
        return self._schedule.faults.get(self._place) if self._current else None

    def _after(self, **_: object) -> None:
        if self._now is not None:
            self._table.items, self._now = self._now, None
        elif not self._current or self._schedule.stale is not None:
            self._states.append(copy.deepcopy(self._table.items))
        if self._fault() is Fault.DIES_AFTER:
            raise DiedError


def _consistent(arguments: dict[str, Any]) -> bool:
    """Whether a request must see everything: only reads that don't ask for that need not."""
    asked = [*arguments.get("RequestItems", {}).values()] or [arguments]
    reads = [each for each in asked if isinstance(each, dict) and {"Keys", "Key", "KeyConditionExpression"} & {*each}]
    written = {"Item", "UpdateExpression", "ReturnValues"} & {*arguments}
    return bool(written) or not reads or all(each.get("ConsistentRead") for each in reads)
