"""`monthclose report`: what came of a close."""

import json
import webbrowser
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import NamedTuple

import typer

from cli.acts import link
from cli.checks import print_checks
from cli.console import duration, grid, note, print_json, say, show, show_figures
from cli.home import folder, shown
from cli.months import connect_for, require_close
from cli.system import System
from cli.view import counts_line, money_rows
from monthclose.domain.closes.checks import State
from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import exponent
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.imports.csv_out import CsvWriter
from monthclose.use_cases.proof.approved import approved_lines
from monthclose.use_cases.proof.report import LooseEndEntry, LooseEndName, Report
from monthclose.use_cases.proof.report_close import report_key, report_so_far
from monthclose.use_cases.proof.report_names import with_names
from monthclose.use_cases.proof.report_page import render_report

CUSTOMER_COLUMNS = (
    "customer_id",
    "invoice_number",
    "currency",
    "invoiced_minor",
    "collected_minor",
    "open_minor",
    "payment_status",
    "hold",
    "reason",
    "credited_minor",
    "written_off_minor",
    "net_minor",
    "tax_minor",
    "exponent",
)
"""Amounts are in minor units of the row's currency, which has so many decimals: `exponent`."""
_READERS = 8
_AT_ONCE = 400
"""Customers that are read ahead: bounds the memory."""
_MOST_FINDINGS = 10
NOT_COMPARED = "the books tie within, but have not been compared with all providers' records yet"
_MOST_LOOSE_ENDS = 5
_LOOSE_ENDS: Mapping[LooseEndName, str] = {"unfinished": "yellow", "waiting": "", "unreached": "yellow"}
"""Those with whom a close is not through, and those who wait for what takes days; in the report and how to print it."""
_SPEAKING = {PaymentState.NOTHING_DUE, PaymentState.NO_PAYMENT_METHOD, PaymentState.NO_ADAPTER}
"""Payment states whose last step says why nothing was charged."""


class Written(NamedTuple):
    """What a file of customers holds: a row of each, and one of each invoice that was replaced."""

    customers: int
    rows: int


def report(
    ctx: typer.Context, period: str | None, *, in_json: bool, customers: Path | None, in_browser: bool, findings: bool
) -> None:
    """Show the report of a close, in one of its forms."""
    if in_json + in_browser + findings + (customers is not None) > 1:
        raise UserMistakeError("--json, --customers, --findings and --open do not go together: use one of them")
    system, chosen = connect_for(ctx, period)
    if customers is not None:
        written = write_customers(system, chosen, customers)
        say(f"{count(written.customers, 'customer')} of {chosen} written to {customers}{_in_rows(written)}")
    elif in_browser:
        path = save_page(system, chosen)
        say(shown(path))
        webbrowser.open(path.as_uri())
    elif findings:
        print_findings(read_report(system, chosen))
    elif in_json:
        print_json(read_report(system, chosen))
    else:
        print_report(read_report(system, chosen))
        if acts := link(system, chosen):
            note(f"  {acts}")


def read_report(system: System, period: Period) -> Report:
    """Read the report's JSON.

    Raises
    ------
    UserMistakeError
        There is none (yet).
    """
    broke_off = _broken_off(system, period)
    content: Report = broke_off or json.loads(_document(system, period, "json"))
    return content


def save_page(system: System, period: Period) -> Path:
    """Copy the report's page to the state folder."""
    path = folder("reports") / f"{period}.html"
    path.write_bytes(report_page(system, period))
    return path


def report_page(system: System, period: Period) -> bytes:
    """Read the report's page; of a close that was stopped or broke off, make one of what it has done so far.

    Raises
    ------
    UserMistakeError
        There is none (yet).
    """
    broke_off = _broken_off(system, period)
    return render_report(broke_off) if broke_off else _document(system, period, "html")


def _document(system: System, period: Period, kind: str) -> bytes:
    """Read a report as JSON or as a page; while the close runs again, the one of an earlier run."""
    key = report_key(period, kind)
    if require_close(system, period).completed_at is not None:
        return system.ports.documents.get(key)
    earlier = _if_there(system, key)
    if earlier is None:
        raise UserMistakeError(
            f"the close of {period} is running; its report is written at the end\n"
            f"watch it with: monthclose status {period} --watch"
        )
    note(f"the close of {period} is running again; this is the report of an earlier run")
    return earlier


def _broken_off(system: System, period: Period) -> Report | None:
    """Report on what a close that was stopped, or broke off, has done so far; None if it hasn't."""
    close = require_close(system, period)
    if close.completed_at is not None or system.ports.workflow.is_running(close.execution):
        return None
    state = "stopped" if close.stopped else "interrupted"
    ports = system.ports
    content = report_so_far(close, state, ports.closes, ports.books, ports.settings.company_name)
    return with_names(content, ports.directory)


