"""The figures of the report pack on the report's page. A report that is made before its pack has none yet."""

from collections.abc import Sequence
from typing import NamedTuple

from monthclose.domain.finance.figures import Figures
from monthclose.use_cases.proof.page_parts import Section
from monthclose.use_cases.proof.report import PackEntry, Report
from monthclose.use_cases.proof.report_people import utc
from monthclose.use_cases.proof.report_receivables import receivables
from monthclose.use_cases.proof.report_revenue import revenue, taxes


class FigureSections(NamedTuple):
    """The sections, before and after what the close itself counts."""

    money: Sequence[Section] = ()
    books: Sequence[Section] = ()


def figure_sections(report: Report) -> FigureSections:
    """Lay the figures out."""
    content, pack = report.get("figures"), report.get("pack")
    if content is None or pack is None:
        return FigureSections()
    figures, as_of = Figures.from_content(content), figures_as_of(pack)
    return FigureSections(receivables(figures, as_of), [*revenue(figures), *taxes(figures)])


def figures_as_of(pack: PackEntry) -> str:
    """Say of which time the figures of a pack are."""
    return f"as of {utc(pack['as_of'])}"
