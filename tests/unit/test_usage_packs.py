"""Packs of usage events: every event comes out as it went in, and they are small."""

import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.usage import UsageEvent
from monthclose.domain.usage_pack import event_ids, packed, repacked, unpacked
from tests.unit.packs_of_format_1 import PACKS_OF_FORMAT_1
from tests.world import OCTOBER

RECEIVED = datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["", "a b", "1", "01", "٣", "a-b"]
)
IDS = (
    TEXTS.filter(bool)
    | st.integers(0, 3000).map(lambda number: f"usage.csv#{number}")
    | st.integers(0, 3000).map(lambda number: f"e{number:06}")
    | st.uuids().map(str)
    | st.uuids().map(lambda found: found.hex)
    | st.from_regex(r"[0-9a-f]{3}-[0-9a-f]{2}", fullmatch=True)
)
TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))]))
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [Decimal("1.50"), Decimal("1.5"), Decimal("-0")]
)
USUAL_NUMBERS = st.builds(Decimal.scaleb, st.integers(-(10**6), 10**6).map(Decimal), st.integers(-6, 0))
ODD_NUMBERS = ["-0", "-0.00", "0E-7", "1E+3", "0.1234567890123456789", "9" * 30]
STEPS = st.one_of(
    *(
        st.lists(st.integers(least, most).map(unit.__mul__), max_size=100)
        for unit in (timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1))
        for least, most in [(0, 255), (0, 70_000), (-300, 300)]
    )
)
EVENTS = st.builds(
    UsageEvent,
    event_id=IDS,
    customer_id=st.just("acme"),
    sku=TEXTS,
    quantity=NUMBERS,
    time=TIMES,
    unit_price=st.none() | NUMBERS,
    description=TEXTS,
    resource=TEXTS,
    replaces=TEXTS,
    received_at=st.none() | TIMES,
    replaced_by=TEXTS,
    replaced_at=st.none() | TIMES,
    attributes=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    returned_at=st.none() | TIMES,
)


def alike(ids: st.SearchStrategy[str]) -> st.SearchStrategy[list[UsageEvent]]:
    """Events whose ids are of one kind, and which repeat one another."""
    few = st.lists(EVENTS, min_size=1, max_size=3)
    return st.tuples(few, st.lists(ids, min_size=1, max_size=80)).map(
        lambda made: [replace(made[0][at % len(made[0])], event_id=name) for at, name in enumerate(made[1])]
    )


def texts(event: UsageEvent) -> tuple[str, ...]:
    """What of an event equality doesn't tell: 1.5 and 1.50 are equal."""
    return str(event.quantity), str(event.unit_price), event.event_id


def check(events: list[UsageEvent]) -> None:
    """Check that events come out of a pack as they went in."""
    [pack] = packed(events)
    found = unpacked("acme", pack.body)
    assert found == events
    assert list(map(texts, found)) == list(map(texts, events))
    assert event_ids(pack.body) == [event.event_id for event in events]
    assert pack.events == len(events)
    assert repacked(events) == pack


@settings(max_examples=150)
@given(
    st.lists(EVENTS, min_size=1, max_size=12)
    | st.one_of(
        *map(
            alike,
            (
                IDS,
                st.uuids().map(str),
                st.uuids().map(lambda found: f"evt_{found.hex[:7]}-4é"),
                st.integers(0, 10**17).map(lambda number: f"e{number}"),
                st.integers(0, 999).map(lambda number: f"{number:03}"),
                st.from_regex(r"[0-9a-f]{3}", fullmatch=True),
            ),
        )
    )
)
def test_events_come_out_of_a_pack_as_they_went_in(events: list[UsageEvent]) -> None:
    check(events)


@pytest.mark.parametrize("odd", ["0", *ODD_NUMBERS])
@settings(max_examples=25)
@given(STEPS, st.data())
def test_each_of_many_events_has_a_time_and_numbers_of_its_own(
    odd: str, steps: list[timedelta], data: st.DataObject
) -> None:
    times = [OCTOBER.start + sum(steps[:at], timedelta()) for at in range(len(steps) + 1)]
    numbers = USUAL_NUMBERS | st.just(Decimal(odd))

    def many(of: st.SearchStrategy[Decimal | None]) -> list[Any]:
        return data.draw(st.lists(of, min_size=len(times), max_size=len(times)))

    quantities, prices = many(numbers), many(data.draw(st.sampled_from([numbers, numbers | st.none()])))
    check(
        [
            replace(usual(at, f"e{at}"), time=time, quantity=quantity, unit_price=price)
            for at, (time, quantity, price) in enumerate(zip(times, quantities, prices, strict=True))
        ]
    )


@pytest.mark.parametrize("different", [2, 255, 256, 257, 2000])
def test_values_come_again_in_any_order(different: int) -> None:
    events = [usual(number, f"e{number}") for number in range(4_000)]
    check(
        [
            replace(event, description=f"{number * 7919 % different}", quantity=Decimal(number * 31 % different))
            for number, event in enumerate(events)
        ]
    )


@pytest.mark.parametrize(
    "places",
    [[16, 4], [4, 16], [16, 3, 16, 4, 16], [16, 1, 4, 4, 16, 16], [4, 2], [2], [5, 16]],
    ids=str,
)
@pytest.mark.parametrize("ids", [499, 500, 1001])
def test_some_places_of_many_ids_have_few_different_digits(places: list[int], ids: int) -> None:
    chance = random.Random(1)
    for after in (0, 250):  # then more digits come after a while
        names = [
            "é-".join(f"{chance.randrange(most if number >= after else 1):x}" for most in places)
            for number in range(ids)
        ]
        check([usual(number, name) for number, name in enumerate(names)])