def _if_there(system: System, key: str) -> bytes | None:
    try:
        return system.ports.documents.get(key)
    except KeyError:
        return None


def print_report(content: Report, took: float | None = None) -> None:
    """Print a report for people."""
    customers, proof = content["customers"], content["proof"]
    spent = took if took is not None else content.get("duration_seconds")
    partial = content.get("partial")
    done = f"{content['status']}, a partial report" if partial else "closed"
    ends = content.get("unfinished")
    unfinished = f", {count(ends['in_all'])} unfinished" if ends and ends["in_all"] and not partial else ""
    title = f"{content['period']} {done}: {count(customers['snapshot'], 'customer')}{unfinished}"
    say(title + (f" in {duration(spent)}" if spent is not None else ""), "bold yellow" if partial else "bold")
    for stop in content.get("stops", []):
        why = stop["reason"] or "no reason given"
        say(f"  stopped {datetime.fromisoformat(stop['time']):%Y-%m-%d %H:%M} UTC: {why}")
    header, rows = money_rows(content["money"])
    if rows:
        show_figures([["  " + row[0], *row[1:]] for row in rows], header)
    # Who is parked with an invoice is among those invoiced: beside their reasons, "0 parked" would contradict.
    parked = ("parked",) if customers.get("parked") or not content.get("parked") else ()
    facts = [
        ("  customers", counts_line(customers, ("invoiced", "nothing_to_bill", *parked))),
        ("  payments", counts_line(content["payments"])),
        ("  notices", counts_line(content["notices"], ("sent",))),
        ("  holds", counts_line(content["holds"], ("placed", "lifted"))),
    ]
    for label, counts in (("declines", content.get("declines")), ("parked", content.get("parked"))):
        if counts:
            facts.append((f"  {label}", counts_line(counts)))
    show(grid(facts))
    number = content["proof"].get("findings_in_all", len(proof["findings"]))
    if proof["ties"]:
        say(
            "  the books tie so far; they have not been compared with the providers'" if partial else "  the books tie",
            "bold green",
        )
    elif content["status"] == CloseStatus.NOT_COMPARED:
        say(f"  {NOT_COMPARED}", "bold yellow")
    else:
        say(f"  the books do not tie: {count(number, 'finding')}", "bold red")
    _print_checks(content)
    for finding in proof["findings"][:_MOST_FINDINGS]:
        about = f" (customer {finding['customer_id']})" if finding.get("customer_id") else ""
        say(f"    {finding['check']}: {finding['detail']}{about}", "red")
    if number > _MOST_FINDINGS:
        note(f"    and {number - _MOST_FINDINGS:,} more: monthclose report {content['period']} --findings")
    print_loose_ends(content)
    warnings = [f"warning: {warning}" for warning in content.get("warnings", [])]
    for line in (*approved_lines(content.get("approved")), *warnings):
        say(f"  {line}", "yellow" if line in warnings else "")
    say(f"  report: monthclose report {content['period']} --open", "dim")
    _print_pack(content)


def _print_pack(content: Report) -> None:
    """Say where the report pack is, or why there is none."""
    failure = content.get("pack_failure")
    if failure:
        say(f"  the report pack could not be made: {failure['why']}", "yellow")
        say(f"  to try again: monthclose pack {content['period']} --make", "yellow")
    if "pack" in content:
        say(f"  report pack: monthclose pack {content['period']} --download FOLDER", "dim")


def _print_checks(content: Report) -> None:
    """Show the checks that did not pass, with both sides; those that did are counted."""
    checks = content["proof"].get("checks", ())
    others = [entry for entry in checks if entry["state"] != State.PASSED]
    print_checks(others)
    if len(checks) > len(others):
        passed = count(len(checks) - len(others), "check")
        say(f"  {passed} passed; each with both sides: monthclose prove {content['period']}", "dim")


def print_loose_ends(content: Report) -> None:
    """Name the first customers who are unfinished or wait; neither is an error."""
    for name, style in _LOOSE_ENDS.items():
        ends = content.get(name)
        if not ends or not ends["in_all"]:
            continue
        say(f"  {name}: {count(ends['in_all'], 'customer')}", style)
        for end in ends["customers"][:_MOST_LOOSE_ENDS]:
            say(f"    {end['customer_id']}: {end['what']}{_since(end)}", style)
        if ends["in_all"] > _MOST_LOOSE_ENDS:
            note(f"    and {ends['in_all'] - _MOST_LOOSE_ENDS:,} more: monthclose list {name} {content['period']}")
    if kinds := "|".join(content.get("names", {})):
        note(f"  names: monthclose list {kinds} {content['period']}")


