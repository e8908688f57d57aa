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
    delimiter: options.Delimiter = "",
    encoding: options.Encoding = "",
    sheet: options.Sheet = "",
    only: options.Only = None,
    without: options.Without = None,
    source: options.Source = "",
    max_rejected: options.MaxRejected = None,
    check: options.CheckFile = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Create customers, or replace their profiles; their accounts stay as they are.

    Fields: customer_id, name, email, currency (ISO 4217), payment_provider, payment_method (the provider's id of the
    card or mandate; may be empty). Optional: country and region (ISO 3166, where taxes depend on them), tax_id
    (checked), address (several lines), language (of e-mails and invoices: de, fr; else the company's), billing_day,
    time_zone, invoice_emails and dunning_emails (in place of email), contact, purchase_order, cost_centre, payer (the
    id of the customer on whose invoice this one's usage is).
    """


@imports.command("prices", cls=Command)
@runs("cli.commands.imports:prices", changes=True)
def prices(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=f"{options.ROW_FILES} Or a price book in TOML.", show_default=False),
    ],
    mapped: options.Columns = None,
    default: options.Defaults = None,
    rejects: options.RejectsFile = None,
    decimal: options.Decimal = "",
    delimiter: options.Delimiter = "",
    encoding: options.Encoding = "",
    sheet: options.Sheet = "",
    only: options.Only = None,
    without: options.Without = None,
    source: options.Source = "",
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
    time_zone: options.TimeZone = "",
    time_format: options.TimeFormat = "",
    delimiter: options.Delimiter = "",
    encoding: options.Encoding = "",
    sheet: options.Sheet = "",
    only: options.Only = None,
    without: options.Without = None,
    source: options.Source = "",
    max_rejected: options.MaxRejected = None,
    horizon: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="DAYS", help="Reject usage that is older.")
    ] = options.HORIZON_DAYS,
    check: options.CheckFile = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Store the usage of known customers. Usage that is already stored is not stored twice.

    Fields: customer_id, sku, quantity (negative for a correction), time (ISO 8601).
    Optional: event_id, resource (one machine, one volume), unit_price (for usage that was rated upstream; otherwise
    the price book decides), currency (of unit_price: checked, never converted), description, replaces (the id of an
    event of the same month that this one corrects), used_at (of a return: when what comes back was used),
    attributes.NAME (what prices may tell apart, like a region).
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


sources = typer.Typer(name="sources")
SourceName = Annotated[str, typer.Argument(metavar="NAME", help="The source's name.", show_default=False)]


@sources.callback(invoke_without_command=True)
@runs("cli.commands.sources:sources")
def show_sources(ctx: typer.Context, in_json: options.InJson = False) -> None:
    """Show the sources of imported files, and how the files of each are read.

    A source is saved once and named with each import (`import usage FILE --source NAME`), or by the folder of a dropped
    file (usage/NAME/). `focus` is built in: the usage in a cloud's bill, as a FOCUS file.
    """


@sources.command("save", cls=Command)
@runs("cli.commands.sources:save", changes=True)
def save_source(
    ctx: typer.Context,
    name: SourceName,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="What it sends: usage, customers or prices.",
            autocompletion=options.complete_source_kind,
        ),
    ] = "usage",
    mapped: options.Columns = None,
    default: options.Defaults = None,
    decimal: options.Decimal = "",
    delimiter: options.Delimiter = "",
    encoding: options.Encoding = "",
    time_zone: options.TimeZone = "",
    time_format: options.TimeFormat = "",
    sheet: options.Sheet = "",
    only: options.Only = None,
    without: options.Without = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Save how the files of a source are read. One of that name is replaced as a whole."""


@sources.command("remove", cls=Command)
@runs("cli.commands.sources:remove", changes=True)
def remove_source(ctx: typer.Context, name: SourceName, by: options.By = "", in_json: options.InJson = False) -> None:
    """Remove a source. What was imported stays."""
