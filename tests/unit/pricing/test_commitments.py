"""Minimum commitments, many at once: computed here in a different way than in the product."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monthclose.domain.pricing import Commitment, Discount, Fee, InvoiceLine, LineKind, PriceBook, Terms, rate
from monthclose.domain.pricing.explanation import recomputed
from monthclose.domain.pricing.line import total_minor
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER, any_decimal

SKUS = ("a", "b", "c")
NAMES = (*SKUS, "all", "support")
"""Of fees, discounts and commitments: some are those of SKUs, and mean something else."""

type Usage = Mapping[str, int]
"""Minor units by SKU."""


class Case(NamedTuple):
    """What an invoice is made of."""

    usage: Usage
    fees: tuple[Fee, ...] = ()
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()


def any_skus() -> SearchStrategy[tuple[str, ...]]:
    """Any set in any order; of nothing: the whole invoice."""
    return st.lists(st.sampled_from(SKUS), unique=True).map(tuple)


def any_cents(low: str = "0.01", high: str = "200") -> SearchStrategy[Decimal]:
    return any_decimal(low, high, places=2)


def any_discount() -> SearchStrategy[Discount]:
    names = st.uuids().map(str)
    percent = any_decimal("0.01", "100", places=2) | st.sampled_from([Decimal(20), Decimal(50), Decimal(100)])
    return st.builds(
        lambda name, p, skus: Discount(name, percent=p, skus=skus), names, percent, any_skus()
    ) | st.builds(
        lambda name, off, skus: Discount(name, off=off, currency="USD", skus=skus), names, any_cents(), any_skus()
    )


def any_commitments() -> SearchStrategy[tuple[Commitment, ...]]:
    minimums = any_cents() | st.sampled_from([Decimal(50), Decimal(60)])
    commitment = st.builds(Commitment, st.sampled_from(NAMES), st.just("USD"), minimums, skus=any_skus())
    return st.lists(commitment, max_size=5, unique_by=lambda one: one.id).map(tuple)


def any_case() -> SearchStrategy[Case]:
    fee = st.builds(Fee, st.sampled_from(NAMES), st.just("USD"), any_cents("0"))
    return st.builds(
        Case,
        usage=st.dictionaries(st.sampled_from(SKUS), st.integers(-5_000, 20_000)),
        fees=st.lists(fee, max_size=2, unique_by=lambda one: one.id).map(tuple),
        discounts=st.lists(any_discount(), max_size=3).map(tuple),
        commitments=any_commitments(),
    )


def invoiced(case: Case) -> list[InvoiceLine]:
    """The lines that the product makes."""
    book = PriceBook((), case.fees, case.discounts, case.commitments)
    events = [
        UsageEvent(f"e-{sku}", "C-1", sku, Decimal(minor), OCTOBER.start, Decimal("0.01"))
        for sku, minor in case.usage.items()
    ]
    return rate(events, Terms(book, "C-1", "USD", OCTOBER))


def left_by_hand(case: Case) -> dict[str, Fraction]:
    """What the discounts leave of each SKU, and of "fees", in minor units: whole discounts by each one's share."""
    left = {sku: Fraction(case.usage.get(sku, 0)) for sku in SKUS}
    left["fees"] = Fraction(sum(fee.monthly_fee for fee in case.fees) * 100)
    for discount in (d for d in case.discounts if d.skus):
        rest = Fraction(discount.off or 0) * 100
        for sku in discount.skus:
            cut = cut_by_hand(discount, left[sku], rest)
            left[sku] -= cut
            rest -= cut
    for discount in (d for d in case.discounts if not d.skus):
        whole = sum(left.values(), Fraction(0))
        cut = cut_by_hand(discount, whole, Fraction(discount.off or 0) * 100)
        if cut:
            left = {name: amount - cut * amount / whole for name, amount in left.items()}
    return left


def cut_by_hand(discount: Discount, of: Fraction, rest: Fraction) -> int:
    if of <= 0:
        return 0
    return round(of * Fraction(discount.percent) / 100 if discount.percent is not None else min(rest, of))


