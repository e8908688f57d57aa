"""Credit grants: what a customer may use instead of paying, which of it first, and until when.

Promotional credit is used before credit that was paid for, and of one kind the oldest first: the customer keeps what
they paid for as long as there is something else. What has expired is never used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class GrantKind(StrEnum):
    """Where credit comes from; in the order in which it is used."""

    PROMOTIONAL = "promotional"
    GOODWILL = "goodwill"
    """Given for an outage, or by a negative invoice."""
    PAID = "paid"
    """Prepaid by the customer, or paid twice."""

    @property
    def order(self) -> int:
        """Place in the order of use, from 0."""
        return list(GrantKind).index(self)


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit that was granted; amounts in minor units of the account's currency.

    Parameters
    ----------
    remaining_minor : int
        What is left of it: from nothing to all of it.
    expires_at : datetime or None
        From then on it can't be used; None: never.
    """

    grant_id: str
    kind: GrantKind
    amount_minor: int
    remaining_minor: int
    granted_at: datetime
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.remaining_minor <= self.amount_minor:
            raise ValueError(f"grant {self.grant_id} over {self.amount_minor} cannot have {self.remaining_minor} left")

    def expired(self, at: datetime) -> bool:
        """Whether it can't be used any more."""
        return self.expires_at is not None and self.expires_at <= at


class Use(NamedTuple):
    """A part of a grant that is used, expires or is given back."""

    grant_id: str
    minor: int


class Consumption(NamedTuple):
    """The grants afterwards, what was taken of which, and what they could not cover."""

    grants: tuple[Grant, ...]
    uses: tuple[Use, ...]
    uncovered_minor: int


def available_minor(grants: Iterable[Grant], at: datetime) -> int:
    """Sum up what can be used."""
    return sum(grant.remaining_minor for grant in grants if not grant.expired(at))


def consume(grants: Iterable[Grant], minor: int, at: datetime) -> Consumption:
    """Use grants for an amount, as far as they go.

    Raises
    ------
    ValueError
        The amount is negative.
    """
    if minor < 0:
        raise ValueError(f"{minor} cannot be covered by credit")
    kept, uses, left = {grant.grant_id: grant for grant in grants}, [], minor
    for grant in sorted(kept.values(), key=lambda g: (g.kind.order, g.granted_at, g.grant_id)):
        taken = 0 if grant.expired(at) else min(grant.remaining_minor, left)
        if taken:
            kept[grant.grant_id] = replace(grant, remaining_minor=grant.remaining_minor - taken)
            uses.append(Use(grant.grant_id, taken))
            left -= taken
    return Consumption(tuple(kept.values()), tuple(uses), left)


def expire(grants: Iterable[Grant], at: datetime) -> tuple[tuple[Grant, ...], tuple[Use, ...]]:
    """Empty what has expired; returns the grants afterwards, and what was lost of which."""
    before = tuple(grants)
    lost = tuple(Use(g.grant_id, g.remaining_minor) for g in before if g.expired(at) and g.remaining_minor)
    return tuple(replace(g, remaining_minor=0) if g.expired(at) else g for g in before), lost


def give_back(grants: Iterable[Grant], uses: Iterable[Use]) -> tuple[Grant, ...]:
    """Undo uses: an invoice is taken back, and its credit with it.

    Raises
    ------
    ValueError
        More is given back than was used.
    """
    returned: dict[str, int] = {}
    for use in uses:
        returned[use.grant_id] = returned.get(use.grant_id, 0) + use.minor
    return tuple(replace(g, remaining_minor=g.remaining_minor + returned.get(g.grant_id, 0)) for g in grants)
