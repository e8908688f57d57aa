"""The program as the harness runs it: by cron, which starts it again while it has not ended well."""

import random
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.peers.contestant import PERIOD, Booked, Part, Surroundings
from bench.peers.one_process.books import Books
from bench.peers.processes import end, program, start

_STARTS = 5
"""So often it is started again after it was killed, before it is given up for the day."""
_CALL_SECONDS = 60
_FOLLOW_UPS = 4


class OneProcess:
    """`Contestant`: one process, customer after customer."""

    name = "one process"

    def __init__(self) -> None:
        self._folder = Path()
        self._environment: dict[str, str] = {}
        self._running: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()

    def start(self, given: Surroundings) -> None:
        """Load the files."""
        self._folder = given.folder
        self._environment = {
            "STRIPE_KEY": given.stripe_key,
            "STRIPE_URL": given.stripe_url,
            "SMTP_HOST": given.smtp_host,
            "SMTP_PORT": str(given.smtp_port),
        }
        if self._begin("load", str(given.customers), str(given.usage), str(given.prices)).wait():
            raise RuntimeError(f"the files could not be loaded: see {self._log}")

    def close(self) -> bool:
        """Run the program; it is started again if it was killed."""
        return any(self._run() for _ in range(_STARTS))

    def _run(self) -> bool:
        """Start it and wait until it has ended, with one that cron had started before: it may be that which works."""
        running = [*self._alive(), self._begin("close", PERIOD)]
        return any([process.wait() == 0 for process in running])  # noqa: C419 - all are waited for

    def follow_up(self) -> None:
        """Run it until nobody is left, with a pause after which charges of unknown outcome can be looked up."""
        for _ in range(_FOLLOW_UPS):
            if self._run() or self._over.wait(_CALL_SECONDS):
                return

    def record_transfer(self, customer_id: str, minor: int, reference: str) -> bool:
        """Record it in the books that the program works with."""
        with Books(self._books) as books:
            return books.record_transfer(customer_id, PERIOD, minor, reference)

    def deliver_twice(self, rng: random.Random) -> str | None:
        """Let cron start the program while it runs."""
        del rng
        if not self._alive():
            return None
        self._begin("close", PERIOD)
        return "starts of the program"

    def parts(self) -> Sequence[Part]:
        """Name the program, while it runs."""
        return [Part("program", process.pid, worker=True) for process in self._alive()]

    def mails(self) -> Sequence[str] | None:
        """All mail went to the mail server."""
        return None

    def books(self) -> Mapping[str, Booked]:
        """Read the file."""
        with Books(self._books) as books:
            return {customer_id: Booked(*minor) for customer_id, *minor in books.months(PERIOD)}

    def stop(self) -> None:
        """End what still runs."""
        self._over.set()
        for process in self._alive():
            end(process)

    @property
    def _books(self) -> Path:
        return self._folder / "books.sqlite"

    @property
    def _log(self) -> Path:
        return self._folder / "one_process.log"

    def _alive(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in list(self._running) if process.poll() is None]

    def _begin(self, *command: str) -> subprocess.Popen[bytes]:
        module = [program("python"), "-m", "bench.peers.one_process", "--books", str(self._books)]
        process = start([*module, *command], self._log, self._environment)
        self._running.append(process)
        return process
