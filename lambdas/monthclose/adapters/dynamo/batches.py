"""Write and read many items: several batches at a time, and more slowly while DynamoDB throttles. Statements, too.

DynamoDB leaves items unprocessed when a table or a partition takes no more. They are sent again after a pause, and
fewer batches at a time (half as many after each throttled round, one more after each that was not), until the
function's time is up. PynamoDB's own batches send the same items five times without a pause and then fail, or for ever.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import GetError, PutError
from pynamodb.models import Model

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.throttling import THROTTLED, DynamoPatience
from monthclose.errors import RecordRefusedError, TryLaterError

_ITEMS_PER_WRITE = 25
"""Most items in one BatchWriteItem."""
_KEYS_PER_GET = 100
"""Most keys in one BatchGetItem."""
_STATEMENTS_AT_ONCE = 25
"""Most statements in one BatchExecuteStatement."""
_THROTTLED_STATEMENTS = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
"""What DynamoDB says of a statement that is to be sent again. (A transaction may be writing the same item.)"""
REFUSED_CONDITIONS = frozenset({"ConditionalCheckFailed", "DuplicateItem"})
"""What it says of a statement whose condition failed, or which inserts what is there."""
_AT_ONCE, _MOST_AT_ONCE = 4, 8
"""Batches sent at once: to begin with, and at most."""

type _Raw = dict[str, Any]
type Statement = dict[str, Any]
"""In PartiQL, as the API has it: `Statement`, `Parameters`."""


class _Answer(NamedTuple):
    """What a batch found, and what of it is to be sent again."""

    found: Sequence[_Raw]
    left: Sequence[_Raw]


class Batches:
    """Writes and reads items of the tables. Any number of threads may use it."""

    def __init__(self, patience: DynamoPatience) -> None:
        self._patience = patience
        self._at_once, self._lock = _AT_ONCE, threading.Lock()

    def write(self, model: type[Model], items: Iterable[Model]) -> None:
        """Put items, no two of the same key.

        Raises
        ------
        TryLaterError
            DynamoDB throttles, and time is up. Any of the items may have been written.
        """
        self._send([item.serialize() for item in items], _ITEMS_PER_WRITE, lambda raw: _write(model, raw))

    def remove(self, model: type[Model], keys: Iterable[str | tuple[str, str]]) -> None:
        """Delete items by their keys, each once, whether they are there or not.

        Raises
        ------
        TryLaterError
            DynamoDB throttles, and time is up. Any of the items may have been deleted.
        """
        raw_keys = [_key(model, key) for key in keys]
        self._send(raw_keys, _ITEMS_PER_WRITE, lambda raw: _write(model, raw, delete=True))

    def read[M: Model](
        self,
        model: type[M],
        keys: Iterable[str | tuple[str, str]],
        *,
        consistent: bool,
        attributes: Sequence[str] | None = None,
    ) -> list[M]:
        """Get the items that exist, in no order; `keys` are hash keys, or pairs of hash and range key, each once.

        Raises
        ------
        TryLaterError
            DynamoDB throttles, and time is up.
        """
        raw_keys = [_key(model, key) for key in keys]
        found = self._send(raw_keys, _KEYS_PER_GET, lambda raw: _get(model, raw, consistent, attributes))
        return [model.from_raw_data(item) for item in found]

    def execute(self, connection: Connection, statements: Sequence[Statement]) -> list[bool]:
        """Execute statements that write one item each, on a condition, and say of each whether its condition held.

        Raises
        ------
        RecordRefusedError
            One cannot be stored. Any of the others may have been executed.
        TryLaterError
            DynamoDB throttles, and time is up. Any of them may have been executed.
        """
        numbered = [{"number": number, "statement": statement} for number, statement in enumerate(statements)]
        answers = self._send(numbered, _STATEMENTS_AT_ONCE, lambda some: _execute(connection.client, some))
        held = {answer["number"]: answer["held"] for answer in answers}
        return [held[number] for number in range(len(statements))]

    def _send(self, left: list[_Raw], size: int, call: Callable[[Sequence[_Raw]], _Answer]) -> list[_Raw]:
        found, attempt = list[_Raw](), 0
        with ThreadPoolExecutor(_MOST_AT_ONCE) as pool:  # a single batch needs no thread of it
            while left:
                now, left = left[: self._at_once * size], left[self._at_once * size :]
                answers = list(pool.map(call, batched(now, size, strict=False))) if len(now) > size else [call(now)]
                again = [item for answer in answers for item in answer.left]
                for answer in answers:
                    found += answer.found
                self._adapt(throttled=bool(again))
                if again:
                    if not self._patience.pause(attempt):
                        raise TryLaterError(f"DynamoDB is throttling requests: {len(again) + len(left)} items are left")
                    # Once half get through, the pauses are long enough: fewer batches at once slow us down as well.
                    attempt += 2 * len(again) > len(now)
                else:
                    attempt = 0
                left = again + left
        return found

    def _adapt(self, *, throttled: bool) -> None:
        with self._lock:
            self._at_once = max(self._at_once // 2, 1) if throttled else min(self._at_once + 1, _MOST_AT_ONCE)


def _key(model: type[Model], key: str | tuple[str, str]) -> _Raw:
    described: Any = model
    attributes = (described._hash_key_attribute(), described._range_key_attribute())
    values = key if isinstance(key, tuple) else (key,)
    return {found.attr_name: {"S": value} for found, value in zip(filter(None, attributes), values, strict=True)}


def _write(model: type[Model], raw: Sequence[_Raw], *, delete: bool = False) -> _Answer:
    """Put items, or delete those with some keys."""
    asked, request, content = (
        ("delete_items", "DeleteRequest", "Key") if delete else ("put_items", "PutRequest", "Item")
    )
    try:
        with translated():
            connection: Any = model._get_connection()  # its types say that keys are text
            answer = connection.batch_write_item(**{asked: raw})
    except TryLaterError as error:
        return _Answer((), _all_if_throttled(error, raw))
    left = answer.get("UnprocessedItems", {}).get(model.Meta.table_name, ())
    return _Answer((), [each[request][content] for each in left])


def _get(model: type[Model], keys: Sequence[_Raw], consistent: bool, attributes: Sequence[str] | None) -> _Answer:
    try:
        with translated():
            connection: Any = model._get_connection()  # its types say that keys are text
            answer = connection.batch_get_item(keys, consistent_read=consistent, attributes_to_get=attributes)
    except TryLaterError as error:
        return _Answer((), _all_if_throttled(error, keys))
    table = model.Meta.table_name
    left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ())
    return _Answer(answer.get("Responses", {}).get(table, ()), left)


def _execute(client: Any, statements: Sequence[_Raw]) -> _Answer:
    try:
        with translated():
            answers = client.batch_execute_statement(Statements=[each["statement"] for each in statements])["Responses"]
    except TryLaterError as error:
        return _Answer((), _all_if_throttled(error, statements))
    found, left = list[_Raw](), list[_Raw]()
    for each, answer in zip(statements, answers, strict=True):
        failed: _Raw = answer.get("Error", {})
        code = failed.get("Code")
        if code in _THROTTLED_STATEMENTS:
            left.append(each)
        elif code == "ValidationError":
            raise RecordRefusedError(f"DynamoDB cannot store that: {failed.get('Message')}")
        elif code and code not in REFUSED_CONDITIONS:
            raise ClientError({"Error": {"Code": code, "Message": failed.get("Message", "")}}, "BatchExecuteStatement")
        else:
            found.append({"number": each["number"], "held": not code})
    return _Answer(found, left)


def _all_if_throttled(error: TryLaterError, items: Sequence[_Raw]) -> Sequence[_Raw]:
    """All of a batch is left if DynamoDB refused it whole for throttling; other errors are raised again."""
    cause = error.__cause__
    if isinstance(cause, PutError | GetError) and cause.cause_response_code in THROTTLED:
        return items
    if isinstance(cause, ClientError) and cause.response["Error"].get("Code") in THROTTLED:
        return items
    raise error
