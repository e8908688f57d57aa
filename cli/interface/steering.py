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


@runs("cli.commands.retry:retry", changes=True)
def retry(
    ctx: typer.Context,
    customers: Annotated[
        list[str] | None, typer.Argument(metavar="CUSTOMER…", help="The customers' ids, as imported.")
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            "--period",
            metavar="PERIOD",
            help="The month. [default: last month]",
            show_default=False,
            autocompletion=options.complete_period,
        ),
    ] = None,
    parked: Annotated[bool, typer.Option("--parked", help="Those who are parked.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help="Of the parked, only those for this reason.")
    ] = "",
    missed: Annotated[
        bool, typer.Option("--missed", help="Those imported after the close began who have usage of the month.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start it and do not watch it.")] = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Close some customers again for a month that was closed: invoice, charge and notify them, and nobody else.

    Who is done already stays as they are; customers who were not in the snapshot are added to the close. The report and
    the proof are those of the whole month, as after `close`.
    """


@runs("cli.commands.collect:collect", changes=True)
def collect(
    ctx: typer.Context,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start them and do not watch them.")] = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Run today's collections now: retry the payments that are due, send reminders, place and lift holds.

    They run every day by themselves; a second run on the same day does only what is still due.
    """
