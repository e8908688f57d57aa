"""`monthclose invoice credit` and `void`: credit an issued invoice, in part or in full, with a credit note."""

from contextlib import AbstractContextManager
from typing import Any

import typer

from cli.commands.customer import balance_in_words
from cli.commands.invoice.tell import tell_customer
from cli.connect import connected
from cli.console import print_json, say
from cli.system import System
from cli.typed import amount_in
from monthclose.domain.audit import in_json as as_text
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.register.rows import credit_note_row
from monthclose.use_cases.audit.record_act import Announced


def credit(
    ctx: typer.Context, number: str, reason: str, amount: str | None, by: str, *, no_mail: bool, in_json: bool
) -> None:
    """Issue a credit note for a part of an invoice, or for all that is left of it."""
    system = connected(ctx)
    invoice = system.use_cases.issued.find(number)
    wanted = amount_in(invoice.currency, amount) if amount is not None else None
    before, after = _notes_on(system, invoice), f"{wanted or 'all that is left'} credited"
    with acting_on(system, "invoice.credited", invoice, by, why=reason, after=after) as act:
        note = system.use_cases.corrector.credit(number, wanted, reason)
        act.done(_in_short(note))
    _tell(system, note, before, mail=not no_mail, in_json=in_json)


def void(ctx: typer.Context, number: str, reason: str, by: str, *, no_mail: bool, in_json: bool) -> None:
    """Issue a credit note for everything that is left of an invoice."""
    system = connected(ctx)
    invoice = system.use_cases.issued.find(number)
    before = _notes_on(system, invoice)
    with acting_on(system, "invoice.voided", invoice, by, why=reason, after="all that is left credited") as act:
        note = system.use_cases.corrector.void(number, reason)
        act.done(_in_short(note))
    _tell(system, note, before, mail=not no_mail, in_json=in_json)


def acting_on(
    system: System, what: str, invoice: Invoice, by: str, *, why: str, after: str
) -> AbstractContextManager[Announced]:
    """Record in the audit trail what is about to be done to an invoice."""
    collected, credited = (
        Money(minor, invoice.currency) for minor in (invoice.collected_minor, invoice.credited_minor)
    )
    was = f"{invoice.total}: {collected} collected, {credited} credited"
    return system.use_cases.acts.acting(
        what,
        by=by,
        why=why,
        before=was,
        after=after,
        period=invoice.period,
        customer_id=invoice.customer_id,
        invoice=invoice.number,
    )


def _in_short(note: CreditNote) -> str:
    return as_text(credit_note=note.number, total=str(note.total))


def _notes_on(system: System, invoice: Invoice) -> set[str]:
    return {note.number for note in system.ports.books.month(invoice.customer_id, invoice.period).credit_notes}


def _tell(system: System, note: CreditNote, before: set[str], *, mail: bool, in_json: bool) -> None:
    if not in_json:
        customer = system.ports.books.customer(note.customer_id)
        balance = f"; {note.customer_id}: {balance_in_words(customer)}" if customer else ""
        again = f" was already issued on {note.issued_on}: nothing new" if note.number in before else ""
        say(f"{note.number} for {note.total} of {note.corrects}{again}{balance}")
    notice = tell_customer(system, note) if mail else None
    if in_json:
        print_json(note_as_json(note) | {"notice": str(notice) if notice else None})


def note_as_json(note: CreditNote) -> dict[str, Any]:
    """Say what a credit note is, for programs; amounts in minor units."""
    return {**credit_note_row(note), "sha256": note.document.sha256}
