"""Groups: customers whose usage is on the invoices of another customer, their payer.

Who pays for a customer's period is decided when it ends, and never changes afterwards: that follows from the times of
the changes, which the customer's account keeps. So a close, a rehearsal, late usage and a regenerated invoice all come
to the same, whatever is imported meanwhile, and no period has two payers or none.

There is one level: a payer has no payer. `Customer.children` says whom a payer's invoice may have to cover; whether it
does is up to each child's own account, so the list may be out of date without harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from monthclose.domain import calendar
from monthclose.domain.accounts import cycles
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period

type Payers = tuple[tuple[str, str], ...]
"""Since when whose payer, as `Customer.payers` has it."""

MOST_CHILDREN = 1_000
"""Present ones of a payer: their ids are in its account, which is read and written as a whole."""
_MOST_CHARACTERS = 100_000
"""Of the ids of all its children: a DynamoDB item may have 400 KB."""
_KEPT = timedelta(days=800)
"""For how long a payer remembers a child that has left: usage that comes later has no way onto its invoices."""
_ALIKE = ("currency", "billing_day", "time_zone")
"""What a payer's invoice has for all whose usage is on it."""
ITSELF = "payer is the customer itself"
NOT_YET = (
    "was not when the present period began: import it without a payer, and the payer in the first whole period with it"
)
"""Why a customer cannot join a payer whose billing day or time zone it has only just got."""
HAS_CHILDREN = (
    "billing_day and time_zone of a customer who pays for others cannot change: "
    "take those out of the group a day before"
)
LEAVING = "time_zone cannot change on the day that the customer leaves its payer: import it again tomorrow"


def decided_at(period: Period) -> datetime:
    """When it is settled who pays for a period: as its last day ends in the first of the world's time zones.

    No close of the period begins before that, whatever zone it bills by.
    """
    return period.end - calendar.FARTHEST_AHEAD


def payer_for(customer: Customer, period: Period) -> str:
    """Name who pays for a customer's period; empty if they do themselves."""
    return payer_in(customer.payers, period)


def payer_in(payers: Payers, period: Period) -> str:
    """Name who pays for a period, of those who have paid for a customer."""
    found = ""
    for since, payer in payers:
        if not since or datetime.fromisoformat(since) < decided_at(period):
            found = payer
    return found


def present_payer(customer: Customer) -> str:
    """Name who pays for a customer from now on; empty if they do themselves."""
    return customer.payers[-1][1] if customer.payers else ""


def payers_now(customer: Customer) -> Payers:
    """Say who pays for all that a customer may be billed; nothing if they may have an invoice of their own.

    One who has a payer may, for what they were billed themselves before: late usage, an amount carried over.
    """
    return () if customer.late_usage or customer.carried_minor else customer.payers


def paid_by(customer: Customer, payer: str, at: datetime) -> Customer:
    """Note that somebody pays for a customer from now on; empty: they do themselves."""
    return replace(customer, payers=(*customer.payers, (at.isoformat(), payer)))


def present_children(customer: Customer) -> list[str]:
    """List whom a customer pays for, as far as their account knows."""
    return sorted(child for child, left in customer.children.items() if not left)


def with_periods(customer: Customer, profile: Profile, today: date) -> Customer:
    """Keep a billing day and a time zone for the time that they count for, as a profile changes them."""
    before = customer.profile
    if profile.billing_day != before.billing_day:
        customer = replace(customer, cycles=cycles.changed(customer.billing_cycles, profile.billing_day, today))
    if profile.time_zone != before.time_zone:
        zones = calendar.changed(customer.zones, before.time_zone, profile.time_zone, today)
        customer = replace(customer, zones=zones)
    return customer


def check_child(child: Customer | None, customer_id: str, profile: Profile, payer: Customer, today: date) -> None:
    """Check that one customer may pay for another.

    A payer's invoice bills everybody on it for the payer's period. So the period that runs must be the same for both,
    from its first second, and so must be all that come: else the child would be billed twice for some days, or never.

    Parameters
    ----------
    child : Customer or None
        Its account; None if it is new.
    profile : Profile
        The child's, as it would be.

    Raises
    ------
    UserMistakeError
        Why not, in words that are the same from row to row.
    """
    if customer_id == payer.customer_id:
        raise UserMistakeError(ITSELF)
    if present_payer(payer) or payer.profile.payer:
        raise UserMistakeError("payer has a payer itself")
    if child and present_children(child):
        raise UserMistakeError("the customer pays for others, and so cannot have a payer")
    for name in _ALIKE:
        if getattr(profile, name) != getattr(payer.profile, name):
            raise UserMistakeError(f"{name} is not that of the payer")
    if child:
        moved = with_periods(child, profile, today)
        for name, ahead in (("billing_day", _cycles_ahead), ("time_zone", _zones_ahead)):
            if ahead(moved, today) != ahead(payer, today):
                raise UserMistakeError(f"{name} is that of the payer, but {NOT_YET}")


def check_own_periods(customer: Customer, after: Customer, today: date, now: datetime) -> None:
    """Check that a change of billing day or time zone concerns no period in which one customer pays for another.

    Parameters
    ----------
    after : Customer
        As the account would be.

    Raises
    ------
    UserMistakeError
        Why not, in words that are the same from row to row.
    """
    old, new = customer.profile, after.profile
    if (old.billing_day, old.time_zone) == (new.billing_day, new.time_zone):
        return
    lately = (now - datetime.fromisoformat(left) < timedelta(days=1) for left in customer.children.values() if left)
    if present_children(customer) or any(lately):
        raise UserMistakeError(HAS_CHILDREN)
    running = cycles.period_on(after.billing_cycles, today)
    if old.time_zone != new.time_zone and payer_for(after, running) != present_payer(after):
        raise UserMistakeError(LEAVING)


def _cycles_ahead(customer: Customer, today: date) -> object:
    """Say which days the running period has, and what comes after it."""
    theirs = customer.billing_cycles
    running = cycles.period_on(theirs, today)
    return running, cycles.days_of(theirs, running), [cycle for cycle in theirs if not cycle.begun(today)]


def _zones_ahead(customer: Customer, today: date) -> object:
    """Say by which zone the running period began, and what comes after that."""
    running = cycles.days_of(customer.billing_cycles, cycles.period_on(customer.billing_cycles, today))
    first = running.first if running else today
    begun = [own.zone for own in customer.billing_zones if own.since is None or own.since <= first]
    return begun[-1:] or [""], [own for own in customer.billing_zones if own.since and own.since > first]


def with_children(payer: Customer, joining: Mapping[str, str], at: datetime) -> Customer:
    """Add children to a payer's account, or note when they left; those that left long ago are forgotten.

    Parameters
    ----------
    joining : mapping
        By child, the time when it left; empty for one that joins.

    Raises
    ------
    UserMistakeError
        They are more than a payer can have.
    """
    children = {**payer.children, **joining}
    kept = {child: left for child, left in children.items() if not left or at - datetime.fromisoformat(left) < _KEPT}
    present = sum(not left for left in kept.values())
    if any(not left for left in joining.values()) and (
        present > MOST_CHILDREN or sum(map(len, kept)) > _MOST_CHARACTERS
    ):
        raise UserMistakeError(
            f"payer has {MOST_CHILDREN:,} customers already, or ids that are too long for one account"
        )
    return replace(payer, children=kept)
