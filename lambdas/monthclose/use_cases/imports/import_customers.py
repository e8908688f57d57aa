"""Import customers: create them, or replace the profiles of those already known."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import partial

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import CheckTaxId, Reject, Row, Tally, add_named, read_customer, read_row
from monthclose.ports import CustomerDirectory, Taxes
from monthclose.use_cases.imports.check_rows import chunks, kept
from monthclose.use_cases.imports.group_customers import UNKNOWN_PAYER, Regrouper

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
    tally, waiting = Tally(), dict[str, tuple[Row, Profile]]()

    def refuse(row: Row, profile: Profile, reason: str) -> None:
        tally.taken -= 1
        tally.groups[_group(profile)] -= 1
        add_named(tally.rejected, reason)
        reject(row, reason)

    for chunk in chunks(kept(rows, mapping, tally)):
        found: dict[str, Row] = {}
        profiles: dict[str, Profile] = {}
        for row in chunk:
            customer, reason = read_row(row, mapping, read)
            if customer is None:
                add_named(tally.rejected, reason)
                reject(row, reason)
                continue
            customer_id, profile = customer
            profiles[customer_id], found[customer_id] = profile, row
            waiting.pop(customer_id, None)
            tally.taken += 1
            tally.untaxable += not profile.payer and not _covered(profile, taxes, today)
            add_named(tally.groups, _group(profile))
        if check:
            _compare(profiles, directory, tally)
            continue
        for customer_id, reason in regrouper.move(directory.put_profiles(profiles.items()), today).items():
            if reason == UNKNOWN_PAYER and len(waiting) < _MOST_WAITING:
                waiting[customer_id] = found[customer_id], profiles[customer_id]
            else:
                refuse(found[customer_id], profiles[customer_id], reason)
    for customer_id, reason in regrouper.move({name: of for name, (_, of) in waiting.items()}, today).items():
        refuse(*waiting[customer_id], reason)
    return tally


def _group(profile: Profile) -> str:
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
