"""Tax classes in a close: on the invoice, in the ledger and the journal, on credit notes, carried over and late."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.adapters.documents.view import invoice_view
from monthclose.domain.accounts.ledger import Account
from monthclose.domain.finance.revenue import REVENUE
from monthclose.domain.finance.taxes import TAXES as TAXES_BY_RATE
from monthclose.domain.imports.intake import Row
from monthclose.domain.invoices.credit_note import draft_credit_note
from monthclose.domain.invoices.document import InvoiceDocument, amounts_of
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.register.rows import line_rows, tax_rows
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Rounding, Taxation, TaxRate
from monthclose.use_cases.invoices.explain_invoice import explain
from monthclose.use_cases.proof.report import Report
from tests.unit.documents.samples import sample
from tests.unit.finance.reading import figures, rows
from tests.unit.invoices.groups import company, row
from tests.unit.invoices.late_usage import LAYOUT, load
from tests.world import OCTOBER, World

NOVEMBER = OCTOBER.next
TAXES = """
seller = "DE"
[[rate]]
countries = ["DE"]
name = "VAT"
percent = 19
[[rate]]
countries = ["DE"]
name = "VAT"
percent = 7
classes = ["books"]
[[rate]]
countries = ["GB"]
name = "VAT"
percent = 20
inclusive = true
[[rate]]
countries = ["GB"]
name = "VAT"
percent = 0
inclusive = true
classes = ["books"]
"""
PRICES: dict[str, Any] = {
    "prices": [
        {"sku": "vm", "currency": "USD", "unit_price": "1"},
        {"sku": "book", "currency": "USD", "unit_price": "1", "tax_class": "books"},
    ]
}
DISCOUNT: dict[str, Any] = {"discounts": [{"id": "d", "percent": "10"}]}


def a_world(country: str = "DE", *, minimum: int = 0, **sections: Any) -> World:
    """One customer, with machines at the standard rate and books at the reduced one."""
    world = World(policy=InvoicingPolicy({"USD": minimum}))
    world.tax_tables.put(TAXES.encode())
    world.price_books.merge(read_book(PRICES | sections))
    world.add_customer("acme")
    world.change("acme", profile=replace(world.customer("acme").profile, country=country))
    return world


def use(world: World, period: Period = OCTOBER, **quantities: str) -> None:
    world.clock.now = max(world.clock.now, period.end - timedelta(days=20))
    for sku, quantity in quantities.items():
        event = {"event_id": f"{sku}-{world.clock()}", "quantity": quantity, "sku": sku, "time": f"{period}-05"}
        assert load(world, event) == []


def close(world: World, period: Period = OCTOBER) -> Report:
    world.clock.now = max(world.clock.now, period.end)
    report = world.close(period, f"execution-{period}-{world.clock.now.isoformat()}")
    world.clock.pass_time(days=1)
    assert report["proof"]["ties"], report["proof"]
    return report


def invoice_of(world: World, period: Period = OCTOBER) -> Invoice:
    invoice = world.month("acme", period).invoice
    assert invoice
    return invoice


def document_of(world: World, number: str) -> InvoiceDocument:
    document = InvoiceDocument.parse(world.issued.content(world.issued.find_issued(number)))
    assert document.canonical() == world.issued.content(world.issued.find_issued(number))
    return document


def taxes(document: InvoiceDocument) -> list[tuple[str, int, int]]:
    return [(str(tax.rate.percent), tax.base.minor, tax.amount.minor) for tax in document.taxes]


def lines(document: InvoiceDocument) -> list[tuple[str, str, int]]:
    return [(line.kind or line.sku, line.tax_class, line.amount_minor) for line in document.lines]


def on_accounts(world: World, period: Period = OCTOBER) -> dict[str, int]:
    """What the journal has on the accounts of revenue and tax, credits positive."""
    sums = Counter[str]()
    for posted in rows(world, "journal", period):
        if str(posted["account"]).startswith(("revenue", "tax")):
            sums[str(posted["account"])] += int(posted["credit_minor"] or 0) - int(posted["debit_minor"] or 0)
    return dict(sums)


def test_each_class_is_taxed_at_its_rate_and_the_books_tie() -> None:
    world = a_world()
    use(world, vm="100", book="50")
    close(world)
    invoice = invoice_of(world)
    assert taxes(document_of(world, invoice.number)) == [("19", 10000, 1900), ("7", 5000, 350)]
    assert (invoice.total_minor, invoice.tax_minor) == (17250, 2250)
    legs = {leg.account: leg.minor for leg in world.month("acme").entries[0].legs}
    assert legs == {Account.RECEIVABLE: 17250, Account.REVENUE: -15000, Account.TAX: -2250}


def test_the_journal_has_revenue_and_tax_by_rate_and_the_lists_name_the_classes() -> None:
    world = a_world()
    use(world, vm="100", book="50")
    close(world)
    assert on_accounts(world) == {
        "revenue/DE/19": 10000,
        "revenue/DE/7": 5000,
        "tax/DE/VAT/19": 1900,
        "tax/DE/VAT/7": 350,
    }
    document = document_of(world, "INV-00000001")
    assert [(row["rate"], row["tax_classes"]) for row in tax_rows(document)] == [("19", "-"), ("7", "books")]
    assert [(row["sku"], row["tax_class"]) for row in line_rows(document)] == [("book", "books"), ("vm", None)]
    assert [(one.percent, one.tax_minor) for one in figures(world).rows(TAXES_BY_RATE)] == [("19", 1900), ("7", 350)]


def test_prices_with_tax_have_each_rate_taken_out() -> None:
    world = a_world("GB")
    use(world, vm="120", book="50")
    close(world)
    document = document_of(world, invoice_of(world).number)
    assert taxes(document) == [("20", 10000, 2000), ("0", 5000, 0)]
    assert (document.total_minor, document.net_items) == (17000, [5000, 10000])
    assert on_accounts(world) == {"revenue/GB/20": 10000, "revenue/GB/zero": 5000, "tax/GB/VAT/20": 2000}


def test_a_discount_on_the_whole_invoice_reduces_each_rates_base() -> None:
    world = a_world(**DISCOUNT)
    use(world, vm="100", book="50")
    close(world)
    document = document_of(world, invoice_of(world).number)
    assert lines(document)[2:] == [("discount", "", -1000), ("discount", "books", -500)]
    assert taxes(document) == [("19", 9000, 1710), ("7", 4500, 315)]


def test_a_customer_whose_class_has_no_rate_is_parked_and_billed_when_there_is_one() -> None:
    world = a_world()
    world.tax_tables.put(TAXES.replace('["books"]', '["magazines"]').encode())
    use(world, vm="1", book="1")
    assert close(world)["parked"] == {"tax_not_covered": 1}
    parking = world.month("acme").parking
    assert parking
    assert "does not know the tax class 'books'" in parking.detail
    world.tax_tables.put(TAXES.encode())
    close(world)
    assert invoice_of(world).total_minor == 226


@pytest.mark.parametrize(("sku", "unit_price"), [("book", ""), ("magazine", "3"), ("vm", "")])
def test_an_import_of_usage_says_whose_tax_class_has_no_rate(sku: str, unit_price: str) -> None:
    world = a_world(tax_classes=[{"id": "magazines", "skus": ["magazine"]}])
    world.tax_tables.put(TAXES.replace('["books"]', '["food"]').encode())
    event = {"customer_id": "acme", "sku": sku, "time": "2026-10-05", "event_id": "e", "quantity": "1"}
    priced = event | {"unit_price": unit_price} if unit_price else event
    tally = world.importer.load([Row(1, priced)], LAYOUT, "usage.csv", lambda *_: None)
    assert dict(tally.untaxed) == ({} if sku == "vm" else {"acme": 1})


def test_the_credit_note_of_the_whole_invoice_is_its_exact_opposite() -> None:
    world = a_world(**DISCOUNT)
    use(world, vm="99.99", book="33.33")
    close(world)
    invoice = document_of(world, invoice_of(world).number)
    note = document_of(world, world.corrector.void(invoice.number, "a mistake").number)
    assert lines(note) == [(kind, tax_class, -minor) for kind, tax_class, minor in lines(invoice)]
    assert taxes(note) == [(percent, -base, -minor) for percent, base, minor in taxes(invoice)]
    assert all(minor == 0 for minor in on_both_months(world).values())


def on_both_months(world: World) -> dict[str, int]:
    """What the journals of October and November have together."""
    sums = Counter(on_accounts(world))
    sums.update(on_accounts(world, NOVEMBER))
    return dict(sums)


LINES = st.lists(st.tuples(st.integers(-5_000, 50_000), st.sampled_from(["", "books", "fuel"])), min_size=1, max_size=6)
VAT, GST = TaxRate("VAT", Decimal(19)), TaxRate("GST", Decimal(5))
CLASSES = {
    "books": (TaxRate("VAT", Decimal(7)),),
    "fuel": (GST, TaxRate("VAT", Decimal(19), on_top_of=("GST",))),
}


@given(LINES, st.booleans(), st.sampled_from(Rounding), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_credit_notes_for_parts_add_up_to_each_tax_and_net_of_the_invoice(
    amounts: list[tuple[int, str]], inclusive: bool, rounding: Rounding, parts: list[int]
) -> None:
    invoice = an_invoice(amounts, Taxation((VAT,), inclusive, CLASSES, rounding))
    if invoice.total_minor < 1:
        return
    credited, notes = 0, list[InvoiceDocument]()
    for part in (*(invoice.total_minor * percent // 100 for percent in parts), invoice.total_minor):
        if minor := min(part, invoice.total_minor - credited):
            amounts_ = Money(credited, "EUR"), Money(minor, "EUR")
            notes.append(InvoiceDocument.of(draft_credit_note(invoice, *amounts_, "why", "id", invoice.issued_on)))
            credited += minor
    assert sum(note.total_minor for note in notes) == -invoice.total_minor
    for place, tax in enumerate(invoice.taxes):
        assert sum(note.taxes[place].amount.minor for note in notes) == -tax.amount.minor
        assert sum(note.taxes[place].base.minor for note in notes) == -tax.base.minor
    nets = Counter[tuple[TaxRate, ...]]()
    for document in (invoice, *notes):
        for treatment in document.treatments:
            nets[tuple(tax.rate for tax in treatment.taxes)] += treatment.net_minor
    assert all(net == 0 for net in nets.values())


def an_invoice(amounts: list[tuple[int, str]], taxation: Taxation) -> InvoiceDocument:
    lines = tuple(DocumentLine("sku", "Line", Decimal(1), minor, tax_class=name) for minor, name in amounts)
    sums = taxed(amounts_of(lines, (), "EUR"), taxation, "EUR")
    whole = replace(sample(1), lines=lines, taxes=(), total_minor=sum(minor for minor, _ in amounts))
    return whole.with_taxes(sums, inclusive=taxation.inclusive)


def test_credit_notes_leave_nothing_on_the_accounts_of_any_rate() -> None:
    world = a_world("GB", **DISCOUNT)
    use(world, vm="99.99", book="33.33")
    close(world)
    for minor in (1, 3333, 4000):
        world.corrector.credit("INV-00000001", Money(minor, "USD"), f"part of {minor}")
    world.corrector.void("INV-00000001", "the rest")
    assert on_both_months(world) == dict.fromkeys(on_both_months(world), 0)


def test_a_part_that_is_credited_has_a_line_for_each_rate() -> None:
    world = a_world()
    use(world, vm="100", book="50")
    close(world)
    note = document_of(world, world.corrector.credit("INV-00000001", Money(1725, "USD"), "late").number)
    assert lines(note) == [("", "books", -500), ("", "", -1000)]
    assert taxes(note) == [("19", -1000, -190), ("7", -500, -35)]
    sold = figures(world, NOVEMBER).rows(REVENUE)
    assert [(one.kind, one.sku, one.net_minor) for one in sold] == [("credit", "", -1500)]


def test_carried_amounts_keep_their_classes_until_they_are_invoiced() -> None:
    world = a_world(minimum=1000)
    use(world, vm="1", book="2")
    close(world)
    account = world.customer("acme")
    assert (account.carried_minor, dict(account.carried_by_class)) == (300, {"books": 200})
    use(world, NOVEMBER, vm="3")
    close(world, NOVEMBER)
    account = world.customer("acme")
    assert (account.carried_minor, dict(account.carried_by_class)) == (600, {"books": 200})
    use(world, NOVEMBER.next, book="10")
    close(world, NOVEMBER.next)
    document = document_of(world, invoice_of(world, NOVEMBER.next).number)
    assert lines(document) == [("book", "books", 1000), ("carried", "", 400), ("carried", "books", 200)]
    assert taxes(document) == [("19", 400, 76), ("7", 1200, 84)]
    account = world.customer("acme")
    assert (account.carried_minor, dict(account.carried_by_class)) == (0, {})


def test_late_usage_is_taxed_at_the_rate_of_its_class() -> None:
    world = a_world(**DISCOUNT)
    use(world, vm="100", book="50")
    close(world)
    use(world, book="10")
    use(world, NOVEMBER, vm="1")
    close(world, NOVEMBER)
    document = document_of(world, invoice_of(world, NOVEMBER).number)
    assert sum(minor for _, tax_class, minor in lines(document) if tax_class == "books") == 900
    assert taxes(document) == [("19", 90, 17), ("7", 900, 63)]


def test_late_usage_leaves_a_billed_month_in_the_class_that_it_was_billed_in() -> None:
    world = a_world()
    use(world, vm="100")
    close(world)
    gpu: dict[str, Any] = {"sku": "gpu", "currency": "USD", "unit_price": "1"}
    world.price_books.merge(read_book({"tax_classes": [{"id": "books", "skus": ["vm", "gpu"]}], "prices": [gpu]}))
    use(world, vm="3", gpu="10")  # of October; the graphics cards had no price then
    close(world, NOVEMBER)
    document = document_of(world, invoice_of(world, NOVEMBER).number)
    assert [(line.sku, line.tax_class, line.amount_minor) for line in document.lines] == [
        ("gpu", "books", 1000),
        ("vm", "", 300),
    ]


def test_usage_that_is_corrected_to_nothing_is_credited_at_the_rate_of_its_class() -> None:
    world = a_world()
    event = {"event_id": "e", "quantity": "50", "sku": "book", "time": "2026-10-05"}
    world.clock.now = OCTOBER.end - timedelta(days=20)
    assert load(world, event) == []
    close(world)
    assert load(world, event | {"event_id": "e2", "quantity": "0", "replaces": "e"}) == []
    use(world, NOVEMBER, vm="100")
    close(world, NOVEMBER)
    assert taxes(document_of(world, invoice_of(world, NOVEMBER).number)) == [("19", 10000, 1900), ("7", -5000, -350)]


def test_a_fee_in_advance_is_taxed_by_its_class_on_the_invoice_that_bills_it() -> None:
    fee = {"id": "magazine", "currency": "USD", "monthly_fee": "10", "tax_class": "books", "in_advance": True}
    world = a_world(fees=[fee])
    use(world, vm="1")
    close(world)
    document = document_of(world, invoice_of(world).number)
    assert lines(document) == [("vm", "", 100), ("fee", "books", 1000), ("fee", "books", 1000)]
    assert taxes(document) == [("19", 100, 19), ("7", 2000, 140)]
    use(world, NOVEMBER, vm="1")
    close(world, NOVEMBER)
    assert lines(document_of(world, invoice_of(world, NOVEMBER).number)) == [("vm", "", 100), ("fee", "books", 1000)]


def test_a_maximum_and_a_discount_leave_each_class_what_it_is_taxed_on() -> None:
    limit = {"id": "most", "currency": "USD", "maximum": "90"}
    world = a_world(limits=[limit], **DISCOUNT)
    use(world, vm="100", book="50")
    close(world)
    document = document_of(world, invoice_of(world).number)
    # 150.00 less 10 % are 135.00: 90.00 and 45.00; at most 90.00, so two thirds of each are left.
    assert taxes(document) == [("19", 6000, 1140), ("7", 3000, 210)]
    assert document.net_minor == 9000


def test_credit_for_a_sku_pays_its_usage_and_the_tax_of_its_class() -> None:
    world = a_world()
    world.use_cases.cashier.credit("acme", Money(20000, "USD"), "for books", skus=("book",))
    use(world, vm="100", book="50")
    close(world)
    assert document_of(world, invoice_of(world).number).due_minor == 11900


def test_children_are_taxed_as_their_payer_each_by_the_classes_of_what_they_used() -> None:
    world = company(
        row("payer", country="DE"), row("one", payer="payer", country="GB"), row("two", payer="payer", country="GB")
    )
    world.tax_tables.put(TAXES.encode())
    world.price_books.merge(read_book(PRICES | DISCOUNT))
    for customer_id, sku, quantity in (("one", "vm", "100"), ("one", "book", "50"), ("two", "book", "30")):
        event = {"customer_id": customer_id, "event_id": sku, "quantity": quantity, "sku": sku}
        assert load(world, event) == []
    close(world)
    invoice = world.month("payer").invoice
    assert invoice
    assert taxes(document_of(world, invoice.number)) == [("19", 9000, 1710), ("7", 7200, 504)]


def test_a_regenerated_invoice_is_taxed_by_the_classes_of_now() -> None:
    world = a_world()
    use(world, vm="100", book="50")
    close(world)
    world.price_books.merge(read_book({"tax_classes": [{"id": "books", "skus": ["vm"]}]}))
    again = world.regenerator.regenerate("INV-00000001", "the wrong class").invoice
    assert taxes(document_of(world, again.number)) == [("7", 15000, 1050)]
    assert on_both_months(world)["revenue/DE/7"] == 15000
    assert not on_both_months(world)["revenue/DE/19"]


def test_a_rehearsals_drafts_with_classes_are_what_the_close_issues() -> None:
    world = a_world(minimum=1000, **DISCOUNT)
    use(world, vm="1", book="2")
    close(world)
    use(world, NOVEMBER, vm="100", book="50")
    world.clock.now = max(world.clock.now, NOVEMBER.end)
    rehearsal = world.rehearse(NOVEMBER)
    assert isinstance(rehearsal, Rehearsal)
    world.approve(NOVEMBER)
    close(world, NOVEMBER)
    document = document_of(world, invoice_of(world, NOVEMBER).number)
    assert taxes(document) == [("19", 9090, 1727), ("7", 4680, 328)]


def test_explain_says_the_class_of_each_line() -> None:
    world = a_world(**DISCOUNT)
    use(world, vm="100", book="50")
    close(world)
    content = json.loads(world.issued.content(world.issued.find("INV-00000001")))
    explained = explain(content, world.usage, 5)
    assert [line.get("tax_class") for line in explained["lines"]] == ["books", None, None, "books"]
    assert all(line["recomputed_minor"] == line["amount_minor"] for line in explained["lines"])


@pytest.mark.parametrize("country", ["DE", "GB"])
def test_the_page_says_the_rate_of_each_line_where_they_differ(country: str) -> None:
    world = a_world(country)
    use(world, vm="120", book="50")
    close(world)
    view = invoice_view(document_of(world, "INV-00000001"), None)
    said = [row["details"] for row in view["rows"]]
    assert ["VAT 7" in " ".join(said[0]), "VAT 19" in " ".join(said[1])] == [country == "DE"] * 2
    assert ["VAT 0" in " ".join(said[0]), "VAT 20" in " ".join(said[1])] == [country == "GB"] * 2
