"""The audit trail, in a table of its own whose policy lets nobody change or delete an item (stacks/state/audit.py).

An item is written by PartiQL's INSERT: IAM's permission for it, `dynamodb:PartiQLInsert`, covers items that are not
there yet, and no others; `dynamodb:PutItem`, which would replace them, nobody has. The partition key is the caller's
user id, and the table's policy lets everybody write to their own partition only.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition

from monthclose.adapters.dynamo.acts import ActItem
from monthclose.adapters.dynamo.failures import translated
from monthclose.domain.audit import Act, Caller, RecordedAct, in_utc, recorded, witnessed_until
from monthclose.domain.period import Period
from monthclose.errors import ConflictError, TryLaterError, UserMistakeError
from monthclose.ports import Clock

_TRAIL = "acts"
_MOST_ATTEMPTS = 100
"""Workers of one function share an identity: each time several append together, all but one begin again."""
_PAGE = 100
_DIGITS = 12


class DynamoAuditTrail:
    """`AuditTrail` on DynamoDB.

    Parameters
    ----------
    ask_caller : callable
        Finds out whose credentials these are; asked once, when the first act is appended.
    """

    def __init__(self, connection: Connection, ask_caller: Callable[[], Caller], clock: Clock) -> None:
        self._connection, self._ask_caller, self._clock = connection, ask_caller, clock

    @cached_property
    def _caller(self) -> Caller:
        return self._ask_caller()

    def append(self, act: Act) -> RecordedAct:
        """Append an act at the end of the caller's chain, and begin again if another worker was faster."""
        if not ActItem.Meta.table_name:
            raise UserMistakeError(
                "this deployment has no audit trail yet, and nothing is changed without it\n"
                "run `cdk deploy --all` from this release"
            )
        for _ in range(_MOST_ATTEMPTS):
            made = recorded(act, self._caller, self._last(), self._newest())
            try:
                self._insert(made)
            except ConflictError:
                found = self.get(made.name)
                if found is None or found.digest != made.digest:
                    continue  # otherwise it is ours: the answer to an earlier attempt of the client was lost
            return made
        raise TryLaterError("the audit trail is being written by too many workers at once")

    def find(
        self,
        *,
        period: Period | None = None,
        customer_id: str = "",
        invoice: str = "",
        subject: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[RecordedAct]:
        """Query the index of the narrowest of what is asked for, and leave out what isn't about the rest."""
        if not ActItem.Meta.table_name:
            return iter(())
        index, key = _index(str(period) if period else "", customer_id, invoice, subject)
        found = self._pages(index, key, _between(since, until))
        return (
            each
            for each in found
            if (not period or each.act.period == period)
            and (not customer_id or each.act.customer_id == customer_id)
            and (not invoice or each.act.invoice == invoice)
            and (not subject or each.act.subject == subject)
        )

    def get(self, name: str) -> RecordedAct | None:
        """Read an act by its keys."""
        identity, _, number = name.rpartition("#")
        with translated():
            try:
                return _recorded(ActItem.get(identity, number.zfill(_DIGITS), consistent_read=True))
            except ActItem.DoesNotExist:
                return None

    def _pages(self, index: Any, key: str, between: Condition | None) -> Iterator[RecordedAct]:
        with translated():
            for item in index.query(key, between, scan_index_forward=False, page_size=_PAGE):
                yield _recorded(item)

    def _last(self) -> RecordedAct | None:
        with translated():
            found = ActItem.query(self._caller.user_id, scan_index_forward=False, limit=1, consistent_read=True)
            return next(map(_recorded, found), None)

    def _newest(self) -> RecordedAct | None:
        """Find the newest act of anybody, but for those of clocks that are wrong."""
        until = ActItem.at <= witnessed_until(self._clock())
        with translated():
            found = ActItem.acts.query(_TRAIL, until, scan_index_forward=False, limit=1)
            return next(map(_recorded, found), None)

    def _insert(self, made: RecordedAct) -> None:
        """Write an item that is not there yet.

        Raises
        ------
        ConflictError
            It is there.
        """
        item = _item(made)
        names = ", ".join(f"'{name}': ?" for name in item)
        statement = f'INSERT INTO "{ActItem.Meta.table_name}" VALUE {{{names}}}'
        client: Any = self._connection.client
        try:
            client.execute_statement(Statement=statement, Parameters=[{"S": text} for text in item.values()])
        except ClientError as error:
            code = error.response["Error"].get("Code")
            if code == "DuplicateItemException":
                raise ConflictError("somebody else appended first") from error
            if code == "AccessDeniedException":
                raise
            raise TryLaterError(f"the audit trail cannot be written: {code}") from error
        except BotoCoreError as error:
            raise TryLaterError(f"the audit trail cannot be reached: {error}") from error


def _index(period: str, customer_id: str, invoice: str, subject: str) -> tuple[Any, str]:
    narrowest_first = (
        (ActItem.of_invoice, invoice),
        (ActItem.of_customer, customer_id),
        (ActItem.of_period, period),
        (ActItem.of_subject, subject),
    )
    return next(((index, key) for index, key in narrowest_first if key), (ActItem.acts, _TRAIL))


def _between(since: datetime | None, until: datetime | None) -> Condition | None:
    if since and until:
        # BETWEEN includes both its ends; nothing is at a time's very beginning and before it.
        return ActItem.at.between(in_utc(since), in_utc(until)[:-1])
    if since:
        return ActItem.at >= in_utc(since)
    return ActItem.at < in_utc(until) if until else None


def _item(made: RecordedAct) -> dict[str, str]:
    act = made.act
    keys = {"period": str(act.period) if act.period else "", "customer_id": act.customer_id, "invoice": act.invoice}
    links = {name: getattr(made, name) for name in ("previous", "seen", "seen_digest", "digest")}
    return {
        "identity": made.identity,
        "number": str(made.number).zfill(_DIGITS),
        "trail": _TRAIL,
        "subject": act.subject,
        "at": made.at,
        "content": made.content,
        "links": json.dumps(links),
        **{name: text for name, text in keys.items() if text},  # the indexes have only items with their keys
    }


def _recorded(item: ActItem) -> RecordedAct:
    links = json.loads(item.links)
    return RecordedAct(content=item.content, identity=item.identity, number=int(item.number), at=item.at, **links)
