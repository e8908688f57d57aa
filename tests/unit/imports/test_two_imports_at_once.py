"""Two imports at once, and chunks of one file side by side: as if one had come after the other."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.usage import StoredUsage, UsageChange, UsageEvent, UsageMonth
from monthclose.errors import ConflictError, TryLaterError
from monthclose.use_cases.imports.in_order import in_order
from tests.fakes import FakeUsageStore
from tests.unit.invoices.late_usage import load, world_of_acme
from tests.usage import store_usage
from tests.world import OCTOBER, World


def event(name: str, quantity: str = "1", **more: str) -> dict[str, str]:
    return {"event_id": name, "quantity": quantity, **more}


def quantities(world: World) -> dict[str, str]:
    """What counts of the month, by its ids."""
    return {e.event_id: str(e.quantity) for e in world.usage.events("acme", OCTOBER) if not e.replaced_by}


class Shared(FakeUsageStore):
    """Somebody else does something after each of the first looks; the first look of all may be an old one."""

    def __init__(self, *between: Callable[["Shared"], object]) -> None:
        super().__init__()
        self.between = list(between)
        self.consistent: list[bool] = []

    def look_up(
        self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool = False
    ) -> dict[UsageMonth, StoredUsage]:
        self.consistent.append(consistent)
        found = super().look_up(wanted, consistent=consistent)
        if self.between:
            self.between.pop(0)(self)
        return found


def elsewhere(*events: dict[str, str]) -> Callable[[Shared], object]:
    """Another import of the same usage."""

    def run(store: Shared) -> None:
        other = world_of_acme()
        other.usage = store
        other.__post_init__()
        load(other, *events)

    return run


def world_on(store: FakeUsageStore) -> World:
    world = world_of_acme()
    world.usage = store
    world.__post_init__()
    return world


def test_an_id_that_another_import_stores_meanwhile_is_stored_once() -> None:
    world = world_on(Shared(elsewhere(event("e1"))))
    assert load(world, event("e1"), event("e2")) == []
    assert quantities(world) == {"e1": "1", "e2": "1"}


def test_an_id_that_another_import_stores_with_other_content_is_rejected() -> None:
    world = world_on(Shared(elsewhere(event("e1", "7"))))
    [reason] = load(world, event("e1"))
    assert reason.startswith("event_id is already stored with different content")
    assert quantities(world) == {"e1": "7"}


def test_of_two_corrections_of_one_event_made_at_once_one_counts() -> None:
    store = Shared()
    world = world_on(store)
    load(world, event("e1", "10"))
    store.between.append(elsewhere(event("theirs", "4", replaces="e1")))
    [reason] = load(world, event("ours", "5", replaces="e1"))
    assert reason.startswith("the event that it replaces has already been replaced")
    assert quantities(world) == {"theirs": "4"}


def test_a_correction_of_what_an_old_answer_does_not_have_is_looked_up_again() -> None:
    store = Shared(elsewhere(event("e1", "10")))
    world = world_on(store)
    assert load(world, event("e2", "4", replaces="e1")) == []
    assert quantities(world) == {"e2": "4"}
    assert store.consistent[-1], "the second time it is asked for what is stored now"


def test_what_has_replaced_an_event_is_looked_up_as_it_is_now() -> None:
    """An older answer than the first one would lack it, and it would be stored again."""
    store = Shared()
    world = world_on(store)
    load(world, {"quantity": "10"})
    load(world, {"quantity": "4"})
    store.consistent.clear()
    load(world, {"quantity": "3"})
    assert store.consistent == [False, True, True]
    assert quantities(world) == {"usage.csv#1~2": "3"}


class Lagging(FakeUsageStore):
    """Answers as things were when somebody last said so, unless it must be consistent."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = FakeUsageStore()

    def remember(self) -> None:
        self.answers._events = deepcopy(self._events)
        self.answers._versions = deepcopy(self._versions)

    def look_up(
        self, wanted: Mapping[UsageMonth, Collection[str]], *, consistent: bool = False
    ) -> dict[UsageMonth, StoredUsage]:
        if consistent:
            return super().look_up(wanted, consistent=True)
        return self.answers.look_up(wanted)


