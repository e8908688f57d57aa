"""Write packs, each on the condition that what it rests on is still there."""

import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from monthclose.adapters.dynamo.batches import Batches, Statement
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.errors import ConflictError


class PackWrite(NamedTuple):
    """One pack's write.

    Parameters
    ----------
    seen : int
        The revision that it must have; 0: it must not be there.
    only_revision : bool
        It only gets the next revision.
    expiration : int
        It only gets the next revision, and expires then (seconds since 1970).
    """

    item: UsagePackItem
    seen: int
    only_revision: bool = False
    expiration: int = 0


class PackWriter:
    """Writes packs."""

    def __init__(self, connection: Connection, batches: Batches) -> None:
        self._connection, self._batches = connection, batches

    def each(self, writes: Sequence[PackWrite]) -> list[bool]:
        """Write whole packs of different months, each for itself, and say which were written.

        Raises
        ------
        TryLaterError
            DynamoDB throttles, and time is up. Any of them may have been written.
        """
        held = self._batches.execute(self._connection, list(map(_statement, writes)))
        return [each or self._is_there(write) for each, write in zip(held, writes, strict=True)]

    def together(self, writes: Iterable[PackWrite]) -> bool:
        """Write packs of a month, all or none, and say whether they were written."""
        # The token makes the client's own retries safe: the second one answers like the first.
        token = str(uuid.uuid4())
        try:
            with translated(), TransactWrite(connection=self._connection, client_request_token=token) as transaction:
                for write in writes:
                    _add(transaction, write)
        except ConflictError:
            return False
        return True

    def alone(self, write: PackWrite) -> bool:
        """Let a pack expire that is a month's only one, and say whether it was as it was seen.

        A transaction would cost twice as much.
        """
        actions, condition = _expiring(write), UsagePackItem.revision == write.seen
        try:
            with translated():
                write.item.update(actions, condition=condition & UsagePackItem.expiration.does_not_exist())
        except ConflictError:
            return False
        return True

    def unseen(self, items: Iterable[UsagePackItem]) -> None:
        """Write packs that nobody can see yet, whatever is there."""
        self._batches.write(UsagePackItem, items)

    def remove(self, items: Iterable[UsagePackItem]) -> None:
        """Remove packs that nobody has ever seen."""
        self._batches.remove(UsagePackItem, ((item.pk, item.number) for item in items))

    def expiring(self, keys: Iterable[tuple[str, str]], expiration: int) -> None:
        """Let packs expire that nobody sees any more."""
        for key in keys:
            with suppress(ConflictError), translated():  # DynamoDB may have removed it
                there = UsagePackItem.number.exists()
                UsagePackItem(*key).update([UsagePackItem.expiration.set(expiration)], condition=there)

    def _is_there(self, write: PackWrite) -> bool:
        """Whether what was refused is there all the same: a client that loses an answer repeats its write, in vain."""
        with translated():
            try:
                item = UsagePackItem.get(write.item.pk, write.item.number, consistent_read=True)
            except UsagePackItem.DoesNotExist:
                return False
        return bool(item.serialize() == write.item.serialize())


def _add(transaction: TransactWrite, write: PackWrite) -> None:
    condition: Condition = UsagePackItem.number.does_not_exist()
    if write.seen:
        condition = UsagePackItem.revision == write.seen
    if not write.only_revision and not write.expiration:
        transaction.save(write.item, condition=condition)
        return
    transaction.update(write.item, actions=_expiring(write), condition=condition)


def _expiring(write: PackWrite) -> list[Action]:
    actions: list[Action] = [UsagePackItem.revision.set(write.seen + 1)]
    if write.expiration:
        actions.append(UsagePackItem.expiration.set(write.expiration))
    return actions


def _statement(write: PackWrite) -> Statement:
    raw, table = write.item.serialize(), write.item.Meta.table_name
    if not write.seen:
        names = ", ".join(f"'{name}': ?" for name in raw)
        return {"Statement": f'INSERT INTO "{table}" VALUE {{{names}}}', "Parameters": list(raw.values())}
    keys = {name: raw.pop(name) for name in ("pk", "number")}
    sets = " ".join(f'SET "{name}"=?' for name in raw)
    seen = {**keys, "r": {"N": str(write.seen)}, "g": raw["g"]}
    where = " AND ".join(f'"{name}"=?' for name in seen)
    return {"Statement": f'UPDATE "{table}" {sets} WHERE {where}', "Parameters": [*raw.values(), *seen.values()]}
