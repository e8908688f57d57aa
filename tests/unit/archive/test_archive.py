"""Old usage leaves for the archive, and is found there: explained, billed again, and taken back by late usage."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageChange, UsageEvent, UsageMonth
from monthclose.domain.usage_archive import month_folder, part_key, part_of
from monthclose.errors import BrokeOffError, ConflictError, TryLaterError
from monthclose.ports.usage_archive import LeavingUsage, PackedMonth, WrittenUsage
from tests.archiving import archive
from tests.fakes.archive import FakePackedMonth, FakeUsageFiles
from tests.unit.dying import DiedError
from tests.world import World

SEPTEMBER, AUGUST = Period(2025, 9), Period(2025, 8)
NOVEMBER = datetime(2026, 11, 20, 3, tzinfo=UTC)
CUSTOMERS = [f"customer-{number:02}" for number in range(20)]


def event(customer_id: str, number: int, period: Period = SEPTEMBER) -> UsageEvent:
    return UsageEvent(
        f"event-{number}",
        customer_id,
        "droplet",
        Decimal("1.50"),
        period.start + timedelta(hours=number),
        Decimal("0.25"),
        received_at=period.end,
    )


def fill(world: World, period: Period, customers: list[str]) -> None:
    world.usage.put([event(name, number, period) for name in customers for number in range(3)])


@pytest.fixture
def world() -> World:
    world = World()
    world.clock.now = SEPTEMBER.end + timedelta(hours=1)
    for name in CUSTOMERS:
        world.add_customer(name)
    fill(world, SEPTEMBER, CUSTOMERS)
    world.close(SEPTEMBER)
    world.clock.now = NOVEMBER
    return world


def everything(world: World, period: Period = SEPTEMBER) -> dict[str, list[UsageEvent]]:
    return {name: list(world.usage.events(name, period)) for name in CUSTOMERS}


def files_of(world: World, period: Period = SEPTEMBER) -> set[str]:
    return {key for key in world.documents.objects if key.startswith(month_folder(period)) and key.endswith("parquet")}


def late(world: World, customer_id: str, number: int) -> None:
    """Store late usage, as an import does."""
    month = UsageMonth(customer_id, SEPTEMBER)
    seen = world.usage.look_up({month: []})[month].version
    assert world.usage.store([UsageChange(month, seen, [event(customer_id, number)])]) == []


def test_usage_that_is_older_than_the_setting_is_archived_and_read_from_there(world: World) -> None:
    before = everything(world)
    [month] = [one for one in archive(world) if one.events]
    assert (month.period, month.customers, month.events, month.quantity) == (SEPTEMBER, 20, 60, "90")
    assert set(world.leaving_usage.gone) == {UsageMonth(name, SEPTEMBER) for name in CUSTOMERS}
    assert min(world.leaving_usage.gone.values()) > NOVEMBER + timedelta(days=1)
    assert everything(world) == before


def test_months_within_the_setting_stay(world: World) -> None:
    for months, left in ((14, 0), (None, 0), (13, 20)):
        world.usage_months = months
        world.__post_init__()
        archive(world)
        assert len(world.leaving_usage.gone) == left


def test_a_month_is_archived_once(world: World) -> None:
    archive(world)
    assert archive(world, "archive-2") == []


def test_every_part_has_its_customers_and_they_are_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monthclose.domain.usage_archive.CUSTOMERS_IN_A_PART", 4)
    before = everything(world)
    [month] = archive(world, only=SEPTEMBER)
    assert month.parts == 5
    assert {part_of(name, 5) for name in CUSTOMERS} == set(range(5))
    assert everything(world) == before


def archiver(world: World, **more: object) -> None:
    world.use_cases.part_archiver = replace(world.use_cases.part_archiver, **more)  # type: ignore[arg-type]


def test_large_months_have_several_files_and_large_customers_are_in_several(world: World) -> None:
    large = [event("customer-07", number) for number in range(100)]
    world.usage.put(large)
    before = everything(world)
    archiver(world, events_in_a_file=25)
    [month] = archive(world, only=SEPTEMBER)
    assert month.events == 19 * 3 + 100
    assert len(files_of(world)) > 6
    assert everything(world) == before


class LossyFiles(FakeUsageFiles):
    """Loses the last event of a file, or changes it."""

    def __init__(self, world: World, *, lose: bool) -> None:
        super().__init__(world.documents)
        self._lose = lose

    def read(self, written: WrittenUsage) -> Iterator[UsageEvent]:
        *events, last = super().read(written)
        yield from events
        if not self._lose:
            yield replace(last, quantity=Decimal("1.5"))


@pytest.mark.parametrize("lose", [True, False], ids=["lost", "changed"])
def test_nothing_leaves_if_a_file_does_not_come_back_as_it_was_written(world: World, lose: bool) -> None:
    archiver(world, files=LossyFiles(world, lose=lose))
    with pytest.raises(TryLaterError, match="did not come back"):
        archive(world, only=SEPTEMBER)
    assert not world.leaving_usage.gone
    assert part_key(SEPTEMBER, 0) not in world.documents.objects


class WithoutEvents:
    """`LeavingUsage` that takes a customer's archived month for one in DynamoDB, of which it finds no events."""

    def __init__(self, usage: LeavingUsage, customer_id: str) -> None:
        self._usage, self._customer_id = usage, customer_id

    def packed(self, months: Iterable[UsageMonth]) -> Iterator[PackedMonth]:
        for month in months:
            if month.customer_id == self._customer_id:
                yield FakePackedMonth(month, [], "old")
            else:
                yield from self._usage.packed([month])

    def expire(self, month: UsageMonth, seen: str, at: datetime) -> bool:
        return month.customer_id == self._customer_id or self._usage.expire(month, seen, at)


