"""Clock and log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass
class FakePatience:
    """Remembers what it was told; the fakes are never throttled."""

    seconds: float | None = None
    """None: without end."""
    tells: list[Callable[[str], None]] = field(default_factory=list)

    def until(self, seconds: float) -> None:
        self.seconds = seconds

    def endless(self, tell: Callable[[str], None]) -> None:
        self.tells.append(tell)


@dataclass
class FakeLog:
    """A log that remembers."""

    lines: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    details: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    """What is only logged if everything is."""

    def debug(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.details.append((message, extra))

    def info(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.lines.append((message, extra))

    def warning(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.lines.append((message, extra))

    def error(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        self.lines.append((message, extra))
