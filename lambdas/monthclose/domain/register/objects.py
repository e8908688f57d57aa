"""What the register's objects hold: rows as JSON, one a line, compressed.

An object has the rows of one batch, or of some customers. Each line names its table. The first line of a batch's object
is about the batch itself: it says when its records were read, so that an older object can be told from a newer one.
Readers ignore tables and columns that they do not know.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.closes.close import BatchProgress
from monthclose.domain.month import CustomerMonth
from monthclose.domain.register.rows import customer_row, month_rows, profile_row
from monthclose.domain.register.tables import Row, Value

PREFIX = "register/"
BATCHES, CUSTOMERS, ACCOUNTS = (f"{PREFIX}{name}/" for name in ("batches", "customers", "accounts"))
"""Below these are the objects of batches, by period; of customers, as they were listed or imported; and of single
customers whose account a person has changed."""
COMPLETE = f"{CUSTOMERS}complete-"
"""So begins the name of the object that ends a list of all customers: who has not been listed is none any more."""
LISTED_WITHIN = timedelta(days=1)
"""All objects of a list are younger than this when it ends: a scan of ten million customers takes half an hour."""
BATCH, CUSTOMER, PROFILE, MOVEMENT = "batch", "customer", "profile", "movement"
"""The kinds of lines that are no rows of a table: about a batch, a customer's profile and account, a profile alone, and
what an entry of the ledger has changed of what a customer owes, and of what we owe them."""
_LEVEL = 6
_STAMPED, _STAMP = "%Y%m%dT%H%M%S%f", re.compile(r"-(\d{8}T\d{12})[-.]")


class RegisterObject(NamedTuple):
    """An object of the register."""

    key: str
    content: bytes


def batch_key(period: object, number: int) -> str:
    """Name the object of a batch."""
    return f"{BATCHES}{period}/{number:05}.jsonl.gz"


def batch_object(
    progress: BatchProgress,
    months: Iterable[CustomerMonth],
    customers: Iterable[tuple[Customer, datetime]],
    read_at: datetime,
) -> RegisterObject:
    """Make a batch's object.

    Parameters
    ----------
    customers : iterable of (Customer, datetime)
        Accounts of its customers, where they were read as well, each with the time that it is of.
    read_at : datetime
        When the records were read.
    """
    return RegisterObject(
        batch_key(progress.period, progress.batch.number),
        compressed(_batch_lines(progress, months, customers, instant(read_at))),
    )


def _batch_lines(
    progress: BatchProgress,
    months: Iterable[CustomerMonth],
    customers: Iterable[tuple[Customer, datetime]],
    read_at: str,
) -> Iterator[Row]:
    yield {
        "table": BATCH,
        "period": str(progress.period),
        "batch": progress.batch.number,
        "provider": progress.batch.provider,
        "stage": progress.stage,
        "time": read_at,
    }
    for month in months:
        yield from ({"table": table, **row} for table, row in month_rows(month))
        yield from (line for entry in month.entries for line in _movement(entry))
    yield from (_customer_line(customer, instant(as_of)) for customer, as_of in customers)


def standing_at(customer: Customer, months: Iterable[CustomerMonth]) -> datetime | None:
    """Say of what time an account is that was read before all of its months: that of the last entry.

    None if the entries do not come to what the account has: something was booked while they were read, or the account
    had something before there was a ledger. Then what was known of the account before, and the entries since, say more.
    """
    receivable = credit = 0
    last = datetime.min.replace(tzinfo=UTC)
    for entry in (entry for month in months for entry in month.entries):
        last = max(last, entry.time)
        for leg in entry.legs:
            receivable += leg.minor if leg.account is Account.RECEIVABLE else 0
            credit -= leg.minor if leg.account is Account.CREDIT else 0
    return last if (receivable, credit) == (customer.receivable_minor, customer.credit_minor) else None


def customers_object(customers: Iterable[Customer], read_at: datetime) -> RegisterObject:
    """Make an object of some of the customers that a scan has read."""
    at = instant(read_at)
    return _customers_object("scan", compressed(_customer_line(customer, at) for customer in customers), read_at)


def profiles_object(profiles: Iterable[tuple[str, Profile]], at: datetime) -> RegisterObject:
    """Make an object of imported profiles."""
    time = instant(at)
    content = compressed(
        {"table": PROFILE, "as_of": time, **profile_row(customer_id, profile)} for customer_id, profile in profiles
    )
    return _customers_object("import", content, at)


def _customers_object(source: str, content: bytes, at: datetime) -> RegisterObject:
    """Name an object by its time and by what it holds, so that none takes another's place."""
    name = f"{source}-{_stamp(at)}-{hashlib.sha256(content).hexdigest()[:16]}"
    return RegisterObject(f"{CUSTOMERS}{name}.jsonl.gz", content)


def account_object(customer: Customer, at: datetime) -> RegisterObject:
    """Make the object of one customer's account, which takes the place of the one before."""
    name = hashlib.sha256(customer.customer_id.encode()).hexdigest()[:32]
    return RegisterObject(f"{ACCOUNTS}{name}.jsonl.gz", compressed([_customer_line(customer, instant(at))]))


def complete_object(at: datetime) -> RegisterObject:
    """Make the object that ends a list of all customers."""
    return RegisterObject(f"{COMPLETE}{_stamp(at)}.json", b"{}")


def written_at(key: str) -> datetime | None:
    """Read from an object's name when it was written; None of an object that is overwritten."""
    found = _STAMP.search(key)
    return datetime.strptime(found[1], _STAMPED).replace(tzinfo=UTC) if found else None


def listed_since(keys: Iterable[str]) -> datetime | None:
    """Say since when customers have been listed whom the last complete list has; None if there is none."""
    ends = (written_at(key) for key in keys if key.startswith(COMPLETE))
    last = max((end for end in ends if end), default=None)
    return last - LISTED_WITHIN if last else None


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):{_STAMPED}}"


def _customer_line(customer: Customer, as_of: str) -> Row:
    held_by = customer.held_by or None
    return {"table": CUSTOMER, "as_of": as_of, **customer_row(customer), "held_by": held_by}


def _movement(entry: Entry) -> Iterator[Row]:
    sums = dict.fromkeys((Account.RECEIVABLE, Account.CREDIT), 0)
    for leg in entry.legs:
        if leg.account in sums:
            sums[leg.account] += leg.minor
    if any(sums.values()):
        yield {
            "table": MOVEMENT,
            "customer_id": entry.customer_id,
            "period": str(entry.period),
            "time": instant(entry.time),
            "currency": entry.currency,
            "receivable_minor": sums[Account.RECEIVABLE],
            "credit_minor": -sums[Account.CREDIT],
        }


def compressed(lines: Iterable[Row]) -> bytes:
    """Write lines; what says nothing is left out. The same lines always give the same bytes."""
    text = "".join(f"{json.dumps(_filled(line), ensure_ascii=False, separators=(',', ':'))}\n" for line in lines)
    return gzip.compress(text.encode("utf-8", "replace"), _LEVEL, mtime=0)


def _filled(line: Row) -> dict[str, Value]:
    return {name: value for name, value in line.items() if value is not None}


def instant(at: datetime) -> str:
    """Write a time so that texts are in the order of times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
