"""Everything the fake Stripe answers is as Stripe publishes it: fields, types and enum values, in every state."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from sandbox.chaos.faults import Fault
from sandbox.stripe import StripeSandbox
from sandbox.stripe.balance import Settlement
from sandbox.stripe.banks import BANK_ACCOUNTS
from sandbox.stripe.cards import CARDS
from sandbox.stripe.events import API_VERSION
from sandbox.stripe.outside import (
    NotPossibleError,
    authenticate,
    fail_late,
    move_dispute,
    move_refund,
    open_dispute,
    open_refund,
    pass_days,
)
from sandbox.stripe.refund_fates import FAILURE_REASONS, PENDING_REASONS
from sandbox.stripe.refund_fates import STATUSES as REFUND_STATUSES
from sandbox.stripe.reversals import STATUSES as DISPUTE_STATUSES
from sandbox.wire import Request, Response
from tests.sandbox.driving import CARD_INTENT, Wire
from tests.sandbox.stripe_types import FACTS, faults
from tests.sandbox.test_sandbox_requests import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Checked(Wire):
    """A wire that checks every answer and webhook; it records what is not as published."""

    def __init__(self) -> None:
        super().__init__(StripeSandbox(notify=self.see))
        self.faults: list[str] = []
        self.seen = Counter[str]()
        handle = self.sandbox.handle

        def checked(request: Request) -> Response:
            answer = handle(request)
            self.see(answer.json())
            return answer

        self.sandbox.handle = checked  # type: ignore[method-assign]

    def see(self, document: Any) -> None:
        self.faults += faults(document)
        self.seen[document.get("type" if document.get("object") == "event" else "object", "error")] += 1

    def pay(self, method: str = "pm_card_visa", **fields: Any) -> str:
        """Create and confirm an intent for 15.00, and retrieve it with everything expanded."""
        intent: str = self.post("payment_intents", {"amount": 1500, "currency": "usd", **fields}).json()["id"]
        self.confirm(intent, method)
        self.look(intent)
        return intent

    def look(self, intent: str) -> None:
        """Fetch everything about a PaymentIntent."""
        self.get(f"payment_intents/{intent}", **{"expand[]": "latest_charge"})
        for kind in ("charges", "refunds", "disputes"):
            self.get(kind, payment_intent=intent, limit=100)
        self.get("balance_transactions", limit=100)
        self.get("events", limit=100)


@pytest.fixture
def checked() -> Iterator[Checked]:
    wire = Checked()
    yield wire
    assert wire.faults == []
    assert wire.seen


def test_the_published_facts_match_the_api_version_of_the_sdk_and_of_events() -> None:
    assert FACTS["api_version"] == stripe.api_version == API_VERSION


@pytest.mark.parametrize("method", CARDS)
def test_every_card_looks_as_published(checked: Checked, method: str) -> None:
    customer = checked.post("customers", {"name": "Acme", "address[country]": "DE"}).json()["id"]
    checked.post(f"payment_methods/{method}/attach", {"customer": customer})
    checked.get("payment_methods", customer=customer)
    intent = checked.pay(method, customer=customer)
    checked.sandbox.act(pass_days())
    checked.look(intent)
    checked.post(f"payment_intents/{intent}", {"description": "Later"})


@pytest.mark.parametrize("method", BANK_ACCOUNTS)
def test_every_bank_account_looks_as_published(checked: Checked, method: str) -> None:
    customer = checked.post("customers").json()["id"]
    attached = checked.post(f"payment_methods/{method}/attach", {"customer": customer}).json()["id"]
    intent = checked.pay(attached, customer=customer, currency=BANK_ACCOUNTS[method].currency)
    for _day in range(3):
        checked.sandbox.act(pass_days())
        checked.look(intent)


@pytest.mark.parametrize("status", DISPUTE_STATUSES)
@pytest.mark.parametrize("takes", [None, True, False])
def test_every_dispute_looks_as_published(checked: Checked, status: str, takes: bool | None) -> None:
    intent = checked.pay()
    dispute = checked.sandbox.act(open_dispute(intent, amount=700, status=status, takes=takes))
    assert faults(dispute) == []
    for following in DISPUTE_STATUSES:
        try:
            moved = checked.sandbox.act(move_dispute(dispute["id"], following))
        except NotPossibleError:
            continue
        assert faults(moved) == []
    checked.look(intent)


@pytest.mark.parametrize("status", REFUND_STATUSES)
@pytest.mark.parametrize("method", ["pm_card_visa", "pm_usBankAccount_success"])
def test_every_refund_looks_as_published(checked: Checked, status: Any, method: str) -> None:
    intent = checked.pay(method)
    checked.sandbox.act(pass_days())
    for reason in PENDING_REASONS if status == "pending" else FAILURE_REASONS if status == "failed" else [None]:
        refund = checked.sandbox.act(open_refund(intent, 100, status=status, reason=reason))
        assert faults(refund) == []
        for following in ("pending", "requires_action", "succeeded", "failed"):
            try:
                assert faults(checked.sandbox.act(move_refund(refund["id"], following, None))) == []
            except NotPossibleError:
                continue
    checked.post("refunds", {"payment_intent": intent, "amount": 10})
    checked.look(intent)


def test_a_payment_that_asks_for_its_customer_looks_as_published(checked: Checked) -> None:
    for how in ({}, {"return_url": "https://example.com/back"}):
        for succeeds in (True, False):
            intent = checked.post("payment_intents", CARD_INTENT).json()["id"]
            checked.confirm(intent, "pm_card_authenticationRequired", off_session="false", **how)
            checked.sandbox.act(authenticate(intent, succeeds=succeeds))
            checked.look(intent)


def test_converted_canceled_deleted_and_reversed_objects_look_as_published(checked: Checked) -> None:
    checked.sandbox.configure(Settlement("usd", {"eur": "1.1"}), confirms=1)
    intent = checked.pay(currency="eur")
    refund = checked.post("refunds", {"payment_intent": intent, "amount": 100}).json()["id"]
    assert checked.post(f"refunds/{refund}", {"metadata[note]": "n"}).json()["metadata"] == {"note": "n"}
    dispute = checked.sandbox.act(open_dispute(intent))["id"]
    assert checked.post(f"disputes/{dispute}", {"metadata[note]": "n"}).json()["metadata"] == {"note": "n"}
    assert checked.post(f"disputes/{dispute}/close").json()["status"] == "lost"
    declined = checked.pay("pm_card_chargeDeclined")
    checked.confirm(declined, "pm_card_visa")
    checked.post(f"payment_intents/{checked.post('payment_intents', CARD_INTENT).json()['id']}/cancel")
    debit = checked.pay("pm_usBankAccount_success")
    checked.sandbox.act(pass_days())
    assert faults(checked.sandbox.act(fail_late(debit))) == []
    customer = checked.post("customers").json()["id"]
    card = checked.post("payment_methods/pm_card_visa/attach", {"customer": customer}).json()["id"]
    checked.post(f"payment_methods/{card}/detach")
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    checked.sandbox.handle(Request.to("DELETE", f"/v1/customers/{customer}", headers))
    checked.get(f"customers/{customer}")
    checked.look(intent)


@pytest.mark.parametrize("name", REFUSED)
def test_every_refusal_looks_as_published(checked: Checked, name: str) -> None:
    fields, _code, _param = REFUSED[name]
    body = {name: value for name, value in {**CARD_INTENT, **fields}.items() if value is not None}
    assert checked.post("payment_intents", body).status == 400


@pytest.mark.parametrize("fault", [fault for fault in Fault if not fault.loses_answer and fault is not Fault.DELAY])
def test_every_failure_looks_as_published(checked: Checked, fault: Fault) -> None:
    for reason in ("endpoint", "account"):
        answer = checked.sandbox.failure(fault, Request("POST", "/v1/payment_intents"), reason)
        checked.see(answer.json())


def test_a_missing_or_wrongly_repeated_key_is_refused_as_published(checked: Checked) -> None:
    for headers in ({}, {"Authorization": "Bearer sk_wrong"}):
        checked.sandbox.handle(Request.to("GET", "/v1/customers", headers))
    checked.get("nothing")
    checked.post("customers", {"name": "A"}, key="k")
    assert checked.post("customers", {"name": "B"}, key="k").status == 400
    assert checked.post("payment_intents", CARD_INTENT, key="k").status == 400


SPOILT: list[tuple[Callable[[Any], Any], str]] = [
    (lambda charge: charge.pop("disputed"), "charge.disputed is missing"),
    (lambda charge: charge.update(colour="red"), "charge.colour is unknown to Stripe"),
    (lambda charge: charge.update(amount="12"), "charge.amount is '12', not a number"),
    (lambda charge: charge.update(amount=True), "charge.amount is True, not a number"),
    (lambda charge: charge.update(status="done"), "charge.status is 'done', which is none of the published values"),
    (lambda charge: charge.update(paid=None), "charge.paid is None, not a boolean"),
    (lambda charge: charge["outcome"].pop("reason"), "charge.outcome.reason is missing"),
]


@pytest.mark.parametrize(("spoil", "found"), SPOILT)
def test_the_check_finds_differences(checked: Checked, spoil: Callable[[Any], Any], found: str) -> None:
    checked.pay()
    charge = checked.get("charges").json()["data"][0]
    spoil(charge)
    assert faults(charge) == [found]
