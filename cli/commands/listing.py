"""`monthclose list` and `parked`: the customers behind a count, by name. They are read, and printed, batch by batch."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import typer

from cli.console import amount, note, print_json_stream, say
from cli.months import connect_for, require_close
from cli.system import System
from monthclose.domain.closes.close import Close
from monthclose.domain.closes.listing import Listed
from monthclose.domain.closes.parked import what_helps
from monthclose.domain.words import count

_ID_WIDTH = 24


def list_customers(ctx: typer.Context, what: str, period: str | None, *, in_json: bool) -> None:
    """List the customers behind a count."""
    system, chosen = connect_for(ctx, period)
    close, what = require_close(system, chosen), what.strip().lower().replace(" ", "_").replace("-", "_")
    found = system.use_cases.customer_lister.list(close, what)
    if in_json:
        print_json_stream({"period": str(chosen), "what": what}, "customers", map(as_json, found))
        return
    number = _print(found)
    note(f"{chosen}: {count(number, 'customer')} {what.replace('_', ' ')}")


def parked(ctx: typer.Context, period: str | None, reason: str, *, in_json: bool) -> None:
    """List the parked customers, by reason."""
    system, chosen = connect_for(ctx, period)
    close, lister = require_close(system, chosen), system.use_cases.customer_lister
    reasons = _reasons(system, close, reason)
    if in_json:
        head = {
            "period": str(chosen),
            "in_all": sum(reasons.values()),
            "reasons": [
                {"reason": name, "customers": number, "help": what_helps(name)} for name, number in reasons.items()
            ],
        }
        print_json_stream(head, "customers", map(as_json, lister.list(close, "parked", reason)))
        return
    if not reasons:
        say(f"{chosen}: nobody is parked{f' for the reason {reason}' if reason else ''}")
        return
    for name, number in reasons.items():
        say(f"{name}: {count(number, 'customer')}", "bold")
        say(f"  what helps: {what_helps(name)}")
        _print(lister.list(close, "parked", name), reasoned=False)
    chosen_reason = f" --reason {reason}" if reason else ""
    note(f"once the reason is gone: monthclose retry --parked{chosen_reason} --period {chosen}")


def _reasons(system: System, close: Close, reason: str) -> dict[str, int]:
    """Count the parked customers by reason, by the sums of the batches: the most frequent reason first."""
    found = Counter[str]()
    for progress in system.ports.closes.all_progress(close.period):
        found.update(progress.totals.parked)
    return {name: number for name, number in found.most_common() if reason in ("", name)}


def _print(found: Iterator[Listed], *, reasoned: bool = True) -> int:
    number = 0
    for one in found:
        say(f"  {words(one, reasoned=reasoned)}")
        number += 1
    return number


def words(one: Listed, *, reasoned: bool = True) -> str:
    """Write a customer in a line.

    Parameters
    ----------
    reasoned : bool
        Whether to say the reason: not where all have the same.
    """
    return f"{one.customer_id:<{_ID_WIDTH}}  {'  '.join(filter(None, _words(one, reasoned=reasoned)))}"


def _words(one: Listed, *, reasoned: bool) -> Iterator[str]:
    if one.invoice:
        of, currency = one.invoice, one.invoice.currency
        yield f"{of.number}  {amount(of.total_minor, currency)} {currency}"
        if of.open:
            yield f"open {amount(of.open.minor, currency)}"
    yield ": ".join(filter(None, (one.reason if reasoned else "", one.why)))
    if one.since:
        yield f"since {one.since:%Y-%m-%d %H:%M} UTC"


def as_json(one: Listed) -> dict[str, Any]:
    """Put a customer into JSON; amounts in minor units."""
    of = one.invoice
    amounts = (
        {
            "invoice": of.number,
            "currency": of.currency,
            "invoiced_minor": of.total_minor,
            "collected_minor": of.collected_minor,
            "open_minor": of.open.minor,
        }
        if of
        else {}
    )
    return {
        "customer_id": one.customer_id,
        "reason": one.reason,
        "why": one.why,
        "since": one.since.isoformat() if one.since else None,
        "payment": one.payment or None,
        "hold": one.hold or None,
        **amounts,
    }
