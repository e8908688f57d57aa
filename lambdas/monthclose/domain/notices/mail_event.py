"""What the mail service reports of an e-mail after it has accepted it: it bounced, or its reader complained. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.month import Notice, NoticeState
from monthclose.domain.period import Period

_HEAD = re.compile(r"[._].*", re.DOTALL)
"""What follows the period in a tag."""
_SUPPRESSED = "OnAccountSuppressionList"
"""A complaint about this e-mail's address is on file: SES has not tried to deliver it."""
_UNDETERMINED = "Undetermined"
"""The type of a bounce that SES cannot read: an automatic answer, perhaps, to an e-mail that did arrive."""
_OPEN = (NoticeState.CLAIMED, NoticeState.SENT, NoticeState.BOUNCED)
"""States of a notice that an event may change."""


class MailEventKind(StrEnum):
    """What happened to an e-mail."""

    BOUNCE = "Bounce"
    """It was not delivered: refused for good, or not accepted for as long as SES tried."""
    COMPLAINT = "Complaint"
    """It was delivered, and its reader marked it as spam."""


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One event of SES. Events come late, twice and out of order.

    Parameters
    ----------
    permanent : bool
        Whether the address will take none of our e-mails: it does not exist, or its reader complained.
    why : str
        SES' type and subtype: `Permanent/General`, `Transient/MailboxFull`.
    tag : str
        The notice's (see `notice_tag`).
    addresses : tuple of str
        Those that it is about, in lower case.
    """

    kind: MailEventKind
    permanent: bool
    why: str
    message_id: str
    tag: str
    addresses: tuple[str, ...]

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> MailEvent:
        """Read an event as EventBridge delivers it (SES' guide, "Contents of event data").

        Raises
        ------
        UserMistakeError
            It is none.
        """
        try:
            detail = event["detail"]
            mail, kind = detail["mail"], MailEventKind(detail["eventType"])
            found = detail[kind.lower()]
            if kind is MailEventKind.BOUNCE:
                permanent, recipients = found["bounceType"] == "Permanent", found["bouncedRecipients"]
                why = f"{found['bounceType']}/{found['bounceSubType']}"
            else:
                permanent, recipients = True, found["complainedRecipients"]
                why = str(found.get("complaintFeedbackType") or found.get("complaintSubType") or "")
                if found.get("complaintSubType") == _SUPPRESSED:
                    kind, why = MailEventKind.BOUNCE, f"Complaint/{_SUPPRESSED}"
            addresses = tuple(recipient["emailAddress"].lower() for recipient in recipients)
            return cls(kind, permanent, why, mail["messageId"], mail["tags"]["notice"][0], addresses)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise UserMistakeError(f"not an event about an e-mail of ours: {type(error).__name__}") from error

    def notices(self) -> Iterator[tuple[Period, str, str]]:
        """Read the tag back: period, customer and step. Ids and steps may contain the underscore between them."""
        try:
            head = _HEAD.sub("", self.tag)
            period, rest = Period.parse(head), self.tag[len(head) :]
        except UserMistakeError:
            return
        for at, letter in enumerate(rest):
            step = rest[1:at] if rest.startswith(".") else rest[:at]
            if letter == "_" and bool(step) is rest.startswith("."):
                yield period, _unescaped(rest[at + 1 :]), step

    def on(self, notice: Notice) -> Notice | None:
        """Return a notice as it is after this event; None if it changes nothing.

        Whatever comes first, a complaint outweighs a bounce (the e-mail was read), and a bounce for good one that may
        pass. An event about an earlier e-mail of a notice that was sent again changes nothing. One that was sent to
        several recipients has come back once it has reached none of them.
        """
        if (
            notice.state not in _OPEN
            or self.why.startswith(_UNDETERMINED)
            or (notice.message_id and notice.message_id != self.message_id)
        ):
            return None
        if self.kind is MailEventKind.COMPLAINT:
            return replace(notice, state=NoticeState.COMPLAINED, message_id=self.message_id, why=self.why)
        if notice.recipients and notice.state is not NoticeState.BOUNCED:
            return self._on_one_of_several(notice)
        if notice.state is NoticeState.BOUNCED:
            known = not self.permanent or notice.why == self.why
            return None if known else replace(notice, why=self.why)
        bounces = notice.bounces + 1
        return replace(notice, state=NoticeState.BOUNCED, message_id=self.message_id, why=self.why, bounces=bounces)

    def _on_one_of_several(self, notice: Notice) -> Notice | None:
        recipients, before = notice.recipients.split(), {*notice.returned.split()}
        returned = [one for one in recipients if one in before or one in self.addresses]
        if {*returned} == before:
            return None
        why = self.why if self.permanent or not notice.why else notice.why
        sent = replace(notice, message_id=self.message_id, why=why, returned=" ".join(returned))
        if len(returned) < len(recipients):
            return replace(sent, state=NoticeState.SENT)
        return replace(sent, state=NoticeState.BOUNCED, bounces=notice.bounces + 1)


def _unescaped(text: str) -> str:
    """Turn dots and two hex digits back into bytes (see `notice_tag`)."""
    head, *escaped = text.split(".")
    try:
        return b"".join([head.encode(), *(bytes.fromhex(part[:2]) + part[2:].encode() for part in escaped)]).decode()
    except ValueError:
        return ""
