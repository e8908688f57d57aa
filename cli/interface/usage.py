"""The commands for stored usage."""

from typing import Annotated

import typer

from cli import options
from cli.grammar import Command
from cli.interface.running import runs

usage = typer.Typer(
    name="usage",
    help="Stored usage: list dropped files, archive what is old, move what earlier releases have stored.",
    no_args_is_help=True,
)


@usage.command("archive", cls=Command)
@runs("cli.commands.usage_archive:archive", changes=True)
def archive(
    ctx: typer.Context,
    period: Annotated[
        str | None, typer.Argument(metavar="[PERIOD]", help="The month; else all that are due.", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is archived, and what is due. Changes nothing.")
    ] = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Move old usage from DynamoDB into Parquet files in S3, where it is found like any other.

    Usage older than the setting usage_months (13) is moved every day by itself, a month at a time; this does it now.
    Nothing leaves before its files were read back and compared. Ctrl-C ends the waiting only; what was interrupted
    continues where it stopped. A month without usage is refused; --check lists those that have some.
    """


@usage.command("drops", cls=Command)
@runs("cli.commands.usage_drops:drops")
def drops(
    ctx: typer.Context,
    most: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=10_000, help="Show at most so many.")] = 20,
    in_json: options.InJson = False,
) -> None:
    """List the usage files that were dropped into the bucket, the latest first, and what became of each.

    Of a file that was imported: how many rows, and how many were rejected. Of another one: that it waits, is being
    imported, was only checked, cannot be used (and why), or that its import failed.
    """


@usage.command("move", cls=Command)
@runs("cli.commands.usage_move:move", changes=True)
def move(ctx: typer.Context, by: options.By = "", in_json: options.InJson = False) -> None:
    """Move usage that earlier releases have stored, event by event, to where this one stores it.

    Run it once after an update from such a release, and again when the imports that ran meanwhile have ended. Until
    then such usage is found where it is. While a close is running, nothing is moved. It may be interrupted at any time:
    run it again, and it continues.
    """
