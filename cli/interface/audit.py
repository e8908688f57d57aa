"""The command about the audit trail."""

from typing import Annotated

import typer

from cli import options
from cli.interface.running import runs


@runs("cli.commands.audit:audit")
def audit(
    ctx: typer.Context,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD", help="About a month's close, like 2026-10.", autocompletion=options.complete_period
        ),
    ] = None,
    customer: Annotated[str | None, typer.Option(metavar="ID", help="About a customer.")] = None,
    invoice: Annotated[str | None, typer.Option(metavar="NUMBER", help="About an invoice, like INV-00000042.")] = None,
    what: Annotated[
        str | None, typer.Option(metavar="KIND", help="Of one kind, like close.stopped, or of all like `close`.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="WHO", help="By a person, rule or AWS identity; part of the name will do."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="From this day on (UTC), like 2026-11-01, or this time.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Before this day or time.")] = None,
    most: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=10_000, help="Show at most so many.")] = 50,
    check: Annotated[
        bool, typer.Option("--check", help="Check that no act was changed or removed since it was written.")
    ] = False,
    in_json: options.InJson = False,
) -> None:
    """Show who changed what, when and why, from what to what; the newest first.

    Acts are only ever added. Exit status 4 means that --check has found one that was changed or is missing.
    """
