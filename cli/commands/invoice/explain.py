"""`monthclose invoice preview` and `explain`: what an invoice will say, and why it says what it says."""

import json
from datetime import UTC, datetime
from typing import Any

import typer

from cli.connect import connected
from cli.console import amount, grid, note, print_json, say, show
from cli.options import MOST_EVENTS
from cli.system import System
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.group import payer_for
from monthclose.domain.billing_window import period_at
from monthclose.domain.errors import ParkCustomerError, UserMistakeError
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.series import Series
from monthclose.domain.money import in_figures
from monthclose.domain.period import Period
from monthclose.domain.text import check_key
from monthclose.domain.words import count
from monthclose.use_cases.invoices.explain_invoice import explain


def preview(ctx: typer.Context, customer_id: str, period: str, *, in_json: bool, events: int) -> None:
    """Show what a customer's invoice would say now."""
    check_key(customer_id, "the customer's id")
    system = connected(ctx)
    customer = _customer(system, customer_id)
    of = Period.parse(period) if period else _running(system, customer)
    draft = _draft(system, customer, of)
    content = explain(draft, system.ports.usage, events)
    if in_json:
        print_json(content)
        return
    print_explained(content)
    if system.ports.settings.invoicing.carries(draft):
        note("  too small to be invoiced: it would be carried to the next month", "")
    elif not system.ports.settings.invoicing.invoices(draft):
        note("  there would be no invoice", "")
    if payer := payer_for(customer, of):
        note(f"  usage of {of} is on the invoice of {payer}, the payer: monthclose invoice preview {payer} {of}", "")


def _customer(system: System, customer_id: str) -> Customer:
    customer = system.ports.books.customer(customer_id)
    if customer is None:
        raise UserMistakeError(f"there is no customer {customer_id!r} (ids are case-sensitive, as imported)")
    return customer


def _running(system: System, customer: Customer) -> Period:
    return period_at(customer.billing_cycles, system.ports.clock(), system.calendar, customer.billing_zones)


def _draft(system: System, customer: Customer, period: Period) -> Draft:
    customer_id = customer.customer_id
    month = system.ports.books.month(customer_id, period)
    if month.invoice:
        raise UserMistakeError(f"{period} is already invoiced: see monthclose invoice explain {month.invoice.number}")
    close, now = system.ports.closes.get(period), system.ports.clock()
    price_book = (close.price_book if close else "") or system.ports.price_books.latest()
    tax_table = (close.tax_table if close else "") or system.ports.tax_tables.latest()
    try:
        return system.use_cases.invoice_drafter.draft(customer, period, price_book, tax_table, now, system.today)
    except ParkCustomerError as error:
        raise UserMistakeError(f"{customer_id} could not be billed for {period}: {error.detail}") from None


def explain_invoice(ctx: typer.Context, number: str, *, in_json: bool, events: int) -> None:
    """Show how each line of an issued invoice came about."""
    if Series.CREDIT_NOTES.has(number):
        raise UserMistakeError(
            f"{number} is a credit note: only invoices are explained\n"
            f"to see what it says: monthclose invoice show {number}"
        )
    system = connected(ctx)
    document = json.loads(system.use_cases.issued.content(system.use_cases.issued.find(number)))
    content = explain(document, system.ports.usage, events)
    if in_json:
        print_json(content)
    else:
        print_explained(content)


def print_explained(content: dict[str, Any]) -> None:
    """Print what `explain` has found."""
    currency = content["currency"]
    title = content["number"] or f"preview of {content['period']}"
    say(f"{title}  {content['customer_id']}", "bold")
    facts = [("  replaces", content["replaces"])] if content["replaces"] else []
    facts += [("  price book", content["price_book"] or "none")]
    facts += [("  tax table", content["tax_table"])] if content["tax_table"] else []
    show(grid([*facts, ("  usage received until", _time(content["usage_until"]) or "the invoice was made")]))
    rows: list[tuple[str, str, str]] = []
    for line in content["lines"]:
        rows += _rows(line, currency)
    for tax in content["taxes"]:
        rows += _tax_rows(tax, currency, within=content["prices_include_tax"])
    rows.append(("  total", "", f"{amount(content['total_minor'], currency)} {currency}"))
    rows += [
        (f"  {credit['description']}", "", amount(credit["amount_minor"], currency)) for credit in content["credits"]
    ]
    show(grid(rows, right=(1, 2), header=("  line", "quantity", currency)))


def _tax_rows(tax: dict[str, Any], currency: str, *, within: bool) -> list[tuple[str, str, str]]:
    of = f"of {amount(tax['base_minor'], currency)}{', in the prices' if within else ''}"
    row = (f"  {tax['name']} {tax['percent']}% {of}", "", amount(tax["amount_minor"], currency))
    return [row, (f"    {tax['note']}", "", "")] if tax.get("note") else [row]


def _measured(quantity: str, unit: str) -> str:
    return f"{in_figures(quantity)} {unit}".strip()


def _rows(line: dict[str, Any], currency: str) -> list[tuple[str, str, str]]:
    period = line.get("period", "")
    if period in line["description"]:
        period = ""  # as in "support, in advance for 2026-11"
    parts = (line["description"], line.get("resource", ""), period)
    name = " ".join(part for part in parts if part)
    whose = f"{line['customer_id']}: " if line.get("customer_id") else ""
    rows = [(f"  {whose}{name}", _measured(line["quantity"], line["unit"]), amount(line["amount_minor"], currency))]
    rows += [(f"    {text}", "", "") for text in line["in_words"]]
    if line.get("tax_class"):
        rows.append((f"    tax class {line['tax_class']}", "", ""))
    if line["recomputed_minor"] != line["amount_minor"]:
        rows.append((f"    computed again, it is {amount(line['recomputed_minor'], currency)}: a defect", "", ""))
    events = line["events"]
    if events["count"]:
        rows.append(
            (f"    {count(events['count'], 'event')} in total", _measured(events["quantity"], line["unit"]), "")
        )
    for event in events["first"]:
        said = "".join(f"  {text}" for text in (event["resource"], event["attributes"]) if text)
        rows.append(
            (
                f"      {_time(event['time'])}  {event['event_id']}{said}",
                _measured(event["quantity"], line["unit"]),
                "",
            )
        )
    left = events["count"] - len(events["first"])
    if left and events["first"]:
        rows.append((f"      and {left:,} more: use --events {min(events['count'], MOST_EVENTS)}", "", ""))
    return rows


def _time(iso: str | None) -> str:
    """Write a time as a person reads it: `2026-10-31 23:59:59 UTC`."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if iso else ""
