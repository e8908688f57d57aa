"""`monthclose status` and `monthclose closes`: how closes stand."""

from collections.abc import Iterable, Mapping
from typing import Any

import typer

from cli.acts import link
from cli.connect import connected
from cli.console import duration, grid, note, print_json, say, show
from cli.exit_status import ExitStatus
from cli.live import (
    Followed,
    curve_lines,
    end_in_words,
    error_in_words,
    follow,
    forecast_as_json,
    provider_rows,
    providers_as_json,
    slowest_in_words,
)
from cli.months import connect_for, require_close
from cli.system import System
from cli.view import STAGE_NAMES, View, as_json, counts_line, money_line, stage_money, stop_in_words, survey
from monthclose.domain.closes.close import Close, CloseStatus, Totals
from monthclose.domain.closes.listing import counts
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.words import count

_CURVE_WIDTH = 30
_TAKEN_OFF = {"credited": "credited", "written_off": "written off", "lost": "lost"}
"""Kinds of money that most closes have none of: without them, what is invoiced is collected or open."""


def status(ctx: typer.Context, period: str | None, *, in_json: bool, watching: bool) -> None:
    """Show how far a close is."""
    if in_json and watching:
        raise UserMistakeError("--json and --watch do not go together: use one of them")
    system, chosen = connect_for(ctx, period)
    require_close(system, chosen)
    view = survey(system, chosen)
    assert view is not None
    approved, lines = _approved(system, view.close)
    if in_json:
        followed = follow(system, view)
        forecast = {"providers": providers_as_json(followed), "forecast": forecast_as_json(followed)}
        print_json({**as_json(view), **forecast, **approved})
        return
    if watching and view.running:
        from cli.board import watch_or_stop  # noqa: PLC0415 - only where somebody watches
        from cli.commands.close import conclude  # noqa: PLC0415

        ended = watch_or_stop(system, chosen, view.close.execution)
        raise typer.Exit(conclude(system, chosen, ended) if ended else ExitStatus.INTERRUPTED)
    _print(follow(system, view), lines)
    if acts := link(system, chosen):
        note(f"  {acts}")


def _approved(system: System, close: Close) -> tuple[Mapping[str, Any], list[str]]:
    """Read what the close was let through its gate with: for programs, and in lines for people."""
    if not close.rehearsal:
        return {}, []
    from monthclose.use_cases.proof.approved import approved_entry, approved_lines  # noqa: PLC0415 - only where needed

    found = approved_entry(system.ports.documents, close)
    return found, approved_lines(found.get("approved"))


def _print(followed: Followed, approved: Iterable[str]) -> None:
    view = followed.view
    close, totals = view.close, view.totals
    ended = close.completed_at
    spent = ((ended or followed.now) - close.run_started_at).total_seconds()
    state = view.state.replace("_", " ")
    style = "bold yellow" if view.interrupted else "bold"
    say(f"{close.period} {state}: {count(close.customers, 'customer')}, run {close.run}, {duration(spent)}", style)
    rows = [
        (f"  {STAGE_NAMES[stage]}", f"{number:,}", _share(number, close.customers), stage_money(view, stage))
        for stage, number in view.done.items()
    ]
    show(grid(rows, right=(1, 2)))
    none = "nothing yet" if view.running else "nothing"
    facts = [
        ("  invoiced", money_line(totals, "invoiced", none)),
        ("  collected", money_line(totals, "collected", none)),
        *((f"  {name}", money_line(totals, of)) for of, name in _TAKEN_OFF.items() if _is_some(totals, of)),
        ("  open", money_line(totals, "open", none)),
        ("  payments", counts_line(totals.payments)),
    ]
    if totals.parked:
        facts.append(("  parked", counts_line(totals.parked)))
    facts += [("  stopped", stop_in_words(stop)) for stop in close.stops]
    facts += [("  paused", pause.in_words()) for pause in [close.paused] if pause]
    show(grid([*facts, *_ahead(followed)]))
    for line in approved:
        say(f"  {line}")
    if kinds := counts(totals):
        note(f"  names: monthclose list {'|'.join(kinds)} {close.period}")
    for warning in close.warnings:
        say(f"  warning: {warning}", "yellow")
    _hint(view)


def _ahead(followed: Followed) -> Iterable[tuple[str, str]]:
    """Say what waits, for whom, and when the close ends; of one that has ended, how good the forecasts were."""
    if followed.view.running:
        yield from ((f"  {name}", said) for name, said in provider_rows(followed))
        yield from (("  money", line) for line in curve_lines(followed, _CURVE_WIDTH))
        if end := end_in_words(followed):
            yield "  forecast", f"{end}; slowest: {slowest_in_words(followed)}"
    if error := error_in_words(followed):
        yield "", error


def _is_some(totals: Totals, of: str) -> bool:
    return any(sums.get(of, 0) for sums in totals.money.values())


def _share(number: int, of: int) -> str:
    return f"{number * 100 // of}%" if of else ""  # rounded down: 100% is all of them


def _hint(view: View) -> None:
    period = view.close.period
    if view.interrupted:
        note(
            f"  its execution is no longer running; what is done stays done. To continue: monthclose close {period}\n"
            f"  what is done so far: monthclose report {period}",
            "",
        )
    elif view.close.status is CloseStatus.WAITING_FOR_APPROVAL:
        then = "; it then continues by itself" if view.waits else f", then monthclose close {period}"
        note(f"  nothing is issued or charged yet. To see and accept its drafts: monthclose approve {period}{then}", "")
    elif view.close.status is not CloseStatus.RUNNING:
        note(f"  report: monthclose report {period}")
    elif view.running:
        note(f"  watch it: monthclose status {period} --watch")


def closes(ctx: typer.Context, *, in_json: bool) -> None:
    """List all closes, newest first."""
    system = connected(ctx)
    found = system.ports.closes.all()
    if in_json:
        print_json([_as_json(close) for close in found])
        return
    if not found:
        note("no month has been closed yet; close one with: monthclose close PERIOD", "")
        return
    rows = []
    for close in found:
        stuck = close.status is CloseStatus.RUNNING and not system.ports.workflow.is_running(close.execution)
        broke_off = "stopped" if close.stopped else "interrupted"
        state = broke_off if stuck else close.status.replace("_", " ")
        ended = f"{close.completed_at:%Y-%m-%d %H:%M}" if close.completed_at else ""
        rows.append((str(close.period), state, f"{close.customers:,}", f"{close.opened_at:%Y-%m-%d %H:%M}", ended))
    show(grid(rows, right=(2,), header=("period", "status", "customers", "opened (UTC)", "ended (UTC)")))


def _as_json(close: Close) -> dict[str, Any]:
    return {
        "period": str(close.period),
        "status": close.status,
        "customers": close.customers,
        "run": close.run,
        "opened_at": close.opened_at.isoformat(),
        "completed_at": close.completed_at.isoformat() if close.completed_at else None,
    }
