"""The customer directory, in the customers table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import batched
from sys import intern

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import CustomerItem
from monthclose.adapters.dynamo.records import LEASE_SHARDS, customer
from monthclose.domain.accounts.customer import SELDOM, Customer, Profile
from monthclose.domain.closes.batching import Planned
from monthclose.errors import ConflictError
from monthclose.ports import Owing, Register

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
            for customer_id, profile in some:
                item = CustomerItem(customer_id)
                values = [_stated(name, value) for name, value in asdict(profile).items()]
                try:
                    with translated():
                        item.update(actions=[*values, CustomerItem.version.add(1)], condition=_same_payer(profile))
                except ConflictError:
                    moved[customer_id] = profile
            self._register().put_profiles([(name, profile) for name, profile in some if name not in moved])
        return moved

    def scan(self, after: str = "") -> Iterator[Planned]:
        """Scan the table page by page, reading only what planning needs; a table's own order stays the same."""
        with translated():
            for item in CustomerItem.scan(
                attributes_to_get=["customer_id", "payment_provider", "last_invoiced_minor", "currency"],
                consistent_read=True,
                last_evaluated_key={"customer_id": {"S": after}} if after else None,
            ):
                provider, currency = intern(item.payment_provider), intern(item.currency)  # once, not a million times
                yield Planned(item.customer_id, provider, int(item.last_invoiced_minor), currency)

    def scan_accounts(self, after: str = "") -> Iterator[Customer]:
        """Scan the table page by page: DynamoDB charges for whole items, whatever is read of them."""
        with translated():
            for item in CustomerItem.scan(
                consistent_read=True, last_evaluated_key={"customer_id": {"S": after}} if after else None
            ):
                yield customer(item)

    def known(self, customer_ids: Iterable[str]) -> Mapping[str, Profile]:
        """Look the ids up, in batches."""
        names = list(Profile.__dataclass_fields__)
        wanted = ["customer_id", *names]
        items = self._batches.read(CustomerItem, sorted(set(customer_ids)), consistent=False, attributes=wanted)
        return {item.customer_id: Profile(**{name: getattr(item, name) for name in names}) for item in items}

    def currencies(self) -> Iterator[str]:
        """Scan the table page by page, reading one attribute."""
        with translated():
            for item in CustomerItem.scan(attributes_to_get=["currency"]):
                yield item.currency

    def accounts(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
        """Look the ids up, in batches."""
        items = self._batches.read(CustomerItem, sorted(set(customer_ids)), consistent=True)
        return {item.customer_id: customer(item) for item in items}

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


def _stated(name: str, value: str) -> Action:
    """Set an attribute, or remove one that few have and that is empty."""
    attribute = getattr(CustomerItem, name)
    action: Action = attribute.set(value) if value or name not in SELDOM else attribute.remove()
    return action


def _same_payer(profile: Profile) -> Condition:
    """Let a profile be written only if that changes no payer: the accounts must say since when."""
    same: Condition = CustomerItem.payer == profile.payer if profile.payer else CustomerItem.payer.does_not_exist()
    return same