def true_ups_by_hand(case: Case) -> dict[frozenset[str], int]:
    """How much each set of SKUs is topped up: to its largest minimum, counting the sets within it."""
    left, everything = left_by_hand(case), frozenset({*SKUS, "fees"})
    minimums: dict[frozenset[str], list[Decimal]] = {}
    for commitment in case.commitments:
        minimums.setdefault(frozenset(commitment.skus) or everything, []).append(commitment.minimum)

    def topped_up(skus: frozenset[str]) -> int:
        within = sum(topped_up(other) for other in minimums if other < skus)
        return max(int(max(minimums[skus]) * 100) - round(sum(left[sku] for sku in skus)) - within, 0)

    return {skus: topped_up(skus) for skus in minimums}


def true_ups(lines: Sequence[InvoiceLine], case: Case) -> dict[frozenset[str], int]:
    """The product's true-ups by their set of SKUs."""
    found = {frozenset(c.skus) or frozenset({*SKUS, "fees"}): 0 for c in case.commitments}
    by_id = {c.id: frozenset(c.skus) or frozenset({*SKUS, "fees"}) for c in case.commitments}
    for line in lines:
        if line.kind is LineKind.COMMITMENT:
            assert line.amount.minor > 0
            assert recomputed(line.steps, "USD") == line.amount
            found[by_id[line.sku]] += line.amount.minor
    return found


@given(any_case())
def test_commitments_of_any_kind_match_a_calculation_by_hand(case: Case) -> None:
    lines = invoiced(case)
    assert true_ups(lines, case) == true_ups_by_hand(case)
    assert total_minor(lines) == sum(left_by_hand(case).values()) + sum(true_ups_by_hand(case).values())


@given(any_case(), st.randoms())
def test_the_order_of_the_commitments_does_not_matter(case: Case, random: object) -> None:
    shuffled = [replace(one, skus=tuple(sorted(one.skus))) for one in case.commitments]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert invoiced(case._replace(commitments=tuple(shuffled))) == invoiced(case)


@given(any_case())
def test_every_minimum_is_reached_by_the_rest_of_its_skus_and_the_true_ups_within(case: Case) -> None:
    topped_up, left = true_ups(invoiced(case), case), left_by_hand(case)
    for commitment in case.commitments:
        skus = frozenset(commitment.skus) or frozenset(left)
        within = sum(minor for other, minor in topped_up.items() if other <= skus)
        assert round(sum(left[sku] for sku in skus)) + within >= commitment.minimum * 100


@given(any_case(), st.permutations(SKUS))
def test_the_names_of_fees_and_commitments_do_not_matter(case: Case, names: list[str]) -> None:
    """Not even if their ids are those of SKUs."""
    fees = tuple(replace(fee, id=f"fee-{number}") for number, fee in enumerate(case.fees))
    named = case._replace(
        fees=tuple(replace(fee, id=name) for fee, name in zip(fees, names, strict=False)),
        commitments=tuple(replace(one, id=f"{one.id}-{one.minimum}") for one in case.commitments),
    )
    plain = named._replace(fees=fees)
    amounts = [[(line.kind, line.amount) for line in invoiced(one)] for one in (named, plain, case)]
    assert amounts[0] == amounts[1]
    assert sorted(map(str, amounts[0])) == sorted(map(str, amounts[2]))


def test_partly_overlapping_minimums_are_each_reached_separately() -> None:
    """What is paid for unused commitment on one set does not count as usage of another; the whole counts all of it."""
    case = Case(
        {"a": 1_000, "b": 2_000},
        commitments=(
            Commitment("all", "USD", Decimal(120)),
            Commitment("ab", "USD", Decimal(50), skus=("a", "b")),
            Commitment("bc", "USD", Decimal(60), skus=("b", "c")),
            Commitment("b", "USD", Decimal(25), skus=("b",)),
        ),
    )
    lines = [(line.sku, line.amount.minor) for line in invoiced(case) if line.kind is LineKind.COMMITMENT]
    assert lines == [("b", 500), ("bc", 3_500), ("ab", 1_500), ("all", 3_500)]
    assert total_minor(invoiced(case)) == 12_000
