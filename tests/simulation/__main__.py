"""`python -m tests.simulation`: print the table of crash points with its counts."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from tests.simulation.crash_points import (
    Row,
    check,
    check_money_back,
    dying_at,
    money_back_points,
    money_back_rows,
    points,
    rows,
)
from tests.simulation.universe import LATE, SOON


def main() -> None:
    """Run every point of every row and print what came of it."""
    runs, wrong = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in rows():
        group = (f"{row.provider}, a method that is {'charged' if row.method == 'pays' else row.method}", _fault(row))
        for number in range(len(points(row))):
            for waits in (SOON, LATE):
                runs[group] += 1
                wrong[group] += check(row, dying_at(number), waits) is not None
    table = Table("charge", "fault", "runs", "wrong", title="A charge killed at every point, found soon and late")
    for group in runs:
        table.add_row(*group, str(runs[group]), str(wrong[group]))
    table.add_row("all", "", str(runs.total()), str(wrong.total()), style="bold")
    Console().print(table)
    Console().print(_money_back())


def _money_back() -> Table:
    happened, runs, wrong = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for row in money_back_rows():
        happened.update((row.provider, name) for name in row.begun()[1])
        for number in (*range(len(money_back_points(row))), None):
            runs[row.provider] += 1
            wrong[row.provider] += check_money_back(row, number) is not None
    table = Table("provider", "what happened to money that was collected", "times")
    table.title = "Money that went back, whoever books it killed at every point"
    for (provider, name), number in sorted(happened.items()):
        table.add_row(provider, name, str(number))
    for provider in runs:
        table.add_row(provider, f"runs: {runs[provider]}", f"{wrong[provider]} wrong", style="bold")
    return table


def _fault(row: Row) -> str:
    return f"{row.fault} {row.when} the effect" if row.fault else "none"


if __name__ == "__main__":
    main()
