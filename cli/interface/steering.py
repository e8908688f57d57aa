"""The commands that steer a close: approve, pause, resume and stop it; who is parked, and how they are closed again."""

from typing import Annotated

import typer

from cli import options
from cli.interface.running import runs

_Provider = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="All charging through this payment provider, of every close, the collections and people.",
        autocompletion=options.complete_provider,
    ),
]
_Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why. Shown to whoever asks how the close stands.")]


@runs("cli.commands.rehearse:approve", changes=True)
def approve(
    ctx: typer.Context,
    period: options.LastMonth = None,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="Why it is right as it is. Kept with each accepted finding.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Accept the findings without being asked.")] = False,
    rehearsal: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Which rehearsal is meant: refused if there is a newer one.",
            show_default=False,
        ),
    ] = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Approve what the newest rehearsal of a month has found: the close then bills that, and nothing else.

    Shows the findings and asks. A close that waits for approval continues within seconds. Refused if prices, taxes or
    settings have changed since, or if the month was charged already.
    """


@runs("cli.commands.steering:pause", changes=True)
def pause(
    ctx: typer.Context,
    period: options.LastMonth = None,
    provider: _Provider = None,
    reason: _Why = "",
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Pause charging, until `resume`: within five seconds no more charge is begun.

    Invoices go on being generated, and what is under way at a provider is still looked up. Nothing is lost, and nobody
    is parked or put on hold because of it, however long it takes.
    """


@runs("cli.commands.steering:resume", changes=True)
def resume(
    ctx: typer.Context,
    period: options.LastMonth = None,
    provider: _Provider = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Resume charging that was paused: it continues within a minute."""


@runs("cli.commands.steering:stop", changes=True)
def stop(
    ctx: typer.Context,
    period: options.LastMonth = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why. Shown in the status, the report and the customers' histories.")
    ] = "",
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Stop a running close: no more customers are charged. Run `close` again to continue with the rest.

    What is done stays done. Charges that have begun are completed, and so are those of the batches being charged right
    now.
    """