@pytest.mark.parametrize("customer_id", ["customer-00", "customer-03", "customer-19"])
def test_an_archived_month_is_never_replaced_by_one_without_events(world: World, customer_id: str) -> None:
    archive(world, only=SEPTEMBER)
    world.usage.put([event("customer-05", 9)])
    before = everything(world)
    archiver(world, usage=WithoutEvents(world.leaving_usage, customer_id))
    with pytest.raises(TryLaterError, match="no usage"):
        archive(world, "archive-2", only=SEPTEMBER)
    assert everything(world) == before


def test_a_month_into_which_something_was_stored_meanwhile_stays_and_is_archived_next_time(world: World) -> None:
    class Meanwhile(FakeUsageFiles):
        def write(self, key: str, events: Iterator[UsageEvent]) -> WrittenUsage:  # type: ignore[override]
            written = super().write(key, events)
            late(world, "customer-03", 50)
            return written

    archiver(world, files=Meanwhile(world.documents))
    archive(world, only=SEPTEMBER)
    assert UsageMonth("customer-03", SEPTEMBER) not in world.leaving_usage.gone
    assert len(world.leaving_usage.gone) == 19
    expected = everything(world)
    assert len(expected["customer-03"]) == 4
    archiver(world, files=world.usage_files)
    [month] = [one for one in archive(world, "archive-2") if one.events]
    assert month.events == 61
    assert len(world.leaving_usage.gone) == 20
    assert everything(world) == expected


def test_late_usage_brings_a_month_back_and_it_is_archived_again_with_what_came(world: World) -> None:
    archive(world)
    old = files_of(world)
    late(world, "customer-05", 50)
    expected = everything(world)
    assert [one.event_id for one in expected["customer-05"]] == ["event-0", "event-1", "event-2", "event-50"]
    [month] = archive(world, "archive-2")
    assert (month.events, month.customers) == (61, 20)
    assert not old & files_of(world), "query engines would count the old files as well"
    assert everything(world) == expected


def test_a_part_that_nothing_came_back_to_keeps_its_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monthclose.domain.usage_archive.CUSTOMERS_IN_A_PART", 4)
    archive(world)
    old = files_of(world)
    late(world, "customer-05", 50)
    archive(world, "archive-2")
    assert len(old & files_of(world)) == 4
    assert len(files_of(world)) == 5


def test_a_month_without_usage_is_archived_as_such(world: World) -> None:
    months = archive(world)
    assert [one.period for one in months if not one.events] == [AUGUST]
    assert list(world.usage.events("customer-01", AUGUST)) == []


