"""The providers in process: hooks around each call, faults at the n-th, errors as the real HTTP clients raise them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gocardless_pro
import pytest
import requests
import stripe

from sandbox.chaos.decisions import Chaos
from sandbox.chaos.faults import Fault, When
from sandbox.chaos.front import inside
from sandbox.chaos.plan import Plan, Rule
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.stripe import StripeSandbox
from sandbox.stripe.provider import DEFAULT_API_KEY
from sandbox.twin import ManualClock, StripeTwinClient, Twin, TwinCall, routed, session, stripe_twin
from sandbox.wire import Lost

CREATE_AND_CONFIRM = ["payment_intents.create", "payment_intents.confirm"]


def sdk(twin: Twin, retries: int = 0) -> stripe.StripeClient:
    http = StripeTwinClient(twin, timeout=20)
    return stripe.StripeClient(DEFAULT_API_KEY, http_client=http, max_network_retries=retries)


def charge(client: stripe.StripeClient) -> str:
    intent = client.v1.payment_intents.create(
        {"amount": 900, "currency": "usd", "allowed_payment_method_types": ["card"]}, {"idempotency_key": "create"}
    )
    confirmed = client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "off_session": True}, {"idempotency_key": "confirm"}
    )
    return confirmed.status


@pytest.fixture
def twin() -> Twin:
    return stripe_twin(ManualClock())


class ProcessDied(BaseException):
    """Nobody catches it."""


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("side", ["before", "after"])
def test_the_process_may_die_around_any_call_and_another_one_finishes(twin: Twin, call: int, side: str) -> None:
    def die(made: TwinCall) -> None:
        if made.number == call:
            raise ProcessDied

    setattr(twin, side, die)
    with pytest.raises(ProcessDied):
        charge(sdk(twin))
    setattr(twin, side, None)

    assert charge(sdk(twin)) == "succeeded"
    assert len(twin.provider.movements()) == 1


def test_each_call_is_observed_before_and_after() -> None:
    seen: list[tuple[str, int, str, int | None]] = []

    def note(side: str) -> Any:
        return lambda made: seen.append((side, made.number, made.endpoint, made.response and made.response.status))

    twin = stripe_twin(ManualClock(), before=note("before"), after=note("after"))
    charge(sdk(twin))

    assert seen == [
        (side, number, endpoint, status)
        for number, endpoint in enumerate(CREATE_AND_CONFIRM, start=1)
        for side, status in (("before", None), ("after", 200))
    ]
    assert [made.endpoint for made in twin.calls] == CREATE_AND_CONFIRM


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("call", [1, 2])
def test_one_fault_anywhere_and_trying_again_charges_once(twin: Twin, fault: Fault, when: When, call: int) -> None:
    twin.arm(call, fault, when)
    try:
        assert charge(sdk(twin)) == "succeeded"
        assert fault is Fault.DELAY
    except stripe.StripeError:
        assert fault is not Fault.DELAY
    assert [injection.fault for _, injection in twin.struck] == [fault]
    if fault is Fault.ERROR_500:  # it is stored: only looking tells
        with pytest.raises(stripe.APIError):
            charge(sdk(twin))
        moved = 1 if (call, when) == (2, When.AFTER) else 0
        assert len(twin.provider.movements()) == moved
        return
    assert charge(sdk(twin)) == "succeeded"
    assert len(twin.provider.movements()) == 1


def test_the_sdks_own_retry_takes_no_time_and_hides_a_reset(twin: Twin) -> None:
    twin.arm(1, Fault.RESET)
    assert charge(sdk(twin, retries=1)) == "succeeded"
    assert [made.endpoint for made in twin.calls] == ["payment_intents.create", *CREATE_AND_CONFIRM]
    assert [isinstance(made.response, Lost) for made in twin.calls] == [True, False, False]


def test_time_passes_on_the_twins_clock() -> None:
    clock = ManualClock(0)
    twin = stripe_twin(clock)
    client = sdk(twin)
    twin.arm(1, Fault.DELAY, seconds=7)
    client.v1.customers.create()
    twin.arm(1, Fault.HANG)
    with pytest.raises(stripe.APIConnectionError, match="Read timed out"):
        client.v1.customers.list()
    assert clock.now == 7 + 20


def test_a_disarmed_fault_does_not_happen(twin: Twin) -> None:
    twin.arm(1, Fault.RESET)
    twin.disarm()
    assert charge(sdk(twin)) == "succeeded"
    assert twin.struck == []


def test_a_500_does_not_happen_where_nothing_is_executed(twin: Twin) -> None:
    client = sdk(twin)
    charge(client)
    twin.arm(1, Fault.ERROR_500)
    assert charge(client) == "succeeded"
    assert twin.struck == []


def test_a_chaos_plan_works_in_process_too() -> None:
    chaos = Chaos()
    chaos.begin(Plan(rules=(Rule(Fault.ERROR_500, When.AFTER, endpoint="payment_intents.confirm"),)))
    twin = Twin(StripeSandbox(around_execution=inside), mischief=(chaos,))
    with pytest.raises(stripe.APIError):
        charge(sdk(twin))
    assert len(twin.provider.movements()) == 1
    assert chaos.counts() == {"stripe": {"payment_intents.confirm": {"error_500": 1}}}


ERRORS = {
    Fault.HANG: requests.ReadTimeout,
    Fault.RESET: requests.ConnectionError,
    Fault.CUT: requests.exceptions.ChunkedEncodingError,
}


@pytest.mark.parametrize("fault", ERRORS)
def test_a_requests_session_raises_its_real_exceptions(twin: Twin, fault: Fault) -> None:
    client = session(twin)
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}", "Idempotency-Key": "k"}
    twin.arm(1, fault)
    with pytest.raises(ERRORS[fault]) as caught:
        client.post("https://stripe.twin/v1/customers", data={"name": "Acme"}, headers=headers, timeout=(1, 2))
    assert type(caught.value) is ERRORS[fault]
    answer = client.post("https://stripe.twin/v1/customers", data={"name": "Acme"}, headers=headers)
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert answer.json()["name"] == "Acme"


GOCARDLESS = "http://gocardless.twin"


def test_gocardless_own_sdk_is_routed_to_a_twin() -> None:
    twin = Twin(GoCardlessSandbox(around_execution=inside))
    client = gocardless_pro.Client(access_token=DEFAULT_ACCESS_TOKEN, base_url=GOCARDLESS)
    payment = {"amount": 500, "currency": "EUR", "links": {"mandate": "MD_OK"}}
    with routed(twin, GOCARDLESS):
        twin.arm(1, Fault.CUT)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            client.payments.create(payment, headers={"Idempotency-Key": "k"})
        # The key has created the payment, though we never heard of it: the SDK fetches it.
        found = client.payments.create(payment, headers={"Idempotency-Key": "k"})
        assert found.amount == 500
        assert len(client.payments.list().records) == 1
    assert [made.endpoint for made in twin.calls] == [
        *("payments.create", "payments.create", "payments.get", "payments.list"),
    ]
    with pytest.raises(requests.ConnectionError):
        requests.get("http://127.0.0.1:1", timeout=1)


def test_many_threads_may_call_at_once(twin: Twin) -> None:
    client = sdk(twin)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: client.v1.customers.create().id, range(100)))
    assert sorted(made.number for made in twin.calls) == list(range(1, 101))
