"""What moto lacks: PartiQL's INSERT and UPDATE with parameters, which are refused as DynamoDB refuses them."""

import re
from typing import Any

from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.models import DynamoDBBackend

type Raw = dict[str, Any]


def execute(backend: DynamoDBBackend, statement: str, parameters: list[Raw]) -> list[Raw]:
    """Do what a PartiQL INSERT or UPDATE does: moto takes no parameters for them, and replaces what is there."""
    if statement.startswith("INSERT"):
        return _insert(backend, statement, parameters)
    return _update(backend, statement, parameters)


def execute_batch(backend: DynamoDBBackend, statements: list[Raw]) -> list[Raw]:
    """Execute each statement for itself, and say how each ended."""
    return [_one_of_batch(backend, each) for each in statements]


def _one_of_batch(backend: DynamoDBBackend, statement: Raw) -> Raw:
    try:
        execute(backend, statement["Statement"], statement["Parameters"])
    except DynamodbException as error:
        code = type(error).code_in_batch if isinstance(error, Refused) else "ValidationError"
        return {"Error": {"Code": code, "Message": error.message}}
    return {"TableName": _table(statement["Statement"])}


def _table(statement: str) -> str:
    found = re.search(r'"([^"]+)"', statement)
    assert found, statement
    return found[1]


def _insert(backend: DynamoDBBackend, statement: str, parameters: list[Raw]) -> list[Raw]:
    found = re.fullmatch(r'INSERT INTO "([^"]+)" VALUE {(.*)}', statement)
    assert found, statement
    names = [name for name, _ in re.findall(r"'(\w+)': (\?)", found[2])]
    item = dict(zip(names, parameters, strict=True))
    if _stored(backend, found[1], item):
        raise DuplicateItem
    backend.put_item(found[1], item)
    return []


def _update(backend: DynamoDBBackend, statement: str, parameters: list[Raw]) -> list[Raw]:
    found = re.fullmatch(r'UPDATE "([^"]+)" ((?:SET "\w+"=\? )+)WHERE (.+)', statement)
    assert found, statement
    names = re.findall(r'"(\w+)"=\?', found[2])
    changed, conditions = dict(zip(names, parameters, strict=False)), parameters[len(names) :]
    seen = dict(zip(re.findall(r'"(\w+)"=\?', found[3]), conditions, strict=True))
    stored = _stored(backend, found[1], seen)
    if not stored or any(stored.get(name) != value for name, value in seen.items()):
        raise ConditionalCheckFailed
    backend.put_item(found[1], {**stored, **changed})
    return []


def _stored(backend: DynamoDBBackend, table_name: str, item: Raw) -> Raw | None:
    table = backend.get_table(table_name)
    found = backend.get_item(
        table_name, {name: item[name] for name in (table.hash_key_attr, table.range_key_attr) if name}
    )
    return found.to_json()["Attributes"] if found else None


class Refused(DynamodbException):
    """What DynamoDB says of a statement whose condition did not hold."""

    code_in_batch = ""


class DuplicateItem(Refused):
    """The item is there."""

    code_in_batch = "DuplicateItem"

    def __init__(self) -> None:
        super().__init__("DuplicateItemException", "Duplicate primary key exists in table")


class ConditionalCheckFailed(Refused):
    """The item is not there, or is another one."""

    code_in_batch = "ConditionalCheckFailed"

    def __init__(self) -> None:
        super().__init__("ConditionalCheckFailedException", "The conditional request failed")
