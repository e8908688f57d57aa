"""Refunds and reversals, and what happens without a request: disputes, authentication, processing, events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe import StripeSandbox
from sandbox.stripe.outside import NotPossibleError, authenticate, close_dispute, open_dispute
from tests.sandbox.driving import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def pay(client: stripe.StripeClient, method: str = "pm_card_visa", amount: int = 1500) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "usd",
            "allowed_payment_method_types": ["card"],
            "payment_method": method,
            "metadata": {"payment": "2026-10/acme"},
            "confirm": True,
            "off_session": True,
        },
        {"idempotency_key": "pay"},
    )


def charge_of(client: stripe.StripeClient, intent: str) -> stripe.Charge:
    (charge,) = client.v1.charges.list({"payment_intent": intent}).data
    assert client.v1.charges.retrieve(charge.id).to_dict() == charge.to_dict()
    return charge


def movements(url: str) -> list[tuple[str, int]]:
    return [(entry["kind"], entry["amount"]) for entry in httpx.get(f"{url}/_sandbox/movements").json()]


def kinds(client: stripe.StripeClient, **only: Any) -> list[str]:
    listed: Any = {"limit": 100, **only}
    return [str(event.type) for event in client.v1.events.list(listed).data][::-1]


def test_a_charge_is_refunded_in_parts_until_nothing_is_left(client: stripe.StripeClient, url: str) -> None:
    intent = pay(client)
    part = client.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 400, "reason": "requested_by_customer", "metadata": {"note": "n"}},
        {"idempotency_key": "refund-1"},
    )
    again = client.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 400, "reason": "requested_by_customer", "metadata": {"note": "n"}},
        {"idempotency_key": "refund-1"},
    )
    assert (part.amount, part.status, part.reason, again.id) == (400, "succeeded", "requested_by_customer", part.id)
    half = charge_of(client, intent.id)
    assert (half.amount_refunded, half.refunded) == (400, False)

    rest = client.v1.refunds.create({"charge": str(intent.latest_charge), "expand": ["payment_intent", "charge"]})

    assert rest.amount == 1100
    assert isinstance(rest.payment_intent, stripe.PaymentIntent)
    assert isinstance(rest.charge, stripe.Charge)
    assert (rest.charge.amount_refunded, rest.charge.refunded) == (1500, True)
    assert client.v1.refunds.retrieve(part.id).amount == 400
    for listed in ({"payment_intent": intent.id}, {"charge": str(intent.latest_charge)}):
        assert [refund.id for refund in client.v1.refunds.list(listed).data] == [rest.id, part.id]  # type: ignore[arg-type]
    assert client.v1.refunds.list({"payment_intent": "pi_other"}).data == []
    assert movements(url) == [("charge", 1500), ("refund", -400), ("refund", -1100)]
    assert [entry["amount"] for entry in httpx.get(f"{url}/_sandbox/charges").json()] == [1500]
    assert kinds(client, type="charge.refunded") == ["charge.refunded"] * 2

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": 1501}, r"Refund amount \(1501 USD\) is greater than unrefunded amount on charge \(1500 USD\)"),
        ({"amount": 0}, "greater than or equal to 1"),
        ({"charge": "ch_1"}, "One of the following params"),
        ({"reason": "regret"}, "must be one of"),
    ],
)
def test_an_impossible_refund_is_refused(client: stripe.StripeClient, fields: dict[str, Any], message: str) -> None:
    intent = pay(client)
    with pytest.raises(stripe.InvalidRequestError, match=message):
        client.v1.refunds.create({"payment_intent": intent.id, **fields})  # type: ignore[arg-type]
    assert charge_of(client, intent.id).amount_refunded == 0


def test_an_unpaid_intent_cannot_be_refunded(client: stripe.StripeClient) -> None:
    unpaid = client.v1.payment_intents.create({"amount": 900, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"payment_intent": unpaid.id})
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.confirm(unpaid.id, {"payment_method": "pm_card_chargeDeclined", "off_session": True})
    failed = charge_of(client, unpaid.id)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be refunded"):
        client.v1.refunds.create({"charge": failed.id})
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent"):
        client.v1.refunds.create({"payment_intent": "pi_none"})


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("lost", [("charge", 1500), ("dispute", -1500)]),
        ("won", [("charge", 1500), ("dispute", -1500), ("reinstatement", 1500)]),
    ],
)
def test_a_dispute_withdraws_the_money_and_winning_it_returns_the_money(
    client: stripe.StripeClient, url: str, verdict: str, expected: list[tuple[str, int]]
) -> None:
    intent = pay(client)
    opened = httpx.post(f"{url}/_sandbox/stripe/disputes", json={"payment_intent": intent.id}).json()
    disputed = charge_of(client, intent.id)
    assert disputed.disputed
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": disputed.id})
    assert refused.value.code == "charge_disputed"

    (found,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (found.id, found.status, found.reason, found.amount) == (opened["id"], "needs_response", "fraudulent", 1500)
    closed = httpx.post(f"{url}/_sandbox/stripe/disputes/{found.id}/close", json={"status": verdict})

    assert closed.json()["status"] == verdict
    assert client.v1.disputes.retrieve(found.id, {"expand": ["charge"]}).status == verdict
    assert charge_of(client, intent.id).disputed
    assert movements(url) == expected
    reinstated = ["charge.dispute.funds_reinstated"] if verdict == "won" else []
    assert kinds(client, type="charge.dispute.*") == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        *reinstated,
    ]
    if verdict == "won":
        assert client.v1.refunds.create({"charge": disputed.id}).amount == 1500
    else:
        with pytest.raises(stripe.InvalidRequestError, match="charged back"):
            client.v1.refunds.create({"charge": disputed.id})
    again = httpx.post(f"{url}/_sandbox/stripe/disputes/{found.id}/close", json={"status": verdict})
    assert (again.status_code, again.json()) == (409, {"error": f"{found.id} is already {verdict}"})


def test_a_test_card_is_disputed_as_soon_as_it_has_paid(client: stripe.StripeClient, url: str) -> None:
    intent = pay(client, "pm_card_createDispute")
    assert intent.status == "succeeded"
    assert charge_of(client, intent.id).disputed
    assert movements(url) == [("charge", 1500), ("dispute", -1500)]


def test_the_undisputed_rest_of_a_partly_refunded_charge_can_be_disputed(
    client: stripe.StripeClient, served: StripeSandbox
) -> None:
    intent = pay(client)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 600})
    with pytest.raises(NotPossibleError, match="only 1500 usd of"):
        served.act(open_dispute(intent.id, amount=1501))
    opened = served.act(open_dispute(intent.id, "duplicate"))
    assert (opened["amount"], opened["reason"]) == (900, "duplicate")
    with pytest.raises(NotPossibleError, match="only 600 usd of"):
        served.act(open_dispute(intent.id))


@pytest.mark.parametrize("off_session", [True, False])
@pytest.mark.parametrize("succeeds", [True, False])
def test_a_customer_authenticates_or_fails_authentication(
    client: stripe.StripeClient, url: str, off_session: bool, succeeds: bool
) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 900, "currency": "usd", "allowed_payment_method_types": ["card"]}
    )
    how: dict[str, Any] = {"payment_method": "pm_card_authenticationRequired", "off_session": off_session}
    if off_session:
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.confirm(intent.id, how)  # type: ignore[arg-type]
    else:
        assert client.v1.payment_intents.confirm(intent.id, how).status == "requires_action"  # type: ignore[arg-type]

    control = f"{url}/_sandbox/stripe/payment_intents/{intent.id}/authenticate"
    answer = httpx.post(control, json={} if succeeds else {"succeeds": False})

    assert answer.status_code == 200
    after = client.v1.payment_intents.retrieve(intent.id)
    assert answer.json()["status"] == after.status == ("succeeded" if succeeds else "requires_payment_method")
    assert movements(url) == ([("charge", 900)] if succeeds else [])
    if succeeds:
        assert after.next_action is None
        assert after.last_payment_error is None
        assert httpx.post(control).status_code == 409
        assert kinds(client)[-3:] == ["charge.succeeded", "payment_intent.succeeded", "charge.updated"]
    else:
        assert after.last_payment_error is not None
        assert after.last_payment_error.code == "payment_intent_authentication_failure"
        assert kinds(client)[-1] == "payment_intent.payment_failed"
        paid = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
        assert paid.status == "succeeded"


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_payment_is_processing_until_it_is_settled(client: stripe.StripeClient, url: str, succeeds: bool) -> None:
    intent = pay(client, "pm_sandbox_processing")
    assert intent.status == "processing"
    assert charge_of(client, intent.id).status == "pending"
    assert movements(url) == []
    refusals: list[Callable[[], object]] = [
        lambda: client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "off_session": True}),
        lambda: client.v1.payment_intents.cancel(intent.id),
        lambda: client.v1.payment_intents.update(intent.id, {"amount": 1}),
    ]
    for refused in refusals:
        with pytest.raises(stripe.InvalidRequestError) as caught:
            refused()
        assert caught.value.code == "payment_intent_unexpected_state"

    control = f"{url}/_sandbox/stripe/payment_intents/{intent.id}/settle"
    settled = httpx.post(control, json={"succeeds": succeeds}).json()

    assert settled["status"] == ("succeeded" if succeeds else "requires_payment_method")
    assert charge_of(client, intent.id).status == ("succeeded" if succeeds else "failed")
    assert httpx.post(control).status_code == 409
    ledger = httpx.get(f"{url}/_sandbox/charges").json()
    assert [(entry["amount"], entry["idempotency_key"]) for entry in ledger] == ([(1500, "pay")] if succeeds else [])
    ends = (
        ["charge.succeeded", "payment_intent.succeeded", "charge.updated"]
        if succeeds
        else ["charge.failed", "payment_intent.payment_failed"]
    )
    assert kinds(client) == ["payment_intent.created", "charge.pending", "payment_intent.processing", *ends]


CONTROL_MISTAKES: Sequence[tuple[str, str, int, str]] = [
    ("disputes", "{}", 400, "payment_intent is missing"),
    ("disputes", '{"payment_intent": "pi_none"}', 404, "there is no PaymentIntent pi_none"),
    ("disputes", '{"payment_intent": "pi_none", "reason": "spite"}', 400, "reason should be one of"),
    ("disputes", "{", 400, "the body is not JSON"),
    ("disputes/du_none/close", '{"status": "won"}', 404, "there is no dispute du_none"),
    ("disputes/du_none/close", '{"status": "drawn"}', 400, "status should be one of lost, won"),
    ("payment_intents/pi_none/settle", '{"succeeds": 1}', 400, "succeeds should be true or false"),
    ("payment_intents/pi_none/settle", '{"succeed": true}', 400, "did you mean succeeds"),
    ("payment_intents/pi_none/authenticate", "", 404, "there is no PaymentIntent pi_none"),
    ("payment_intents", "", 404, "no control"),
    ("payment_intents//settle", "", 404, "no control"),
    ("disputes/du_none/close/again", "", 404, "no control"),
]


@pytest.mark.parametrize(("path", "body", "status", "message"), CONTROL_MISTAKES)
def test_a_misused_control_explains_the_mistake(url: str, path: str, body: str, status: int, message: str) -> None:
    answer = httpx.post(f"{url}/_sandbox/stripe/{path}", content=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_events_say_what_happened_and_which_request_caused_it(client: stripe.StripeClient) -> None:
    intent = pay(client)
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.create(
            {
                "amount": 900,
                "currency": "usd",
                "payment_method": "pm_card_chargeDeclined",
                "confirm": True,
                "off_session": True,
            }
        )
    canceled = client.v1.payment_intents.create({"amount": 900, "currency": "usd"})
    client.v1.payment_intents.cancel(canceled.id)

    assert kinds(client) == [
        *("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated"),
        *("payment_intent.created", "charge.failed", "payment_intent.payment_failed"),
        *("payment_intent.created", "payment_intent.canceled"),
    ]
    (succeeded,) = client.v1.events.list({"type": "payment_intent.succeeded"}).data
    assert client.v1.events.retrieve(succeeded.id).to_dict() == succeeded.to_dict()
    assert succeeded.data.object["id"] == intent.id
    assert succeeded.data.object["status"] == "succeeded"
    assert succeeded.request is not None
    assert succeeded.request.idempotency_key == "pay"
    assert intent.last_response is not None
    assert succeeded.request.id == intent.last_response.request_id
    created = client.v1.events.list({"types": ["payment_intent.created"]}).data
    assert [event.data.object["status"] for event in created] == [
        "requires_payment_method",
        "requires_confirmation",
        "requires_confirmation",
    ]
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        client.v1.events.list({"type": "charge.failed", "types": ["charge.failed"]})


@pytest.mark.parametrize(
    ("method", "off_session", "status", "changes"),
    [
        (None, True, "requires_payment_method", True),
        ("pm_card_chargeDeclined", True, "requires_payment_method", True),
        ("pm_card_authenticationRequired", False, "requires_action", True),
        ("pm_sandbox_processing", True, "processing", False),
        ("pm_card_visa", True, "succeeded", False),
    ],
)
def test_the_amount_changes_only_while_the_intent_is_open(
    wire: Wire, method: str | None, off_session: bool, status: str, changes: bool
) -> None:
    intent = wire.create_intent()["id"]
    if method:
        wire.confirm(intent, method, off_session="true" if off_session else "false")
    assert wire.get(f"payment_intents/{intent}").json()["status"] == status

    answer = wire.post(f"payment_intents/{intent}", {"amount": 99})

    assert answer.status == (200 if changes else 400)
    assert wire.get(f"payment_intents/{intent}").json()["amount"] == (99 if changes else 1500)
    if not changes:
        assert answer.json()["error"]["code"] == "payment_intent_unexpected_state"


DEEDS = st.one_of(
    st.tuples(st.just("refund"), st.none() | st.integers(1, 1600)),
    st.tuples(st.just("dispute"), st.none() | st.integers(1, 1600)),
    st.tuples(st.just("close"), st.sampled_from(["lost", "won"])),
)


@given(deeds=st.lists(DEEDS, max_size=10))
def test_whatever_is_reversed_the_ledger_shows_the_rest_and_never_less_than_zero(
    deeds: list[tuple[str, Any]],
) -> None:
    sandbox = StripeSandbox()
    wire = Wire(sandbox)
    intent = wire.create_intent()["id"]
    wire.confirm(intent, "pm_card_visa")
    dispute = ""
    for deed, value in deeds:
        try:
            if deed == "refund":
                wire.post("refunds", {"payment_intent": intent} | ({"amount": value} if value else {}))
            elif deed == "dispute":
                dispute = sandbox.act(open_dispute(intent, amount=value))["id"]
            elif dispute:
                sandbox.act(close_dispute(dispute, value))
        except NotPossibleError:
            continue

    ledger = sandbox.movements()
    (charge,) = wire.get("charges", payment_intent=intent).json()["data"]
    sums = {kind: sum(entry["amount"] for entry in ledger if entry["kind"] == kind) for kind in ("refund", "dispute")}
    refunds = wire.get("refunds", payment_intent=intent, limit=100).json()["data"]
    assert charge["amount_refunded"] == -sums["refund"] == sum(refund["amount"] for refund in refunds)
    assert charge["refunded"] == (charge["amount_refunded"] == 1500)
    assert charge["disputed"] == bool(dispute)
    # Banks dispute what was refunded in part, too: the sandbox does so when it is told how much.
    given_back_twice = max(0, -sums["refund"] - sums["dispute"] - 1500)
    assert sum(entry["amount"] for entry in ledger) >= -given_back_twice
    assert all(entry["payment_intent"] == intent and entry["charge"] == charge["id"] for entry in ledger)


def test_accounts_do_not_see_each_others_controls() -> None:
    sandbox = StripeSandbox({"sk_one": "acct_1", "sk_two": "acct_2"})
    second = Wire(sandbox, "sk_two")
    intent = second.create_intent()["id"]
    second.confirm(intent, "pm_card_authenticationRequired", off_session="false")
    assert sandbox.act(authenticate(intent))["status"] == "succeeded"
