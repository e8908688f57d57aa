"""Stripe's idempotency keys, on the pure core."""

from __future__ import annotations

import pytest

from sandbox.stripe import StripeSandbox
from sandbox.stripe.idempotency import KEPT_SECONDS
from sandbox.twin import ManualClock
from sandbox.wire import Execution, Proceed, Request, Response
from tests.sandbox.driving import CARD_INTENT, Wire


def test_the_first_result_is_replayed_verbatim(wire: Wire) -> None:
    first = wire.post("payment_intents", CARD_INTENT, "k")
    again = wire.post("payment_intents", CARD_INTENT, "k")

    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_decline_is_replayed_and_not_tried_again(wire: Wire) -> None:
    intent = wire.create_intent()["id"]
    first = wire.confirm(intent, "pm_card_chargeDeclined", "k")
    again = wire.confirm(intent, "pm_card_chargeDeclined", "k")

    assert (first.status, again.status, again.body) == (402, 402, first.body)
    assert first.headers["Stripe-Should-Retry"] == "false"
    assert len(wire.get("charges").json()["data"]) == 1


def test_a_500_after_the_money_moved_is_replayed_too() -> None:
    def fail_afterwards(execution: Execution, proceed: Proceed) -> Response:
        if execution.endpoint == "payment_intents.confirm":
            proceed()
            raise RuntimeError("the provider broke after it had charged")
        return proceed()

    wire = Wire(StripeSandbox(around_execution=fail_afterwards))
    intent = wire.create_intent()["id"]
    first = wire.confirm(intent, "pm_card_visa", "k")
    again = wire.confirm(intent, "pm_card_visa", "k")

    assert (first.status, again.status, again.body) == (500, 500, first.body)
    assert first.json()["error"]["type"] == "api_error"
    assert wire.get(f"payment_intents/{intent}").json()["status"] == "succeeded"
    assert len(wire.sandbox.movements()) == 1


def test_a_key_is_valid_only_for_its_parameters_and_endpoint(wire: Wire) -> None:
    wire.post("payment_intents", CARD_INTENT, "k")

    other_amount = wire.post("payment_intents", {**CARD_INTENT, "amount": 1501}, "k")
    other_endpoint = wire.post("customers", {}, "k")

    for answer in (other_amount, other_endpoint):
        assert answer.status == 400
        assert answer.json()["error"]["type"] == "idempotency_error"
    assert wire.post("payment_intents", CARD_INTENT, "k").status == 200


@pytest.mark.parametrize("amount", ["0", "ten", "1"])
def test_a_request_that_fails_validation_is_not_stored(wire: Wire, amount: str) -> None:
    assert wire.post("payment_intents", {**CARD_INTENT, "amount": amount}, "k").status == 400
    assert wire.post("payment_intents", CARD_INTENT, "k").status == 200


def test_a_request_that_fails_authentication_is_not_stored(sandbox: StripeSandbox, wire: Wire) -> None:
    assert Wire(sandbox, "sk_test_wrong").post("payment_intents", CARD_INTENT, "k").status == 401
    assert wire.post("payment_intents", CARD_INTENT, "k").status == 200


def test_a_request_that_fails_in_execution_is_stored(wire: Wire) -> None:
    fields = {"payment_method": "pm_card_visa"}
    paid = wire.create_intent(confirm="true", off_session="true", **fields)["id"]
    refused = wire.post(f"payment_intents/{paid}/confirm", fields, "k")

    assert refused.status == 400
    assert wire.post(f"payment_intents/{paid}/confirm", fields, "k").headers["Idempotent-Replayed"] == "true"


def test_a_key_lasts_for_24_hours(wire: Wire, clock: ManualClock) -> None:
    first = wire.post("payment_intents", CARD_INTENT, "k")
    clock.now += KEPT_SECONDS - 1
    assert wire.post("payment_intents", CARD_INTENT, "k").body == first.body
    clock.now += 1
    assert wire.post("payment_intents", CARD_INTENT, "k").body != first.body


def test_an_old_key_cannot_pay_an_intent_again(wire: Wire, clock: ManualClock) -> None:
    intent = wire.create_intent()["id"]
    wire.confirm(intent, "pm_card_visa", "k")
    clock.now += KEPT_SECONDS

    assert wire.confirm(intent, "pm_card_visa", "k").json()["error"]["code"] == "payment_intent_unexpected_state"
    assert len(wire.sandbox.movements()) == 1


def test_accounts_do_not_share_keys_or_objects() -> None:
    sandbox = StripeSandbox({"sk_one": "acct_1", "sk_two": "acct_2"})
    one, two = Wire(sandbox, "sk_one"), Wire(sandbox, "sk_two")
    first, second = one.post("payment_intents", CARD_INTENT, "k"), two.post("payment_intents", CARD_INTENT, "k")

    assert "Idempotent-Replayed" not in second.headers
    assert two.get(f"payment_intents/{first.json()['id']}").status == 404


def test_a_get_ignores_keys(sandbox: StripeSandbox, wire: Wire) -> None:
    headers = {"authorization": "Bearer sk_test_sandbox", "idempotency-key": "k"}
    before = sandbox.handle(Request("GET", "/v1/customers", headers=headers))
    wire.post("customers")
    after = sandbox.handle(Request("GET", "/v1/customers", headers=headers))

    assert before.body != after.body


def test_a_key_may_have_up_to_255_characters(wire: Wire) -> None:
    assert wire.post("customers", {}, "k" * 255).status == 200
    assert wire.post("customers", {}, "k" * 256).status == 400
