"""The proof's other side: whatever happens, the providers' records of money say what our booking makes of it.

Both are compared with the ledger inside the fake provider, too. That they would differ if the booking were wrong, and
that the comparison would then find it, test_broken_booking.py shows.
"""

import ast
from pathlib import Path
from typing import Any

import pytest

import monthclose.adapters
from monthclose.domain.payments.payment import PaymentState
from sandbox.stripe.balance import Settlement
from sandbox.stripe.outside import fail_late, move_dispute, open_dispute, settle
from tests.simulation.happenings import (
    AT_GOCARDLESS,
    AT_STRIPE,
    Happening,
    disputed,
    one_after_the_other,
    refunded,
    step,
)
from tests.simulation.proving import Proving, charged, paid
from tests.simulation.universe import CUSTOMER, KEY, TOTAL

ANYTHING = [
    *(pytest.param("stripe", happening, id=f"Stripe: {name}") for name, happening in AT_STRIPE.items()),
    *(pytest.param("gocardless", happening, id=f"GoCardless: {name}") for name, happening in AT_GOCARDLESS.items()),
]


def assert_all_agree(it: Proving, *, heals: bool) -> None:
    """Both sides of the proof, the list and the single question, and the ledger inside of the provider."""
    if not heals:
        it.hear()
    comparison = it.compare(heals=heals)
    assert comparison.findings == ()
    assert comparison.complete
    assert it.recorded() == (it.net_minor, it.net_minor)
    assert it.payment.net_minor == it.net_minor
    assert comparison.ours == comparison.theirs


@pytest.mark.parametrize("heals", [False, True], ids=["heard of", "found by the comparison"])
@pytest.mark.parametrize("attentive", [False, True], ids=["in the end", "step by step"])
@pytest.mark.parametrize(("provider", "happening"), ANYTHING)
def test_whatever_happens_to_a_payment_both_sides_of_the_proof_agree(
    provider: str, happening: Happening, attentive: bool, heals: bool
) -> None:
    it = paid(provider)
    it.attentive = attentive
    happening(it)
    assert_all_agree(it, heals=heals)


@pytest.mark.parametrize(("provider", "happening"), ANYTHING)
def test_money_movements_nobody_reported_are_a_finding_until_booked(provider: str, happening: Happening) -> None:
    it = paid(provider)
    happening(it)
    found = it.compare().findings
    assert bool(found) is (it.net_minor != TOTAL)
    assert {finding.customer_id for finding in found} <= {CUSTOMER, ""}


@pytest.mark.parametrize("name", AT_GOCARDLESS)
def test_gocardless_finally_pays_out_what_its_record_said_it_held(name: str) -> None:
    """Its payouts are the last word on its payments' and refunds' statuses, and come days after them."""
    it = paid("gocardless")
    AT_GOCARDLESS[name](it)
    held, _ = it.recorded()
    it.pay_all_out()
    assert it.paid_out_minor() == held


EUROS = Settlement("usd", {"eur": "1.1", "jpy": "0.0067"})
CHEAPER, DEARER = Settlement("usd", {"eur": "1.0371"}), Settlement("usd", {"eur": "1.2345"})


def at_another_rate(settlement: Settlement) -> Happening:
    return lambda it: it.sandbox.configure(settlement)


@pytest.mark.parametrize("rate", [EUROS, CHEAPER, DEARER], ids=["the same rate", "a lower rate", "a higher rate"])
@pytest.mark.parametrize("name", AT_STRIPE)
def test_money_that_settles_in_another_currency_is_counted_in_the_charges_currency(name: str, rate: Settlement) -> None:
    it = paid("stripe", currency="EUR", settlement=EUROS)
    at_another_rate(rate)(it)
    AT_STRIPE[name](it)
    assert_all_agree(it, heals=False)


def between(happening: Settlement, dispute: Happening) -> Happening:
    return one_after_the_other(at_another_rate(happening), dispute)


