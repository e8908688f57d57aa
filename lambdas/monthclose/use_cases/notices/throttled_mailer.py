"""A mailer that keeps to the account's rate and quota: a slot before each mail, which all workers share out."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from monthclose.domain.notices.sending import UNLIMITED, MailSettings, SendingQuota
from monthclose.domain.payments.throttle import Limit
from monthclose.errors import (
    MailRefusedError,
    OutcomeUnknownError,
    ProviderPausedError,
    QuotaUsedUpError,
    RateLimitedError,
    TryLaterError,
)
from monthclose.ports import Limiter, Mail, MailAccount, Mailer

LANE = "send"
_TRIES = 4
"""Of a mail that SES refuses because mails come too fast: then it surely was not sent."""
_CAREFUL = SendingQuota(1, UNLIMITED, 0, datetime.min.replace(tzinfo=UTC))
"""What every account may send, for as long as SES does not say what this one may."""
_QUOTA_SECONDS = 600.0
"""After how long it is worth sending again once the day's quota is used up (SES's guide)."""


class ThrottledMailer:
    """`Mailer` around another one. Any number of threads may use it.

    Parameters
    ----------
    limiter : Callable[[Limit], Limiter]
        Makes the limiter for a limit.
    """

    def __init__(
        self, mailer: Mailer, account: MailAccount, settings: MailSettings, limiter: Callable[[Limit], Limiter]
    ) -> None:
        self._mailer, self._account, self._settings, self._make = mailer, account, settings, limiter
        self._lock = threading.Lock()
        self._limit: Limit | None = None
        self._limiter: Limiter | None = None
        self._turn = threading.local()

    def wait_for_turn(self) -> None:
        """Wait for a slot, unless this thread has one that it has not used."""
        quota = self._quota()
        if self._settings.used_up(quota):
            raise _used_up()
        if not getattr(self._turn, "come", False):
            self._paced(quota).acquire(LANE)
            self._turn.come = True

    def send(self, mail: Mail) -> str:
        """Send a mail in this thread's slot, and again in another if SES says that it came too fast.

        Raises
        ------
        ProviderPausedError
            It was refused each time, or the day's quota is used up. Nothing was sent.
        """
        for _ in range(_TRIES):
            self.wait_for_turn()
            self._turn.come = False
            limiter = self._paced(self._quota())
            for _ in mail.others:  # SES counts recipients, not e-mails
                limiter.acquire(LANE)
            try:
                return self._noted(limiter, mail)
            except RateLimitedError:
                continue
        raise ProviderPausedError("SES takes e-mails more slowly than it says", _QUOTA_SECONDS)

    def _noted(self, limiter: Limiter, mail: Mail) -> str:
        try:
            message_id = self._mailer.send(mail)
        except RateLimitedError:
            limiter.limited(LANE)
            raise
        except QuotaUsedUpError as error:
            self._account.used_up()
            raise _used_up() from error
        except MailRefusedError:
            limiter.succeeded(LANE)
            raise
        except (TryLaterError, OutcomeUnknownError):
            limiter.failed(LANE)
            raise
        limiter.succeeded(LANE)
        return message_id

    def _quota(self) -> SendingQuota:
        try:
            return self._account.quota()
        except TryLaterError:
            return _CAREFUL

    def _paced(self, quota: SendingQuota) -> Limiter:
        """Return the limiter for the present quota: AWS may raise it while we send."""
        limit = self._settings.limit(quota)
        with self._lock:
            if self._limiter is None or limit != self._limit:
                self._limit, self._limiter = limit, self._make(limit)
            return self._limiter


def _used_up() -> ProviderPausedError:
    return ProviderPausedError("the account may send no more e-mails for now: its quota is used up", _QUOTA_SECONDS)
