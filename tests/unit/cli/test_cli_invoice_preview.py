"""`monthclose invoice preview` and `explain`: what an invoice will say, and why it says what it says."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.pricing import Graduated, Price, PriceBook, Tier
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, World

TAXES = b'seller = "DE"\n[[rate]]\ncountries = ["DE"]\nname = "VAT"\npercent = "19"\n'
TIERS = (Tier(Decimal(0), Decimal(10), Decimal(1)), Tier(Decimal(10), None, Decimal("0.5")))


@pytest.fixture(autouse=True)
def usage(world: World) -> None:
    world.add_customer("acme")
    world.price_books.merge(PriceBook.of([Price("vm", "USD", Graduated(TIERS), "h", "Machines")]))
    world.usage.put(
        UsageEvent(f"e{number}", "acme", "vm", Decimal(5), OCTOBER.start, resource="web-1") for number in range(3)
    )


def test_a_preview_shows_the_lines_the_tiers_and_the_total(monthclose: Command) -> None:
    said = monthclose("invoice", "preview", "acme", "2026-10", "--events", "2").stdout

    assert "preview of 2026-10  acme" in said
    assert "Machines" in said
    assert "15 h" in said
    assert "tier 0 to 10: 10 x 1 = 10" in said
    assert "tier 10 to any: 5 x 0.5 = 2.5" in said
    assert "3 events in total 15" in " ".join(said.split())
    assert said.count("web-1") == 2
    assert "and 1 more: use --events 3" in said
    assert "more" not in monthclose("invoice", "preview", "acme", "2026-10", "--events", "3").stdout
    assert "more" not in monthclose("invoice", "preview", "acme", "2026-10").stdout
    assert "12.50 USD" in said


def test_a_preview_writes_nothing_and_says_what_the_close_then_invoices(monthclose: Command, world: World) -> None:
    before = dict(world.books.records), dict(world.documents.objects)

    content = monthclose.json("invoice", "preview", "acme", "2026-10", "--json")

    assert (dict(world.books.records), dict(world.documents.objects)) == before
    world.close()
    invoice = world.month("acme").invoice
    assert invoice
    assert content["total_minor"] == invoice.total_minor == 1250


def test_the_current_month_is_previewed_by_default(monthclose: Command, world: World) -> None:
    world.clock.now = OCTOBER.start.replace(day=12)
    assert monthclose.json("invoice", "preview", "acme", "--json")["period"] == "2026-10"


def test_a_preview_includes_late_usage_of_a_closed_month(monthclose: Command, world: World) -> None:
    world.close()
    world.clock.pass_time(days=1)
    late = UsageEvent("late", "acme", "vm", Decimal(4), OCTOBER.start, resource="web-1", received_at=world.clock.now)
    world.usage.put([late])
    world.change("acme", late_usage={"2026-10": "noted"})

    content = monthclose.json("invoice", "preview", "acme", "2026-11", "--json")

    (line,) = content["lines"]
    assert (line["period"], line["amount_minor"], line["events"]["count"]) == ("2026-10", 200, 4)
    assert line["in_words"][1] == "already billed on INV-00000001: -12.5"


def test_an_amount_that_would_be_carried_or_not_invoiced_is_shown_as_such(monthclose: Command, world: World) -> None:
    world.policy = InvoicingPolicy({"USD": 5000})
    assert "it would be carried to the next month" in monthclose("invoice", "preview", "acme", "2026-10").stderr
    assert "there would be no invoice" in monthclose("invoice", "preview", "acme", "2026-09").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "2026-10"], "there is no customer 'nobody'"),
        (["acme", "October"], "'October' is not a period"),
        (["euro", "2026-10"], "euro could not be billed for 2026-10: SKU 'vm' has no price in EUR"),
    ],
)
def test_a_preview_that_is_impossible_is_reported(
    monthclose: Command, world: World, arguments: list[str], said: str
) -> None:
    world.add_customer("euro", currency="EUR")
    world.usage.put([UsageEvent("e", "euro", "vm", Decimal(5), OCTOBER.start)])
    assert said in monthclose("invoice", "preview", *arguments, exit_code=2).stderr


def test_an_invoiced_month_has_no_preview(monthclose: Command, world: World) -> None:
    world.close()
    said = monthclose("invoice", "preview", "acme", "2026-10", exit_code=2).stderr
    assert "2026-10 is already invoiced: see monthclose invoice explain INV-00000001" in said


def test_an_issued_invoice_is_explained_by_the_events_and_the_book_it_was_made_from(
    monthclose: Command, world: World
) -> None:
    world.close()
    world.clock.pass_time(days=1)
    late = UsageEvent("late", "acme", "vm", Decimal(4), OCTOBER.start, resource="web-1", received_at=world.clock.now)
    world.usage.put([late])
    version = world.price_books.latest()
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(9))]))

    content = monthclose.json("invoice", "explain", "INV-00000001", "--json")
    said = monthclose("invoice", "explain", "inv-1").stdout

    (line,) = content["lines"]
    assert content["price_book"] == version
    assert line["recomputed_minor"] == line["amount_minor"] == 1250
    assert (line["events"]["count"], line["events"]["quantity"]) == (3, "15")
    assert [event["event_id"] for event in line["events"]["first"]] == ["e0", "e1", "e2"]
    assert "tier 0 to 10: 10 x 1 = 10" in said
    assert "late" not in said


def test_a_missing_invoice_cannot_be_explained(monthclose: Command) -> None:
    assert "there is no invoice INV-7" in monthclose("invoice", "explain", "INV-7", exit_code=2).stderr


def test_a_preview_includes_the_taxes(monthclose: Command, world: World) -> None:
    world.change("acme", profile=replace(world.customer("acme").profile, country="DE"))
    world.tax_tables.put(TAXES)
    content = monthclose.json("invoice", "preview", "acme", "2026-10", "--json")
    assert [tax["amount_minor"] for tax in content["taxes"]] == [238]
    assert content["total_minor"] == 1250 + 238
    said = monthclose("invoice", "preview", "acme", "2026-10").stdout
    assert "VAT 19% of 12.50" in said
    assert f"tax table             {world.tax_tables.latest()}" in said


def test_taxes_included_in_prices_the_legal_note_and_credit_are_shown_and_explained(
    monthclose: Command, world: World
) -> None:
    profile = replace(world.customer("acme").profile, country="GB")
    world.change("acme", profile=profile, credit_minor=100, account_currency="USD")
    world.tax_tables.put(TAXES.replace(b"DE", b"GB").replace(b"19", b"20") + b'inclusive = true\nnote = "As agreed."\n')
    previewed = monthclose("invoice", "preview", "acme", "2026-10").stdout
    world.close()
    explained = monthclose("invoice", "explain", "inv-1").stdout
    for said in (previewed, explained):
        assert "VAT 20% of 10.42, in the prices" in said
        assert "2.08" in said
        assert "As agreed." in said
        assert "12.50 USD" in said
        assert "Your credit on 1 November 2026" in said
        assert "-1.00" in said
    shown = monthclose("invoice", "show", "inv-1").stdout
    assert "Your credit" not in shown
    assert "credited" in shown


def test_a_preview_for_a_customer_not_covered_by_the_tax_table_says_what_to_do(
    monthclose: Command, world: World
) -> None:
    world.tax_tables.put(TAXES)
    world.change("acme", profile=replace(world.customer("acme").profile, country="FR"))
    said = monthclose("invoice", "preview", "acme", "2026-10", exit_code=2).stderr
    assert (
        "the tax table has no rate for FR (no region given) on 2026-10-31; add one and import the table again" in said
    )


def test_events_are_listed_by_time_and_not_by_their_ids(monthclose: Command, world: World) -> None:
    ids = {"e10": 3, "e9": 9, "z": 1, "a": 20}
    world.usage.put(
        UsageEvent(name, "acme", "vm", Decimal(1), OCTOBER.start.replace(day=day + 1), resource="web-1")
        for name, day in ids.items()
    )
    lines = monthclose.json("invoice", "preview", "acme", "2026-10", "--json", "--events", "5")["lines"]
    assert [event["event_id"] for event in lines[0]["events"]["first"]] == ["e0", "e1", "e2", "z", "e10"]


def test_a_line_that_names_its_month_in_words_has_it_once(monthclose: Command, world: World) -> None:
    fee = {"id": "support", "currency": "USD", "monthly_fee": "30", "in_advance": True}
    world.price_books.merge(read_book({"fees": [fee]}))
    said = monthclose("invoice", "preview", "acme", "2026-10").stdout
    [line] = [line.split() for line in said.splitlines() if "in advance" in line]
    assert line == ["support,", "in", "advance", "for", "2026-11", "1", "month", "30.00"]
    world.close()
    assert "2026-11" not in monthclose("invoice", "show", "inv-1").stdout.split("in advance for 2026-11")[1]
