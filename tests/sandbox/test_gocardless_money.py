"""The fake GoCardless' money: refunds, charge-backs, late failures, payouts; and what it holds of each payment."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.lifecycle import COLLECTED
from sandbox.gocardless.published import UnpublishedError
from sandbox.gocardless.ways import IllegalAdvanceError
from sandbox.holdings import holdings
from sandbox.twin import ManualClock
from sandbox.wire import Request, Response
from tests.sandbox.gocardless_driving import Wire, reason


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def wire(clock: ManualClock) -> Wire:
    return Wire(GoCardlessSandbox(clock=clock, seed=1))


def collected(wire: Wire, status: str = "confirmed", **fields: Any) -> str:
    payment = wire.create_payment(**fields)
    wire.sandbox.advance(payment, status)
    return payment


def try_refund(wire: Wire, payment: str, amount: int, total: int, **fields: Any) -> Response:
    document = {"amount": amount, "total_amount_confirmation": total, "links": {"payment": payment}, **fields}
    return wire.post("refunds", {"refunds": document})


def refund(wire: Wire, payment: str, amount: int, total: int) -> str:
    answer = try_refund(wire, payment, amount, total)
    assert answer.status == 201, answer.body
    return str(answer.json()["refunds"]["id"])


def held(wire: Wire, payment: str) -> tuple[int, int, int, int]:
    holding = holdings(wire.sandbox.movements())[payment]
    return holding.gross, holding.refunded, holding.withdrawn, holding.net


def refunded(wire: Wire, payment: str) -> int:
    return int(wire.get(f"payments/{payment}").json()["payments"]["amount_refunded"])


def control(wire: Wire, path: str, document: Any = None, method: str = "POST") -> Response:
    body = None if document is None else json.dumps(document)
    return wire.sandbox.control(Request.to(method, f"/_sandbox/gocardless/{path}", body=body))


def test_a_refund_that_bounces_is_refunded_until_its_funds_are_back(wire: Wire) -> None:
    payment = collected(wire)
    made = refund(wire, payment, 400, 400)
    for status, back in (("paid", 0), ("bounced", 0), ("funds_returned", 400)):
        assert control(wire, f"refunds/{made}/advance", {"to": status}).json()["refunds"]["status"] == status
        assert refunded(wire, payment) == 400 - back
        assert held(wire, payment) == (1500, 400 - back, 0, 1100 + back)
    actions = [event["action"] for event in wire.get(f"events?refund={made}").json()["events"]]
    assert actions == ["funds_returned", "failed", "paid", "created"]
    refund(wire, payment, 1500, 1500)


def test_a_cancelled_refund_sends_no_event(wire: Wire) -> None:
    payment = collected(wire)
    made = refund(wire, payment, 400, 400)
    wire.sandbox.outside.advance_refund(made, "cancelled")
    assert refunded(wire, payment) == 0
    assert held(wire, payment) == (1500, 0, 0, 1500)
    assert [event["action"] for event in wire.get(f"events?refund={made}").json()["events"]] == ["created"]
    with pytest.raises(IllegalAdvanceError, match="a refund that is cancelled cannot become paid"):
        wire.sandbox.outside.advance_refund(made, "paid")


def test_a_payment_has_at_most_five_refunds(wire: Wire) -> None:
    payment = collected(wire)
    for number in range(1, 6):
        refund(wire, payment, 100, 100 * number)
    assert reason(try_refund(wire, payment, 100, 600)) == (422, "invalid_state", "number_of_refunds_exceeded")


def test_a_refund_needs_its_total_confirmed_a_payment_that_is_collected_and_funds(wire: Wire) -> None:
    payment = collected(wire)
    missing = wire.post("refunds", {"refunds": {"amount": 100, "links": {"payment": payment}}})
    assert reason(missing) == (422, "validation_failed", "total_amount_confirmation")
    assert reason(try_refund(wire, payment, 100, 100, links={"mandate": "MD_OK"}))[2] == "mandate"
    control(wire, "terms", {"refundable": {"EUR": 150}}, "PUT")
    refund(wire, payment, 100, 100)
    assert reason(try_refund(wire, payment, 100, 200))[2] == "available_refund_amount_insufficient"
    wire.sandbox.outside.charge_back(payment)
    assert reason(try_refund(wire, payment, 50, 150))[2] == "refund_payment_invalid_state"


def test_a_charge_back_can_be_cancelled_and_repeated(wire: Wire) -> None:
    for status in sorted(COLLECTED):
        payment = collected(wire, status)
        for _ in range(2):
            taken = control(wire, f"payments/{payment}/charge_back", {"cause": "authorisation_disputed"})
            assert taken.json()["payments"]["status"] == "charged_back"
            assert held(wire, payment)[3] == 0
            back = control(wire, f"payments/{payment}/cancel_charge_back").json()["payments"]
            assert back["status"] == status
            assert held(wire, payment) == (1500, 0, 0, 1500)
        assert control(wire, f"payments/{payment}/cancel_charge_back").status == 409


def test_a_charge_back_deducted_from_a_payout_and_then_cancelled_is_paid_out_again(wire: Wire) -> None:
    payment = collected(wire, "paid_out")
    wire.sandbox.outside.charge_back(payment)
    collected(wire, "paid_out", amount=4000)
    assert wire.actions(payment)[-1] == "chargeback_settled"
    assert wire.sandbox.outside.cancel_charge_back(payment)["status"] == "confirmed"
    wire.sandbox.outside.pay_out()
    assert wire.actions(payment)[-2:] == ["chargeback_cancelled", "paid_out"]
    assert [kind for kind, *_ in paid_for(wire, payment)] == [
        *("payment_paid_out", "gocardless_fee", "payment_charged_back", "gocardless_fee"),
        *("payment_paid_out", "gocardless_fee"),
    ]


def test_a_charge_back_takes_the_whole_payment_whatever_was_refunded(wire: Wire) -> None:
    payment = collected(wire)
    refund(wire, payment, 400, 400)
    wire.sandbox.outside.charge_back(payment)
    assert held(wire, payment) == (1500, 400, 1500, -400)


def test_a_payment_fails_late_and_only_what_was_paid_out_is_settled(wire: Wire) -> None:
    early, late = collected(wire), collected(wire, "paid_out")
    for payment in (early, late):
        assert control(wire, f"payments/{payment}/late_failure").json()["payments"]["status"] == "failed"
        assert held(wire, payment) == (1500, 0, 1500, 0)
    collected(wire, "paid_out", amount=4000)
    assert wire.actions(early)[-1] == "failed"
    assert wire.actions(late)[-2:] == ["failed", "late_failure_settled"]
    assert control(wire, f"payments/{late}/late_failure").status == 409


def test_a_payment_that_failed_late_and_is_retried_is_collected_again(wire: Wire) -> None:
    payment = collected(wire, "paid_out")
    wire.sandbox.outside.fail_late(payment)
    wire.post(f"payments/{payment}/actions/retry")
    wire.sandbox.advance(payment, "paid_out")
    assert held(wire, payment) == (3000, 0, 1500, 1500)
    collected(wire, "paid_out", amount=4000)
    assert sum(amount for kind, amount in paid_for(wire, payment) if kind != "gocardless_fee") == 1500


def test_a_payment_retried_in_the_gocardless_dashboard_is_paid_out(wire: Wire) -> None:
    payment = wire.create_payment()
    wire.sandbox.advance(payment, "failed")
    wire.sandbox.outside.advance_payment(payment, "pending_submission")
    while wire.sandbox.advance():
        pass
    assert wire.actions(payment)[2:] == ["failed", "resubmission_requested", "submitted", "confirmed", "paid_out"]
    assert held(wire, payment) == (1500, 0, 0, 1500)


def paid_for(wire: Wire, payment: str) -> list[tuple[str, Decimal]]:
    """A payment's items in all payouts, oldest first, found through the API."""
    payouts = wire.get("payouts?limit=500").json()["payouts"]
    found = []
    for payout in reversed(payouts):
        items = wire.get(f"payout_items?payout={payout['id']}&limit=500").json()["payout_items"]
        total = sum((Decimal(item["amount"]) for item in items), Decimal())
        assert abs(total - payout["amount"]) <= Decimal("0.5")
        assert payout["amount"] > 0
        found += [(item["type"], Decimal(item["amount"])) for item in items if item["links"]["payment"] == payment]
    return found


