"""The commands for finance."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.interface.running import runs


@runs("cli.commands.focus:focus")
def focus(
    ctx: typer.Context,
    customer_id: options.Customer,
    period: options.LastMonth = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Write the CSV there. [default: print it]")
    ] = None,
    in_json: options.InJson = False,
) -> None:
    """Write what a customer was billed in a month as a FOCUS 1.2 file, which tools for cloud costs read.

    FOCUS is the FinOps Open Cost and Usage Specification. Each line, discount and tax is a row.
    """
