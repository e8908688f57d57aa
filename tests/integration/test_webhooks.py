"""Events that the providers send after a close: signed by the sandbox, accepted at the function URL, booked."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cli.deployment import _SECRETS
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from sandbox.signatures import SIGN
from tests.integration.system import System, until
from tests.integration.test_month_close import used

S = PaymentState
PERIOD = Period(2025, 9)


@pytest.fixture
def closed(system: System) -> System:
    """A month of four customers who owe 100.00 each, closed by the first test that comes."""
    if system.runtime.closes.get(PERIOD):
        return system
    kinds = {
        "wh-refunded": ("pm_card_visa", "stripe"),
        "wh-disputed": ("pm_card_visa", "stripe"),
        "wh-authenticates": ("pm_card_authenticationRequired", "stripe"),
        "wh-debit": ("MD_CHARGED_BACK_wh", "gocardless"),
    }
    for name, (method, provider) in kinds.items():
        system.use([used(system.add_customer(name, method=method, provider=provider), PERIOD, "100")])
    system.close(PERIOD)
    return system


def month(system: System, name: str) -> CustomerMonth:
    return system.runtime.books.month(name, PERIOD)


def reference(system: System, name: str) -> str:
    payment = month(system, name).payment
    assert payment
    return payment.provider_ref


def becomes(system: System, name: str, wanted: Callable[[Any], bool]) -> CustomerMonth:
    """Wait until a customer's payment is as it should be."""
    until(f"{name}'s payment", lambda: wanted(month(system, name).payment))
    return month(system, name)


def control(system: System, route: str, document: Any) -> Any:
    answer = httpx.post(f"{system.sandbox_url}/_sandbox/{route}", json=document, trust_env=False)
    assert answer.is_success, answer.text
    return answer.json()


def address(system: System, provider: str) -> str:
    """Where the sandbox delivers to."""
    shown = httpx.get(f"{system.sandbox_url}/_sandbox/webhooks", trust_env=False).json()
    url: str = shown[provider]["url"]
    return url


def test_a_refund_in_stripes_dashboard_is_booked(closed: System) -> None:
    answer = httpx.post(
        f"{closed.sandbox_url}/v1/refunds",
        data={"payment_intent": reference(closed, "wh-refunded"), "amount": "2500"},
        headers={"Authorization": "Bearer sk_test_sandbox"},
        trust_env=False,
    )
    assert answer.is_success, answer.text
    after = becomes(closed, "wh-refunded", lambda payment: payment.refunded_minor == 2_500)
    assert after.invoice
    assert (after.invoice.open.minor, after.invoice.written_off_minor) == (0, 2_500)


def test_a_dispute_reverses_the_payment_and_reopens_the_invoice(closed: System) -> None:
    dispute = control(closed, "stripe/disputes", {"payment_intent": reference(closed, "wh-disputed")})
    after = becomes(closed, "wh-disputed", lambda payment: payment.state is S.REVERSED)
    assert after.invoice
    assert after.invoice.open.minor == 10_000
    assert [entry.entry_id.partition("/")[0] for entry in after.entries][-1] == "reversal"
    batch = after.payment.batch if after.payment else -1

    def totals_updated() -> bool:
        progress = closed.runtime.closes.progress(PERIOD, batch)
        return bool(progress and progress.totals.payments.get(S.REVERSED))

    until("the batch's sums", totals_updated)
    control(closed, f"stripe/disputes/{dispute['id']}/close", {"status": "won"})
    assert becomes(closed, "wh-disputed", lambda payment: payment.state is S.PAID).invoice


def test_a_customer_who_authenticates_after_the_close_has_paid(closed: System) -> None:
    assert becomes(closed, "wh-authenticates", lambda payment: payment.state is S.ACTION_REQUIRED)
    control(closed, f"stripe/payment_intents/{reference(closed, 'wh-authenticates')}/authenticate", {"succeeds": True})
    after = becomes(closed, "wh-authenticates", lambda payment: payment.state is S.PAID)
    assert after.invoice
    assert after.invoice.open.minor == 0


def test_a_bank_debit_is_collected_days_later_and_charged_back_later_still(closed: System) -> None:
    debit = reference(closed, "wh-debit")
    for _ in range(2):
        control(closed, f"gocardless/payments/{debit}/advance", {})
    becomes(closed, "wh-debit", lambda payment: payment.state is S.PAID)
    control(closed, f"gocardless/payments/{debit}/advance", {})
    after = becomes(closed, "wh-debit", lambda payment: payment.state is S.REVERSED)
    assert after.invoice
    assert after.invoice.open.minor == 10_000


@pytest.mark.parametrize("provider", ["stripe", "gocardless"])
def test_a_forged_old_or_oversized_webhook_is_refused_on_arrival(closed: System, provider: str) -> None:
    door, secret = address(closed, provider), _SECRETS[provider]["webhook_secret"]

    def status(body: bytes, headers: dict[str, str]) -> int:
        return httpx.post(door, content=body, headers=headers, trust_env=False, timeout=60).status_code

    event = {
        "stripe": {"id": "evt_forged", "object": "event", "type": "charge.refunded", "data": {"object": {}}},
        "gocardless": {"id": "EV1", "resource_type": "payments", "action": "paid_out", "links": {"payment": "PM1"}},
    }[provider]
    now = closed.runtime.clock().timestamp()
    headers, body = SIGN[provider](event, secret, now, "1")
    assert status(body, dict(headers)) == 200
    assert status(body + b" ", dict(headers)) == 400
    forged, _ = SIGN[provider](event, "whsec_guessed", now, "1")
    assert status(body, dict(forged)) == 400
    if provider == "stripe":
        old, _ = SIGN[provider](event, secret, now - 3600, "1")
        assert status(body, dict(old)) == 400
    assert status(json.dumps("x" * 2_000_000).encode(), dict(headers)) == 413
