"""Restore the tables from their continuous backups, in place.

DynamoDB restores to another table. Its items are put back into the one that is deployed, so that its name, its stream,
the rights to it and its own backups stay, and it can be restored once more. Both tables are read whole, in constant
memory, and it is safe to repeat.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from botocore.exceptions import ClientError

from monthclose.adapters.aws.clients import client
from monthclose.domain.errors import UserMistakeError
from monthclose.ports.copies import RESTORE_MARK, Difference

_SUFFIX = "-restored"
_KEYS_PER_GET, _ITEMS_PER_WRITE = 100, 25
_PAUSE_SECONDS = 0.5
_READY = "ACTIVE"
_NUMBERS, _RESERVATIONS = ("series#", "runs#"), ("#numbers#", "#corrections#")
"""What the keys of number series begin with, and what those of the batches' reservations have in them."""
_REGISTERED = "provider_customer"
"""The attribute of a customer with the id that the provider gave them when we registered them."""

type Item = dict[str, Any]


class DynamoCopies:
    """`TableCopies` on DynamoDB.

    Parameters
    ----------
    tables : sequence of str
        The names of the deployment's tables.
    sleep : callable
        Waits for some seconds.
    added : collection of str
        Those of them that a release has added. A copy as of a time before that is empty and is not made: all that they
        hold is newer.
    """

    def __init__(
        self, tables: Sequence[str], sleep: Callable[[float], None] = time.sleep, *, added: Collection[str] = ()
    ) -> None:
        self._tables, self._sleep, self._added = tables, sleep, added

    def states(self) -> Mapping[str, str]:
        """Ask for each copy; one that is empty because its table did not exist yet is there at once."""
        return {table: self._state(table) for table in self._tables}

    def _state(self, table: str) -> str:
        described = _described(table + _SUFFIX)
        return _READY if not described and self._is_empty(table) else str(described.get("TableStatus", ""))

    def _is_empty(self, table: str) -> bool:
        """Whether a table that has no copy was added after the time of the copies."""
        times = [moment for moment in self.moments().values() if moment] if table in self._added else []
        return bool(times) and _described(table)["CreationDateTime"] > max(times)

    def moments(self) -> Mapping[str, datetime | None]:
        """Read what DynamoDB keeps of each restore; of a named backup it keeps when that was made, which is no help."""
        found = {copy: _described(copy) for copy in (table + _SUFFIX for table in self._tables)}
        return {copy: _moment(table.get("RestoreSummary", {})) for copy, table in found.items() if table}

    def make(self, at: datetime) -> None:
        """Begin to restore each table, to the second: the youngest first, so that all have a backup if that has one."""
        made_at = {table: _described(table)["CreationDateTime"] for table, state in self.states().items() if not state}
        there = [table for table, made in made_at.items() if made <= at or table not in self._added]
        if made_at and not there:  # the other copies come from backups that do not say of what time they are
            raise UserMistakeError(
                f"{min(made_at)} was added after that time\n"
                f"make its copy yourself: an empty table {min(made_at)}{_SUFFIX} with the same keys"
            )
        for table in sorted(there, key=made_at.__getitem__, reverse=True):
            try:
                client("dynamodb").restore_table_to_point_in_time(
                    SourceTableName=table, TargetTableName=table + _SUFFIX, RestoreDateTime=at
                )
            except ClientError as error:
                if "RestoreTime" not in error.response["Error"]["Code"]:
                    raise
                raise UserMistakeError(f"{table} cannot be restored: {error.response['Error']['Message']}") from error

    def compare(self, table: str, *, put_back: bool) -> Difference:
        """Read the copy and then the table, each once, and look up in the other what was read."""
        keys = [key["AttributeName"] for key in _described(table)["KeySchema"]]
        changed = newer = kept = same = 0
        is_empty = not _described(table + _SUFFIX) and self._is_empty(table)
        for some in () if is_empty else self._scanned(table + _SUFFIX):
            now = {_key(item, keys): item for item in self._found(table, [_only(item, keys) for item in some])}
            pairs = [(now.get(_key(copy, keys)), copy) for copy in some]
            wanted = [(before, _merged(before, copy)) for before, copy in pairs]
            different = [after for before, after in wanted if before != after]
            changed, same = changed + len(different), same + len(wanted) - len(different)
            kept += sum(after != copy for (_, after), (_, copy) in zip(wanted, pairs, strict=True))
            if put_back:
                self._write(table, [{"PutRequest": {"Item": item}} for item in different])
        for some in self._scanned(table):
            asked = [] if is_empty else [_only(item, keys) for item in some]
            known = {_key(item, keys) for item in (self._found(table + _SUFFIX, asked) if asked else ())}
            only_here = [item for item in some if _key(item, keys) not in known]
            gone = [_only(item, keys) for item in only_here if not _is_evidence(item)]
            newer, kept = newer + len(gone), kept + len(only_here) - len(gone)
            if put_back:
                self._write(table, [{"DeleteRequest": {"Key": key}} for key in gone])
        return Difference(changed, newer, kept, same)

    def _scanned(self, table: str) -> Iterator[Sequence[Item]]:
        """Read a whole table, in portions that one call can look up."""
        for page in client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from batched(page["Items"], _KEYS_PER_GET, strict=False)

    def _found(self, table: str, keys: Sequence[Item]) -> list[Item]:
        found, left = list[Item](), {table: {"Keys": list(keys), "ConsistentRead": True}}
        while left:
            answer = client("dynamodb").batch_get_item(RequestItems=left)
            found += answer["Responses"].get(table, [])
            left = answer["UnprocessedKeys"]
            if left:
                self._sleep(_PAUSE_SECONDS)
        return found

    def _write(self, table: str, requests: Sequence[Item]) -> None:
        for some in batched(requests, _ITEMS_PER_WRITE, strict=False):
            left = {table: list(some)}
            while left:
                left = client("dynamodb").batch_write_item(RequestItems=left)["UnprocessedItems"]
                if left:
                    self._sleep(_PAUSE_SECONDS)


def _described(table: str) -> Mapping[str, Any]:
    try:
        described: Mapping[str, Any] = client("dynamodb").describe_table(TableName=table)["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return {}
    return described


def _moment(summary: Mapping[str, Any]) -> datetime | None:
    return None if "SourceBackupArn" in summary else summary.get("RestoreDateTime")


def _key(item: Item, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in names)


def _only(item: Item, names: Sequence[str]) -> Item:
    return {name: item[name] for name in names}


def _merged(before: Item | None, copy: Item) -> Item:
    """Decide what an item becomes: what the copy says, but for what must not be forgotten."""
    if before is None:
        return copy
    if _is_evidence(copy):
        return before
    registered = before.get(_REGISTERED, {}).get("S") and not copy.get(_REGISTERED, {}).get("S")
    return {**copy, _REGISTERED: before[_REGISTERED]} if registered else copy


def _is_evidence(item: Item) -> bool:
    """Whether an item says what was given out, and is never set back.

    Numbers of invoices, and which drafts have them: the batch that lost its invoices issues the same ones again.
    """
    if "pk" not in item:
        return False
    pk, sk = item["pk"]["S"], item.get("sk", {}).get("S", "")
    numbers = pk.startswith(_NUMBERS) or any(part in pk for part in _RESERVATIONS)
    return numbers or (pk, sk) == ("claims", RESTORE_MARK)
