"""`monthclose usage move`: usage of earlier releases, to where this release stores it."""

from dataclasses import asdict

import typer

from cli.connect import connected
from cli.console import note, print_json, say
from cli.exit_status import ExitStatus
from monthclose.domain.words import count


def move(ctx: typer.Context, *, by: str, in_json: bool) -> None:
    """Move it all, and say what was moved."""
    system = connected(ctx)
    with system.use_cases.acts.acting("usage.moved", by=by) as act:
        moved = system.use_cases.usage_mover.move(lambda text: note(text, ""))
        act.done(f"{moved.months} months, {moved.added} events added, {moved.left} months left")
    if in_json:
        print_json(asdict(moved))
    elif not moved.months:
        say("no usage of an earlier release is left")
    else:
        say(f"moved the usage of {count(moved.months - moved.left, 'month')} of customers")
        if moved.added:
            say(f"{count(moved.added, 'event')} of these had been stored after their month was moved")
    if moved.left:
        note(
            f"{count(moved.left, 'month')} of customers stay where they are, too: an event has the id of another one, "
            "or replaces one that is not there"
        )
        raise typer.Exit(ExitStatus.UNRESOLVED)
