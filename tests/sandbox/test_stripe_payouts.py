"""Payouts: what was collected is sent to the account's bank on working days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.stripe import StripeSandbox
from sandbox.stripe.balance import Settlement
from sandbox.stripe.outside import NotPossibleError, open_refund, settle
from sandbox.stripe.payouts import fail, pay_out_now
from sandbox.twin import ManualClock
from tests.sandbox.driving import Wire
from tests.sandbox.stripe_types import faults

if TYPE_CHECKING:
    from sandbox.wire import JSON

DAY = 86_400
TUESDAY = 1_796_083_200  # 1 December 2026, 00:00 UTC


class Till:
    """A business with a fake Stripe, on a Tuesday."""

    def __init__(self) -> None:
        self.clock = ManualClock(TUESDAY)
        self.told: list[str] = []
        self.sandbox = StripeSandbox(clock=self.clock, seed=1, notify=self._hear)
        self.wire = Wire(self.sandbox)

    def _hear(self, event: JSON) -> None:
        assert faults(event) == []
        if event["type"].startswith("payout."):
            self.told.append(event["type"])

    def pay(self, amount: int, currency: str = "usd", method: str = "pm_card_visa", **fields: Any) -> str:
        intent = str(self.wire.create_intent(amount=amount, currency=currency, **fields)["id"])
        assert self.wire.confirm(intent, method).status == 200
        return intent

    def list(self, path: str, **fields: Any) -> Any:
        answer = self.wire.get(path, **fields).json()
        assert faults(answer) == []
        return answer["data"]


@pytest.fixture
def till() -> Till:
    return Till()


def test_a_charge_is_paid_out_with_its_fee_taken_off_when_it_is_available(till: Till) -> None:
    till.pay(10_000)
    assert till.list("payouts") == []
    till.clock.advance(2 * DAY)
    assert till.list("payouts") == [], "banks work from 06:00"

    till.clock.advance(DAY)
    (payout,) = till.list("payouts")

    assert (payout["amount"], payout["currency"], payout["status"]) == (10_000 - 290 - 30, "usd", "in_transit")
    assert payout["created"] == TUESDAY + 2 * DAY + 6 * 3600
    assert payout["arrival_date"] == TUESDAY + 3 * DAY + 6 * 3600
    rows = till.list("balance_transactions", payout=payout["id"])
    assert [(row["type"], row["net"]) for row in rows] == [("payout", -9680), ("charge", 9680)]
    assert payout["balance_transaction"] == rows[0]["id"]
    sources = till.wire.get("balance_transactions", payout=payout["id"], **{"expand[]": "data.source"}).json()["data"]
    assert [row["source"]["object"] for row in sources] == ["payout", "charge"]

    till.clock.advance(DAY)
    assert till.wire.get(f"payouts/{payout['id']}").json()["status"] == "paid"
    assert till.told == ["payout.created", "payout.reconciliation_completed", "payout.paid"]


def test_payouts_of_days_that_went_by_unasked_are_made_each_at_its_time(till: Till) -> None:
    till.pay(1_000)
    till.clock.advance(DAY)
    till.pay(2_000)
    till.pay(3_000, "eur")
    till.clock.advance(30 * DAY)
    assert till.sandbox.pass_time() == []

    made = [(row["created"] - TUESDAY, row["currency"], row["amount"]) for row in reversed(till.list("payouts"))]

    nine = 6 * 3600
    assert made == [
        (2 * DAY + nine, "usd", 941),
        (3 * DAY + nine, "eur", 2883),
        (3 * DAY + nine, "usd", 1912),
    ]
    assert len(till.list("payouts", **{"arrival_date[lte]": TUESDAY + 3 * DAY + nine})) == 1
    assert len(till.list("payouts", status="paid")) == 3
    assert till.list("payouts", status="in_transit") == []


def test_nothing_is_paid_out_on_a_weekend(till: Till) -> None:
    till.clock.advance(2 * DAY)  # Thursday
    till.pay(1_000)
    till.clock.advance(3 * DAY + 7 * 3600)  # Sunday
    assert till.list("payouts") == []
    till.clock.advance(DAY)
    assert [row["created"] for row in till.list("payouts")] == [TUESDAY + 6 * DAY + 6 * 3600]


def test_what_goes_back_is_taken_off_and_a_currency_with_less_than_nothing_waits(till: Till) -> None:
    first = till.pay(1_000)
    till.clock.advance(4 * DAY)
    assert len(till.list("payouts")) == 1
    till.sandbox.act(open_refund(first))
    till.clock.advance(5 * DAY)
    assert len(till.list("payouts")) == 1
    till.pay(5_000)
    till.clock.advance(10 * DAY)

    last, _ = till.list("payouts")
    rows = till.list("balance_transactions", payout=last["id"])

    assert sorted(row["type"] for row in rows) == ["charge", "payout", "refund"]
    assert last["amount"] == 5_000 - 145 - 30 - 1_000


def test_a_bank_debit_is_paid_out_only_once_the_bank_has_paid(till: Till) -> None:
    debit = till.pay(9_000, method="pm_usBankAccount_success", **{"allowed_payment_method_types[]": "us_bank_account"})
    till.clock.advance(8 * DAY)
    assert till.list("payouts") == []
    till.sandbox.act(settle(debit))
    till.clock.advance(DAY)
    (payout,) = till.list("payouts")
    assert payout["created"] > TUESDAY + 8 * DAY


def test_a_payout_that_the_bank_sends_back_goes_out_again(till: Till) -> None:
    till.pay(1_000)
    (payout,) = till.sandbox.act(pay_out_now())["payouts"]
    failed = till.sandbox.act(fail(payout["id"], "account_closed"))
    assert faults(failed) == []
    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    with pytest.raises(NotPossibleError):
        till.sandbox.act(fail(payout["id"], "account_closed"))

    till.clock.advance(2 * DAY)
    again, first = till.list("payouts")

    assert (again["amount"], first["id"]) == (payout["amount"], payout["id"])
    rows = till.list("balance_transactions", payout=again["id"])
    assert [row["type"] for row in rows] == ["payout", "payout_failure"]
    assert till.told[:3] == ["payout.created", "payout.reconciliation_completed", "payout.failed"]


def test_a_payout_is_in_the_settlement_currency(till: Till) -> None:
    till.sandbox.configure(Settlement("usd", {"eur": "1.5"}))
    till.pay(1_000, "eur")
    (payout,) = till.sandbox.act(pay_out_now())["payouts"]
    assert (payout["currency"], payout["amount"]) == ("usd", 1_500 - 43 - 30)


def test_what_the_balance_had_is_what_was_paid_out_or_is_there_still(till: Till) -> None:
    for amount in (700, 1_900, 12_345):
        till.pay(amount)
        till.clock.advance(DAY)
    rows = till.list("balance_transactions", limit=100)
    booked = sum(row["net"] for row in rows if row["type"] != "payout")
    assert booked == sum(row["amount"] for row in till.list("payouts")) + sum(row["net"] for row in rows)


def test_no_such_payout(till: Till) -> None:
    assert till.wire.get("payouts/po_none").status == 404
    assert till.wire.get("balance_transactions", payout="po_none").json()["error"]["param"] == "payout"
    assert till.wire.get("payouts", status="late").status == 400
