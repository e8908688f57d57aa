"""`monthclose receipt` and `monthclose statement`: a payment confirmed, and an account over a month or several."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from cli.commands.invoice.show import write_out
from cli.connect import connected
from cli.console import amount, grid, print_json, say, show
from cli.months import connect_for
from cli.typed import period_in
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.statements.receipt import Receipt
from monthclose.domain.statements.statement import Movement, Statement, days_of


def receipt(ctx: typer.Context, payment: str, pdf: Path | None, *, in_json: bool) -> None:
    """Show the receipt for a payment, or write its PDF."""
    papers = connected(ctx).use_cases.account_papers
    made = papers.receipt(payment)
    if pdf is not None:
        write_out(pdf, papers.pdf(made), f"receipt {made.payment_id}")
    elif in_json:
        print_json(_receipt_as_json(made))
    else:
        _print_receipt(made)


def statement(
    ctx: typer.Context,
    customer_id: str,
    period: str | None,
    until: str | None,
    currency: str,
    pdf: Path | None,
    *,
    in_json: bool,
) -> None:
    """Show a customer's statement of account, or write its PDF."""
    said = period_in(until, "--to") if until else None  # a typing mistake needs no connection to be told
    system, first = connect_for(ctx, period)
    last = said or first
    if last < first:
        raise UserMistakeError(f"{last} is before {first}: --to names the last month of the statement")
    papers = system.use_cases.account_papers
    made = papers.statement(customer_id, days_of(first)[0], days_of(last)[1], currency.upper())
    if pdf is not None:
        write_out(pdf, papers.pdf(made), f"statement of {customer_id}")
    elif in_json:
        print_json(_statement_as_json(made))
    else:
        _print_statement(made)


def _print_receipt(made: Receipt) -> None:
    say(f"Receipt {made.payment_id}  {made.buyer.name}", "bold")
    show(grid([("  customer", made.buyer.customer_id), ("  paid on", made.paid_on.isoformat())]))
    paid = {f"for invoice {invoice.number}": invoice.minor for invoice in made.invoices}
    paid |= {"added to credit": made.to_credit_minor} if made.to_credit_minor else {}
    gone = {"refunded": -made.refunded_minor, "reversed by the bank": -made.reversed_minor}
    rows = {**paid, "paid": made.paid_minor, **{name: minor for name, minor in gone.items() if minor}}
    _sums(rows | {"received": made.kept_minor}, made.currency)


def _print_statement(made: Statement) -> None:
    say(f"Statement of account  {made.buyer.name}", "bold")
    show(grid([("  customer", made.buyer.customer_id), ("  days", f"{made.first} to {made.last}")]))
    say("")
    balance = made.opening_minor
    rows = [(f"  {made.first}", "opening balance", "", amount(balance, made.currency))]
    for movement in made.movements:
        balance += movement.minor
        changed, owed = amount(movement.minor, made.currency), amount(balance, made.currency)
        rows.append((f"  {movement.day}", _in_words(movement), changed, owed))
    rows.append((f"  {made.last}", "closing balance", "", amount(made.closing_minor, made.currency)))
    show(grid(rows, right=(2, 3), header=("  day", "movement", "amount", f"owed ({made.currency})")))


def _in_words(movement: Movement) -> str:
    return f"{movement.kind.replace('_', ' ')} {movement.number}".strip()


def _sums(rows: dict[str, int], currency: str) -> None:
    say("")
    show(grid([(f"  {name}", f"{amount(minor, currency)} {currency}") for name, minor in rows.items()], right=(1,)))


def _receipt_as_json(made: Receipt) -> dict[str, Any]:
    return {
        "payment": made.payment_id,
        "customer_id": made.buyer.customer_id,
        "currency": made.currency,
        "paid_on": made.paid_on.isoformat(),
        "invoices": [{"number": invoice.number, "amount_minor": invoice.minor} for invoice in made.invoices],
        "to_credit_minor": made.to_credit_minor,
        "paid_minor": made.paid_minor,
        "refunded_minor": made.refunded_minor,
        "reversed_minor": made.reversed_minor,
        "kept_minor": made.kept_minor,
    }


def _statement_as_json(made: Statement) -> dict[str, Any]:
    return {
        "customer_id": made.buyer.customer_id,
        "currency": made.currency,
        "first": made.first.isoformat(),
        "last": made.last.isoformat(),
        "opening_minor": made.opening_minor,
        "movements": [_movement_as_json(movement) for movement in made.movements],
        "closing_minor": made.closing_minor,
    }


def _movement_as_json(movement: Movement) -> dict[str, Any]:
    content = asdict(movement) | {"day": movement.day.isoformat()}
    return {"amount_minor" if name == "minor" else name: value for name, value in content.items()}
