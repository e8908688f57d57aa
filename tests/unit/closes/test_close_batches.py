"""Cutting the customers into batches."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.closes.batching import (
    FEWER_BATCHES,
    MAX_BATCH_SIZE,
    MAX_BATCHES,
    Planned,
    batch_size,
)
from monthclose.domain.closes.close import Batch
from tests.cutting import cut_into_batches
from tests.unit.any import any_planned

any_customers = st.lists(any_planned(), max_size=300, unique_by=lambda customer: customer.customer_id)
any_limit = st.sampled_from([4, 7, 20, 400])


def of_all(batches: list[Batch]) -> list[str]:
    return [customer_id for batch in batches for customer_id in batch.customer_ids]


@given(any_customers, any_limit)
def test_every_customer_is_in_exactly_one_batch(customers: list[Planned], limit: int) -> None:
    batches = cut_into_batches(customers, limit)
    assert sorted(of_all(batches)) == sorted(customer.customer_id for customer in customers)
    assert all(batch.customer_ids for batch in batches)


@given(any_customers, any_limit)
def test_a_batch_has_customers_of_one_provider_only(customers: list[Planned], limit: int) -> None:
    provider = {customer.customer_id: customer.provider for customer in customers}
    for batch in cut_into_batches(customers, limit):
        assert {provider[customer_id] for customer_id in batch.customer_ids} == {batch.provider}


@given(any_customers, any_limit)
def test_batches_are_numbered_from_zero_and_no_larger_than_allowed(customers: list[Planned], limit: int) -> None:
    batches = cut_into_batches(customers, limit)
    assert [batch.number for batch in batches] == list(range(len(batches)))
    assert all(len(batch.customer_ids) <= MAX_BATCH_SIZE for batch in batches)


@given(any_customers, any_limit)
def test_there_are_no_more_batches_than_run_in_parallel(customers: list[Planned], limit: int) -> None:
    assert len(cut_into_batches(customers, limit)) <= limit  # 300 customers never need batches of more than 1,000


@given(any_customers, any_limit)
def test_each_providers_largest_amounts_come_first(customers: list[Planned], limit: int) -> None:
    amount = {customer.customer_id: customer.expected_minor for customer in customers}
    batches = cut_into_batches(customers, limit)
    for provider in {batch.provider for batch in batches}:
        amounts = [amount[c] for c in of_all([batch for batch in batches if batch.provider == provider])]
        assert all(a >= b for a, b in pairwise(amounts))


@given(any_customers, any_limit, st.randoms())
def test_the_same_customers_in_any_order_make_the_same_batches(
    customers: list[Planned], limit: int, random: object
) -> None:
    shuffled = list(customers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert cut_into_batches(shuffled, limit) == cut_into_batches(customers, limit)


def test_the_providers_start_side_by_side() -> None:
    customers = [Planned(f"{p}-{i}", p, 100 - i) for p in ("a", "b") for i in range(3)]
    assert of_all(cut_into_batches(customers)) == ["a-0", "b-0", "a-1", "b-1", "a-2", "b-2"]


def test_a_small_close_has_one_customer_per_batch() -> None:
    batches = cut_into_batches(Planned(f"{i:05}", "stripe", 0) for i in range(MAX_BATCHES))
    assert [len(batch.customer_ids) for batch in batches] == [1] * MAX_BATCHES


def test_one_customer_more_than_batches_makes_fewer_batches_because_each_is_paid_for() -> None:
    batches = cut_into_batches(Planned(f"{i:05}", "stripe", 0) for i in range(MAX_BATCHES + 1))
    assert {len(batch.customer_ids) for batch in batches} == {2, 3}
    assert len(batches) <= FEWER_BATCHES


def test_batches_are_not_larger_than_a_setting_of_fewer_makes_them() -> None:
    assert batch_size({"stripe": 101}, max_batches=100) == 2
    assert batch_size({"stripe": 1_000_000}, max_batches=2_000) == 500
    assert batch_size({"stripe": 1_000_000}) == 250


@pytest.mark.long
def test_a_million_customers_of_three_providers_fit_into_four_thousand_batches() -> None:
    batches = cut_into_batches(Planned(str(i), f"p{i % 3}", 0) for i in range(1_000_000))
    assert len(batches) <= FEWER_BATCHES
    assert max(len(batch.customer_ids) for batch in batches) == 251


def test_ten_million_customers_fit_into_as_many_batches_as_run_in_parallel() -> None:
    assert batch_size({"stripe": 10_000_000}) == MAX_BATCH_SIZE
    assert batch_size({"stripe": 9_000_000, "gocardless": 900_000}) <= MAX_BATCH_SIZE


def test_a_batch_stays_within_its_size_even_if_that_makes_too_many_batches() -> None:
    batches = cut_into_batches([Planned(f"{i:04}", "stripe", 0) for i in range(2500)], max_batches=2)
    assert [len(batch.customer_ids) for batch in batches] == [1000, 1000, 500]


def test_no_customers_make_no_batches() -> None:
    assert cut_into_batches([]) == []
