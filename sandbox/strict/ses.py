"""SES as it refuses: its sending rate and daily quota, its sandbox, its suppression list; and mail that bounces."""

import json
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.services import ses, ses_v2

from sandbox.aws.mail_events import FATES, Fate, fate_of, is_about_account, is_sending, is_simulated, recipients
from sandbox.strict.limits import Limits

_DAY = 86_400.0


@dataclass
class Sending:
    """What an account has sent, and whom it may not send to.

    Parameters
    ----------
    clock : Callable[[], float]
        Seconds.
    """

    limits: Limits
    clock: Callable[[], float] = time.time
    suppressed: dict[str, str] = field(default_factory=dict)
    """Addresses on the account's suppression list, and why: `BOUNCE` or `COMPLAINT`."""

    def __post_init__(self) -> None:
        self._sent: deque[tuple[float, int]] = deque()
        self._in_24_hours = 0
        self._room: float | None = None
        self._at = self.clock()
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def refusal(self, request: dict[str, Any]) -> tuple[int, str, str] | None:
        """Say how SES refuses an e-mail: status, error and message; None if it takes it, which is counted then.

        Each recipient counts. The simulator's count towards the rate, not towards the day's quota.
        """
        to = recipients(request)
        with self._lock:
            unverified = self._unverified(to)
            if unverified:
                self.limits.strike("ses.sandbox")
                failed = f"in region {ses.get_region().upper()}: {', '.join(unverified)}"
                text = f"Email address is not verified. The following identities failed the check {failed}"
                return 400, "MessageRejected", text
            counted = sum(not is_simulated(address) for address in to)
            if counted and self.limits.on("ses.daily_quota") and self._today() >= self._quota():
                self.limits.strike("ses.daily_quota")
                return 400, "LimitExceededException", "Daily message quota exceeded."
            if self.limits.on("ses.send_rate") and not self._take(len(to)):
                self.limits.strike("ses.send_rate")
                return 429, "TooManyRequestsException", "Maximum sending rate exceeded."
            self._sent.append((self.clock(), counted))
            self._in_24_hours += counted
        return None

    def asked_too_often(self) -> bool:
        """Whether the account's quota was asked for again too soon."""
        with self._lock:
            now, seconds = self.clock(), 1 / self.limits.value("ses.account_questions")
            too_soon = self.limits.on("ses.account_questions") and now - self._asked_at < seconds
            if not too_soon:
                self._asked_at = now
        if too_soon:
            self.limits.strike("ses.account_questions")
        return too_soon

    def quota(self) -> dict[str, float]:
        """Answer what GetAccount says of sending."""
        with self._lock:
            return {
                "MaxSendRate": float(self._rate()),
                "Max24HourSend": float(self._quota()),
                "SentLast24Hours": float(self._today()),
            }

    def fate(self, address: str) -> Fate | None:
        """Decide what becomes of an e-mail: addresses on the list are not tried, and a share of the others bounces."""
        if self.limits.on("ses.suppression_list") and address.lower() in self.suppressed:
            self.limits.strike("ses.suppression_list")
            return Fate("Bounce", "Permanent", "OnAccountSuppressionList")
        lot = zlib.crc32(address.lower().encode()) % 10_000 / 10_000
        bounces, complaints = self._share("ses.bounce_share"), self._share("ses.complaint_share")
        if lot < bounces:
            return Fate("Bounce", "Permanent", "General")
        return Fate("Complaint") if lot < bounces + complaints else None

    def note(self, address: str) -> None:
        """Put an address whose e-mail bounces for good, or is complained about, on the list."""
        fate = fate_of(address)
        if not is_simulated(address) and (fate.type == "Permanent" or fate.event == "Complaint"):
            if address.lower() not in self.suppressed:
                self.limits.strike("ses.bounce_share" if fate.event == "Bounce" else "ses.complaint_share")
            self.suppressed.setdefault(address.lower(), fate.event.upper())

    def _unverified(self, to: list[str]) -> list[str]:
        if not self.limits.on("ses.sandbox"):
            return []
        return [address for address in to if not ses._identity_verified(address, simulator=True)]

    def _share(self, name: str) -> float:
        return self.limits.value(name) if self.limits.on(name) else 0.0

    def _rate(self) -> float:
        return 1.0 if self.limits.on("ses.sandbox") else self.limits.value("ses.send_rate")

    def _quota(self) -> float:
        return self.limits.value("ses.sandbox" if self.limits.on("ses.sandbox") else "ses.daily_quota")

    def _today(self) -> int:
        while self._sent and self._sent[0][0] <= self.clock() - _DAY:
            self._in_24_hours -= self._sent.popleft()[1]
        return self._in_24_hours

    def _take(self, number: int) -> bool:
        """Take room for some recipients from a bucket of one second's; the last e-mail may take more than is there."""
        now, rate = self.clock(), self._rate()
        before = rate if self._room is None else self._room
        self._room, self._at = min(before + (now - self._at) * rate, rate), now
        if self._room < 1:
            return False
        self._room -= number
        return True


def install(limits: Limits) -> None:
    """Let MiniStack's SES refuse what SES refuses."""
    sending, original = Sending(limits), ses_v2.handle_request
    FATES.append(sending.fate)

    async def strict(method: str, path: str, headers: Any, body: Any, query_params: Any) -> Any:
        if is_sending(method, path):
            request = json.loads(body)
            refused = sending.refusal(request)
            if refused:
                status, error, message = refused
                return ses_v2._json_err(error, message, status)
            answer = await original(method, path, headers, body, query_params)
            for address in recipients(request):
                sending.note(address)
            return answer
        if is_about_account(method, path):
            if sending.asked_too_often():
                return ses_v2._json_err("TooManyRequestsException", "Too many requests.", 429)
            status, kept, text = await original(method, path, headers, body, query_params)
            account = json.loads(text) | {
                "SendQuota": sending.quota(),
                "ProductionAccessEnabled": not limits.on("ses.sandbox"),
                "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
            }
            return status, kept, json.dumps(account).encode()
        return await original(method, path, headers, body, query_params)

    ses_v2.handle_request = strict
