"""What checks of records add up to: both sides of each check, and the first who fail it. Bounded, and put into JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from monthclose.domain.closes.checks import Check, CheckResult, Failure, Row, State

MOST_NAMED = 50
"""Failures that are named, for each check; all are counted."""

type _Side = tuple[Check, str, str]


@dataclass(slots=True)
class Tally:
    """The sums of checks.

    Parameters
    ----------
    sides : dict
        By check, currency (empty for counts) and what is compared: left and right.
    parts : dict
        By currency: what the equation's left side is made of.
    runs : list
        The runs of invoice numbers that the close reserved: the first number, and how many.
    most : int
        How many failures of a check are named.
    """

    sides: dict[_Side, tuple[int, int]] = field(default_factory=dict)
    parts: dict[str, Counter[str]] = field(default_factory=dict)
    failures: dict[Check, list[Failure]] = field(default_factory=dict)
    failed: Counter[Check] = field(default_factory=Counter)
    runs: list[tuple[int, int]] = field(default_factory=list)
    most: int = MOST_NAMED

    def add(self, check: Check, left: int, right: int, *, currency: str = "", what: str = "") -> bool:
        """Add to both sides of a check; returns whether they are equal."""
        side = (check, currency, what)
        before = self.sides.get(side, (0, 0))
        self.sides[side] = (before[0] + left, before[1] + right)
        return left == right

    def add_part(self, currency: str, **minor: int) -> None:
        """Add to what the equation's left side is made of."""
        self.parts.setdefault(currency, Counter()).update(minor)

    def fail(self, check: Check, customer_id: str, detail: str) -> None:
        """Count a failure, and name it if it is one of the first."""
        self.failed[check] += 1
        named = self.failures.setdefault(check, [])
        if len(named) < self.most:
            named.append(Failure(customer_id, detail))

    def merge(self, other: "Tally") -> None:
        """Add another's sums and failures."""
        for (check, currency, what), (left, right) in other.sides.items():
            self.add(check, left, right, currency=currency, what=what)
        for currency, parts in other.parts.items():
            self.add_part(currency, **parts)
        for check, failures in other.failures.items():
            named = self.failures.setdefault(check, [])
            named += failures[: max(self.most - len(named), 0)]
        self.failed.update(other.failed)
        self.runs += other.runs

    def result(self, check: Check, at: datetime) -> CheckResult:
        """Say what a check found."""
        rows = tuple(
            Row(what, currency, *sides) for (of, currency, what), sides in sorted(self.sides.items()) if of is check
        )
        equal = all(row.left == row.right for row in rows)
        return CheckResult(
            check,
            State.PASSED if equal and not self.failed[check] else State.FAILED,
            at,
            rows=rows,
            parts={c: dict(p) for c, p in sorted(self.parts.items())} if check is Check.EQUATION else None,
            failures=tuple(self.failures.get(check, ())),
            failures_in_all=self.failed[check],
        )

    def content(self) -> dict[str, Any]:
        """Put it into JSON."""
        return {
            "sides": [[*side, *sums] for side, sums in sorted(self.sides.items())],
            "parts": {currency: dict(parts) for currency, parts in self.parts.items()},
            "failures": {check: [list(failure) for failure in named] for check, named in self.failures.items()},
            "failed": dict(self.failed),
            "runs": self.runs,
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """Read it from JSON."""
        return cls(
            sides={
                (Check(check), currency, what): (left, right) for check, currency, what, left, right in content["sides"]
            },
            parts={currency: Counter(parts) for currency, parts in content["parts"].items()},
            failures={Check(check): [Failure(*one) for one in named] for check, named in content["failures"].items()},
            failed=Counter({Check(check): number for check, number in content["failed"].items()}),
            runs=[(first, count) for first, count in content["runs"]],
        )


def merged(tallies: Iterable[Tally], most: int = MOST_NAMED) -> Tally:
    """Add several up."""
    total = Tally(most=most)
    for tally in tallies:
        total.merge(tally)
    return total
