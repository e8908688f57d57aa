"""The fake Stripe that all contestants charge: a process for each round, with a limit that it enforces and a record."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

KEY, WEBHOOK_SECRET = "sk_test_sandbox", "whsec_sandbox"
LATENCY_MS = 400
"""The median; one call in a hundred takes 3.2 times as long."""
_ACCOUNT_TIMES = 4
"""Stripe allows so many times an endpoint's limit for all endpoints together."""
_ROOT = Path(__file__).parents[2]
_MOVING = ("payment_intents.confirm", "payment_intents.create")


class Provider:
    """The sandbox's controls and its records."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/_sandbox", trust_env=False, timeout=30)

    def open(self, rate: int) -> None:
        """Enforce the limit, and be as slow as a provider is."""
        self._put("limits", {"stripe": {"rate": rate, "account_rate": _ACCOUNT_TIMES * rate}})
        self._put("latency", {"median_ms": LATENCY_MS})

    def disturb(self, plan: Mapping[str, Any]) -> None:
        """Put a chaos plan in force."""
        self._put("chaos", plan)

    def calm(self) -> None:
        """End it."""
        self._http.delete("/chaos").raise_for_status()

    def charges(self) -> list[dict[str, Any]]:
        """List the successful charges: who, how much, when."""
        return self._get("charges")  # type: ignore[no-any-return]

    def movements(self) -> list[dict[str, Any]]:
        """List all money that moved: charges, and refunds as negative amounts."""
        return self._get("movements")  # type: ignore[no-any-return]

    def requests(self) -> Mapping[str, Mapping[str, int]]:
        """Count requests, by endpoint and status."""
        return self._get("requests")["stripe"]  # type: ignore[no-any-return]

    def faults(self) -> Mapping[str, int]:
        """Count what really went wrong, by fault."""
        found: dict[str, int] = {}
        for counts in self._get("faults").get("stripe", {}).values():
            for fault, number in counts.items():
                found[fault] = found.get(fault, 0) + number
        return found

    def _get(self, route: str) -> Any:
        return self._http.get(f"/{route}").raise_for_status().json()

    def _put(self, route: str, document: Mapping[str, Any]) -> None:
        self._http.put(f"/{route}", json=document).raise_for_status()


class LastCharge:
    """Notes when the last request that moves money was answered: charges have their time in whole seconds only."""

    def __init__(self, provider: Provider) -> None:
        self.at = 0.0
        self._provider = provider
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        before = 0
        while not self._over.wait(0.2):
            with suppress(httpx.HTTPError):
                requests = self._provider.requests()
                answered = sum(requests.get(endpoint, {}).get("200", 0) for endpoint in _MOVING)
                if answered > before:
                    before, self.at = answered, time.time()


@contextmanager
def provider(seed: int, log: Path) -> Iterator[Provider]:
    """Run one, without limits for now, for as long as the context lasts."""
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as output:
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "sandbox", "--ready-file", str(ready), "--seed", str(seed)]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=output, stderr=output)
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise RuntimeError(f"the sandbox ended: {log}")
                time.sleep(0.05)
            yield Provider(f"http://127.0.0.1:{ready.read_text().strip()}")
        finally:
            process.terminate()
            process.wait()
