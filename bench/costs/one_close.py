"""Takes customers through everything that costs money, by the functions' own handlers, and counts it stage by stage."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import httpx

from bench.costs.deployment import WEBHOOK_SECRET, Context, deploy, emulator, runtime
from bench.costs.measured import FIRST, RECONCILING
from bench.costs.meter import Meter
from monthclose.domain.accounts.customer import Profile
from monthclose.providers import stripe_events

EVENTS_EACH = 50
"""Usage events of a customer in a month."""
MONTHS = "2026-09", "2026-10"
"""The customers' first month, and a later one."""
_ROOT = Path(__file__).parents[2]
_AT_ONCE = 10
"""Messages that SQS delivers together."""


def count_close(customers: int, batch: int) -> Meter:
    """Import customers and their usage, close two months, apply the second's webhooks, reconcile; all of them pay.

    Only one call in a process: the handlers keep their runtime.
    """
    with ExitStack() as stack:
        sandbox = stack.enter_context(_sandbox())
        meter = stack.enter_context(emulator())
        deliveries = stack.enter_context(_webhooks(sandbox))
        queues = deploy(sandbox, customers, batch)
        _Run(meter, queues, customers).all(deliveries)
    return meter


class _Run:
    """Two months of the company."""

    def __init__(self, meter: Meter, queues: Mapping[str, str], customers: int) -> None:
        self._meter, self._queues = meter, queues
        self._names = [f"cust-{number:07}" for number in range(customers)]
        self._period, self._first = MONTHS[0], True

    def all(self, deliveries: list[tuple[dict[str, str], bytes]]) -> None:
        """Do it all, in the order in which it happens."""
        self._import_customers()
        self._import_usage()
        self._close()
        self._await(deliveries)
        deliveries.clear()
        self._period, self._first = MONTHS[1], False
        self._import_usage()
        run = self._close()
        self._prove(run)
        self._pack()
        self._await(deliveries)
        self._apply(deliveries)
        self._reconcile()

    def _call(self, function: str, event: Any, stage: str = "") -> Any:
        handler = import_module(f"monthclose.handlers.{function}").handler
        with self._meter.stage_of(FIRST * self._first + (stage or function)):
            return handler(event, Context(function))

    def _import_customers(self) -> None:
        profile = Profile("Example Ltd", "billing@customer.example", "USD", "stripe", "pm_card_visa")
        directory = runtime().directory
        with self._meter.stage_of("import_customers"):
            directory.put_profiles((name, profile) for name in self._names)

    def _import_usage(self) -> None:
        rows = ["event_id,customer_id,sku,quantity,time,unit_price,description"]
        for name in self._names:
            rows += [
                f"evt-{name}-{self._period}-{n},{name},sku-{n % 8},3,{self._period}-{1 + n % 28:02}T10:00:00Z,1.25,Used"
                for n in range(EVENTS_EACH)
            ]
        key = f"usage/{self._period}.csv"
        boto3.client("s3").put_object(Bucket="usage-files", Key=key, Body="\n".join(rows).encode())
        event = {"object": {"key": key}, "execution": f"arn:import-{self._period}", "entered": "1"}
        outcome = self._call("receive_usage", event, "import_usage")["outcome"]
        assert outcome["taken"] == len(self._names) * EVENTS_EACH, outcome

    def _close(self) -> int:
        """Close the month; returns the number of the run."""
        request = {"execution": f"arn:close-{self._period}", "request": {"period": self._period}}
        run: int = self._call("open_close", request)["run"]
        plan = self._plan(run, 1)
        for item in json.loads(_object(plan["snapshot"])):
            self._close_batch(plan["round"], item)
        self._plan(run, 2)
        self._call("send_remaining_notices", {"period": self._period, "run": run, "entered": "1"})
        return run

    def _plan(self, run: int, entered: int) -> Any:
        return self._call("plan_close", {"period": self._period, "run": run, "entered": str(entered)})

    def _close_batch(self, round_number: int, item: Any) -> None:
        named = {"period": self._period, "round": round_number, "batch": item["batch"]}
        self._call("generate_invoices", {**named, "batch": item})
        message = {**named, "task_token": f"token-{item['batch']}"}
        self._call("charge_customers", {"Records": [_record(message)]})
        self._call("send_notices", named)
        self._call("apply_holds", named)

    def _prove(self, run: int) -> None:
        named = {"period": self._period, "run": run}
        comparison = self._compare({**named, "entered": "1"})
        report = {**named, "comparison": comparison, "execution": "arn:close", "entered": "1"}
        assert self._call("report_close", report)["outcome"] == "done"

    def _pack(self) -> None:
        """Make the report pack."""
        started = {"period": self._period, "execution": "arn:pack", "entered": "1"}
        plan = self._call("plan_pack", {**started, "made_for": "close"})
        named = {"period": self._period, "pack": plan["pack"], "entered": "1"}
        for part in plan["parts"]:
            assert not self._call("read_pack_part", {**named, **part})["time_was_up"]
        for table in plan["tables"]:
            assert not self._call("write_pack_table", {**named, **table})["time_was_up"]
        assert self._call("finish_pack", {**started, "pack": plan["pack"]})["made"]

    def _compare(self, event: Any, stage: str = "") -> Any:
        """Plan a comparison and read its parts."""
        planned = self._call("plan_comparison", event, f"{stage}plan_comparison")
        for part in planned["parts"]:
            named = {"period": self._period, "comparison": planned["name"], "entered": event["entered"], **part}
            assert not self._call("compare_part", named, f"{stage}compare_part")["time_was_up"]
        return planned

    def _await(self, deliveries: list[tuple[dict[str, str], bytes]]) -> None:
        until = time.monotonic() + 60
        while len(deliveries) < len(self._names) and time.monotonic() < until:
            time.sleep(0.1)
        assert len(deliveries) >= len(self._names), f"{len(deliveries)} webhooks came"

    def _apply(self, deliveries: list[tuple[dict[str, str], bytes]]) -> None:
        for headers, body in deliveries:
            request = {"http": {"method": "POST"}}
            event = {"rawPath": "/stripe", "requestContext": request, "headers": headers, "body": body.decode()}
            assert self._call("receive_webhook", event)["statusCode"] == 200
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(
            QueueUrl=self._queues["webhooks"], MaxNumberOfMessages=_AT_ONCE, WaitTimeSeconds=0
        ).get("Messages"):
            self._call("apply_webhook", {"Records": [_record(json.loads(m["Body"])) for m in messages]})
            for message in messages:
                sqs.delete_message(QueueUrl=self._queues["webhooks"], ReceiptHandle=message["ReceiptHandle"])

    def _reconcile(self) -> None:
        self._call("open_reconcile", {"execution": "arn:reconcile", "request": {}})
        letters = {"provider": "stripe", "entered": "1"}
        self._call("drain_dead_letters", letters)
        self._call("settle_payments", {"provider": "stripe", "entered": "1"})
        event = {"period": self._period, "entered": "2"}
        done = self._call("compare_books", {**event, "comparison": self._compare(event, RECONCILING)})
        assert done["outcome"] == "done", done


