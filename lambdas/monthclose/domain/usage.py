"""Usage: events that say how much of a SKU a customer used, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MAX_KEY_LENGTH = 256
"""Longest customer id, SKU or event id, in characters (a DynamoDB sort key holds 1,024 bytes)."""
MAX_TEXT_LENGTH = 4096
"""Longest name or description, in characters (a DynamoDB item holds 400 KB in all)."""
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
MAX_DIGITS = 28
"""Most digits of a quantity or price; DynamoDB's numbers hold 38, sums need room."""


class EventKey(NamedTuple):
    """What identifies an event: ids are unique within a customer's month."""

    customer_id: str
    period: Period
    event_id: str


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One event.

    Parameters
    ----------
    event_id : str
        Unique within the customer's month; the same id again is the same event.
    quantity : Decimal
        In the SKU's unit; negative for a correction.
    unit_price : Decimal or None
        Major units of the customer's currency per unit, if the usage was rated upstream;
        otherwise the price book decides.
    resource : str
        What was used (one machine, one volume); empty if it doesn't matter.
    replaces : str
        Id of the event of the same month that this one corrects; empty if it is new usage.
    received_at : datetime or None
        When it was stored; None: before anybody took that down.
    replaced_by, replaced_at
        The event that corrected this one, and when; it stays stored, for what was billed before.
    """

    event_id: str
    customer_id: str
    sku: str
    quantity: Decimal
    time: datetime
    unit_price: Decimal | None = None
    description: str = ""
    resource: str = ""
    replaces: str = ""
    received_at: datetime | None = None
    replaced_by: str = ""
    replaced_at: datetime | None = None

    @property
    def key(self) -> EventKey:
        """What identifies it."""
        return EventKey(self.customer_id, self.period, self.event_id)

    def says_the_same(self, other: UsageEvent) -> bool:
        """Whether two events of the same key have the same content."""
        return _said(self) == _said(other)

    @property
    def period(self) -> Period:
        """The month that the event belongs to."""
        return Period.of(self.time)


def _said(event: UsageEvent) -> tuple[object, ...]:
    return (
        event.sku,
        event.quantity,
        event.time,
        event.unit_price,
        event.description,
        event.resource,
        event.replaces,
    )


class AsOf:
    """A month's usage as it was known at a time: what came later, and corrections that came later, don't count.

    Parameters
    ----------
    watermark : datetime
        What was received until then counts.
    """

    def __init__(self, events: Iterable[UsageEvent], watermark: datetime) -> None:
        self._events, self._watermark = events, watermark
        self.left = False
        """Whether something was left out because it came later; known once all events have gone by."""

    def __iter__(self) -> Iterator[UsageEvent]:
        watermark = self._watermark
        for event in self._events:
            if event.received_at is not None and event.received_at > watermark:
                self.left = True
            elif event.replaced_at is None:
                yield event
            elif event.replaced_at > watermark:
                self.left = True
                yield event


def parse_decimal(text: str, what: str) -> Decimal:
    """Read a finite decimal number of at most `MAX_DIGITS` digits.

    Raises
    ------
    UserMistakeError
        The text is no such number; `what` names it in the message.
    """
    if not _NUMBER.fullmatch(text):  # Decimal itself would read 1_000, NaN and other scripts' digits
        raise UserMistakeError(f"{what} is not a number")
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise UserMistakeError(f"{what} has more than {MAX_DIGITS} digits") from None
    _, digits, power = number.as_tuple()
    assert isinstance(power, int)
    if len(digits) + max(power, 0) > MAX_DIGITS or -power > MAX_DIGITS:
        raise UserMistakeError(f"{what} has more than {MAX_DIGITS} digits")
    return number if number else Decimal(0)  # -0 and 0E5 are 0


def check_text(text: str, what: str) -> str:
    """Return a text if it can be shown: not too long, nothing unprintable but line breaks and tabs.

    Raises
    ------
    UserMistakeError
        It can't; `what` names it in the message.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise UserMistakeError(f"{what} is longer than {MAX_TEXT_LENGTH} characters")
    if _CONTROL_IN_TEXT.search(text):
        raise UserMistakeError(f"{what} has unprintable characters")
    return text


def check_key(text: str, what: str) -> str:
    """Return an identifier if it can be one: not empty, not too long, printable.

    Raises
    ------
    UserMistakeError
        It can't; `what` names it in the message.
    """
    if not text:
        raise UserMistakeError(f"{what} is missing")
    if len(text) > MAX_KEY_LENGTH:
        raise UserMistakeError(f"{what} is longer than {MAX_KEY_LENGTH} characters")
    if not text.isprintable():
        raise UserMistakeError(f"{what} has unprintable characters")
    return text


def check_reason(text: str, needed: str) -> str:
    """Return what a person gives as their reason or reference, without the spaces around it.

    Parameters
    ----------
    needed : str
        What is told to whoever gives none: `a reason is needed: the credit note says it`.

    Raises
    ------
    UserMistakeError
        There is none, or it is a text that cannot be stored or shown.
    """
    if not text.strip():
        raise UserMistakeError(needed)
    return check_text(text.strip(), "the text given")
