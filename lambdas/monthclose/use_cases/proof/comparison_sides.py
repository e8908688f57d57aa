"""What both sides of a comparison with one provider have: sums, counts and findings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from monthclose.domain.closes.proof import MOST_FINDINGS, Comparison, Finding
from monthclose.domain.period import Period


@dataclass(slots=True)
class Side:
    """Both sides of a comparison with one provider, as far as it got.

    Parameters
    ----------
    theirs, ours : Counter
        By currency, in minor units.
    """

    name: str
    complete: bool = True
    charges: int = 0
    payments: int = 0
    booked: int = 0
    theirs: Counter[str] = field(default_factory=Counter)
    ours: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    findings_in_all: int = 0

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """Read it from JSON."""
        sums = {name: Counter(content[name]) for name in ("theirs", "ours")}
        return cls(**{**content, **sums, "findings": [Finding(**finding) for finding in content["findings"]]})

    def content(self) -> dict[str, Any]:
        """Put it into JSON."""
        kept = ("name", "complete", "charges", "payments", "booked", "theirs", "ours", "findings_in_all")
        return {name: getattr(self, name) for name in kept} | {"findings": [asdict(found) for found in self.findings]}

    def add(self, *findings: Finding) -> None:
        """Count findings, and keep the first ones."""
        self.findings_in_all += len(findings)
        self.findings += findings[: max(MOST_FINDINGS - len(self.findings), 0)]

    @property
    def full(self) -> bool:
        """Whether no more findings are kept."""
        return len(self.findings) >= MOST_FINDINGS

    def break_off(self, check: str, detail: str) -> None:
        """Mark the comparison as incomplete, so that nothing is concluded from what is missing."""
        self.complete = False
        self.add(Finding(check, detail))

    def result(self, period: Period, at: datetime) -> Comparison:
        """Make the comparison's result."""
        return Comparison(
            period,
            self.name,
            at,
            self.complete,
            self.charges,
            self.payments,
            {currency: minor for currency, minor in sorted(self.theirs.items()) if minor},
            {currency: minor for currency, minor in sorted(self.ours.items()) if minor},
            self.booked,
            tuple(self.findings),
            self.findings_in_all,
        )
