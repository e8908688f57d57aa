"""The table at the story's end: what came of each month, as its report has it."""

from collections import Counter
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
    reports, held = [read_report(system, period) for period in periods], _held(system)
    rows = [row for report in reports for row in _rows(report, held[report["period"]])]
    show_figures(rows, _HEADER)
    tie = sum(report["proof"]["ties"] for report in reports)
    say(f"  {tie} of {count(len(reports), 'report')} tie", "bold green" if tie == len(reports) else "bold red")
    return tie == len(reports)


def _held(system: System) -> Counter[str]:
    """Count, by month, the customers who are on hold now and owe something for it."""
    found, books = Counter[str](), system.ports.books
    for owing in system.ports.directory.owing():
        customer = books.customer(owing.customer_id)
        if customer and customer.held_since:
            months = books.months(owing.customer_id).items()
            found.update(str(period) for period, month in months if month.invoice and month.invoice.open)
    return found


def _rows(report: Report, held: int) -> Iterator[list[str]]:
    more = [f"{report['customers']['invoiced']:,}", f"{held:,}"]
    for number, (currency, sums) in enumerate(sorted(report["money"].items())):
        figures = [amount(sums.get(name, 0), currency) for name in ("invoiced", "collected", "credited", "open")]
        yield [f"  {report['period']}" if not number else "", currency, *figures, *(["", ""] if number else more)]
