"""Which customers are drafted for a plan, and how far off what they come to may be."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.closes.batching import Planned
from monthclose.domain.closes.sampling import Drafted, Sample, amounts_over_time, choose, expect


def customers(number: int, seed: int = 0) -> list[Planned]:
    """A few of them have most of the money, as ever."""
    rng = random.Random(seed)
    return [
        Planned(
            f"c{n}",
            "gocardless" if n % 10 == 0 else "stripe",
            round(rng.lognormvariate(8, 1.5)) if n % 7 else 0,
            "USD" if n % 3 == 0 else "EUR",
        )
        for n in range(number)
    ]


def drafted(sample: Sample) -> list[Drafted]:
    """A month after the expected one: everybody's amount has moved, some have left, some are new."""
    found = []
    for chosen in sample.chosen:
        rng = random.Random(chosen.planned.customer_id)
        expected = chosen.planned.expected_minor or rng.lognormvariate(7, 1)
        minor = 0 if rng.random() < 0.1 else round(expected * rng.uniform(0.6, 1.5))
        found.append(Drafted(chosen, chosen.planned.currency, minor, minor))
    return found


def test_no_more_customers_than_the_sample_has_are_all_drafted() -> None:
    sample = choose(customers(50), 50, "2026-10")
    assert sample.exact
    assert {chosen.weight for chosen in sample.chosen} == {1.0}
    assert expect(sample, drafted(sample)).margins == {"EUR": 0, "USD": 0}


@given(st.integers(1, 400), st.integers(1, 200))
def test_a_sample_stands_for_everybody_once(number: int, size: int) -> None:
    sample = choose(customers(number), size, "2026-10")
    by_provider = Counter[str]()
    for chosen in sample.chosen:
        by_provider[chosen.planned.provider] += chosen.weight  # type: ignore[assignment]
    assert dict(by_provider) == pytest.approx(dict(sample.counts))
    assert len({chosen.planned.customer_id for chosen in sample.chosen}) == len(sample.chosen)
    assert sample.customers == number


def test_those_with_the_largest_amounts_are_always_drafted() -> None:
    everybody = customers(5_000)
    chosen = choose(everybody, 400, "2026-10").chosen
    largest = sorted(everybody, key=lambda customer: -customer.expected_minor)[:100]
    assert {customer.customer_id for customer in largest} <= {c.planned.customer_id for c in chosen if c.weight == 1}


def test_the_truth_lies_within_the_margin_about_nineteen_times_in_twenty() -> None:
    everybody = customers(5_000)
    whole = choose(everybody, 5_000, "")
    truth = expect(whole, drafted(whole))
    found = [expect(sample, drafted(sample)) for sample in (choose(everybody, 500, f"{n}") for n in range(60))]
    for currency in ("EUR", "USD"):
        hits = sum(abs(one.due[currency] - truth.due[currency]) <= one.margins[currency] for one in found)
        assert hits >= 52
        assert max(one.margins[currency] for one in found) < 0.15 * truth.due[currency]
    assert all(one.charges["stripe"] == pytest.approx(truth.charges["stripe"], rel=0.08) for one in found)


def test_a_currency_of_which_nobody_is_in_the_sample_is_expected_as_last_month() -> None:
    everybody = [Planned(f"c{n}", "stripe", 1_000 + n, "EUR") for n in range(5_000)] + [
        Planned("j", "stripe", 9, "JPY")
    ]
    sample = choose(everybody, 100, "")
    assert "j" not in {chosen.planned.customer_id for chosen in sample.chosen}
    found = expect(sample, drafted(sample))
    assert (found.due["JPY"], found.margins["JPY"]) == (9, 9)


def test_parked_customers_and_those_with_nothing_to_pay_are_counted_apart() -> None:
    sample = choose([Planned(f"c{n}", "stripe", 0) for n in range(4)], 10, "")
    one, two, three, four = sample.chosen
    found = expect(
        sample,
        [Drafted(one, parked="no_price"), Drafted(two), Drafted(three, "EUR", 500, 0), Drafted(four, "EUR", 700, 600)],
    )
    assert found.parked == {"no_price": 1}
    assert found.nothing == 1
    assert (found.invoiced, found.due, found.emails) == ({"EUR": 1200}, {"EUR": 600}, 2)
    assert found.charges == {"stripe": 1}


def test_money_comes_first_and_each_provider_has_its_own_pace() -> None:
    everybody = [Planned("small", "stripe", 1), Planned("large", "stripe", 9), Planned("debit", "gocardless", 5)]
    drafts = [
        Drafted(c, "EUR", c.planned.expected_minor, c.planned.expected_minor) for c in choose(everybody, 9, "").chosen
    ]
    found = sorted(amounts_over_time(drafts, 10, {"stripe": 2, "gocardless": 1}))
    assert [(amount.second, amount.minor) for amount in found] == [(10.5, 9), (11, 1), (11, 5)]
