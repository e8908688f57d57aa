"""A payment provider."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.money import Money
from monthclose.domain.payments.charge_limits import ChargeLimits
from monthclose.domain.payments.declines import CUSTOMER_DELETED, METHOD_DETACHED
from monthclose.domain.payments.payment import ABOVE_MAXIMUM, BELOW_MINIMUM, CANCELED, CURRENCY_NOT_TAKEN
from monthclose.domain.period import Period
from monthclose.errors import MethodReplacedError, OrderInvalidError, OrderRefusedError, PayerGoneError
from monthclose.ports import (
    Answer,
    BeforeRequest,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    CollectedPage,
    FoundRefund,
    InProgress,
    NotCollected,
    RefundFate,
    RefundOrder,
    Refused,
    Window,
)

LIMITS: dict[str, ChargeLimits | None] = {
    **dict.fromkeys(("EUR", "JPY", "USD"), ChargeLimits(smallest_minor=50, largest_minor=99_999_999)),
    "GBP": ChargeLimits(smallest_minor=30, largest_minor=99_999_999),
    "KWD": ChargeLimits(step_minor=10, largest_minor=99_999_990),
    "CLF": None,
}
"""What it takes of a currency in one charge; of others up to eight digits."""


class FakeGateway:
    """A payment provider in memory.

    Payment methods: `ok` pays, `declined` and `authenticate` are refused, `debit` is collected later (`settle`),
    `detached` is refused because it was removed.
    `failures` holds errors to raise: `("collect", "after")` breaks off after the money moved, `("prepare", "before")`
    before anything happened.

    Parameters
    ----------
    advice : str
        What is advised with each decline.
    deleted : set
        Customers' ids that were deleted here.
    successors : dict
        Payment methods that were replaced, and their replacements.
    refunds_wait : bool
        Whether a new refund waits for money in our balance, as at Stripe, until `move_refund`.
    one_order_per_payment : bool
        Like a card's provider, with an object prepared for each payment; otherwise collecting is the only step.
    """

    provider = "stripe"
    idempotency_window = timedelta(hours=24)
    latest_effect = timedelta(hours=1)

    def __init__(self, *, one_order_per_payment: bool = True) -> None:
        self.one_order_per_payment = one_order_per_payment
        self.orders: dict[str, ChargeOrder] = {}
        self.outcomes: dict[str, ChargeOutcome] = {}
        self.asked: dict[str, int] = {}
        """The attempt that each order was last collected for."""
        self.money_moved: list[tuple[str, Money]] = []
        self.failures: dict[tuple[str, str], list[Exception]] = defaultdict(list)
        self.advice = ""
        self.deleted: set[str] = set()
        self.successors: dict[str, str] = {}
        self.registered = 0
        self.refunds: dict[str, RefundOrder] = {}
        self.refunds_wait = False
        self.waiting: set[str] = set()
        self.failed_refunds: set[str] = set()
        self.created = {}

    def _maybe_fail(self, call: str, when: str) -> None:
        if self.failures[call, when]:
            raise self.failures[call, when].pop(0)

    def charge_limits(self, currency: str) -> ChargeLimits | None:
        return LIMITS.get(currency, ChargeLimits(largest_minor=99_999_999))

    def check(self) -> None:
        self._maybe_fail("check", "before")

    def register(self, customer: Customer) -> str:
        self._maybe_fail("register", "before")
        self.registered += 1
        known = f"cus_{customer.customer_id}"
        return f"{known}_{self.registered}" if known in self.deleted else known

    def _refuse_the_gone(self, order: ChargeOrder) -> None:
        if order.provider_customer_id in self.deleted:
            raise PayerGoneError(CUSTOMER_DELETED, deleted=True)
        if order.payment_method == "detached":
            raise OrderRefusedError(METHOD_DETACHED)
        if successor := self.successor(order.payment_method):
            raise MethodReplacedError("mandate_replaced", successor)

    def successor(self, method: str) -> str:
        return self.successors.get(method, "")

    def cancel(self, reference: str) -> None:
        """Cancel an order here, as a provider does with one that was tried too often."""
        self.outcomes[reference] = Refused(CANCELED)

    def _canceled(self, reference: str) -> bool:
        return self.outcomes.get(reference) == Refused(CANCELED)

    def prepare(self, order: ChargeOrder) -> str:
        if not self.one_order_per_payment:
            return ""
        self._maybe_fail("prepare", "before")
        self._refuse_untaken(order.amount)
        self._refuse_the_gone(order)
        reference = order.reference
        if reference and self.orders[reference].provider_customer_id != order.provider_customer_id:
            self.withdraw(order)
        if not reference or self._canceled(reference):
            reference = f"pi_{order.payment_id}_{order.attempt}"
        if not isinstance(self.outcomes.get(reference), Collected):
            self.orders[reference] = order
        self._maybe_fail("prepare", "after")
        return reference

    def collect(self, order: ChargeOrder) -> Answer:
        self._maybe_fail("collect", "before")
        self._refuse_untaken(order.amount)
        reference = order.reference if self.one_order_per_payment else f"pm_{order.payment_id}_{order.attempt}"
        outcome = self.outcomes.get(reference)
        self.asked[reference] = order.attempt
        if not isinstance(outcome, Collected | InProgress):
            self._refuse_the_gone(order)
        self.orders.setdefault(reference, order)
        if not isinstance(outcome, Collected | InProgress) and not self._canceled(reference):
            outcome = self._outcome(order)
            if isinstance(outcome, Collected):
                self.money_moved.append((order.payment_id, order.amount))
            self.outcomes[reference] = outcome
        assert outcome
        self._maybe_fail("collect", "after")
        return Answer(reference, outcome)

    def _refuse_untaken(self, amount: Money) -> None:
        """Refuse what the provider doesn't take, whatever it was asked before: its limits are no advice."""
        limits = self.charge_limits(amount.currency)
        if limits is None:
            raise OrderRefusedError(CURRENCY_NOT_TAKEN)
        if amount.minor % limits.step_minor:
            raise OrderInvalidError("amount_not_expressible")
        if amount.minor < limits.smallest_minor:
            raise OrderRefusedError(BELOW_MINIMUM)
        if limits.largest_minor is not None and amount.minor > limits.largest_minor:
            raise OrderRefusedError(ABOVE_MAXIMUM)

    def _outcome(self, order: ChargeOrder) -> ChargeOutcome:
        match order.payment_method:
            case "declined":
                return Refused("insufficient_funds", request_id="req_1", advice=self.advice)
            case "authenticate":
                confirm_at = f"https://bank.example.com/{order.payment_id}" if order.back else ""
                return Refused("authentication_required", needs_customer=True, confirm_at=confirm_at)
            case "debit":
                return InProgress(request_id="req_1")
        return Collected(order.amount, request_id="req_1")

    def settle(self, reference: str, outcome: ChargeOutcome) -> None:
        """Let the outcome of an order become known, or change."""
        if isinstance(outcome, Collected) and not isinstance(self.outcomes.get(reference), Collected):
            self.money_moved.append((self.orders[reference].payment_id, outcome.amount))
        self.outcomes[reference] = outcome

    def look_up(self, order: ChargeOrder) -> Answer:
        self._maybe_fail("look_up", "before")
        known = {ref: o for ref, o in self.orders.items() if o.payment_id == order.payment_id}
        if not self.one_order_per_payment:
            known = {ref: o for ref, o in known.items() if o.attempt == order.attempt}
        reference = order.reference or next(iter(known), "")
        outcome = self.outcomes.get(reference, NotCollected())
        of_earlier = isinstance(outcome, Refused) and self.asked.get(reference, order.attempt) < order.attempt
        return Answer(reference, NotCollected() if of_earlier and not self._canceled(reference) else outcome)

    def withdraw(self, order: ChargeOrder) -> Answer:
        self._maybe_fail("withdraw", "before")
        if not isinstance(self.outcomes.get(order.reference), Collected | InProgress):
            self.outcomes[order.reference] = Refused(CANCELED)
        return Answer(order.reference, self.outcomes[order.reference])

    def refund(self, order: RefundOrder) -> str:
        self._maybe_fail("refund", "before")
        reference = f"re_{order.name}"
        collected = self.outcomes.get(order.reference)
        if reference not in self.refunds:
            if not isinstance(collected, Collected) or order.amount.minor > _left(collected):
                raise OrderRefusedError("charge_already_refunded")
            self.refunds[reference] = order
            if self.refunds_wait:
                self.waiting.add(reference)
            else:
                self._give(order)
        self._maybe_fail("refund", "after")
        return reference

    def _give(self, order: RefundOrder) -> None:
        self._add_refunded(order, order.amount.minor)
        self.money_moved.append((self.orders[order.reference].payment_id, -order.amount))

    def _add_refunded(self, order: RefundOrder, minor: int) -> None:
        collected = self.outcomes[order.reference]
        assert isinstance(collected, Collected)
        self.outcomes[order.reference] = replace(collected, refunded_minor=collected.refunded_minor + minor)

    def move_refund(self, reference: str, fate: RefundFate) -> None:
        """Let a refund that waits give its money, or any refund fail."""
        order, waited = self.refunds[reference], reference in self.waiting
        self.waiting.discard(reference)
        if fate is RefundFate.GIVEN:
            self._give(order)
        elif fate is RefundFate.FAILED:
            self.failed_refunds.add(reference)
            self._add_refunded(order, 0 if waited else -order.amount.minor)

    def find_refund(self, order: RefundOrder) -> FoundRefund | None:
        self._maybe_fail("find_refund", "before")
        reference = f"re_{order.name}"
        if reference not in self.refunds:
            return None
        waits = RefundFate.WAITING if reference in self.waiting else RefundFate.GIVEN
        return FoundRefund(reference, RefundFate.FAILED if reference in self.failed_refunds else waits)

    def payment_of(self, reference: str) -> str:
        self._maybe_fail("payment_of", "before")
        if reference in self.orders:
            return self.orders[reference].payment_id
        theirs = [order for order in self.orders.values() if order.payment_method == reference]
        return theirs[-1].payment_id if theirs else ""

    page_size = 100
    """Charges on a page of `collected_for`."""
    created: dict[str, datetime]
    """When each order was collected, if that matters; the others count as created whenever is asked for."""

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        self._maybe_fail("collected_for", "before")
        listed = [
            ProviderCharge(self.provider, reference, order.payment_id, held.currency, held.minor)
            for reference, order in reversed(self.orders.items())
            if order.period == period
            and self._is_in(window, reference)
            and (held := self._holds(reference)) is not None
        ]
        first = next((i for i, charge in enumerate(listed, 1) if charge.reference == after), 0)
        page = listed[first : first + self.page_size]
        more = first + self.page_size < len(listed)
        return CollectedPage(page, (), page[-1].reference if more else "")

    def _is_in(self, window: Window, reference: str) -> bool:
        """Whether an order was created in a window; one of unknown age is in the last."""
        created = self.created.get(reference)
        if created is None:
            return window.until is None
        return window.since <= created and (window.until is None or created < window.until)

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        self._maybe_fail("held", "before")
        return self._holds(reference)

    def _holds(self, reference: str) -> Money | None:
        outcome = self.outcomes.get(reference)
        if not isinstance(outcome, Collected):
            return None
        return Money(outcome.amount.minor - outcome.refunded_minor - outcome.reversed_minor, outcome.amount.currency)


def _left(collected: Collected) -> int:
    return collected.amount.minor - collected.refunded_minor - collected.reversed_minor


def reversed_by_the_bank(amount: Money, code: str = "disputed") -> Collected:
    """What a provider says of a payment that the customer's bank has reversed in full."""
    return Collected(amount, reversed_minor=amount.minor, code=code)
