"""The official SDK over real HTTP: what our adapter will see."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
import stripe

from sandbox.stripe import StripeSandbox
from sandbox.twin import ManualClock
from sandbox.web.testing import serving
from tests.sandbox.driving import sdk

if TYPE_CHECKING:
    from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams

    from sandbox.wire import Execution, Proceed, Response

DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", "processing_error"),
    "pm_card_chargeCustomerFail": ("card_declined", "generic_decline"),
    "pm_card_authenticationRequired": ("authentication_required", "authentication_required"),
}


def intent_of(amount: int = 1500) -> PaymentIntentCreateParams:
    return {
        "amount": amount,
        "currency": "usd",
        "allowed_payment_method_types": ["card"],
        "metadata": {"invoice": "2026-7"},
    }


def off_session(method: str) -> PaymentIntentConfirmParams:
    return {"payment_method": method, "off_session": True, "expand": ["latest_charge"]}


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_mastercard"])
def test_a_good_card_is_charged_in_two_steps(client: stripe.StripeClient, url: str, method: str) -> None:
    customer = client.v1.customers.create({"name": "Amber Labs Inc.", "email": "billing@amber.example"})
    created = client.v1.payment_intents.create({**intent_of(), "customer": customer.id})
    assert created.status == "requires_payment_method"

    paid = client.v1.payment_intents.confirm(created.id, off_session(method), {"idempotency_key": "payment-1"})

    assert paid.status == "succeeded"
    assert isinstance(paid.latest_charge, stripe.Charge)
    assert paid.latest_charge.paid
    assert paid.last_response is not None
    assert str(paid.last_response.request_id).startswith("req_")
    assert client.v1.charges.retrieve(paid.latest_charge.id).amount == 1500
    assert httpx.get(f"{url}/_sandbox/charges").json() == [
        {
            "provider": "stripe",
            "payment_intent": created.id,
            "charge": paid.latest_charge.id,
            "customer": customer.id,
            "amount": 1500,
            "currency": "usd",
            "idempotency_key": "payment-1",
            "metadata": {"invoice": "2026-7"},
            "created": paid.latest_charge.created,
        }
    ]


@pytest.mark.parametrize(("method", "codes"), DECLINES.items())
def test_a_bad_card_is_a_card_error_and_moves_nothing(
    client: stripe.StripeClient, served: StripeSandbox, method: str, codes: tuple[str, str]
) -> None:
    intent = client.v1.payment_intents.create(intent_of())

    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.confirm(intent.id, off_session(method))

    error = caught.value.error
    assert caught.value.http_status == 402
    assert error is not None
    assert (error.type, error.code, error.decline_code) == ("card_error", *codes)
    assert error.payment_intent is not None
    assert error.payment_intent.status == "requires_payment_method"
    after = client.v1.payment_intents.retrieve(intent.id)
    assert after.payment_method is None
    assert after.last_payment_error is not None
    assert after.last_payment_error.decline_code == codes[1]
    assert after.latest_charge == error.charge
    assert client.v1.charges.retrieve(str(error.charge)).status == "failed"
    assert served.movements() == []


def test_an_intent_is_paid_with_another_card_after_a_decline(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create(intent_of())
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.confirm(intent.id, off_session("pm_card_chargeDeclined"))
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(intent.id, {"off_session": True})

    assert client.v1.payment_intents.confirm(intent.id, off_session("pm_card_visa")).status == "succeeded"


def test_confirming_a_paid_intent_is_refused_and_names_it(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({**intent_of(), "payment_method": "pm_card_visa", "confirm": True})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.confirm(intent.id, off_session("pm_card_visa"))

    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.error is not None
    assert caught.value.error.payment_intent is not None
    assert caught.value.error.payment_intent.status == "succeeded"


def test_the_sdk_reports_a_key_used_for_other_parameters(client: stripe.StripeClient) -> None:
    client.v1.payment_intents.create(intent_of(1500), {"idempotency_key": "k"})

    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create(intent_of(1600), {"idempotency_key": "k"})


def test_the_sdk_reports_a_wrong_api_key(url: str) -> None:
    with contextlib.closing(stripe.HTTPXClient(allow_sync_methods=True)) as http:
        stranger = sdk(url, http, "sk_test_somebody_else")
        with pytest.raises(stripe.AuthenticationError):
            stranger.v1.customers.list()


def test_a_replay_is_marked_and_has_its_own_request_id(client: stripe.StripeClient) -> None:
    first = client.v1.payment_intents.create(intent_of(), {"idempotency_key": "k"})
    again = client.v1.payment_intents.create(intent_of(), {"idempotency_key": "k"})

    assert first.last_response is not None
    assert again.last_response is not None
    assert again.id == first.id
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.headers["Original-Request"] == first.last_response.request_id
    assert again.last_response.request_id != first.last_response.request_id


def test_a_request_still_under_way_blocks_its_repeat(clock: ManualClock) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def hold_up(execution: Execution, proceed: Proceed) -> Response:
        begun.set()
        assert may_end.wait(timeout=30)
        return proceed()

    slow = StripeSandbox(clock=clock, around_execution=hold_up)
    with (
        serving({"/v1": slow}) as url,
        contextlib.closing(stripe.HTTPXClient(allow_sync_methods=True)) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        client = sdk(url, http)
        first = pool.submit(client.v1.payment_intents.create, intent_of(), {"idempotency_key": "k"})
        assert begun.wait(timeout=30)
        with pytest.raises(stripe.APIError) as caught:
            client.v1.payment_intents.create(intent_of(), {"idempotency_key": "k"})
        may_end.set()
        created = first.result(timeout=30)
        again = client.v1.payment_intents.create(intent_of(), {"idempotency_key": "k"})

    assert caught.value.http_status == 409
    assert caught.value.error is not None
    assert caught.value.error.code == "idempotency_key_in_use"
    assert again.id == created.id


def test_many_concurrent_confirmations_charge_exactly_once(client: stripe.StripeClient, served: StripeSandbox) -> None:
    intent = client.v1.payment_intents.create(intent_of())
    workers = 16
    together = threading.Barrier(workers)

    def confirm(worker: int) -> str | None:
        together.wait(timeout=30)
        try:
            return client.v1.payment_intents.confirm(
                intent.id, off_session("pm_card_visa"), {"idempotency_key": f"worker-{worker}"}
            ).status
        except stripe.InvalidRequestError as refused:
            return refused.code

    with ThreadPoolExecutor(workers) as pool:
        outcomes = sorted(map(str, pool.map(confirm, range(workers))))

    assert outcomes == ["payment_intent_unexpected_state"] * (workers - 1) + ["succeeded"]
    assert len(served.movements()) == 1


def test_a_saved_card_is_attached_listed_and_charged(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"name": "Larch Studio B.V."})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    updated = client.v1.customers.update(
        customer.id, {"invoice_settings": {"default_payment_method": method.id}, "metadata": {"plan": "usage"}}
    )
    assert updated.invoice_settings is not None
    assert updated.invoice_settings.default_payment_method == method.id
    assert [found.id for found in client.v1.customers.payment_methods.list(customer.id)] == [method.id]
    assert [found.id for found in client.v1.payment_methods.list({"customer": customer.id})] == [method.id]

    for _month in range(2):
        paid = client.v1.payment_intents.create(
            {
                **intent_of(),
                "customer": customer.id,
                "payment_method": method.id,
                "confirm": True,
                "off_session": True,
            }
        )
        assert paid.status == "succeeded"
        assert paid.payment_method == method.id


def test_auto_paging_finds_every_intent_of_a_customer_once(client: stripe.StripeClient) -> None:
    mine, other = (client.v1.customers.create().id for _ in range(2))
    created = []
    for number in range(7):
        created.append(client.v1.payment_intents.create({**intent_of(1000 + number), "customer": mine}).id)
        client.v1.payment_intents.create({**intent_of(), "customer": other})

    found = client.v1.payment_intents.list({"customer": mine, "limit": 3}).auto_paging_iter()

    assert [intent.id for intent in found] == created[::-1]
