"""The account's mail quota, kept in the closes table: SES answers about once a second, and hundreds of workers ask."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import LimitItem
from monthclose.domain.notices.sending import UNLIMITED, SendingQuota
from monthclose.errors import TryLaterError
from monthclose.ports import Clock, MailAccount

_FRESH = timedelta(minutes=1)
"""For so long an answer is good enough: at SES' usual rate, 840 e-mails."""
_FRESH_WHEN_USED_UP = timedelta(minutes=10)
"""After ten minutes it is worth asking again whether SES takes more (its guide, "Errors related to the quotas")."""
_KEY = ("limits#mail", "quota")


class KeptQuota:
    """`MailAccount` around another one: asks it about once a minute for all workers, and tells them the answer."""

    def __init__(self, account: MailAccount, clock: Clock) -> None:
        self._account, self._clock = account, clock
        self._lock = threading.Lock()
        self._known: SendingQuota | None = None

    def quota(self) -> SendingQuota:
        """Return what this worker knows, what another has kept, or a new answer; an old one if there is no new one."""
        with self._lock:
            if self._known and self._is_fresh(self._known):
                return self._known
            kept = _kept()
            if kept is None or not self._is_fresh(kept):
                try:
                    kept = self._account.quota()
                    _keep(kept)
                except TryLaterError:
                    if kept is None:
                        raise
            self._known = kept
            return kept

    def look(self) -> SendingQuota:
        """Return what is known, or else a new answer."""
        kept = self._known or _kept()
        return kept if kept and self._is_fresh(kept) else self._account.look()

    def used_up(self) -> None:
        """Let nobody send for ten minutes: then SES is asked again."""
        quota = self.quota()
        with self._lock:
            self._known = replace(quota, sent=max(quota.per_day, quota.sent), read_at=self._clock())
            _keep(self._known)

    def _is_fresh(self, quota: SendingQuota) -> bool:
        used_up = quota.per_day != UNLIMITED and quota.sent >= quota.per_day
        return self._clock() - quota.read_at < (_FRESH_WHEN_USED_UP if used_up else _FRESH)


def _kept() -> SendingQuota | None:
    with translated():
        item = next(iter(LimitItem.query(_KEY[0], LimitItem.sk == _KEY[1], consistent_read=True)), None)
    if item is None or item.content is None:
        return None
    stored = dict(item.content)
    read_at = datetime.fromisoformat(stored["read_at"])
    return SendingQuota(stored["per_second"], stored["per_day"], stored["sent"], read_at)


def _keep(quota: SendingQuota) -> None:
    content = {
        "per_second": quota.per_second,
        "per_day": quota.per_day,
        "sent": quota.sent,
        "read_at": quota.read_at.isoformat(),
    }
    with translated():
        LimitItem(*_KEY, content=content).save()
