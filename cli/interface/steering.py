"""The commands that steer a close: pause, resume and stop it; who is parked, and how they are closed again."""

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


@runs("cli.commands.listing:list_customers")
def list_customers(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="Any word that the status or the report counts by: parked, declined, held, waiting, unfinished, "
            "untold, unreached, not_started, …",
            show_default=False,
            autocompletion=options.complete_listable,
        ),
    ],
    period: options.LastMonth = None,
    in_json: options.InJson = False,
) -> None:
    """List the customers behind a count of a close by name: amounts, why, and since when."""


@runs("cli.commands.listing:parked")
def parked(
    ctx: typer.Context,
    period: options.LastMonth = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help="Only those parked for this reason, like no_price.")
    ] = "",
    in_json: options.InJson = False,
) -> None:
    """List the parked customers of a close: by reason, with what helps.

    `monthclose retry --parked` closes them again once the reason is gone; so does `monthclose close`.
    """
