"""`monthclose local`: the local AWS on this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.connect import NoSystemError, outputs_of
from cli.console import duration, err, grid, note, print_json, say, show
from cli.deployment import bring_up, client_of
from cli.exit_status import ExitStatus
from cli.home import home, shown
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.words import count
from monthclose.names import Env
from sandbox.aws.local_aws import LocalAws, LocalAwsError, Running
from sandbox.chaos.plan import Plan, load_plan
from sandbox.mounts import ENDPOINTS
from sandbox.reading import PlanError
from sandbox.strict.limits import CONTROL_PATH

_NOT_UP = (
    "no local AWS is up; start it with: monthclose local up\n"
    "if you started one in another folder, go to that folder, or set MONTHCLOSE_HOME to its .monthclose"
)
_RESTART_STRICT = "to start it with them: monthclose local down, then monthclose local up --strict"
_MAILBOX, _CHARGES = "/_ministack/ses/messages", "/_sandbox/charges"


def up(port: int | None, sandbox_port: int | None, chaos: Path | None, *, strict: bool, in_json: bool) -> None:
    """Start the local AWS and the sandbox."""
    plan = _read_plan(chaos) if chaos else None
    running = start(port, sandbox_port, strict=strict)
    if strict and not running.strict:
        raise UserMistakeError(f"the local AWS is already up, without AWS's limits\n{_RESTART_STRICT}")
    for asked, has, what in ((port, running.aws_port, "AWS"), (sandbox_port, running.sandbox_port, "the sandbox")):
        if asked not in (None, has):
            raise UserMistakeError(f"{what} is already up on port {has}\nstop it first: monthclose local down")
    if plan is not None:
        _begin(plan, running)
    if in_json:
        print_json(_as_json(running))
        return
    _print(running)
    if plan is not None:
        say(f"the sandbox now misbehaves: {count(len(plan.rules), 'rule')}, {count(len(plan.outages), 'outage')}")
        say(f"to end it: curl -X DELETE {running.sandbox_url}/_sandbox/chaos")


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


def start(port: int | None = None, sandbox_port: int | None = None, *, strict: bool = False) -> Running:
    """Have the local AWS up and deployed, showing each step that takes time."""
    return bring_up(LocalAws(home(), port, sandbox_port, strict=strict), step=_step)


@contextmanager
def _step(name: str) -> Iterator[None]:
    console, began = err(), time.monotonic()
    if console.is_terminal:
        with console.status(name):
            yield
    else:
        yield
    note(f"{name:<42} {duration(time.monotonic() - began):>6}", "")


def limits(*, in_json: bool) -> None:
    """List the limits of a strict local AWS."""
    running = LocalAws(home()).running()
    if running is None:
        raise UserMistakeError(_NOT_UP)
    if not running.strict:
        raise UserMistakeError(f"the local AWS is up without AWS's limits\n{_RESTART_STRICT}")
    address = f"{running.endpoint_url}{CONTROL_PATH}"
    try:
        listed = httpx.get(address, trust_env=False).raise_for_status().json()
    except httpx.HTTPError as error:
        raise LocalAwsError(f"the local AWS did not list its limits: {error}") from error
    if in_json:
        print_json(listed)
        return
    rows = [_limit_row(name, limit) for name, limit in listed.items()]
    show(grid(rows, right=(1, 2, 3), header=("limit", "in force", "documented", "struck", "unit")))
    say(f'to change one: curl -X PUT {address} -d \'{{"dynamodb.partition_writes": {{"value": 10}}}}\'')


def _limit_row(name: str, limit: dict[str, Any]) -> tuple[str, ...]:
    value = f"{limit['value']:,}" if limit["on"] else "off"
    return name, value, f"{limit['documented']:,}", f"{limit['struck']:,}", limit["unit"]


def down(*, forget: bool, in_json: bool) -> None:
    """Stop the local AWS and the sandbox."""
    ended = LocalAws(home()).down(forget=forget)
    if in_json:
        print_json({"up": False, "was_up": ended})
    else:
        say("the local AWS is down" if ended else "no local AWS was running")


def status(*, in_json: bool) -> None:
    """Show what is running and where."""
    running = LocalAws(home()).running()
    if in_json:
        print_json(_as_json(running) if running else {"up": False})
    elif running:
        _print(running)
    else:
        say(_NOT_UP)
    if running is None:
        raise typer.Exit(ExitStatus.FAILED)


def _as_json(running: Running) -> dict[str, Any]:
    return {
        "up": True,
        "deployed": bool(running.deployed),
        "strict": running.strict,
        "aws_url": running.endpoint_url,
        "sandbox_url": running.sandbox_url,
        "mailbox_url": f"{running.endpoint_url}{_MAILBOX}",
        "charges_url": f"{running.sandbox_url}{_CHARGES}",
        "usage_drop": _usage_drop(running) or None,
        "logs": str(home() / "logs"),
    }


def _print(running: Running) -> None:
    strict = ", with AWS's limits in force (monthclose local limits)" if running.strict else ""
    say(f"the local AWS is up{strict}" + ("" if running.deployed else ", but nothing is deployed on it"), "bold")
    rows = [
        ("  AWS", running.endpoint_url, f"process {running.aws.pid}"),
        ("  sandbox", running.sandbox_url, f"process {running.sandbox.pid}"),
        ("  mailbox", f"{running.endpoint_url}{_MAILBOX}", ""),
        ("  charges", f"{running.sandbox_url}{_CHARGES}", ""),
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
