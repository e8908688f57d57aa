"""A close against the sandbox, in real time: the real gateway and limiter, the fake Stripe with its limit enforced.

Only AWS is in memory, so that a close waits for the provider as it does on AWS, not for this machine.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.assembly.limiting import Limiting
from monthclose.bootstrap import utc_now
from monthclose.domain.closes.close import Batch, Close
from monthclose.domain.closes.forecast import TENTHS, Forecast
from monthclose.domain.closes.standing import Standing
from monthclose.domain.period import Period
from monthclose.ports import PaymentGateway
from monthclose.settings import Provider
from monthclose.use_cases.closes.snapshot import read_batches
from tests.world import World

RATE = 25
_KEY = "sk_test_sandbox"
_PROVIDER = Provider("stripe", "queue", "secret", "", RATE, maximum_concurrency=7, burst=5)
_MOST_WAITING = 60.0
_LATENCY_MS = 400
_ROOT = Path(__file__).parents[1]


@dataclass
class _Real(World):
    """The world in memory, with the real clock and the sandbox as its provider."""

    clock: Any = field(default_factory=lambda: utc_now)
    throttled: PaymentGateway | None = None

    @property
    def gateways(self) -> Any:
        return {"stripe": lambda: self.throttled}


class RealClose:
    """A close of last month's customers, who all pay by card.

    Attributes
    ----------
    said : list of tuple
        The forecasts made at each tenth while it ran: the share, when, and the forecast.
    """

    def __init__(self, customers: int, sandbox: str) -> None:
        self.period = Period.of(utc_now()).previous
        self.world = _Real(providers={"stripe": _PROVIDER})
        self.world.mail_account.per_second = 1_000
        limiting = Limiting(self.world.limits, utc_now, _MOST_WAITING)
        self.world = _Real(
            books=self.world.books,
            usage=self.world.usage,
            limits=self.world.limits,
            mail_account=self.world.mail_account,
            providers=self.world.providers,
            throttled=limiting.limited(StripeGateway(_KEY, sandbox), _PROVIDER),
        )
        self.said: list[tuple[str, float, Forecast]] = []
        for number in range(customers):
            name = self.world.add_customer(f"cust-{number:07}", method="pm_card_visa")
            self.world.use(name, f"{5 + number % 200}.00", period=self.period)

    def run(self) -> Close:
        """Close, and forecast at each tenth on the way; returns the close as it ended."""
        run = self.world.open(self.period)
        closing = threading.Thread(target=self._close, args=(run,))
        closing.start()
        while closing.is_alive() and not self._standing()[0].customers:
            time.sleep(0.01)
        self._look("start")
        for share in TENTHS:
            while closing.is_alive() and self._share() < share:
                time.sleep(0.05)
            self._look(f"{share:.0%}")
        closing.join()
        close = self.world.closes.get(self.period)
        assert close
        assert close.completed_at
        return close

    def _close(self, run: int) -> None:
        world = self.world
        plan = world.planner.plan(self.period, run)
        batches = list(read_batches(world.documents, plan.round_key))
        with ThreadPoolExecutor(_PROVIDER.threads * _PROVIDER.maximum_concurrency) as threads:
            list(threads.map(lambda batch: self._one(batch, plan.close.round), batches))
        world.use_cases.remaining_sender.send(self.period)
        world.workflow.running.clear()
        world.reporter.report(self.period, run)

    def _one(self, batch: Batch, round_number: int) -> None:
        self.world.close_batch(self.period, batch, round_number)

    def _standing(self) -> tuple[Close, Standing]:
        close = self.world.closes.get(self.period)
        assert close
        return close, self.world.use_cases.close_follower.standing(close)

    def _share(self) -> float:
        close, standing = self._standing()
        return standing.charges_tried / close.customers if close.customers else 0.0

    def _look(self, when: str) -> None:
        follower, (close, standing) = self.world.use_cases.close_follower, self._standing()
        found = follower.forecast(close, standing, follower.lanes(standing))
        if found:
            self.said.append((when, (utc_now() - close.run_started_at).total_seconds(), found))


@contextmanager
def sandbox_with_limit() -> Iterator[str]:
    """Run the fake providers, with Stripe's limit of an endpoint enforced; the context is their address."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "sandbox", "--ready-file", str(ready), "--rate-limit", f"stripe={RATE}"]
        command += ["--latency-ms", str(_LATENCY_MS)]
        process = subprocess.Popen(command, cwd=_ROOT)
        try:
            while not ready.exists() or not ready.read_text():
                if process.poll() is not None:
                    raise RuntimeError("the sandbox ended")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{ready.read_text().strip()}"
        finally:
            process.terminate()
            process.wait()
