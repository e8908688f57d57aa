"""The gateway that keeps to the limit: a slot for each request, a note of each answer, and the answer unchanged."""

from datetime import UTC, datetime

import pytest

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.errors import (
    MonthCloseError,
    ObjectBusyError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderPausedError,
    ProviderRefusedError,
    RateLimitedError,
)
from monthclose.names import LimitScope
from monthclose.ports import BeforeRequest, ChargeOrder, Collected, CollectedPage, PaymentGateway, Window
from monthclose.use_cases.payments.paced_requests import LANES
from monthclose.use_cases.payments.request_tally import RequestTally
from monthclose.use_cases.payments.throttled_gateway import ThrottledGateway
from tests.fakes import FakeGateway
from tests.fakes.throttle import FakeLimiter
from tests.listing import collected
from tests.world import OCTOBER

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CUSTOMER = Customer("acme", Profile("Acme", "billing@acme.example", "USD", "stripe", "ok"))


def order(reference: str = "") -> ChargeOrder:
    return ChargeOrder(
        payment_id="2026-10/acme",
        attempt=1,
        amount=Money(1000, "USD"),
        invoice_number="INV-1",
        period=OCTOBER,
        customer_id="acme",
        provider_customer_id="cus_acme",
        payment_method="ok",
        since=NOON,
        reference=reference,
    )


class ManyCharges(FakeGateway):
    """A provider with many charges for October, that fails after some of them on request."""

    charges = 250
    requests_of_held = 3

    def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
        self._maybe_fail("collected_for", "before")
        numbers = range(int(after or 0), min(int(after or 0) + 100, self.charges))
        page = [ProviderCharge("stripe", f"pi_{number}", f"2026-10/c{number}", "USD", 100) for number in numbers]
        return CollectedPage(page, (), str(numbers.stop) if numbers.stop < self.charges else "")

    def held(self, reference: str, before_request: BeforeRequest = lambda: None) -> Money | None:
        for _ in range(self.requests_of_held - 1):
            before_request()
        return super().held(reference)


@pytest.fixture
def limiter() -> FakeLimiter:
    return FakeLimiter()


@pytest.fixture
def fake() -> ManyCharges:
    return ManyCharges()


@pytest.fixture
def gateway(fake: ManyCharges, limiter: FakeLimiter) -> PaymentGateway:
    return ThrottledGateway(fake, limiter, LANES[LimitScope.ENDPOINT])


def test_it_has_the_interface_of_the_gateway_it_throttles(gateway: PaymentGateway, fake: FakeGateway) -> None:
    assert gateway.charge_limits("KWD") == fake.charge_limits("KWD")
    assert (gateway.provider, gateway.idempotency_window, gateway.latest_effect, gateway.one_order_per_payment) == (
        fake.provider,
        fake.idempotency_window,
        fake.latest_effect,
        fake.one_order_per_payment,
    )


def call_everything(gateway: PaymentGateway) -> None:
    gateway.check()
    assert gateway.register(CUSTOMER) == "cus_acme"
    reference = gateway.prepare(order())
    assert gateway.collect(order(reference)).outcome == Collected(Money(1000, "USD"), request_id="req_1")
    assert gateway.look_up(order(reference)).reference == reference
    assert gateway.withdraw(order(reference)).reference == reference
    assert gateway.successor("ok") == ""
    assert gateway.payment_of(reference) == "2026-10/acme"
    assert len(collected(gateway, OCTOBER, NOON)) == 250


def test_each_call_takes_a_slot_of_its_lane_and_its_answer_is_passed_on(
    gateway: PaymentGateway, limiter: FakeLimiter
) -> None:
    call_everything(gateway)
    assert limiter.slots() == {"read": 7, "register": 1, "prepare": 1, "collect": 1, "withdraw": 1}
    assert {what for what, _ in limiter.notes} == {"acquire", "succeeded"}


def test_a_provider_that_counts_all_requests_has_one_lane(fake: ManyCharges, limiter: FakeLimiter) -> None:
    call_everything(ThrottledGateway(fake, limiter, LANES[LimitScope.ACCOUNT]))
    assert limiter.slots() == {"all": 11}


