"""What the stores do while DynamoDB throttles: they wait, send less, and say *later* when time is up."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.throttling import DynamoPatience
from monthclose.adapters.dynamo.usage.models import UsagePackItem
from monthclose.adapters.dynamo.usage.packs import item_of
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.ledger import Account, Entry, Leg
from monthclose.domain.month import Notice, NoticeState
from monthclose.domain.notices.notice import NoticeKind
from monthclose.domain.usage import UsageChange, UsageEvent
from monthclose.domain.usage_pack import packed
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import UsageStore
from tests.throttle import Throttle, VirtualTime
from tests.usage import store_usage
from tests.world import OCTOBER

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PROFILE = Profile("Acme", "billing@example.com", "USD", "stripe", "pm_card_visa", "PL")
ENTRY = Entry("invoice", "acme", OCTOBER, "USD", NOON, (Leg(Account.RECEIVABLE, 5), Leg(Account.REVENUE, -5)), "memo")
EVENTS = [
    UsageEvent(f"e{number:04}", f"u{number}", "sku", Decimal(1), OCTOBER.start, None, "") for number in range(330)
]


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def patience(aws: Runtime, time: VirtualTime) -> DynamoPatience:
    """The deployment's patience, in virtual time."""
    vars(aws.patience).update(vars(DynamoPatience(time.clock, time.sleep, time.longest)))
    return aws.patience


def bucket(time: VirtualTime, per_second: float) -> Throttle:
    """A table that takes so many items a second."""
    level = {"left": per_second, "at": 0.0}

    def taken(_operation: str, count: int) -> int:
        level["left"] = min(level["left"] + (time.now - level["at"]) * per_second, per_second)
        level["at"] = time.now
        mine = min(count, int(level["left"]))
        level["left"] -= mine
        return mine

    return Throttle(taken)


def looked_up(store: UsageStore) -> list[UsageEvent]:
    found = store.look_up({event.key.month: [event.event_id] for event in EVENTS}, consistent=True)
    return [event for month in found.values() for event in month.events.values()]


def changes_of(store: UsageStore) -> list[UsageChange]:
    found = store.look_up({event.key.month: [] for event in EVENTS})
    return [UsageChange(event.key.month, found[event.key.month].version, [event]) for event in EVENTS]


def first_refused(number: int, reason: str = "ThrottlingError") -> Throttle:
    """A table that refuses the first calls whole."""
    calls = itertools.count()
    return Throttle(lambda _operation, count: 0 if next(calls) < number else count, reason)


def test_an_import_outlasts_a_table_that_takes_twenty_items_a_second(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime
) -> None:
    store = aws.usage
    changes = changes_of(store)
    patience.until(900)
    with bucket(time, 20).on(aws._connection.client) as throttle:
        assert store.store(changes) == []
    assert 330 / 20 - 1 <= time.now <= 330 / 20 * 2  # the table is used, and not hammered
    assert throttle.calls["BatchExecuteStatement"] < 150
    assert {event.key for event in looked_up(store)} == {event.key for event in EVENTS}


def test_reading_outlasts_a_table_that_gives_a_few_items_a_second(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime
) -> None:
    store, directory = aws.usage, aws.directory
    store_usage(store, EVENTS)
    directory.put_profiles((f"c{number}", PROFILE) for number in range(120))
    patience.until(900)
    with bucket(time, 30).on(aws._connection.client) as throttle:
        assert looked_up(store) == EVENTS
        assert len(directory.known(f"c{number}" for number in range(130))) == 120
    assert throttle.calls["BatchGetItem"] < 120


@pytest.mark.parametrize("operation", ["write", "read"])
def test_a_batch_says_later_when_the_functions_time_is_up(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime, operation: str
) -> None:
    store = aws.usage
    changes = changes_of(store)
    patience.until(100)
    works: dict[str, Callable[[], object]] = {
        "write": lambda: store.store(changes),
        "read": lambda: looked_up(store),
    }
    work = works[operation]
    with Throttle(lambda _operation, _count: 0).on(aws._connection.client), pytest.raises(TryLaterError):
        work()
    assert 80 <= time.now <= 90


