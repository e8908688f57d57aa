"""The audit trail in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from monthclose.domain.audit import Act, Caller, RecordedAct, in_utc, recorded, witnessed_until
from monthclose.domain.period import Period
from monthclose.errors import MonthCloseError
from monthclose.ports import Clock
from tests.fakes.system import FakeClock

_ADA = Caller("AIDATEST", "arn:aws:iam::123456789012:user/ada")


@dataclass
class FakeAuditTrail:
    """An audit trail; `caller` is who acts, and may be changed."""

    caller: Caller = _ADA
    acts: list[RecordedAct] = field(default_factory=list)
    """In the order in which they were appended."""
    clock: Clock = field(default_factory=FakeClock)
    broken: MonthCloseError | None = None
    """If there is one, nothing can be appended."""

    def append(self, act: Act) -> RecordedAct:
        if self.broken:
            raise self.broken
        until = witnessed_until(self.clock())
        mine = [each for each in self.acts if each.identity == self.caller.user_id]
        seen = [each for each in self.acts if each.at <= until]
        newest = max(seen, key=lambda each: each.at, default=None)
        made = recorded(act, self.caller, mine[-1] if mine else None, newest)
        self.acts.append(made)
        return made

    def find(
        self,
        *,
        period: Period | None = None,
        customer_id: str = "",
        invoice: str = "",
        subject: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[RecordedAct]:
        for each in sorted(self.acts, key=lambda each: each.at, reverse=True):
            act = each.act
            about = (
                (not period or act.period == period)
                and (not customer_id or act.customer_id == customer_id)
                and (not invoice or act.invoice == invoice)
                and (not subject or act.subject == subject)
            )
            timely = (not since or each.at >= in_utc(since)) and (not until or each.at < in_utc(until))
            if about and timely:
                yield each

    def get(self, name: str) -> RecordedAct | None:
        return next((each for each in self.acts if each.name == name), None)

    @property
    def told(self) -> list[Act]:
        """The acts, in the order in which they were appended."""
        return [each.act for each in self.acts]
