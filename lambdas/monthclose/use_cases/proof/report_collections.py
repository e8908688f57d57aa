"""How a month was collected, on the report's page: the rate by day, cash against payouts, recovery and declines."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction

from monthclose.charts import Column as Bar
from monthclose.charts import Line, Mark, Part, amounts_in, column_chart, line_chart
from monthclose.domain.finance.cash import CASH, INVOICED, CashSum
from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.payouts import PAYOUTS, PayoutSum
from monthclose.domain.finance.ratios import Rate, collection_rates, days_of_sales_outstanding, days_to_pay
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.use_cases.proof.page_parts import Cell, Column, Drawing, Section, Table, row
from monthclose.use_cases.proof.report_money import share
from monthclose.use_cases.proof.report_people import words

_TONES = ("series1", "series2", "series3", "series4", "series5", "series6")

_OUTSTANDING = "Days of sales outstanding: all that is open, for as many days as it took to bill that much."
_OUTSTANDING_LATE = "Days of sales outstanding are left out: what is open by now has later months' invoices in it, too."


def collections(figures: Figures, period: Period, until: date | None) -> Iterator[Section]:
    """Lay out how fast the month's invoices were paid, if there are any.

    Parameters
    ----------
    until : date or None
        The day that the figures are of, if it is known.
    """
    invoiced = figures.rows(INVOICED)
    rates = {one.currency: collection_rates(figures, one.currency) for one in invoiced}
    late = until is not None and until >= period.next.end_day
    outstanding, to_pay = {} if late else days_of_sales_outstanding(figures, period), days_to_pay(figures)
    if not invoiced:
        return
    columns = [
        *(Column("Currency", "text"), Column("Invoiced"), Column("Paid"), Column("Share")),
        *(Column("Days of sales outstanding"), Column("Days to pay")),
    ]
    rows = []
    for one in invoiced:
        paid = rates[one.currency][-1].paid_minor if rates[one.currency] else 0
        amounts = (Money(minor, one.currency).figures for minor in (one.invoiced_minor, paid))
        days = (_days(of.get(one.currency)) for of in (outstanding, to_pay))
        rows.append(row(one.currency, *amounts, share(paid, one.invoiced_minor), *days))
    yield Section(
        "Collection",
        "collection",
        intro="What the month's invoices brought in as money, day by day: their total with tax is 100%.",
        drawings=_rate_chart(rates, until),
        tables=[Table(columns, rows)],
        details=[("Day by day", _rate_table(rates))] if any(rates.values()) else [],
        note=_OUTSTANDING_LATE if late else _OUTSTANDING,
    )


def _days(days: Fraction | None) -> str:
    return "" if days is None else f"{float(days):,.1f}"


def _rate_chart(rates: dict[str, list[Rate]], until: date | None) -> list[Drawing]:
    """Draw all currencies into one chart, in percent: as amounts they could not share one."""
    days = [date.fromisoformat(rate.day).toordinal() for found in rates.values() for rate in found]
    if not days:
        return []
    begin, end = min(days) - 1, max(*days, until.toordinal() if until else 0)
    lines = [
        Line(currency, [(begin, 0), *_points(found, end)], _TONES[number % len(_TONES)], steps=True)
        for number, (currency, found) in enumerate(rates.items())
    ]
    marks = [Mark(day, _day(date.fromordinal(day))) for day in dict.fromkeys((min(days), (min(days) + end) // 2, end))]
    title = "Share of the month's invoices that is paid"
    chart = line_chart(lines, title=title, value=lambda tenths: f"{tenths / 10:g}%", marks=marks, top=1000)
    return [Drawing("Share paid, by day", chart)]


def _points(rates: Sequence[Rate], end: int) -> list[tuple[float, int]]:
    """Place each day's share, in tenths of a percent, and continue the last one to the chart's end."""
    found = [(date.fromisoformat(rate.day).toordinal(), int(1000 * rate.share)) for rate in rates]
    last = found[-1][1] if found else 0
    return [*((float(day), tenths) for day, tenths in found), (float(end), last)]


def _rate_table(rates: dict[str, list[Rate]]) -> Table:
    days = sorted({rate.day for found in rates.values() for rate in found})
    by_day = {(currency, rate.day): rate for currency, found in rates.items() for rate in found}
    rows = [row(day, *(_rate_cell(by_day.get((currency, day)), currency) for currency in rates)) for day in days]
    return Table([Column("Day", "text"), *(Column(f"Paid so far, {currency}") for currency in rates)], rows)


def _rate_cell(rate: Rate | None, currency: str) -> Cell:
    return Cell(Money(rate.paid_minor, currency).figures, f"{float(100 * rate.share):.1f}%") if rate else Cell("")


def cash(figures: Figures, period: Period) -> Iterator[Section]:
    """Lay out the money of the calendar month by provider and day, and what the providers have paid out."""
    booked, payouts = figures.rows(CASH), figures.rows(PAYOUTS)
    if not booked and not payouts:
        return
    currencies = sorted({*(one.currency for one in booked), *(one.currency for one in payouts)})
    yield Section(
        "Cash",
        "cash",
        intro="All money that was booked in the calendar month, whatever month it was invoiced for.",
        drawings=[
            _cash_chart(currency, booked, period)
            for currency in currencies
            if any(o.currency == currency for o in booked)
        ],
        tables=[_cash_table(booked, payouts)],
        details=[("Day by day", _cash_days(booked, payouts))],
        side_by_side=True,
        note="Payouts come days after the money that is in them: what is not paid out yet is on its way.",
    )


def _cash_chart(currency: str, booked: Iterable[CashSum], period: Period) -> Drawing:
    mine = [one for one in booked if one.currency == currency]
    providers = sorted({one.provider for one in mine})
    first, last = period.start.toordinal(), period.last_day.toordinal()
    bars = [_cash_bar(date.fromordinal(day), mine, providers, currency) for day in range(first, last + 1)]
    net = sum(one.collected_minor - one.returned_minor for one in mine)
    chart = column_chart(bars, title=f"Cash in {currency} by day", value=amounts_in(currency))
    return Drawing(currency, chart, Money(net, currency).figures, "came in, less what went back")


def _cash_bar(day: date, mine: Iterable[CashSum], providers: Sequence[str], currency: str) -> Bar:
    of_day = {one.provider: one for one in mine if one.day == day.isoformat()}
    parts = [
        Part(words(name), of_day[name].collected_minor, str(Money(of_day[name].collected_minor, currency)), tone)
        for name, tone in zip(providers, _TONES * len(providers), strict=False)
        if name in of_day and of_day[name].collected_minor
    ]
    back = -sum(one.returned_minor for one in of_day.values())
    if back:
        parts.append(Part("Went back", back, str(Money(back, currency)), "open"))
    return Bar(_day(day), parts)


def _cash_table(booked: Iterable[CashSum], payouts: Iterable[PayoutSum]) -> Table:
    """Put each provider's cash beside its payouts of the month."""
    columns = [
        *(Column("Through", "text"), Column("Currency", "text"), Column("Collected"), Column("Went back")),
        *(Column("Payments"), Column("Paid out"), Column("Fees"), Column("Other"), Column("Not paid out")),
    ]
    came, paid = _by_provider(booked), _by_provider(payouts)
    rows = [
        _provider_row(provider, currency, came.get((provider, currency), []), paid.get((provider, currency), []))
        for provider, currency in sorted({*came, *paid})
    ]
    return Table(columns, rows)


