"""Batches of PartiQL statements as strict as on AWS: each statement's write is judged for itself."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ministack.services import dynamodb

from sandbox.strict.throughput import Demand, Refusal
from sandbox.strict.units import table_of, write_demands

type Data = dict[str, Any]
type Answer = tuple[int, dict[str, str], bytes]

_THROTTLED = {"Code": "ThrottlingError", "Message": "Throughput exceeds the current capacity of your table or index."}
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html"""


def judged_batch(
    call: Callable[[Data], Answer], admit: Callable[[Sequence[Demand]], Refusal | None]
) -> Callable[[Data], Answer]:
    """Let through those statements of a batch that may pass; the others' answers say that they were throttled."""

    def batch(data: Data) -> Answer:
        try:
            refused = [admit(statement_demands(each)) for each in data["Statements"]]
        except (AttributeError, KeyError, TypeError, ValueError):
            return call(data)  # malformed: MiniStack refuses it
        through = [each for each, refusal in zip(data["Statements"], refused, strict=True) if not refusal]
        if len(through) == len(refused):
            return call(data)
        status, headers, body = call({**data, "Statements": through}) if through else (200, {}, b'{"Responses": []}')
        if status != 200:
            return status, headers, body
        answered = json.loads(body)
        executed = iter(answered["Responses"])
        answered["Responses"] = [{"Error": _THROTTLED} if refusal else next(executed) for refusal in refused]
        return status, headers, json.dumps(answered).encode()

    return batch


def statement_demands(statement: Mapping[str, Any]) -> list[Demand]:
    """List what a statement takes: a write, as a call of its own would; reading is not judged."""
    parsed = dynamodb._parse_partiql(statement["Statement"], statement.get("Parameters", []))
    table = table_of({"TableName": parsed["table"]})
    if parsed["op"] == "INSERT":
        item = parsed["item"].get("M", parsed["item"])
        return write_demands(table, dynamodb._get_item_by_key(table, item), item)
    if parsed["op"] == "UPDATE":
        partition, sort, _condition, _error = dynamodb._partiql_key_target(table, parsed)
        old = table["items"].get(partition, {}).get(sort)
        return write_demands(table, old, _updated(old, parsed) if old else None)
    return []


def _updated(old: Mapping[str, Any], parsed: Mapping[str, Any]) -> Data:
    new: Data = copy.deepcopy(dict(old))
    for parts, value in parsed.get("assignments") or ():
        dynamodb._partiql_set_path(new, parts, dynamodb._pq_eval(value, new))
    return new
