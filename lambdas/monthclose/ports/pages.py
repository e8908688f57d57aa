"""Payment providers' own pages, where customers enter payment details. No card or bank details ever come to us."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from monthclose.ports.gateway import BeforeRequest


@dataclass(frozen=True, slots=True)
class PageOrder:
    """What a page is made for.

    Parameters
    ----------
    payer : str
        The provider's id of the customer; empty if it is to make one (see `HostedPages.needs_payer`).
    currency : str
        What they are billed in: it decides which kinds of payment methods the page offers.
    name, email : str
        Theirs, to fill the page in for a customer whom the provider doesn't know yet.
    back : str
        The address that the page sends them to when they are done, or give up.
    asked_at : datetime
        When they asked for it: part of the idempotency key.
    """

    customer_id: str
    payer: str
    currency: str
    name: str
    email: str
    back: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A page that was made: the provider's id of it, and its address."""

    reference: str
    url: str


class PageState(StrEnum):
    """How far a customer is with a page."""

    OPEN = "open"
    """Not answered yet, or the provider is still checking the answer."""
    GIVEN = "given"
    """They have given a payment method, and it can be charged."""
    OVER = "over"
    """It has expired, or was cancelled: it will not be answered."""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What a customer has answered on a page.

    Parameters
    ----------
    reference : str
        What it was looked up by.
    customer_id : str
        Whose page it is; empty if it is not one of ours.
    method, payer : str
        Once given: the provider's ids of the payment method, and of the customer that it belongs to.
    made_at : datetime or None
        When the page was made, by the provider's clock.
    """

    state: PageState
    reference: str
    customer_id: str
    method: str = ""
    payer: str = ""
    made_at: datetime | None = None


class HostedPages(Protocol):
    """A payment provider's pages that ask for a payment method. None of the calls moves money, or retries on its own.

    Raises, in every method: `RateLimitedError` and `ProviderDownError` (try later), `ProviderRefusedError` (the
    provider refuses us), `OrderRefusedError` (it doesn't make such a page, or doesn't have it).
    """

    @property
    def provider(self) -> str:
        """The provider's name in the settings and in customers' profiles."""

    @property
    def needs_payer(self) -> bool:
        """Whether a page can only be made for a customer whom the provider knows."""

    def open(self, order: PageOrder, before_request: BeforeRequest = lambda: None) -> OpenedPage:
        """Make a page on which a customer enters a payment method to be charged from now on, without them.

        Parameters
        ----------
        before_request : callable
            Called before each request but the first: this may take several.
        """

    def look_up(self, reference: str) -> PageAnswer:
        """Look up what a customer has answered.

        Parameters
        ----------
        reference : str
            The provider's id of the page, or of what its webhooks name instead.
        """
