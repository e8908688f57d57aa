"""The app as the harness runs it: its servers, two workers, the scheduler and the door, each supervised."""

import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.peers.contestant import PERIOD, Booked, Part, Surroundings
from bench.peers.processes import Supervised, end, program, start, wait_until
from bench.peers.services import PostgreSQL, Redis

_CHARGE_WORKERS, _CHARGES = 2, 8
"""Charges at a time: 25 a second, each of which takes Stripe half a second, and some to spare."""
_OTHERS = 8
_START_SECONDS = 60
_SWEEP_AFTER, _SWEEP_AFTER_IN_FAULTS = 600, 150
_PATIENCE_SECONDS = 240
"""A close is given up if nothing happens for so long: the visibility timeout, a lock and the longest pause."""


class CeleryApp:
    """`Contestant`: Celery with Redis and PostgreSQL."""

    name = "Celery, Redis, PostgreSQL"

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = Path()
        self._environment: dict[str, str] = {}
        self._servers: dict[str, int] = {}
        self._workers: list[Supervised] = []
        self._scheduler: Supervised | None = None
        self._door: _Door | None = None

    def start(self, given: Surroundings) -> None:
        """Start everything and load the files."""
        self._folder = given.folder
        database = PostgreSQL()
        self._stack.callback(database.stop)
        redis = Redis(given.folder / "redis")
        self._stack.callback(redis.stop)
        self._servers = {"PostgreSQL": database.pid, "Redis": redis.pid}
        self._environment = {
            "DATABASE_URL": f"host={database.folder} user=billing dbname=postgres",
            "REDIS_SOCKET": str(redis.socket),
            "STRIPE_KEY": given.stripe_key,
            "STRIPE_URL": given.stripe_url,
            "STRIPE_RATE": str(given.stripe_rate),
            "SMTP_HOST": given.smtp_host,
            "SMTP_PORT": str(given.smtp_port),
            "SWEEP_AFTER": str(_SWEEP_AFTER_IN_FAULTS if given.faults else _SWEEP_AFTER),
        }
        self._door = _Door(self._folder / "door.log", self._environment)
        self._stack.callback(self._door.stop)
        self._door.call("load", str(given.customers), str(given.usage), str(given.prices))
        self._workers = [
            *(self._worker("charges", _CHARGES, number) for number in range(_CHARGE_WORKERS)),
            self._worker("billing", _OTHERS, 0),
        ]
        self._scheduler = self._celery("beat", f"--schedule={self._folder / 'beat'}", "--pidfile=")
        wait_until(lambda: self._ask("workers") == len(self._workers), _START_SECONDS, "starting the workers")

    def _worker(self, queue: str, processes: int, number: int) -> Supervised:
        options = (f"--queues={queue}", f"--concurrency={processes}", f"--hostname={queue}{number}@here")
        return self._celery("worker", *options)

    def _celery(self, kind: str, *options: str) -> Supervised:
        command = [program("celery"), "--app=bench.peers.celery_app.app", kind, "--loglevel=WARNING", *options]
        log = self._folder / f"{kind}.log"
        supervised = Supervised(lambda: start(command, log, self._environment))
        self._stack.callback(supervised.stop)
        return supervised

    def close(self) -> bool:
        """Start the close and wait until everybody is done with, or nothing happens any more."""
        self._ask("close", PERIOD)
        steps, deadline = -1, 0.0
        while True:
            unfinished, now = self._ask("progress", PERIOD)
            if unfinished == 0:
                return True
            if now != steps:
                steps, deadline = now, time.monotonic() + _PATIENCE_SECONDS
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)

    def follow_up(self) -> None:
        """Close again, which queues what is left."""
        self.close()

    def record_transfer(self, customer_id: str, minor: int, reference: str) -> bool:
        """Record it by the door."""
        return bool(self._ask("record_transfer", customer_id, PERIOD, minor, reference))

    def deliver_twice(self, rng: random.Random) -> str | None:
        """Put a message into its queue again while a worker has it."""
        doubled: str | None = self._ask("deliver_twice", rng.random())
        return doubled

    def parts(self) -> Sequence[Part]:
        """Name the servers, the workers with their children, the scheduler and the door."""
        named = [Part(kind, pid) for kind, pid in self._servers.items()]
        named += [Part("worker", worker.pid, worker=True) for worker in self._workers]
        if self._scheduler:
            named.append(Part("scheduler", self._scheduler.pid))
        if self._door:
            named.append(Part("door", self._door.pid))
        return named

    def mails(self) -> Sequence[str] | None:
        """All mail went to the mail server."""
        return None

    def books(self) -> Mapping[str, Booked]:
        """Read the tables."""
        return {customer_id: Booked(*minor) for customer_id, *minor in self._ask("months", PERIOD)}

    def stop(self) -> None:
        """End everything, the servers last."""
        self._stack.close()

    def _ask(self, name: str, *arguments: object) -> Any:
        if self._door is None:
            raise RuntimeError("it was not started")
        return self._door.call(name, *arguments)


class _Door:
    """The process of `door.py`; one call at a time."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        module = [program("python"), "-m", "bench.peers.celery_app.door"]
        self._process = start(module, log, environment, talking=True)
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def call(self, name: str, *arguments: object) -> Any:
        """Call a function; what went wrong there is raised here."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        with self._lock:
            stdin.write(json.dumps([name, arguments]).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()
        answer = json.loads(line or '{"error": "it ended"}')
        if "error" in answer:
            raise RuntimeError(f"the door's {name}: {answer['error']}")
        return answer["answer"]

    def stop(self) -> None:
        """End it."""
        end(self._process)
