"""Following an execution to its end: drawn on a terminal, a line now and then elsewhere."""

import math
import time
from typing import Protocol

import typer
from botocore.exceptions import BotoCoreError
from rich.console import RenderableType
from rich.live import Live

from cli.console import err, note
from cli.exit_status import ExitStatus
from cli.system import System
from monthclose.errors import TryLaterError
from monthclose.ports import Execution

_PATIENCE = 5
"""How many looks in a row may fail: a close takes hours, and a network hiccups."""
_LINE_SECONDS = 5.0
"""How often the progress is a line where there is no terminal, at first; later more and more rarely."""


_LOOK_SECONDS = 2.0


def wait_for_end(system: System, execution: str, goes_on: str) -> Execution:
    """Wait for an execution's end without showing how far it is.

    Parameters
    ----------
    goes_on : str
        What is said to a person who interrupts: the execution goes on.
    """
    try:
        while (state := system.ports.workflow.describe(execution)).status == "RUNNING":
            system.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        note(goes_on, "")
        raise typer.Exit(ExitStatus.INTERRUPTED) from None
    return state


class Board(Protocol):
    """What is shown of a running execution."""

    @property
    def age(self) -> float:
        """Seconds that it has been watched for."""

    def look(self) -> None:
        """See how far it is now."""

    def line(self) -> str:
        """Write it in one line."""

    def render(self) -> RenderableType:
        """Draw it."""


def watch_execution(system: System, execution: str, board: Board) -> Execution:
    """Show the progress of an execution until it ends.

    Raises
    ------
    TryLaterError, BotoCoreError
        AWS has not answered for several looks in a row.
    """
    console = err()
    if not console.is_terminal:
        return _follow(system, execution, board, in_lines=True)
    with Live(console=console, transient=True, refresh_per_second=8, get_renderable=board.render):
        return _follow(system, execution, board, in_lines=False)


def _follow(system: System, execution: str, board: Board, *, in_lines: bool) -> Execution:
    spoken, failures = (-math.inf, ""), 0
    while True:
        began = time.monotonic()
        try:
            state = system.ports.workflow.describe(execution)
            board.look()
        except (TryLaterError, BotoCoreError):
            failures += 1
            if failures > _PATIENCE:
                raise
            system.sleep(2 * failures)
            continue
        failures = 0
        if in_lines and (state.status != "RUNNING" or began - spoken[0] >= max(_LINE_SECONDS, board.age / 10)):
            line = board.line()
            if line != spoken[1]:
                note(line, "")
            spoken = (began, line)
        if state.status != "RUNNING":
            return state
        # With 10,000 batches a look takes a while: never spend more than half of the time looking.
        system.sleep(min(max(time.monotonic() - began, 0.5), 10))
