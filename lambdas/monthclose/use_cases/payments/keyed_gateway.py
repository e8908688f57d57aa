"""A payment gateway whose key may be replaced while it is used."""

from collections.abc import Callable
from datetime import timedelta

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.money import Money
from monthclose.domain.payments.charge_limits import ChargeLimits
from monthclose.domain.period import Period
from monthclose.ports import (
    Answer,
    BeforeRequest,
    ChargeOrder,
    CollectedPage,
    FoundRefund,
    PaymentGateway,
    RefundOrder,
    Window,
)
from monthclose.use_cases.payments.keyed import Keyed


class KeyedGateway:
    """`PaymentGateway` that reads its key again when the provider refuses it: see `Keyed`."""

    def __init__(self, make: Callable[[str], PaymentGateway], read_key: Callable[[], str]) -> None:
        self._keyed = Keyed(make, read_key)

    @property
    def _gateway(self) -> PaymentGateway:
        return self._keyed.latest

    @property
    def provider(self) -> str:
        """The name that settings and customers know it by."""
        return self._gateway.provider

    @property
    def idempotency_window(self) -> timedelta:
        """How long the provider surely recognises a repetition."""
        return self._gateway.idempotency_window

    @property
    def latest_effect(self) -> timedelta:
        """After how long an unanswered call can surely take effect no more."""
        return self._gateway.latest_effect

    @property
    def one_order_per_payment(self) -> bool:
        """Whether a payment keeps one reference for all its attempts."""
        return self._gateway.one_order_per_payment

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        """Say how much of a currency it takes in one charge."""
        return self._gateway.charge_limits(currency)

    def check(self) -> None:
        """Ask whether the provider accepts us."""
        self._ask(lambda gateway: gateway.check())

    def register(self, customer: Customer) -> str:
        """Make the customer known to the provider."""
        return self._ask(lambda gateway: gateway.register(customer))

    def prepare(self, order: ChargeOrder) -> str:
        """Create the provider's object for the payment."""
        return self._ask(lambda gateway: gateway.prepare(order))

    def collect(self, order: ChargeOrder) -> Answer:
        """Collect an order."""
        return self._ask(lambda gateway: gateway.collect(order))

    def look_up(self, order: ChargeOrder) -> Answer:
        """Look up what became of an order."""
        return self._ask(lambda gateway: gateway.look_up(order))

    def withdraw(self, order: ChargeOrder) -> Answer:
        """Make sure that an order can never be collected."""
        return self._ask(lambda gateway: gateway.withdraw(order))

    def refund(self, order: RefundOrder) -> str:
        """Give money back."""
        return self._ask(lambda gateway: gateway.refund(order))

    def find_refund(self, order: RefundOrder) -> FoundRefund | None:
        """Look up a refund."""
        return self._ask(lambda gateway: gateway.find_refund(order))

    def successor(self, method: str) -> str:
        """Name the payment method by which the provider has replaced one."""
        return self._ask(lambda gateway: gateway.successor(method))

    def payment_of(self, reference: str) -> str:
        """Find which of our payments the provider's object is about."""
        return self._ask(lambda gateway: gateway.payment_of(reference))

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        """List a page of the money collected."""
        return self._ask(lambda gateway: gateway.collected_for(period, window, after))

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        """Add up what the provider holds for one payment."""
        return self._ask(lambda gateway: gateway.held(reference, before_request))

    def _ask[T](self, call: Callable[[PaymentGateway], T]) -> T:
        return self._keyed.ask(call)