@pytest.mark.parametrize("after", range(1, 18))
def test_a_run_that_dies_anywhere_is_finished_by_the_next(world: World, after: int) -> None:
    before = everything(world)
    archiver(world, events_in_a_file=25)
    puts = 0

    def put(key: str, content: bytes, content_type: str = "application/json") -> None:
        nonlocal puts
        puts += 1
        if puts == after:
            raise DiedError
        world.documents.objects[key] = content

    world.documents.put = put  # type: ignore[method-assign]
    try:
        archive(world, only=SEPTEMBER)
    except DiedError:
        assert everything(world) == before
        world.workflow.running.clear()
    [month] = archive(world, "archive-2", only=SEPTEMBER)
    assert month.events == 60
    assert len(world.leaving_usage.gone) == 20
    assert everything(world) == before
    assert len(files_of(world)) == 3, "query engines would count what a dead run has left"


def test_a_run_whose_time_is_always_up_gets_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monthclose.use_cases.archive.plan_archive._CUSTOMERS_AT_ONCE", 3)
    monkeypatch.setattr("monthclose.use_cases.archive.archive_part._EXPIRED_AT_ONCE", 6)
    before = everything(world)
    archiver(world, events_in_a_file=10)
    made = world.use_cases
    plan, calls = made.archive_planner.plan(SEPTEMBER), 0
    while not made.archive_planner.deal(plan, time_is_up=lambda: True):
        calls += 1
        stored = made.archive_store.plan(SEPTEMBER, plan.name)
        assert stored
        plan = stored
    assert calls == 6
    while not made.part_archiver.archive(plan, 0, time_is_up=lambda: True):
        calls += 1
        assert everything(world) == before
    assert calls > 10
    assert made.archive_finisher.finish(SEPTEMBER).events == 60
    assert len(world.leaving_usage.gone) == 20
    assert everything(world) == before


def test_one_run_at_a_time_archives(world: World) -> None:
    planner = world.use_cases.archive_planner
    world.workflow.running.add("archive-1")
    assert planner.claim("archive-1")
    assert not planner.claim("archive-2")
    world.workflow.running.discard("archive-1")
    assert planner.claim("archive-2")
    with pytest.raises(BrokeOffError):
        planner.require("archive-1")
    planner.require("archive-2")


class TakenOver(FakeUsageFiles):
    """Has another run take a part over, and archive all of it, while one file is written or once it has been read."""

    def __init__(self, world: World, at: int) -> None:
        super().__init__(world.documents)
        self._world, self._left = world, at

    def write(self, key: str, events: Iterable[UsageEvent]) -> WrittenUsage:
        some = list(events)
        self._pass_one()
        return super().write(key, some)

    def read(self, written: WrittenUsage) -> Iterator[UsageEvent]:
        yield from super().read(written)
        self._pass_one()

    def _pass_one(self) -> None:
        self._left -= 1
        if self._left == -1:
            self._world.workflow.running.clear()
            archive(self._world, "archive-2", only=SEPTEMBER)


@pytest.mark.parametrize("again", [False, True], ids=["first time", "usage has come back"])
@pytest.mark.parametrize("at", range(6))
def test_a_run_that_was_aborted_but_still_works_disturbs_nothing_of_the_next_one(
    world: World, at: int, again: bool
) -> None:
    planner = world.use_cases.archive_planner
    if again:
        archive(world, "archive-0", only=SEPTEMBER)
        late(world, "customer-19", 50)
    before = everything(world)
    world.workflow.running.add("archive-1")
    assert planner.claim("archive-1")
    plan = planner.plan(SEPTEMBER)
    planner.deal(plan)
    archiver(world, events_in_a_file=25)
    first = replace(world.use_cases.part_archiver, files=TakenOver(world, at))
    with pytest.raises(BrokeOffError):
        first.archive(plan, 0, require=lambda: planner.require("archive-1"))
    assert everything(world) == before
    month = world.use_cases.archive_store.month(SEPTEMBER)
    assert month
    assert month.events == len([event for events in before.values() for event in events])
    listed = world.use_cases.archive_store.part(SEPTEMBER, 0).files
    assert files_of(world) == {f"{month_folder(SEPTEMBER)}{file.name}" for file in listed}


