"""Packs as items, and what is known of a month."""

import secrets
from dataclasses import dataclass, field

from monthclose.adapters.dynamo.usage.ids import PackIds
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.domain.usage import UsageMonth
from monthclose.domain.usage_pack import EventPack

HEAD = "000001"
"""The sort key of a month's first pack, whatever its generation."""
LAST_PLAIN = "999999"
NOTHING = "nothing"
"""The version of a month of which there is nothing."""
EARLIER = "earlier"
"""The version of a month that is still where an earlier release, or the archive, has it: it never changes there."""
_STATE_BYTES = 800
"""What the state of a month takes in memory, beside its ids and its tail."""


def partition(month: UsageMonth) -> str:
    """Make a month's partition key."""
    return f"{month.period}#{month.customer_id}"


def sort_key(generation: str, number: int) -> str:
    """Make a pack's sort key.

    The packs of a month that was moved here have keys of their own, so that what is left of a former life of the month,
    or of a move that broke off, is never taken for a part of it.
    """
    return HEAD if number == 1 else f"{generation}{number:06}"


def new_generation() -> str:
    """Make a generation's name: behind all plain numbers in the order of keys."""
    return f"g{secrets.token_hex(4)}-"


def bare_item(month: UsageMonth, generation: str, number: int) -> UsagePackItem:
    """Make a pack's item without content."""
    return UsagePackItem(partition(month), sort_key(generation, number))


def item_of(
    month: UsageMonth, generation: str, number: int, pack: EventPack, *, revision: int, full: bool
) -> UsagePackItem:
    """Make a pack's item."""
    item = bare_item(month, generation, number)
    item.revision, item.generation, item.full = revision, generation, full
    item.events, item.body = pack.events, pack.body
    return item


@dataclass(frozen=True, slots=True)
class Tail:
    """A month's last pack; of a full one, `body` is empty: nothing is added to it."""

    number: int
    revision: int
    full: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class MonthState:
    """What is known of a month's packs.

    Parameters
    ----------
    head_revision : int
        0: there is no first pack.
    tail : Tail or None
        None where there are no packs, or where they have expired: then the month is in the archive.
    ids : PackIds or None
        Of all its events (perhaps of later ones, too), if there are several packs and the ids aren't too many.
    """

    month: UsageMonth
    generation: str = ""
    head_revision: int = 0
    tail: Tail | None = None
    ids: PackIds | None = field(default=None, repr=False)

    @property
    def version(self) -> str:
        """What a decision on the month rests on: every change writes the first pack, the last one or another one."""
        if not self.tail:
            return NOTHING
        return f"{self.generation}{self.head_revision}.{self.tail.number}.{self.tail.revision}"

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return _STATE_BYTES + (len(self.tail.body) if self.tail else 0) + (self.ids.size if self.ids else 0)
