"""Rows that are not in the register, because few people make them: the findings of reports, and the audit trail."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monthclose.domain.closes.close import Close
from monthclose.domain.closes.proof import NOT_COMPARED
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.use_cases.proof.report_close import report_key

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from cli.dashboard.register.sync import Ports
    from monthclose.domain.audit import RecordedAct
    from monthclose.use_cases.proof.report import LooseEndName, Report

_AGAIN, _LATER_AGAIN = timedelta(minutes=1), timedelta(minutes=10)
"""After so long the reports are read again, of the latest closes and of all others: the reconciler writes them anew."""
_LATEST = 3
_LAG = timedelta(minutes=5)
"""What was appended to the audit trail may be seen so much later."""
_LOOSE_ENDS: tuple["LooseEndName", ...] = ("unfinished", "waiting", "unreached")


class OtherRows:
    """Brings the copy's findings and acts up to date."""

    def __init__(self, ports: "Ports") -> None:
        self._ports = ports
        self._read: dict[Period, datetime] = {}

    def forget(self) -> None:
        """Read all reports again the next time: the copy was emptied."""
        self._read = {}

    def bring(self, connection: "DuckDBPyConnection", closes: Sequence[Close], now: datetime) -> bool:
        """Read what may have changed, a report for each close and the newest acts, and return whether it has."""
        changed = False
        for number, close in enumerate(closes):
            pause = _AGAIN if number < _LATEST else _LATER_AGAIN
            read_at = self._read.get(close.period)
            if read_at is None or now - read_at >= pause:
                changed |= self._bring_findings(connection, close.period)
                self._read[close.period] = now
        return self._bring_acts(connection) or changed

    def _bring_findings(self, connection: "DuckDBPyConnection", period: Period) -> bool:
        rows = list(self._findings(period))
        kept = connection.execute("SELECT * FROM findings WHERE period = ?", [str(period)]).fetchall()
        if Counter(kept) == Counter(rows):
            return False
        connection.execute("BEGIN")
        connection.execute("DELETE FROM findings WHERE period = ?", [str(period)])
        if rows:
            connection.executemany("INSERT INTO findings VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        return True

    def _findings(self, period: Period) -> Iterator[tuple[str | None, ...]]:
        try:
            report: Report = json.loads(self._ports.documents.get(report_key(period, "json")))
        except KeyError:
            return
        for found in report["proof"]["findings"]:
            state = "not_compared" if found["check"] in NOT_COMPARED else "does_not_tie"
            yield str(period), found["check"], found.get("customer_id") or None, found["detail"], state
        for name in _LOOSE_ENDS:
            ends = report.get(name)
            for end in ends["customers"] if ends else ():
                yield str(period), name, end["customer_id"], end["what"], "loose_end"

    def _bring_acts(self, connection: "DuckDBPyConnection") -> bool:
        ((newest, before),) = connection.execute('SELECT max("at"), count(*) FROM acts').fetchall()
        since = datetime.fromisoformat(newest) - _LAG if newest else None
        with suppress(UserMistakeError):  # a deployment of an earlier release has no trail
            rows = [_act_row(each) for each in self._ports.audit.find(since=since)]
            if rows:
                connection.executemany(f"INSERT OR IGNORE INTO acts VALUES ({', '.join('?' * len(rows[0]))})", rows)
        ((after,),) = connection.execute("SELECT count(*) FROM acts").fetchall()
        return bool(after != before)


def _act_row(recorded: "RecordedAct") -> tuple[str | None, ...]:
    act = recorded.act
    period = str(act.period) if act.period else ""
    texts = (act.subject, act.what, act.by, act.who, act.why, period, act.customer_id, act.invoice)
    return recorded.name, recorded.at, *(text or None for text in (*texts, act.before, act.after))
