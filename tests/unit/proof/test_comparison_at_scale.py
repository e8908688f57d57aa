"""A comparison of 300,000 charges in calls with little time: it ends, finds what is wrong, and its memory is flat."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Totals
from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.domain.period import Period
from monthclose.ports import BeforeRequest, CollectedPage, Window
from monthclose.use_cases.proof import compare_part, comparison_store, plan_comparison
from tests.fakes import FakeBooks, FakeCloses, FakeDocuments, FakeGateway
from tests.world import OCTOBER, World

CHARGES, BATCH, PAGE = 60_000, 100, 100
MISSING, STRAY, DIFFERS = 17_777, 23_456, 40_001
"""The charge that the provider does not list, the one that we do not know, and the one whose amount differs."""
SUMS = (Totals(payments={"paid": BATCH}), 0)
"""Of every batch: they are not what is tested."""
BEGIN = OCTOBER.end + timedelta(hours=1)


class ManyCharges(FakeGateway):
    """Lists a charge for each customer, a hundred a second, the newest first."""

    pages = 0

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        self.pages += 1
        newest = self._number_at(window.until) if window.until else CHARGES
        oldest = self._number_at(window.since)
        first = int(after) if after else newest
        numbers = range(first - 1, max(first - PAGE, oldest) - 1, -1)
        charges = [self._charge(number) for number in numbers if number != MISSING]
        return CollectedPage(charges, (), str(numbers[-1]) if numbers and numbers[-1] > oldest else "")

    def _number_at(self, time: Any) -> int:
        return min(max(int((time - BEGIN).total_seconds() * 100), 0), CHARGES)

    def _charge(self, number: int) -> ProviderCharge:
        minor = number + 1 if number == DIFFERS else number
        return ProviderCharge("stripe", f"pi_{number}", f"2026-10/c{number}", "USD", minor)

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        number = int(reference.removeprefix("pi_"))
        return None if number == MISSING else Money(self._charge(number).minor, "USD")


class ManyPayments(FakeBooks):
    """Each customer has paid as much as their number says, and one has no payment."""

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        number = int(customer_id.removeprefix("c"))
        if number == STRAY:
            return CustomerMonth()
        paid = Payment(
            customer_id,
            period,
            "stripe",
            "USD",
            batch=number // BATCH,
            state=PaymentState.PAID,
            amount_minor=number,
            collected_minor=number,
            provider_ref=f"pi_{number}",
        )
        return CustomerMonth(payment=paid)


class ManyBatches(FakeCloses):
    """Batches of a hundred customers, each made when it is asked for."""

    def progress(self, period: Period, batch: int) -> BatchProgress | None:
        names = tuple(f"c{number}" for number in range(batch * BATCH, (batch + 1) * BATCH))
        return BatchProgress(period, Batch(batch, "stripe", names), Stage.CLOSED, 1, *SUMS, period.end)

    def all_progress(self, period: Period) -> Any:
        return (self.progress(period, batch) for batch in range(CHARGES // BATCH))


class DocumentsOnDisk(FakeDocuments):
    """Documents that take none of the process's memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def _path(self, key: str) -> Path:
        return self._folder / key.replace("/", "_")

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        self._path(key).write_bytes(content)

    def get(self, key: str) -> bytes:
        if not self._path(key).exists():
            raise KeyError(key)
        return self._path(key).read_bytes()

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        with self._path(key).open("rb") as file:
            file.seek(offset)
            return file.read(length)


class SomeSteps:
    """Time for some steps of each call, and a count of the calls."""

    def __init__(self, steps: int) -> None:
        self._steps, self.calls = steps, 0

    def __call__(self) -> bool:
        """Say whether time is up: after so many questions."""
        return next(self._asked) >= self._steps

    def begin(self) -> "SomeSteps":
        """Begin a call."""
        self.calls += 1
        self._asked = count(1)
        return self


@pytest.mark.long
def test_a_comparison_of_60_000_charges_ends_in_many_short_calls_with_flat_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_comparison, "_CHARGES_IN_A_PART", 5_000)
    monkeypatch.setattr(comparison_store, "_LONGEST_RUN", 2_000)
    monkeypatch.setattr(compare_part, "totals_of", lambda months: SUMS)
    gateway = ManyCharges()
    world = World(books=ManyPayments(), closes=ManyBatches(), gateway=gateway, documents=DocumentsOnDisk(tmp_path))
    close = Close(OCTOBER, CloseStatus.RUNNING, "execution", 1, BEGIN, BEGIN, customers=CHARGES)
    close = world.closes.put(replace(close, batches=CHARGES // BATCH))
    world.clock.now = BEGIN + timedelta(seconds=CHARGES / 100)
    comparer, time = world.comparer, SomeSteps(8)

    plan = comparer.planner.plan(close)
    for number in comparer.reader.store.unread(plan):
        if number in plan.numbers_of_ours[-1:]:  # the last part and the join; tracing all takes minutes
            tracemalloc.start()
        while not comparer.read_part(OCTOBER, plan.name, number, time_is_up=time.begin()):
            pass
    while (joined := comparer.continue_joining(close, plan.name, SomeSteps(2).begin())).outcome == "time_was_up":
        time.calls += 1

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    [stripe] = joined.comparisons
    found = {finding.check: finding.customer_id for finding in stripe.findings}
    assert found == {
        "provider_missing": f"c{MISSING}",
        "provider_unknown": f"c{STRAY}",
        "provider_amount": f"c{DIFFERS}",
        "provider_sum": "",
    }
    assert (stripe.charges, stripe.payments) == (CHARGES - 1, CHARGES - 2)
    ours = sum(range(CHARGES)) - STRAY
    assert (stripe.ours["USD"], stripe.theirs["USD"]) == (ours, sum(range(CHARGES)) - MISSING + 1)
    assert len(plan.parts) > 20
    assert time.calls > 60
    assert gateway.pages < CHARGES // PAGE + len(plan.parts)
    assert peak < 8_000_000
