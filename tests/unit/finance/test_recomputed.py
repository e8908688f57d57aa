"""Every figure of two months of the demo's company, taxed and in four currencies, counted again from raw records.

`recount` shares no code with the figures. The figures must equal it to the penny, and each other, and the provider's
record of the money that moved.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monthclose.domain.finance.aging import AGING
from monthclose.domain.finance.cash import CASH
from monthclose.domain.finance.figures import Figures, added_up, figures_of, rows_of
from monthclose.domain.finance.journal import JOURNAL
from monthclose.domain.finance.revenue import REVENUE
from monthclose.domain.finance.taxes import TAXES
from monthclose.domain.finance.ties import differences
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentKey
from monthclose.domain.period import Period
from monthclose.domain.register.tables import Row
from monthclose.ports import Collected, Refused
from sandbox.cloud.provider import generate
from tests.fakes import reversed_by_the_bank
from tests.unit.cli.driving import Command, FakeMachine
from tests.unit.finance import recount
from tests.unit.finance.reading import books_of, everybody
from tests.world import World

OCTOBER, NOVEMBER = Period(2026, 10), Period(2026, 11)
MONTHS = (OCTOBER, NOVEMBER)
CUSTOMERS, SEED = 60, 1
TAXES_TOML = """
seller = "DE"
[[rate]]
countries = ["DE"]
name = "VAT"
percent = "19"
[[rate]]
countries = ["GB"]
name = "VAT"
percent = "20"
inclusive = true
[[rate]]
countries = ["JP"]
name = "JCT"
percent = "10"
[[rate]]
countries = ["CA"]
name = "GST"
percent = "5"
[[rate]]
countries = ["CA"]
name = "QST"
percent = "9.975"
[[rate]]
countries = ["FR", "NL", "ES"]
name = "VAT"
percent = "21"
[[rate]]
countries = ["US", "SG"]
name = "Sales tax"
percent = "0"
category = "O"
note = "Not taxed here."
"""
METHODS = {"": "", "MD_OK": "debit", "MD_FAILS": "debit", "pm_card_authenticationRequired": "authenticate"}


@dataclass
class Closed:
    """Two closed months, when their figures are asked for, and what they are."""

    world: World
    ledger: recount.Ledger
    figures: dict[Period, Figures] = field(default_factory=dict)
    rows: dict[tuple[Period, str], list[Row]] = field(default_factory=dict)
    at: dict[Period, datetime] = field(default_factory=dict)


def import_month(monthclose: Command, folder: Path, period: Period) -> None:
    generate(folder, CUSTOMERS, str(period), SEED)
    with (folder / "customers.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    for row in rows:
        declined = "declined" if "charge" in row["payment_method"] else "ok"
        row |= {"payment_provider": "stripe", "payment_method": METHODS.get(row["payment_method"], declined)}
    with (folder / "customers.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "taxes.toml").write_text(TAXES_TOML)
    for what, name in (("customers", "customers.csv"), ("prices", "prices.csv"), ("taxes", "taxes.toml")):
        monthclose("import", what, folder / name)
    monthclose("import", "usage", folder / "usage.csv.gz")


type _Charged = tuple[Invoice, Payment]


def happen(world: World) -> None:
    """What comes after the close of October: debits, a dispute, a refund, corrections, credit, a transfer."""
    paid, pending, owing = list[_Charged](), list[_Charged](), list[_Charged]()
    for one in everybody(world):
        month = world.month(one, OCTOBER)
        if month.invoice and month.payment and month.invoice.total_minor > 1000:
            kinds = {"paid": paid, "pending": pending}
            kinds.get(month.payment.state, owing).append((month.invoice, month.payment))
    assert len(paid) > 10
    assert len(pending) > 1
    assert len(owing) > 2
    world.clock.pass_time(days=3)
    for number, (_, payment) in enumerate(pending):
        outcome = Collected(payment.amount) if number % 2 == 0 else Refused("insufficient_funds")
        world.gateway.settle(payment.provider_ref, outcome)
    world.settle(everyone=True)
    disputed, refunded = paid[0][1], paid[1][1]
    for payment, said in (
        (disputed, reversed_by_the_bank(disputed.amount)),
        (refunded, Collected(refunded.amount, refunded_minor=200)),
    ):
        world.gateway.settle(payment.provider_ref, said)
        key = PaymentKey.parse(payment.payment_id)
        assert key
        world.use_cases.charger("stripe").look_up(key)
    world.clock.pass_time(days=1)
    world.corrector.credit(paid[2][0].number, Money(100, paid[2][0].currency), "a mistake")
    world.corrector.void(paid[3][0].number, "not theirs")
    world.regenerator.regenerate(paid[4][0].number, "an address")
    world.use_cases.cashier.credit(paid[5][0].customer_id, Money(500, paid[5][0].currency), "an outage")
    world.use_cases.cashier.record(owing[0][0].customer_id, Money(300, owing[0][0].currency), "transfer 1")
    world.clock.pass_time(days=9)  # the books of October are closed


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    folder, world = tmp_path_factory.mktemp("recomputed"), World()
    monthclose, found = Command(world, FakeMachine(world)), Closed(world, recount.Ledger((), {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MONTHCLOSE_HOME", str(folder / "home"))
        for period in MONTHS:
            world.clock.now = datetime(period.next.year, period.next.month, 1, 1, tzinfo=UTC)
            import_month(monthclose, folder, period)
            world.close(period, f"execution-{period}")
            found.at[period] = world.clock()
            add_figures(found, period)
            if period == OCTOBER:
                happen(world)
        found.ledger = ledger_of(world)
        yield found


def add_figures(found: Closed, period: Period) -> None:
    at, world = found.at[period], found.world
    books = [books_of(world, one, period, at) for one in everybody(world)]
    found.figures[period] = added_up(figures_of(each, period, at) for each in books)
    for name in ("aging", "revenue", "journal"):
        found.rows[period, name] = [row for each in books for row in rows_of(each, period, at)[name]]


def ledger_of(world: World) -> recount.Ledger:
    entries, documents = list[recount.RawEntry](), dict[str, recount.Document]()
    for one in everybody(world):
        for period, month in world.books.months(one).items():
            for e in month.entries:
                legs = tuple((str(leg.account), leg.minor) for leg in e.legs)
                entries.append(recount.RawEntry(one, str(period), e.entry_id, e.time, e.currency, legs))
            places = [*(i.document for i in month.invoices), *(n.document for n in month.credit_notes)]
            for place in places:
                content = json.loads(world.documents.get_slice(place.key, place.offset, place.length))
                documents[content["number"]] = content
    return recount.Ledger(tuple(entries), documents)


def counted(closed: Closed, period: Period) -> tuple[recount.Ledger, str, Figures]:
    return closed.ledger.until(closed.at[period]), str(period), closed.figures[period]


@pytest.mark.parametrize("period", MONTHS, ids=str)
def test_revenue_by_customer_sku_and_month_of_service(closed: Closed, period: Period) -> None:
    ledger, month, figures = counted(closed, period)
    ours = Counter[tuple[str, str, str, str]]()
    for row in closed.rows[period, "revenue"]:
        key = (str(row["customer_id"]), str(row["currency"]), str(row["service_month"]), str(row["sku"]))
        ours[key] += int(row["net_minor"] or 0)
    expected = recount.revenue(ledger, month)
    assert recount.without_zeros(ours) == expected
    by_sku = Counter[tuple[str, str, str]]()
    for _, *rest in expected:
        by_sku[rest[0], rest[1], rest[2]] = sum(m for k, m in expected.items() if k[1:] == tuple(rest))
    summed = Counter[tuple[str, str, str]]()
    for sold in figures.rows(REVENUE):
        summed[sold.currency, sold.service_month, sold.sku] += sold.net_minor
    assert recount.without_zeros(summed) == recount.without_zeros(by_sku)
    assert {currency for _, currency, _, _ in expected} == {"EUR", "GBP", "JPY", "USD"}


@pytest.mark.parametrize("period", MONTHS, ids=str)
def test_taxes_by_place_and_rate_and_in_the_journal(closed: Closed, period: Period) -> None:
    ledger, month, figures = counted(closed, period)
    expected = recount.taxes(ledger, month)
    ours = Counter({(t.currency, t.jurisdiction, t.name, t.percent): t.tax_minor for t in figures.rows(TAXES)})
    assert recount.without_zeros(ours) == expected
    journal = Counter[tuple[str, str]]()
    for pair in figures.rows(JOURNAL):
        journal[pair.currency, pair.debit] -= pair.minor
        journal[pair.currency, pair.credit] += pair.minor
    posted = {key: minor for key, minor in journal.items() if key[1].startswith("tax/") and minor}
    assert posted == {
        (currency, f"tax/{place}/{name}/{rate}"): m for (currency, place, name, rate), m in expected.items()
    }
    assert {place for _, place, _, _ in expected} >= {"DE", "GB", "JP", "CA"}


@pytest.mark.parametrize("period", MONTHS, ids=str)
def test_aging_by_customer_and_its_sum_is_the_balance_of_receivables(closed: Closed, period: Period) -> None:
    ledger, _, figures = counted(closed, period)
    expected = recount.aging(ledger, closed.at[period])
    columns = {"not_due": "not_due", "1-30": "days_1_30", "31-60": "days_31_60", "61-90": "days_61_90"}
    ours = Counter[tuple[str, str, str]]()
    for row in closed.rows[period, "aging"]:
        for bucket, column in columns.items():
            ours[str(row["customer_id"]), str(row["currency"]), bucket] += int(row[f"{column}_minor"] or 0)
    assert recount.without_zeros(ours) == expected
    receivable = Counter[str]()
    for entry in ledger.entries:
        receivable[entry.currency] += sum(minor for account, minor in entry.legs if account == "receivable")
    aged = Counter[str]()
    for summed in figures.rows(AGING):
        aged[summed.currency] += summed.open_minor
    assert aged == recount.without_zeros(receivable)
    assert len({bucket for _, _, bucket in expected}) == (1 if period == OCTOBER else 2)


@pytest.mark.parametrize("period", MONTHS, ids=str)
def test_the_journal_balances_and_has_what_was_posted_entry_by_entry(closed: Closed, period: Period) -> None:
    ledger, month, figures = counted(closed, period)
    expected = recount.accounts(ledger, month)
    ours, by_row = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for pair in figures.rows(JOURNAL):
        ours[pair.day, pair.debit.partition("/")[0], pair.currency] += pair.minor
        ours[pair.day, pair.credit.partition("/")[0], pair.currency] -= pair.minor
    for row in closed.rows[period, "journal"]:
        minor = int(row["debit_minor"] or 0) - int(row["credit_minor"] or 0)
        by_row[str(row["posting_date"]), str(row["account"]).partition("/")[0], str(row["currency"])] += minor
    assert recount.without_zeros(ours) == expected
    assert recount.without_zeros(by_row) == expected
    assert differences(figures) == []


def test_each_entry_is_in_one_journal(closed: Closed) -> None:
    """What was booked in December, by the close of November and after, is in November's journal or in December's."""
    seen = Counter(
        (row["customer_id"], row["period"], row["entry_id"])
        for period in MONTHS
        for row in {(r["customer_id"], r["period"], r["entry_id"]): r for r in closed.rows[period, "journal"]}.values()
    )
    assert set(seen.values()) == {1}
    late = {(e.customer_id, e.period, e.entry_id) for e in closed.ledger.entries if recount.in_month(e, "2026-12")}
    assert seen.keys() | late == {(e.customer_id, e.period, e.entry_id) for e in closed.ledger.entries}


def test_the_cash_of_november_is_what_the_provider_says_has_moved_and_what_the_bank_received(closed: Closed) -> None:
    ledger = closed.ledger
    gateway, theirs = closed.world.gateway, Counter[str]()
    for reference, order in gateway.orders.items():
        outcome = gateway.outcomes[reference]
        if order.period == OCTOBER and isinstance(outcome, Collected):
            theirs[order.amount.currency] += outcome.amount.minor - outcome.refunded_minor - outcome.reversed_minor
    ours, bank = Counter[str](), Counter[str]()
    for row in closed.figures[NOVEMBER].rows(CASH):
        (bank if row.provider == "bank" else ours)[row.currency] += row.collected_minor - row.returned_minor
    assert recount.without_zeros(ours) == recount.without_zeros(theirs)
    posted = recount.accounts(ledger.until(closed.at[NOVEMBER]), "2026-11")
    assert recount.without_zeros(bank) == {c: m for (_, account, c), m in posted.items() if account == "bank"}