def _by_provider[T: (CashSum, PayoutSum)](sums: Iterable[T]) -> dict[tuple[str, str], list[T]]:
    found = defaultdict[tuple[str, str], list[T]](list)
    for one in sums:
        found[one.provider, one.currency].append(one)
    return found


def _provider_row(provider: str, currency: str, came: list[CashSum], paid: list[PayoutSum]) -> list[Cell]:
    collected, back = sum(one.collected_minor for one in came), sum(one.returned_minor for one in came)
    in_payouts = sum(one.collected_minor - one.returned_minor for one in paid)
    out = [sum(of) for of in ((o.paid_minor for o in paid), (o.fee_minor for o in paid), (o.other_minor for o in paid))]
    first = (Money(collected, currency).figures, Money(back, currency).figures, f"{sum(o.payments for o in came):,}")
    if not paid:
        return row(words(provider), currency, *first, "", "", "", "")
    rest = (Money(minor, currency).figures for minor in (*out, collected - back - in_payouts))
    return row(words(provider), currency, *first, *rest)


def _cash_days(booked: Iterable[CashSum], payouts: Iterable[PayoutSum]) -> Table:
    out = {(one.day, one.provider, one.currency): one.paid_minor for one in payouts}
    came = {(one.day, one.provider, one.currency): one for one in booked}
    rows = []
    for key in sorted({*out, *came}):
        day, provider, currency = key
        one = came.get(key)
        amounts = ((one.collected_minor, one.returned_minor) if one else (0, 0), out.get(key, 0))
        figures = (Money(minor, currency).figures for minor in (*amounts[0], amounts[1]))
        rows.append(row(day, words(provider), currency, *figures))
    columns = [Column("Day", "text"), Column("Through", "text"), Column("Currency", "text")]
    return Table([*columns, Column("Collected"), Column("Went back"), Column("Paid out")], rows)


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
