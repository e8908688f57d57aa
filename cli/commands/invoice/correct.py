"""`monthclose invoice credit` and `void`: take an issued invoice back, in part or whole, by a credit note."""

from typing import Annotated, Any

import typer

from cli.commands.customer import balance_in_words
from cli.commands.invoice.tell import NoMail, tell_customer
from cli.connect import connected
from cli.console import print_json, say
from cli.system import System
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.money import Money

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The invoice's number, like INV-00000042.")]
Reason = Annotated[str, typer.Option(help="Why: written on the credit note, so the customer reads it.")]
InJson = Annotated[bool, typer.Option("--json", help="As JSON; amounts in minor units.")]


def credit(
    ctx: typer.Context,
    number: Number,
    reason: Reason,
    amount: Annotated[
        str | None,
        typer.Option(help="With tax, in major units of its currency, like 12.50; all that is left by default."),
    ] = None,
    no_mail: NoMail = False,
    in_json: InJson = False,
) -> None:
    """Issue a credit note: what is open isn't owed any more, what was paid becomes credit. The customer is told.

    The same amount for the same reason again issues nothing new: it shows the credit note, and sends the e-mail if
    that was not sent.
    """
    system = connected(ctx)
    wanted = Money.parse(amount, system.use_cases.issued.find(number).currency) if amount is not None else None
    before = _notes_on(system, number)
    _tell(system, system.use_cases.corrector.credit(number, wanted, reason), before, mail=not no_mail, in_json=in_json)


def void(ctx: typer.Context, number: Number, reason: Reason, no_mail: NoMail = False, in_json: InJson = False) -> None:
    """Issue a credit note over everything that is left of an invoice. The customer is told."""
    system = connected(ctx)
    before = _notes_on(system, number)
    _tell(system, system.use_cases.corrector.void(number, reason), before, mail=not no_mail, in_json=in_json)


def _notes_on(system: System, number: str) -> set[str]:
    invoice = system.use_cases.issued.find(number)
    return {note.number for note in system.ports.books.month(invoice.customer_id, invoice.period).credit_notes}


def _tell(system: System, note: CreditNote, before: set[str], *, mail: bool, in_json: bool) -> None:
    if not in_json:
        customer = system.ports.books.customer(note.customer_id)
        balance = f"; {note.customer_id}: {balance_in_words(customer)}" if customer else ""
        again = f" was issued on {note.issued_on} already: nothing new" if note.number in before else ""
        say(f"{note.number} for {note.total} of {note.corrects}{again}{balance}")
    notice = tell_customer(system, note) if mail else None
    if in_json:
        print_json(note_as_json(note) | {"notice": str(notice) if notice else None})


def note_as_json(note: CreditNote) -> dict[str, Any]:
    """Say what a credit note is, for programs; amounts in minor units."""
    return {
        "number": note.number,
        "corrects": note.corrects,
        "customer_id": note.customer_id,
        "period": str(note.period),
        "currency": note.currency,
        "total_minor": note.total_minor,
        "tax_minor": note.tax_minor,
        "issued_on": note.issued_on.isoformat(),
        "reason": note.reason,
        "sha256": note.document.sha256,
    }
