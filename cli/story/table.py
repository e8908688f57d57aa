"""The table at the story's end: what came of each month, as its report has it."""

from collections.abc import Iterator, Sequence

from cli.commands.report import read_report
from cli.console import amount, say, show_figures
from cli.system import System
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.use_cases.proof.report import Report

_HEADER = ("", "", "invoiced", "collected", "credited", "open", "customers", "on hold")


def show_months(system: System, periods: Sequence[Period]) -> bool:
    """Print the table; tell whether all books tie."""
    reports = [read_report(system, period) for period in periods]
    rows = [row for report in reports for row in _rows(report)]
    show_figures(rows, _HEADER)
    tie = sum(report["proof"]["ties"] for report in reports)
    say(f"  {tie} of {count(len(reports), 'report')} tie", "bold green" if tie == len(reports) else "bold red")
    return tie == len(reports)


def _rows(report: Report) -> Iterator[list[str]]:
    held = report["holds"]["placed"] - report["holds"]["lifted"]
    more = [f"{report['customers']['invoiced']:,}", f"{held:,}"]
    for number, (currency, sums) in enumerate(sorted(report["money"].items())):
        figures = [amount(sums.get(name, 0), currency) for name in ("invoiced", "collected", "credited", "open")]
        yield [f"  {report['period']}" if not number else "", currency, *figures, *(["", ""] if number else more)]