def test_a_batch_sends_less_at_a_time_while_it_is_throttled_and_more_again_afterwards(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime
) -> None:
    rounds: list[int] = []
    batches = Batches(patience)
    items = [item_of(event.key.month, "", 1, next(packed([event])), revision=1, full=False) for event in EVENTS]

    def taken(_operation: str, count: int) -> int:
        rounds.append(len(time.pauses))
        return count if len(time.pauses) >= 3 else count // 2

    with Throttle(taken).on(aws._connection.client):
        batches.write(UsagePackItem, items)
    at_once = [len(list(group)) for _, group in itertools.groupby(rounds)]
    assert at_once[:3] == [4, 2, 1]
    assert batches._at_once > 1


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_cancelled_for_throttling_is_repeated_with_the_same_token_and_content(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime, reason: str
) -> None:
    patience.until(900)
    with first_refused(20, reason).on(aws._connection.client) as throttle:
        aws.books.commit(Customer("acme", PROFILE), ENTRY)
    assert throttle.calls["TransactWriteItems"] == 21
    assert all(request == throttle.requests[0] for request in throttle.requests)
    assert aws.books.month("acme", OCTOBER).entries == (ENTRY,)
    assert time.pauses == sorted(time.pauses)
    assert max(time.pauses) == 5


def test_a_throttled_transaction_says_later_when_time_is_up(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime
) -> None:
    patience.until(60)
    with Throttle(lambda *_: 0).on(aws._connection.client), pytest.raises(TryLaterError) as raised:
        aws.books.commit(Customer("acme", PROFILE), ENTRY)
    assert not isinstance(raised.value, ConflictError)
    assert 48 <= time.now <= 54


def test_a_transaction_that_is_throttled_and_conflicts_is_a_conflict_at_once(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime
) -> None:
    throttle = Throttle(lambda _operation, _count: 0, also="ConditionalCheckFailed")
    with throttle.on(aws._connection.client), pytest.raises(ConflictError):
        aws.books.commit(Customer("acme", PROFILE), ENTRY)
    assert throttle.calls["TransactWriteItems"] == 1


def test_single_writes_and_queries_are_repeated_until_they_get_through(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime
) -> None:
    patience.until(900)
    with first_refused(20).on(aws._connection.client):
        aws.books.commit(ENTRY)
    with first_refused(20).on(aws._connection.client):
        assert aws.books.month("acme", OCTOBER).entries == (ENTRY,)
    with first_refused(20).on(aws._connection.client):
        aws.directory.put_profiles([("acme", PROFILE)])


def test_without_a_deadline_a_call_gives_up_after_some_seconds(
    aws: Runtime, patience: DynamoPatience, time: VirtualTime
) -> None:
    with Throttle(lambda *_: 0).on(aws._connection.client), pytest.raises(TryLaterError):
        aws.books.customer("acme")
    assert len(time.pauses) == 12


def test_idempotency_records_are_repeated_as_long(aws: Runtime, patience: DynamoPatience, time: VirtualTime) -> None:
    patience.until(900)
    with first_refused(20).on(aws.dynamodb) as throttle:
        aws.dynamodb.list_tables()
    assert throttle.calls["ListTables"] == 21


def test_who_waits_endlessly_is_told_so_now_and_then(aws: Runtime, patience: DynamoPatience, time: VirtualTime) -> None:
    told: list[str] = []
    patience.endless(told.append)
    with first_refused(20).on(aws._connection.client):
        aws.books.commit(replace(ENTRY, memo="more"))
    assert 1 < len(told) < 8
    assert "throttling" in told[0]


def test_a_claim_carries_a_token_so_that_its_repetition_is_not_taken_for_somebody_elses(aws: Runtime) -> None:
    """Whoever loses the race for a claim sends nothing: after a lost answer, that would be everybody."""
    claim = Notice("acme", OCTOBER, NoticeKind.RECEIPT, NoticeState.CLAIMED, NOON)
    with Throttle(lambda _, count: count).on(aws._connection.client) as table:
        aws.books.commit(claim)
        aws.books.commit(replace(claim, state=NoticeState.SENT, version=1))
    assert ["ClientRequestToken" in request for request in table.requests] == [True, False]
    with pytest.raises(ConflictError):
        aws.books.commit(claim)