def test_a_file_that_says_again_what_it_said_first_counts_even_if_an_old_answer_has_only_that() -> None:
    store = Lagging()
    world = world_on(store)
    load(world, {"quantity": "10"})
    store.remember()
    load(world, {"quantity": "4"})
    load(world, {"quantity": "10"})
    assert quantities(world) == {"usage.csv#1~2": "10"}


def test_a_row_is_not_rejected_because_an_old_answer_lacks_what_it_replaces() -> None:
    store = Lagging()
    world = world_on(store)
    load(world, event("e1", "10"))
    assert load(world, event("e2", "4", replaces="e1")) == []
    assert quantities(world) == {"e2": "4"}


def test_what_is_stored_already_is_looked_up_once() -> None:
    store = Shared()
    world = world_on(store)
    load(world, event("e1"))
    store.consistent.clear()
    load(world, event("e1"))
    assert store.consistent == [False]


def test_an_import_gives_up_where_others_get_ahead_of_it_every_time() -> None:
    names = iter(range(10_000))
    store = Shared()
    world = world_on(store)
    store.between = [
        lambda shared: store_usage(shared_copy(shared), [usage(f"other-{next(names)}")]) for _ in range(200)
    ]
    with pytest.raises(ConflictError):
        load(world, event("e1"))


def shared_copy(store: Shared) -> FakeUsageStore:
    """The same store, without anybody in between."""
    plain = FakeUsageStore()
    plain._events, plain._versions = store._events, store._versions
    return plain


def usage(name: str) -> UsageEvent:
    return UsageEvent(name, "acme", "vm", Decimal(1), OCTOBER.start)


def test_a_second_correction_by_a_file_follows_a_first_one_that_was_never_marked() -> None:
    world = world_of_acme()
    load(world, {"quantity": "10"})
    load(world, {"quantity": "4"})
    month = world.usage._events[UsageMonth("acme", OCTOBER)]
    month["usage.csv#1"] = replace(month["usage.csv#1"], replaced_by="", replaced_at=None)
    load(world, {"quantity": "3"})
    assert quantities(world) == {"usage.csv#1~2": "3"}


@given(st.lists(st.tuples(st.sets(st.sampled_from("abcd"), max_size=2), st.integers(0, 3)), max_size=12))
def test_results_come_in_order_and_what_touches_the_same_customer_is_done_one_after_the_other(
    jobs: list[tuple[set[str], int]],
) -> None:
    busy, begun, lock = set[str](), list[int](), threading.Lock()

    def work(number: int, touched: set[str]) -> int:
        with lock:
            assert not busy & touched
            busy.update(touched)
            begun.append(number)
        with lock:
            busy.difference_update(touched)
        return number

    with ThreadPoolExecutor(3) as pool:
        made = ((touched, lambda n=number, t=touched: work(n, t)) for number, (touched, _) in enumerate(jobs))
        assert list(in_order(pool, 3, made)) == list(range(len(jobs)))
    assert sorted(begun) == list(range(len(jobs)))


def test_nothing_is_still_running_when_a_chunk_fails() -> None:
    ended, begun, may_end = list[str](), threading.Event(), threading.Event()

    def failing() -> str:
        raise TryLaterError("throttled")

    def slow() -> str:
        begun.set()
        may_end.wait(10)
        ended.append("slow")
        return "slow"

    def jobs() -> Iterable[tuple[set[str], Callable[[], str]]]:
        yield {"a"}, failing
        yield {"b"}, slow
        begun.wait(10)
        may_end.set()
        yield {"a"}, slow

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(TryLaterError):
            list(in_order(pool, 2, jobs()))
        assert ended == ["slow"]


def test_a_change_is_decided_again_until_it_is_stored() -> None:
    """The store's own rule: what was decided on another version is refused."""
    store = FakeUsageStore()
    month = UsageMonth("acme", OCTOBER)
    seen = store.look_up({month: ["e1"]})[month].version
    store_usage(store, [usage("e1")])
    assert store.store([UsageChange(month, seen, [usage("e2")])]) == [month]
