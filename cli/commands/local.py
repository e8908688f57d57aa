"""`monthclose local`: the local AWS on this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.connect import NoSystemError, outputs_of
from cli.console import duration, err, grid, note, say, show
from cli.deployment import bring_up, client_of
from cli.home import home, shown
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.words import count
from monthclose.names import Env
from sandbox.local_aws import LocalAws, LocalAwsError, Running
from sandbox.mounts import ENDPOINTS
from sandbox.plan import Plan, load_plan
from sandbox.reading import PlanError

DOWN = 1
_NOT_UP = (
    "no local AWS is up; start it with: monthclose local up\n"
    "one that was started in another folder is known there, in .monthclose: go there, or set MONTHCLOSE_HOME to it"
)
_ADVANCE = "/_sandbox/gocardless/advance"

app = typer.Typer(help="Run AWS and the payment providers on this machine.", no_args_is_help=True)


@app.command("up")
def up(
    port: Annotated[
        int | None,
        typer.Option(
            envvar="MONTHCLOSE_AWS_PORT", min=1, max=65535, help="Of the local AWS; 4566 or any free one by default."
        ),
    ] = None,
    sandbox_port: Annotated[
        int | None,
        typer.Option(
            envvar="MONTHCLOSE_SANDBOX_PORT", min=1, max=65535, help="Of the sandbox; any free one by default."
        ),
    ] = None,
    chaos: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Let the sandbox misbehave by this plan from now on (docs/sandbox.md)."),
    ] = None,
) -> None:
    """Start the local AWS and the sandbox on 127.0.0.1 and deploy on them what has changed. Safe to repeat."""
    plan = _read_plan(chaos) if chaos else None
    running = start(port, sandbox_port)
    for asked, has, what in ((port, running.aws_port, "AWS"), (sandbox_port, running.sandbox_port, "the sandbox")):
        if asked not in (None, has):
            raise UserMistakeError(f"{what} is up on port {has} already\nend it first: monthclose local down")
    _print(running)
    if plan is not None:
        _begin(plan, running)
        say(f"the sandbox misbehaves: {count(len(plan.rules), 'rule')}, {count(len(plan.outages), 'outage')}")
        say(f"end it with: curl -X DELETE {running.sandbox_url}/_sandbox/chaos")


def _read_plan(path: Path) -> Plan:
    try:
        return load_plan(path, ENDPOINTS)
    except PlanError as error:
        raise UserMistakeError(f"the chaos plan cannot be used: {error}\nits format is in docs/sandbox.md") from None


def _begin(plan: Plan, running: Running) -> None:
    """Put a plan in force, also in a sandbox that was up already: its time counts from now, after the deployment."""
    try:
        answer = httpx.put(f"{running.sandbox_url}/_sandbox/chaos", json=plan.to_json(), trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise LocalAwsError(f"the sandbox did not take the chaos plan: {error}") from error


def start(port: int | None = None, sandbox_port: int | None = None) -> Running:
    """Have the local AWS up and deployed, showing each step that takes time."""
    return bring_up(LocalAws(home(), port, sandbox_port), step=_step)


@contextmanager
def _step(name: str) -> Iterator[None]:
    console, began = err(), time.monotonic()
    if console.is_terminal:
        with console.status(name):
            yield
    else:
        yield
    note(f"{name:<42} {duration(time.monotonic() - began):>6}", "")


@app.command("settle")
def settle() -> None:
    """Let days pass at the sandbox's bank: debits on their way come in, or fail. Webhooks tell of it."""
    running = LocalAws(home()).running()
    if running is None:
        raise UserMistakeError(_NOT_UP)
    say(f"the bank has settled {count(settle_debits(running.sandbox_url), 'debit')}; see: monthclose status")


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


@app.command("down")
def down(
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove logs, rejects and what was built from the state folder, too.")
    ] = False,
) -> None:
    """End the local AWS and the sandbox. Their data lived in memory and are gone."""
    ended = LocalAws(home()).down(forget=forget)
    say("the local AWS is down" if ended else "no local AWS was up")


@app.command("status")
def status() -> None:
    """Show what runs and where; exit status 1 if it is not up."""
    running = LocalAws(home()).running()
    if running is None:
        say(_NOT_UP)
        raise typer.Exit(DOWN)
    _print(running)


def _print(running: Running) -> None:
    say("the local AWS is up" + ("" if running.deployed else ", but nothing is deployed on it"), "bold")
    rows = [
        ("  AWS", running.endpoint_url, f"process {running.aws.pid}"),
        ("  sandbox", running.sandbox_url, f"process {running.sandbox.pid}"),
        ("  mailbox", f"{running.endpoint_url}/_ministack/ses/messages", ""),
        ("  charges", f"{running.sandbox_url}/_sandbox/charges", ""),
        ("  usage files", _usage_drop(running), ""),
        ("  logs", shown(home() / "logs"), ""),
    ]
    show(grid([row for row in rows if row[1]]))


def _usage_drop(running: Running) -> str:
    """Name the place that usage files are dropped at; nothing if none is deployed, or AWS has no time to tell."""
    if not running.deployed:
        return ""
    try:
        values = outputs_of(
            client_of(running, "cloudformation", retries={"total_max_attempts": 1}), running.endpoint_url
        )
    except (BotoCoreError, ClientError, NoSystemError):
        return ""
    return f"s3://{values[Env.USAGE_BUCKET]}/usage/" if Env.USAGE_BUCKET in values else ""
