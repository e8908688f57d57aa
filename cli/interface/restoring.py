"""The command that restores the tables from their backups."""

from typing import Annotated

import typer

from cli import options
from cli.interface.running import runs


@runs("cli.commands.restore:restore", changes=True)
def restore(
    ctx: typer.Context,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="To when, in UTC, like 2026-11-01T02:30. At most 35 days ago.")
    ],
    put_back: Annotated[
        bool, typer.Option("--put-back", help="Make the tables as they were. Without it, only differences are counted.")
    ] = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Restore the tables from their backups, after somebody or something has damaged them.

    Run it three times: the first makes copies of the tables as they were, which takes minutes to hours; the second
    counts what differs; the third, with --put-back, puts it back. Read the runbook first: nothing else may run.
    """
