"""What goes wrong in the second round: the same hand disturbs every contestant, at the same average pace.

The provider loses answers after it has charged; workers are killed; work comes twice; customers pay by bank transfer
while they are being charged.
"""

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.peers.contestant import Contestant
from bench.peers.meter import family
from bench.peers.month import Person
from bench.peers.provider import Provider
from tests.chaos.mischief import Mischief

KILL_EVERY, DOUBLE_EVERY = 6.0, 2.0
"""Seconds, on average."""
_SHARE_PAYING = 0.15
"""Of the customers: so many pay by bank transfer, every other one only half of it."""
_ACCOUNTANTS, ACCOUNTANT_EVERY = 2, 1.0
"""Who record them, and the seconds between two by one of them, on average."""
_LOSING = {"reset": 0.05, "cut": 0.02, "error_500": 0.02, "hang": 0.01}
"""Of the requests about payments: the money has moved, and no answer, half of it, a 500, or nothing comes for long."""
_REFUSING = {"unavailable_503": 0.01, "error_500": 0.01, "lock_timeout_429": 0.01, "reset": 0.01}
"""Of the same: nothing has happened yet."""
_HANG_SECONDS = 12


def chaos_plan(seed: int) -> Mapping[str, Any]:
    """Make the sandbox's plan (docs/sandbox.md)."""
    rules = [
        {"provider": "stripe", "endpoint": "payment_intents.*", "fault": fault, "when": when, "probability": share}
        | ({"seconds": _HANG_SECONDS} if fault == "hang" else {})
        for when, faults in (("after", _LOSING), ("before", _REFUSING))
        for fault, share in faults.items()
    ]
    return {"seed": seed, "rules": rules}


@contextlib.contextmanager
def ending_after(seconds: float, mischief: Mischief, provider: Provider) -> Iterator[None]:
    """End the trouble with the context, or when it has lasted long enough: a slow one is not to get ever more of it."""

    def end() -> None:
        mischief.end()
        provider.calm()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        end()


def kill_a_worker(contestant: Contestant) -> Callable[[random.Random], str | None]:
    """Kill one of a contestant's workers, or one of their children."""

    def step(rng: random.Random) -> str | None:
        pids = sorted(family([part for part in contestant.parts() if part.worker]))
        if not pids:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(pids), signal.SIGKILL)
            return "processes killed"
        return None

    return step


def double_work(contestant: Contestant) -> Callable[[random.Random], str | None]:
    """Make some work come twice."""

    def step(rng: random.Random) -> str | None:
        doubled = contestant.deliver_twice(rng)
        return f"{doubled} doubled" if doubled else None

    return step


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that a customer has sent to the company's bank account.

    Attributes
    ----------
    recorded_at : float
        When the contestant said that it had recorded it, in seconds since the epoch.
    """

    customer_id: str
    minor: int
    recorded_at: float


class BankTransfers:
    """Customers who have not been charged yet pay their invoice, or half of it; accountants record it at once."""

    def __init__(self, contestant: Contestant, provider: Provider, people: Sequence[Person], seed: int) -> None:
        self.recorded: list[Transfer] = []
        self._contestant = contestant
        self._provider = provider
        self._lock = threading.Lock()
        good = [person for person in people if person.can_pay]
        self._owners = {person.payer: person.customer_id for person in good}
        chosen = random.Random(seed).sample(good, round(len(good) * _SHARE_PAYING))
        self._waiting = [
            (person.customer_id, person.owes if number % 2 else person.owes // 2)
            for number, person in enumerate(chosen)
        ]
        self._number = len(chosen)
        self._sent: set[str] = set()

    @property
    def accountants(self) -> range:
        """How many record at the same time."""
        return range(_ACCOUNTANTS)

    def step(self, _rng: random.Random) -> str | None:
        """Record the next one if it is time; it is put off if it is refused for the moment.

        They come as the charges go on, whatever the pace: a share of them once that share of the people is charged.
        """
        with self._lock:
            charged = {self._owners.get(charge["customer"]) for charge in self._provider.charges()}
            # Who is charged has no reason to pay now; what was sent must be recorded all the same.
            self._waiting = [sent for sent in self._waiting if sent[0] not in charged or sent[0] in self._sent]
            due = self._number * len(charged) / len(self._owners)
            if not self._waiting or not charged or len(self.recorded) > due:
                return None
            customer_id, minor = self._waiting.pop(0)
            self._sent.add(customer_id)
        if not self._record(customer_id, minor):
            with self._lock:
                self._waiting.append((customer_id, minor))
            return "transfers refused for the moment"
        with self._lock:
            self.recorded.append(Transfer(customer_id, minor, time.time()))
        return "transfers recorded"

    def finish(self) -> None:
        """Record what was sent and refused so far: nothing is in the way any more."""
        for customer_id, minor in self._waiting:
            if customer_id in self._sent and self._record(customer_id, minor):
                self.recorded.append(Transfer(customer_id, minor, time.time()))

    def _record(self, customer_id: str, minor: int) -> bool:
        """Record one by the contestant's door; a door that fails is tried again with the same reference."""
        try:
            return self._contestant.record_transfer(customer_id, minor, f"transfer {customer_id}")
        except Exception as error:
            print(f"    the transfer of {customer_id} was not recorded: {error!r}", file=sys.stderr)
            return False
