"""The month's revenue and taxes on the report's page: by SKU, by month of service, by jurisdiction and rate."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from monthclose.charts import share_bar
from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.revenue import REVENUE, RevenueSum
from monthclose.domain.finance.taxes import TAXES, TaxSum
from monthclose.domain.money import Money
from monthclose.domain.tax.tax import TaxCategory
from monthclose.domain.words import count
from monthclose.use_cases.proof.page_parts import Cell, Column, Section, Table, row
from monthclose.use_cases.proof.report_money import share
from monthclose.use_cases.proof.report_people import words

_MOST_ENTRIES = 15
"""SKUs and fees of a currency that the page lists; the pack's file has all."""
_CATEGORIES: Mapping[str, str] = {
    TaxCategory.ZERO: "zero rate",
    TaxCategory.EXEMPT: "exempt",
    TaxCategory.REVERSE_CHARGE: "reverse charge",
    TaxCategory.EXPORT: "export",
    TaxCategory.OUTSIDE_SCOPE: "outside the scope of tax",
}
_KINDS: Mapping[str, str] = {"credit": "Credited in part", "unreadable": "Documents that cannot be read"}
"""What lines without a SKU are called, where their kind does not say it."""


def revenue(figures: Figures) -> Iterator[Section]:
    """Lay out the revenue, if there is any."""
    found = figures.rows(REVENUE)
    currencies = sorted({one.currency for one in found})
    if not found:
        return
    by_currency = {code: [one for one in found if one.currency == code] for code in currencies}
    yield Section(
        "Revenue",
        "revenue",
        intro="What the month's invoices and credit notes say, without tax.",
        tables=[_by_entry(code, lines, figures.skus) for code, lines in by_currency.items()],
    )
    if len({one.service_month for one in found}) > 1:
        yield Section("Revenue by month of service", "service-months", tables=[_by_month(by_currency)])


def _by_entry(currency: str, lines: Iterable[RevenueSum], called: Mapping[str, str]) -> Table:
    sums = defaultdict[tuple[str, str], int](int)
    for line in lines:
        sums[(line.sku, "" if line.sku else line.kind)] += line.net_minor
    ordered = sorted(sums.items(), key=lambda entry: (-entry[1], entry[0]))
    total, positive = sum(sums.values()), sum(max(minor, 0) for minor in sums.values())
    rows = [_entry(_named(*key, called), minor, positive, currency) for key, minor in ordered[:_MOST_ENTRIES]]
    if others := ordered[_MOST_ENTRIES:]:
        rest = sum(minor for _, minor in others)
        rows.append(_entry(Cell(count(len(others), "other", "others"), tone="quiet"), rest, positive, currency))
    columns = [Column(f"In {currency}", "text"), Column("", "chart"), Column("Net"), Column("Share")]
    return Table(columns, rows, [row("Total", "", Money(total, currency).figures, "")])


def _named(sku: str, kind: str, called: Mapping[str, str]) -> Cell:
    name = called.get(sku, "")
    if not sku:
        return Cell(_KINDS.get(kind, words(kind)))
    return Cell(name, sku) if name and name != sku else Cell(sku)


def _entry(name: Cell, minor: int, whole: int, currency: str) -> list[Cell]:
    return row(name, share_bar(minor, whole, "series1"), Money(minor, currency).figures, share(minor, whole))


def _by_month(by_currency: Mapping[str, Iterable[RevenueSum]]) -> Table:
    sums = defaultdict[str, dict[str, int]](dict)
    for currency, lines in by_currency.items():
        for line in lines:
            sums[line.service_month][currency] = sums[line.service_month].get(currency, 0) + line.net_minor
    columns = [Column("Month of service", "text"), *(Column(currency) for currency in by_currency)]
    rows = [
        row(month, *(Money(sums[month].get(currency, 0), currency).figures for currency in by_currency))
        for month in sorted(sums, reverse=True)
    ]
    return Table(columns, rows)


def taxes(figures: Figures) -> Iterator[Section]:
    """Lay out the taxes, if there are any."""
    found = figures.rows(TAXES)
    if not found:
        return
    columns = [
        *(Column("Jurisdiction", "text"), Column("Tax", "text"), Column("Rate"), Column("Currency", "text")),
        *(Column("Taxable"), Column("Tax")),
    ]
    rows = [_tax(one) for one in sorted(found, key=lambda one: (one.jurisdiction, one.currency, one.name, one.percent))]
    totals = [
        row("Total", "", "", currency, *(Money(minor, currency).figures for minor in _sums(found, currency)))
        for currency in sorted({one.currency for one in found})
    ]
    yield Section(
        "Taxes",
        "taxes",
        intro="By jurisdiction and rate, of the month's invoices and credit notes.",
        tables=[Table(columns, rows, totals)],
    )


def _tax(one: TaxSum) -> list[Cell]:
    return row(
        Cell(words(one.jurisdiction) if one.jurisdiction == "unreadable" else one.jurisdiction),
        Cell(one.name, _CATEGORIES.get(one.category, "")),
        f"{one.percent}%" if one.percent else "",
        one.currency,
        Money(one.taxable_minor, one.currency).figures,
        Money(one.tax_minor, one.currency).figures,
    )


def _sums(found: Iterable[TaxSum], currency: str) -> tuple[int, int]:
    theirs = [one for one in found if one.currency == currency]
    return sum(one.taxable_minor for one in theirs), sum(one.tax_minor for one in theirs)