@pytest.mark.parametrize("ids", [["e", "e1"], ["1", "01", "001"], ["e9", "e10"], ["ab", "abc"], ["a0", "a1"]], ids=str)
def test_ids_look_like_numbers_or_not(ids: list[str]) -> None:
    check([usual(number, name) for number, name in enumerate(ids)])


@pytest.mark.parametrize("most", [1, 255, 256, 65_535, 65_536, 10**17])
def test_numbers_reach_from_the_lowest_to_the_highest(most: int) -> None:
    events = [usual(number, f"e{number}") for number in range(20)]
    for low in (0, -most):
        quantities = [low, most, *(low + number * most // 20 for number in range(18))]
        check([replace(event, quantity=Decimal(n)) for event, n in zip(events, quantities, strict=True)])


@pytest.mark.parametrize(("events", "body"), PACKS_OF_FORMAT_1, ids=["counted", "uuids"])
def test_a_pack_of_the_first_format_is_read(events: list[UsageEvent], body: bytes) -> None:
    assert body[0] == 1
    found = unpacked("acme", body)
    assert found == events
    assert list(map(texts, found)) == list(map(texts, events))
    assert event_ids(body) == [event.event_id for event in events]
    assert repacked(found).body[0] == 2


def usual(number: int, name: str) -> UsageEvent:
    return UsageEvent(
        name,
        "acme",
        f"sku-{number % 4}",
        Decimal(number * 7919 % 10_000) / 100,
        OCTOBER.start + timedelta(seconds=number * 863 + number * number % 57),
        resource=f"web-{number * 31 % 11}",
        received_at=RECEIVED,
    )


@pytest.mark.parametrize(
    ("name", "largest_of_50", "bytes_of_each"),
    [
        (lambda number: f"evt-{number:09}", 400, 2),
        (lambda number: f"usage-2026-10.csv#{number * 20 + number % 3}", 420, 2),
        (lambda number: str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))), 1200, 17),
    ],
    ids=["numbered", "by file and line", "uuid"],
)
def test_fifty_events_are_small_and_each_of_many_takes_a_few_bytes(
    name: Callable[[int], str], largest_of_50: int, bytes_of_each: int
) -> None:
    [few] = packed([usual(number, name(number)) for number in range(50)])
    assert len(few.body) <= largest_of_50
    many = list(packed([usual(number, name(number)) for number in range(10_000)]))
    assert sum(len(pack.body) for pack in many) <= 10_000 * bytes_of_each


@pytest.mark.parametrize(("ids", "bytes_of_each"), [("numbered", 4.2), ("uuid", 19.5)])
def test_what_is_random_takes_little_more_than_it_says(ids: str, bytes_of_each: float) -> None:
    """SKU and resource have 3 and 2.3 bits, hundredths up to 720 have 16, and steps up to 480 seconds 8.7."""
    chance, time, events = random.Random(1), OCTOBER.start, list[UsageEvent]()
    for number in range(4_000):
        name = f"evt-{number:09}" if ids == "numbered" else str(uuid.UUID(int=chance.getrandbits(128), version=4))
        time += timedelta(seconds=chance.randrange(240) + chance.randrange(240))
        size, quantity = chance.randrange(8), f"{chance.randrange(72_000) / 100:g}"
        vm, what = f"vm-{chance.randrange(5)}", f"Instance of size {size}"
        events.append(UsageEvent(name, "acme", f"sku-{size}", Decimal(quantity), time, resource=vm, description=what))
    [pack] = packed(events)
    assert len(pack.body) <= 4_000 * bytes_of_each


def noise(seed: str, length: int) -> str:
    return "".join(uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}/{number}").hex for number in range(length))


def test_no_pack_is_larger_than_what_its_reader_can_hold() -> None:
    numbers = count()
    long = [usual(number, f"e{number}") for number in range(3_000)]
    incompressible = [replace(event, description=noise(event.event_id, 5)) for event in long]
    repetitive = [replace(event, description="x" * 9_000 + str(next(numbers))) for event in long]
    for events in (long, incompressible, repetitive):
        packs = list(packed(events))
        assert [event for pack in packs for event in unpacked("acme", pack.body)] == events
        assert all(len(pack.body) <= 200_000 and pack.events <= 4_000 for pack in packs)
    assert len(list(packed(incompressible))) > 1
    assert len(list(packed(repetitive))) > 5


def test_an_event_too_large_for_a_pack_is_one_alone() -> None:
    large = replace(usual(1, "e1"), description=noise("e1", 20_000))
    assert [pack.events for pack in packed([usual(0, "e0"), large, usual(2, "e2")])] == [1, 1, 1]


def test_a_pack_of_a_later_release_is_not_read() -> None:
    [pack] = packed([usual(1, "e1")])
    for read in (event_ids, lambda body: unpacked("acme", body)):
        with pytest.raises(UserMistakeError, match="later release"):
            read(b"\x07" + pack.body[1:])


def test_a_damaged_pack_is_not_read() -> None:
    [pack] = packed([usual(number, f"e{number}") for number in range(50)])
    middle = len(pack.body) // 2
    damaged = pack.body[:middle] + bytes([pack.body[middle] ^ 1]) + pack.body[middle + 1 :]
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever: it must not be taken for usage
        unpacked("acme", damaged)
    for size in range(1, len(pack.body)):
        with pytest.raises(Exception):  # noqa: B017, PT011 - the same
            unpacked("acme", pack.body[:size])
