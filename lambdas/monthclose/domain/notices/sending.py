"""How fast and how many e-mails the account may send, what of that we use, and what that means for a close. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monthclose.domain.payments.throttle import Limit
from monthclose.domain.words import count

if TYPE_CHECKING:
    from datetime import datetime

UNLIMITED = -1
"""What SES gives as a quota that has no end."""
_HOUR = 3600
_SMALLEST_BURST, _LARGEST_BURST = 2, 1_000
_LOWEST_RATE, _HIGHEST_RATE = 1, 10_000
"""The limits of a `Limit`, whatever SES says: an account that may send nothing for now asks once a second."""


@dataclass(frozen=True, slots=True)
class SendingQuota:
    """What the mail service allows the account, per region.

    Parameters
    ----------
    per_second : float
        E-mails that it accepts in a second; one to several recipients counts once for each.
    per_day : float
        E-mails that it accepts in any 24 hours; `UNLIMITED` if it does not count.
    sent : float
        What was sent in the 24 hours before `read_at`.
    read_at : datetime
        When the service said so.
    """

    per_second: float
    per_day: float
    sent: float
    read_at: datetime


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What of the account's quota Month close uses.

    Parameters
    ----------
    emails_per_second : float or None
        At most this many; None: as many as the account may send.
    share_left : float
        Share of the rate and of the day's quota that is left for the company's other e-mail, 0 to 0.95.
    """

    emails_per_second: float | None = None
    share_left: float = 0.0

    def limit(self, quota: SendingQuota) -> Limit:
        """Say how fast to send."""
        allowed = min(max(quota.per_second, _LOWEST_RATE), _HIGHEST_RATE)
        rate = min(allowed, self.emails_per_second or allowed)
        return Limit(rate, self.share_left, min(max(round(rate / 5), _SMALLEST_BURST), _LARGEST_BURST))

    def per_day(self, quota: SendingQuota) -> float:
        """How many e-mails of ours fit into a day."""
        return quota.per_day if quota.per_day == UNLIMITED else quota.per_day * (1 - self.share_left)

    def used_up(self, quota: SendingQuota) -> bool:
        """Whether nothing more may be sent today."""
        return quota.per_day != UNLIMITED and quota.sent >= self.per_day(quota)


def mail_warnings(emails: int, charging_seconds: int, quota: SendingQuota, settings: MailSettings) -> list[str]:
    """Say how long a close's e-mails take, if longer than charging does, and whether the day's quota suffices."""
    warnings, rate = [], settings.limit(quota).usable()
    takes = emails / rate
    if takes > max(charging_seconds, _HOUR):
        warnings.append(
            f"e-mail: {count(emails, 'notice')} at {rate:.3g}/s take {takes / _HOUR:.1f} h, longer than charging does: "
            "ask AWS for a higher SES sending rate"
        )
    day, left = settings.per_day(quota), settings.per_day(quota) - quota.sent
    if quota.per_day != UNLIMITED and emails > left:
        warnings.append(
            f"e-mail: {count(emails, 'notice')}, but only {max(round(left), 0):,} can still be sent today (SES quota: "
            f"{round(day):,} in 24 hours): the rest are told on the following days, or ask AWS for a higher quota"
        )
    return warnings
