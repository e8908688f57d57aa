"""A number series on DynamoDB: no number skipped, none given twice, whatever dies or comes late."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monthclose.adapters.dynamo.models import BillingItem, ClosesItem, SeriesItem
from monthclose.bootstrap import Runtime
from monthclose.domain.invoices.series import Series
from monthclose.errors import ConflictError
from monthclose.ports import Reservation
from tests.world import OCTOBER

BATCHES = 4


class DiedError(Exception):
    """The worker's process is gone."""


class Fate:
    """What befalls workers at each call of DynamoDB: nothing, death before it or after it, or another worker's turn."""

    def __init__(self, client: Any, happens: Callable[[str], str], meanwhile: Callable[[], object]) -> None:
        self._events, self._happens, self._meanwhile = client.meta.events, happens, meanwhile
        self._next, self._depth = "", 0
        self.calls = 0

    @contextmanager
    def on(self) -> Iterator["Fate"]:
        self._events.register_first("before-call.dynamodb", self._before)
        self._events.register_first("after-call.dynamodb", self._after)
        try:
            yield self
        finally:
            self._events.unregister("before-call.dynamodb", self._before)
            self._events.unregister("after-call.dynamodb", self._after)

    def _before(self, model: Any, **_: object) -> None:
        self.calls += 1
        happens = self._happens(model.name)
        if happens == "meanwhile" and self._depth < 2:
            self._depth += 1
            try:
                self._meanwhile()
            finally:
                self._depth -= 1
        self._next = happens
        if happens == "die before":
            raise DiedError

    def _after(self, **_: object) -> None:
        if self._next == "die after":
            raise DiedError


