"""Import customers: create them, or replace the profiles of those already known."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from functools import partial

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import (
    OTHERS,
    CheckTaxId,
    Reject,
    Row,
    Tally,
    add_named,
    read_customer,
    read_row,
)
from monthclose.ports import CustomerDirectory, Taxes
from monthclose.use_cases.imports.check_rows import chunks, kept
from monthclose.use_cases.imports.group_customers import UNKNOWN_PAYER, Regrouper

type _Named = tuple[str, Profile]
"""A customer's id and profile."""
_MOST_WAITING = 20_000
"""Customers who wait in memory until their payer comes later in the file."""


def import_customers(  # noqa: PLR0913 - keyword arguments
    rows: Iterable[Row],
    mapping: ColumnMapping,
    *,
    directory: CustomerDirectory,
    regrouper: Regrouper,
    check_tax_id: CheckTaxId,
    taxes: Taxes,
    today: date,
    reject: Reject,
    billing_days: Collection[int] = (1,),
    time_zones: Collection[str] = (),
    check: bool = False,
) -> Tally:
    """Import every row that describes a customer; of two rows with the same id, the later one counts.

    Accounts are not touched, so importing again is always safe. Customers that the tax table does not cover today are
    imported and counted: a later table may cover them. A customer whose payer comes later in the file waits for it.

    Another billing day than before holds from the end of the period that holds today, another time zone for the days
    after today: only for those customers is an account read.

    Parameters
    ----------
    check : bool
        Whether to say what an import would do, and store nothing: so many customers are new or changed.
    """
    read = partial(read_customer, check_tax_id=check_tax_id, billing_days=billing_days, time_zones=time_zones)
    intake = _Intake(mapping, read, taxes, today, reject)
    for chunk in chunks(kept(rows, mapping, intake.tally)):
        profiles = intake.read(chunk)
        if check:
            _compare(profiles, directory, intake.tally)
            intake.hand_on()
        else:
            intake.settle(regrouper.move(directory.put_profiles(profiles.items()), today))
    intake.finish(regrouper)
    return intake.tally


class _Intake:
    """The rows of a file on their way: what came of each, and who waits for a payer that may come later."""

    def __init__(
        self,
        mapping: ColumnMapping,
        read: Callable[[Mapping[str, str]], _Named],
        taxes: Taxes,
        today: date,
        reject: Reject,
    ) -> None:
        self.tally = Tally()
        self._mapping, self._read, self._taxes, self._today, self._reject = mapping, read, taxes, today, reject
        self._rows: dict[str, tuple[Row, Profile]] = {}
        """Those read last."""
        self._waiting: dict[str, tuple[Row, Profile]] = {}
        self._rejected: list[tuple[Row, str]] = []
        """Handed on in the file's order: who waits may be rejected at the end only."""

    def read(self, rows: Iterable[Row]) -> dict[str, Profile]:
        """Read some rows; returns the profiles by customer."""
        self._rows = {}
        for row in rows:
            customer, reason = read_row(row, self._mapping, self._read)
            if customer is None:
                self._refuse(row, reason)
                continue
            customer_id, profile = customer
            self._rows[customer_id] = row, profile
            self._waiting.pop(customer_id, None)
            self.tally.taken += 1
            self.tally.untaxable += not profile.payer and not _covered(profile, self._taxes, self._today)
            add_named(self.tally.groups, _group(profile))
        return {customer_id: profile for customer_id, (_, profile) in self._rows.items()}

    def settle(self, refused: Mapping[str, str]) -> None:
        """Take back what could not be stored, by customer with the reason; who has an unknown payer waits."""
        for customer_id, reason in refused.items():
            if reason == UNKNOWN_PAYER and len(self._waiting) < _MOST_WAITING:
                self._waiting[customer_id] = self._rows[customer_id]
            else:
                self._take_back(*self._rows[customer_id], reason)
        if not self._waiting or len(self._rejected) > _MOST_WAITING:
            self.hand_on()

    def finish(self, regrouper: Regrouper) -> None:
        """Store those who have waited, now that everybody's payer is known."""
        waiting = {customer_id: profile for customer_id, (_, profile) in self._waiting.items()}
        for customer_id, reason in regrouper.move(waiting, self._today).items():
            row, profile = self._waiting[customer_id]
            circular = reason == UNKNOWN_PAYER and profile.payer in waiting  # no payer, as it waits for its own
            self._take_back(row, profile, "payer has a payer itself" if circular else reason)
        self.hand_on()

    def hand_on(self) -> None:
        """Hand on the rejected rows, in the file's order."""
        for row, reason in sorted(self._rejected, key=lambda rejected: rejected[0].number):
            self._reject(row, reason)
        self._rejected.clear()

    def _take_back(self, row: Row, profile: Profile, reason: str) -> None:
        self.tally.taken -= 1
        group = _group(profile) if _group(profile) in self.tally.groups else OTHERS
        self.tally.groups[group] -= 1
        if not self.tally.groups[group]:
            del self.tally.groups[group]
        self._refuse(row, reason)

    def _refuse(self, row: Row, reason: str) -> None:
        add_named(self.tally.rejected, reason)
        self._rejected.append((row, reason))


def _group(profile: Profile) -> str:
    if profile.payer:
        return "billed with their payer"
    return profile.payment_provider if profile.payment_method else "no payment method"


def _compare(profiles: Mapping[str, Profile], directory: CustomerDirectory, tally: Tally) -> None:
    known = directory.known(profiles)
    tally.new += len(profiles.keys() - known.keys())
    tally.changed += sum(
        profile != known[customer_id] for customer_id, profile in profiles.items() if customer_id in known
    )


def _covered(profile: Profile, taxes: Taxes, today: date) -> bool:
    try:
        taxes.for_customer(profile.country, profile.region, profile.tax_id, today)
    except ParkCustomerError:
        return False
    return True
