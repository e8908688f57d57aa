"""The commands that import a company's own files."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.grammar import Command
from cli.interface.running import runs

imports = typer.Typer(
    name="import", help="Import customers, prices, usage, taxes and the logo from files.", no_args_is_help=True
)


@imports.command("customers", cls=Command)
@runs("cli.commands.imports:customers", changes=True)
def customers(
    ctx: typer.Context,
    file: options.RowFile,
    mapped: options.Columns = None,
    default: options.Defaults = None,
    rejects: options.RejectsFile = None,
    max_rejected: options.MaxRejected = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Create customers, or replace their profiles; their accounts stay as they are.

    Fields: customer_id, name, email, currency (ISO 4217), payment_provider, payment_method (the provider's id of the
    card or mandate; may be empty). Optional: country and region (ISO 3166, where taxes depend on them), tax_id
    (checked), address (several lines), language (of e-mails and invoices: de, fr; else the company's).
    """


@imports.command("prices", cls=Command)
@runs("cli.commands.imports:prices", changes=True)
def prices(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or JSON Lines, plain or gzip; or a price book in TOML.", show_default=False
        ),
    ],
    mapped: options.Columns = None,
    default: options.Defaults = None,
    rejects: options.RejectsFile = None,
    decimal: options.Decimal = "",
    check: Annotated[
        bool, typer.Option("--check", help="Say what the import would change and for whom, and import nothing.")
    ] = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Add prices to the price book: the whole file or nothing. Prices of the same SKU and currency are replaced.

    Fields: sku, currency (ISO 4217), unit_price (in dollars, not cents; fractions of a cent are fine). Optional: unit
    and description (without them, those in the price book stay). A TOML file can hold everything that a price book
    can: tiers, caps, packages, fees, dates, overrides for customers, discounts and commitments (docs/price-book.md).

    For each entry that is new or changed it says for how many customers it is. A fee or discount that names no
    customers is for all of them.
    """


@imports.command("usage", cls=Command)
@runs("cli.commands.imports:usage", changes=True)
def usage(
    ctx: typer.Context,
    file: options.RowFile,
    mapped: options.Columns = None,
    default: options.Defaults = None,
    rejects: options.RejectsFile = None,
    decimal: options.Decimal = "",
    max_rejected: options.MaxRejected = None,
    horizon: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="DAYS", help="Reject usage that is older.")
    ] = options.HORIZON_DAYS,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Store the usage of known customers. Usage that is already stored is not stored twice.

    Fields: customer_id, sku, quantity (negative for a correction), time (ISO 8601; UTC if it has no time zone).
    Optional: event_id, resource (one machine, one volume), unit_price (for usage that was rated upstream; otherwise
    the price book decides), description, replaces (the id of an event of the same month that this one corrects).
    Without event_id, the file's name and the line number identify a row, so importing the same file again adds nothing.
    """


@imports.command("taxes", cls=Command)
@runs("cli.commands.imports:taxes", changes=True)
def taxes(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML; see docs/taxes.md.", show_default=False)],
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Replace the whole tax table, for all later invoices. Customers it does not cover are parked, not billed."""


@imports.command("logo", cls=Command)
@runs("cli.commands.imports:logo", changes=True)
def logo(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="SVG, PNG or JPEG.", show_default=False)],
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Set the logo for future invoices. Issued invoices keep theirs."""
