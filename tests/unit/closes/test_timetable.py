"""How long a close takes as planned, what limits it, and what to ask for so that a deadline holds."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.costs.figures import figures
from bench.costs.measured import load_costs
from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.domain.closes import aws_cost
from monthclose.domain.closes.batching import batch_size
from monthclose.domain.closes.timetable import GENERATING, TELLING, Ask, Load, Work, asks, timetable
from monthclose.domain.payments.requests import REQUESTS_PER_CHARGE, requests_per_charge
from monthclose.domain.payments.throttle import Limit
from monthclose.names import LimitScope
from monthclose.use_cases.proof import plan_comparison


def work(charges: int, rate: float = 25, mail: float = 50, workers: int = 100, reserve: float = 0.0) -> Work:
    load = Load("stripe", charges, Limit(rate, reserve), workers=workers)
    return Work(charges, -(-charges // batch_size({"": charges})), [load], 400, charges, Limit(mail))


@pytest.mark.parametrize(
    ("of", "bottleneck"),
    [
        (work(20_000), "stripe"),
        (work(20_000, mail=5), TELLING),
        (replace(work(20_000, rate=2_000, mail=2_000), generated_per_second=10), GENERATING),
    ],
)
def test_the_bottleneck_is_named(of: Work, bottleneck: str) -> None:
    assert timetable(of).bottleneck == bottleneck


def test_too_few_workers_are_slower_than_the_limit_allows() -> None:
    few = work(6_000, rate=100, workers=2).loads[0]
    assert few.per_second == pytest.approx(12)
    assert few.needed(60).workers == 17


@given(st.integers(1_000, 2_000_000), st.floats(5, 100), st.floats(5, 200), st.floats(0, 0.5), st.floats(1, 12))
def test_with_what_is_asked_for_the_deadline_holds(
    charges: int, rate: float, mail: float, reserve: float, hours: float
) -> None:
    before, deadline = work(charges, rate, mail, workers=3, reserve=reserve), hours * 3600
    asked = asks(before, timetable(before), deadline)
    late = timetable(before).ends > deadline
    assume(asked or not late)  # else opening and proving alone take longer than that
    assert bool(asked) == late
    after = _granted(before, asked)
    table = timetable(after)
    assert max(table.generated, table.all_charged, table.told) <= deadline + 1
    assert all(load.charges == 0 or load.per_second > 0 for load in after.loads)


def _granted(before: Work, asked: tuple[Ask, ...]) -> Work:
    after = before
    for ask in asked:
        if ask.of == TELLING:
            after = replace(after, mail=Limit(ask.rate_per_second))
        elif ask.of == GENERATING:
            after = replace(after, generated_per_second=ask.rate_per_second)
        else:
            load = after.loads[0]
            limit = replace(load.limit, rate_per_second=ask.rate_per_second)
            after = replace(after, loads=[replace(load, limit=limit, workers=max(ask.workers, load.workers))])
    return after


def test_a_limit_for_the_whole_account_has_room_for_fewer_charges() -> None:
    """Each gateway says itself whether it creates its order before it collects it."""
    for name, gateway in (("stripe", StripeGateway), ("gocardless", GoCardlessGateway)):
        assert REQUESTS_PER_CHARGE[name] == 1 + gateway.one_order_per_payment
        assert requests_per_charge(name, LimitScope.ACCOUNT) == REQUESTS_PER_CHARGE[name]
        assert requests_per_charge(name, LimitScope.ENDPOINT) == 1


def test_the_product_knows_what_the_bench_has_counted() -> None:
    """If this fails, put into `aws_cost` what `python -m bench.costs.figures` prints."""
    for name, found in figures(load_costs()).items():
        assert getattr(aws_cost, name) == pytest.approx(found, rel=0.02), name


def test_comparing_is_timed_in_the_parts_it_is_cut_into() -> None:
    from monthclose.domain.closes import timetable as module  # noqa: PLC0415 - the numbers are its own

    assert module._CHARGES_PER_PART == plan_comparison._CHARGES_IN_A_PART
    assert module._MOST_PARTS == plan_comparison._MOST_PARTS
