"""Payment details that customers enter on their provider's page: make the page, and take what they have given.

Making a page moves no money. What they give becomes their account's (`GivenMethod`), not their profile's, whoever
learns of it first: a webhook, the customer who comes back from the page, or the daily collections.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monthclose.domain.accounts.customer import Customer
from monthclose.errors import OrderRefusedError, TryLaterError
from monthclose.ports import Books, Clock, HostedPages, Log, PageAnswer, PageOrder, PageState, PaymentGateway
from monthclose.use_cases.batch_work import retry_conflicts

_OVER_AFTER = timedelta(days=14)
"""A page that was not answered for this long is not looked up any more by itself; its webhook would still be heard."""

_SAME_PAGE_FOR = timedelta(minutes=3)
"""A customer who asks again so soon is sent to the same page, so that a link cannot use up the provider's rate.

Stripe's pages live for a day, GoCardless' for a week.
"""
_BETWEEN_RETURNS = timedelta(seconds=5)
"""The shortest time between two look-ups for a customer who says that they come back from a page."""


class NoPageError(OrderRefusedError):
    """The customer's provider has no page for payment details."""


@dataclass(frozen=True, slots=True)
class DetailsDesk:
    """Asks customers for payment details, and takes them.

    Parameters
    ----------
    pages : mapping
        Makes the pages of each provider that has some.
    gateway : callable
        Makes the gateway of a provider.
    """

    books: Books
    clock: Clock
    log: Log
    pages: Mapping[str, Callable[[], HostedPages]]
    gateway: Callable[[str], PaymentGateway]

    def ask(self, customer_id: str, back: str) -> str:
        """Make a page for a customer, unless they have just been sent to one, and return its address.

        Raises
        ------
        OrderRefusedError
            There is no such page for them.
        TryLaterError
            The provider is briefly unavailable, or the account is being changed.
        ProviderRefusedError
            The provider refuses us.
        """
        customer = self._customer(customer_id)
        provider, now = customer.profile.payment_provider, self.clock()
        if provider not in self.pages:
            raise NoPageError(f"{provider} has no page for payment details")
        if page_url := _recent_page(customer, back, now):
            return page_url
        pages = self.pages[provider]()
        payer = self._payer(customer) if pages.needs_payer else customer.provider_customer_id
        profile = customer.profile
        order = PageOrder(customer_id, payer, customer.currency, profile.name, profile.email, back, now)
        page = pages.open(order)
        purpose = _purpose(customer, back)
        self._note(customer_id, lambda current: current.asked_for_method(page.reference, now, page.url, purpose))
        return page.url

    def take(self, provider: str, reference: str) -> str:
        """Take what was given on a page, and return whose it is now; empty if nothing was (yet), or it is not ours.

        Taking it again changes nothing.

        Raises
        ------
        TryLaterError
            The provider is briefly unavailable, or the account is being changed.
        ProviderRefusedError
            The provider refuses us.
        """
        try:
            answer = self.pages[provider]().look_up(reference)
        except OrderRefusedError as error:
            self.log.warning("a page cannot be looked up", extra={"provider": provider, "code": error.code})
            return ""
        customer = self.books.customer(answer.customer_id) if answer.customer_id else None
        if customer is None or customer.profile.payment_provider != provider:
            return ""
        self._note(answer.customer_id, lambda current: _with_answer(current, answer, provider))
        return answer.customer_id if answer.state is PageState.GIVEN else ""

    def catch_up(self, customer: Customer) -> bool:
        """Take what a customer has given on the page that they were asked on last; False if nothing was (yet)."""
        page, asked_at, provider = customer.method_page, customer.method_page_at, customer.profile.payment_provider
        if not page or asked_at is None or provider not in self.pages:
            return False
        taken = self.take(provider, page)
        if not taken and self.clock() - asked_at > _OVER_AFTER:
            self._note(customer.customer_id, lambda current: current.answered(page))
        return bool(taken)

    def may_look_up(self, customer_id: str) -> bool:
        """Whether the provider may be asked now for a customer who comes back from a page; notes that it is.

        Raises
        ------
        TryLaterError
            The account is being changed.
        """

        def step() -> bool:
            customer, now = self._customer(customer_id), self.clock()
            if customer.returned_at and now - customer.returned_at < _BETWEEN_RETURNS:
                return False
            self.books.commit(replace(customer, returned_at=now))
            return True

        return retry_conflicts(step)

    def _payer(self, customer: Customer) -> str:
        """Return the provider's id of a customer, who is registered there if they are not yet: as before a charge."""
        if customer.provider_customer_id:
            return customer.provider_customer_id
        registered = self.gateway(customer.profile.payment_provider).register(customer)
        self.books.commit(replace(customer, registered_provider_customer_id=registered))
        return registered

    def _note(self, customer_id: str, change: Callable[[Customer], Customer]) -> None:
        def step() -> None:
            before = self._customer(customer_id)
            if (after := change(before)) != before:
                self.books.commit(after)

        retry_conflicts(step)

    def _customer(self, customer_id: str) -> Customer:
        customer = self.books.customer(customer_id)
        if customer is None:
            raise TryLaterError(f"customer {customer_id} cannot be read")
        return customer


def _recent_page(customer: Customer, back: str, now: datetime) -> str:
    """Return the address of the page that a customer was sent to just now from the same link; empty if none."""
    asked_at = customer.method_page_at
    recent = asked_at is not None and now - asked_at < _SAME_PAGE_FOR
    return customer.method_page_url if recent and customer.method_page_for == _purpose(customer, back) else ""


def _purpose(customer: Customer, back: str) -> str:
    """Digest what a page is made for. The way back has a link in it, which is not stored."""
    content = "\0".join((customer.profile.payment_provider, customer.currency, back))
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def _with_answer(customer: Customer, answer: PageAnswer, provider: str) -> Customer:
    """Note a page's answer, unless the customer has another provider by now."""
    if answer.state is PageState.OPEN or customer.profile.payment_provider != provider:
        return customer
    if answer.state is PageState.GIVEN and answer.made_at:
        customer = customer.giving(answer.method, answer.payer, answer.made_at)
    return customer.answered(answer.reference)