def _since(end: LooseEndEntry) -> str:
    return f" (since {datetime.fromisoformat(end['since']):%Y-%m-%d %H:%M} UTC)" if end["since"] else ""


def print_findings(content: Report) -> None:
    """List everything that the report names: what does not tie, and who is unfinished or waits."""
    proof = content["proof"]
    rows = [("does not tie", f["check"], f.get("customer_id", ""), f["detail"]) for f in proof["findings"]]
    left_out = proof.get("findings_in_all", len(proof["findings"])) - len(proof["findings"])
    for name in _LOOSE_ENDS:
        ends = content.get(name)
        if not ends:
            continue
        rows += [(name, "", end["customer_id"], end["what"] + _since(end)) for end in ends["customers"]]
        left_out += ends["in_all"] - len(ends["customers"])
    if not rows:
        say(f"{content['period']}: the books tie, and nobody is unfinished or waiting")
        return
    show(grid(rows, header=("what", "check", "customer", "detail")))
    if left_out:
        note(f"and {left_out:,} more; all of them: monthclose list {'|'.join(_LOOSE_ENDS)} {content['period']}")


def write_customers(system: System, period: Period, path: Path) -> Written:
    """Write the rows of the snapshot's customers, in its order; returns how many there are of both."""
    close = require_close(system, period)
    if not close.snapshot_key:
        raise UserMistakeError(f"the close of {period} has no list of customers yet")
    number = lines = 0
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = CsvWriter(file)
            writer.write(CUSTOMER_COLUMNS)
            for rows in _rows_by_customer(system, close):
                for row in rows:
                    writer.write(row)
                number, lines = number + 1, lines + len(rows)
    except OSError as error:
        raise UserMistakeError(f"{shown(path)} cannot be written: {error.strerror}") from None
    return Written(number, lines)


def _in_rows(written: Written) -> str:
    replaced = written.rows - written.customers
    theirs = count(replaced, "for a replaced invoice", "for replaced invoices")
    return f" in {count(written.rows, 'row')}, {theirs}" if replaced else ""


def _rows_by_customer(system: System, close: Close) -> Iterator[list[list[str | int]]]:
    ids = (name for batch in read_batches(system.ports.documents, close.snapshot_key) for name in batch.customer_ids)
    with ThreadPoolExecutor(_READERS) as pool:
        for some in batched(ids, _AT_ONCE, strict=False):
            months = pool.map(lambda name: system.ports.books.month(name, close.period), some)
            yield from (customer_rows(name, month) for name, month in zip(some, months, strict=True))


def customer_rows(customer_id: str, month: CustomerMonth) -> list[list[str | int]]:
    """Put a customer's month into a row, and each invoice that was replaced into one more: the sums are the report's.

    A month of credit is invoiced with a negative amount, net and tax too.
    """
    status, reason = _outcome(month)
    row = _row(customer_id, month.invoice, status, reason, str(month.hold.action) if month.hold else "")
    return [row, *(_row(customer_id, kept, "replaced", f"by {kept.replaced_by}") for kept in month.superseded)]


def _row(customer_id: str, invoice: Invoice | None, status: str, reason: str, hold: str = "") -> list[str | int]:
    amounts: list[str | int] = ["", "", 0, 0, 0]
    more: list[str | int] = [0, 0, 0, 0, ""]
    if invoice:
        amounts = [
            invoice.number,
            invoice.currency,
            invoice.total_minor,
            invoice.collected_minor,
            invoice.open.minor,
        ]
        net = invoice.total_minor - invoice.tax_minor
        digits = exponent(invoice.currency)
        more = [invoice.credited_minor, invoice.written_off_minor, net, invoice.tax_minor, digits]
    return [customer_id, *amounts, status, hold, reason, *more]


def _outcome(month: CustomerMonth) -> tuple[str, str]:
    """Tell how the payment stands and why."""
    parked = f"{month.parking.reason}: {month.parking.detail}" if month.parking and month.parked else ""
    payment, state = month.collecting, month.collected_how
    if payment is None or state is None:
        return ("parked", parked) if parked else ("nothing_to_bill", "no usage, or usage that adds up to zero")
    why = payment.history[-1].why if payment.state in _SPEAKING and payment.history else payment.code
    why = f"starts once payment {payment.waits_for} has ended" if payment.waits_for else why
    return str(state), parked or why
