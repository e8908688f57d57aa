"""Python imports this at its start where this folder is on its path: functions' processes are then profiled if asked.

A sampler, as cProfile follows one thread only and triples what small functions cost: a thread wakes every few
milliseconds and books the CPU time that each other thread has used since, on that thread's stack.
"""

import atexit
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

FOLDER = "MONTHCLOSE_PROFILE_FOLDER"
_EVERY_SECONDS = 0.01
_KEPT_EVERY_SECONDS = 1.0
_DEEPEST = 90


class Sampler(threading.Thread):
    """Samples this process's other threads, and writes what it has seen once a second: most processes are killed."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True, name="sampler")
        self._file, self._used = file, dict[int, float]()
        self._stacks: Counter[tuple[str, ...]] = Counter()

    def run(self) -> None:
        kept = time.monotonic()
        while True:
            time.sleep(_EVERY_SECONDS)
            self._sample()
            if time.monotonic() - kept > _KEPT_EVERY_SECONDS:
                self.keep()
                kept = time.monotonic()

    def _sample(self) -> None:
        me = threading.get_ident()
        for thread, frame in sys._current_frames().items():
            if thread == me:
                continue
            try:
                used = time.clock_gettime(time.pthread_getcpuclockid(thread))
            except OSError:  # it has ended
                continue
            spent = used - self._used.get(thread, 0.0)
            self._used[thread] = used
            if spent > 0:
                self._stacks[_stack(frame)] += spent  # type: ignore[assignment]

    def keep(self) -> None:
        """Write the stacks, each with its microseconds of CPU: the format of flame graphs."""
        lines = [f"{';'.join(stack)} {round(spent * 1e6)}\n" for stack, spent in list(self._stacks.items())]
        partial = self._file.with_suffix(".new")
        partial.write_text("".join(lines))
        partial.replace(self._file)


def _stack(frame: FrameType | None) -> tuple[str, ...]:
    names: list[str] = []
    while frame is not None and len(names) < _DEEPEST:
        code = frame.f_code
        names.append(f"{_short(code.co_filename)}:{code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(names))


def _short(path: str) -> str:
    for mark in ("/python/", "/code/", "/site-packages/", "/python3."):
        _, found, after = path.rpartition(mark)
        if found:
            return after
    return path.rpartition("/")[2]


def _begin() -> None:
    folder, function = os.environ.get(FOLDER), os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if not folder or not function:
        return
    sys.setswitchinterval(0.0001)
    sampler = Sampler(Path(folder) / f"{function}.{os.getpid()}.stacks")
    sampler.start()
    atexit.register(sampler.keep)


_begin()
