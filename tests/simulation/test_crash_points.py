"""A charge that is killed, or suspended, at every point at which anything leaves the process, under every fault of the
provider: the customer is charged exactly once, the books tie, no lease is left.

`python -m tests.simulation` prints the table.
"""

import pytest

from sandbox.chaos.faults import Fault, When
from tests.simulation.crash_points import (
    MEANWHILE,
    MoneyBack,
    Row,
    check,
    check_money_back,
    dying_at,
    money_back_points,
    money_back_rows,
    points,
    rows,
    suspended_at,
)
from tests.simulation.universe import KEY, LATE, SOON, TOTAL, ProcessDiedError

ROWS = list(rows())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_process_may_die_at_every_point(row: Row) -> None:
    for number, point in enumerate(points(row)):
        for waits in (SOON, LATE):
            wrong = check(row, dying_at(number), waits)
            assert wrong is None, f"died {point}:\n{wrong}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.fault is None], ids=str)
@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("minutes", [0, 14], ids="after {} minutes".format)
def test_a_process_may_be_suspended_at_every_point_while_others_continue(
    row: Row, meanwhile: str, minutes: int
) -> None:
    """For up to as long as a function can run: 15 minutes."""
    for number, point in enumerate(points(row)):
        wrong = check(row, suspended_at(number, MEANWHILE[meanwhile], minutes), SOON)
        assert wrong is None, f"suspended {point}:\n{wrong}"


@pytest.mark.parametrize("row", money_back_rows(), ids=str)
def test_booking_a_reversal_may_die_at_every_point(row: MoneyBack) -> None:
    for number, point in (*enumerate(money_back_points(row)), (None, "nowhere")):
        wrong = check_money_back(row, number)
        assert wrong is None, f"died {point}:\n{wrong}"


@pytest.mark.parametrize("call", range(3))
def test_a_failure_that_the_provider_stores_under_the_key_blocks_nobody(call: int) -> None:
    """Stripe replays a 500 for a day: the next attempt must not ask under the same key."""
    universe = Row("stripe", "pays", call, Fault.ERROR_500, When.BEFORE).universe()
    for _ in range(3):
        with universe.process():
            universe.charger.charge(KEY)
        universe.clock.pass_time(minutes=5)
    assert universe.moved() == [TOTAL]


def test_the_table_covers_both_providers_and_every_effect() -> None:
    """The harness itself: if a write or a call were not watched, its points would be missing."""
    stripe, gocardless = (points(Row(provider, "pays")) for provider in ("stripe", "gocardless"))
    assert [point for point in stripe if point.startswith("before")] == [
        "before the write of Payment + Customer",
        "before customers.create",
        "before the write of Customer",
        "before payment_intents.create",
        "before the write of Payment",
        "before payment_intents.confirm",
        "before the write of Payment + Customer + Invoice + Entry",
    ]
    assert [point for point in gocardless if point.startswith("before")] == [
        "before the write of Payment + Customer",
        "before payments.create",
        "before the write of Payment + Customer",
    ]


def test_a_killed_process_can_catch_nothing() -> None:
    assert not issubclass(ProcessDiedError, Exception)
