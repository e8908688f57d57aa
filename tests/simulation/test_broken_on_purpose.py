"""The protocol with one fence removed: each time, the harness must find the customer it harms.

A test that cannot fail proves nothing; these show what each fence is for.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.ports import Answer, NotCollected, Record
from monthclose.use_cases.payments.book_outcomes import Case
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.payments.earlier_orders import order_of
from tests.fakes import FakeBooks
from tests.simulation.crash_points import MEANWHILE, Row, check, dying_at, points, suspended_at
from tests.simulation.test_stories import tell_stories
from tests.simulation.universe import LATE, SOON

Patch = Callable[[pytest.MonkeyPatch], None]


def no_versions(patch: pytest.MonkeyPatch) -> None:
    """Writes that don't ask whether somebody else wrote first."""
    original = FakeBooks.commit

    def commit(self: FakeBooks, *records: Record) -> tuple[Record, ...]:
        current = [self.records.get(_key(record)) for record in records]
        moved = [
            replace(record, version=getattr(stored, "version", 0)) if isinstance(record, Customer | Payment) else record
            for record, stored in zip(records, current, strict=True)
        ]
        return original(self, *moved)

    patch.setattr(FakeBooks, "commit", commit)


def _key(record: Record) -> Any:
    if isinstance(record, Customer):
        return ("customer", record.customer_id)
    if isinstance(record, Payment):
        return ("payment", record.customer_id, str(record.period), str(record.sequence))
    return None


def no_looking_up(patch: pytest.MonkeyPatch) -> None:
    """An attempt that broke off is followed by another without asking what became of it."""

    def look_up(self: Charger, case: Case) -> Answer:
        return Answer("", NotCollected())

    patch.setattr(Charger, "_look_up_order", look_up)


def no_intent(patch: pytest.MonkeyPatch) -> None:
    """The provider is asked before CHARGING is written: a crash leaves no trace of the attempt."""

    def begin(self: Charger, case: Case) -> PaymentState:
        due = case.invoice.open
        started = case.payment.start(due, case.customer.profile.payment_method, self.clock())
        pretended = replace(started, attempt=len(self.books.records))  # type: ignore[attr-defined]
        if not case.customer.provider_customer_id:
            case = self._register(case)
        reference = self.gateway.prepare(order_of(case._replace(payment=pretended)))
        return self._collect(case._replace(payment=replace(pretended, provider_ref=reference)))

    patch.setattr(Charger, "_begin", begin)


FENCES: dict[str, tuple[Patch, str]] = {
    "looking up": (no_looking_up, "gocardless"),
    "the intent before the effect": (no_intent, "stripe"),
    "the versions": (no_versions, "gocardless"),
}


@pytest.mark.parametrize(("remove", "provider"), FENCES.values(), ids=FENCES)
def test_without_this_fence_some_crash_harms_the_customer(
    remove: Patch, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(monkeypatch)
    row = Row(provider, "pays")
    numbers = range(len(points(row)))
    suspended = [suspended_at(number, happens, 14) for number in numbers for happens in MEANWHILE.values()]
    disturbances = [*map(dying_at, numbers), *suspended]
    stories = [check(row, disturb, waits) for disturb in disturbances for waits in (SOON, LATE)]
    assert any(stories)


def no_lease(patch: pytest.MonkeyPatch) -> None:
    """A customer may be charged for two payments at a time."""

    def leased_to(self: Customer, payment_id: str, check_at: datetime) -> Customer:
        return replace(self, open_payment=payment_id, check_at=check_at)

    original = Charger._begin

    def begin(self: Charger, case: Case) -> PaymentState:
        return original(self, case._replace(customer=replace(case.customer, open_payment="")))

    patch.setattr(Customer, "leased_to", leased_to)
    patch.setattr(Charger, "_begin", begin)


def test_without_the_lease_a_short_story_makes_a_customer_pay_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    no_lease(monkeypatch)
    with pytest.raises(AssertionError) as told:
        tell_stories("gocardless", 400)
    [steps] = [note for note in told.value.__notes__ if "state.begin" in note]
    chapters = [line for line in steps.splitlines() if line.startswith("state.") and "teardown" not in line]
    assert len(chapters) <= 4, steps
