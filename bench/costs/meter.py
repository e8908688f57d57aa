"""Counts what code asks of AWS, stage by stage: requests, DynamoDB's units by table, bytes of logs, and CPU time.

DynamoDB's units follow its documented rules: a write unit for each KB of an item, a read unit for each 4 KB read
consistently, both doubled in a transaction, and another write for each entry of an index that appears or disappears.
"""

import math
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.client
from botocore.exceptions import ClientError
from moto.core import botocore_stubber

try:
    from monthclose.adapters.dynamo.direct import DIRECT_OPERATIONS, DirectCalls
except ImportError:  # an older checkout is counted, whose requests are all the SDK's
    DIRECT_OPERATIONS = frozenset()

    class DirectCalls:  # type: ignore[no-redef]
        """Calls that nobody makes."""

        def __call__(self, operation: str, arguments: dict[str, Any]) -> Any:
            raise NotImplementedError(operation, arguments)


_WRITE_BYTES, _READ_BYTES = 1024, 4096
_ANSWERED_HERE: Mapping[str, Mapping[str, Any]] = {
    "SendTaskSuccess": {},
    "SendTaskFailure": {},
    "SendTaskHeartbeat": {},
    "DescribeExecution": {"status": "RUNNING"},
    "GetAccount": {"SendQuota": {"Max24HourSend": 1e7, "MaxSendRate": 1e3, "SentLast24Hours": 0.0}},
}
"""Calls about executions that the benchmark plays itself, and one that the emulator doesn't know: SES's quota."""
_WRITTEN = re.compile(r'^(?:INSERT INTO|UPDATE) "([^"]+)" (.*)$', re.DOTALL)
_NAMED = re.compile(r"""'(\w+)': \?|"(\w+)" ?[=<>]+ ?\?""")
"""The names that a statement's parameters have: in an item, and in an assignment or a condition."""
_PLATFORM_LOG = 330
"""Bytes of the three lines, START, END and REPORT, that Lambda itself logs for each invocation."""


def item_bytes(item: Any) -> int:
    """Return an item's size by DynamoDB's rules: names and values in UTF-8, a number two digits a byte."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return math.ceil(len(content.replace(".", "").lstrip("-0")) / 2) + 1
        case "M":
            return 3 + sum(len(name.encode()) + 1 + _value_bytes(inner) for name, inner in content.items())
        case "L":
            return 3 + sum(1 + _value_bytes(inner) for inner in content)
        case "B":
            return len(content)
    return 1


class Meter:
    """Counts by stage. `stage` says which one runs; the counts are `counts[stage][what]`.

    Keys: `request:<service> <operation>`, `write:<table>`, `read:<table>`, `index:<table>`, `s3 put`, `s3 get`,
    `log bytes`, `cpu ms`, `invocations`.
    """

    def __init__(self) -> None:
        self.stage = ""
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._leases: dict[str, tuple[str, str]] = {}
        self._emulated = 0.0

    def add(self, what: str, number: float = 1) -> None:
        """Add to a count of the stage that runs."""
        self.counts[self.stage][what] += number  # type: ignore[assignment]

    @contextmanager
    def stage_of(self, name: str) -> Iterator[None]:
        """Count one invocation of a function as a stage, without the CPU time that the emulator takes."""
        before, self.stage = self.stage, name
        began, self._emulated = time.process_time(), 0.0
        try:
            yield
        finally:
            self.add("cpu ms", (time.process_time() - began - self._emulated) * 1000)
            self.add("invocations")
            self.add("log bytes", _PLATFORM_LOG)
            self.stage = before

    def write(self, text: str) -> int:
        """Count what is logged: the meter stands in for standard output."""
        if self.stage:
            self.add("log bytes", len(text.encode()))
        else:
            sys.__stdout__.write(text)  # type: ignore[union-attr]
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is kept."""

    def emulated(self, seconds: float) -> None:
        """Note CPU time that the emulator took, which is not ours."""
        self._emulated += seconds

    def request(self, service: str, operation: str, arguments: Any, answer: Any) -> None:
        """Count a request."""
        if not self.stage:
            return
        self.add(f"request:{service} {operation}")
        if service == "DynamoDB":
            self._count_units(operation, arguments, answer)
        elif service == "S3":
            self.add("s3 get" if operation in ("GetObject", "HeadObject") else "s3 put")

    def _count_units(self, operation: str, arguments: Any, answer: Any) -> None:
        match operation:
            case "GetItem" | "Query" | "Scan":
                self._count_read(arguments, answer or {})
            case "BatchGetItem":
                for table, asked in arguments["RequestItems"].items():
                    self._count_batch(table, asked, answer or {})
            case _:
                self._count_writes(operation, arguments, answer)

    def _count_writes(self, operation: str, arguments: Any, answer: Any) -> None:
        match operation:
            case "TransactWriteItems":
                for action in arguments["TransactItems"]:
                    [(_, what)] = action.items()
                    self._count_write(what["TableName"], what.get("Item", {}), 2)
            case "BatchWriteItem":
                for table, requests in arguments["RequestItems"].items():
                    for request in requests:
                        self._count_write(table, request.get("PutRequest", {}).get("Item", {}), 1)
            case "PutItem" | "UpdateItem" | "DeleteItem":
                item = arguments.get("Item") or (answer or {}).get("Attributes", {})
                self._count_write(arguments["TableName"], item, 1)
            case "ExecuteStatement":
                self._count_statement(arguments)
            case "BatchExecuteStatement":
                for statement in arguments["Statements"]:
                    self._count_statement(statement)

    def _count_batch(self, table: str, asked: Any, answer: Any) -> None:
        """Count the items that a batch got, each by itself; a key that has none costs as much as a small item."""
        left = len(answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ()))
        items = answer.get("Responses", {}).get(table, [])
        units = sum(_units(item_bytes(item), _READ_BYTES) for item in items) + len(asked["Keys"]) - left - len(items)
        self.add(f"read:{table}", units if asked.get("ConsistentRead") else units / 2)

    def _count_statement(self, statement: Any) -> None:
        """Count a write in PartiQL, whose parameters are the whole item."""
        text = statement["Statement"]
        [(table, names)] = _WRITTEN.findall(text)
        given = zip(_NAMED.findall(names), statement.get("Parameters", ()), strict=True)
        self._count_write(table, {name or quoted: value for (name, quoted), value in given}, 1)

    def _count_write(self, table: str, item: Any, factor: int) -> None:
        self.add(f"write:{table}", factor * _units(item_bytes(item), _WRITE_BYTES))
        if table == "customers" and "customer_id" in item:
            self._count_index(item)

    def _count_index(self, item: Any) -> None:
        """Count the writes to the sparse index of customers who are being charged."""
        name = item["customer_id"]["S"]
        before = self._leases.get(name, ("", ""))
        after = (item.get("lease", {}).get("S", ""), item.get("check_at", {}).get("S", ""))
        if before != after:
            self.add("index:customers", bool(before[0]) + bool(after[0]))
            self._leases[name] = after

    def _count_read(self, arguments: Any, answer: Any) -> None:
        items = [answer["Item"]] if answer.get("Item") else answer.get("Items", [])
        units = _units(sum(map(item_bytes, items)), _READ_BYTES)
        consistent = arguments.get("ConsistentRead", False)
        self.add(f"read:{arguments['TableName']}", units if consistent else units / 2)


