"""The commands about this machine: the demo and the local AWS."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import options
from cli.grammar import Command
from cli.interface.running import runs


@runs("cli.commands.demo:demo")
def demo(
    ctx: typer.Context,
    customers: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=100_000, help="How many customers to make up.")
    ] = 200,
    months: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=12, help="How many months to close, one after the other.")
    ] = 1,
) -> None:
    """Start a local AWS, make up a cloud provider's month, import and close it, and show the result.

    With several months, time passes from one close to the next: cards are tried again, debits fail late, holds are
    placed and lifted, customers join and leave. That needs an empty local AWS.

    Safe to repeat: importing again adds nothing, and closing again does only what is missing.
    """


local = typer.Typer(name="local", help="Run AWS and the payment providers on this machine.", no_args_is_help=True)


def _port(variable: str, text: str) -> Any:
    """Make an option for a port, which an environment variable can set as well."""
    return typer.Option(metavar="PORT", envvar=variable, min=1, max=65535, help=text, show_default=False)


@local.command("up", cls=Command)
@runs("cli.commands.local:up")
def up(
    port: Annotated[
        int | None,
        _port("MONTHCLOSE_AWS_PORT", "The port of the local AWS. [default: 4566, or any free one]"),
    ] = None,
    sandbox_port: Annotated[
        int | None,
        _port("MONTHCLOSE_SANDBOX_PORT", "The port of the sandbox, like 4600. [default: any free one]"),
    ] = None,
    chaos: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make the sandbox misbehave as this plan says (docs/sandbox.md)."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Enforce AWS's documented limits, which `local limits` lists."),
    ] = False,
    in_json: options.InJson = False,
) -> None:
    """Start the local AWS and the sandbox on 127.0.0.1, and deploy whatever has changed. Safe to repeat."""


@local.command("limits", cls=Command)
@runs("cli.commands.local:limits")
def limits(in_json: options.InJson = False) -> None:
    """List the limits that a strict local AWS enforces, and how often each has refused something."""


@local.command("clock", cls=Command)
@runs("cli.commands.clock:clock")
def clock(
    ctx: typer.Context,
    moment: Annotated[
        str | None,
        typer.Argument(
            metavar="[MOMENT]",
            help="A day (2026-12-01), a time in UTC (2026-12-01T09:00), or how long from now (+3d, +12h, +2w).",
            show_default=False,
        ),
    ] = None,
    real: Annotated[
        bool, typer.Option("--real", help="Go back to this machine's time; only while there are no customers yet.")
    ] = False,
    in_json: options.InJson = False,
) -> None:
    """Let time pass on the local AWS and in its sandbox, or say what time it is there.

    What would have been started by then is started in its order and at its time: closes, collections, the reconciler;
    debits settle, disputes run out, cards expire. Time only goes forward. On AWS there is no such clock.
    """


@local.command("down", cls=Command)
@runs("cli.commands.local:down")
def down(
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Also remove logs, rejects and build output from the state folder."),
    ] = False,
    in_json: options.InJson = False,
) -> None:
    """Stop the local AWS and the sandbox. Their data is in memory only, and is lost."""


@local.command("status", cls=Command)
@runs("cli.commands.local:status")
def status(in_json: options.InJson = False) -> None:
    """Show what is running and where. Exit status 1 means that it is not up."""
