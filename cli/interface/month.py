"""The commands about a month: close, watch, report and reconcile it; and the providers that it is charged through."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.grammar import Command
from cli.interface.running import runs


@runs("cli.commands.close:close", changes=True)
def close(
    ctx: typer.Context,
    period: options.LastMonth = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the close and do not watch it.")] = False,
    late: Annotated[
        bool, typer.Option("--late", help="Close a month that was never closed, although a later one was.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Rehearse it: draft every invoice and compare with last month; nobody is charged, mailed or held.",
        ),
    ] = False,
    customers: Annotated[
        Path | None,
        typer.Option("--customers", metavar="FILE", help="With --dry-run: write a CSV file with a row per customer."),
    ] = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Close a month: invoice, charge and notify every customer, then prove that the books tie.

    Safe to repeat at any time. A close that is running is watched; one that was interrupted continues; one that is
    finished does only what is still missing. Ctrl-C stops watching, never the close. Exit status 4 means that it ended
    and the books do not tie. Customers who are unfinished or waiting are named, and are not an error.
    """


@runs("cli.commands.plan:plan")
def plan(
    ctx: typer.Context,
    period: options.LastMonth = None,
    deadline: Annotated[
        str,
        typer.Option(
            metavar="SPAN", help="By when it must have ended, like 8h or 7h30m. [default: deadline_hours of cdk.json]"
        ),
    ] = "",
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            show_default=False,
            help="Customers to draft: with as many as there are, amounts are exact. [default: 2000]",
        ),
    ] = None,
    in_json: options.InJson = False,
) -> None:
    """Plan a close: the money to expect and when, charges, time, what limits it, e-mail, and AWS's cost.

    Writes nothing. The month need not be over: the amounts are those of the usage so far.
    """


@runs("cli.commands.status:status")
def status(
    ctx: typer.Context,
    period: options.LastMonth = None,
    in_json: options.InJson = False,
    watching: Annotated[
        bool, typer.Option("--watch", help="Watch the close until it ends; Ctrl-C stops watching.")
    ] = False,
) -> None:
    """Show how far a close is, stage by stage, and how much money it has collected."""


@runs("cli.commands.status:closes")
def closes(ctx: typer.Context, in_json: options.InJson = False) -> None:
    """List all closes, newest first."""


@runs("cli.commands.report:report")
def report(
    ctx: typer.Context,
    period: options.LastMonth = None,
    in_json: options.InJson = False,
    customers: Annotated[
        Path | None,
        typer.Option("--customers", metavar="FILE", help="Write a CSV file: a row per customer and replaced invoice."),
    ] = None,
    in_browser: Annotated[bool, typer.Option("--open", help="Open the report's page in the browser.")] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="List what does not tie, and which customers are unfinished or waiting.")
    ] = False,
) -> None:
    """Show the report of a close: money, payments, notices, holds, and whether the books tie."""


@runs("cli.commands.pack:pack", changes=True)
def pack(
    ctx: typer.Context,
    period: options.LastMonth = None,
    make: Annotated[bool, typer.Option("--make", help="Make it now, and wait for it: also if there is one.")] = False,
    download: Annotated[
        Path | None, typer.Option("--download", metavar="FOLDER", help="Copy all of its files into a folder.")
    ] = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Show what is in the report pack of a close: the report, aging, revenue, journal, and all records as files.

    It is made at the end of each close, and again once a day if the books have changed. --make makes it now, which
    changes no records. Begin with its index.html.
    """


@runs("cli.commands.prove:prove")
def prove(
    ctx: typer.Context,
    period: options.LastMonth = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Name everybody whom a check fails for, not the first 50 only.")
    ] = False,
    in_json: options.InJson = False,
) -> None:
    """Prove a month from its records, now: every check with its two sides and the difference.

    Reads the ledger, accounts, invoices, payments, e-mails and documents once more, and changes nothing. What the
    payment providers say is taken from the last comparison; `reconcile` asks them again. Exit status 4 means that a
    check failed.
    """


@runs("cli.commands.reconcile:reconcile", changes=True)
def reconcile(
    ctx: typer.Context,
    period: options.RecentMonths = None,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            metavar="NAME",
            help="Only this payment provider; reports are then left as they are.",
            autocompletion=options.complete_provider,
        ),
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--now", help="Look up every payment in flight, not only those that are due.")
    ] = False,
    here: options.Here = False,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Settle payments without a known outcome, then compare the books with the providers', in both directions.

    Lists charges that only the provider has, payments that only we have, and amounts that differ; none of them is
    corrected by a guess. What a provider says about a payment that we know is booked. Safe at any time. Exit status 4
    means that there are findings.
    """


providers = typer.Typer(name="providers")


@providers.callback(invoke_without_command=True)
@runs("cli.commands.providers:providers")
def show_providers(ctx: typer.Context, in_json: options.InJson = False) -> None:
    """Show the payment providers: their limits, their current speed, and whether they are paused."""


@providers.command("set", cls=Command)
@runs("cli.commands.providers:set_limit", changes=True)
def set_limit(
    ctx: typer.Context,
    name: options.Provider,
    rate: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="The provider's limit, in requests per second, like 25.")
    ] = None,
    reserve: Annotated[
        float | None,
        typer.Option(metavar="SHARE", min=0, max=0.95, help="The share kept free for live traffic, like 0.2."),
    ] = None,
    burst: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=2, max=1_000, help="Requests that may come at once, like 5.")
    ] = None,
    by: options.By = "",
    in_json: options.InJson = False,
) -> None:
    """Change the rate limit of a provider, even during a close; workers follow within about a second."""


@providers.command("reset", cls=Command)
@runs("cli.commands.providers:reset", changes=True)
def reset(ctx: typer.Context, name: options.Provider, by: options.By = "", in_json: options.InJson = False) -> None:
    """Go back to the limit that was deployed."""
