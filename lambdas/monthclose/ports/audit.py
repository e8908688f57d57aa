"""The audit trail's store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monthclose.domain.audit import Act, RecordedAct
    from monthclose.domain.period import Period


class AuditTrail(Protocol):
    """Acts, which can be appended and read, and never changed."""

    def append(self, act: Act) -> RecordedAct:
        """Append an act in the name of the AWS identity that calls.

        Raises
        ------
        TryLaterError
            It could not be written; the change must not be made.
        UserMistakeError
            The deployment has no audit trail yet.
        """

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
        """Iterate over acts, the newest first, page by page; what was appended a moment ago may lag.

        Parameters
        ----------
        period, customer_id, invoice, subject
            Only acts about all of these; a subject is what stands before the dot of `Act.what`.
        since, until : datetime or None
            Only acts from one time on, and before another.
        """

    def get(self, name: str) -> RecordedAct | None:
        """Read an act by its name, as it is now."""
