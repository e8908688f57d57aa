"""`monthclose pause`, `resume` and `stop`: hold a close up, let it go on, end it early."""

import typer

from cli import operating
from cli.connect import connected
from cli.console import note, print_json, say
from cli.months import connect_for
from cli.system import System
from monthclose.domain.closes.close import Close
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.charging_pause import Pause
from monthclose.use_cases.closes.pause_close import why_not_running


def pause(ctx: typer.Context, period: str | None, provider: str | None, reason: str, by: str, *, in_json: bool) -> None:
    """Pause the charging of a close, or of a provider."""
    if provider is not None:
        system, name = _provider(ctx, period, provider)
        made = operating.pause_provider(system, name, by, reason)
        _tell(made, {"provider": name}, f"charging through {name}", f"--provider {name}", in_json=in_json)
        return
    system, chosen = connect_for(ctx, period)
    made = operating.pause_close(system, chosen, by, reason)
    _tell(made, {"period": str(chosen)}, f"charging in the close of {chosen}", str(chosen), in_json=in_json)


def resume(ctx: typer.Context, period: str | None, provider: str | None, by: str, *, in_json: bool) -> None:
    """Resume the charging of a close, or of a provider."""
    if provider is not None:
        system, name = _provider(ctx, period, provider)
        operating.resume_provider(system, name, by)
        if in_json:
            print_json({"provider": name, "status": "resumed", "by": by})
        else:
            say(f"charging through {name} is resumed; it continues within a minute")
            note("what the collections left meanwhile: monthclose collect")
        return
    system, chosen = connect_for(ctx, period)
    close = operating.resume_close(system, chosen, by)
    _tell_resumed(system, close, by, in_json=in_json)


def stop(ctx: typer.Context, period: str | None, reason: str, by: str, *, in_json: bool) -> None:
    """Stop a close. Who did is kept with it, and in the cause of the execution's end."""
    system, chosen = connect_for(ctx, period)
    close, reason = system.ports.closes.get(chosen), reason.strip()
    if close is None or not operating.runs(system, close):
        raise UserMistakeError(why_not_running(chosen, close))
    with system.use_cases.acts.acting("close.stopped", by=by, why=reason, period=chosen):
        _stop(system, close, reason, by)
    if in_json:
        print_json({"period": str(chosen), "status": "stopped", "reason": reason, "by": by})
    else:
        say(f"the close of {chosen} is stopped; what is done stays done. To continue: monthclose close {chosen}")


def _stop(system: System, close: Close, reason: str, by: str) -> None:
    cause = f"monthclose stop by {by}: {reason or 'no reason given'}"
    try:
        system.use_cases.note_stop(close.period, reason, by)
    except UserMistakeError:
        now = system.ports.closes.get(close.period)
        if now and now.stopped:  # somebody else's command may have broken off before it ended the execution
            system.ports.workflow.stop(now.execution, cause)
        raise
    system.ports.workflow.stop(close.execution, cause)


def _provider(ctx: typer.Context, period: str | None, name: str) -> tuple[System, str]:
    if period is not None:
        raise UserMistakeError("a provider is paused for all months: leave out the month, or leave out --provider")
    system = connected(ctx)
    return system, system.provider(name).name


def _tell(made: Pause, about: dict[str, str], what: str, resumed_by: str, *, in_json: bool) -> None:
    if in_json:
        print_json({**about, "status": "paused", **made.to_json()})
    else:
        say(f"{what} is paused: within five seconds no more charge is begun; invoices go on")
        say(f"to resume it: monthclose resume {resumed_by}")


def _tell_resumed(system: System, close: Close, by: str, *, in_json: bool) -> None:
    runs = operating.runs(system, close)
    if in_json:
        print_json({"period": str(close.period), "status": "resumed", "by": by, "running": runs})
        return
    say(f"charging in the close of {close.period} is resumed")
    if runs:
        note("it continues within a minute")
        for name in close.providers:
            paused = system.ports.limits.state(name).paused
            if paused:
                note(f"but charging through {name} was paused {paused.in_words()}", "yellow")
    else:
        note(f"but its execution is no longer running; monthclose close {close.period} continues it", "yellow")
