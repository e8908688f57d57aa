"""The commands about one customer's account."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.grammar import Command
from cli.interface.running import runs


@runs("cli.commands.customer:customer")
def customer(ctx: typer.Context, customer_id: options.Customer, in_json: options.InJson = False) -> None:
    """Show a customer: profile, balance, and everything that happened, in order, across months."""


@runs("cli.commands.accounts:pay", changes=True)
def pay(
    ctx: typer.Context,
    customer_id: options.Customer,
    amount: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="The most to charge, in the customer's currency, like 12.50. [default: everything open]",
            show_default=False,
        ),
    ] = None,
    here: options.Here = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Charge a customer now for their open invoices, oldest first. Safe while a close is charging them.

    For money that arrived outside the providers, a bank transfer say, use `payments record`.
    """


@runs("cli.commands.refund:refund", changes=True)
def refund(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="PAYMENT/INVOICE",
            help="A payment, like 2026-10/acme, or the invoice that it paid, like INV-00000042.",
        ),
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why. The customer reads it.")],
    amount: options.OptionalAmount = None,
    kind: Annotated[
        options.RefundFor,
        typer.Option(
            "--for",
            help="Why: a service billed wrongly (with a credit note), what was paid beyond what was due, or goodwill "
            "(both without one).",
        ),
    ] = options.RefundFor.SERVICE,
    here: options.Here = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Refund a payment to the card or bank account that it came from. Never twice, whatever breaks off.

    For a service, a credit note takes the amount off the invoice. An overpayment comes out of the customer's credit.
    Goodwill leaves the invoice as it is, and is written off. How much each role may refund is in the settings.
    """


@runs("cli.commands.refund:write_off", changes=True)
def write_off(
    ctx: typer.Context,
    number: options.InvoiceNumber,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why. Kept in the ledger; the customer does not read it.")
    ],
    amount: options.OptionalAmount = None,
    no_mail: options.NoMail = False,
    here: options.Here = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Write off what is open of an invoice: the customer no longer owes it. No credit note, and no tax is corrected.

    The same amount for the same reason again writes off nothing more. To correct an invoice, use `invoice credit`.
    """


payments = typer.Typer(
    name="payments",
    help="Record payments received outside the providers, such as bank transfers.",
    no_args_is_help=True,
)


@payments.command("record", cls=Command)
@runs("cli.commands.accounts:record", changes=True)
def record(
    ctx: typer.Context,
    customer_id: options.Customer,
    amount: options.Amount,
    reference: Annotated[
        str,
        typer.Option(metavar="TEXT", help="The bank's reference. It is never booked twice for the same customer."),
    ],
    until: options.Until = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Record a payment received outside the providers (a bank transfer). It covers open invoices, oldest first.

    With --until it is prepaid credit: whatever the months that end by then do not use up is ours to keep. To charge
    the customer's card or bank account, use `pay`.
    """


@runs("cli.commands.accounts:credit", changes=True)
def credit(
    ctx: typer.Context,
    customer_id: options.Customer,
    amount: options.Amount,
    reason: options.Reason,
    kind: Annotated[
        options.CreditKind, typer.Option(help="Promotional credit is used up before goodwill credit.")
    ] = options.CreditKind.GOODWILL,
    until: options.Until = None,
    sku: Annotated[
        list[str] | None,
        typer.Option(metavar="SKU", help="Only for this SKU's usage and its tax. Repeat it for more."),
    ] = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Grant a customer promotional or goodwill credit; for a credit note, use `invoice credit`.

    It covers open invoices, oldest first, then future months. No invoice is changed. With --sku it pays for those SKUs
    only, on the invoices that are issued from now on.
    """


@runs("cli.commands.accounts:hold", changes=True)
def hold(
    ctx: typer.Context,
    customer_id: options.Customer,
    reason: options.Reason,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Put a customer on hold. Only a person lifts it again, unless the settings say otherwise."""


@runs("cli.commands.accounts:release", changes=True)
def release(
    ctx: typer.Context,
    customer_id: options.Customer,
    reason: options.Reason,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Lift a customer's hold. What is open now never puts them on hold again; a later invoice may."""


@runs("cli.commands.papers:receipt")
def receipt(
    ctx: typer.Context,
    payment: Annotated[
        str,
        typer.Argument(
            metavar="PAYMENT",
            help="A payment's id, like 2026-10/acme; or an invoice's number, for its latest payment.",
        ),
    ],
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Write the PDF for the customer, in their language.")
    ] = None,
    in_json: options.InJson = False,
) -> None:
    """Show or write the receipt for a payment that a provider has collected."""


@runs("cli.commands.papers:statement")
def statement(
    ctx: typer.Context,
    customer_id: options.Customer,
    period: options.LastMonth = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="PERIOD",
            help="The last month, for several. [default: the same month]",
            show_default=False,
            autocompletion=options.complete_period,
        ),
    ] = None,
    currency: Annotated[
        str, typer.Option(metavar="CODE", help="For an account that has changed it. [default: the account's]")
    ] = "",
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Write the PDF for the customer, in their language.")
    ] = None,
    in_json: options.InJson = False,
) -> None:
    """Show or write a customer's statement of account: opening balance, movements, closing balance."""
