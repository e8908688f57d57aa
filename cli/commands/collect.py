"""`monthclose collect`: run today's collections now, and say what came of them."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import typer

from cli.connect import NoSystemError, connected
from cli.console import note, print_json, print_json_stream, say
from cli.system import System, cause_for_people
from cli.watching import wait_for_end
from monthclose.domain.audit import in_json as act_in_json
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.words import count
from monthclose.ports import Execution
from monthclose.use_cases.collections.find_owing import CLAIM
from monthclose.use_cases.collections.what_came import Done

_MOST_SHOWN = 50
_WORDS = {"retried": "retried", "reminded": "reminded", "held": "put on hold", "released": "released from hold"}


def collect(ctx: typer.Context, *, no_wait: bool, by: str, in_json: bool) -> None:
    """Start the collections, or watch those that run already."""
    system = connected(ctx)
    if not system.collections:
        raise UserMistakeError("this deployment does not say where its collections are: run `cdk deploy --all`")
    with system.use_cases.acts.acting("collections.requested", by=by, after=act_in_json(day=_today(system))) as act:
        name = f"collect-{system.ports.clock():%Y%m%dT%H%M%S%f}"
        execution = system.ports.workflow.start(system.collections, name, {"by": by, "act": act.made.name})
    if no_wait:
        if in_json:
            print_json({"status": "started", "execution": execution})
        else:
            say("today's collections are started; what they do is in each customer's story: monthclose customer ID")
        return
    found = _watch(system, execution)
    if found.get("outcome") == "already_running":
        running = system.ports.claims.get(CLAIM)
        assert running is not None
        note(f"collections have been running since {running.since:%Y-%m-%d %H:%M} UTC: these are watched", "bold")
        execution, found = running.execution, _watch(system, running.execution)
    _tell(system, execution, found, in_json=in_json)


def _today(system: System) -> str:
    return system.today.isoformat()


def _watch(system: System, execution: str) -> dict[str, Any]:
    """Wait for an execution's end, and return its output."""
    return _output(wait_for_end(system, execution, "the collections keep running"))


def _output(ended: Execution) -> dict[str, Any]:
    if ended.status == "SUCCEEDED":
        return ended.output if isinstance(ended.output, dict) else {}
    cause = cause_for_people(ended.cause) or ended.status.lower().replace("_", " ")
    raise NoSystemError(
        f"the collections broke off: {cause}\nwhat is done stays done; the same command continues with what is due"
    )


def _tell(system: System, execution: str, found: dict[str, Any], *, in_json: bool) -> None:
    claim = system.ports.claims.get(CLAIM)
    since = claim.since if claim and claim.execution == execution else None
    done = _done(system, found, since)
    head = {"day": found.get("today"), "customers_owing": found.get("customers", 0), "closing": found.get("closing")}
    if in_json:
        print_json_stream(head, "done", map(_as_json, done))
        return
    counted, paid = Counter[str](), Counter[str]()
    for number, one in enumerate(done, start=1):
        counted[one.what] += 1
        if one.paid:
            paid[one.paid.currency] += one.paid.minor
        if number <= _MOST_SHOWN:
            say(f"  {one.customer_id}  {one.period}  {_WORDS[one.what]}: {_result(one)}")
    rest = counted.total() - _MOST_SHOWN
    if rest > 0:
        note(f"  and {rest:,} more: --json lists all")
    owing = count(head["customers_owing"], "customer")
    say(f"collections of {head['day']}: {owing} owing; {_in_words(counted)}")
    for name in system.ports.settings.providers:
        paused = system.ports.limits.state(name).paused
        if paused:
            note(f"nothing was charged through {name}, which was paused {paused.in_words()}", "yellow")
    if found.get("closing"):
        note(f"customers of {', '.join(found['closing'])}, which is being closed, were left to the close")


def _in_words(counted: Counter[str]) -> str:
    return ", ".join(f"{counted[what]:,} {words}" for what, words in _WORDS.items() if counted[what]) or (
        "nothing was due"
    )


def _done(system: System, found: dict[str, Any], since: datetime | None) -> Iterator[Done]:
    if since is None or not found.get("batches"):
        return iter(())
    return system.use_cases.what_came(found["owing"]["key"], since)


def _result(one: Done) -> str:
    return f"{one.result.replace('_', ' ')}, {one.paid}" if one.paid else one.result.replace("_", " ")


def _as_json(one: Done) -> dict[str, Any]:
    paid = {"currency": one.paid.currency, "paid_minor": one.paid.minor} if one.paid else {}
    return {"customer_id": one.customer_id, "period": str(one.period), "what": one.what, "result": one.result, **paid}
