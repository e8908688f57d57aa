"""Plays the story: closes the first month as the demo does, then lets time pass, with what people do in between."""

import contextlib
import io
from datetime import timedelta

import typer

from cli.commands.clock import Diary, LocalTime
from cli.commands.close import run_close
from cli.console import note, say
from cli.exit_status import ExitStatus
from cli.home import folder
from cli.story.acts import BY, Act, Acts
from cli.story.table import show_months
from cli.system import System
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.words import count

_NOT_EMPTY = (
    "the story of several months begins with an empty local AWS, and this one has customers or closes\n"
    "empty it first: monthclose local down"
)
_LAST_DAYS = timedelta(days=12)
"""After the last close, until its debits have been settled."""


def play(ctx: typer.Context, local: LocalTime, customers: int, months: int) -> list[Period]:
    """Play the story; returns its months.

    Raises
    ------
    UserMistakeError
        The local AWS is not empty.
    """
    if not local.is_empty:
        raise UserMistakeError(_NOT_EMPTY)
    first = Period.of(local.now)
    local.pass_to(first.end, lambda _step: None)
    acts = Acts(ctx, local.system, local.running.sandbox_url, folder("demo") / "story", first, customers)
    note(f"making up {first} for a cloud provider with {count(customers, 'customer')}", "")
    acts.first_month()
    exit_status = run_close(local.system, first, BY)
    if exit_status not in (ExitStatus.DONE, ExitStatus.UNRESOLVED):
        raise typer.Exit(exit_status)
    say("")
    say("time passes", "bold")
    periods = [first]
    while len(periods) < months:
        periods.append(periods[-1].next)
    _pass(local, acts.of_months(months), periods[-1])
    return periods


def _pass(local: LocalTime, acts: list[Act], last: Period) -> None:
    passage, diary = local.passage(), Diary()
    for act in acts:
        for step in passage.steps(act.time):
            diary.add(step)
        since = passage.now
        with contextlib.redirect_stdout(io.StringIO()):  # the commands' own answers
            played = act.play()
        if said := act.text or played:
            diary.write(act.time, str(said))
        if act.about:
            diary.write(act.time, ", ".join(passage.came_of(act.about, since).words()))
    for step in passage.steps(last.end + _LAST_DAYS):
        diary.add(step)
    for step in passage.compare_all():
        diary.add(step)


def show(system: System, periods: list[Period]) -> ExitStatus:
    """Print the table at the end."""
    say("")
    say(f"{count(len(periods), 'month')}, as the books are now", "bold")
    return ExitStatus.DONE if show_months(system, periods) else ExitStatus.UNRESOLVED