def _record(message: Any) -> Any:
    return {
        "messageId": "1",
        "body": json.dumps(message),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }


def _object(place: Mapping[str, str]) -> bytes:
    body: bytes = boto3.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    return body


@contextmanager
def _sandbox() -> Iterator[str]:
    """Run the fake providers in a process of their own: their CPU time is not ours."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "port"
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--ready-file", str(ready)],
            cwd=_ROOT,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise RuntimeError("the sandbox ended")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{ready.read_text().strip()}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def _webhooks(sandbox: str) -> Iterator[list[tuple[dict[str, str], bytes]]]:
    """Collect the webhooks that the sandbox delivers."""
    collected: list[tuple[dict[str, str], bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collected.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 1000  # all are delivered at once

    server = Server(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = {"url": f"http://127.0.0.1:{server.server_address[1]}/", "secret": WEBHOOK_SECRET}
    httpx.put(
        f"{sandbox}/_sandbox/webhooks", json={"stripe": {**endpoint, "events": stripe_events()}}, trust_env=False
    ).raise_for_status()
    try:
        yield collected
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    """Count one close and print the counts as JSON: `python -m bench.costs.one_close CUSTOMERS BATCH`."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    meter = count_close(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps(meter.counts))


if __name__ == "__main__":
    main()
