"""The figures of the report pack on the report's page. A report that is made before its pack has none yet."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from monthclose.domain.finance.figures import Figures
from monthclose.use_cases.proof.page_parts import Section
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_people import utc
from monthclose.use_cases.proof.report_receivables import receivables
from monthclose.use_cases.proof.report_revenue import revenue, taxes


class FigureSections(NamedTuple):
    """The sections, before and after what the close itself counts."""

    money: Sequence[Section] = ()
    books: Sequence[Section] = ()


def figure_sections(report: Report) -> FigureSections:
    """Lay the figures out."""
    stored: Mapping[str, Any] = {**report}
    if "figures" not in stored:
        return FigureSections()
    figures, as_of = Figures.from_content(stored["figures"]), f"as of {utc(stored['pack']['as_of'])}"
    return FigureSections(receivables(figures, as_of), [*revenue(figures), *taxes(figures)])
