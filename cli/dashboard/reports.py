"""Stored reports of closes, kept for a while once read."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cli.system import System
from monthclose.domain.closes.close import Close
from monthclose.domain.period import Period
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_close import report_key

_KEPT_SECONDS = 60.0
"""The reconciler writes a report again when something has changed: it is read again after so long."""


@dataclass
class Reports:
    """The reports, as they were written at the end of each close."""

    system: System
    clock: Callable[[], float] = time.monotonic
    _kept: dict[tuple[Period, int], tuple[float, Report]] = field(default_factory=dict)

    def of(self, close: Close) -> Report | None:
        """Read a close's report; None if it has none yet."""
        name = (close.period, close.run)
        read_at, kept = self._kept.get(name, (-_KEPT_SECONDS, None))
        if kept and self.clock() - read_at < _KEPT_SECONDS:
            return kept
        try:
            found: Report = json.loads(self.system.ports.documents.get(report_key(close.period, "json")))
        except KeyError:
            return None
        self._kept[name] = self.clock(), found
        return found
