"""The sandbox's own endpoints, its process, its latency."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx

from sandbox.__main__ import main
from sandbox.latency import LogNormalLatency
from sandbox.server import listen
from sandbox.wire import Execution, Request, Response

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    import stripe

    from sandbox.stripe import StripeSandbox

READY_LINE = "Stripe is at"


def test_the_ledger_is_filtered_and_reset(client: stripe.StripeClient, served: StripeSandbox, url: str) -> None:
    customers = [client.v1.customers.create().id for _ in range(2)]
    paid = [
        client.v1.payment_intents.create(
            {
                "amount": 900,
                "currency": "eur",
                "customer": customer,
                "payment_method": "pm_card_visa",
                "confirm": True,
                "off_session": True,
            }
        ).id
        for customer in customers
    ]

    def moved(**filters: str) -> list[str]:
        ledger = httpx.get(f"{url}/_sandbox/charges", params=filters).json()
        return [entry["payment_intent"] for entry in ledger]

    assert moved() == paid
    assert moved(customer=customers[0]) == paid[:1]
    assert moved(payment_intent=paid[1]) == paid[1:]
    assert moved(customer=customers[0], payment_intent=paid[1]) == []
    assert httpx.get(f"{url}/_sandbox/health").json() == {"status": "ok", "providers": ["stripe"]}
    assert httpx.get(f"{url}/_sandbox/requests").json() == {
        "stripe": {"customers.create": {"200": 2}, "payment_intents.create": {"200": 2}}
    }

    assert httpx.post(f"{url}/_sandbox/reset").status_code == 200
    assert moved() == []
    assert client.v1.customers.list().data == []


def test_the_process_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path) -> None:
    ready_file = tmp_path / "port"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--ready-file", str(ready_file), "--api-key", "sk_other"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            # Each line comes once the thing it says is done, so reading it is waiting for it.
            first = process.stderr.readline()
            answer = httpx.get(
                f"http://127.0.0.1:{ready_file.read_text(encoding='ascii').strip()}/v1/customers",
                headers={"Authorization": "Bearer sk_other"},
            )
            process.send_signal(signal.SIGTERM)
            last = process.stderr.read()
            code = process.wait(timeout=30)
        finally:
            process.kill()
    assert READY_LINE in first
    assert answer.status_code == 200
    assert (code, last) == (0, "sandbox: ended\n")
    assert not ready_file.exists()


def test_a_port_that_is_taken_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with listen() as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    assert capsys.readouterr().err == f"sandbox: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_latency_has_the_median_asked_for_and_is_repeatable() -> None:
    def delays(seed: int) -> list[float]:
        slept: list[float] = []
        layer = LogNormalLatency(200, seed, slept.append)
        for _request in range(2000):
            layer(Execution("stripe", "charges.list", Request("GET", "/v1/charges")), lambda: Response.of(200, {}))
        return [before + after for before, after in zip(slept[::2], slept[1::2], strict=True)]

    first = delays(seed=5)
    assert first == delays(seed=5) != delays(seed=6)
    assert 0.19 < statistics.median(first) < 0.21
