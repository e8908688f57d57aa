"""The CPU of a call of DynamoDB: `python -m bench.dynamo_calls [--beside FOLDER]`.

A customer and a month that has been closed are read, and the customer, the invoice and the payment are committed, as
functions do it; a server in another process answers at once. `--beside FOLDER` measures another checkout, with its own
`.venv`, in turn with this one. Of several tries the least counts: other work on the machine only adds to it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from bench.costs.beside import HERE, output_of, program
from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.books import DynamoBooks
from monthclose.adapters.dynamo.models import bind
from monthclose.adapters.dynamo.throttling import DynamoPatience
from tests.world import OCTOBER, World

_MODULE = "bench.dynamo_calls"
_CALLS, _TRIES = 200, 5
_SERVE, _MEASURE = "serve", "measure"
_TABLES = ("customers", "usage", "usage_packs", "billing", "closes", "audit", "idempotency")


class _Table(BaseHTTPRequestHandler):
    """Just enough of DynamoDB: items are put, got and queried by customer, whatever the conditions."""

    protocol_version = "HTTP/1.1"
    items: ClassVar[defaultdict[str, dict[str, Any]]] = defaultdict(dict)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, Any] = {}
        match self.headers["X-Amz-Target"].rpartition(".")[2]:
            case "GetItem":
                answer = {"Item": self.items[asked["Key"]["customer_id"]["S"]][""]}
            case "Query":
                named = next(value["S"] for value in asked["ExpressionAttributeValues"].values())
                found = [item for sort_key, item in self.items[named].items() if sort_key]
                answer = {"Items": found, "Count": len(found), "ScannedCount": len(found)}
            case "TransactWriteItems":
                for action in asked["TransactItems"]:
                    item = action["Put"]["Item"]
                    self.items[item["customer_id"]["S"]][item.get("sk", {}).get("S", "")] = item
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        pass


def _serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Table)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def _measure(port: str) -> dict[str, float]:
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    settings: Any = SimpleNamespace(**{f"{name}_table": name for name in _TABLES})
    books, world = DynamoBooks(bind(settings, "us-east-1"), Batches(DynamoPatience())), World()
    name = world.add_customer("cust-0000001", method="pm_card_visa")
    world.use(name, "30.00", period=OCTOBER)
    world.close(OCTOBER)
    month, customer = world.books.month(name, OCTOBER), world.books.customer(name)
    kept: list[Any] = [customer, month.invoice, month.payment, month.notice, *month.entries]
    books.commit(*(replace(record, version=0) if hasattr(record, "version") else record for record in kept))
    customer, month = books.customer(name), books.month(name, OCTOBER)
    records: list[Any] = [customer, month.invoice, month.payment]
    return {
        "read a customer": _ms(partial(books.customer, name)),
        "read a month of five records": _ms(partial(books.month, name, OCTOBER)),
        "commit three records": _ms(partial(books.commit, *records)),
    }


def _ms(call: Callable[[], object]) -> float:
    """Return the least CPU milliseconds of a call."""
    least = float("inf")
    for _ in range(_TRIES):
        began = time.process_time()
        for _ in range(_CALLS):
            call()
        least = min(least, (time.process_time() - began) / _CALLS * 1000)
    return least


def measure(checkout: Path) -> dict[str, float]:
    """Measure a checkout, in its own environment."""
    with program(checkout, _MODULE) as (command, folder, environment):
        server = subprocess.Popen([*command, _SERVE], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        assert server.stdout
        try:
            port = server.stdout.readline().strip()
            found: dict[str, float] = json.loads(output_of(checkout, _MODULE, [_MEASURE, port]))
        finally:
            server.kill()
            server.wait()
    return found


def main() -> None:
    """Measure, and print the milliseconds."""
    parser = argparse.ArgumentParser(prog="python -m bench.dynamo_calls", description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--rounds", type=int, default=2)
    beside = parser.parse_args().beside
    checkouts = [HERE, *([beside.resolve()] if beside else [])]
    rounds = [[measure(checkout) for checkout in checkouts] for _ in range(parser.parse_args().rounds)]
    print(f"{'CPU ms':<32}" + "".join(f"{checkout.name:>16}" for checkout in checkouts) + "   ratio" * bool(beside))
    for what in rounds[0][0]:
        least = [min(taken[column][what] for taken in rounds) for column in range(len(checkouts))]
        ratio = f"{least[0] / least[1]:>8.2f}" if beside else ""
        print(f"{what:<32}" + "".join(f"{ms:>16.2f}" for ms in least) + ratio)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [command] if command == _SERVE:
            _serve()
        case [command, port] if command == _MEASURE:
            print(json.dumps(_measure(port)))
        case _:
            main()
