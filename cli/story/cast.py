"""Who does what in the story: chosen among the made-up customers, by how they pay."""

import csv
import gzip
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from monthclose.domain.period import Period

type Row = Mapping[str, str]

_GOOD_CARD = "pm_card_visa"
_DECLINED = ("pm_card_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclined", "pm_card_chargeDeclinedExpiredCard")
_CUSTOMERS_PER_ROLE = 100


@dataclass(frozen=True, slots=True)
class Cast:
    """The customers who have something to do, by their ids.

    Attributes
    ----------
    declined : tuple of str
        Their cards are declined from the start.
    forgetful : tuple of str
        They have no payment method.
    expiring, debited, failing_late, reversed : tuple of str
        Their card expires, they pay by bank debit, their debit fails after it was confirmed, their bank reverses it.
    disputing, rewarded, leaving : tuple of str
        They dispute a charge, get promotional credit, leave.
    """

    declined: tuple[str, ...]
    forgetful: tuple[str, ...]
    expiring: tuple[str, ...]
    debited: tuple[str, ...]
    failing_late: tuple[str, ...]
    reversed: tuple[str, ...]
    disputing: tuple[str, ...]
    rewarded: tuple[str, ...]
    leaving: tuple[str, ...]

    @classmethod
    def of(cls, customers: Sequence[Row], used: Collection[str]) -> "Cast":
        """Choose among customers, those with usage only; with few of them, some roles have nobody."""
        each = max(1, len(customers) // _CUSTOMERS_PER_ROLE)
        active = [row for row in customers if row["customer_id"] in used]
        good = (row["customer_id"] for row in active if (row["payment_method"], row["currency"]) == (_GOOD_CARD, "USD"))

        def take(number: int) -> tuple[str, ...]:
            return tuple(islice(good, number))

        return cls(
            declined=tuple(row["customer_id"] for row in active if row["payment_method"] in _DECLINED),
            forgetful=tuple(row["customer_id"] for row in active if not row["payment_method"]),
            expiring=take(each),
            debited=take(each),
            failing_late=take(each),
            reversed=take(1),
            disputing=take(2),
            rewarded=take(1),
            leaving=take(2 * each),
        )

    def methods(self, first: Period) -> dict[str, str]:
        """Say how those pay whom the generator gave a good card."""
        chosen = {
            f"pm_sandbox_visaExpires_{first.next.year}_{first.next.month:02}": self.expiring,
            "pm_usBankAccount_success": self.debited,
            "MD_LATE_FAILURE": self.failing_late,
            "pm_usBankAccount_dispute": self.reversed,
        }
        return {customer: method for method, customers in chosen.items() for customer in customers}


def with_method(row: Row, method: str) -> Row:
    """Give a customer another payment method, at the provider that it is of."""
    provider = "gocardless" if method.startswith("MD") else "stripe"
    return {**row, "payment_method": method, "payment_provider": provider}


def read_customers(file: Path) -> list[Row]:
    """Read the customers of a month."""
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def write_customers(file: Path, rows: Iterable[Row]) -> Path:
    """Write customers to import."""
    listed = list(rows)
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, listed[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
    return file


def users(file: Path) -> set[str]:
    """Name the customers with usage."""
    with gzip.open(file, "rt", newline="") as text:
        return {row["customer_id"] for row in csv.DictReader(text)}


def without(file: Path, left: Collection[str]) -> None:
    """Leave out the usage of customers who have left."""
    with gzip.open(file, "rt", newline="") as text:
        header, *rows = list(csv.reader(text))
    place = header.index("customer_id")
    with gzip.open(file, "wt", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows([header, *(row for row in rows if row[place] not in left)])