def number_of(world: Runtime, batch: int, count: int, drafts: str, earlier: int | None = None) -> Reservation | None:
    """Work as the generation of invoices does: read the batch's runs, and reserve one if it has none yet."""
    with suppress(DiedError, ConflictError):
        found = world.closes.reservations(OCTOBER, batch)
        if not found:
            return world.closes.reserve(OCTOBER, batch, len(found) if earlier is None else earlier, drafts, count)
    return None


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_no_number_is_skipped_or_given_twice_whatever_dies_or_comes_late(
    aws: Runtime, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    for item in ClosesItem.scan():
        item.delete()
    monkeypatch.setattr("monthclose.adapters.dynamo.series._REMOVE_EVERY", 2)
    monkeypatch.setattr("monthclose.adapters.dynamo.series._KEPT", 1)
    fates, workers = st.sampled_from(["on", "on", "on", "meanwhile", "die before", "die after"]), iter(range(10**6))
    given_out: dict[int, list[Reservation]] = {batch: [] for batch in range(BATCHES)}

    def work() -> None:
        worker, batch = next(workers), data.draw(st.integers(0, BATCHES - 1))
        reservation = number_of(aws, batch, 1 + worker % 3, f"drafts/{worker}")
        if reservation:
            given_out[batch].append(reservation)

    with Fate(aws._connection.client, lambda _name: data.draw(fates), work).on():
        for _ in range(data.draw(st.integers(1, 12))):
            work()

    for batch in range(BATCHES):  # somebody closes again, undisturbed
        for _ in range(2):
            number_of(aws, batch, 2, "drafts/again")
    runs = sorted((run for batch in range(BATCHES) for run in aws.closes.reservations(OCTOBER, batch)), key=_first)
    assert len(runs) == BATCHES
    assert [run.first for run in runs] == [1 + sum(run.count for run in runs[:n]) for n in range(BATCHES)]
    assert runs[-1].first + runs[-1].count == SeriesItem.get("series#INV", "next").next
    for batch in range(BATCHES):
        (kept,) = aws.closes.reservations(OCTOBER, batch)
        assert all(reservation == kept for reservation in given_out[batch])
        for number in range(kept.first, kept.first + kept.count):
            found = aws.closes.run_of(number)
            assert found
            assert (found.batch, found.first, found.count) == (batch, kept.first, kept.count)


def _first(reservation: Reservation) -> int:
    return reservation.first


def test_a_series_stored_as_before_goes_on_where_it_was(aws: Runtime) -> None:
    ClosesItem("series#INV", "next", content={"number": 43}, version=17).save()
    assert aws.closes.reserve(OCTOBER, 1, 0, "drafts/1", 10) == Reservation(43, 10, "drafts/1")
    assert aws.closes.reserve(OCTOBER, 2, 0, "drafts/2", 1).first == 53
    assert aws.closes.reserve(OCTOBER, 1, 0, "drafts/n", 1, Series.CREDIT_NOTES).first == 1


def test_code_from_before_cannot_take_a_number_from_a_converted_series(aws: Runtime) -> None:
    ClosesItem("series#INV", "next", content={"number": 43}, version=17).save()
    aws.closes.reserve(OCTOBER, 1, 0, "drafts/1", 10)
    item = ClosesItem.get("series#INV", "next")
    assert item.version != 17
    assert "number" not in item.content


@pytest.mark.parametrize("died", ["die before", "die after"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_run_whose_worker_died_is_completed_for_the_drafts_of_its_first_try(aws: Runtime, died: str, at: int) -> None:
    aws.closes.reserve(OCTOBER, 9, 0, "drafts/9", 1)
    writes = 0

    def dies(name: str) -> str:
        nonlocal writes
        writes += name in ("PutItem", "UpdateItem")
        return died if writes == at and name in ("PutItem", "UpdateItem") else "on"

    with Fate(aws._connection.client, dies, lambda: None).on(), pytest.raises(DiedError):
        aws.closes.reserve(OCTOBER, 1, 0, "drafts/first", 10)

    if (at, died) == (1, "die before"):  # nothing was taken
        assert aws.closes.reserve(OCTOBER, 1, 0, "drafts/second", 10) == Reservation(2, 10, "drafts/second")
        return
    with pytest.raises(ConflictError):
        aws.closes.reserve(OCTOBER, 1, 0, "drafts/second", 10)
    assert aws.closes.reservations(OCTOBER, 1) == [Reservation(2, 10, "drafts/first")]
    run = aws.closes.run_of(11)
    assert run
    assert (run.batch, run.first) == (1, 2)


def test_intents_of_dead_workers_are_completed_by_those_who_come_after(aws: Runtime) -> None:
    taken = iter(["on", "on", "die after"])
    fate = Fate(aws._connection.client, lambda name: next(taken) if name != "PutItem" else "on", lambda: None)
    with fate.on(), pytest.raises(DiedError):
        aws.closes.reserve(OCTOBER, 500, 0, "drafts/dead", 5)
    assert aws.closes.reservations(OCTOBER, 500) == []
    for batch in range(20):
        aws.closes.reserve(OCTOBER, batch, 0, f"drafts/{batch}", 1)
    assert aws.closes.reservations(OCTOBER, 500) == [Reservation(1, 5, "drafts/dead")]


def test_a_worker_that_slept_while_another_completed_its_run_takes_no_second_one(aws: Runtime) -> None:
    def others() -> None:
        for batch in range(20):
            aws.closes.reserve(OCTOBER, batch, 0, f"drafts/{batch}", 1)

    happened = iter(["on", "on", "meanwhile"])  # it has read the series and the batch's runs
    aws.closes.reserve(OCTOBER, 99, 0, "drafts/99", 1)
    with Fate(aws._connection.client, lambda _name: next(happened, "on"), others).on(), pytest.raises(ConflictError):
        aws.closes.reserve(OCTOBER, 3, 0, "drafts/late", 7)
    assert SeriesItem.get("series#INV", "next").next == 22


def test_a_win_is_one_attempt_and_the_series_stays_small(aws: Runtime) -> None:
    updates, sizes = 0, []

    def counted(name: str) -> str:
        nonlocal updates
        updates += name == "UpdateItem"
        return "on"

    with Fate(aws._connection.client, counted, lambda: None).on():
        for batch in range(40):
            aws.closes.reserve(OCTOBER, batch, 0, f"drafts/2026-10/{batch:05}-0123456789abcdef.json", 100)
            sizes.append(len(str(SeriesItem.get("series#INV", "next").serialize())))
    assert updates <= 40 + 40 / 4 + 1
    assert max(sizes) < 2048
    assert not list(BillingItem.scan())
