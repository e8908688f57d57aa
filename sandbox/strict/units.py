"""What a call of DynamoDB takes, in write and read units, by MiniStack's own sizes of items.

Sizes and roundings: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ministack.services import dynamodb

from sandbox.strict.throughput import Demand, Kind

type Item = dict[str, Any]
type Table = dict[str, Any]

_READ_UNIT = 4096


def table_of(data: Mapping[str, Any]) -> Table:
    """Return the table that a call names."""
    table: Table = dynamodb._tables[dynamodb._normalize_table_name(data["TableName"])]
    return table


def index_of(table: Table, name: str | None) -> Mapping[str, Any] | None:
    """Return a global secondary index; None if there is none of that name (a local one is part of its table)."""
    return next((index for index in table.get("GlobalSecondaryIndexes") or () if index["IndexName"] == name), None)


def write_demands(table: Table, old: Item | None, new: Item | None, times: int = 1) -> list[Demand]:
    """List what writing an item takes: of the table by the larger of its two sizes, and of each index it changes.

    Parameters
    ----------
    times : int
        2 in a transaction, which prepares and commits each write.
    """
    size = max(dynamodb._item_size_bytes(item) if item else 0 for item in (old, new))
    units = times * dynamodb._capacity_kb(size)
    demands = [_demand(table, None, key_value(table, None, new or old), "writes", units)]
    for index in table.get("GlobalSecondaryIndexes") or ():
        units = dynamodb._index_write_units(table, index, old, new)
        if units:
            value = key_value(table, index, new) or key_value(table, index, old)
            demands.append(_demand(table, index, value, "writes", units))
    return demands


def action_demands(kind: str, action: Mapping[str, Any], times: int = 1) -> list[Demand]:
    """List what one write takes: `Put`, `Update`, `Delete` or `ConditionCheck`, as they are in a transaction."""
    table = table_of(action)
    old = dynamodb._get_item_by_key(table, action["Item"] if kind == "Put" else action["Key"])
    if kind in ("ConditionCheck", "Delete"):
        return write_demands(table, old or action["Key"], None if kind == "Delete" else old or action["Key"], times)
    return write_demands(table, old, action["Item"] if kind == "Put" else _updated(old, action), times)


def update_demands(data: Mapping[str, Any]) -> list[Demand]:
    """List what an update takes: without an index, what the item is worth before it (see `grown`).

    What it makes of the item must be known before only where an index may refuse it, and costs as much as the update.
    """
    table = table_of(data)
    if table.get("GlobalSecondaryIndexes"):
        return action_demands("Update", data)
    return write_demands(table, dynamodb._get_item_by_key(table, data["Key"]) or data["Key"], None)


def grown(before: Sequence[Demand], data: Mapping[str, Any]) -> list[Demand]:
    """List what an update took that it was not foreseen to take, as it made the item larger."""
    table = table_of(data)
    if table.get("GlobalSecondaryIndexes"):
        return []
    units = dynamodb._capacity_kb(dynamodb._item_size_bytes(dynamodb._get_item_by_key(table, data["Key"]) or {}))
    return [replace(demand, units=units - demand.units) for demand in before if units > demand.units]


def key_demands(table: Table, key: Item, *, consistent: bool, times: int = 1) -> list[Demand]:
    """List what reading one item takes; one that isn't there costs the least."""
    size = dynamodb._item_size_bytes(dynamodb._get_item_by_key(table, key) or {})
    units = times * read_units(size, consistent=consistent)
    return [_demand(table, None, key_value(table, None, key), "reads", units)]


def page_demand(data: Mapping[str, Any], size: int, *, partition: bool) -> Demand:
    """Say what a page of a query or a scan takes: its bytes together, before any filter.

    Parameters
    ----------
    partition : bool
        Whether it is a query, which reads one partition key; a scan reads all.
    """
    table = table_of(data)
    index = index_of(table, data.get("IndexName"))
    value = None
    if partition:
        name = dynamodb._resolve_index_keys(table, data.get("IndexName"))[0]
        names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
        value = dynamodb._extract_pk_from_condition(data.get("KeyConditionExpression"), values, names, name)
    return _demand(table, index, value, "reads", read_units(size, consistent=bool(data.get("ConsistentRead"))))


def read_units(size: int, *, consistent: bool) -> float:
    """Return the read units of so many bytes: at least one item's."""
    return max(1, -(-size // _READ_UNIT)) * (1.0 if consistent else 0.5)


def key_value(table: Table, index: Mapping[str, Any] | None, item: Item | None) -> Any:
    """Return the value of an item's partition key in a table or an index; None if it isn't in the index."""
    schema = (index or table)["KeySchema"]
    name = next(key["AttributeName"] for key in schema if key["KeyType"] == "HASH")
    return dynamodb._extract_key_val((item or {}).get(name))


def _updated(existing: Item | None, update: Mapping[str, Any]) -> Item:
    """Return what an update will make of an item."""
    item = copy.deepcopy(existing) if existing else dict(update["Key"])
    expression = update.get("UpdateExpression")
    if expression:
        values, names = update.get("ExpressionAttributeValues") or {}, update.get("ExpressionAttributeNames") or {}
        item, _changed = dynamodb._apply_update_expression(item, expression, values, names)
    return item


def _demand(table: Table, index: Mapping[str, Any] | None, partition: Any, kind: Kind, units: float) -> Demand:
    name = index["IndexName"] if index else ""
    warm = (index or table).get("WarmThroughput") or {}
    rate = warm.get({"writes": "WriteUnitsPerSecond", "reads": "ReadUnitsPerSecond"}[kind]) or 0
    return Demand(table["TableName"], name, partition, kind, units, float(rate))
