"""The lines of a regenerated invoice: usage is billed once, whichever invoice came first."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.period import Period
from monthclose.domain.pricing.explanation import recomputed
from monthclose.use_cases.invoices.explain_invoice import explain
from tests.unit.invoices.late_usage import close, use
from tests.unit.invoices.regenerating import NEW, NOVEMBER, OLD, WHY, a_world, closed, content_of, metered, priced_at
from tests.world import OCTOBER, World

DECEMBER = NOVEMBER.next


def lines(world: World, number: str) -> list[tuple[str, str, int]]:
    """Kind, month and amount of each line; each explains itself."""
    content = content_of(world, number)
    for line in content["lines"]:
        assert recomputed(line["steps"], content["currency"]).minor == line["amount_minor"]
    own = content["period"]
    return [(x.get("kind", "usage"), x.get("period", own), x["amount_minor"]) for x in content["lines"]]


def texts(content: Draft) -> list[str]:
    return [line["description"] for line in content["lines"]]


def test_late_usage_is_on_the_new_invoice_and_no_longer_on_the_next() -> None:
    world = closed()
    metered(world, 3, "e2")
    assert world.customer("acme").late_usage
    world.regenerator.regenerate(OLD, WHY)
    assert lines(world, NEW) == [("usage", "2026-10", 10_300)]
    assert not world.customer("acme").late_usage
    use(world, "n1", "5", time="2026-11-02")
    close(world, NOVEMBER)
    assert lines(world, "INV-00000003") == [("usage", "2026-11", 500)]


def test_amounts_that_later_invoices_billed_for_the_month_are_deducted_by_name() -> None:
    world = closed(units=10)
    use(world, "e2", "3")
    close(world, NOVEMBER)
    assert lines(world, NEW) == [("adjustment", "2026-10", 300)]
    use(world, "e3", "4")

    world.regenerator.regenerate(OLD, WHY)

    assert lines(world, "INV-00000003") == [("usage", "2026-10", 1_700), ("billed", "2026-10", -300)]
    new = content_of(world, "INV-00000003")
    assert texts(new)[1] == f"vm, adjustment for 2026-10, already billed on {NEW}"
    taken_off = explain(new, world.usage, 10)["lines"][1]
    assert (taken_off["in_words"], taken_off["events"]["count"]) == ([f"already billed on {NEW}: -3"], 0)
    close(world, DECEMBER)
    assert world.month("acme", DECEMBER).invoice is None, "everything is billed"


def test_amounts_that_a_later_month_carried_over_are_deducted_too_and_say_so() -> None:
    world = World(policy=InvoicingPolicy({"USD": 500}))
    world.add_customer("acme")
    priced_at(world, "1")
    metered(world, 100)
    world.close()
    world.clock.pass_time(days=5)
    metered(world, 3, "late")
    close(world, NOVEMBER)
    assert world.customer("acme").carried_minor == 300

    new = world.regenerator.regenerate(OLD, WHY).invoice

    assert lines(world, new.number) == [("usage", "2026-10", 10_300), ("billed", "2026-10", -300)]
    assert texts(content_of(world, new.number))[1].endswith("already billed on the amount that 2026-11 carried over")


def test_later_adjustments_use_the_new_price() -> None:
    world = closed(units=10)
    use(world, "e2", "3")
    close(world, NOVEMBER)
    priced_at(world, "7")
    world.regenerator.regenerate(OLD, WHY)
    assert sum(minor for _, _, minor in lines(world, "INV-00000003")) == 9_100 - 300
    use(world, "e3", "1")
    close(world, DECEMBER)
    assert lines(world, "INV-00000004") == [("adjustment", "2026-10", 700)]


def test_adjustments_of_earlier_months_are_taken_over_unchanged() -> None:
    world = a_world(units=2)
    world.generator = replace(world.generator, policy=InvoicingPolicy({"default": 500}))
    close(world, OCTOBER)
    assert world.customer("acme").carried_minor == 200
    use(world, "e2", "3")
    use(world, "n1", "50", time="2026-11-02")
    close(world, NOVEMBER)
    before = lines(world, OLD)
    assert before == [("usage", "2026-11", 5_000), ("adjustment", "2026-10", 300), ("carried", "2026-11", 200)]
    world.change("acme", carried_minor=70)
    priced_at(world, "2")

    world.regenerator.regenerate(OLD, WHY)

    assert lines(world, NEW) == [("usage", "2026-11", 10_000), *before[1:]]
    assert world.customer("acme").carried_minor == 70, "what was carried over since is the next invoice's"
    use(world, "e3", "1")
    close(world, DECEMBER)
    assert world.customer("acme").carried_minor == 70 + 100, "the late unit at its own month's price"


def test_explaining_the_new_invoice_names_the_one_it_replaces() -> None:
    world = closed()
    world.regenerator.regenerate(OLD, WHY)
    explained = explain(content_of(world, NEW), world.usage, 10)
    assert explained["replaces"] == OLD
    assert explained["lines"][0]["events"]["count"] == 1


@pytest.mark.parametrize("again", [1, 2])
def test_later_adjustments_compare_with_the_new_invoice_not_the_old_one(again: int) -> None:
    world = closed(units=10)
    use(world, "e2", "5")
    number = OLD
    for _ in range(again):
        number = world.regenerator.regenerate(number, WHY).invoice.number
    use(world, "e3", "1")
    close(world, NOVEMBER)
    assert billed(world, OCTOBER) == 1_600


def billed(world: World, period: Period) -> int:
    """What the invoices that hold now bill for a month, the carried-over apart."""
    total = 0
    for month in world.books.months("acme").values():
        if month.invoice:
            own = lines(world, month.invoice.number)
            total += sum(minor for kind, of, minor in own if of == str(period) and kind != "carried")
    return total


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.integers(1, 9), st.integers(0, 1)),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
        st.tuples(st.just("regenerate"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("price"), st.integers(1, 3), st.just(0)),
    ),
    max_size=14,
)


@pytest.mark.long
@settings(max_examples=60)
@given(steps=STEPS)
def test_whatever_arrives_late_and_is_regenerated_each_month_is_billed_for_what_it_costs(
    steps: list[tuple[str, int, int]],
) -> None:
    world = closed(units=10)
    months, units, events, price = [OCTOBER], {OCTOBER: 10, NOVEMBER: 0}, 0, 1
    prices = {OCTOBER: 1}  # of the invoice that holds now
    for kind, number, which in steps:
        if kind == "use":
            period = (OCTOBER, NOVEMBER)[which]
            world.clock.now = max(world.clock.now, period.end if which else world.clock.now)
            events += 1
            units[period] += number
            use(world, f"x{events}", str(number), time=f"{period}-05")
        elif kind == "close" and len(months) < 3:
            months.append(months[-1].next)
            close(world, months[-1])
            prices[months[-1]] = price
        elif kind == "price":
            price = number
            priced_at(world, str(price))
        elif kind == "regenerate":
            issued = [m.invoice for m in world.books.months("acme").values() if m.invoice]
            invoice = issued[number % len(issued)]
            world.regenerator.regenerate(invoice.number, f"reason {world.clock.now}")
            prices[invoice.period] = price
        world.clock.pass_time(hours=1)
    for period in (months[-1].next, months[-1].next.next):
        close(world, period)
    for period in (OCTOBER, NOVEMBER):
        assert billed(world, period) == units[period] * prices.get(period, price) * 100
