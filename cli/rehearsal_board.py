"""Watching a rehearsal: how much of it is drafted, as a bar on a terminal and as a line now and then elsewhere."""

import time

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.text import Text

from cli.console import duration
from cli.system import System
from cli.watching import watch_execution
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.ports import Execution
from monthclose.use_cases.rehearsals.rehearse_batch import summary_key

_LOOKED_AT = 40
"""Batches that are looked at, evenly among all: enough to say how many percent are drafted."""


def watch_rehearsal(system: System, period: Period, execution: str) -> Execution:
    """Show the progress of a rehearsal until it ends."""
    return watch_execution(system, execution, _Board(system, period, execution))


class _Board:
    """What is shown of a rehearsal."""

    def __init__(self, system: System, period: Period, execution: str) -> None:
        self._execution = execution
        self._system, self._period, self._began = system, period, time.monotonic()
        self._customers, self._drafted = 0, set[int]()
        self._share = 0.0

    def look(self) -> None:
        """See how far it is. Nothing counts the batches while they are drafted; some of them are looked at."""
        rehearsal = self._system.ports.rehearsals.get(self._period)
        if rehearsal is None or rehearsal.execution != self._execution or not rehearsal.batches:
            return
        self._customers = rehearsal.customers
        some = range(0, rehearsal.batches, max(rehearsal.batches // _LOOKED_AT, 1))
        left = [number for number in some if number not in self._drafted]
        has = self._system.ports.documents.has
        self._drafted.update(number for number in left if has(summary_key(rehearsal, number)))
        self._share = len(self._drafted) / len(some)

    @property
    def age(self) -> float:
        """Seconds that it has been watched for."""
        return time.monotonic() - self._began

    def line(self) -> str:
        """Write it in one line."""
        if not self._customers:
            return f"rehearsing {self._period}: taking the snapshot  {duration(self.age)}"
        doing = f"{int(100 * self._share)}% drafted" if self._share < 1 else "comparing with the last month"
        return f"rehearsing {self._period}: {count(self._customers, 'customer')}, {doing}  {duration(self.age)}"

    def render(self) -> RenderableType:
        """Draw it."""
        title = Text(self.line(), style="bold")
        if not self._customers:
            return title
        bar = ProgressBar(total=1, completed=self._share, width=32, complete_style="green", finished_style="green")
        return Group(title, bar)
