"""DynamoDB as strict as on AWS: throughput by table and by partition key, and sizes.

Of statements in PartiQL, those in batches are judged: single ones write the audit trail only.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import dynamodb

from sandbox.strict.deployed import after_deploying
from sandbox.strict.limits import Limits
from sandbox.strict.statements import judged_batch
from sandbox.strict.throughput import Clock, Demand, Refusal, Throughput
from sandbox.strict.units import (
    action_demands,
    grown,
    key_demands,
    page_demand,
    table_of,
    update_demands,
    write_demands,
)

type Data = dict[str, Any]
type Answer = tuple[int, dict[str, str], bytes]
type Call = Callable[[Data], Answer]

_MESSAGE = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or "
    "index so please try again shortly. If exceptions persist, check if you have a hot key."
)
_SIZES = {
    "dynamodb.item_size": ("_DDB_ITEM_MAX_BYTES",),
    "dynamodb.transaction_actions": ("_DDB_TXN_WRITE_MAX_ITEMS", "_DDB_TXN_GET_MAX_ITEMS"),
    "dynamodb.transaction_size": ("_DDB_TXN_MAX_BYTES",),
    "dynamodb.batch_writes": ("_DDB_BATCH_WRITE_MAX",),
    "dynamodb.batch_gets": ("_DDB_BATCH_GET_MAX",),
}
"""The limits that MiniStack knows, too, and its own names for them."""
_TOO_LARGE = {
    "Item size has exceeded": "dynamodb.item_size",
    "Item size to update has exceeded": "dynamodb.item_size",
    "at 'transactItems' failed to satisfy constraint: Member must have length less": "dynamodb.transaction_actions",
    "4MB transaction size limit": "dynamodb.transaction_size",
    "at 'requestItems' failed to satisfy constraint: Map value": "dynamodb.batch_writes",
    ".member.Keys' failed": "dynamodb.batch_gets",
}
"""How MiniStack words its refusal of what is too large."""


def throttled(refusal: Refusal, code: str = "ThrottlingException") -> Answer:
    """Make DynamoDB's answer to a throttled call.

    A table on demand throttles with `ThrottlingException`, and with `RequestLimitExceeded` above a table's quota:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    """
    if refusal.reason.endswith("AccountLimitExceeded"):
        code = "RequestLimitExceeded"
    arn = dynamodb._tables[refusal.table].get("TableArn", "") + (f"/index/{refusal.index}" if refusal.index else "")
    reasons = {"ThrottlingReasons": [{"reason": refusal.reason, "resource": arn}]}
    return _error(code, _MESSAGE, reasons)


def cancelled(refusals: Sequence[Refusal | None]) -> Answer:
    """Make the answer to a transaction that was cancelled for throttling."""
    reasons = [{"Code": "ThrottlingError", "Message": _MESSAGE} if each else {"Code": "None"} for each in refusals]
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return _error("TransactionCanceledException", message, {"CancellationReasons": reasons})


def _error(code: str, message: str, members: Mapping[str, Any]) -> Answer:
    answer: Answer = error_response_json(code, message, 400, extra=dict(members))
    return answer


def foreseen[T](demands: Callable[[], Sequence[T]]) -> Sequence[T]:
    """List what a call takes; nothing if it is malformed: MiniStack refuses it then."""
    try:
        return demands()
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        return []


