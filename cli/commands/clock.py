"""`monthclose local clock`: lets time pass on the local AWS."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from cli.connect import connected
from cli.console import err, grid, note, print_json, say, show
from cli.exit_status import ExitStatus
from cli.home import home
from cli.passing.passage import Passage, Step
from cli.passing.surroundings import FakeProviders, LocalStacks
from cli.system import System
from monthclose.domain.errors import UserMistakeError
from sandbox.aws.local_aws import LocalAws, Running
from sandbox.clock import ClockFile

_SPAN = re.compile(r"\+(\d{1,3})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_FARTHEST = timedelta(days=366)
_NOT_UP = (
    "no local AWS is up: only there, and in its sandbox, can the clock be moved\n"
    "start it with: monthclose local up (or go to the folder where you did, or set MONTHCLOSE_HOME)"
)
_NOT_FRESH = (
    "the records have later times already, and time only goes forward\n"
    "start again with an empty one: monthclose local down, then monthclose local up"
)


def clock(ctx: typer.Context, moment: str | None, *, real: bool, in_json: bool) -> None:
    """Let time pass, or say what time it is."""
    if real and moment:
        raise UserMistakeError("--real and a moment do not go together: use one of them")
    local = LocalTime.of(ctx)
    if real:
        local.reset()
    if not moment:
        _show(local, in_json=in_json)
        return
    began = local.file.read(), local.now
    until = read_moment(moment, local.now)
    with local.alone():
        steps = local.pass_to(until, _quiet if in_json else Diary().add)
    if in_json:
        print_json({"from": began[1].isoformat(), "to": local.now.isoformat(), "steps": [s.to_json() for s in steps]})
    else:
        say(f"it is now {_written(local.now)}", "bold")
    if any(step.failed for step in steps):
        raise typer.Exit(ExitStatus.FAILED)


def read_moment(text: str, now: datetime) -> datetime:
    """Read a day, a time of a day (UTC), or a span from now: `2026-12-01`, `2026-12-01T09:00`, `+3d`.

    Raises
    ------
    UserMistakeError
        It cannot be read, is not ahead, or more than a year ahead.
    """
    if span := _SPAN.fullmatch(text):
        found = now + timedelta(**{_UNITS[span[2]]: int(span[1])})
    else:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise UserMistakeError(
                f"{text!r} is not a moment\n"
                "write a day (2026-12-01), a time (2026-12-01T09:00), or how long (+3d, +12h, +2w)"
            ) from None
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if found <= now:
        raise UserMistakeError(f"time only goes forward: it is already {_written(now)}")
    if found - now > _FARTHEST:
        raise UserMistakeError("that is more than a year ahead; move the clock in shorter steps")
    return found


class Diary:
    """Prints what happened, with the day."""

    def add(self, step: Step) -> None:
        """Print a step; nothing if nothing happened in it."""
        for number, line in enumerate(step.lines):
            self.write(step.time if number == 0 else None, line, "bold yellow" if step.failed else "")

    @staticmethod
    def write(time: datetime | None, line: str, style: str = "") -> None:
        """Print a line, with its day unless it belongs to the one before."""
        day = f"{time.day:2} {time:%b}" if time else ""
        say(f"{day:6}  {line}", style)


def _quiet(_step: Step) -> None:
    """Print nothing."""


@dataclass(frozen=True)
class LocalTime:
    """The time of the local AWS that is up.

    Raises
    ------
    UserMistakeError
        None is up, the command is meant for another AWS, or the local AWS is somebody else's.
    """

    running: Running
    system: System
    file: ClockFile

    @classmethod
    def of(cls, ctx: typer.Context) -> "LocalTime":
        """Find it, and connect to what is deployed on it."""
        running = LocalAws(home()).running()
        if running is None:
            raise UserMistakeError(_NOT_UP)
        _require_local(running)
        system = connected(ctx)
        _require_local(running)  # --endpoint-url
        if not running.clock:
            raise UserMistakeError(
                "this AWS has no clock that can be ahead\n"
                "start one that has: monthclose local down, then monthclose local up"
            )
        return cls(running, system, ClockFile(Path(running.clock)))

    @property
    def now(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(self.file(), UTC)

    def passage(self) -> Passage:
        """Make what lets time pass."""
        bank = FakeProviders(self.running.sandbox_url)
        stacks = LocalStacks(self.running, self.system, bank)
        return Passage(self.system, self.file, bank, stacks, stacks.rules())

    def pass_to(self, until: datetime, tell: Callable[[Step], None]) -> list[Step]:
        """Let time pass to a moment; each step is told when it is done. In an empty system nothing is started."""
        if self.is_empty:
            self.file.move(until.timestamp())
            self.file.done(until.timestamp())
            return []
        done = []
        with _waiting("time passes"):
            for step in self.passage().steps(until):
                tell(step)
                done.append(step)
        return done

    @property
    def is_empty(self) -> bool:
        """Whether there are no customers and no closes: nothing has a time yet."""
        ports = self.system.ports
        return not ports.closes.all() and next(iter(ports.directory.scan()), None) is None

    def reset(self) -> None:
        """Go back to the machine's time.

        Raises
        ------
        UserMistakeError
            There are records with later times.
        """
        if self.file.read().ahead_seconds and not self.is_empty:
            raise UserMistakeError(_NOT_FRESH)
        self.file.reset()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands from letting time pass meanwhile.

        Raises
        ------
        UserMistakeError
            One does.
        """
        with Path(self.running.clock).with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserMistakeError(
                    "another command is moving the clock right now: wait until it has ended"
                ) from None
            yield


def _require_local(running: Running) -> None:
    """Refuse an AWS that the environment chooses, if it is not the local one."""
    elsewhere = any(os.environ.get(name) for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID"))
    where = os.environ.get("AWS_ENDPOINT_URL", "AWS" if elsewhere else running.endpoint_url)
    if where.rstrip("/") != running.endpoint_url:
        raise UserMistakeError(
            f"this command is set to {where}, where the clock cannot be moved\n"
            f"only on the local AWS can it: {running.endpoint_url}"
        )


@contextmanager
def _waiting(text: str) -> Iterator[None]:
    console = err()
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def _show(local: LocalTime, *, in_json: bool) -> None:
    ahead = timedelta(seconds=round(local.file.read().ahead_seconds))
    passage = local.passage()
    coming = sorted((moment, passage.name_of(rule)) for moment, rule in passage.next_due(local.now + _FARTHEST))
    if in_json:
        answer = {"now": local.now.isoformat(), "ahead_seconds": ahead.total_seconds()}
        print_json({**answer, "next": [{"time": moment.isoformat(), "what": what} for moment, what in coming]})
        return
    say(f"it is {_written(local.now)}" + (f", {ahead.days} days ahead of this machine" if ahead else ""))
    show(grid([("  next", _written(moment), what) for moment, what in coming]))
    note("to let time pass: monthclose local clock +3d", "")


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
