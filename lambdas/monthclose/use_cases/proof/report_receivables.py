"""What is open of all months, on the report's page: by how long ago it was due, and who owes the most."""

from collections.abc import Iterator, Mapping

from monthclose.charts import Chart, Key, Part, legend, parts_bar, share_bar
from monthclose.domain.finance.aging import AGING, CREDIT, AgingSum, Bucket
from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.named import NAMED, Named, Why
from monthclose.domain.money import Money
from monthclose.domain.words import count
from monthclose.use_cases.proof.page_parts import Cell, Column, Drawing, Section, Table, row
from monthclose.use_cases.proof.report_money import share

_BUCKETS: Mapping[Bucket, str] = {
    Bucket.NOT_DUE: "Not due",
    Bucket.DAYS_1_30: "1 to 30 days",
    Bucket.DAYS_31_60: "31 to 60 days",
    Bucket.DAYS_61_90: "61 to 90 days",
    Bucket.OVER_90: "More than 90 days",
}
"""Past due."""
_INTRO = "What customers owe, of all months, by how long ago it was due"
_MOST_OWING = 10
"""Customers of a currency whom the page names; the pack's file has all."""

type _Aged = Mapping[str, AgingSum]


def receivables(figures: Figures, as_of: str) -> list[Section]:
    """Lay out the aging, and the customers who owe the most."""
    aged: dict[str, dict[str, AgingSum]] = {}
    for found in figures.rows(AGING):
        aged.setdefault(found.currency, {})[found.bucket] = found
    return [_aging(figures, aged, as_of), *_owing(figures)]


def _aging(figures: Figures, aged: Mapping[str, _Aged], as_of: str) -> Section:
    credit = {found.currency: found.credit_minor for found in figures.rows(CREDIT)}
    currencies = sorted({*aged, *credit})
    columns = [Column("Currency", "text"), *map(Column, _BUCKETS.values()), Column("Open"), Column("Credit not used")]
    rows = [
        row(
            currency,
            *(_bucket(aged.get(currency, {}).get(bucket), currency) for bucket in _BUCKETS),
            Money(_total(aged.get(currency, {})), currency).figures,
            Money(credit.get(currency, 0), currency).figures,
        )
        for currency in currencies
    ]
    return Section(
        "Aging of receivables",
        "aging",
        intro=f"{'; '.join(filter(None, (_INTRO, as_of)))}.",
        legend=legend([Key(label, f"age{number}") for number, label in enumerate(_BUCKETS.values())]) if aged else "",
        drawings=[_drawing(currency, aged[currency]) for currency in sorted(aged)],
        tables=[Table(columns, rows)] if rows else [],
        note="" if rows else "Nobody owes anything.",
    )


def _drawing(currency: str, buckets: _Aged) -> Drawing:
    total, due = _total(buckets), buckets.get(Bucket.NOT_DUE)
    overdue = total - (due.open_minor if due else 0)
    return Drawing(
        currency,
        _bar(currency, buckets),
        Money(total, currency).figures,
        "open",
        f"{share(overdue, total)} overdue" if total > 0 else "",
    )


def _bar(currency: str, buckets: _Aged) -> Chart:
    parts = [
        Part(label, found.open_minor, str(Money(found.open_minor, currency)), f"age{number}")
        for number, (bucket, label) in enumerate(_BUCKETS.items())
        if (found := buckets.get(bucket))
    ]
    return parts_bar(parts, empty=f"nothing open in {currency}")


def _total(buckets: _Aged) -> int:
    return sum(found.open_minor for found in buckets.values())


def _bucket(found: AgingSum | None, currency: str) -> Cell:
    return Cell(
        Money(found.open_minor if found else 0, currency).figures, count(found.customers, "customer") if found else ""
    )


def _owing(figures: Figures) -> Iterator[Section]:
    in_all = {found.currency: found for found in figures.rows(NAMED) if found.why == Why.OPEN}
    tables = [
        _most(currency, figures.names.get((Why.OPEN, currency), ()), total.customers, total.minor)
        for currency, total in in_all.items()
    ]
    if tables:
        yield Section("Who owes the most", "owing", tables=tables)


def _most(currency: str, named: tuple[Named, ...], customers: int, minor: int) -> Table:
    """List those who owe the most in a currency; the bar is their share of all that is open in it."""
    shown = named[:_MOST_OWING]
    rows = [
        row(
            Cell(one.name or one.customer_id, one.customer_id if one.name else ""),
            share_bar(one.minor, minor, "open"),
            Money(one.minor, currency).figures,
            share(one.minor, minor),
            one.detail,
        )
        for one in shown
    ]
    rest, others = minor - sum(one.minor for one in shown), customers - len(shown)
    if others:
        rows.append(
            row(
                Cell(f"{count(others, 'other customer')}", tone="quiet"),
                share_bar(rest, minor),
                Money(rest, currency).figures,
                share(rest, minor),
                "",
            )
        )
    columns = [
        *(Column(f"In {currency}", "text"), Column("", "chart"), Column("Open")),
        *(Column("Share"), Column("Oldest due", "code")),
    ]
    return Table(columns, rows)
