"""What a rehearsal has found, on the terminal: money first, what moved it, the findings, and what to do next."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from cli.console import amount, grid, note, say, show
from cli.view import counts_line
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.finding import percent, signed
from monthclose.domain.rehearsals.rehearsal import RehearsalStatus
from monthclose.domain.words import count
from monthclose.use_cases.rehearsals.rehearsal_report import (
    GroupEntry,
    MoneyEntry,
    RehearsalReport,
    can_be_approved,
    group_in_words,
)

_MOST_LISTED = 5
"""Entries and customers of each currency that are shown; the page has more, and the file of all customers everybody."""


def print_rehearsal(report: RehearsalReport, *, more: str = "") -> None:
    """Print a rehearsal for people.

    Parameters
    ----------
    more : str
        Where the rest is: the page's path, or a command.
    """
    period = report["period"]
    in_all = count(sum(report["customers"].values()), "customer")
    incomplete = report["status"] == RehearsalStatus.INCOMPLETE
    say(f"{period} rehearsed: {in_all}; nobody was charged or mailed", "bold yellow" if incomplete else "bold")
    last = report["last_period"]
    say(f"  compared with {last}" if last else "  there is no earlier month to compare with")
    if report["so_far"]:
        say(f"  {period} is not over yet: this is the usage so far", "yellow")
    if incomplete:
        say(f"  {count(report['undrafted'], 'batch', 'batches')} could not be drafted: the sums lack them", "yellow")
    _print_money(report)
    _print_parked(report)
    _print_entries(report)
    _print_movers(report)
    _print_differences(report)
    _print_findings(report)
    for line in next_steps(report):
        say(f"  {line}", "bold")
    if more:
        note(f"  {more}")


def next_steps(report: RehearsalReport) -> list[str]:
    """Say what to do next."""
    period, approval = report["period"], report["approval"]
    if can_be_approved(report):
        what = f"to accept the {count(len(report['findings']), 'finding')}" if report["findings"] else "to approve it"
        then = "; the close then continues by itself" if report["waiting"] else ""
        return [f'{what}: monthclose approve {period} --note "why"{then}', f"to rehearse again: {_again(period)}"]
    if approval and approval["rehearsal"] == report["rehearsal"]:
        noted = f": {approval['note']}" if approval["note"] else ""
        when = f"{datetime.fromisoformat(approval['time']):%Y-%m-%d %H:%M} UTC"
        return [f"approved by {approval['by']} at {when}{noted}", f"to close it: monthclose close {period}"]
    if report["so_far"]:
        end = Period.parse(period).end_day
        return [f"it can be approved once the month is over: from {end} on, {_again(period)}"]
    return [f"to rehearse again: {_again(period)}"]


def _again(period: str) -> str:
    return f"monthclose close {period} --dry-run"


def _print_money(report: RehearsalReport) -> None:
    money = report["money"]
    if not money:
        say("  nothing would be billed")
        return
    if not report["last_period"]:
        rows = [(f"  {code}", amount(of["now_minor"], code), count(of["customers"])) for code, of in money.items()]
        show(grid(rows, right=(1, 2), header=("", "now", "customers")))
        return
    header = ("", "now", "last month", "difference", "", "customers", "last month")
    show(grid([_compared(code, of) for code, of in money.items()], right=range(1, 7), header=header))
    why = [_grouped(code, group) for code, of in money.items() for group in of["groups"]]
    show(grid(why, right=(2, 3), header=("", "customers who are", "", "difference")))


def _compared(currency: str, money: MoneyEntry) -> tuple[str, ...]:
    moved, last = money["difference_minor"], money["last_minor"]
    return (
        f"  {currency}",
        amount(money["now_minor"], currency),
        amount(last, currency),
        signed(moved, currency),
        f"{'+' if moved > 0 else ''}{percent(moved, abs(last))}" if last else "",
        count(money["customers"]),
        count(money["last_customers"]),
    )


def _grouped(currency: str, group: GroupEntry) -> tuple[str, ...]:
    moved = group["now_minor"] - group["last_minor"]
    words = group_in_words(group["group"])
    return (f"  {currency}", words, count(group["customers"]), signed(moved, currency) if moved else "")


def _print_parked(report: RehearsalReport) -> None:
    now, last = report["parked"], report["parked_last"]
    if now or last:
        say(f"  parked: {counts_line(now)}; last month: {counts_line(last)}", "yellow" if now else "")


def _print_entries(report: RehearsalReport) -> None:
    rows = []
    for currency, uses in report["entries"].items():
        moved = [use for use in uses if use["minor"] != use["last_minor"]]
        for use in moved[:_MOST_LISTED]:
            customers = f"{count(use['customers'])} ({count(use['last_customers'])})"
            rows.append(
                (
                    f"  {currency}",
                    use["name"],
                    customers,
                    amount(use["minor"], currency),
                    signed(use["minor"] - use["last_minor"], currency),
                )
            )
    if rows and report["last_period"]:
        header = ("", "entries that moved most", "customers (last month)", "now", "difference")
        show(grid(rows, right=(2, 3, 4), header=header))


def _print_movers(report: RehearsalReport) -> None:
    rows = [
        (
            f"  {currency}",
            mover["customer_id"],
            amount(mover["now_minor"], currency),
            amount(mover["last_minor"], currency),
            signed(mover["now_minor"] - mover["last_minor"], currency),
            group_in_words(mover["group"]) if mover["group"] not in ("up", "down") else "",
        )
        for currency, movers in report["movers"].items()
        for mover in movers[:_MOST_LISTED]
    ]
    if rows and report["last_period"]:
        header = ("", "customers who moved most", "now", "last month", "difference", "")
        show(grid(rows, right=(2, 3, 4), header=header))


def _print_differences(report: RehearsalReport) -> None:
    if not report["run"] or report["approval"] is None:
        return
    if not report["differences"]:
        say("  no invoice differs from what was approved", "green")
        return
    say("  what differs from what was approved:", "yellow")
    for line in difference_lines(report):
        say(f"    {line}", "yellow")


def difference_lines(report: RehearsalReport) -> Iterator[str]:
    """Say where a close differs from what was approved, a line for each reason and currency."""
    for one in report["differences"]:
        currency, moved = one["currency"], one["now_minor"] - one["approved_minor"]
        names = ", ".join(
            f"{who['customer_id']} {amount(who['now_minor'], currency)} "
            f"(approved {amount(who['approved_minor'], currency)})"
            for who in one["top"][:3]
        )
        more = one["customers"] - min(len(one["top"]), 3)
        rest = f", and {more:,} more" if more else ""
        yield f"{one['why']}: {count(one['customers'], 'customer')}, {Money(moved, currency)}: {names}{rest}"


def _print_findings(report: RehearsalReport) -> None:
    findings = report["findings"]
    if not findings:
        say("  no rule of the gate finds anything", "green")
        return
    say(f"  {count(len(findings), 'finding')}:", "bold yellow")
    for rule, found in groupby(sorted(findings, key=lambda one: str(one["rule"])), key=lambda one: str(one["rule"])):
        for finding in found:
            say(f"    {rule}: {finding['text']}", "yellow")
