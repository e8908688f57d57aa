"""Where the fake Stripe refuses what the real one refuses: currencies, confirmations, methods, customers, locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.chaos.faults import Fault, When
from sandbox.holdings import holdings
from sandbox.stripe import StripeSandbox
from sandbox.stripe.banks import BANK_ACCOUNTS, BankAccount
from sandbox.stripe.cards import CARDS
from sandbox.stripe.currencies import MAXIMUM, MINIMUM, PRESENTMENT, decimals
from sandbox.stripe.outside import NotPossibleError, fail_late, open_refund, pass_days, settle
from sandbox.twin import ManualClock, stripe_twin
from sandbox.wire import Request
from tests.sandbox.driving import Wire

if TYPE_CHECKING:
    from sandbox.wire import JSON

# From Stripe's page "Supported currencies", by hand: the code under test has its own.
ZERO_DECIMAL = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
THREE_DECIMAL = {"bhd", "jod", "kwd", "omr", "tnd"}


@pytest.mark.parametrize("currency", sorted(PRESENTMENT))
def test_every_presentment_currency_is_charged_with_stripes_decimals(wire: Wire, currency: str) -> None:
    expected = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    assert decimals(currency) == expected
    amount = max(MINIMUM.get(currency, 0), 100_000)
    assert wire.create_intent(currency=currency, amount=amount)["amount"] == amount
    most = 999_999_999_999 if currency == "idr" else MAXIMUM
    too_much = wire.post("payment_intents", {"amount": most + 1, "currency": currency})
    assert too_much.json()["error"]["code"] == "amount_too_large"
    odd = wire.post("payment_intents", {"amount": amount + 1, "currency": currency})
    assert odd.status == (400 if currency in {*THREE_DECIMAL, "isk", "ugx"} else 200)


@pytest.mark.parametrize("currency", ["isk", "ugx"])
def test_currencies_that_lost_their_decimals_end_in_00(wire: Wire, currency: str) -> None:
    assert wire.post("payment_intents", {"amount": 500, "currency": currency}).status == 200
    refused = wire.post("payment_intents", {"amount": 550, "currency": currency}).json()["error"]
    assert refused["code"] == "parameter_invalid_integer"


@pytest.mark.parametrize("currency", ["huf", "twd"])
def test_currencies_without_decimals_in_payouts_only_are_charged_with_them(wire: Wire, currency: str) -> None:
    assert wire.post("payment_intents", {"amount": 20_001, "currency": currency}).status == 200


def test_a_refund_must_end_in_the_same_digit_as_a_charge(wire: Wire) -> None:
    intent = wire.create_intent(amount=5120, currency="kwd")["id"]
    wire.confirm(intent, "pm_card_visa")
    assert wire.post("refunds", {"payment_intent": intent, "amount": 1001}).status == 400
    assert wire.post("refunds", {"payment_intent": intent, "amount": 1010}).status == 200


def test_the_capture_is_asynchronous_by_default(wire: Wire) -> None:
    assert wire.create_intent()["capture_method"] == "automatic_async"
    assert wire.create_intent(capture_method="automatic")["capture_method"] == "automatic"
    assert wire.post("payment_intents", {"amount": 500, "currency": "usd", "capture_method": "manual"}).status == 400


@pytest.mark.parametrize(
    "change", [{"amount": 2000}, {"metadata[a]": "b"}, {"description": "d"}, {"payment_method": "pm_card_visa"}]
)
def test_any_update_clears_the_last_error(wire: Wire, change: JSON) -> None:
    intent = wire.create_intent()["id"]
    assert wire.confirm(intent, "pm_card_chargeDeclined").status == 402
    assert wire.get(f"payment_intents/{intent}").json()["last_payment_error"]["code"] == "card_declined"
    assert wire.post(f"payment_intents/{intent}", change).json()["last_payment_error"] is None


def test_one_confirmation_too_many_cancels_the_intent(wire: Wire) -> None:
    wire.sandbox.configure(confirms=2)
    intent = wire.create_intent()["id"]
    for _time in range(2):
        assert wire.confirm(intent, "pm_card_chargeDeclined").status == 402
    refused = wire.confirm(intent, "pm_card_visa").json()["error"]
    assert refused["code"] == "payment_intent_unexpected_state"
    assert refused["payment_intent"]["status"] == "canceled"
    assert wire.get(f"payment_intents/{intent}").json()["cancellation_reason"] == "automatic"
    assert wire.sandbox.movements() == []


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if card.decline and not card.authenticates])
def test_a_decline_carries_the_advice_of_the_issuer_and_the_network(wire: Wire, name: str) -> None:
    decline = CARDS[name].decline
    assert decline is not None
    intent = wire.create_intent()["id"]
    error = wire.confirm(intent, name).json()["error"]
    last = wire.get(f"payment_intents/{intent}", **{"expand[]": "latest_charge"}).json()
    outcome = last["latest_charge"]["outcome"]
    for member, value in (
        ("advice_code", decline.advice),
        ("network_advice_code", decline.network_advice),
        ("network_decline_code", decline.network_code),
    ):
        assert outcome[member] == value
        for shown in (error, last["last_payment_error"]):
            assert (member in shown) == (value is not None)
            assert shown.get(member) == value


def test_a_locked_object_is_not_a_rate_limit() -> None:
    twin = stripe_twin(ManualClock())
    wire = Wire(twin.provider)  # type: ignore[arg-type]
    intent = wire.create_intent()["id"]
    twin.arm(1, Fault.LOCK_TIMEOUT_429, When.BEFORE)
    headers = {"Authorization": "Bearer sk_test_sandbox", "Idempotency-Key": "k"}
    answer = twin.send(
        Request.to("POST", f"/v1/payment_intents/{intent}/confirm", headers, "payment_method=pm_card_visa")
    )
    assert (answer.status, answer.json()["error"]["code"]) == (429, "lock_timeout")
    assert "Stripe-Rate-Limited-Reason" not in answer.headers
    assert twin.provider.movements() == []


def test_a_detached_payment_method_is_never_used_again(wire: Wire) -> None:
    customer = wire.post("customers").json()["id"]
    card = wire.post("payment_methods/pm_card_visa/attach", {"customer": customer}).json()["id"]
    assert wire.post(f"payment_methods/{card}/detach").json()["customer"] is None
    assert wire.get(f"customers/{customer}/payment_methods").json()["data"] == []
    for refused in (
        wire.confirm(wire.create_intent(customer=customer)["id"], card),
        wire.post(f"payment_methods/{card}/attach", {"customer": customer}),
    ):
        assert refused.status == 400
        assert "was detached from a Customer. It may not be used again" in refused.json()["error"]["message"]
    assert wire.post(f"payment_methods/{card}/detach").status == 400


def test_a_deleted_customer_is_missing_except_when_retrieved(wire: Wire) -> None:
    customer = wire.post("customers").json()["id"]
    card = wire.post("payment_methods/pm_card_visa/attach", {"customer": customer}).json()["id"]
    intent = wire.create_intent(customer=customer)["id"]
    gone = wire.sandbox.handle(
        Request.to("DELETE", f"/v1/customers/{customer}", {"Authorization": "Bearer sk_test_sandbox"})
    )
    assert gone.json() == {"id": customer, "object": "customer", "deleted": True}
    assert wire.get(f"customers/{customer}").json() == gone.json()
    refused = [
        wire.post("payment_intents", {"amount": 900, "currency": "usd", "customer": customer}),
        wire.post(f"customers/{customer}", {"name": "New"}),
        wire.get("payment_methods", customer=customer),
        wire.post("payment_methods/pm_card_visa/attach", {"customer": customer}),
    ]
    for answer in refused:
        assert answer.json()["error"]["code"] == "resource_missing"
    assert wire.confirm(intent, card).status == 400
    assert wire.get("customers").json()["data"] == []


@pytest.mark.parametrize("name", BANK_ACCOUNTS)
def test_a_bank_debit_is_processing_and_ends_days_later(wire: Wire, name: str) -> None:
    account: BankAccount = BANK_ACCOUNTS[name]
    intent = wire.post(
        "payment_intents",
        {"amount": 900, "currency": account.currency, "automatic_payment_methods[enabled]": "true"},
    ).json()["id"]
    confirmed = wire.confirm(intent, name)
    assert (confirmed.status, confirmed.json()["status"]) == (200, "processing")
    assert wire.sandbox.movements() == []

    assert wire.sandbox.act(pass_days())["payment_intents"] == [intent]

    ended = wire.get(f"payment_intents/{intent}", **{"expand[]": "latest_charge"}).json()
    if account.decline:
        assert (ended["status"], ended["latest_charge"]["failure_code"]) == (
            "requires_payment_method",
            account.decline.code,
        )
        assert ended["last_payment_error"]["code"] == account.decline.code
        assert "decline_code" not in ended["last_payment_error"]
        return
    assert (ended["status"], ended["latest_charge"]["payment_method_details"]["type"]) == ("succeeded", account.kind)
    assert bool(wire.sandbox.act(pass_days())["payment_intents"]) == account.disputed
    held = holdings(wire.sandbox.movements())[intent]
    assert held.net == (0 if account.disputed else 900)
    disputes = wire.get("disputes", payment_intent=intent).json()["data"]
    assert [dispute["status"] for dispute in disputes] == ["lost"] * account.disputed


def test_a_successful_debit_can_be_reversed_but_a_card_payment_cannot_fail_late(wire: Wire) -> None:
    debit = wire.post("payment_intents", {"amount": 900, "currency": "usd"}).json()["id"]
    wire.confirm(debit, "pm_usBankAccount_success")
    wire.sandbox.act(settle(debit))
    refund = wire.post("refunds", {"payment_intent": debit, "amount": 100}).json()
    assert (refund["status"], refund["pending_reason"]) == ("pending", "processing")
    dispute = wire.sandbox.act(fail_late(debit))
    assert (dispute["amount"], dispute["status"]) == (800, "lost")
    assert "payment_method_details" not in dispute
    # The refund was still pending, so that the dispute failed it: its 1.00 is there again.
    assert wire.sandbox.act(fail_late(debit))["amount"] == 100
    with pytest.raises(NotPossibleError, match="nothing left"):
        wire.sandbox.act(fail_late(debit))
    card = wire.create_intent()["id"]
    wire.confirm(card, "pm_card_visa")
    with pytest.raises(NotPossibleError, match="was paid by card"):
        wire.sandbox.act(fail_late(card))
    wire.sandbox.act(open_refund(card))


def test_a_bank_account_pays_in_its_own_currency_and_only_where_it_may(wire: Wire) -> None:
    euro = wire.post("payment_intents", {"amount": 900, "currency": "eur"}).json()["id"]
    refused = wire.confirm(euro, "pm_usBankAccount_success").json()["error"]
    assert refused["code"] == "payment_method_currency_mismatch"
    cards_only = wire.create_intent()["id"]
    refused = wire.confirm(cards_only, "pm_usBankAccount_success").json()["error"]
    assert refused["code"] == "payment_intent_incompatible_payment_method"


def test_methods_are_listed_by_their_type(wire: Wire) -> None:
    customer = wire.post("customers").json()["id"]
    attached: dict[str, Any] = {
        kind: wire.post(f"payment_methods/{name}/attach", {"customer": customer}).json()["id"]
        for kind, name in (("card", "pm_card_visa"), ("us_bank_account", "pm_usBankAccount_success"))
    }
    for kind, reference in attached.items():
        listed = wire.get("payment_methods", customer=customer, type=kind).json()["data"]
        assert [method["id"] for method in listed] == [reference]


def test_settings_survive_a_reset() -> None:
    sandbox = StripeSandbox()
    sandbox.configure(confirms=1)
    sandbox.reset()
    intent = Wire(sandbox).create_intent()["id"]
    Wire(sandbox).confirm(intent, "pm_card_chargeDeclined")
    assert Wire(sandbox).confirm(intent, "pm_card_visa").status == 400
