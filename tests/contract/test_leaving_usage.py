"""Archived usage leaves its packs on DynamoDB, while others read and import."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
from monthclose.bootstrap import Runtime
from monthclose.domain.usage import UsageMonth
from monthclose.errors import TryLaterError
from tests.contract.usage import (
    MONTH,
    Between,
    another,
    change,
    correction,
    event,
    filled,
    packs,
    seen,
    stored,
)
from tests.deaths import Deaths
from tests.fakes import FakeUsageItems
from tests.unit.dying import DiedError
from tests.usage import store_usage
from tests.world import OCTOBER

EXPIRES = datetime(2027, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("count", [1, 30, 60, 120, 300])
def test_an_archived_month_is_gone_for_everybody_and_comes_back_with_late_usage(aws: Runtime, count: int) -> None:
    usage, archive = another(aws), FakeUsageItems()
    events = filled(usage, count)
    archive.kept = stored(usage)
    assert usage.expire(MONTH, seen(usage).version, EXPIRES)
    assert all(item.expiration == EXPIRES.timestamp() for item in packs())
    assert stored(another(aws)) == []
    late = another(aws, archive)
    assert stored(late) == events
    assert late.store([change(late, [event(90_000)])]) == []
    assert stored(another(aws)) == [*events, event(90_000)]
    for number in range(90_001, 90_300, 50):
        store_usage(late, [event(each) for each in range(number, number + 50)])
    assert len(stored(another(aws))) == count + 301
    assert late.expire(MONTH, seen(late).version, EXPIRES)
    assert stored(another(aws)) == []


@pytest.mark.parametrize("count", [1, 30, 60, 120, 300])
def test_a_month_that_has_changed_since_it_was_archived_does_not_expire(aws: Runtime, count: int) -> None:
    usage = another(aws)
    events = filled(usage, count)
    for by in ("addition", "mark"):
        version = seen(usage).version
        if by == "addition":
            store_usage(usage, [event(90_000)])
        else:
            assert usage.store([change(usage, [], [correction(events[0], "x0")[1]])]) == []
        before = stored(usage)
        assert not usage.expire(MONTH, version, EXPIRES)
        assert stored(another(aws)) == before


@pytest.mark.parametrize("count", [1, 30, 60, 120, 300])
def test_who_decided_before_a_month_expired_cannot_add_to_it(aws: Runtime, count: int) -> None:
    usage = another(aws)
    events = filled(usage, count)
    for made in ("addition", "mark"):
        late = [event(90_000)] if made == "addition" else []
        marked = [] if late else [correction(events[0], "x0")[1]]
        wanted = change(other := another(aws), late, marked)
        if made == "addition":
            assert usage.expire(MONTH, seen(usage).version, EXPIRES)
        assert other.store([wanted]) == [MONTH]
        assert stored(another(aws)) == []


@pytest.mark.parametrize("after", [False, True], ids=["before the request", "before its answer"])
def test_expiring_goes_on_where_it_broke_off(aws: Runtime, after: bool) -> None:
    usage = another(aws)
    events = filled(usage, 300)
    version = seen(usage).version
    for at in range(20):
        try:
            with Deaths(at, after).of(aws._connection.client):
                assert another(aws).expire(MONTH, version, EXPIRES)
        except DiedError:
            assert stored(another(aws)) in ([], events)
            continue
        break
    assert at > 2
    assert all(item.expiration for item in packs())


def test_a_month_whose_first_pack_was_removed_before_the_others_begins_again(aws: Runtime) -> None:
    usage = another(aws)
    events = filled(usage, 300)
    assert usage.expire(MONTH, seen(usage).version, EXPIRES)
    UsagePackItem.get("2026-10#acme", "000001").delete()
    late = another(aws, FakeUsageItems(events))
    assert late.store([change(late, [event(90_000)])]) == []
    assert stored(another(aws)) == [*events, event(90_000)]


class Behind:
    """Batches whose answers are old, but for consistent ones."""

    def __init__(self, batches: Batches) -> None:
        self._batches, self._old = batches, packs()

    def read(self, model: type[UsagePackItem], keys: Iterable[Any], *, consistent: bool) -> Iterable[UsagePackItem]:
        if consistent:
            return self._batches.read(model, keys, consistent=True)
        wanted = set(keys)
        return [item for item in self._old if (item.pk, item.number) in wanted]


@pytest.mark.parametrize("count", [1, 300])
def test_what_has_just_left_is_not_archived_again_on_an_old_answer(aws: Runtime, count: int) -> None:
    usage = another(aws)
    filled(usage, count)
    late = DynamoUsageStore(aws._connection, Behind(aws._batches))  # type: ignore[arg-type]
    assert usage.expire(MONTH, seen(usage).version, EXPIRES)
    assert list(late.packed([MONTH])) == []


def test_a_large_month_that_leaves_while_it_is_read_is_not_taken_for_an_empty_one(aws: Runtime) -> None:
    """Two runs at once: one lets the month go wherever the other is."""
    refused = 0
    for at in range(6):
        month = UsageMonth(f"c{at}", OCTOBER)
        usage = another(aws)
        store_usage(usage, [event(number, month.customer_id) for number in range(300)])
        version = seen(usage, month=month).version
        with Between(at, partial(another(aws).expire, month, version, EXPIRES)).of(aws):
            try:
                read = [len(list(one.events())) for one in usage.packed([month])]
            except TryLaterError:
                refused += 1
            else:
                assert read in ([300], [])
    assert refused


@pytest.mark.parametrize("moved", [False, True])
def test_a_month_is_read_to_its_end_or_not_at_all_if_it_leaves_meanwhile(aws: Runtime, moved: bool) -> None:
    ended = set[int | str]()
    for at in range(4):
        month = UsageMonth(f"c{at}", OCTOBER)
        usage = another(aws)
        events = [event(number, month.customer_id) for number in range(2500)]
        if moved:
            assert usage.adopt(month, events)
        else:
            store_usage(usage, events)
        version = seen(usage, month=month).version
        with Between(at, partial(another(aws).expire, month, version, EXPIRES)).of(aws):
            try:
                ended.add(len(stored(usage, month)))
            except TryLaterError:
                ended.add("try later")
    assert ended <= {0, 2500, "try later"}
    assert "try later" in ended or not moved
