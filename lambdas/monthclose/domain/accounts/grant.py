"""Credit grants: parts of a customer's credit that have conditions, and which of them is used first.

Promotional credit is used before credit that was paid for: the customer keeps what they paid for as long as there is
something else. Of one kind that for named SKUs goes first, for the fewer SKUs the earlier: nothing else can be paid
with it. Then the soonest to expire goes first, so that as little as possible is lost; of those that
expire together, or never, the oldest. A grant is good for the invoices of the months that end before it expires: one
"until 31 October" still pays October's, which is written in November.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.period import Period

_NEVER = datetime.max.replace(tzinfo=UTC)


class GrantKind(StrEnum):
    """Where credit comes from; in the order in which it is used."""

    PROMOTIONAL = "promotional"
    GOODWILL = "goodwill"
    """Given for an outage."""
    PAID = "paid"
    """Prepaid by the customer."""

    @property
    def order(self) -> int:
        """Place in the order of use, from 0."""
        return list(GrantKind).index(self)


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit that was granted; never changed.

    Parameters
    ----------
    minor : int
        How much it was, in minor units of the account's currency.
    expires_at : datetime or None
        From then on it is gone; None: never.
    skus : tuple of str
        The SKUs whose usage it pays for, with their taxes, on invoices that are issued from now on; empty: everything.
    """

    grant_id: str
    kind: GrantKind
    minor: int
    granted_at: datetime
    expires_at: datetime | None = None
    skus: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.minor <= 0:
            raise ValueError(f"grant {self.grant_id} for {self.minor} grants nothing")

    @property
    def last_day(self) -> date | None:
        """The last day (UTC) on which it is good; None if it never expires."""
        return last_day(self.expires_at) if self.expires_at else None

    @property
    def order(self) -> tuple[int, float, datetime, datetime, str]:
        """What orders grants by when they are used; no two grants of an account have the same."""
        width = len(self.skus) or math.inf
        return (self.kind.order, width, self.expires_at or _NEVER, self.granted_at, self.grant_id)

    def is_good_on(self, day: date) -> bool:
        """Whether it had not expired before a day (UTC)."""
        return self.last_day is None or self.last_day >= day

    def covers(self, period: Period) -> bool:
        """Whether it can pay for a month: it hadn't expired when the month ended."""
        return self.expires_at is None or self.expires_at >= period.end


def last_day(expires_at: datetime) -> date:
    """Say until when something is good that expires at a time: with the end of that day, or in it."""
    return (expires_at - timedelta(microseconds=1)).date()


class Part(NamedTuple):
    """A part of a grant, in minor units: what an account still has of it, what an invoice used of it, what expired."""

    grant: Grant
    minor: int


type Parts = tuple[Part, ...]
"""One part of a grant at the most, none of them empty, in the order of use."""


def sum_minor(parts: Iterable[Part]) -> int:
    """Sum parts up."""
    return sum(part.minor for part in parts)


def merged(*parts: Part) -> Parts:
    """Lay parts together, grant by grant.

    Raises
    ------
    ValueError
        There would be more of a grant than was granted.
    """
    sums: dict[Grant, int] = {}
    for grant, minor in parts:
        sums[grant] = sums.get(grant, 0) + minor
        if sums[grant] > grant.minor:
            raise ValueError(f"grant {grant.grant_id} is for {grant.minor}, so it cannot be {sums[grant]}")
    return tuple(Part(grant, sums[grant]) for grant in sorted(sums, key=lambda grant: grant.order) if sums[grant])


type Payable = Mapping[str, int]
"""What an invoice's SKUs come to, taxes included: minor units."""


def pay(parts: Iterable[Part], minor: int, payable: Payable) -> tuple[Parts, Parts]:
    """Pay an amount with parts in their order, as far as they go; returns what is left of them, and what was taken.

    A part that is for named SKUs pays for what they come to, and no more.

    Raises
    ------
    ValueError
        The amount is negative.
    """
    if minor < 0:
        raise ValueError(f"{minor} cannot be covered by credit")
    kept, taken, due = list[Part](), list[Part](), dict(payable)
    for grant, available in parts:
        used = 0
        for sku in grant.skus or ("",):
            own = min(available - used, minor, due.get(sku, 0) if sku else minor)
            if sku:
                due[sku] = due.get(sku, 0) - own
            used, minor = used + own, minor - own
        kept.append(Part(grant, available - used))
        taken.append(Part(grant, used))
    return merged(*kept), merged(*taken)


def take(parts: Iterable[Part], minor: int) -> tuple[Parts, Parts]:
    """Take an amount from parts in their order, as far as they go; returns what is left of them, and what was taken.

    Raises
    ------
    ValueError
        The amount is negative.
    """
    if minor < 0:
        raise ValueError(f"{minor} cannot be covered by credit")
    kept, taken = list[Part](), list[Part]()
    for grant, available in parts:
        used = min(available, minor)
        minor -= used
        kept.append(Part(grant, available - used))
        taken.append(Part(grant, used))
    return merged(*kept), merged(*taken)
