"""`monthclose demo`: a small cloud provider's month, from nothing to a closed and proven one."""

import json
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import httpx
import typer

from cli.commands import imports
from cli.commands.close import run_close
from cli.commands.local import start
from cli.commands.report import save_page
from cli.connect import connected
from cli.console import note, say
from cli.exit_status import ExitStatus
from cli.home import folder, home, shown
from cli.identity import somebody
from cli.system import System
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from sandbox.aws.local_aws import LocalAwsError, Running
from sandbox.cloud.provider import generate

_SEED = 1
_SETTLED_WITHIN_SECONDS = 60
_ADVANCE = "/_sandbox/gocardless/advance"


def demo(ctx: typer.Context, customers: int, months: int) -> None:
    """Make up a month, close it on a local AWS, and show the result; with more months, let time pass from there."""
    running = start()
    if months > 1:
        _tell_story(ctx, customers, months)
    system = connected(ctx)
    _wait_for_the_first(ctx)
    period = _choose_period(system, customers)
    if system.ports.closes.get(period) is None:
        _let_debits_settle(system, running)
    files = folder("demo") / f"{period}-{customers}"
    note(f"making up {period} for a cloud provider with {count(customers, 'customer')}", "")
    generate(files, customers, str(period), _SEED)
    by = somebody("")
    imports.customers(ctx, files / "customers.csv", by=by)
    imports.prices(ctx, files / "prices.csv", by=by)
    imports.usage(ctx, files / "usage.csv.gz", by=by)
    exit_status = run_close(system, period, by)
    if exit_status not in (ExitStatus.DONE, ExitStatus.UNRESOLVED):
        raise typer.Exit(exit_status)
    say(f"  page: {shown(save_page(system, period))}", "dim")
    say("try next", "bold")
    command = typed()
    say(f"  {command} dashboard    # all of it in a browser: lists, customers, invoices, the report pack")
    say(f"  {command} customer cust-0000001")
    say(f"  {command} report {period} --customers {period}.csv")
    say(f"  {command} local clock +7d    # time passes: banks collect or refuse the debits, cards are tried again")
    say(f"  {command} local down")
    raise typer.Exit(exit_status)


def _wait_for_the_first(ctx: typer.Context) -> None:
    """Let it be the first of the month in an empty local AWS: that is when a month is closed, with its books open."""
    from cli.commands.clock import LocalTime  # noqa: PLC0415 - only where time passes

    local = LocalTime.of(ctx)
    if local.is_empty:
        local.pass_to(Period.of(local.now).end, lambda _step: None)
        note(f"the clock of the local AWS says {local.now:%Y-%m-%d %H:%M} UTC: the month has just ended", "")


def _tell_story(ctx: typer.Context, customers: int, months: int) -> NoReturn:
    from cli.commands.clock import LocalTime  # noqa: PLC0415 - only where time passes
    from cli.story.run import play, show  # noqa: PLC0415

    local = LocalTime.of(ctx)
    with local.alone():
        periods = play(ctx, local, customers, months)
    exit_status = show(local.system, periods)
    command = typed()
    say("try next", "bold")
    say(f"  {command} closes")
    say(f"  {command} report {periods[0]}")
    say(f"  {command} local clock +7d    # time passes on")
    say(f"  {command} local down")
    raise typer.Exit(exit_status)


def _let_debits_settle(system: System, running: Running) -> None:
    """Let the bank debits of a month that was closed before come in: a customer is charged for one month at a time."""
    if not settle_debits(running.sandbox_url):
        return
    note("the bank collects the debits of the month before", "")
    deadline = time.monotonic() + _SETTLED_WITHIN_SECONDS
    while next(system.ports.directory.being_charged(system.ports.clock() + timedelta(days=400)), None):
        if time.monotonic() > deadline:
            raise TryLaterError("the webhooks for the bank debits have not been booked yet")
        system.sleep(0.5)


def settle_debits(sandbox_url: str) -> int:
    """Move the sandbox's bank debits on, step by step, until none has another; returns how many there were."""
    moved: set[str] = set()
    try:
        with httpx.Client(base_url=sandbox_url, trust_env=False) as sandbox:
            while answer := sandbox.post(_ADVANCE, json={}).raise_for_status().json()["payments"]:
                moved |= {payment["id"] for payment in answer}
    except httpx.HTTPError as error:
        raise LocalAwsError(f"the sandbox's bank did not settle: {error}") from error
    return len(moved)


def typed() -> str:
    """Name the command so that it can be typed here: with its path where it is not on PATH."""
    called = Path(sys.argv[0])
    if shutil.which("monthclose") or called.name != "monthclose":
        return "monthclose"
    return shown(called.absolute())


def _choose_period(system: System, customers: int) -> Period:
    """Choose last month, or an earlier one where that was closed for another number of customers.

    A close's snapshot is fixed: more customers would not come into it.
    """
    path = home() / "tmp" / "demo.json"  # forgotten with the local AWS
    try:
        closed: dict[str, int] = json.loads(path.read_text())
    except FileNotFoundError:
        closed = {}
    period = system.this_month.previous
    while closed.get(str(period), customers if system.ports.closes.get(period) is None else 0) != customers:
        period = period.previous
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(closed | {str(period): customers}))
    return period