@pytest.mark.parametrize("at", [3, 4])
def test_a_run_that_was_aborted_lets_nothing_leave_any_more(
    world: World, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monthclose.use_cases.archive.archive_part._EXPIRED_AT_ONCE", 6)
    archiver(world, events_in_a_file=25)
    made, before, passed, gone = world.use_cases, everything(world), 0, 0
    assert made.archive_planner.claim("archive-1")
    made.archive_planner.deal(plan := made.archive_planner.plan(SEPTEMBER))

    def time_is_up() -> bool:
        nonlocal passed, gone
        passed += 1
        if passed == at:
            made.archive_planner.claim("archive-2")
            gone = len(world.leaving_usage.gone)
        return False

    with pytest.raises(BrokeOffError):
        made.part_archiver.archive(
            plan, 0, time_is_up=time_is_up, require=lambda: made.archive_planner.require("archive-1")
        )
    assert len(world.leaving_usage.gone) == gone == (0 if at == 3 else 6)
    assert everything(world) == before


def test_the_oldest_month_is_next_but_none_while_a_close_is_running(world: World) -> None:
    planner = world.use_cases.archive_planner
    assert planner.next_due() == AUGUST
    world.open(Period(2026, 10))
    assert planner.next_due() is None


def test_nothing_is_archived_by_itself_before_a_close_says_how_many_customers_there_are() -> None:
    world = World()
    world.use_cases.archive_store.note_return(AUGUST, world.clock())
    planner = world.use_cases.archive_planner
    assert list(planner.due()) == [AUGUST]
    assert planner.next_due() is None


def test_a_month_from_before_the_first_close_is_archived_by_name_and_known_from_then_on(world: World) -> None:
    long_ago = Period(2023, 4)
    planner = world.use_cases.archive_planner
    archive(world)
    assert long_ago not in list(planner.old_months())
    archive(world, "archive-2", only=long_ago)
    archive(world, "archive-3", only=long_ago)
    assert list(planner.old_months())[:2] == [long_ago, AUGUST]
    assert list(planner.due()) == []
    world.use_cases.archive_store.note_return(long_ago, world.clock())
    assert list(planner.due()) == [long_ago], "usage has come back to it"


def test_nothing_is_archived_before_all_usage_is_in_packs(world: World) -> None:
    world.usage_items.kept = [event("customer-01", 7), event("customer-01", 7, AUGUST)]
    planner = world.use_cases.archive_planner
    assert planner.next_due() is None
    with pytest.raises(UserMistakeError, match="monthclose usage move"):
        planner.check(SEPTEMBER)


def test_a_list_is_never_replaced_by_one_that_does_not_know_of_it(world: World) -> None:
    made = world.use_cases
    plan = made.archive_planner.plan(SEPTEMBER)
    first, second = (replace(plan, name=name) for name in ("first", "second"))
    for one in (first, second):
        made.archive_planner.deal(one)
    archiver(world, events_in_a_file=25)
    made.part_archiver.archive(first, 0, time_is_up=lambda: True)
    assert made.part_archiver.archive(second, 0)
    late(world, "customer-19", 50)
    expected = everything(world)
    with pytest.raises(ConflictError):
        made.part_archiver.archive(first, 0)
    assert made.part_archiver.archive(first, 0), "it begins again, with the newer list"
    assert made.archive_finisher.finish(SEPTEMBER).events == 61
    assert everything(world) == expected
    assert not any("second" in name for name in files_of(world))


@pytest.mark.parametrize(
    ("months", "period", "why"),
    [
        (13, Period(2025, 10), "too young"),
        (13, Period(2025, 9, 15), "by calendar month"),
        (None, SEPTEMBER, "usage_months is null"),
    ],
)
def test_why_a_month_cannot_be_archived_is_said(world: World, months: int | None, period: Period, why: str) -> None:
    world.usage_months = months
    world.__post_init__()
    with pytest.raises(UserMistakeError, match=why):
        world.use_cases.archive_planner.check(period)
    world.use_cases.archive_planner.check(SEPTEMBER) if months else None
