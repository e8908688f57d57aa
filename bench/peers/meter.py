"""What a contestant's processes take while it works: CPU time and memory, by kind of process, from `/proc` (Linux)."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.peers.contestant import Part
from bench.processes import TICKS, process, processes

_CPU_EVERY = 0.25
"""Seconds between two looks: a process that lives for less may be missed."""
_MEMORY_EVERY = 8
"""Looks at CPU between two looks at memory, which cost more."""


class Meter:
    """Measures from `start` to `end`. A process that has ended counts with what it had at the last look.

    Attributes
    ----------
    peak_mb : float
        The most memory that all of them had at once: their PSS, which counts a page that several share once.
    others_share : float
        How much of the machine's processors everything else took: the provider, the harness, whoever works beside.
    """

    def __init__(self, parts: Callable[[], Sequence[Part]]) -> None:
        self._parts = parts
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._kinds: dict[int, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._machine = (0.0, 0.0)
        self.peak_mb = 0.0
        self.others_share = 0.0

    def start(self) -> None:
        """Begin: what was used before doesn't count."""
        for pid, kind in family(self._parts()).items():
            self._kinds[pid] = kind
            self._first[pid] = self._last[pid] = _cpu_seconds(pid)
        self._machine = _machine_seconds()
        self._thread.start()

    def end(self) -> None:
        """Look once more, and stop."""
        self._over.set()
        self._thread.join()
        self._look()
        busy, passed = (now - then for now, then in zip(_machine_seconds(), self._machine, strict=True))
        self.others_share = max(busy - sum(self.seconds.values()), 0.0) / passed

    @property
    def seconds(self) -> Mapping[str, float]:
        """The CPU time by kind of process."""
        found: dict[str, float] = defaultdict(float)
        for pid, last in self._last.items():
            found[self._kinds[pid]] += last - self._first.get(pid, 0.0)
        return found

    def _run(self) -> None:
        looks = 0
        while not self._over.wait(_CPU_EVERY):
            pids = self._look()
            if looks % _MEMORY_EVERY == 0:
                self.peak_mb = max(self.peak_mb, sum(map(_pss_mb, pids)))
            looks += 1

    def _look(self) -> Iterable[int]:
        found = family(self._parts())
        for pid, kind in found.items():
            self._kinds[pid] = kind
            self._last[pid] = max(self._last.get(pid, 0.0), _cpu_seconds(pid))
        return found


def family(parts: Sequence[Part]) -> Mapping[int, str]:
    """Find the parts that run and their descendants: each one's kind, by its process id."""
    parents = {each.pid: each.parent for each in processes()}
    kinds = {part.pid: part.kind for part in parts}
    found: dict[int, str] = {}
    for pid in parents:
        ancestor = pid
        while ancestor and ancestor not in kinds:
            ancestor = parents.get(ancestor, 0)
        if ancestor:
            found[pid] = kinds[ancestor]
    return found


def _cpu_seconds(pid: int) -> float:
    found = process(pid)
    return found.cpu_seconds if found else 0.0


def _pss_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _machine_seconds() -> tuple[float, float]:
    """Read how long all processors have been busy, and how long there have been any."""
    user, nice, system, idle, wait, *interrupts = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    busy = user + nice + system + sum(interrupts)
    return busy / TICKS, (busy + idle + wait) / TICKS
