"""Maximums and minimums by quarter, month by month: closes, late usage, new invoices, months billed late, previews."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.invoices.invoicing import INVOICE_EVERYTHING, InvoicingPolicy
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import Commitment, Discount, Limit, Price, PriceBook
from monthclose.domain.pricing.book.term import Length
from monthclose.use_cases.invoices.explain_invoice import explain
from tests.unit.invoices.late_usage import amounts, close, lines, use
from tests.world import OCTOBER, World

NOVEMBER, DECEMBER = OCTOBER.next, OCTOBER.next.next
JANUARY = DECEMBER.next
QUARTER = (OCTOBER, NOVEMBER, DECEMBER)
ONE = Price.plain("vm", "USD", Decimal(1))


def committed(amount: int, **more: Any) -> Commitment:
    return Commitment("min", "USD", Decimal(amount), term=Length.QUARTER, calendar=True, **more)


def at_most(amount: int, **more: Any) -> Limit:
    return Limit("max", "USD", Decimal(amount), term=Length.QUARTER, calendar=True, **more)


def a_world(*entries: Commitment | Limit, policy: InvoicingPolicy = INVOICE_EVERYTHING, **more: Any) -> World:
    world = World(policy=policy)
    commitments = tuple(one for one in entries if isinstance(one, Commitment))
    limits = tuple(one for one in entries if isinstance(one, Limit))
    world.price_books.merge(PriceBook((ONE,), commitments=commitments, limits=limits, **more))
    world.add_customer("acme")
    return world


def used(world: World, quantity: int, month: Period = OCTOBER) -> None:
    use(world, f"e{len(list(world.usage.events('acme', month)))}-{month}", str(quantity), time=f"{month}-01")


def billed(world: World, *periods: Period) -> int:
    """All that the invoices of some months come to."""
    return sum(minor for period in periods for _, minor in amounts(world, period))


def minors(world: World, period: Period) -> list[tuple[str, str, int]]:
    return [(line["model"], line.get("period", ""), line["amount_minor"]) for line in lines(world, period)]


def test_a_quarter_is_topped_up_in_its_last_month_by_what_its_invoices_have_billed() -> None:
    world = a_world(committed(300))
    for month, quantity in zip(QUARTER, (100, 50, 90), strict=True):
        used(world, quantity, month)
        close(world, month)
    close(world, JANUARY)
    assert [billed(world, month) for month in (*QUARTER, JANUARY)] == [10_000, 5_000, 15_000, 0]
    (step,) = lines(world, DECEMBER)[1]["steps"]
    assert (step["committed"], step["earlier"], step["reached"]) == ("300", "150", "90")


def test_a_quarter_without_any_usage_is_billed_at_its_end() -> None:
    world = a_world(committed(300))
    for month in QUARTER:
        close(world, month)
    assert [billed(world, month) for month in QUARTER] == [0, 0, 30_000]


def test_amounts_that_were_carried_over_count_in_the_month_that_they_are_of() -> None:
    world = a_world(committed(300), policy=InvoicingPolicy({"USD": 2_000}))
    used(world, 10)
    close(world, OCTOBER)
    used(world, 100, NOVEMBER)
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert billed(world, *QUARTER) == 30_000


def test_late_usage_within_the_quarter_counts_at_its_end() -> None:
    world = a_world(committed(300))
    used(world, 100)
    close(world, OCTOBER)
    used(world, 20)
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert minors(world, NOVEMBER) == [("per_unit", "2026-10", 2_000)]
    assert minors(world, DECEMBER) == [("commitment", "", 18_000)]


def test_late_usage_after_the_quarter_takes_its_true_up_back() -> None:
    world = a_world(committed(300), policy=InvoicingPolicy(zero_invoices=True))
    used(world, 100)
    for month in QUARTER:
        close(world, month)
    used(world, 70)
    close(world, JANUARY)
    assert minors(world, JANUARY) == [("per_unit", "2026-10", 7_000), ("commitment", "2026-12", -7_000)]
    assert billed(world, *QUARTER, JANUARY) == 30_000


def test_late_usage_in_the_last_month_counts_in_that_very_invoice() -> None:
    world = a_world(committed(300))
    used(world, 100)
    close(world, OCTOBER)
    close(world, NOVEMBER)
    used(world, 70)
    close(world, DECEMBER)
    assert minors(world, DECEMBER) == [("commitment", "", 13_000), ("per_unit", "2026-10", 7_000)]


def test_late_usage_moves_what_a_maximum_takes_off_to_the_months_after() -> None:
    world = a_world(at_most(100), policy=InvoicingPolicy(zero_invoices=True))
    for month, quantity in zip(QUARTER, (30, 40, 50), strict=True):
        used(world, quantity, month)
        close(world, month)
    assert [billed(world, month) for month in QUARTER] == [3_000, 4_000, 3_000]
    used(world, 40)
    close(world, JANUARY)
    assert minors(world, JANUARY) == [
        ("per_unit", "2026-10", 4_000),
        ("maximum", "2026-11", -1_000),
        ("maximum", "2026-12", -3_000),
    ]


def test_a_regenerated_invoice_moves_the_true_up_with_the_next_close() -> None:
    world = a_world(committed(300))
    used(world, 100)
    for month in QUARTER:
        close(world, month)
    used(world, 70)
    world.regenerator.regenerate("INV-00000001", "usage came late")
    assert billed(world, OCTOBER) == 17_000
    close(world, JANUARY)
    assert minors(world, JANUARY) == [("commitment", "2026-12", -7_000)]
    assert billed(world, *QUARTER, JANUARY) == 30_000
    close(world, JANUARY.next)
    assert minors(world, JANUARY.next) == []


def test_a_regenerated_last_month_has_the_true_up_to_what_is_missing_now() -> None:
    world = a_world(committed(300))
    used(world, 100)
    for month in QUARTER:
        close(world, month)
    used(world, 30, DECEMBER)
    world.regenerator.regenerate("INV-00000002", "usage came late")
    assert minors(world, DECEMBER) == [("per_unit", "", 3_000), ("commitment", "", 17_000)]


def test_an_invoice_that_comes_to_nothing_is_regenerated() -> None:
    world = a_world(at_most(100), policy=InvoicingPolicy(zero_invoices=True))
    used(world, 250)
    close(world, OCTOBER)
    used(world, 20, NOVEMBER)
    close(world, NOVEMBER)
    world.regenerator.regenerate("INV-00000002", "once more")
    assert minors(world, NOVEMBER) == [("per_unit", "", 2_000), ("maximum", "", -2_000)]


def test_a_month_that_is_billed_after_later_ones_counts_for_them_with_the_next_close() -> None:
    world = a_world(committed(300))
    use(world, "x", "5", sku="unknown")
    used(world, 100)
    close(world, OCTOBER)
    assert world.month("acme").parked
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert billed(world, DECEMBER) == 30_000
    use(world, "y", "-5", sku="unknown")
    close(world, OCTOBER)
    assert billed(world, OCTOBER) == 10_000
    close(world, JANUARY)
    assert billed(world, *QUARTER, JANUARY) == 30_000


def test_a_preview_is_what_the_close_bills_and_its_arithmetic_is_explained() -> None:
    world = a_world(committed(300, overage=Decimal("1.5")), at_most(400))
    used(world, 250)
    close(world, OCTOBER)
    used(world, 200, NOVEMBER)
    books, taxes = world.price_books.latest(), world.tax_tables.latest()
    preview = world.drafter.draft(world.customer("acme"), NOVEMBER, books, taxes, NOVEMBER.end, NOVEMBER.end.date())
    explained = explain(preview, world.usage, 10)["lines"]
    close(world, NOVEMBER)
    assert [line["amount_minor"] for line in preview["lines"]] == [minor for _, minor in amounts(world, NOVEMBER)]
    assert [(line["model"], line["amount_minor"], line["events"]["count"]) for line in explained] == [
        ("per_unit", 20_000, 1),
        ("overage", 7_500, 0),
        ("maximum", -12_500, 0),
    ]
    assert all(line["recomputed_minor"] == line["amount_minor"] for line in explained)
    assert explained[1]["in_words"] == [
        "reached 250 before and 200 now; what is above 300 from 2026-10 to 2026-12 costs 1.5 times as much: 75"
    ]


def test_months_and_documents_are_read_only_for_whom_a_quarter_or_a_year_concerns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = a_world(committed(300, customers=("acme",)))
    world.add_customer("other")
    for month in (OCTOBER, NOVEMBER):
        for customer in ("acme", "other"):
            use(world, f"{customer}-{month}", "10", customer_id=customer, time=f"{month}-01")
    close(world, OCTOBER)
    reads = list[str]()
    months, get_slice = world.books.months, world.documents.get_slice

    def counted_months(customer_id: str) -> Mapping[Period, CustomerMonth]:
        reads.append(customer_id)
        return months(customer_id)

    def counted_slice(key: str, offset: int, length: int) -> bytes:
        reads.append("document")
        return get_slice(key, offset, length)

    monkeypatch.setattr(world.books, "months", counted_months)
    monkeypatch.setattr(world.documents, "get_slice", counted_slice)
    for customer in ("other", "acme"):
        prices, day = world.price_books.latest(), NOVEMBER.end
        world.drafter.draft(world.customer(customer), NOVEMBER, prices, "", day, day.date())
    assert reads == ["acme", "document"]


@pytest.mark.long
@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-20, 150)), max_size=6),
    st.sampled_from([None, 0, 1, 2]),
    st.booleans(),
)
def test_whenever_usage_arrives_the_quarter_comes_to_the_same(
    arrivals: list[tuple[int, int, int]], regenerated: int | None, discounted: bool
) -> None:
    """Each arrival is of a month, comes so many months late, and has a quantity."""
    discounts = (Discount("fifth", percent=Decimal(20)),) if discounted else ()
    entries = (
        committed(200, overage=Decimal("1.2")),
        Commitment("each", "USD", Decimal(40), skus=("vm",)),
        at_most(300),
    )

    def world_with(*, late: bool) -> World:
        world = a_world(*entries, policy=InvoicingPolicy(zero_invoices=True), discounts=discounts)
        for turn, closing in enumerate((*QUARTER, JANUARY, JANUARY.next, JANUARY.next.next)):
            for number, (of, delay, quantity) in enumerate(arrivals):
                if of + (delay if late else 0) == turn:
                    use(world, f"e{number}", str(quantity), time=f"{QUARTER[of]}-01")
            close(world, closing)
            invoice = world.month("acme", QUARTER[regenerated]).invoice if regenerated is not None else None
            if late and turn == 3 and invoice:
                world.regenerator.regenerate(invoice.number, "once more")
        return world

    def of_the_quarter(world: World) -> dict[str, int]:
        found = dict.fromkeys(map(str, QUARTER), 0)
        for closed in (*QUARTER, JANUARY, JANUARY.next, JANUARY.next.next):
            for of, minor in amounts(world, closed):
                if of in found:
                    found[of] += minor
        return found

    assert of_the_quarter(world_with(late=True)) == of_the_quarter(world_with(late=False))


def test_late_usage_of_a_month_before_its_quarter_was_agreed_counts_in_the_quarter() -> None:
    world = a_world(policy=InvoicingPolicy(zero_invoices=True))
    used(world, 100)
    close(world, OCTOBER)
    world.price_books.merge(PriceBook(commitments=(committed(300),)))
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert minors(world, DECEMBER) == [("commitment", "", 20_000)]
    used(world, 70)
    close(world, JANUARY)
    assert minors(world, JANUARY) == [("per_unit", "2026-10", 7_000), ("commitment", "2026-12", -7_000)]
