"""The local clock: a file that says how far ahead of the machine's the clock of a local AWS and its sandbox is.

Everything on this machine that stamps records reads the one file: the functions and the command (by code of their own,
`monthclose.adapters.local_clock`), the sandbox, and the emulator for what SES reports. It is replaced in one move, so
that all of them change to a new time together.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "MONTHCLOSE_LOCAL_CLOCK"
"""The environment variable that names the file."""

type Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the clock has been moved.

    Attributes
    ----------
    ahead_seconds : float
        What the clock shows more than the machine's.
    done_until : float
        Everything that was due up to this moment has been started; seconds since the epoch, by the local clock.
    """

    ahead_seconds: float = 0.0
    done_until: float = 0.0


class ClockFile:
    """A local clock: called, it tells the time, in seconds since the epoch.

    Parameters
    ----------
    machine : Callable[[], float]
        The machine's clock.
    """

    def __init__(self, path: Path, machine: Clock = time.time) -> None:
        self._path, self._machine = path, machine

    def __call__(self) -> float:
        """Return the time."""
        return self._machine() + self.read().ahead_seconds

    def read(self) -> Shift:
        """Read how far the clock has been moved; not at all where there is no file."""
        try:
            return Shift(**json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Shift()

    def move(self, moment: float) -> None:
        """Let the clock show a moment; an earlier one than it shows is left out: time goes forward only."""
        before = self.read()
        ahead = max(before.ahead_seconds, moment - self._machine())
        self.write(Shift(ahead, before.done_until))

    def done(self, moment: float) -> None:
        """Note that all that was due up to a moment has been started; an earlier one than noted is left out."""
        before = self.read()
        self.write(Shift(before.ahead_seconds, max(before.done_until, moment)))

    def write(self, shift: Shift) -> None:
        """Replace what the file says, in one move."""
        partial = self._path.with_suffix(".new")
        partial.write_text(json.dumps(asdict(shift)))
        partial.replace(self._path)

    def reset(self) -> None:
        """Show the machine's time again."""
        self._path.unlink(missing_ok=True)
