"""A payment gateway that keeps to the provider's limit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.money import Money
from monthclose.domain.payments.charge_limits import ChargeLimits
from monthclose.domain.period import Period
from monthclose.ports import (
    Answer,
    BeforeRequest,
    ChargeOrder,
    ChargingPauses,
    CollectedPage,
    FoundRefund,
    Limiter,
    PaymentGateway,
    RefundOrder,
    Window,
)
from monthclose.use_cases.payments.known_pauses import NEVER_PAUSED
from monthclose.use_cases.payments.paced_requests import PacedRequests
from monthclose.use_cases.payments.request_tally import RequestTally


@dataclass(frozen=True, slots=True)
class ThrottledGateway:
    """`PaymentGateway` around another one.

    Every method may raise `ProviderPausedError`, too: no slot is free in time, or the provider is down. Those that
    charge may raise `ChargingPausedError`.

    Parameters
    ----------
    lanes : Mapping[str, str]
        The limiter's lane of each method.
    largest_minor : mapping
        By currency, in minor units: the most in one charge that the provider has agreed to for the company's account.
    tally : RequestTally
        Counts how the requests end.
    """

    gateway: PaymentGateway
    limiter: Limiter
    lanes: Mapping[str, str]
    largest_minor: Mapping[str, int] = field(default_factory=dict)
    tally: RequestTally = field(default_factory=RequestTally)
    pauses: ChargingPauses = NEVER_PAUSED

    @property
    def provider(self) -> str:
        """The name that settings and customers know it by."""
        return self.gateway.provider

    @property
    def idempotency_window(self) -> timedelta:
        """How long the provider surely recognises a repetition."""
        return self.gateway.idempotency_window

    @property
    def latest_effect(self) -> timedelta:
        """After how long an unanswered call can surely take effect no more."""
        return self.gateway.latest_effect

    @property
    def one_order_per_payment(self) -> bool:
        """Whether a payment keeps one reference for all its attempts."""
        return self.gateway.one_order_per_payment

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Say how much of a currency it takes in one charge."""
        limits, largest = self.gateway.charge_limits(currency), self.largest_minor.get(currency)
        return limits.with_largest(largest) if limits and largest else limits

    def check(self) -> None:
        """Ask whether the provider accepts us."""
        self._request("check", self.gateway.check)

    def register(self, customer: Customer) -> str:
        """Make the customer known to the provider."""
        return self._request("register", lambda: self.gateway.register(customer))

    def prepare(self, order: ChargeOrder) -> str:
        """Create the provider's object for the payment; a provider without such a step is not asked."""
        if not self.gateway.one_order_per_payment:
            return self.gateway.prepare(order)
        return self._request("prepare", lambda: self.gateway.prepare(order), order.period)

    def collect(self, order: ChargeOrder) -> Answer:
        """Collect an order."""
        return self._request("collect", lambda: self.gateway.collect(order), order.period)

    def look_up(self, order: ChargeOrder) -> Answer:
        """Look up what became of an order."""
        return self._request("look_up", lambda: self.gateway.look_up(order))

    def withdraw(self, order: ChargeOrder) -> Answer:
        """Make sure that an order can never be collected."""
        return self._request("withdraw", lambda: self.gateway.withdraw(order))

    def refund(self, order: RefundOrder) -> str:
        """Give money back."""
        return self._request("refund", lambda: self.gateway.refund(order))

    def find_refund(self, order: RefundOrder) -> FoundRefund | None:
        """Look up a refund."""
        return self._request("find_refund", lambda: self.gateway.find_refund(order))

    def successor(self, method: str) -> str:
        """Name the payment method by which the provider has replaced one."""
        return self._request("successor", lambda: self.gateway.successor(method))

    def payment_of(self, reference: str) -> str:
        """Find which of our payments the provider's object is about."""
        return self._request("payment_of", lambda: self.gateway.payment_of(reference))

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        """List a page of the money collected."""
        return self._request("collected_for", lambda: self.gateway.collected_for(period, window, after))

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        """Add up what the provider holds for one payment: each of the requests that this takes has its slot."""

        def next_slot() -> None:
            before_request()
            self._paced.acquire("held")

        return self._request("held", lambda: self.gateway.held(reference, next_slot))

    @property
    def _paced(self) -> PacedRequests:
        return PacedRequests(self.provider, self.limiter, self.lanes, self.tally, self.pauses)

    def _request[T](self, call: str, request: Callable[[], T], period: Period | None = None) -> T:
        return self._paced.request(call, request, period)
