"""The commands about one invoice or credit note."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.grammar import Command
from cli.interface.running import runs

invoice = typer.Typer(
    name="invoice", help="Show, preview, explain, credit, void or regenerate one invoice.", no_args_is_help=True
)


@invoice.command("show", cls=Command)
@runs("cli.commands.invoice.show:show_invoice")
def show_invoice(
    ctx: typer.Context,
    number: Annotated[
        str,
        typer.Argument(metavar="NUMBER", help="The number of an invoice or credit note, like INV-00000042."),
    ],
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Write the PDF that the customer gets.")
    ] = None,
    xml: Annotated[
        Path | None,
        typer.Option("--xml", metavar="FILE", help="Write the XML of EN 16931 (Cross Industry Invoice)."),
    ] = None,
    in_json: Annotated[
        bool, typer.Option("--json", help="Print the stored document, byte for byte; amounts are in minor units.")
    ] = False,
    state: Annotated[
        bool, typer.Option("--state", help="Print as JSON what has happened to it since: paid, credited, replaced.")
    ] = False,
) -> None:
    """Show an issued invoice or credit note. Whatever the form, the document is first checked against its hash."""


@invoice.command("preview", cls=Command)
@runs("cli.commands.invoice.explain:preview")
def preview(
    ctx: typer.Context,
    customer_id: options.Customer,
    period: options.ThisMonth = "",
    in_json: options.InJson = False,
    events: options.Events = 0,
) -> None:
    """Show what a customer's invoice would say with today's usage and prices. Writes nothing."""


@invoice.command("explain", cls=Command)
@runs("cli.commands.invoice.explain:explain_invoice")
def explain(
    ctx: typer.Context,
    number: options.InvoiceNumber,
    in_json: options.InJson = False,
    events: options.Events = 10,
) -> None:
    """Show the events, prices and arithmetic behind each line of an issued invoice, computed again."""


@invoice.command("credit", cls=Command)
@runs("cli.commands.invoice.correct:credit", changes=True)
def credit(
    ctx: typer.Context,
    number: options.InvoiceNumber,
    reason: options.ReasonForCustomer,
    amount: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="With tax, in the invoice's currency, like 12.50. [default: all that is left]",
            show_default=False,
        ),
    ] = None,
    no_mail: options.NoMail = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Correct an invoice with a credit note; to grant credit without touching an invoice, use `credit`.

    What is open is no longer owed, what was paid becomes credit. The customer is told by e-mail. The same amount
    for the same reason again issues nothing new: it shows the credit note, and sends the e-mail if it has not been
    sent.
    """


@invoice.command("void", cls=Command)
@runs("cli.commands.invoice.correct:void", changes=True)
def void(
    ctx: typer.Context,
    number: options.InvoiceNumber,
    reason: options.ReasonForCustomer,
    no_mail: options.NoMail = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Cancel an invoice: issue a credit note for everything that is left of it. The customer is told by e-mail."""


@invoice.command("regenerate", cls=Command)
@runs("cli.commands.invoice.regenerate:regenerate", changes=True)
def regenerate(
    ctx: typer.Context,
    number: options.InvoiceNumber,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why. Printed on the credit note and on the new invoice.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what the new invoice would say.")] = False,
    no_mail: options.NoMail = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Cancel an invoice with a credit note and issue a new one for the same month in its place.

    The new invoice uses today's prices, taxes, customer profile and usage. What was paid for the old one counts towards
    it. The customer gets one e-mail. The same command with the same reason issues nothing new: it shows what was done,
    or completes it.
    """
