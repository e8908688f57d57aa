"""The sandbox's own endpoints, its process, its latency."""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import stripe
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from sandbox.__main__ import main
from sandbox.chaos.latency import LogNormalLatency
from sandbox.chaos.plan import Outage, Plan
from sandbox.web.server import Server, listen
from sandbox.wire import Execution, Request, Response

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from sandbox.desk import Desk
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


@pytest.mark.long
def test_the_process_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path) -> None:
    ready_file = tmp_path / "port"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--ready-file", str(ready_file), "--api-key", "sk_other"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            # Each line comes once the thing it says is done, so reading it is waiting for it.
            first, _second = (process.stderr.readline() for _provider in range(2))
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
    assert (code, last) == (0, "sandbox: stopped\n")
    assert not ready_file.exists()


def test_a_port_in_use_is_reported_in_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with listen() as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    assert capsys.readouterr().err == f"sandbox: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.long
def test_the_process_serves_every_provider_and_accepts_a_plan_limits_and_keys(tmp_path: Path) -> None:
    ready_file, plan = tmp_path / "port", tmp_path / "plan.json"
    plan.write_text('{"rules": [{"provider": "gocardless", "fault": "reset"}]}')
    options = ["--rate-limit", "stripe=5/20", "--rate-limit", "gocardless=/10", "--key", "gocardless=token"]
    command = [sys.executable, "-m", "sandbox", "--ready-file", str(ready_file), "--chaos", str(plan), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            lines = [process.stderr.readline() for _provider in range(2)]
            url = f"http://127.0.0.1:{ready_file.read_text(encoding='ascii').strip()}"
            health = httpx.get(f"{url}/_sandbox/health").json()
            limits = httpx.get(f"{url}/_sandbox/limits").json()
            with pytest.raises(httpx.ReadError):
                httpx.get(f"{url}/gocardless/payments", headers={"Authorization": "Bearer token"})
            httpx.delete(f"{url}/_sandbox/chaos")
            headers = {"Authorization": "Bearer token", "GoCardless-Version": "2015-07-06"}
            answer = httpx.get(f"{url}/gocardless/payments", headers=headers)
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=30)
        finally:
            process.kill()
    assert READY_LINE in lines[0]
    assert "GoCardless is at" in lines[1]
    assert health["providers"] == ["stripe", "gocardless"]
    assert limits == {"stripe": {"rate": 5, "account_rate": 20}, "gocardless": {"account_rate": 10}}
    assert (answer.status_code, code) == (200, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rate-limit", "stripe=fast"], "stripe=fast is not a limit"),
        (["--rate-limit", "adyen=25"], "the sandbox has no such provider; it has stripe"),
        (["--rate-limit", "stripe=0"], "rate should be a number from 0.001"),
        (["--key", "adyen=k"], "is not PROVIDER=KEY; the providers are stripe, gocardless"),
        (["--chaos", "/none.toml"], "/none.toml cannot be read: No such file or directory"),
    ],
)
def test_an_option_that_makes_no_sense_is_reported(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_answers_are_not_held_back_until_their_heads_are_acknowledged() -> None:
    nagle: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        connection = scope["state"]["connection"].transport.get_extra_info("socket")
        nagle.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await PlainTextResponse("")(scope, receive, send)

    listener, ready = listen(), threading.Event()
    server = Server(Starlette(routes=[Mount("/", app)]), ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    assert ready.wait(timeout=30)
    httpx.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    server.should_exit = True
    thread.join(timeout=30)
    listener.close()
    assert nagle == [1]


def test_latency_is_set_and_removed_at_run_time(client: stripe.StripeClient, url: str, desk: Desk) -> None:
    def seconds() -> float:
        began = time.monotonic()
        client.v1.customers.list()
        return time.monotonic() - began

    assert httpx.get(f"{url}/_sandbox/latency").json() == {"median_ms": 0, "sigma": 0.5}
    answer = httpx.put(f"{url}/_sandbox/latency", json={"median_ms": 300, "sigma": 0})
    assert answer.json() == {"median_ms": 300, "sigma": 0}
    assert seconds() >= 0.3
    for wrong, message in (({"median_ms": -1}, "median_ms should be"), ({}, "median_ms is missing")):
        refused = httpx.put(f"{url}/_sandbox/latency", json=wrong)
        assert refused.status_code == 400
        assert message in refused.json()["error"]
    assert httpx.delete(f"{url}/_sandbox/latency").json()["median_ms"] == 0
    assert seconds() < 0.3


def test_an_outage_looks_real_to_clients_and_ends(client: stripe.StripeClient, desk: Desk) -> None:
    desk.begin(Plan(outages=(Outage(0, 3600),)))
    with pytest.raises(stripe.APIError) as caught:
        client.v1.customers.list()
    assert caught.value.http_status == 503
    desk.begin(Plan(outages=(Outage(3600, 3600),)))
    assert client.v1.customers.list().data == []


def test_latency_has_the_requested_median_and_is_repeatable() -> None:
    def delays(seed: int) -> list[float]:
        slept: list[float] = []
        layer = LogNormalLatency(200, seed, slept.append)
        for _request in range(2000):
            layer(Execution("stripe", "charges.list", Request("GET", "/v1/charges")), lambda: Response.of(200, {}))
        return [before + after for before, after in zip(slept[::2], slept[1::2], strict=True)]

    first = delays(seed=5)
    assert first == delays(seed=5) != delays(seed=6)
    assert 0.19 < statistics.median(first) < 0.21
