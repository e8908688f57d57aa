"""Import customers: create them, or replace the profiles of those already known."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial

from monthclose.domain import calendar
from monthclose.domain.accounts import cycles
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.imports.column_mapping import ColumnMapping
from monthclose.domain.imports.intake import CheckTaxId, Reject, Row, Tally, add_named, read_customer, read_row
from monthclose.ports import Books, CustomerDirectory, Taxes
from monthclose.use_cases.batch_work import retry_conflicts
from monthclose.use_cases.imports.check_rows import chunks, kept


def import_customers(  # noqa: PLR0913 - keyword arguments
    rows: Iterable[Row],
    mapping: ColumnMapping,
    *,
    directory: CustomerDirectory,
    books: Books,
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
    imported and counted: a later table may cover them.

    Another billing day than before holds from the end of the period that holds today, another time zone for the days
    after today: only for those customers is an account read.

    Parameters
    ----------
    check : bool
        Whether to say what an import would do, and store nothing: so many customers are new or changed.
    """
    read = partial(read_customer, check_tax_id=check_tax_id, billing_days=billing_days, time_zones=time_zones)
    tally = Tally()
    for chunk in chunks(kept(rows, mapping, tally)):
        profiles: dict[str, Profile] = {}
        for row in chunk:
            customer, reason = read_row(row, mapping, read)
            if customer is None:
                tally.rejected[reason] += 1
                reject(row, reason)
                continue
            customer_id, profile = customer
            profiles[customer_id] = profile
            tally.taken += 1
            tally.untaxable += not _covered(profile, taxes, today)
            add_named(tally.groups, profile.payment_provider if profile.payment_method else "no payment method")
        if check:
            _compare(profiles, directory, tally)
            continue
        for customer_id, profile in directory.put_profiles(profiles.items()).items():
            retry_conflicts(partial(_move, books, customer_id, profile, today))
    return tally


def _move(books: Books, customer_id: str, profile: Profile, today: date) -> None:
    """Store a profile with another billing day or time zone, and keep those before for the time that they count for."""
    customer = books.customer(customer_id)
    if customer is None:  # removed in the meantime
        return
    before = customer.profile
    if profile.billing_day != before.billing_day:
        days = cycles.changed(customer.billing_cycles, profile.billing_day, today)
        customer = replace(customer, cycles=days)
    if profile.time_zone != before.time_zone:
        zones = calendar.changed(customer.zones, before.time_zone, profile.time_zone, today)
        customer = replace(customer, zones=zones)
    books.commit(replace(customer, profile=profile))


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
