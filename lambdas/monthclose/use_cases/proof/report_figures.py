"""The figures of the report pack on the report's page. A report that is made before its pack has none yet."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from monthclose.domain.finance.figures import Figures
from monthclose.domain.period import Period
from monthclose.use_cases.proof.page_parts import Section
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_collections import cash, collections
from monthclose.use_cases.proof.report_people import utc
from monthclose.use_cases.proof.report_receivables import receivables
from monthclose.use_cases.proof.report_recovery import declines, recovery
from monthclose.use_cases.proof.report_revenue import revenue, taxes


class FigureSections(NamedTuple):
    """The sections, before and after what the close itself counts."""

    money: Sequence[Section] = ()
    books: Sequence[Section] = ()


def figure_sections(report: Report, as_of: datetime | None) -> FigureSections:
    """Lay the figures out.

    Parameters
    ----------
    as_of : datetime or None
        The time that they are of; None: that of the report's pack.
    """
    content = report.get("figures")
    if content is None:
        return FigureSections()
    figures = Figures.from_content(content)
    time = f"as of {utc(as_of.isoformat())}" if as_of else figures_as_of(report)
    period = Period.parse(report["period"])
    money = [*receivables(figures, time), *collections(figures, period, _day(report, as_of)), *cash(figures, period)]
    books = [*recovery(figures), *declines(figures), *revenue(figures), *taxes(figures)]
    return FigureSections(money, books)


def _day(report: Report, as_of: datetime | None) -> date | None:
    pack = report.get("pack")
    known = as_of or (datetime.fromisoformat(pack["as_of"]) if pack else None)
    return known.date() if known else None


def figures_as_of(report: Report) -> str:
    """Say of which time the figures of a report's pack are; empty if it has none."""
    pack = report.get("pack")
    return f"as of {utc(pack['as_of'])}" if pack else ""
