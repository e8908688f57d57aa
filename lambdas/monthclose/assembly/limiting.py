"""Gateways that keep to their provider's limit, with a replaceable key; a mailer that keeps to the account's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from monthclose.domain.notices.sending import MailSettings
from monthclose.domain.payments.throttle import Limit
from monthclose.ports import (
    ChargingPauses,
    Clock,
    Closes,
    HostedPages,
    Limiter,
    MailAccount,
    Mailer,
    PaymentGateway,
    ProviderLimits,
)
from monthclose.settings import Provider
from monthclose.use_cases.notices.throttled_mailer import ThrottledMailer
from monthclose.use_cases.payments.keyed_gateway import KeyedGateway
from monthclose.use_cases.payments.known_pauses import NEVER_PAUSED, KnownPauses
from monthclose.use_cases.payments.limiter import PacedLimiter
from monthclose.use_cases.payments.paced_requests import LANES, PacedRequests
from monthclose.use_cases.payments.request_tally import RequestTally
from monthclose.use_cases.payments.throttled_gateway import ThrottledGateway

if TYPE_CHECKING:
    from monthclose.ports.payouts import PayoutRecord

_PATIENCE_SECONDS = 15
"""How long a request waits for a slot. A charge's two waits and two calls at their time-outs (20 s) must fit into the
share of its time that a consumer reserves."""
_MAIL = "mail"
"""What the mail service is called among the providers' limits."""


def known_pauses(limits: ProviderLimits, closes: Closes, clock: Clock) -> ChargingPauses:
    """Make what tells whether persons have paused charging."""
    return KnownPauses(limits, closes, clock)


class Limiting:
    """Makes gateways keep to their provider's limit, and charge nobody while a person has paused charging.

    Parameters
    ----------
    patience_seconds : float
        How long a request waits for a slot.
    """

    def __init__(
        self,
        limits: ProviderLimits,
        clock: Clock,
        patience_seconds: float = _PATIENCE_SECONDS,
        pauses: ChargingPauses = NEVER_PAUSED,
    ) -> None:
        self._limits, self._clock, self._patience_seconds = limits, clock, patience_seconds
        self._pauses = pauses
        self._limiters: dict[str, Limiter] = {}
        self._lock = Lock()
        self.tallies: defaultdict[str, RequestTally] = defaultdict(RequestTally)
        """How this worker's requests ended, by provider."""

    def limited(self, gateway: PaymentGateway, provider: Provider) -> PaymentGateway:
        """Make a gateway keep to its provider's limit, which all threads of this worker share."""
        lanes = LANES[provider.limit_scope]
        limiter, tally = self._limiter(provider), self.tallies[provider.name]
        return ThrottledGateway(gateway, limiter, lanes, provider.largest_charge_minor, tally, self._pauses)

    def keyed(
        self, make: Callable[[str], PaymentGateway], read_key: Callable[[], str], provider: Provider
    ) -> PaymentGateway:
        """Make a gateway with the provider's key, and another when that is replaced; all keep to the same limit.

        Raises
        ------
        ProviderRefusedError
            There is no key.
        """
        return KeyedGateway(lambda key: self.limited(make(key), provider), read_key)

    def pages(self, make: Callable[[str], HostedPages], read_key: Callable[[], str], provider: Provider) -> HostedPages:
        """Make a provider's pages, with its key, as `keyed` makes its gateway; both keep to the same limit.

        Raises
        ------
        ProviderRefusedError
            There is no key.
        """
        from monthclose.use_cases.payments.provider_pages import ProviderPages

        return ProviderPages(make, read_key, self._paced_requests(provider))

    def _paced_requests(self, provider: Provider) -> PacedRequests:
        lanes, tally = LANES[provider.limit_scope], self.tallies[provider.name]
        return PacedRequests(provider.name, self._limiter(provider), lanes, tally, self._pauses)

    def payouts(
        self, make: Callable[[str], PayoutRecord], read_key: Callable[[], str], provider: Provider
    ) -> PayoutRecord:
        """Make a provider's record of its payouts, with its key, as `keyed` makes its gateway.

        Raises
        ------
        ProviderRefusedError
            There is no key.
        """
        from monthclose.use_cases.payments.provider_payouts import ProviderPayouts

        return ProviderPayouts(make, read_key, self._paced_requests(provider))

    def limited_mail(self, mailer: Mailer, account: MailAccount, settings: MailSettings) -> Mailer:
        """Make a mailer keep to the account's rate and quota, which all threads of this worker share."""
        return ThrottledMailer(mailer, account, settings, lambda limit: self._paced(_MAIL, limit))

    def _limiter(self, provider: Provider) -> Limiter:
        with self._lock:  # two limiters would lease slots, and count failures, each for itself
            if provider.name not in self._limiters:
                self._limiters[provider.name] = self._paced(provider.name, provider.limit)
            return self._limiters[provider.name]

    def _paced(self, name: str, limit: Limit) -> Limiter:
        return PacedLimiter(name, limit, self._limits, self._clock, patience_seconds=self._patience_seconds)