def test_a_payout_has_an_item_for_every_movement_and_refunds_fees(wire: Wire) -> None:
    first, second = collected(wire, amount=3000), collected(wire, amount=10_050)
    [payout] = control(wire, "payouts").json()["payouts"]
    assert (payout["amount"], payout["deducted_fees"], payout["status"]) == (12_920, 131, "paid")
    assert paid_for(wire, second) == [("payment_paid_out", Decimal(10_050)), ("gocardless_fee", Decimal("-100.5"))]
    assert wire.get(f"payments/{first}").json()["payments"]["links"]["payout"] == payout["id"]

    wire.sandbox.outside.charge_back(first)
    returned = refund(wire, second, 1000, 1000)
    collected(wire, "paid_out", amount=20_000)
    wire.sandbox.outside.advance_refund(returned, "funds_returned")
    assert [item for item in paid_for(wire, first) if item[0] != "payment_paid_out"] == [
        ("gocardless_fee", Decimal(-30)),
        ("payment_charged_back", Decimal(-3000)),
        ("gocardless_fee", Decimal(30)),
    ]
    assert paid_for(wire, second)[2:] == [
        ("payment_refunded", Decimal(-1000)),
        ("refund_funds_returned", Decimal(1000)),
    ]


def test_payout_items_are_listed_in_pages_and_for_six_months(wire: Wire, clock: ManualClock) -> None:
    for _ in range(3):
        collected(wire)
    [payout] = wire.sandbox.outside.pay_out()
    path = f"payout_items?payout={payout['id']}&limit=4"
    page = wire.get(path).json()
    rest = wire.get(f"{path}&after={page['meta']['cursors']['after']}").json()
    assert [len(part["payout_items"]) for part in (page, rest)] == [4, 2]
    assert rest["meta"]["cursors"]["after"] is None
    again = wire.get(f"{path}&before={rest['meta']['cursors']['before']}").json()
    assert again["payout_items"] == page["payout_items"]
    assert reason(wire.get("payout_items"))[2] == "payout"
    clock.advance(184 * 86_400)
    assert wire.get(path).status == 410


ACTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(
            ["confirmed", "paid_out", "charged_back", "cancel", "failed", "retry", "refund", "refunds on", "pay out"]
        ),
        st.integers(1, 1500),
    ),
    max_size=25,
)


def _act(wire: Wire, payment: str, act: str, amount: int) -> None:
    outside = wire.sandbox.outside
    match act:
        case "cancel":
            outside.cancel_charge_back(payment)
        case "retry":
            wire.post(f"payments/{payment}/actions/retry")
        case "refund":
            outside.refund(payment, amount)
        case "refunds on":
            for found in wire.get(f"refunds?payment={payment}").json()["refunds"]:
                to = ("paid", "bounced", "funds_returned", "cancelled")[amount % 4]
                outside.advance_refund(found["id"], to)
        case "pay out":
            outside.pay_out()
        case status:
            wire.sandbox.advance(payment, status)


@given(ACTS)
def test_the_money_held_follows_from_states_movements_and_payouts_alike(acts: list[Any]) -> None:
    wire = Wire(GoCardlessSandbox())
    payments = [wire.create_payment() for _ in range(3)]
    for which, act, amount in acts:
        try:
            _act(wire, payments[which], act, amount)
        except (IllegalAdvanceError, UnpublishedError):
            continue
        finally:
            for payment in payments:
                document = wire.get(f"payments/{payment}").json()["payments"]
                has = document["amount"] if document["status"] in COLLECTED else 0
                holding = holdings(wire.sandbox.movements()).get(payment)
                assert (holding.net if holding else 0) == has - document["amount_refunded"]
    collected(wire, "paid_out", amount=400_000)  # enough to deduct all that is due
    wire.sandbox.outside.pay_out()
    for payment, holding in holdings(wire.sandbox.movements()).items():
        items = Counter[str]()
        for kind, amount in paid_for(wire, payment):
            items["fees" if kind == "gocardless_fee" else "money"] += int(amount)
        assert items["money"] == holding.net
