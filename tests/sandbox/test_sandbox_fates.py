"""What happens to payments at random: only what is possible, with all money accounted for."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.holdings import holdings
from sandbox.stripe import StripeSandbox
from sandbox.stripe.fates import DEEDS, befall
from sandbox.stripe.outside import pass_days
from sandbox.wire import Request
from tests.chaos.mischief import disturb_a_payment
from tests.chaos.plan import chaos_plan
from tests.sandbox.driving import Wire

if TYPE_CHECKING:
    import stripe


def paying() -> StripeSandbox:
    sandbox = StripeSandbox(seed=1)
    wire = Wire(sandbox)
    for method in ("pm_card_visa", "pm_usBankAccount_success"):
        intent = wire.post("payment_intents", {"amount": 1500, "currency": "usd"}).json()["id"]
        wire.confirm(intent, method)
    sandbox.act(pass_days())
    return sandbox


@given(draws=st.lists(st.integers(0, 10_000), max_size=30))
def test_whatever_happens_to_payments_the_balance_equals_the_money_held(draws: list[int]) -> None:
    sandbox = paying()
    for draw in draws:
        sandbox.act(befall(random.Random(draw)))
    held = holdings(sandbox.movements())
    booked = Wire(sandbox).get("balance_transactions", limit=100).json()["data"]
    assert sum(holding.net for holding in held.values()) == sum(row["amount"] for row in booked)
    for holding in held.values():
        assert holding.charges == 1
        assert 0 <= holding.refunded <= holding.gross
        assert 0 <= holding.withdrawn <= holding.gross


def test_in_the_long_run_every_fate_occurs() -> None:
    happened = Counter[str]()
    for seed in range(60):
        sandbox, rng = paying(), random.Random(seed)
        for _turn in range(20):
            happened[sandbox.act(befall(rng))["happened"]] += 1
    assert {
        *("part disputes opened", "inquiries opened", "inquiries closed", "disputes lost", "disputes won"),
        *("disputes partly won", "disputes appealed", "disputes that moved on", "disputes prevented", "refunds"),
        *("refunds that are pending", "refunds that failed", "refunds that succeeded later", "debits reversed late"),
    } <= {*happened}


@pytest.mark.parametrize("only", DEEDS)
def test_an_unpaid_payment_has_no_fate(only: str) -> None:
    body = f'{{"only": "{only}", "draw": 1}}'.encode()
    answer = StripeSandbox().control(Request("POST", "/_sandbox/stripe/befall", body=body))
    assert answer.json() == {"happened": None, "to": None, "payment_intent": None}


def test_the_same_draws_have_the_same_result() -> None:
    def run() -> list[str]:
        sandbox = paying()
        return [sandbox.act(befall(random.Random(draw)))["happened"] for draw in range(20)]

    assert run() == run()


def test_chaos_counts_the_fates_of_payments(client: stripe.StripeClient, url: str) -> None:
    client.v1.payment_intents.create(
        {
            "amount": 1500,
            "currency": "usd",
            "payment_method": "pm_usBankAccount_success",
            "confirm": True,
            "off_session": True,
        }
    )
    assert len(httpx.post(f"{url}/_sandbox/stripe/advance").json()["payment_intents"]) == 1
    step, rng = disturb_a_payment(url), random.Random(1)
    happened = Counter(step(rng) for _turn in range(5))
    assert None not in happened
    (held,) = httpx.get(f"{url}/_sandbox/holdings").json()
    assert (held["charges"], held["gross"]) == (1, 1500)
    assert held["net"] == held["gross"] - held["refunded"] - held["withdrawn"]


def test_chaos_locks_only_stripe_objects() -> None:
    locks = [rule for rule in chaos_plan(1)["rules"] if rule["fault"] == "lock_timeout_429"]
    assert {(rule["provider"], rule["when"]) for rule in locks} == {("stripe", "before")}
