"""Detached processes: started, found again by id and moment of start, and ended by id with all their workers."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc/self/stat").exists()
_END_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Process:
    """A process of ours: its id, and when it started, in the system's own count."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it runs; another process that got the same id is not it."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # if it was a child of this very process, it must not stay a zombie
        return bool(self.started) and _start_of(self.pid) == self.started


def spawn_module(module: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> Process:
    """Start `python -m …` as a detached process that writes its output to a log."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own: Ctrl-C here doesn't reach it, its end takes all workers
        )
    child.returncode = 0  # detached: it is not this object that waits for it
    return Process(child.pid, _start_of(child.pid))


def tail(log: Path, lines: int = 12) -> str:
    """Quote the end of a log and say where it is."""
    text = log.read_text(errors="replace") if log.exists() else ""
    last = [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join([*last, f"log: {log}"])


def end(process: Process, temp: Path) -> bool:
    """End a process and its workers: SIGTERM first, then SIGKILL.

    Parameters
    ----------
    temp : Path
        Folder that the workers are run from, which tells them from other processes.

    Returns
    -------
    bool
        Whether the process was there.
    """
    was_alive = process.alive
    if not process.pid or (_start_of(process.pid) and not was_alive):
        return False  # another process has the id by now
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _group(process.pid, temp):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if _await_end(process, temp):
            break
    return was_alive


def _await_end(process: Process, temp: Path) -> bool:
    deadline = time.monotonic() + _END_SECONDS
    while process.alive or _group(process.pid, temp):  # asking whether it is alive reaps it, if it was our child
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _ps(*arguments: str) -> list[list[str]]:
    done = subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False)
    return [line.split(None, 2) for line in done.stdout.splitlines()]


def _stat(pid: int | str) -> list[str]:
    """Read a Linux process's status, from its state on: `[state, parent, group, …]`; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _start_of(pid: int) -> str:
    """Tell when a process started, in the system's own count; empty if it doesn't run."""
    if _PROC:
        stat = _stat(pid)
        return stat[19] if stat and stat[0] != "Z" else ""
    return " ".join(part for row in _ps("-o", "lstart=", "-p", str(pid)) for part in row) if pid else ""


def _group(leader: int, temp: Path) -> list[int]:
    """List the processes that a leader started and that are still there, also when it is gone itself."""
    if _PROC:
        stats = [(int(entry.name), _stat(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        members = [pid for pid, stat in stats if stat and stat[0] != "Z" and int(stat[2]) == leader]
        commands = {pid: _command(pid) for pid in members}
    else:
        commands = {int(row[0]): row[2] for row in _ps("-axo", "pid=,pgid=,command=") if int(row[1]) == leader}
    # Group ids are given out again: what is not the leader must be a worker of ours, run from our folder.
    return [pid for pid, command in commands.items() if pid == leader or str(temp) in command]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