def _units(size: int, unit: int) -> int:
    return max(math.ceil(size / unit), 1)


@contextmanager
def metering() -> Iterator[Meter]:
    """Count all requests of boto3 and PynamoDB, and what is printed, for as long as the context lasts."""
    meter, base, stubber = Meter(), botocore.client.BaseClient, botocore_stubber.BotocoreStubber
    real, real_stub, out = base._make_api_call, stubber.__call__, sys.stdout  # type: ignore[attr-defined]
    real_direct = DirectCalls.__call__

    one_at_a_time = threading.RLock()

    def counting(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        service, answer = self.meta.service_model.service_id, None
        if operation in _ANSWERED_HERE:
            meter.request(service, operation, arguments, answer)
            return _ANSWERED_HERE[operation]
        try:
            answer = real(self, operation, arguments)
        except ClientError:
            meter.request(service, operation, arguments, answer)  # a refused write costs as much
            raise
        meter.request(service, operation, arguments, answer)
        return answer

    def counting_directly(self: DirectCalls, operation: str, arguments: dict[str, Any]) -> Any:
        if operation not in DIRECT_OPERATIONS:
            return real_direct(self, operation, arguments)  # counted where the SDK makes it
        answer = None
        try:
            answer = self.call(operation, arguments)  # not the SDK's way, although it is patched
        finally:
            meter.request("DynamoDB", operation, arguments, answer)
        return answer

    def emulated(self: Any, *args: Any, **kwargs: Any) -> Any:
        with one_at_a_time:  # the emulator's transactions are not made for threads
            began = time.thread_time()
            try:
                return real_stub(self, *args, **kwargs)
            finally:
                meter.emulated(time.thread_time() - began)

    patches = (
        (base, "_make_api_call", counting, real),
        (DirectCalls, "__call__", counting_directly, real_direct),
        (stubber, "__call__", emulated, real_stub),
    )
    for owner, name, patched, _ in patches:
        setattr(owner, name, patched)
    sys.stdout = meter
    try:
        yield meter
    finally:
        sys.stdout = out
        for owner, name, _, original in patches:
            setattr(owner, name, original)
