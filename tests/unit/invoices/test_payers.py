"""Customers under a payer: one invoice with a part for each, by each one's own terms, and nothing twice or left out."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monthclose.domain.accounts.group import MOST_CHILDREN, decided_at, payer_for, present_children
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price
from monthclose.domain.pricing.models import PerUnit
from monthclose.domain.pricing.reading import read_book
from monthclose.ports import Record
from monthclose.use_cases.invoices.explain_invoice import explain
from tests.unit.invoices.groups import billed, company, documents, imported, row, use
from tests.unit.invoices.late_usage import DECEMBER, NOVEMBER, close
from tests.world import OCTOBER, World

GROUP = (row("head"), row("north", "head"), row("south", "head"))


def part_of(world: World, customer_id: str, period: Period, payer: str = "head") -> list[int]:
    document = documents(world, payer)[period]
    return [line["amount_minor"] for line in document["lines"] if line.get("customer_id", payer) == customer_id]


def test_one_invoice_bills_the_payer_and_a_section_for_each_child() -> None:
    world = company(*GROUP)
    for name, quantity in (("head", 1), ("north", 20), ("south", 300)):
        use(world, name, quantity)
    report = close(world, OCTOBER)
    document = InvoiceDocument.of(documents(world, "head")[OCTOBER])
    assert [(line.customer_id, line.amount_minor) for line in document.lines] == [
        ("", 100),
        ("north", 2000),
        ("south", 30000),
    ]
    assert [(section.customer_id, section.name) for section in document.sections] == [
        ("north", "north Ltd"),
        ("south", "south Ltd"),
    ]
    assert document.total_minor == 32100
    assert report["customers"]["invoiced"] == 1
    assert world.month("north").invoice is None
    assert [mail.to for mail in world.mailer.sent] == ["head@customers.example"]
    payment = world.month("head").payment
    assert payment
    assert payment.collected_minor == 32100


def test_each_child_is_rated_by_its_own_terms() -> None:
    own = Price("vm", "USD", PerUnit(Decimal("0.5")), customer="north")
    world = company(*GROUP, prices=[own])
    use(world, "north", 10)
    use(world, "south", 10)
    close(world, OCTOBER)
    assert (part_of(world, "north", OCTOBER), part_of(world, "south", OCTOBER)) == ([500], [1000])


def test_late_usage_of_a_child_is_an_adjustment_in_its_section_of_the_next_invoice() -> None:
    world = company(*GROUP)
    for name in ("head", "north", "south"):
        use(world, name, 10)
    close(world, OCTOBER)
    use(world, "north", 3, event_id="late")
    assert world.customer("north").late_usage == {}
    close(world, NOVEMBER)
    [line] = documents(world, "head")[NOVEMBER]["lines"]
    assert (line["customer_id"], line["kind"], line["period"], line["amount_minor"]) == (
        "north",
        "adjustment",
        "2026-10",
        300,
    )
    assert documents(world, "head")[NOVEMBER]["sections"] == [{"customer_id": "north", "name": "north Ltd"}]
    assert world.customer("head").late_usage == {}


def test_who_joins_is_on_the_payers_invoice_for_the_whole_month_and_who_leaves_is_not() -> None:
    world = company(row("head"), row("north"), row("south", "head"))
    for name in ("north", "south"):
        use(world, name, 10)
    world.clock.now = datetime(2026, 10, 30, tzinfo=UTC)
    assert imported(world, row("north", "head"), row("south", method="ok"))[1] == {}
    close(world, OCTOBER)
    assert part_of(world, "north", OCTOBER) == [1000]
    assert billed(world, ["south"]) == {"south": 1000}
    assert (payer_for(world.customer("north"), OCTOBER), payer_for(world.customer("south"), OCTOBER)) == ("head", "")


def test_who_joins_after_the_month_has_its_own_invoice_for_it_and_its_late_usage_stays_with_it() -> None:
    world = company(row("head"), row("north"))
    use(world, "north", 10)
    world.clock.now = OCTOBER.end + timedelta(hours=1)
    assert imported(world, row("north", "head"))[1] == {}
    close(world, OCTOBER)
    use(world, "north", 3, event_id="late")
    use(world, "north", 5, "2026-11-02")
    close(world, NOVEMBER)
    assert billed(world, ["north"]) == {"north": 1300}
    assert [line["kind"] for line in documents(world, "north")[NOVEMBER]["lines"]] == ["adjustment"]
    assert part_of(world, "north", NOVEMBER) == [500]


def test_late_usage_of_one_who_has_left_stays_with_the_payer_of_its_month() -> None:
    world = company(*GROUP)
    use(world, "north", 10)
    close(world, OCTOBER)
    assert imported(world, row("north"))[1] == {}
    use(world, "north", 3, event_id="late")
    use(world, "north", 5, "2026-11-02")
    close(world, NOVEMBER)
    assert part_of(world, "north", NOVEMBER) == [300]
    assert [line["amount_minor"] for line in documents(world, "north")[NOVEMBER]["lines"]] == [500]


def test_what_a_child_carried_over_before_it_joined_is_on_an_invoice_of_its_own() -> None:
    world = company(row("head"), row("north", "head"))
    world.change("north", carried_minor=77, account_currency="USD")
    use(world, "north", 10)
    close(world, OCTOBER)
    assert [line["amount_minor"] for line in documents(world, "north")[OCTOBER]["lines"]] == [77]
    assert part_of(world, "north", OCTOBER) == [1000]


def with_fee_in_advance(*rows: dict[str, str]) -> World:
    world = company(*rows)
    fee = {"id": "support", "currency": "USD", "monthly_fee": "10", "in_advance": True, "customers": ["north"]}
    world.price_books.merge(read_book({"fees": [fee]}))
    return world


def test_a_fee_that_was_billed_in_advance_before_somebody_joined_is_not_billed_again() -> None:
    world = with_fee_in_advance(row("head"), row("north"))
    use(world, "head", 1)
    close(world, OCTOBER)
    assert billed(world, ["north"]) == {"north": 2000}, "October's and November's"
    assert imported(world, row("north", "head"))[1] == {}
    use(world, "head", 1, "2026-11-02")
    close(world, NOVEMBER)
    use(world, "head", 1, "2026-12-01")
    close(world, DECEMBER)
    assert billed(world, ["head", "north"])["north"] == 3000, "December's is in arrears"


def test_a_fee_in_advance_of_one_who_leaves_is_billed_once_for_each_month() -> None:
    world = with_fee_in_advance(row("head"), row("north", "head"))
    close(world, OCTOBER)
    assert imported(world, row("north"))[1] == {}
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert billed(world, ["head", "north"])["north"] == 4000, "October to December, and January in advance"


def test_a_child_costs_a_close_one_read_of_its_account_and_one_query_of_its_usage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = company(*GROUP)
    use(world, "north", 10)
    asked: Counter[str] = Counter()

    def counted(port: object, name: str) -> None:
        method = getattr(port, name)

        def call(customer_id: str, *rest: Any) -> Any:
            asked[f"{name} {customer_id}"] += 1
            return method(customer_id, *rest)

        monkeypatch.setattr(port, name, call)

    for port, name in ((world.books, "customer"), (world.books, "month"), (world.books, "months")):
        counted(port, name)
    counted(world.usage, "events")
    close(world, OCTOBER)
    assert {what: number for what, number in asked.items() if "head" not in what} == {
        "customer north": 1 + 1,  # the fake directory's scan reads it, too
        "customer south": 1 + 1,
        "events north": 1,
        "events south": 1,
    }


def test_closing_again_bills_nothing_twice() -> None:
    world = company(*GROUP)
    use(world, "north", 10)
    close(world, OCTOBER)
    close(world, OCTOBER)
    assert billed(world, ["head", "north", "south"]) == {"north": 1000}


def test_a_child_that_cannot_be_billed_parks_the_payer_and_is_named() -> None:
    world = company(*GROUP)
    use(world, "south", 1)
    load = world.usage
    load.put([replace(event, event_id="x", sku="unknown") for event in load.events("south", OCTOBER)])
    close(world, OCTOBER)
    parking = world.month("head").parking
    assert parking
    assert (parking.reason, parking.detail.split(":")[0]) == ("no_price", "customer south")


def test_a_child_in_another_currency_parks_the_payer() -> None:
    world = company(*GROUP)
    use(world, "north", 1)
    world.directory.put_profiles([("north", replace(world.customer("north").profile, currency="EUR"))])
    close(world, OCTOBER)
    parking = world.month("head").parking
    assert parking
    assert parking.reason == "currency_mismatch"
    assert "customer north is in EUR, and head, who pays for them, in USD" in parking.detail


def test_a_rehearsed_group_is_issued_as_it_was_approved_and_drafted_again_if_its_members_change() -> None:
    world = company(*GROUP)
    use(world, "north", 10)
    world.clock.now = OCTOBER.end + timedelta(hours=1)
    world.rehearse()
    world.approve()
    world.close()
    assert part_of(world, "north", OCTOBER) == [1000]


def test_a_regenerated_invoice_prices_each_member_again_and_keeps_what_it_had_taken_up() -> None:
    world = company(*GROUP)
    use(world, "north", 10)
    close(world, OCTOBER)
    use(world, "north", 3, event_id="late")
    use(world, "south", 7, "2026-11-02")
    use(world, "head", 1, "2026-11-02")
    close(world, NOVEMBER)
    invoice = world.month("head", NOVEMBER).invoice
    assert invoice
    use(world, "south", 2, "2026-11-03")
    made = world.regenerator.regenerate(invoice.number, "two machines were missing")
    document = InvoiceDocument.of(documents(world, "head")[NOVEMBER])
    assert made.invoice.number == document.number
    assert sorted((line.customer_id, line.period, line.amount_minor) for line in document.lines) == [
        ("", "", 100),
        ("north", "2026-10", 300),
        ("south", "", 900),
    ]
    assert [section.customer_id for section in document.sections] == ["north", "south"]


def test_a_regenerated_invoice_takes_off_what_later_ones_have_billed_for_each_member() -> None:
    world = company(*GROUP)
    use(world, "north", 10)
    close(world, OCTOBER)
    invoice = world.month("head").invoice
    assert invoice
    use(world, "north", 3, event_id="late")
    close(world, NOVEMBER)
    world.regenerator.regenerate(invoice.number, "again")
    assert billed(world, ["head"]) == {"north": 1300}


def test_an_explanation_names_the_events_of_each_member() -> None:
    world = company(*GROUP)
    use(world, "head", 1)
    use(world, "north", 10)
    close(world, OCTOBER)
    explained = explain(documents(world, "head")[OCTOBER], world.usage, 5)
    assert [line["events"]["quantity"] for line in explained["lines"]] == ["1", "10"]
    assert [line["events"]["first"][0]["event_id"] for line in explained["lines"]] == [
        "head-2026-10-05-1",
        "north-2026-10-05-10",
    ]


@pytest.mark.parametrize(
    ("rows", "rejected"),
    [
        ([row("a", "a")], {"a": "payer is the customer itself"}),
        ([row("a", "nobody")], {"a": "payer is not a customer"}),
        ([row("a", "b"), row("b", "a")], {"a": "payer has a payer itself", "b": "payer has a payer itself"}),
        ([row("a"), row("b", "a"), row("c", "b")], {"c": "payer has a payer itself"}),
        ([row("a", currency="EUR"), row("b", "a")], {"b": "currency is not that of the payer"}),
    ],
)
def test_a_payer_that_cannot_be_one_rejects_the_row(rows: list[dict[str, str]], rejected: dict[str, str]) -> None:
    world = company(row("z"))
    tally, found = imported(world, *rows)
    assert found == rejected
    assert tally.taken == len(rows) - len(rejected)
    assert sum(tally.groups.values()) == tally.taken


def test_a_child_is_in_no_snapshot_unless_something_of_its_own_is_left_to_bill() -> None:
    world = company(*GROUP)
    world.change("south", carried_minor=77, account_currency="USD")
    use(world, "north", 10)
    close(world, OCTOBER)
    assert sorted(name for one in world.closes.all_progress(OCTOBER) for name in one.batch.customer_ids) == [
        "head",
        "south",
    ]


@pytest.mark.parametrize(
    ("field", "more"), [("billing_day", {"billing_day": 15}), ("time_zone", {"time_zone": "Europe/Berlin"})]
)
def test_a_child_has_the_payers_periods(field: str, more: dict[str, Any]) -> None:
    world = company(row("head"))
    profile = replace(world.customer("head").profile, **more, payer="head")
    assert world.use_cases.regrouper.move({"north": profile}, world.clock().date()) == {
        "north": f"{field} is not that of the payer"
    }


def test_two_customers_cannot_pay_for_each_other() -> None:
    world = company(row("a"), row("b"))
    _, rejected = imported(world, row("a", "b"), row("b", "a"))
    assert rejected == {"a": "payer has a payer itself"}
    assert (payer_for(world.customer("a"), OCTOBER), payer_for(world.customer("b"), OCTOBER)) == ("", "a")


def test_a_customer_who_pays_for_others_gets_no_payer() -> None:
    world = company(*GROUP, row("other"))
    assert imported(world, row("head", "other"))[1] == {
        "head": "the customer pays for others, and so cannot have a payer"
    }
    assert world.customer("head").profile.payer == ""


def test_a_payer_may_come_after_its_customers_in_the_file() -> None:
    world = company(row("north", "head"), row("head"), row("south", "head"))
    assert present_children(world.customer("head")) == ["north", "south"]
    assert payer_for(world.customer("north"), Period(2020, 1)) == "head", "a new customer has had it ever since"


def test_a_payer_takes_a_thousand_customers_and_no_more() -> None:
    world = company(row("head"), *(row(f"c{number:04}", "head") for number in range(MOST_CHILDREN)))
    tally, rejected = imported(world, row("one-more", "head"))
    assert (tally.taken, list(rejected)) == (0, ["one-more"])
    assert rejected["one-more"].startswith("payer has 1,000 customers already")
    assert imported(world, row("c0000"))[1] == {}
    assert imported(world, row("one-more", "head"))[1] == {}


def test_importing_the_same_rows_again_changes_nothing() -> None:
    world = company(*GROUP)
    before = {name: world.customer(name) for name in ("head", "north", "south")}
    imported(world, *GROUP)
    again = {name: replace(world.customer(name), version=before[name].version) for name in before}
    assert again == before


@pytest.mark.parametrize("commits", range(4))
def test_an_import_that_breaks_off_is_completed_by_importing_the_row_again(
    commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = company(row("head"), row("other"), row("north", "head"))
    commit, left = world.books.commit, [commits]

    def killed_after(*records: Record) -> tuple[Record, ...]:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return commit(*records)

    monkeypatch.setattr(world.books, "commit", killed_after)
    with suppress(KeyboardInterrupt):
        imported(world, row("north", "other"))
    monkeypatch.undo()
    imported(world, row("north", "other"))
    assert present_children(world.customer("head")) == []
    assert present_children(world.customer("other")) == ["north"]
    assert payer_for(world.customer("north"), OCTOBER) == "other"


def test_who_pays_is_settled_before_any_close_of_the_period_can_begin() -> None:
    assert decided_at(OCTOBER) == datetime(2026, 10, 31, 10, tzinfo=UTC)  # midnight in UTC+14


NAMES = ("a", "b", "c")
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 92), st.sampled_from(["move", "use"]), st.sampled_from(NAMES), st.sampled_from(["", *NAMES])
    ),
    max_size=14,
)


@given(CHANGES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whoever_joins_and_leaves_and_whenever_usage_comes_it_is_billed_once(
    changes: list[tuple[float, str, str, str]],
) -> None:
    world = company(*(row(name, method="ok") for name in NAMES))
    used: Counter[str] = Counter()
    periods = [OCTOBER, NOVEMBER, DECEMBER, DECEMBER.next, DECEMBER.next.next]
    start = world.clock.now
    for number, (days, what, name, other) in enumerate([*sorted(changes), (200.0, "end", "", "")]):
        now = start + timedelta(days=days)
        while periods and periods[0].end + timedelta(hours=1) < now:
            close(world, periods.pop(0))
        world.clock.now = max(now, world.clock.now)
        if what == "move":
            imported(world, row(name, other, payment_method="ok"))
        elif what == "use":
            time = max(now - timedelta(days=25 if other else 0), start)  # some of it comes late
            use(world, name, 1, time.isoformat(), f"e{number}")
            used[name] += 100
    assert billed(world, NAMES) == used
    assert all(not world.customer(name).late_usage for name in NAMES)