@pytest.mark.parametrize("returns_at", [CHEAPER, DEARER], ids=["cheaper", "dearer"])
@pytest.mark.parametrize("verdict", [step("won"), step("lost", returned=4_000), step("prevented")], ids=str)
def test_a_dispute_returns_money_at_a_different_exchange_rate_than_it_withdrew(
    verdict: tuple[str, dict[str, Any]], returns_at: Settlement
) -> None:
    it = paid("stripe", currency="EUR", settlement=EUROS)
    dispute = it.act(open_dispute(it.reference, amount=9_000))
    at_another_rate(returns_at)(it)
    it.act(move_dispute(dispute, verdict[0], **verdict[1]))
    assert_all_agree(it, heals=False)


@pytest.mark.parametrize("currency", ["JPY", "KRW", "KWD", "ISK", "UGX", "MGA", "EUR"])
@pytest.mark.parametrize("name", ["nothing", "a part is disputed", "a dispute is partly won", "a part is refunded"])
def test_both_sides_agree_in_currencies_with_other_decimals(name: str, currency: str) -> None:
    it = paid("stripe", currency=currency)
    scaled = it.holding
    assert scaled
    share = scaled.net // 10
    happening = {
        "nothing": lambda _: None,
        "a part is disputed": disputed(share),
        "a dispute is partly won": disputed(scaled.net, step("lost", returned=share)),
        "a part is refunded": refunded(share),
    }[name]
    happening(it)
    assert_all_agree(it, heals=False)


@pytest.mark.parametrize(("provider", "method"), [("stripe", "pm_usBankAccount_success"), ("gocardless", "MD_OK")])
def test_a_debit_under_way_is_not_held(provider: str, method: str) -> None:
    it = charged(provider, method)
    assert it.payment.state is PaymentState.PENDING
    assert it.universe.gateway.held(it.reference) is None
    assert_all_agree(it, heals=False)


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_debit_through_stripe_is_held_once_it_succeeded(succeeds: bool) -> None:
    it = charged("stripe", "pm_usBankAccount_success")
    it.time_passes(days=4)
    it.act(settle(it.reference, succeeds=succeeds))
    assert it.net_minor == TOTAL * succeeds
    assert_all_agree(it, heals=False)


def test_a_debit_through_stripe_that_fails_and_is_retried_is_held_once() -> None:
    """One PaymentIntent has two charges then, and both had a balance transaction."""
    it = charged("stripe", "pm_usBankAccount_success")
    it.time_passes(days=4)
    it.act(settle(it.reference, succeeds=False))
    it.hear()
    it.time_passes(days=1)
    it.universe.charger.charge(KEY, again=True)
    it.act(settle(it.reference, succeeds=True))
    assert it.net_minor == TOTAL
    assert_all_agree(it, heals=False)


def test_a_debit_through_stripe_that_fails_late_is_not_held() -> None:
    it = charged("stripe", "pm_usBankAccount_success")
    it.act(settle(it.reference, succeeds=True))
    it.act(fail_late(it.reference))
    assert it.net_minor == 0
    assert_all_agree(it, heals=False)


def test_a_dispute_of_unknown_status_that_withdrew_nothing_is_reported_and_never_collected() -> None:
    """The booking is careful where it does not know; that the money is there all the same, the comparison says."""
    it = paid("stripe")
    disputed(2_000, status="some_future_status")(it)
    it.hear()
    assert (it.payment.net_minor, it.net_minor) == (TOTAL - 2_000, TOTAL)
    assert [finding.customer_id for finding in it.compare().findings if finding.check == "provider_amount"] == [
        CUSTOMER
    ]


SHARED = {"domain.money", "domain.period", "domain.closes.proof", "ports"}
"""What the record may have in common with the booking: the words for an amount, a month, a charge, a page of them."""


@pytest.mark.parametrize("provider", ["stripe", "gocardless"])
def test_the_record_shares_no_code_with_the_booking(provider: str) -> None:
    source = Path(monthclose.adapters.__path__[0], provider, "record.py").read_text("utf-8")
    imported = {node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    ours = {module.removeprefix("monthclose.") for module in imported if module.startswith("monthclose")}
    assert ours <= SHARED
    assert "import monthclose" not in source
