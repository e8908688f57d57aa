"""A provider's record of its payouts that keeps to its limit, with a replaceable key, as its gateway does."""

from collections.abc import Callable
from datetime import date

from monthclose.domain.finance.payouts import Payout
from monthclose.ports.payouts import PartsPage, PayoutPage, PayoutRecord
from monthclose.use_cases.payments.keyed import Keyed
from monthclose.use_cases.payments.paced_requests import PacedRequests


class ProviderPayouts:
    """`PayoutRecord` around others.

    Every method may raise `ProviderPausedError`, too: no slot is free in time, or the provider is down.
    """

    def __init__(self, make: Callable[[str], PayoutRecord], read_key: Callable[[], str], paced: PacedRequests) -> None:
        self._keyed, self._paced = Keyed(make, read_key), paced

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._keyed.latest.provider

    def payouts(self, since: date, until: date, after: str = "") -> PayoutPage:
        """List payouts."""
        return self._keyed.ask(lambda of: self._paced.request("payouts", lambda: of.payouts(since, until, after)))

    def parts(self, payout: Payout, after: str = "") -> PartsPage:
        """Add up a page of what is in a payout."""
        return self._keyed.ask(lambda of: self._paced.request("payouts", lambda: of.parts(payout, after)))
