"""What moto lacks: PartiQL's INSERT with parameters, which never replaces an item."""

import re
from typing import Any

from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.models import DynamoDBBackend


def insert(backend: DynamoDBBackend, statement: str, parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Do what a PartiQL INSERT does, as DynamoDB does it: moto takes no parameters for it, and replaces items."""
    found = re.fullmatch(r'INSERT INTO "([^"]+)" VALUE {(.*)}', statement)
    assert found, statement
    names = [name for name, _ in re.findall(r"'(\w+)': (\?)", found[2])]
    item = dict(zip(names, parameters, strict=True))
    table = backend.get_table(found[1])
    if backend.get_item(found[1], {name: item[name] for name in (table.hash_key_attr, table.range_key_attr) if name}):
        raise DuplicateItem
    backend.put_item(found[1], item)
    return []


class DuplicateItem(DynamodbException):
    """What DynamoDB says of an item that is there."""

    def __init__(self) -> None:
        super().__init__("DuplicateItemException", "Duplicate primary key exists in table")
