"""The journal: each entry is in one of them, it balances, and three kinds of programs can read it."""

import csv
import io
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader

from monthclose.domain.accounts.ledger import Account, Entry, entry_legs
from monthclose.domain.accounts.posting import books_end, posting_day
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.beancount import journal_beancount
from monthclose.domain.finance.chart import DatevSettings, JournalSettings
from monthclose.domain.finance.datev import COLUMNS, journal_datev
from monthclose.domain.finance.journal import JOURNAL
from monthclose.domain.finance.journal_csv import journal_csv
from monthclose.domain.finance.transactions import Transaction, transactions
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from tests.unit.finance.reading import bill, everybody, figures, rows
from tests.unit.invoices.test_taxed_invoices import TAXES as TAX_TABLE
from tests.world import OCTOBER, World

NOVEMBER = OCTOBER.next
SKR03 = JournalSettings("skr03", {"revenue/AT/reverse_charge": "8336"}, DatevSettings(29098, 55003))


@pytest.fixture(scope="module")
def world() -> World:
    """Customers in three currencies, and most of what can happen to them until the end of November."""
    world = World()
    world.tax_tables.put(TAX_TABLE)
    bill(world, "acme", "DE", currency="EUR")
    bill(world, "kaiser", "AT", currency="EUR", tax_id="ATU13585627")
    bill(world, "tokyo", "JP", currency="JPY", amount="1000")
    bill(world, "late", "DE", method="declined")
    bill(world, "gross", "GB")
    world.use_cases.cashier.credit("gross", Money(500, "USD"), "welcome")
    world.close()
    world.clock.pass_time(days=3)
    world.corrector.credit("INV-00000001", Money(1190, "EUR"), "a mistake")
    world.use_cases.cashier.record("late", Money(5000, "USD"), "transfer 1")
    world.clock.pass_time(days=40)
    return world


def all_entries(world: World) -> list[Entry]:
    return [e for one in everybody(world) for m in world.books.months(one).values() for e in m.entries]


def journal(world: World, period: Period) -> list[Transaction]:
    return transactions(figures(world, period).rows(JOURNAL), period)


def invoice_entry(period: Period, booked: datetime, entry_id: str = "invoice") -> Entry:
    legs = entry_legs({Account.RECEIVABLE: 1, Account.REVENUE: -1})
    return Entry(entry_id, "acme", period, "USD", booked, legs)


def test_an_invoice_is_posted_on_the_last_day_of_its_month_until_the_books_are_closed() -> None:
    last_moment = books_end(OCTOBER) - timedelta(microseconds=1)
    assert str(posting_day(invoice_entry(OCTOBER, NOVEMBER.start))) == "2026-10-31"
    assert str(posting_day(invoice_entry(OCTOBER, last_moment))) == "2026-10-31"
    assert str(posting_day(invoice_entry(OCTOBER, books_end(OCTOBER)))) == "2026-11-11"


def test_an_invoice_that_replaces_another_is_posted_on_the_day_it_is_booked() -> None:
    booked = datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert str(posting_day(invoice_entry(OCTOBER, booked, "invoice/INV-00000007"))) == "2026-11-02"


def test_every_entry_is_in_one_journal_and_in_no_other(world: World) -> None:
    posted = Counter[tuple[object, ...]]()
    for period in (OCTOBER.previous, OCTOBER, NOVEMBER, NOVEMBER.next):
        posted.update({(row["customer_id"], row["period"], row["entry_id"]) for row in rows(world, "journal", period)})
    assert posted == Counter((e.customer_id, str(e.period), e.entry_id) for e in all_entries(world))


def test_the_journals_have_the_sums_of_the_ledger(world: World) -> None:
    ours, theirs = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for period in (OCTOBER, NOVEMBER, NOVEMBER.next):
        for transaction in journal(world, period):
            assert sum(line.debit_minor - line.credit_minor for line in transaction.lines) == 0
            for line in transaction.lines:
                account = line.account.partition("/")[0]
                ours[transaction.currency, account] += line.debit_minor - line.credit_minor
    for entry in all_entries(world):
        theirs.update({(entry.currency, leg.account): leg.minor for leg in entry.legs})
    assert {k: v for k, v in ours.items() if v} == {(c, str(a)): v for (c, a), v in theirs.items() if v}


def test_revenue_and_tax_have_an_account_for_each_place_and_rate_and_clearing_for_each_provider(world: World) -> None:
    names = {line.account for period in (OCTOBER, NOVEMBER) for t in journal(world, period) for line in t.lines}
    assert {
        "revenue/DE/19",
        "revenue/AT/reverse_charge",
        "revenue/GB/20",
        "tax/DE/VAT/19",
        "tax/GB/VAT/20",
        "tax/JP/JCT/10",
        "clearing/stripe",
        "bank",
        "receivable",
    } <= names


def test_what_is_booked_after_a_month_is_over_changes_its_journal_only_until_the_books_are_closed() -> None:
    world = World()
    bill(world, "acme", "")
    world.close()
    october = journal(world, OCTOBER)
    world.clock.pass_time(days=12)
    world.corrector.void("INV-00000001", "a mistake")
    assert journal(world, OCTOBER) == october