def test_a_step_that_a_provider_does_not_have_costs_no_slot(limiter: FakeLimiter) -> None:
    gateway = ThrottledGateway(FakeGateway(one_order_per_payment=False), limiter, LANES[LimitScope.ACCOUNT])
    assert gateway.prepare(order()) == ""
    assert limiter.notes == []


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (ProviderDownError("time-out"), "failed"),
        (OutcomeUnknownError("reset"), "failed"),
        (OrderRefusedError("expired_card"), "succeeded"),
        (OrderInvalidError("no_such_method"), "succeeded"),
        (ProviderRefusedError("key revoked"), "succeeded"),
        (ObjectBusyError("lock_timeout"), "succeeded"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_the_result_of_a_call_is_recorded_and_passed_on(
    gateway: PaymentGateway, fake: FakeGateway, limiter: FakeLimiter, error: MonthCloseError, note: str
) -> None:
    fake.failures["prepare", "before"] = [error]
    with pytest.raises(type(error)) as raised:
        gateway.prepare(order())
    assert raised.value is error
    assert limiter.notes == [("acquire", "prepare"), (note, "prepare")]


def test_a_429_is_repeated_in_a_new_slot(gateway: PaymentGateway, fake: FakeGateway, limiter: FakeLimiter) -> None:
    reference = gateway.prepare(order())
    limiter.notes.clear()
    fake.failures["collect", "before"] = [RateLimitedError("slow down"), RateLimitedError("slow down")]
    assert isinstance(gateway.collect(order(reference)).outcome, Collected)
    assert [what for what, _ in limiter.notes] == ["acquire", "limited", "acquire", "limited", "acquire", "succeeded"]
    assert len(fake.money_moved) == 1


def test_a_provider_that_only_answers_429_is_given_up_on(
    gateway: PaymentGateway, fake: FakeGateway, limiter: FakeLimiter
) -> None:
    fake.failures["prepare", "before"] = [RateLimitedError("slow down")] * 50
    with pytest.raises(RateLimitedError):
        gateway.prepare(order())
    assert 2 <= limiter.slots()["prepare"] <= 5


def test_without_a_slot_the_provider_is_not_called(
    gateway: PaymentGateway, fake: FakeGateway, limiter: FakeLimiter
) -> None:
    reference = gateway.prepare(order())
    limiter.full["collect"] = ProviderPausedError("stripe is down", 5)
    with pytest.raises(ProviderPausedError):
        gateway.collect(order(reference))
    assert fake.money_moved == []


@pytest.mark.parametrize(("charges", "slots"), [(0, 1), (99, 1), (101, 2), (250, 3)])
def test_a_list_takes_a_slot_for_every_hundred(
    gateway: PaymentGateway, fake: ManyCharges, limiter: FakeLimiter, charges: int, slots: int
) -> None:
    fake.charges = charges
    assert len(collected(gateway, OCTOBER, NOON)) == charges
    assert limiter.slots() == {"read": slots}


def test_a_page_of_a_list_that_is_answered_with_429_is_read_again_in_a_new_slot(
    gateway: PaymentGateway, fake: ManyCharges, limiter: FakeLimiter
) -> None:
    fake.failures["collected_for", "before"] = [RateLimitedError("slow down")]
    assert len(collected(gateway, OCTOBER, NOON)) == 250
    assert [what for what, _ in limiter.notes[:4]] == ["acquire", "limited", "acquire", "succeeded"]
    assert limiter.slots() == {"read": 3 + 1}


@pytest.mark.parametrize("requests", [1, 3])
def test_every_request_of_a_look_up_takes_a_slot(
    gateway: PaymentGateway, fake: ManyCharges, limiter: FakeLimiter, requests: int
) -> None:
    fake.requests_of_held = requests
    gateway.held("pi_1")
    assert limiter.slots() == {"read": requests}


def test_an_accounts_own_largest_charge_overrides_the_general_one(limiter: FakeLimiter) -> None:
    gateway = ThrottledGateway(FakeGateway(), limiter, LANES[LimitScope.ACCOUNT], {"EUR": 2_000_000, "USD": 1})
    largest = {code: limits.largest_minor for code in ("EUR", "USD", "JPY") if (limits := gateway.charge_limits(code))}
    assert largest == {"EUR": 2_000_000, "USD": 100, "JPY": 99_999_999}
    assert gateway.charge_limits("CLF") is None


def test_how_each_request_ends_is_counted_until_somebody_asks(limiter: FakeLimiter) -> None:
    fake, tally = FakeGateway(), RequestTally()
    gateway = ThrottledGateway(fake, limiter, LANES[LimitScope.ACCOUNT], tally=tally)
    fake.failures["collect", "before"] = [RateLimitedError("429"), ProviderDownError("503"), OrderRefusedError("no")]
    for expected in (ProviderDownError, OrderRefusedError):
        with pytest.raises(expected):
            gateway.collect(order())
    gateway.collect(order())
    assert tally.take() == {"limited": 1, "failed": 1, "answered": 2}
    assert tally.take() == {}
