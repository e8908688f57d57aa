"""A provider's pages that keep to its limit, with a replaceable key, as its gateway does."""

from collections.abc import Callable

from monthclose.ports import BeforeRequest, HostedPages, OpenedPage, PageAnswer, PageOrder
from monthclose.use_cases.payments.keyed import Keyed
from monthclose.use_cases.payments.paced_requests import PacedRequests


class ProviderPages:
    """`HostedPages` around others.

    Every method may raise `ProviderPausedError`, too: no slot is free in time, or the provider is down.

    Parameters
    ----------
    paced : PacedRequests
        Makes requests in slots of the provider's limit, which its gateway shares.
    """

    def __init__(self, make: Callable[[str], HostedPages], read_key: Callable[[], str], paced: PacedRequests) -> None:
        self._keyed, self._paced = Keyed(make, read_key), paced

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._keyed.latest.provider

    @property
    def needs_payer(self) -> bool:
        """Whether a page can only be made for a customer whom the provider knows."""
        return self._keyed.latest.needs_payer

    def open(self, order: PageOrder, before_request: BeforeRequest = lambda: None) -> OpenedPage:
        """Make a page: each of the requests that this takes has its slot."""

        def next_slot() -> None:
            before_request()
            self._paced.acquire("open_page")

        return self._keyed.ask(lambda pages: self._paced.request("open_page", lambda: pages.open(order, next_slot)))

    def look_up(self, reference: str) -> PageAnswer:
        """Look up what a customer has answered."""
        return self._keyed.ask(lambda pages: self._paced.request("look_up_page", lambda: pages.look_up(reference)))
