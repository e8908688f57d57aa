"""The commands for stored usage."""

import typer

from cli import options
from cli.grammar import Command
from cli.interface.running import runs

usage = typer.Typer(name="usage", help="Stored usage: move what earlier releases have stored.", no_args_is_help=True)


@usage.command("move", cls=Command)
@runs("cli.commands.usage_move:move", changes=True)
def move(ctx: typer.Context, by: options.By = "", in_json: options.InJson = False) -> None:
    """Move usage that earlier releases have stored, event by event, to where this one stores it.

    Run it once after an update from such a release, and again when the imports that ran meanwhile have ended. Until
    then such usage is found where it is. It may be broken off at any time: run it again, and it goes on.
    """
