"""The command that serves the dashboard."""

from typing import Annotated

import typer

from cli import options
from cli.interface.running import runs


@runs("cli.commands.dashboard:dashboard", changes=True)
def dashboard(
    ctx: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=1,
            max=65535,
            help="The port to listen on. [default: 8400, or any free one]",
            show_default=False,
        ),
    ] = None,
    operate: Annotated[
        bool,
        typer.Option(
            "--operate",
            help="Also let it approve, pause, resume, retry, hold, release and credit; without, it only reads.",
        ),
    ] = False,
    in_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Serve the dashboard to this machine: closes as they run, their money, lists and customers, in a browser.

    It works with the AWS credentials that this command runs with, and listens on 127.0.0.1 only: the address that it
    prints holds a key, and nobody without it sees anything. Ctrl-C ends it.
    """
