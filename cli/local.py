"""`monthclose local`: the local AWS on this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli.console import duration, err, grid, note, say, show
from cli.deployment import bring_up
from cli.home import home, shown
from monthclose.domain.errors import UserMistakeError
from sandbox.local_aws import LocalAws, Running

DOWN = 1

app = typer.Typer(help="Run AWS and the payment providers on this machine.", no_args_is_help=True)


@app.command("up")
def up(
    port: Annotated[
        int | None,
        typer.Option(
            envvar="MONTHCLOSE_AWS_PORT", min=1, max=65535, help="Of the local AWS; 4566 or any free one if not said."
        ),
    ] = None,
    sandbox_port: Annotated[
        int | None,
        typer.Option(
            envvar="MONTHCLOSE_SANDBOX_PORT", min=1, max=65535, help="Of the sandbox; any free one if not said."
        ),
    ] = None,
) -> None:
    """Start the local AWS and the sandbox on 127.0.0.1 and deploy on them what has changed. Safe to repeat."""
    running = start(port, sandbox_port)
    for asked, has, what in ((port, running.aws_port, "AWS"), (sandbox_port, running.sandbox_port, "the sandbox")):
        if asked not in (None, has):
            raise UserMistakeError(f"{what} is up on port {has} already\nend it first: monthclose local down")
    _print(running)


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
        say("no local AWS is up; start it with: monthclose local up")
        raise typer.Exit(DOWN)
    _print(running)


def _print(running: Running) -> None:
    say("the local AWS is up" + ("" if running.deployed else ", but nothing is deployed on it"), "bold")
    rows = [
        ("  AWS", running.endpoint_url, f"process {running.aws.pid}"),
        ("  sandbox", running.sandbox_url, f"process {running.sandbox.pid}"),
        ("  mailbox", f"{running.endpoint_url}/_ministack/ses/messages", ""),
        ("  charges", f"{running.sandbox_url}/_sandbox/charges", ""),
        ("  logs", shown(home() / "logs"), ""),
    ]
    show(grid(rows))
