"""Book the expiry of credit grants, before what is left pays for a month's invoice."""

from dataclasses import replace
from datetime import datetime

from monthclose.domain.accounts import credit
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs
from monthclose.domain.period import Period
from monthclose.ports import Books


def expire_credit(books: Books, customer: Customer, period: Period, now: datetime) -> Customer:
    """Remove grants that had expired when the month ended; returns the account as it then is.

    An expired gift costs us that much less; what the customer had paid for is ours to keep. A grant that is good for an
    earlier month that waits for a person stays until that month has its invoice.

    Raises
    ------
    ConflictError
        Somebody else changed the account meanwhile.
    """
    after, minor, parts = _expired(books, customer, period)
    if not minor:
        return customer
    paid = sum(part.minor for part in parts if part.grant.kind is GrantKind.PAID)
    legs = entry_legs({Account.CREDIT: minor, Account.ALLOWANCE: paid - minor, Account.BREAKAGE: -paid})
    memo = "credit expired: " + ", ".join(f"{grant.kind} of {grant.granted_at:%Y-%m-%d}" for grant, _ in parts)
    # By the account's version: a grant that a credit note gives back after its time expires once more.
    entry_id = f"expired/{customer.version}"
    books.commit(after, Entry(entry_id, customer.customer_id, period, customer.currency, now, legs, memo))
    return replace(after, version=after.version + 1)


def without_expired(books: Books, customer: Customer, period: Period) -> Customer:
    """Return the account as `expire_credit` would leave it; nothing is written."""
    return _expired(books, customer, period).customer


def _expired(books: Books, customer: Customer, period: Period) -> credit.Used:
    if not credit.expire(customer, period).minor:
        return credit.Used(customer, 0, ())
    months = books.months(customer.customer_id).items()
    waiting = (of for of, month in months if of < period and month.parked and not month.invoice)
    return credit.expire(customer, min(waiting, default=period))
