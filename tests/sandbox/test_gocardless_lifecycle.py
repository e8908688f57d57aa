"""How the fake GoCardless' payments advance, and which events it sends; on the pure core."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.behaviours import MAGIC_MANDATES
from sandbox.gocardless.lifecycle import COLLECTED, TRANSITIONS
from sandbox.gocardless.ways import IllegalAdvanceError
from sandbox.twin import ManualClock
from sandbox.wire import Request, Response
from tests.sandbox.gocardless_driving import Wire, reason

if TYPE_CHECKING:
    from sandbox.wire import Execution, Proceed


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def events() -> list[Any]:
    return []


@pytest.fixture
def wire(clock: ManualClock, events: list[Any]) -> Wire:
    return Wire(GoCardlessSandbox(clock=clock, seed=1, notify=events.append))


def test_every_step_sends_the_events_document(wire: Wire, events: list[Any]) -> None:
    payment = wire.create_payment("MD_FAILS", metadata={"invoice": "INV-1"})
    wire.sandbox.advance(payment, "failed")

    assert [(event["resource_type"], event["action"]) for event in events] == [
        ("payments", "created"),
        ("payments", "submitted"),
        ("payments", "failed"),
    ]
    assert events[-1]["links"] == {"payment": payment}
    assert events[-1]["resource_metadata"] == {"invoice": "INV-1"}
    assert events[-1]["details"] == {
        "origin": "bank",
        "cause": "insufficient_funds",
        "description": "Insufficient funds.",
        "scheme": "sepa_core",
        "reason_code": "AM04",
        "will_attempt_retry": False,
        "not_retried_reason": "other",
    }
    assert wire.get(f"events/{events[-1]['id']}").json()["events"] == events[-1]


def test_a_webhook_receiver_may_call_the_sandbox(clock: ManualClock) -> None:
    statuses: list[str] = []

    def look(event: Any) -> None:
        if event["resource_type"] != "payments":
            return
        statuses.append(Wire(sandbox).status(event["links"]["payment"]))

    sandbox = GoCardlessSandbox(clock=clock, notify=look)
    sandbox.advance(Wire(sandbox).create_payment(), "paid_out")
    assert statuses == ["pending_submission", "paid_out", "paid_out", "paid_out"]


def test_cancelling_a_mandate_sends_events_for_it_and_its_payments(wire: Wire, events: list[Any]) -> None:
    payment = wire.create_payment("MD_WITHDRAWN")
    wire.sandbox.advance()
    told = [(event["resource_type"], event["action"], event["details"]["cause"]) for event in events[1:]]
    assert told == [("mandates", "cancelled", "mandate_cancelled"), ("payments", "cancelled", "mandate_cancelled")]
    assert wire.status(payment) == "cancelled"
    assert reason(wire.try_payment("MD_WITHDRAWN")) == (422, "invalid_state", "mandate_is_inactive")
    wire.create_payment("MD_WITHDRAWN_other")


def test_control_requests_move_one_payment_or_all(wire: Wire) -> None:
    first, second = wire.create_payment(), wire.create_payment("MD_FAILS")

    def control(path: str, document: Any = None) -> Response:
        body = None if document is None else json.dumps(document)
        return wire.sandbox.control(Request.to("POST", f"/_sandbox/gocardless/{path}", body=body))

    one = control(f"payments/{first}/advance", {"to": "confirmed"})
    assert [payment["status"] for payment in one.json()["payments"]] == ["confirmed"]
    both = control("advance")
    assert {payment["id"]: payment["status"] for payment in both.json()["payments"]} == {
        first: "paid_out",
        second: "submitted",
    }
    failed = control(f"payments/{second}/advance", {"to": "failed", "cause": "bank_account_closed"})
    assert failed.status == 200
    assert wire.get(f"events?payment={second}").json()["events"][0]["details"]["cause"] == "bank_account_closed"
    assert control("advance").json()["payments"] == []

    assert control("payments/PM0/advance").status == 404
    assert control("elsewhere").status == 404
    assert control("advance", [1]).status == 400
    cancelled = wire.create_payment()
    control(f"payments/{cancelled}/advance", {"to": "cancelled"})
    assert control(f"payments/{cancelled}/advance", {"to": "confirmed"}).status == 409


def test_moving_all_skips_payments_that_cannot_reach_the_status(wire: Wire) -> None:
    paid = wire.create_payment()
    wire.sandbox.advance(paid, "confirmed")
    pending = wire.create_payment()
    moved = wire.sandbox.advance(to="cancelled")
    assert [payment["id"] for payment in moved] == [pending]
    assert wire.status(paid) == "confirmed"


@given(
    st.sampled_from(sorted(MAGIC_MANDATES.keys() - {"MD_CANCELLED"})),
    st.lists(st.sampled_from(sorted(TRANSITIONS)), max_size=8),
)
def test_the_ledger_holds_the_money_exactly_while_the_payment_is_collected(mandate: str, targets: list[str]) -> None:
    wire = Wire(GoCardlessSandbox())
    payment = wire.create_payment(mandate)
    for target in targets:
        before = wire.status(payment)
        try:
            wire.sandbox.advance(payment, target)
            assert wire.status(payment) == target
        except IllegalAdvanceError:
            assert wire.status(payment) == before
        balance = sum(moved["amount"] for moved in wire.sandbox.movements())
        assert balance == (1500 if wire.status(payment) in COLLECTED else 0)


def test_a_failure_after_the_effect_answers_500_and_the_payment_exists() -> None:
    def break_once(execution: Execution, proceed: Proceed) -> Response:
        answer = proceed()
        if execution.endpoint == "payments.create" and answer.status == 201:
            raise RuntimeError("the provider broke after it had created the payment")
        return answer

    wire = Wire(GoCardlessSandbox(around_execution=break_once))
    assert reason(wire.try_payment(key="k")) == (500, "gocardless", "internal_server_error")
    again = wire.try_payment(key="k", amount=9900)
    assert reason(again) == (409, "invalid_state", "idempotent_creation_conflict")
    assert wire.status(again.json()["error"]["errors"][0]["links"]["conflicting_resource_id"]) == "pending_submission"


def test_malformed_requests_get_their_own_errors(wire: Wire) -> None:
    sandbox = wire.sandbox
    assert reason(sandbox.handle(Request.to("GET", "/gocardless/payments"))) == (
        401,
        "invalid_api_usage",
        "missing_authorization_header",
    )
    del wire.headers["GoCardless-Version"]
    assert reason(wire.get("payments"))[2] == "missing_version_header"
    wire.headers["GoCardless-Version"] = "2014-01-01"
    assert reason(wire.get("payments"))[2] == "version_not_found"
    wire.headers["GoCardless-Version"] = "2015-07-06"
    assert reason(wire.get("colours")) == (404, "invalid_api_usage", "not_found")
    assert reason(wire.post("payments", {"payment": {}}))[2] == "invalid_document_structure"
    assert reason(wire.try_payment(key="k" * 129))[2] == "idempotency_key_too_long"
    assert reason(wire.get("payments?limit=501"))[0] == 422
    assert reason(wire.get("payments?created_at[gt]=yesterday"))[0] == 422
    assert reason(wire.get("payments?after=PM0"))[2] == "bad_request"
    assert sandbox.request_counts()["payments.list"] == {400: 3, 401: 1, 422: 2}


def test_a_reset_forgets_everything(wire: Wire) -> None:
    wire.sandbox.advance(wire.create_payment(key="k"), "paid_out")
    wire.sandbox.reset()
    assert wire.sandbox.movements() == []
    assert wire.get("events").json()["events"] == []
    wire.create_payment(key="k")


def test_accounts_do_not_share_payments() -> None:
    sandbox = GoCardlessSandbox({"one": "OR1", "two": "OR2"})
    payment = Wire(sandbox, "one").create_payment(key="k")
    assert Wire(sandbox, "two").get(f"payments/{payment}").status == 404
    assert Wire(sandbox, "two").create_payment(key="k") != payment
    sandbox.advance(to="confirmed")
    assert len(sandbox.movements()) == 2
