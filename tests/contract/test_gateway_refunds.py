"""What every payment gateway promises of refunds: the fake, and each real adapter against its sandbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monthclose.domain.money import Money
from monthclose.errors import OrderRefusedError
from monthclose.ports import Collected, FoundRefund, RefundFate, RefundOrder
from tests.contract.test_gateways import GATEWAYS, Case

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=GATEWAYS)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with GATEWAYS[request.param]() as case:
        yield case


def paid(case: Case, minor: int = 1234) -> str:
    """Collect a payment, and return its reference."""
    order = case.prepared(case.order(minor=minor))
    answer = case.gateway.collect(order)
    case.settle()
    assert isinstance(case.gateway.look_up(replace(order, reference=answer.reference)).outcome, Collected)
    return answer.reference


def a_refund(reference: str, minor: int, number: int = 1, before: int = 0) -> RefundOrder:
    name = f"2026-10/acme/refund/{number}"
    return RefundOrder(name, reference, Money(minor, "USD"), before, datetime.now(UTC))


def held(case: Case, reference: str) -> int:
    found = case.gateway.held(reference)
    assert found is not None
    return found.minor


def test_a_refund_gives_money_back_once_however_often_it_is_asked_for(case: Case) -> None:
    reference = paid(case)
    order = a_refund(reference, 400)
    assert case.gateway.find_refund(order) is None

    first = case.gateway.refund(order)

    assert case.gateway.refund(order) == first
    assert case.gateway.find_refund(order) == FoundRefund(first, RefundFate.GIVEN)
    assert held(case, reference) == 834


def test_a_further_refund_is_another_one_until_nothing_is_left(case: Case) -> None:
    reference = paid(case)
    first = case.gateway.refund(a_refund(reference, 400))
    second = case.gateway.refund(a_refund(reference, 834, 2, before=400))
    assert first != second
    assert held(case, reference) == 0
    with pytest.raises(OrderRefusedError):
        case.gateway.refund(a_refund(reference, 1, 3, before=1234))
    assert case.gateway.find_refund(a_refund(reference, 1, 3)) is None


def test_the_outcome_of_the_payment_has_what_was_refunded(case: Case) -> None:
    order = case.prepared(case.order())
    reference = case.gateway.collect(order).reference
    case.settle()
    case.gateway.refund(a_refund(reference, 400))
    outcome = case.gateway.look_up(replace(order, reference=reference)).outcome
    assert isinstance(outcome, Collected)
    assert (outcome.amount.minor, outcome.refunded_minor) == (1234, 400)


def test_more_than_was_collected_is_refused(case: Case) -> None:
    reference = paid(case)
    with pytest.raises(OrderRefusedError):
        case.gateway.refund(a_refund(reference, 1235))
    assert held(case, reference) == 1234
