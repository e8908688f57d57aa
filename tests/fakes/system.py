"""Clock and log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from monthclose.ports.copies import Difference


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


class FakeTableCopies:
    """`TableCopies` of tables that hold nothing: what matters is when something is put back, and whether."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {"customers": "", "billing": ""}
        self.made_at: list[datetime] = []
        self.put_back: list[str] = []
        self.difference = Difference(changed=2, newer=1, kept=0, same=7)

    def states(self) -> dict[str, str]:
        return dict(self.found)

    def moments(self) -> dict[str, datetime | None]:
        return dict.fromkeys((f"{table}-restored" for table in self.found), self.made_at[-1]) if self.made_at else {}

    def make(self, at: datetime) -> None:
        self.made_at.append(at)
        self.found = dict.fromkeys(self.found, "CREATING")

    def compare(self, table: str, *, put_back: bool) -> Difference:
        self.put_back += [table] if put_back else []
        return self.difference
