"""The customer directory, in the customers table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import batched
from sys import intern

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import CustomerItem
from monthclose.adapters.dynamo.records import LEASE_SHARDS, customer, payers_of, profile, profile_values
from monthclose.domain.accounts import cycles
from monthclose.domain.accounts.customer import Customer, Profile, zones_for
from monthclose.domain.calendar import read_zones
from monthclose.domain.closes.batching import Planned
from monthclose.errors import ConflictError
from monthclose.ports import Billed, Owing, Register

_PLANNED = [
    *("customer_id", "payment_provider", "last_invoiced_minor", "currency", "billing_day", "cycles"),
    *("payers", "late_usage", "carried_minor", "time_zone", "zones"),
]
_PROFILES_AT_ONCE = 2_000
"""Profiles in one object of the register."""


class DynamoCustomerDirectory:
    """`CustomerDirectory` on DynamoDB.

    Parameters
    ----------
    register : callable
        Returns the register, which is loaded where something is written only.
    """

    def __init__(self, batches: Batches, register: Callable[[], Register]) -> None:
        self._batches, self._register = batches, register

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> dict[str, Profile]:
        """Set each profile and raise the version, without reading: account attributes stay as they are."""
        moved: dict[str, Profile] = {}
        for some in batched(profiles, _PROFILES_AT_ONCE, strict=False):
            for customer_id, one in some:
                values = [_stated(name, value) for name, value in profile_values(one).items() if name != "billing_day"]
                if one.billing_day != 1:
                    values.append(CustomerItem.billing_day.set(one.billing_day))
                try:
                    with translated():
                        CustomerItem(customer_id).update(
                            actions=[*values, CustomerItem.version.add(1)], condition=_same_account_facts(one)
                        )
                except ConflictError:
                    moved[customer_id] = one
            self._register().put_profiles([(name, one) for name, one in some if name not in moved])
        return moved

    def scan(self, after: str = "") -> Iterator[Planned]:
        """Scan the table page by page, reading only what planning needs; a table's own order stays the same."""
        with translated():
            for item in CustomerItem.scan(
                attributes_to_get=[*_PLANNED],
                consistent_read=True,
                last_evaluated_key={"customer_id": {"S": after}} if after else None,
            ):
                provider, currency = intern(item.payment_provider), intern(item.currency)  # once, not a million times
                theirs = cycles.read(item.cycles or []) or cycles.cycles_for(int(item.billing_day or 1))
                payers = () if item.late_usage or item.carried_minor else payers_of(item)
                zones = read_zones(item.zones or []) or zones_for(item.time_zone or "")
                expected = int(item.last_invoiced_minor)
                yield Planned(item.customer_id, provider, expected, currency, theirs, payers, zones)

    def scan_accounts(self, after: str = "") -> Iterator[Customer]:
        """Scan the table page by page: DynamoDB charges for whole items, whatever is read of them."""
        with translated():
            for item in CustomerItem.scan(
                consistent_read=True, last_evaluated_key={"customer_id": {"S": after}} if after else None
            ):
                yield customer(item)

    def known(self, customer_ids: Iterable[str]) -> Mapping[str, Profile]:
        """Look the ids up, in batches."""
        return {customer_id: billed.profile for customer_id, billed in self.billed(customer_ids).items()}

    def billed(self, customer_ids: Iterable[str]) -> Mapping[str, Billed]:
        """Look the ids up, in batches."""
        wanted = ["customer_id", "cycles", "zones", *Profile.__dataclass_fields__]
        items = self._batches.read(CustomerItem, sorted(set(customer_ids)), consistent=False, attributes=wanted)
        return {
            item.customer_id: Billed(profile(item), cycles.read(item.cycles or []), read_zones(item.zones or []))
            for item in items
        }

    def currencies(self) -> Iterator[str]:
        """Scan the table page by page, reading one attribute."""
        with translated():
            for item in CustomerItem.scan(attributes_to_get=["currency"]):
                yield item.currency

    def owing(self) -> Iterator[Owing]:
        """Scan the table page by page; DynamoDB leaves out customers who owe nothing."""
        owes = (CustomerItem.receivable_minor > 0) | CustomerItem.held_since.exists()
        with translated():
            for item in CustomerItem.scan(
                owes, attributes_to_get=["customer_id", "payment_provider"], consistent_read=True
            ):
                yield Owing(item.customer_id, item.payment_provider)

    def being_charged(self, until: datetime) -> Iterator[str]:
        """Query the sparse index, partition by partition."""
        for shard in range(LEASE_SHARDS):
            with translated():
                for item in CustomerItem.being_charged.query(str(shard), CustomerItem.check_at <= until):
                    yield item.customer_id


def _same_account_facts(profile: Profile) -> Condition:
    """Let a profile be written only if billing day, time zone and payer stay: the account keeps those before.

    A new customer who has a payer begins with it in their account.
    """
    day: Condition = CustomerItem.billing_day.does_not_exist()
    if profile.billing_day != 1:
        day = CustomerItem.billing_day == profile.billing_day
    zone: Condition = CustomerItem.time_zone.does_not_exist()
    if profile.time_zone:
        zone = CustomerItem.time_zone == profile.time_zone
    if profile.payer:
        with_payer: Condition = (CustomerItem.payer == profile.payer) & day & zone
        return with_payer
    unchanged: Condition = CustomerItem.customer_id.does_not_exist() | (
        CustomerItem.payer.does_not_exist() & day & zone
    )
    return unchanged


def _stated(name: str, value: str | None) -> Action:
    """Set an attribute, or remove one that few have and that is empty."""
    attribute = getattr(CustomerItem, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action
