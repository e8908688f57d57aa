"""`monthclose retry`: close some customers again, without the rest."""

from collections.abc import Iterator
from typing import Any

import typer

from cli import operating
from cli.commands.close import check_close_ended
from cli.commands.listing import as_json, words
from cli.console import note, print_json, print_json_stream, say
from cli.exit_status import ExitStatus
from cli.months import connect_for, require_close
from cli.system import System
from monthclose.domain.closes.close import Close
from monthclose.domain.closes.listing import Listed, summarized
from monthclose.domain.closes.retry import Chosen
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.words import count

_MOST_SHOWN = 50


def retry(  # noqa: PLR0913 - its options
    ctx: typer.Context,
    customers: list[str] | None,
    period: str | None,
    *,
    parked: bool,
    reason: str,
    missed: bool,
    no_wait: bool,
    by: str,
    in_json: bool,
) -> None:
    """Close customers again."""
    if bool(customers) + parked + missed != 1:
        raise UserMistakeError("say whom to close again: customers' ids, or --parked, or --missed")
    if reason and not parked:
        raise UserMistakeError("--reason goes with --parked")
    system, chosen_period = connect_for(ctx, period, "--period")
    close = require_close(system, chosen_period)
    if operating.runs(system, close):
        raise typer.Exit(_is_running(close, in_json=in_json))
    chosen = _choose(system, close, customers, reason, parked=parked)
    if not chosen.providers:
        _tell_nobody(close, in_json=in_json)
        return
    execution = operating.start_retry(system, close, chosen, by)
    if no_wait:
        _tell_started(close, chosen, execution, in_json=in_json)
        return
    raise typer.Exit(_watch(system, close, chosen, execution, in_json=in_json))


def _choose(system: System, close: Close, customers: list[str] | None, reason: str, *, parked: bool) -> Chosen:
    operating.check_retry(close)
    chooser = system.use_cases.retry_chooser
    if customers:
        return chooser.named(customers, close.period)
    return chooser.parked(close, reason) if parked else chooser.missed(close)


def _watch(system: System, close: Close, chosen: Chosen, execution: str, *, in_json: bool) -> ExitStatus:
    from cli.board import watch_or_stop  # noqa: PLC0415 - only where somebody waits

    ended = watch_or_stop(system, close.period, execution)
    if ended is None:
        return ExitStatus.INTERRUPTED
    check_close_ended(close.period, ended)
    if isinstance(ended.output, dict) and ended.output.get("outcome") == "already_running":
        return _is_running(close, in_json=in_json)
    found = _outcomes(system, close, chosen)
    if in_json:
        print_json_stream({"period": str(close.period), "status": "done"}, "customers", map(as_json, found))
        return ExitStatus.DONE
    for number, one in enumerate(found, start=1):
        if number > _MOST_SHOWN:
            note(f"  and {len(chosen.providers) - _MOST_SHOWN:,} more; each has their story: monthclose customer ID")
            break
        say(f"  {words(one)}")
    say(f"{close.period}: {count(len(chosen.providers), 'customer')} closed again")
    note(f"the whole month: monthclose report {close.period}")
    return ExitStatus.DONE


def _outcomes(system: System, close: Close, chosen: Chosen) -> Iterator[Listed]:
    for name in chosen.providers:
        yield summarized(name, system.ports.books.month(name, close.period))


def _is_running(close: Close, *, in_json: bool) -> ExitStatus:
    if in_json:
        print_json({"period": str(close.period), "status": "already_running"})
    note(
        f"{close.period} is being closed right now, and takes up who is parked itself; nothing was started\n"
        f"try again once it has ended: monthclose status {close.period} --watch",
        "bold",
    )
    return ExitStatus.ALREADY_RUNNING


def _tell_nobody(close: Close, *, in_json: bool) -> None:
    if in_json:
        print_json({"period": str(close.period), "status": "nobody", "customers": []})
    else:
        say(f"{close.period}: there is nobody to close again")


def _tell_started(close: Close, chosen: Chosen, execution: str, *, in_json: bool) -> None:
    answer: dict[str, Any] = {"period": str(close.period), "status": "started", "execution": execution}
    if in_json:
        print_json(answer | {"number": len(chosen.providers)})
    else:
        number = count(len(chosen.providers), "customer")
        say(f"closing {number} of {close.period} again; watch it with: monthclose status {close.period} --watch")
