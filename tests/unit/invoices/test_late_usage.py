"""The cut-off: what counts for a month, and what happens to usage and corrections that arrive later."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.imports.acceptance import CONFLICT, NOT_THERE, REPLACED_ALREADY
from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping
from monthclose.domain.imports.intake import Row
from monthclose.domain.period import Period
from monthclose.domain.pricing import Graduated, PerUnit, Price, PriceBook, Tier
from monthclose.domain.pricing.aggregation import Window
from monthclose.domain.pricing.explanation import recomputed
from monthclose.ports import Record
from monthclose.use_cases.proof.report import Report
from tests.world import OCTOBER, World

NOVEMBER, DECEMBER = OCTOBER.next, OCTOBER.next.next
LAYOUT = ColumnMapping({name: name for name in USAGE.fields}, {})


@pytest.fixture
def world() -> World:
    world = World()
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(1))]))
    world.add_customer("acme")
    return world


def load(world: World, *events: dict[str, str]) -> list[str]:
    """Import events; returns the reasons of those that were rejected."""
    usual = {"customer_id": "acme", "sku": "vm", "time": "2026-10-05"}
    reasons: list[str] = []
    rows = [Row(number, usual | event) for number, event in enumerate(events, 1)]
    world.importer.load(rows, LAYOUT, "usage.csv", lambda _, reason: reasons.append(reason))
    return reasons


def use(world: World, event_id: str, quantity: str, **more: str) -> None:
    assert load(world, {"event_id": event_id, "quantity": quantity, **more}) == []


def close(world: World, period: Period) -> Report:
    """Close a month on the first of the next, and let some time pass."""
    world.clock.now = max(period.end, world.clock.now)
    report = world.close(period, f"execution-{period}-{world.clock.now.isoformat()}")
    world.clock.pass_time(days=3)
    return report


def lines(world: World, period: Period) -> list[dict[str, Any]]:
    invoice = world.month("acme", period).invoice
    if invoice is None:
        return []
    place = invoice.document
    document = json.loads(world.documents.get_slice(place.key, place.offset, place.length))
    for line in document["lines"]:
        assert recomputed(line["steps"], document["currency"]).minor == line["amount_minor"]
    return list(document["lines"])


def amounts(world: World, period: Period) -> list[tuple[str, int]]:
    return [(line.get("period", str(period)), line["amount_minor"]) for line in lines(world, period)]


def test_late_usage_whose_import_broke_off_before_it_was_noted_is_billed_when_the_file_is_imported_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)

    def killed(*_: Record) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(world.books, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        use(world, "e2", "3")
    monkeypatch.undo()
    use(world, "e2", "3")
    close(world, NOVEMBER)
    assert [line["amount_minor"] for line in lines(world, NOVEMBER)] == [300]
    use(world, "e2", "3")
    assert close(world, NOVEMBER.next)["customers"]["invoiced"] == 0, "once"


def test_usage_that_arrives_after_the_close_is_an_adjustment_on_the_next_invoice(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    use(world, "n1", "5", time="2026-11-02")

    close(world, NOVEMBER)

    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-11", 500), ("2026-10", 300)]
    adjustment = lines(world, NOVEMBER)[1]
    assert (adjustment["kind"], adjustment["quantity"], adjustment["sku"]) == ("adjustment", "3", "vm")
    assert adjustment["description"] == "vm, adjustment for 2026-10"


def test_late_usage_has_the_price_of_its_own_month_whatever_the_book_says_today(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(7))]))
    use(world, "e2", "3")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-10", 300)]


def test_late_usage_counts_in_the_tiers_as_if_it_had_arrived_on_time(world: World) -> None:
    tiers = (Tier(Decimal(0), Decimal(10), Decimal(1)), Tier(Decimal(10), None, Decimal("0.5")))
    world.price_books.merge(PriceBook.of([Price("vm", "USD", Graduated(tiers))]))
    use(world, "e1", "8")
    close(world, OCTOBER)
    use(world, "e2", "4")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-10", 1100 - 800)]


def test_late_hours_of_a_machine_that_has_reached_its_cap_cost_nothing(world: World) -> None:
    world.price_books.merge(PriceBook.of([Price("vm", "USD", PerUnit(Decimal(1), monthly_cap=Decimal(6)))]))
    use(world, "e1", "100", resource="web-1")
    close(world, OCTOBER)
    use(world, "e2", "50", resource="web-1")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == []


def test_late_usage_is_billed_once_however_often_anything_is_closed_again(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    close(world, NOVEMBER)
    close(world, OCTOBER)
    close(world, DECEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-10", 300)]
    assert amounts(world, DECEMBER) == []
    assert world.customer("acme").late_usage == {}


def test_usage_that_arrives_while_the_next_month_is_being_closed_waits_for_the_one_after(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    world.clock.now = NOVEMBER.end
    run = world.open(NOVEMBER, "november")
    world.clock.pass_time(minutes=5)
    use(world, "e3", "4")
    world.workflow.running.clear()
    assert run == 1

    close(world, NOVEMBER)
    close(world, DECEMBER)

    assert amounts(world, NOVEMBER) == [("2026-10", 300)]
    assert amounts(world, DECEMBER) == [("2026-10", 400)]


def test_the_same_close_run_again_bills_by_the_same_watermark(world: World) -> None:
    use(world, "e1", "10", sku="unpriced")
    assert close(world, OCTOBER)["parked"] == {"no_price": 1}
    world.price_books.merge(PriceBook.of([Price.plain("unpriced", "USD", Decimal(2))]))
    use(world, "e2", "3")

    close(world, OCTOBER)
    close(world, NOVEMBER)

    assert amounts(world, OCTOBER) == [("2026-10", 2000)]
    assert amounts(world, NOVEMBER) == [("2026-10", 300)]


def test_late_usage_of_a_parked_month_is_not_lost(world: World) -> None:
    use(world, "e1", "10", sku="unpriced")
    close(world, OCTOBER)
    use(world, "e2", "3")
    use(world, "n1", "5", time="2026-11-02")
    close(world, NOVEMBER)
    world.price_books.merge(PriceBook.of([Price.plain("unpriced", "USD", Decimal(2))]))
    close(world, OCTOBER)
    close(world, DECEMBER)

    assert amounts(world, NOVEMBER) == [("2026-11", 500)]
    assert amounts(world, OCTOBER) == [("2026-10", 2000)]
    assert amounts(world, DECEMBER) == [("2026-10", 300)]


def test_a_late_correction_is_a_negative_adjustment(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "-4")
    use(world, "n1", "5", time="2026-11-02")
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-11", 500), ("2026-10", -400)]


def test_an_event_that_replaces_another_counts_instead_of_it(world: World) -> None:
    use(world, "e1", "10")
    use(world, "e2", "1", replaces="e1")
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 100)]


def test_an_event_that_replaces_a_billed_one_credits_the_difference(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "1", replaces="e1")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-10", -900)]


def test_a_sku_corrected_to_nothing_is_credited_in_full(world: World) -> None:
    use(world, "e1", "10", unit_price="2", description="Compute")
    close(world, OCTOBER)
    use(world, "e2", "1", unit_price="5", replaces="e1")
    close(world, NOVEMBER)
    assert sorted(amounts(world, NOVEMBER)) == [("2026-10", -2000), ("2026-10", 500)]


def test_a_customer_who_is_new_since_is_billed_for_an_earlier_month_too(world: World) -> None:
    close(world, OCTOBER)
    world.add_customer("late")
    load(world, {"customer_id": "late", "event_id": "e1", "quantity": "2"})
    close(world, NOVEMBER)
    invoice = world.month("late", NOVEMBER).invoice
    assert invoice
    assert invoice.total_minor == 200


def test_late_usage_in_a_currency_the_customer_no_longer_has_parks_them(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "3")
    profile = world.customer("acme").profile
    world.directory.put_profiles([("acme", type(profile)(**{**_fields(profile), "currency": "EUR"}))])
    report = close(world, NOVEMBER)
    assert report["parked"] == {"currency_mismatch": 1}


def _fields(profile: Any) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in profile.__dataclass_fields__}


def test_usage_received_after_the_watermark_by_a_clock_that_is_ahead_is_billed_next(world: World) -> None:
    world.clock.now = OCTOBER.end + timedelta(minutes=10)  # the importer's clock
    use(world, "e1", "10")
    world.clock.now = OCTOBER.end
    world.close(OCTOBER)
    assert amounts(world, OCTOBER) == []
    world.clock.pass_time(hours=1)
    close(world, NOVEMBER)
    assert amounts(world, NOVEMBER) == [("2026-10", 1000)]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"event_id": "e1", "quantity": "11"}, CONFLICT),
        ({"event_id": "e1", "quantity": "10", "resource": "web-1"}, CONFLICT),
        ({"event_id": "e9", "quantity": "1", "replaces": "e8"}, NOT_THERE),
        ({"event_id": "e9", "quantity": "1", "replaces": "e1", "time": "2026-09-05"}, NOT_THERE),
        ({"event_id": "e9", "quantity": "1", "replaces": "e2"}, REPLACED_ALREADY),
        ({"event_id": "e9", "quantity": "1", "time": "2026-11-01T00:16:00"}, "time is in the future"),
        ({"event_id": "e9", "quantity": "1", "time": "1999-12-31"}, "time is too long ago"),
    ],
)
def test_an_impossible_event_is_rejected_with_the_reason(world: World, event: dict[str, str], reason: str) -> None:
    use(world, "e1", "10.0")
    use(world, "e2", "1")
    use(world, "e3", "2", replaces="e2")
    assert load(world, event) == [reason]
    assert load(world, {"event_id": "e1", "quantity": "10"}) == []


def test_a_corrected_file_replaces_the_rows_of_the_original(world: World) -> None:
    for quantity in ("10", "4", "4", "10", "7", "7"):
        assert load(world, {"quantity": quantity}, {"quantity": "1"}) == []
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 800)]
    stored = {event.event_id: event.replaced_by for event in world.usage.events("acme", OCTOBER)}
    assert stored == {
        "usage.csv#1": "usage.csv#1~1",
        "usage.csv#1~1": "usage.csv#1~2",
        "usage.csv#1~2": "usage.csv#1~3",
        "usage.csv#1~3": "",
        "usage.csv#2": "",
    }


def test_a_file_corrected_after_the_close_credits_the_difference(world: World) -> None:
    load(world, {"quantity": "10"})
    close(world, OCTOBER)
    load(world, {"quantity": "4"})
    load(world, {"quantity": "4"})
    close(world, NOVEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 1000)]
    assert amounts(world, NOVEMBER) == [("2026-10", -600)]


@pytest.mark.parametrize("lost", ["usage.csv#1", "usage.csv#1~1"])
def test_an_import_that_broke_off_is_completed_by_running_it_again(world: World, lost: str) -> None:
    load(world, {"quantity": "10"})
    load(world, {"quantity": "4"})
    month = world.usage._events["acme", OCTOBER]
    if lost.endswith("~1"):
        del month[lost]  # the correction was not written, what it corrects was marked
    else:
        month[lost] = replace(month[lost], replaced_by="", replaced_at=None)  # the other way round
    load(world, {"quantity": "4"})
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 400)]


def test_a_correction_whose_import_broke_off_marks_what_it_corrects_when_imported_again(world: World) -> None:
    use(world, "e1", "10")
    use(world, "e2", "4", replaces="e1")
    month = world.usage._events["acme", OCTOBER]
    month["e1"] = replace(month["e1"], replaced_by="", replaced_at=None)
    use(world, "e2", "4", replaces="e1")
    close(world, OCTOBER)
    assert amounts(world, OCTOBER) == [("2026-10", 400)]


QUANTITIES = st.integers(-20, 50)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), QUANTITIES), max_size=8))
def test_whenever_usage_arrives_the_invoices_add_up_to_what_it_costs(arrivals: list[tuple[int, int]]) -> None:
    world = World()
    tiers = (Tier(Decimal(0), Decimal(20), Decimal(1)), Tier(Decimal(20), None, Decimal("0.3")))
    world.price_books.merge(PriceBook.of([Price("vm", "USD", Graduated(tiers))]))
    world.add_customer("acme")
    months = [OCTOBER, NOVEMBER, DECEMBER, DECEMBER.next]
    for turn, month in enumerate(months):
        for number, (when, quantity) in enumerate(arrivals):
            if when == turn:
                use(world, f"e{number}", str(quantity))
        close(world, month)
    total = sum(quantity for _, quantity in arrivals)
    size = abs(total)
    cost = min(size, 20) * 100 + max(size - 20, 0) * 30
    assert sum(minor for month in months for _, minor in amounts(world, month)) == (cost if total > 0 else -cost)


def price(world: World, sku: str, amount: str, currency: str = "USD", **more: Any) -> None:
    """Import a price, after the closes so far."""
    world.price_books.merge(PriceBook.of([replace(Price.plain(sku, currency, Decimal(amount)), **more)]))


def unpriced(world: World) -> None:
    """October is closed; then usage of it arrives for a SKU that its price book lacks."""
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "gpu-1", "3", sku="gpu")


def test_late_usage_without_a_price_names_sku_month_book_and_what_to_do(world: World) -> None:
    unpriced(world)
    assert close(world, NOVEMBER)["parked"] == {"no_price": 1}
    parking, october = world.month("acme", NOVEMBER).parking, world.closes.get(OCTOBER)
    assert parking
    assert october
    for fact in (
        "'gpu'",
        "of 2026-10",
        october.price_book,
        "monthclose import prices",
        "close again",
    ):
        assert fact in parking.detail


def test_a_price_added_after_the_book_was_frozen_counts_only_for_a_sku_missing_from_it(
    world: World,
) -> None:
    unpriced(world)
    close(world, NOVEMBER)
    price(world, "gpu", "7")
    price(world, "vm", "100")  # what was billed with stays
    assert close(world, NOVEMBER)["parked"] == {}
    assert [(line["sku"], line["amount_minor"]) for line in lines(world, NOVEMBER)] == [("gpu", 2_100)]


def test_usage_keeps_the_price_it_was_billed_at_when_that_price_changes_again(world: World) -> None:
    unpriced(world)
    price(world, "gpu", "7")
    close(world, NOVEMBER)
    price(world, "gpu", "9")
    use(world, "gpu-2", "1", sku="gpu")
    close(world, DECEMBER)
    assert [(line["sku"], line["amount_minor"]) for line in lines(world, DECEMBER)] == [("gpu", 700)]


def test_a_customers_own_price_added_later_counts_too(world: World) -> None:
    unpriced(world)
    price(world, "gpu", "7")
    price(world, "gpu", "5", customer="acme")
    close(world, NOVEMBER)
    assert [line["amount_minor"] for line in lines(world, NOVEMBER)] == [1_500]


def test_a_correction_to_zero_removes_the_problem(world: World) -> None:
    unpriced(world)
    use(world, "gpu-2", "0", sku="gpu", replaces="gpu-1")
    use(world, "tpu-1", "2", sku="tpu")
    use(world, "tpu-2", "-2", sku="tpu")
    assert close(world, NOVEMBER)["parked"] == {}
    assert lines(world, NOVEMBER) == []


def test_usage_of_the_month_itself_that_is_corrected_to_zero_needs_no_price(world: World) -> None:
    use(world, "e1", "1")
    use(world, "gpu-1", "3", sku="gpu")
    use(world, "gpu-2", "-3", sku="gpu")
    assert close(world, OCTOBER)["parked"] == {}
    assert [line["sku"] for line in lines(world, OCTOBER)] == ["vm"]


def test_late_usage_from_before_a_price_began_is_priced_by_one_added_later(world: World) -> None:
    price(world, "gpu", "2", valid=Window(OCTOBER.start + timedelta(days=14), OCTOBER.end))
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "gpu-1", "3", sku="gpu", time="2026-10-05")
    use(world, "gpu-2", "1", sku="gpu", time="2026-10-20")
    assert close(world, NOVEMBER)["parked"] == {"no_price": 1}
    price(world, "gpu", "9")
    close(world, NOVEMBER)
    assert sorted(line["amount_minor"] for line in lines(world, NOVEMBER)) == [200, 2_700]


def test_late_usage_in_a_former_currency_parks_nobody_once_it_is_corrected(world: World) -> None:
    use(world, "e1", "10")
    close(world, OCTOBER)
    use(world, "e2", "1")
    world.add_customer("acme", currency="EUR")
    assert close(world, NOVEMBER)["parked"] == {"currency_mismatch": 1}
    use(world, "e3", "-1")
    assert close(world, NOVEMBER)["parked"] == {}


def test_a_correction_after_a_close_has_parked_its_customer_removes_the_problem(world: World) -> None:
    use(world, "e1", "10")
    use(world, "gpu-1", "3", sku="gpu")
    assert close(world, OCTOBER)["parked"] == {"no_price": 1}
    use(world, "gpu-2", "0", sku="gpu", replaces="gpu-1")
    assert close(world, OCTOBER)["parked"] == {}
    assert [(line["sku"], line["amount_minor"]) for line in lines(world, OCTOBER)] == [("vm", 1_000)]
    assert close(world, NOVEMBER)["parked"] == {}
    assert lines(world, NOVEMBER) == []