class StrictDynamoDB:
    """Judges the calls of MiniStack's DynamoDB before it carries them out."""

    def __init__(self, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._limits = limits
        self._throughput = Throughput(limits, clock)
        self._read: ContextVar[list[int]] = ContextVar("read")
        """The bytes of the page that the query or scan under way has read."""

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Return what to put in the place of MiniStack's functions, by their names."""
        judged = {
            "_put_item": self._writing("Put", dynamodb._put_item),
            "_update_item": self._updating(dynamodb._update_item),
            "_delete_item": self._writing("Delete", dynamodb._delete_item),
            "_transact_write_items": self._transacting(_written, dynamodb._transact_write_items),
            "_transact_get_items": self._transacting(_got, dynamodb._transact_get_items),
            "_batch_write_item": self._batch(self._write_batch, "UnprocessedItems", dynamodb._batch_write_item),
            "_batch_get_item": self._batch(self._get_batch, "UnprocessedKeys", dynamodb._batch_get_item),
            "_batch_execute_statement": judged_batch(dynamodb._batch_execute_statement, self._throughput.admit),
            "_get_item": self._getting(dynamodb._get_item),
            "_query": self._paging(dynamodb._query, partition=True),
            "_scan": self._paging(dynamodb._scan, partition=False),
        }
        sized = {name: self._sized(call) for name, call in judged.items()}
        tables = {name: _keep_warm(getattr(dynamodb, name)) for name in ("_create_table", "_update_table")}
        return {**sized, **tables, "_paginate_evaluated_items": self._page}

    def _sized(self, call: Call) -> Call:
        """Let MiniStack refuse what is too large by the limits in force, and count it."""

        def sized(data: Data) -> Answer:
            for limit, names in _SIZES.items():
                most = int(self._limits.value(limit)) if self._limits.on(limit) else sys.maxsize
                for name in names:
                    setattr(dynamodb, name, most)
            answer = call(data)
            if answer[0] == 400:
                text = answer[2].decode() if isinstance(answer[2], bytes) else answer[2]
                for limit in {limit for words, limit in _TOO_LARGE.items() if words in text}:
                    self._limits.strike(limit)
            return answer

        return sized

    def _writing(self, kind: str, call: Call) -> Call:
        def write(data: Data) -> Answer:
            refusal = self._throughput.admit(foreseen(lambda: action_demands(kind, data)))
            return throttled(refusal) if refusal else call(data)

        return write

    def _updating(self, call: Call) -> Call:
        def update(data: Data) -> Answer:
            demands = foreseen(lambda: update_demands(data))
            refusal = self._throughput.admit(demands)
            if refusal:
                return throttled(refusal)
            answer = call(data)
            more = foreseen(lambda: grown(demands, data))
            if more:
                self._throughput.spend(more)
            return answer

        return update

    def _getting(self, call: Call) -> Call:
        def get(data: Data) -> Answer:
            consistent = bool(data.get("ConsistentRead"))
            refusal = self._throughput.admit(
                foreseen(lambda: key_demands(table_of(data), data["Key"], consistent=consistent))
            )
            return throttled(refusal) if refusal else call(data)

        return get

    def _transacting(self, demands: Callable[[Data], Sequence[Sequence[Demand]]], call: Call) -> Call:
        def transact(data: Data) -> Answer:
            refusals = self._throughput.admit_together(foreseen(lambda: demands(data)))
            return cancelled(refusals) if any(refusals) else call(data)

        return transact

    def _batch(self, part: Callable[[Data], tuple[Data, Data, Refusal | None]], rest: str, call: Call) -> Call:
        """Let through as much of a batch as may pass, and return the rest as unprocessed; an error if nothing may."""

        def batch(data: Data) -> Answer:
            parted = foreseen(lambda: [part(data["RequestItems"])])
            if not parted:
                return call(data)
            let_through, unprocessed, refusal = parted[0]
            if not unprocessed:
                return call(data)
            if not let_through and refusal:
                return throttled(refusal, "ProvisionedThroughputExceededException")
            status, headers, body = call({**data, "RequestItems": let_through})
            if status == 200:
                body = json.dumps({**json.loads(body), rest: unprocessed}).encode()
            return status, headers, body

        return batch

    def _write_batch(self, items: Data) -> tuple[Data, Data, Refusal | None]:
        through: Data = {}
        unprocessed: Data = {}
        refusal = None
        for name, requests in items.items():
            for request in requests:
                refused = self._throughput.admit(_request_demands(name, request))
                refusal = refused or refusal
                (unprocessed if refused else through).setdefault(name, []).append(request)
        return through, unprocessed, refusal

    def _get_batch(self, items: Data) -> tuple[Data, Data, Refusal | None]:
        through: Data = {}
        unprocessed: Data = {}
        refusal, size = None, 0
        for name, wanted in items.items():
            table, consistent = table_of({"TableName": name}), bool(wanted.get("ConsistentRead"))
            for key in wanted["Keys"]:
                size += dynamodb._item_size_bytes(dynamodb._get_item_by_key(table, key) or {})
                full = self._exceeds("dynamodb.batch_get_size", size)
                refused = None if full else self._throughput.admit(key_demands(table, key, consistent=consistent))
                refusal = refused or refusal
                kept = unprocessed if full or refused else through
                kept.setdefault(name, {**wanted, "Keys": []})["Keys"].append(key)
        return through, unprocessed, refusal

    def _exceeds(self, limit: str, value: float) -> bool:
        exceeded = self._limits.on(limit) and value > self._limits.value(limit)
        if exceeded:
            self._limits.strike(limit)
        return exceeded

    def _paging(self, call: Call, *, partition: bool) -> Call:
        """Let a query or a scan begin if the least that it may take is there; then take what its page took."""

        def page(data: Data) -> Answer:
            least = foreseen(lambda: [page_demand(data, 0, partition=partition)])
            refusal = self._throughput.admit(least)
            if refusal:
                return throttled(refusal)
            read: list[int] = []
            token = self._read.set(read)
            try:
                answer = call(data)
            finally:
                self._read.reset(token)
            self._throughput.spend(
                foreseen(lambda: _beyond(least[0], page_demand(data, sum(read), partition=partition)))
            )
            return answer

        return page

    def _page(self, items: Sequence[Data], limit: Any, table: Data, index_name: str | None = None) -> Any:
        """Cut a page, as MiniStack's function does, by the limit in force; note how much was read."""
        most = self._limits.value("dynamodb.page_size") if self._limits.on("dynamodb.page_size") else float("inf")
        page: list[Data] = []
        size = 0
        ended = False
        for item in items:
            entry = dynamodb._apply_index_projection(item, table, index_name) if index_name else item
            larger = size + dynamodb._item_size_bytes(entry)
            ended = bool(page) and larger > most
            if ended:
                self._limits.strike("dynamodb.page_size")
                break
            page.append(item)
            size = larger
            ended = (limit is not None and len(page) >= int(limit)) or size >= most
            if ended:
                break
        self._read.get([]).append(size)
        return page, ended


def _written(data: Data) -> list[list[Demand]]:
    actions = [dynamodb._extract_transact_op(each) for each in data["TransactItems"]]
    return [action_demands(kind, action, 2) for kind, action in actions]


def _got(data: Data) -> list[list[Demand]]:
    gets = [each["Get"] for each in data["TransactItems"]]
    return [key_demands(table_of(get), get["Key"], consistent=True, times=2) for get in gets]


def _request_demands(name: str, request: Data) -> list[Demand]:
    table = table_of({"TableName": name})
    if "PutRequest" in request:
        return action_demands("Put", {"TableName": name, **request["PutRequest"]})
    key = request["DeleteRequest"]["Key"]
    return write_demands(table, dynamodb._get_item_by_key(table, key) or key, None)


def _beyond(least: Demand, page: Demand) -> list[Demand]:
    return [replace(page, units=page.units - least.units)]


def _keep_warm(call: Call) -> Call:
    def create(data: Data) -> Answer:
        answer = call(data)
        if answer[0] == 200:
            _warm_up(data["TableName"], data)
        return answer

    return create


def _warm_up(name: str, properties: Mapping[str, Any]) -> None:
    """Note the warm throughput of a new or updated table."""
    warm = properties.get("WarmThroughput")
    if warm:
        dynamodb._tables[name]["WarmThroughput"] = {**warm, "Status": "ACTIVE"}


def install(limits: Limits) -> None:
    """Put DynamoDB's limits into MiniStack."""
    for name, call in StrictDynamoDB(limits).calls().items():
        setattr(dynamodb, name, call)
    after_deploying("AWS::DynamoDB::Table", _warm_up)
    after_deploying("AWS::DynamoDB::GlobalTable", _warm_up)
