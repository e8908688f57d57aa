"""What Linux knows of this machine's processes (`/proc`)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """A process.

    Parameters
    ----------
    cpu_seconds : float
        What it has used, user and system time.
    of_children : float
        What those of its children used that have ended.
    """

    pid: int
    parent: int
    group: int
    session: int
    cpu_seconds: float
    of_children: float


def processes() -> Iterator[Process]:
    """Go through the processes that there are."""
    for entry in Path("/proc").iterdir():
        found = process(int(entry.name)) if entry.name.isdigit() else None
        if found:
            yield found


def process(pid: int) -> Process | None:
    """Read a process; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    user, system, children, children_system = (int(text) / TICKS for text in stat[11:15])
    parent, group, session = map(int, stat[1:4])
    return Process(pid, parent, group, session, user + system, children + children_system)
