"""The register in memory."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.closes.close import BatchProgress
from monthclose.domain.month import CustomerMonth
from monthclose.domain.register.objects import (
    RegisterObject,
    account_object,
    batch_object,
    complete_object,
    customers_object,
    profiles_object,
)
from monthclose.ports import Clock
from monthclose.ports.register import ListedObject
from tests.fakes.system import FakeClock


@dataclass
class FakeRegister:
    """`Register` and `RegisterObjects`; counts what is asked of it."""

    clock: Clock = field(default_factory=FakeClock)
    down: bool = False
    """Nothing can be written."""
    objects: dict[str, tuple[datetime, bytes]] = field(default_factory=dict)
    puts: int = 0
    gets: int = 0
    lists: int = 0

    def put_batch(
        self,
        progress: BatchProgress,
        months: Iterable[CustomerMonth],
        *,
        customers: Iterable[tuple[Customer, datetime]] = (),
        read_at: datetime | None = None,
    ) -> bool:
        return self.put(batch_object(progress, months, customers, read_at or progress.time))

    def put_customers(self, customers: Iterable[Customer], read_at: datetime) -> bool:
        return self.put(customers_object(customers, read_at))

    def end_customers(self) -> bool:
        return self.put(complete_object(self.clock()))

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> bool:
        return self.put(profiles_object(profiles, self.clock()))

    def put_account(self, customer: Customer) -> bool:
        return self.put(account_object(customer, self.clock()))

    def put(self, made: RegisterObject) -> bool:
        if self.down:
            return False
        self.puts += 1
        self.objects[made.key] = (self.clock(), made.content)
        return True

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        found = sorted(key for key in self.objects if key.startswith(prefix))
        self.lists += max(-(-len(found) // 1000), 1)
        for key in found:
            at, content = self.objects[key]
            yield ListedObject(key, hashlib.md5(content, usedforsecurity=False).hexdigest(), at)

    def content(self, key: str) -> bytes:
        self.gets += 1
        return self.objects[key][1]
