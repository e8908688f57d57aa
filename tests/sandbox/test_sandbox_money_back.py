"""Disputes and refunds in every status, what they do to the balance, and what is held of a payment in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.holdings import holdings
from sandbox.stripe import StripeSandbox
from sandbox.stripe.balance import Settlement
from sandbox.stripe.outside import NotPossibleError, move_dispute, move_refund, open_dispute, open_refund
from sandbox.stripe.reversals import CLOSED, STATUSES, TAKEN
from sandbox.wire import Request
from tests.sandbox.driving import Wire

if TYPE_CHECKING:
    from sandbox.holdings import Holding


class Paid:
    """One payment of 15.00 that succeeded, and what can be seen of it."""

    def __init__(self, currency: str = "usd", settlement: Settlement | None = None) -> None:
        self.sandbox = StripeSandbox()
        self.sandbox.configure(settlement)
        self.wire = Wire(self.sandbox)
        self.intent: str = self.wire.create_intent(currency=currency)["id"]
        self.answered = self.wire.confirm(self.intent, "pm_card_visa").json()

    def charge(self) -> dict[str, Any]:
        found: dict[str, Any] = self.wire.get(f"charges/{self.answered['latest_charge']}").json()
        return found

    def held(self) -> Holding:
        return holdings(self.sandbox.movements())[self.intent]

    def booked(self, **only: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.wire.get("balance_transactions", limit=100, **only).json()["data"]
        return found[::-1]

    def kinds(self) -> list[str]:
        events = self.wire.get("events", limit=100).json()["data"]
        return [event["type"] for event in events][::-1]


@pytest.fixture
def paid() -> Paid:
    return Paid()


@pytest.mark.parametrize("status", STATUSES)
def test_a_dispute_can_begin_in_any_status_and_takes_the_money_where_stripe_does(paid: Paid, status: str) -> None:
    dispute = paid.sandbox.act(open_dispute(paid.intent, amount=700, status=status))
    taken = 700 if status in TAKEN else 0
    assert dispute["status"] == status
    assert [row["amount"] for row in dispute["balance_transactions"]] == [-700] * (status in TAKEN)
    assert (paid.held().withdrawn, paid.held().net) == (taken, 1500 - taken)
    assert paid.charge()["disputed"]
    told = ["charge.dispute.created"] + ["charge.dispute.funds_withdrawn"] * (status in TAKEN)
    assert paid.kinds()[-len(told) :] == told
    assert [row["id"] for row in paid.wire.get("disputes", payment_intent=paid.intent).json()["data"]] == [
        dispute["id"]
    ]


def test_an_inquiry_becomes_a_dispute_is_lost_appealed_and_won(paid: Paid) -> None:
    dispute = paid.sandbox.act(open_dispute(paid.intent, amount=700, status="warning_needs_response"))["id"]
    assert paid.wire.post("refunds", {"payment_intent": paid.intent, "amount": 100}).status == 200
    steps = ["warning_under_review", "needs_response", "under_review", "lost"]
    steps += ["appeal_needs_response", "appeal_under_review", "won"]
    held = []
    for status in steps:
        moved = paid.sandbox.act(move_dispute(dispute, status))
        held.append(paid.held().net)
    assert held == [1400, 700, 700, 700, 700, 700, 1400]
    assert [row["amount"] for row in moved["balance_transactions"]] == [-700, 700]
    disputed = [kind.removeprefix("charge.dispute.") for kind in paid.kinds() if "dispute" in kind]
    assert disputed == [
        *("created", "updated", "updated", "funds_withdrawn", "updated", "closed"),
        *("updated", "updated", "closed", "funds_reinstated"),
    ]
    with pytest.raises(NotPossibleError, match="is already won"):
        paid.sandbox.act(move_dispute(dispute, "needs_response"))


def test_a_lost_dispute_may_be_partly_won(paid: Paid) -> None:
    dispute = paid.sandbox.act(open_dispute(paid.intent))["id"]
    with pytest.raises(NotPossibleError, match="only the 1500 usd withdrawn"):
        paid.sandbox.act(move_dispute(dispute, "lost", returned=1501))
    closed = paid.sandbox.act(move_dispute(dispute, "lost", returned=400))
    assert closed["status"] == "lost"
    assert [row["amount"] for row in closed["balance_transactions"]] == [-1500, 400]
    assert (paid.held().withdrawn, paid.held().net) == (1100, 400)
    assert paid.kinds()[-2:] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
    with pytest.raises(NotPossibleError, match="partly won"):
        paid.sandbox.act(move_dispute(dispute, "appeal_needs_response"))


def test_parts_of_a_charge_are_disputed_one_by_one_but_never_the_same_money_twice(paid: Paid) -> None:
    first = paid.sandbox.act(open_dispute(paid.intent, amount=500))["id"]
    paid.sandbox.act(open_dispute(paid.intent, amount=600))
    with pytest.raises(NotPossibleError, match="only 400 usd"):
        paid.sandbox.act(open_dispute(paid.intent, amount=401))
    paid.sandbox.act(move_dispute(first, "won"))
    assert paid.held().withdrawn == 600
    refused = paid.wire.post("refunds", {"payment_intent": paid.intent}).json()["error"]
    assert refused["code"] == "charge_disputed"
    paid.sandbox.act(open_dispute(paid.intent, amount=900))
    assert paid.held().net == 0


def test_a_bank_disputes_the_full_amount_of_a_partly_refunded_charge(paid: Paid) -> None:
    paid.wire.post("refunds", {"payment_intent": paid.intent, "amount": 600})
    dispute = paid.sandbox.act(open_dispute(paid.intent, amount=1500))["id"]
    assert paid.held().net == -600
    paid.sandbox.act(move_dispute(dispute, "lost", returned=600))
    assert paid.held().net == 0


def test_a_fully_refunded_charge_cannot_be_disputed(paid: Paid) -> None:
    paid.wire.post("refunds", {"payment_intent": paid.intent})
    with pytest.raises(NotPossibleError, match="only 0 usd of"):
        paid.sandbox.act(open_dispute(paid.intent, amount=1))


def test_an_unknown_status_leaves_the_money_where_it_is_unless_stated(paid: Paid) -> None:
    dispute = paid.sandbox.act(open_dispute(paid.intent, status="being_pondered"))["id"]
    assert paid.held().net == 1500
    paid.sandbox.act(move_dispute(dispute, "being_argued", takes=True))
    assert paid.held().net == 0
    paid.sandbox.act(move_dispute(dispute, "being_pondered"))
    assert paid.held().net == 0
    assert paid.sandbox.act(move_dispute(dispute, "won"))["status"] == "won"
    assert paid.held().net == 1500


@pytest.mark.parametrize("takes", [True, False])
def test_a_prevented_dispute_was_blocked_or_paid(paid: Paid, takes: bool) -> None:
    dispute = paid.sandbox.act(open_dispute(paid.intent, status="prevented", takes=takes))
    assert dispute["payment_method_details"]["card"]["case_type"] == ("resolution" if takes else "block")
    assert paid.held().net == (0 if takes else 1500)


def test_a_dispute_is_accepted_through_the_api(paid: Paid) -> None:
    dispute = paid.sandbox.act(open_dispute(paid.intent))["id"]
    assert paid.wire.post(f"disputes/{dispute}/close").json()["status"] == "lost"
    assert paid.wire.post(f"disputes/{dispute}/close").status == 400


@pytest.mark.parametrize(
    ("status", "reason", "counted", "taken"),
    [
        ("succeeded", None, 400, 400),
        ("pending", "processing", 400, 400),
        ("pending", "insufficient_funds", 400, 0),
        ("pending", "charge_pending", 400, 0),
        ("requires_action", None, 400, 400),
        ("failed", "declined", 0, 0),
        ("canceled", None, 0, 0),
    ],
)
def test_a_charge_counts_a_refund_until_it_fails(
    paid: Paid, status: Any, reason: str | None, counted: int, taken: int
) -> None:
    refund = paid.sandbox.act(open_refund(paid.intent, 400, status=status, reason=reason))
    assert refund["status"] == status
    assert paid.charge()["amount_refunded"] == counted
    assert (paid.held().refunded, paid.held().net) == (taken, 1500 - taken)
    assert sum(row["amount"] for row in paid.booked(source=refund["id"])) == -taken
    assert paid.kinds()[4:6] == ["refund.created", "charge.refunded"]


@pytest.mark.parametrize("first", ["succeeded", "pending", "requires_action"])
def test_a_failed_refund_returns_the_money(paid: Paid, first: Any) -> None:
    refund = paid.sandbox.act(open_refund(paid.intent, 400, status=first))["id"]
    failed = paid.sandbox.act(move_refund(refund, "failed", "expired_or_canceled_card"))
    assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
    assert paid.charge()["amount_refunded"] == 0
    assert paid.held().net == 1500
    assert [(row["type"], row["amount"]) for row in paid.booked(source=refund)] == [
        ("refund", -400),
        ("refund_failure", 400),
    ]
    assert failed["failure_balance_transaction"] == paid.booked(source=refund)[1]["id"]
    assert paid.kinds()[-3:] == ["refund.updated", "charge.refund.updated", "refund.failed"]
    (told, *_) = paid.wire.get("events", type="refund.updated").json()["data"]
    assert told["data"]["previous_attributes"]["status"] == first
    with pytest.raises(NotPossibleError, match="is failed: it cannot become succeeded"):
        paid.sandbox.act(move_refund(refund, "succeeded"))
    assert paid.wire.post("refunds", {"payment_intent": paid.intent}).json()["amount"] == 1500


def test_only_a_refund_that_waits_for_the_customer_is_canceled_through_the_api(paid: Paid) -> None:
    waiting = paid.sandbox.act(open_refund(paid.intent, 400, status="requires_action"))["id"]
    done = paid.sandbox.act(open_refund(paid.intent, 100))["id"]
    assert paid.wire.post(f"refunds/{done}/cancel").status == 400
    canceled = paid.wire.post(f"refunds/{waiting}/cancel").json()
    assert (canceled["status"], canceled["failure_reason"]) == ("canceled", "merchant_request")
    assert paid.held().net == 1400


def test_a_dispute_that_takes_money_fails_the_refunds_that_are_pending(paid: Paid) -> None:
    refund = paid.sandbox.act(open_refund(paid.intent, 400, status="pending", reason="insufficient_funds"))["id"]
    paid.sandbox.act(open_dispute(paid.intent, amount=1500))
    failed = paid.wire.get(f"refunds/{refund}").json()
    assert (failed["status"], failed["failure_reason"]) == ("failed", "charge_for_pending_refund_disputed")
    assert (paid.charge()["amount_refunded"], paid.held().net) == (0, 0)


def test_a_charge_is_captured_after_its_confirmation_is_answered(paid: Paid) -> None:
    (succeeded,) = paid.wire.get("events", type="charge.succeeded").json()["data"]
    (updated,) = paid.wire.get("events", type="charge.updated").json()["data"]
    assert succeeded["data"]["object"]["balance_transaction"] is None
    assert updated["data"]["previous_attributes"] == {"balance_transaction": None}
    (booked,) = paid.booked()
    charge = paid.wire.get(f"charges/{paid.charge()['id']}", **{"expand[]": "balance_transaction"}).json()
    assert charge["balance_transaction"] == booked
    assert (booked["amount"], booked["fee"], booked["net"], booked["type"]) == (1500, 73, 1427, "charge")
    assert paid.wire.get(f"balance_transactions/{booked['id']}").json() == booked
    expanded = paid.booked(**{"expand[]": "data.source"})
    assert expanded[0]["source"]["object"] == "charge"


def test_a_charge_shows_its_latest_refunds_on_request(paid: Paid) -> None:
    refund = paid.wire.post("refunds", {"payment_intent": paid.intent, "amount": 400}).json()
    assert "refunds" not in paid.charge()
    shown = paid.wire.get(f"payment_intents/{paid.intent}", **{"expand[]": "latest_charge.refunds"}).json()
    assert shown["latest_charge"]["refunds"]["data"] == [refund]


@pytest.mark.parametrize(
    "path", ["colour", "data.balance_transaction", "data.latest_charge.amount", "data.a.b.c.customer"]
)
def test_expanding_an_unexpandable_field_is_refused(paid: Paid, path: str) -> None:
    refused = paid.wire.get("payment_intents", **{"expand[]": path})
    assert (refused.status, refused.json()["error"]["param"]) == (400, "expand")


def test_balance_transactions_are_found_by_source_type_and_currency(paid: Paid) -> None:
    refund = paid.wire.post("refunds", {"payment_intent": paid.intent, "amount": 400}).json()
    dispute = paid.sandbox.act(open_dispute(paid.intent))
    assert [row["type"] for row in paid.booked()] == ["charge", "refund", "adjustment"]
    assert [row["amount"] for row in paid.booked(source=refund["id"])] == [-400]
    assert [row["amount"] for row in paid.booked(type="adjustment")] == [-1100]
    assert [row["reporting_category"] for row in paid.booked(source=dispute["id"])] == ["dispute"]
    assert paid.booked(currency="eur") == []
    assert paid.booked(**{"created[gt]": 4_000_000_000}) == []
    sources = paid.wire.get("balance_transactions", **{"expand[]": "data.source"}).json()["data"]
    assert [row["source"]["object"] for row in sources] == ["dispute", "refund", "charge"]


def test_a_charge_settles_in_another_currency_at_the_rate_of_the_day() -> None:
    paid = Paid("eur", Settlement("usd", {"eur": "1.1"}))
    assert [(row["amount"], row["currency"], row["exchange_rate"]) for row in paid.booked()] == [(1650, "usd", 1.1)]
    paid.sandbox.configure(Settlement("usd", {"eur": "1.2"}))
    refund = paid.wire.post("refunds", {"payment_intent": paid.intent}).json()
    assert (refund["amount"], refund["currency"]) == (1500, "eur")
    assert [row["amount"] for row in paid.booked(source=refund["id"])] == [-1800]
    assert (paid.held().net, paid.held().currency) == (0, "eur")


@pytest.mark.parametrize(
    ("currency", "amount", "settlement", "accepted"),
    [
        ("eur", 49, Settlement(), False),
        ("eur", 50, Settlement(), True),
        ("eur", 45, Settlement("usd", {"eur": "1.2"}), True),
        ("eur", 41, Settlement("usd", {"eur": "1.2"}), False),
        ("isk", 6000, Settlement("usd", {"isk": "0.007"}), False),
        ("isk", 7200, Settlement("usd", {"isk": "0.007"}), True),
        ("jpy", 50, Settlement("usd", {"jpy": "0.0065"}), False),
        ("kwd", 160, Settlement("usd", {"kwd": "3.2"}), True),
        ("kwd", 150, Settlement("usd", {"kwd": "3.2"}), False),
    ],
)
def test_the_smallest_charge_is_that_of_the_settlement_currency(
    currency: str, amount: int, settlement: Settlement, accepted: bool
) -> None:
    sandbox = StripeSandbox()
    sandbox.configure(settlement)
    answer = Wire(sandbox).post("payment_intents", {"amount": amount, "currency": currency})
    assert answer.status == (200 if accepted else 400)
    if not accepted:
        assert answer.json()["error"]["code"] == "amount_too_small"


def test_how_charges_settle_is_set_over_http() -> None:
    sandbox = StripeSandbox()
    body = b'{"settlement_currency": "usd", "rates": {"eur": 1.1}}'
    set_to = sandbox.control(Request("POST", "/_sandbox/stripe/settings", body=body)).json()
    assert set_to == {"settlement_currency": "usd", "rates": {"eur": "1.1"}, "confirms": None}
    wrong = sandbox.control(Request("POST", "/_sandbox/stripe/settings", body=b'{"rates": {"xxx": 1}}'))
    assert (wrong.status, "xxx is not known" in wrong.json()["error"]) == (400, True)


DEEDS = st.one_of(
    st.tuples(
        st.just("refund"),
        st.integers(1, 1600),
        st.sampled_from(["succeeded", "pending", "requires_action", "failed", "canceled"]),
    ),
    st.tuples(st.just("dispute"), st.integers(1, 1600), st.sampled_from([*STATUSES, "a_status_of_next_year"])),
    st.tuples(
        st.just("move refund"), st.integers(0, 5), st.sampled_from(["succeeded", "failed", "canceled", "pending"])
    ),
    st.tuples(st.just("move dispute"), st.integers(0, 5), st.sampled_from([*STATUSES, "a_status_of_next_year"])),
)


@given(deeds=st.lists(DEEDS, max_size=12))
def test_whatever_happens_objects_balance_and_movements_agree(deeds: list[tuple[str, int, Any]]) -> None:
    paid = Paid()
    refunds: list[str] = []
    disputes: list[str] = []
    for deed, number, status in deeds:
        try:
            if deed == "refund":
                refunds.append(paid.sandbox.act(open_refund(paid.intent, number, status=status))["id"])
            elif deed == "dispute":
                disputes.append(paid.sandbox.act(open_dispute(paid.intent, amount=number, status=status))["id"])
            elif deed == "move refund" and refunds:
                paid.sandbox.act(move_refund(refunds[number % len(refunds)], status))
            elif deed == "move dispute" and disputes:
                paid.sandbox.act(move_dispute(disputes[number % len(disputes)], status))
        except NotPossibleError:
            continue

    held, charge = paid.held(), paid.charge()
    listed = paid.wire.get("refunds", payment_intent=paid.intent, limit=100).json()["data"]
    counted = [row["amount"] for row in listed if row["status"] not in ("failed", "canceled")]
    assert held.refunded == charge["amount_refunded"] == sum(counted)
    opened = paid.wire.get("disputes", charge=charge["id"], limit=100).json()["data"]
    taken = [sum(row["amount"] for row in dispute["balance_transactions"]) for dispute in opened]
    assert held.withdrawn == -sum(taken)
    assert held.net == sum(row["amount"] for row in paid.booked())
    assert all(len(dispute["balance_transactions"]) <= 2 for dispute in opened)
    assert all(held_back == 0 for held_back, row in zip(taken, opened, strict=True) if row["status"] in CLOSED[:1])
    assert min(held.refunded, held.withdrawn, 1500 - held.refunded, 1500 - held.withdrawn) >= 0
