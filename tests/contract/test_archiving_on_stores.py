"""Old usage leaves the stores for the archive and comes back: what it says stays the same at every step."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monthclose.adapters.dynamo.usage.models import UsageItem, UsagePackItem
from monthclose.adapters.tables.archived_usage import ArchivedUsage
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageChange, UsageEvent, UsageMonth
from monthclose.domain.usage_archive import notes_of
from tests.archiving import archive_month
from tests.contract.conftest import AnyWorld
from tests.fakes.system import FakeClock
from tests.usage import store_usage
from tests.world import World

OLD = Period(2024, 9)
CLOCK = FakeClock()
CUSTOMERS = ("large", "none", "small", "two")


def event(customer_id: str, number: int, *, replaces: str = "", replaced_by: str = "") -> UsageEvent:
    return UsageEvent(
        f"event-{number:05}",
        customer_id,
        "cpu",
        Decimal(number) / 4,
        OLD.start + timedelta(minutes=number),
        description=f"{number * 7919 % 10007:x}",
        received_at=datetime(2024, 10, 1, tzinfo=UTC),
        replaces=replaces,
        replaced_by=replaced_by,
    )


@pytest.fixture
def filled(world: AnyWorld) -> AnyWorld:
    world.clock = CLOCK
    CLOCK.now = datetime(2026, 11, 20, tzinfo=UTC)
    if isinstance(world, World):
        world.__post_init__()
    profile = Profile("A Ltd", "a@customers.example", "USD", "stripe", "ok")
    world.directory.put_profiles((name, profile) for name in CUSTOMERS)
    store_usage(world.usage, [event("small", 1), *(event("large", number) for number in range(900))])
    store_usage(world.usage, (event("large", number) for number in range(900, 1500)))
    store_usage(world.usage, [event("two", 1), event("two", 2)])
    replaced = event("two", 1, replaced_by="event-00003")
    month = UsageMonth("two", OLD)
    seen = world.usage.look_up({month: ["event-00001"]})[month].version
    assert world.usage.store([UsageChange(month, seen, [event("two", 3, replaces="event-00001")], [replaced])]) == []
    CLOCK.pass_time(minutes=26)  # more than a note stands for, and than a write takes
    return world


def everything(world: AnyWorld) -> Mapping[str, list[UsageEvent]]:
    said = {name: list(world.usage.events(name, OLD)) for name in CUSTOMERS}
    return {name: sorted(events, key=lambda event: event.event_id) for name, events in said.items()}


def remove_expired(world: AnyWorld) -> None:
    """Let a week pass, and do what DynamoDB does when items have expired."""
    CLOCK.pass_time(days=8)
    if isinstance(world, Runtime):
        for item in list(UsagePackItem.scan()):
            if item.expiration is not None:
                item.delete()


def with_new_process(world: AnyWorld) -> AnyWorld:
    """Forget what a process remembers."""
    if isinstance(world, Runtime):
        again = Runtime(world.settings, "us-east-1", world.log)
        again.clock = CLOCK
        return again
    return world


def came_back(world: AnyWorld) -> bool:
    return OLD in UseCases(world).archive_store.noted()


def late(world: AnyWorld, customer_id: str, number: int) -> None:
    month = UsageMonth(customer_id, OLD)
    seen = world.usage.look_up({month: [f"event-{number:05}"]}, consistent=True)[month]
    assert not seen.events
    assert world.usage.store([UsageChange(month, seen.version, [event(customer_id, number)])]) == []


def test_usage_of_a_customer_who_had_none_makes_an_archived_month_due_again(filled: AnyWorld) -> None:
    archive_month(UseCases(filled), OLD)
    assert not came_back(filled)
    CLOCK.pass_time(minutes=11)  # whoever knew of no archive asks again
    late(filled, "none", 7)
    assert came_back(filled)


def test_a_month_is_due_once_usage_of_it_is_stored_whether_it_was_ever_closed_or_not(filled: AnyWorld) -> None:
    assert list(UseCases(filled).archive_planner.due()) == [OLD]
    archive_month(UseCases(filled), OLD)
    assert list(UseCases(filled).archive_planner.due()) == []


def test_a_month_that_is_archived_while_its_usage_is_being_imported_is_due_again(filled: AnyWorld) -> None:
    late(filled, "nobody", 7)
    archive_month(UseCases(filled), OLD)
    late(filled, "none", 8)  # by a process that knows of no archive, and has noted the month just now
    assert list(UseCases(filled).archive_planner.due()) == [OLD]
    CLOCK.pass_time(minutes=20)  # one that began at the last moment may still be at it
    archive_month(UseCases(filled), OLD)
    assert list(UseCases(filled).archive_planner.due()) == [OLD]
    CLOCK.pass_time(minutes=6)
    assert archive_month(UseCases(filled), OLD).events == 1505
    assert list(UseCases(filled).archive_planner.due()) == []


def test_late_usage_of_many_customers_is_noted_once(filled: AnyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    archive_month(UseCases(filled), OLD)
    CLOCK.pass_time(minutes=11)
    noted, put = list[str](), filled.documents.put

    def put_and_note(key: str, content: bytes) -> None:
        noted.append(key)
        put(key, content)

    monkeypatch.setattr(filled.documents, "put", put_and_note)
    months = [UsageMonth(name, OLD) for name in ("small", "two", *(f"new-{number}" for number in range(20)))]
    seen = filled.usage.look_up(dict.fromkeys(months, ()))
    changes = [UsageChange(month, seen[month].version, [event(month.customer_id, 7000)]) for month in months]
    assert filled.usage.store(changes) == []
    [note] = noted
    assert note.startswith(notes_of(OLD))


def test_a_note_that_comes_while_a_run_forgets_those_before_is_kept(filled: AnyWorld) -> None:
    """Two processes note the month; each note has a key of its own."""
    late(filled, "nobody", 7)
    CLOCK.pass_time(minutes=26)
    late(with_new_process(filled), "none", 8)
    archive_month(UseCases(filled), OLD)
    assert list(UseCases(filled).archive_planner.due()) == [OLD]


def test_notes_of_an_earlier_release_are_read_and_forgotten(filled: AnyWorld) -> None:
    filled.documents.put(f"{notes_of(OLD)}.json", b"{}")
    assert list(UseCases(filled).archive_planner.due()) == [OLD]
    archive_month(UseCases(filled), OLD)
    assert list(UseCases(filled).archive_planner.due()) == []


@pytest.mark.parametrize("removed", [False, True], ids=["expiring", "removed"])
def test_what_has_left_says_the_same_and_comes_back_whole_with_what_is_late(filled: AnyWorld, removed: bool) -> None:
    world, before = filled, everything(filled)
    month = archive_month(UseCases(world), OLD)
    assert (month.customers, month.events) == (3, 1504)
    if removed:
        remove_expired(world)
        assert not isinstance(world, Runtime) or not list(UsagePackItem.scan())
    for one in (world, with_new_process(world)):
        assert everything(one) == before
    found = world.usage.look_up({UsageMonth("two", OLD): ["event-00001", "event-00009"]}, consistent=True)
    assert list(found[UsageMonth("two", OLD)].events.values()) == [event("two", 1, replaced_by="event-00003")]
    assert not came_back(world)
    for name, number in (("large", 5000), ("small", 2), ("none", 7)):
        late(world, name, number)
        before[name].append(event(name, number))
    assert came_back(world)
    assert everything(world) == before
    again = archive_month(UseCases(world), OLD)
    assert (again.customers, again.events) == (4, 1507)
    if removed:
        remove_expired(world)
    assert everything(with_new_process(world)) == before


def test_a_process_that_knew_of_no_archive_misses_nothing_once_usage_has_left(filled: AnyWorld) -> None:
    other, before = with_new_process(filled), everything(filled)
    assert list(other.usage.events("none", OLD)) == []  # it has asked, and remembers that there is no archive
    archive_month(UseCases(filled), OLD)
    assert everything(other) == before
    late(other, "small", 2)
    assert len(everything(other)["small"]) == 2


def test_a_month_that_changes_while_it_is_archived_stays(filled: AnyWorld) -> None:
    usage = UseCases(filled).ports.leaving_usage
    at = datetime(2027, 1, 1, tzinfo=UTC)
    read = {
        one.month.customer_id: (one, list(one.events())) for one in usage.packed(UsageMonth(n, OLD) for n in CUSTOMERS)
    }
    assert {name: len(events) for name, (_, events) in read.items()} == {"large": 1500, "small": 1, "two": 3}
    before = everything(filled)
    for name in ("large", "small"):
        late(filled, name, 6000)
        assert not usage.expire(read[name][0].month, read[name][0].seen, at)
        before[name].append(event(name, 6000))
    assert everything(filled) == before
    [large, *_] = usage.packed([UsageMonth("large", OLD)])
    assert len(list(large.events())) == 1501
    assert usage.expire(large.month, large.seen, at)
    assert usage.expire(large.month, large.seen, at), "a run that goes on does it again"


def test_whoever_has_decided_on_a_month_before_it_left_is_refused(filled: AnyWorld) -> None:
    seen = {}
    for name in ("large", "small"):
        month = UsageMonth(name, OLD)
        seen[name] = filled.usage.look_up({month: ()}, consistent=True)[month].version
    archive_month(UseCases(filled), OLD)
    changes = [UsageChange(UsageMonth(name, OLD), version, [event(name, 7000)]) for name, version in seen.items()]
    assert {month.customer_id for month in filled.usage.store(changes)} == {"large", "small"}


def test_months_that_are_billed_now_ask_nothing_of_the_archive(aws: Runtime) -> None:
    archive = ArchivedUsage(aws.documents, lambda: aws.usage_files, lambda: datetime(2026, 11, 1, tzinfo=UTC))
    archive._documents = None  # type: ignore[assignment]  # it would fail
    for period in (Period(2026, 11), Period(2026, 10), Period(2026, 9)):
        assert not archive.may_have(period)


def test_the_archive_is_asked_before_items_that_an_earlier_release_has_left(aws: Runtime) -> None:
    profile = Profile("A Ltd", "a@customers.example", "USD", "stripe", "ok")
    aws.directory.put_profiles([("small", profile)])
    store_usage(aws.usage, [event("small", 1), event("small", 2)])
    archive_month(UseCases(aws), OLD)
    UsageItem(f"{OLD}#small", "event-00001", sku="cpu", quantity="1", time=OLD.start).save()
    again = Runtime(aws.settings, "us-east-1", aws.log)
    assert len(list(again.usage.events("small", OLD))) == 2
    assert again.usage_items.may_have(OLD)
