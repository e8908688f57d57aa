"""A customer's credit: what is added, what pays for an invoice, what is clawed back, what expires.

It is one amount, and grants are labels on parts of it. What has no label is the customer's own money: paid twice,
prepaid, a negative invoice, a credit note for what was paid. It never expires, and it is used last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import Grant, GrantKind, Part, Parts, Payable, merged, pay, sum_minor, take
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period


class Used(NamedTuple):
    """The account afterwards, how much was used (minor units), and of which grants."""

    customer: Customer
    minor: int
    parts: Parts


def add(customer: Customer, minor: int, parts: Parts = ()) -> Customer:
    """Add credit, of which parts may be of grants."""
    grants = merged(*customer.grants, *parts)
    return replace(customer, credit_minor=customer.credit_minor + minor, grants=grants)


MOST_GRANTS = 500
"""The most that an account holds at a time: its item has them all, and a DynamoDB item holds 400 KB."""
MOST_SKU_CHARACTERS = 50_000
"""Of the SKUs that they are for, together."""


def grant(customer: Customer, granted: Grant) -> Customer:
    """Add all of a grant.

    Raises
    ------
    UserMistakeError
        The account has too many already.
    """
    if len(customer.grants) >= MOST_GRANTS:
        raise UserMistakeError(
            f"customer {customer.customer_id} has {len(customer.grants)} credit grants, the most there can be: wait "
            "until some are used up or have expired"
        )
    grants = (granted, *(part.grant for part in customer.grants))
    if sum(len(sku) for one in grants for sku in one.skus) > MOST_SKU_CHARACTERS:
        raise UserMistakeError(f"the credit of customer {customer.customer_id} would be for too many SKUs: name fewer")
    return add(customer, granted.minor, (Part(granted, granted.minor),))


def usable_minor(customer: Customer, period: Period) -> int:
    """Sum up what can pay for a month's open invoice; credit for named SKUs pays when an invoice is issued, or not."""
    return customer.credit_minor - sum_minor(part for part in customer.grants if not _pays(part, period))


def use(customer: Customer, most_minor: int, period: Period, payable: Payable | None = None) -> Used:
    """Pay for a month's invoice with credit, as far as it goes: grants that are good for the month first.

    Parameters
    ----------
    payable : Payable or None
        What credit for named SKUs may pay for, when the invoice is issued; None: nothing.
    """
    good = [part for part in customer.grants if _pays(part, period, payable)]
    others = [part for part in customer.grants if not _pays(part, period, payable)]
    kept, used = pay(good, most_minor, payable or {})
    own = min(customer.credit_minor - sum_minor(customer.grants), most_minor - sum_minor(used))
    minor = sum_minor(used) + own
    after = replace(customer, credit_minor=customer.credit_minor - minor, grants=merged(*kept, *others))
    return Used(after, minor, used)


def _pays(part: Part, period: Period, payable: Payable | None = None) -> bool:
    return part.grant.covers(period) and (payable is not None or not part.grant.skus)


def claw_back(customer: Customer, most_minor: int) -> Used:
    """Claw back credit that was paid for, as far as there is any: what has no label first, gifts never."""
    gifts = [part for part in customer.grants if part.grant.kind is not GrantKind.PAID]
    paid = [part for part in customer.grants if part.grant.kind is GrantKind.PAID]
    minor = min(customer.credit_minor - sum_minor(gifts), most_minor)
    unlabelled = customer.credit_minor - sum_minor(customer.grants)
    kept, taken = take(reversed(paid), max(minor - unlabelled, 0))
    after = replace(customer, credit_minor=customer.credit_minor - minor, grants=merged(*kept, *gifts))
    return Used(after, minor, taken)


def expire(customer: Customer, period: Period) -> Used:
    """Remove what had expired when a month ended."""
    lost = [part for part in customer.grants if not part.grant.covers(period)]
    kept = [part for part in customer.grants if part.grant.covers(period)]
    after = replace(customer, credit_minor=customer.credit_minor - sum_minor(lost), grants=merged(*kept))
    return Used(after, sum_minor(lost), merged(*lost))
