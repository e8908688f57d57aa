"""A PaymentIntent's life, on the pure core."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe import StripeSandbox
from sandbox.stripe.cards import CARDS
from tests.sandbox.driving import CARD_INTENT, Wire

CLOSING = {
    "succeeded": lambda wire, intent: wire.confirm(intent, "pm_card_visa"),
    "canceled": lambda wire, intent: wire.post(f"payment_intents/{intent}/cancel"),
}
RETURN_URL = "https://shop.example/done"


def test_an_on_session_payment_waits_for_authentication(wire: Wire) -> None:
    intent = wire.create_intent()["id"]

    asked = wire.confirm(intent, "pm_card_authenticationRequired", off_session="false", return_url=RETURN_URL).json()

    assert asked["status"] == "requires_action"
    assert asked["next_action"]["redirect_to_url"]["return_url"] == RETURN_URL
    assert wire.sandbox.movements() == []
    assert wire.confirm(intent, "pm_card_visa").json()["next_action"] is None


def test_create_with_confirm_charges_at_once_or_leaves_a_declined_intent(wire: Wire) -> None:
    now = {**CARD_INTENT, "confirm": "true", "off_session": "true"}

    paid = wire.post("payment_intents", {**now, "payment_method": "pm_card_visa", "expand[]": "latest_charge"})
    declined = wire.post("payment_intents", {**now, "payment_method": "pm_card_chargeDeclined"})

    assert paid.json()["latest_charge"]["status"] == "succeeded"
    assert declined.status == 402
    reference = declined.json()["error"]["payment_intent"]["id"]
    assert wire.get(f"payment_intents/{reference}").json()["status"] == "requires_payment_method"


@pytest.mark.parametrize("status", CLOSING)
def test_a_closed_intent_cannot_be_changed_confirmed_or_canceled(wire: Wire, status: str) -> None:
    intent = wire.create_intent()["id"]
    CLOSING[status](wire, intent)
    moved = len(wire.sandbox.movements())

    refused = [
        wire.post(f"payment_intents/{intent}", {"amount": "2000"}),
        wire.post(f"payment_intents/{intent}", {"payment_method": "pm_card_visa"}),
        wire.confirm(intent, "pm_card_visa"),
        wire.post(f"payment_intents/{intent}/cancel"),
    ]

    for answer in refused:
        assert answer.status == 400
        assert answer.json()["error"]["code"] == "payment_intent_unexpected_state"
        assert answer.json()["error"]["payment_intent"]["status"] == status
    assert len(wire.sandbox.movements()) == moved
    assert wire.post(f"payment_intents/{intent}", {"metadata[note]": "seen"}).json()["metadata"] == {"note": "seen"}


def test_an_open_intent_is_charged_what_it_was_updated_to(wire: Wire) -> None:
    intent = wire.create_intent(**{"metadata[invoice]": "7", "metadata[close]": "2026-10"})["id"]
    changes = {"amount": "2000", "payment_method": "pm_card_visa", "metadata[invoice]": "8", "metadata[close]": ""}

    updated = wire.post(f"payment_intents/{intent}", changes).json()
    assert (updated["status"], updated["metadata"]) == ("requires_confirmation", {"invoice": "8"})

    wire.confirm(intent)
    assert [(moved["amount"], moved["metadata"]) for moved in wire.sandbox.movements()] == [(2000, {"invoice": "8"})]


def test_a_card_that_is_not_attached_pays_once(wire: Wire) -> None:
    paid = wire.create_intent(payment_method="pm_card_visa")
    wire.confirm(paid["id"])

    again = wire.confirm(wire.create_intent()["id"], paid["payment_method"])

    assert again.status == 400
    assert "may not be used again" in again.json()["error"]["message"]


def test_a_card_pays_for_its_own_customer_only(wire: Wire) -> None:
    mine, other = (wire.post("customers").json()["id"] for _ in range(2))
    card = wire.post("payment_methods/pm_card_visa/attach", {"customer": mine}).json()["id"]

    for intent in (wire.create_intent(customer=other), wire.create_intent()):
        refused = wire.confirm(intent["id"], card)
        assert (refused.status, refused.json()["error"]["param"]) == (400, "payment_method")
    assert wire.confirm(wire.create_intent(customer=mine)["id"], card).status == 200


@pytest.mark.parametrize("method", [name for name, card in CARDS.items() if not card.attaches])
def test_a_card_that_declines_is_refused_when_attached(wire: Wire, method: str) -> None:
    customer = wire.post("customers").json()["id"]
    answer = wire.post(f"payment_methods/{method}/attach", {"customer": customer})

    assert (answer.status, answer.json()["error"]["type"]) == (402, "card_error")
    assert wire.get(f"customers/{customer}/payment_methods").json()["data"] == []


def test_one_declining_card_attaches_and_declines_when_charged(wire: Wire) -> None:
    customer = wire.post("customers").json()["id"]
    card = wire.post("payment_methods/pm_card_chargeCustomerFail/attach", {"customer": customer}).json()["id"]

    for _attempt in range(2):
        assert wire.confirm(wire.create_intent(customer=customer)["id"], card).status == 402


def test_redirects_need_a_return_url_unless_off_session(wire: Wire) -> None:
    automatic = {"amount": "1500", "currency": "usd", "automatic_payment_methods[enabled]": "true"}
    never = {**automatic, "automatic_payment_methods[allow_redirects]": "never"}
    here = {"payment_method": "pm_card_visa"}

    def confirm(creation: dict[str, str], **how: str) -> int:
        intent = wire.post("payment_intents", creation).json()["id"]
        return wire.post(f"payment_intents/{intent}/confirm", {**here, **how}).status

    assert confirm(automatic) == 400
    assert confirm(automatic, return_url=RETURN_URL) == 200
    assert confirm(automatic, off_session="true") == 200
    assert confirm(never) == 200


def test_a_refused_payment_method_leaves_the_intent_as_it_was(wire: Wire) -> None:
    before = wire.create_intent(payment_method="pm_card_visa")
    assert wire.confirm(before["id"], "pm_card_nonexistent").json()["error"]["code"] == "resource_missing"
    assert wire.get(f"payment_intents/{before['id']}").json() == before


STEPS = st.one_of(
    st.tuples(st.just("confirm"), st.sampled_from([None, *CARDS]), st.sampled_from([None, "k1", "k2"])),
    st.tuples(st.just("update"), st.integers(50, 5000), st.none()),
    st.tuples(st.just("cancel"), st.none(), st.sampled_from([None, "k3"])),
)


@given(steps=st.lists(STEPS, max_size=12))
def test_whatever_is_done_to_an_intent_it_is_paid_at_most_once_and_the_books_agree(
    steps: list[tuple[str, str | int | None, str | None]],
) -> None:
    wire = Wire(StripeSandbox())
    reference = wire.create_intent()["id"]
    path = f"payment_intents/{reference}"
    for action, value, key in steps:
        if action == "confirm":
            wire.confirm(reference, value if isinstance(value, str) else None, key)
        elif action == "update":
            wire.post(path, {"amount": value})
        else:
            wire.post(f"{path}/cancel", {}, key)

    intent = wire.get(path).json()
    charges = wire.get("charges", payment_intent=reference, limit=100).json()["data"]
    moved = [entry for entry in wire.sandbox.movements() if entry["kind"] == "charge"]
    assert len(moved) == (intent["status"] == "succeeded")
    assert [charge["id"] for charge in charges if charge["paid"]] == [entry["charge"] for entry in moved]
    assert sum(entry["amount"] for entry in moved) == intent["amount_received"]
    assert intent["amount_received"] in (0, intent["amount"])
    assert intent["latest_charge"] == (charges[0]["id"] if charges else None)