def test_generic_csv_balances_and_names_the_companys_accounts(world: World) -> None:
    lines = list(csv.DictReader(io.StringIO(journal_csv(journal(world, OCTOBER), SKR03).decode())))
    sums = defaultdict[tuple[str, str], Decimal](Decimal)
    for line in lines:
        sums[line["number"], line["currency"]] += Decimal(line["debit"] or 0) - Decimal(line["credit"] or 0)
    assert sums
    assert not any(sums.values())
    assert {"1410", "8200", "8336", "1776", "1770"} <= {line["account"] for line in lines}


def test_generic_csv_has_no_cell_that_a_spreadsheet_runs(world: World) -> None:
    settings = JournalSettings(accounts={"receivable": "-1+cmd"})
    text = journal_csv(journal(world, OCTOBER), settings).decode()
    assert "'-1+cmd" in {line["account"] for line in csv.DictReader(io.StringIO(text))}
    assert ",-1+cmd" not in text


def test_bean_check_accepts_the_months_each_and_together(world: World, tmp_path: Path) -> None:
    for period in (OCTOBER, NOVEMBER):
        text = journal_beancount(journal(world, period), SKR03, period, final=True)
        (tmp_path / f"{period}.beancount").write_text(text)
    both = tmp_path / "books.beancount"
    included = "".join(f'include "{period}.beancount"\n' for period in (OCTOBER, NOVEMBER))
    both.write_text(f'plugin "beancount.plugins.auto_accounts"\n{included}')
    for file in (*tmp_path.glob("2026-*.beancount"), both):
        entries, errors, _ = loader.load_file(str(file))
        assert errors == []
        assert len(entries) > 3


def test_bean_check_finds_a_journal_that_does_not_balance(world: World, tmp_path: Path) -> None:
    text = journal_beancount(journal(world, OCTOBER), SKR03, OCTOBER, final=True)
    broken = tmp_path / "broken.beancount"
    broken.write_text(text.replace("-19.00 EUR", "-19.01 EUR", 1))
    assert loader.load_file(str(broken))[1]


def datev(world: World, currency: str = "EUR", settings: JournalSettings = SKR03) -> list[list[str]]:
    content = journal_datev(journal(world, OCTOBER), settings, OCTOBER, currency, world.clock())
    assert content.endswith(b"\r\n")
    return list(csv.reader(io.StringIO(content.decode("cp1252"), newline=""), delimiter=";"))


def test_the_datev_file_has_the_header_and_the_columns_of_the_format(world: World) -> None:
    header, columns, *lines = datev(world)
    assert header[:5] == ["EXTF", "700", "21", "Buchungsstapel", "13"]
    assert header[10:16] == ["29098", "55003", "20260101", "4", "20261001", "20261031"]
    assert (len(header), header[21]) == (31, "EUR")
    assert tuple(columns) == COLUMNS
    assert len(columns) == 125
    assert {len(line) for line in lines} == {125}
    assert {(line[1], line[9], line[113]) for line in lines} == {("S", "3110", "0")}


def test_the_datev_file_has_the_sums_of_the_journal(world: World) -> None:
    sums, ours = Counter[str](), Counter[str]()
    for amount, _, _, _, _, _, debit, credit, *_ in datev(world)[2:]:
        minor = int(amount.replace(",", ""))
        sums.update({debit: minor})
        sums.subtract({credit: minor})
    for transaction in journal(world, OCTOBER):
        for line in transaction.lines if transaction.currency == "EUR" else ():
            ours[SKR03.account(line.account)] += line.debit_minor - line.credit_minor
    assert sums == ours


def test_datev_takes_yen_and_refuses_dinars_and_accounts_without_a_number(world: World) -> None:
    assert datev(world, "JPY")[2][0] == "1000,00"
    with pytest.raises(UserMistakeError, match="two decimals"):
        datev(world, "KWD")
    with pytest.raises(UserMistakeError, match=r"journal\.accounts"):
        datev(world, settings=JournalSettings())


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("revenue", "4000"),
        ("revenue/DE/19", "4019"),
        ("revenue/US-NY/8.875", "4100"),
        ("revenue/FR/reverse_charge", "4200"),
        ("tax/CA-QC/QST/9.975", "3900"),
        ("bank", "bank"),
    ],
)
def test_the_most_exact_account_of_the_mapping_counts(name: str, account: str) -> None:
    mapping = {
        "revenue": "4000",
        "revenue/DE/19": "4019",
        "revenue/US": "4100",
        "revenue/*/reverse_charge": "4200",
        "tax/CA": "3800",
        "tax/CA-QC": "3900",
    }
    assert JournalSettings(accounts=mapping).account(name) == account


def test_a_mapping_of_an_account_that_the_journal_does_not_have_is_refused() -> None:
    with pytest.raises(UserMistakeError, match="turnover"):
        JournalSettings(accounts={"turnover": "4000"})
