"""What happens at the fake providers by itself, when time passes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.clock import ClockFile, Shift
from sandbox.desk import Desk
from sandbox.gocardless import GoCardlessSandbox
from sandbox.mounts import make_providers
from sandbox.stripe import StripeSandbox
from sandbox.stripe.outside import move_dispute, open_dispute, open_refund
from sandbox.twin import ManualClock
from sandbox.web.testing import serving
from sandbox.wire import Happened, Timed
from tests.sandbox.driving import Wire
from tests.sandbox.gocardless_driving import Wire as DebitWire

if TYPE_CHECKING:
    from pathlib import Path

TUESDAY = datetime(2026, 12, 1, tzinfo=UTC)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(TUESDAY.timestamp())


@pytest.fixture
def cards(clock: ManualClock) -> Wire:
    return Wire(StripeSandbox(clock=clock, seed=1))


@pytest.fixture
def debits(clock: ManualClock) -> DebitWire:
    return DebitWire(GoCardlessSandbox(clock=clock, seed=1))


def story(provider: Timed, clock: ManualClock, look: Any, until: str = "2027-06-01") -> list[tuple[str, str]]:
    """Step from one thing that happens to the next: when it was, and what is seen then."""
    seen = []
    while (due := provider.next_due()) is not None and due < at(until):
        clock.now = due
        provider.pass_time()
        seen.append((f"{datetime.fromtimestamp(due, UTC):%a %d %b %H:%M}", look()))
    return seen


def test_a_debit_is_submitted_collected_and_paid_out_on_working_days(debits: DebitWire, clock: ManualClock) -> None:
    payment = debits.create_payment(metadata={"payment": "2026-11/acme#1"})
    assert debits.get(f"payments/{payment}").json()["payments"]["charge_date"] == "2026-12-03"

    assert story(debits.sandbox, clock, lambda: debits.status(payment)) == [
        ("Wed 02 Dec 06:00", "submitted"),
        ("Fri 04 Dec 06:00", "confirmed"),
        ("Mon 07 Dec 06:00", "paid_out"),
    ]


@pytest.mark.parametrize(
    ("mandate", "last"),
    [
        ("MD_FAILS", ("Fri 04 Dec 06:00", "failed")),
        ("MD_LATE_FAILURE", ("Tue 08 Dec 06:00", "failed")),
        ("MD_CHARGED_BACK", ("Fri 11 Dec 06:00", "charged_back")),
        ("MD_GIVEN_BACK", ("Mon 28 Dec 06:00", "paid_out")),
        ("MD_DENIED", ("Wed 02 Dec 06:00", "customer_approval_denied")),
    ],
)
def test_a_debit_ends_as_its_mandate_has_it(
    debits: DebitWire, clock: ManualClock, mandate: str, last: tuple[str, str]
) -> None:
    payment = debits.create_payment(mandate)
    assert story(debits.sandbox, clock, lambda: debits.status(payment))[-1] == last


def test_steps_that_nobody_let_happen_in_time_are_made_up_for_in_their_order(
    debits: DebitWire, clock: ManualClock
) -> None:
    payment = debits.create_payment(metadata={"payment": "2026-11/acme#1"})
    clock.now = at("2027-01-01")

    happened = debits.sandbox.pass_time()

    assert [event.what for event in happened] == ["payment submitted", "payment confirmed", "payment paid out"]
    assert {event.metadata["payment"] for event in happened} == {"2026-11/acme#1"}

    assert debits.actions(payment) == ["created", "submitted", "confirmed", "paid_out"]
    assert (debits.sandbox.next_due(), debits.sandbox.pass_time()) == (None, [])


def test_a_new_mandate_becomes_active_by_itself(debits: DebitWire, clock: ManualClock) -> None:
    customer = debits.post("customers", {"customers": {"company_name": "Acme", "email": "a@example.com"}})
    account = {"account_holder_name": "ACME", "iban": "DE89370400440532013000"}
    links = {"customer": customer.json()["customers"]["id"]}
    made = debits.post("customer_bank_accounts", {"customer_bank_accounts": {**account, "links": links}})
    bank = {"customer_bank_account": made.json()["customer_bank_accounts"]["id"]}
    mandate = debits.post("mandates", {"mandates": {"links": bank}}).json()["mandates"]["id"]

    seen = story(debits.sandbox, clock, lambda: debits.get(f"mandates/{mandate}").json()["mandates"]["status"])
    assert seen == [("Fri 04 Dec 06:00", "active")]


@pytest.mark.parametrize(
    ("method", "currency", "kind", "seen"),
    [
        ("pm_usBankAccount_success", "usd", "us_bank_account", [("Mon 07 Dec 06:00", "succeeded")]),
        (
            "pm_sandbox_sepaDebit_insufficientFunds",
            "eur",
            "sepa_debit",
            [("Tue 08 Dec 06:00", "requires_payment_method")],
        ),
        ("pm_sandbox_processing", "usd", "card", [("Wed 02 Dec 06:00", "succeeded")]),
        (
            "pm_sandbox_bacsDebit_dispute",
            "gbp",
            "bacs_debit",
            [("Fri 04 Dec 06:00", "succeeded"), ("Fri 11 Dec 06:00", "succeeded, lost")],
        ),
    ],
)
def test_a_payment_in_processing_ends_after_its_scheme_s_working_days(
    cards: Wire, clock: ManualClock, method: str, currency: str, kind: str, seen: list[tuple[str, str]]
) -> None:
    intent = cards.create_intent(**{"currency": currency, "allowed_payment_method_types[]": kind})["id"]
    assert cards.confirm(intent, method).json()["status"] == "processing"

    def look() -> str:
        disputes = [dispute["status"] for dispute in cards.get("disputes").json()["data"]]
        return ", ".join([cards.get(f"payment_intents/{intent}").json()["status"], *disputes])

    assert story(cards.sandbox, clock, look) == seen


def test_a_card_pays_to_the_end_of_its_last_month_and_is_declined_from_then_on(cards: Wire, clock: ManualClock) -> None:
    card = "pm_sandbox_visaExpires_2026_12"
    clock.now = at("2026-12-31T23:59:59")
    answer = cards.confirm(cards.create_intent()["id"], card)
    assert answer.status == 200
    shown = cards.get(f"payment_methods/{card}").json()["card"]
    assert (shown["exp_year"], shown["exp_month"]) == (2026, 12)

    clock.now += 1
    refused = cards.confirm(cards.create_intent()["id"], card)
    assert (refused.status, refused.json()["error"]["code"]) == (402, "expired_card")


def paid(cards: Wire) -> str:
    intent = str(cards.create_intent(**{"metadata[payment]": "2026-11/acme"})["id"])
    assert cards.confirm(intent, "pm_card_visa").status == 200
    return intent


def dispute_of(cards: Wire) -> Any:
    (dispute,) = cards.get("disputes").json()["data"]
    return dispute


def test_a_dispute_that_nobody_answers_is_lost_at_its_deadline(cards: Wire, clock: ManualClock) -> None:
    cards.sandbox.act(open_dispute(paid(cards)))
    due_by = dispute_of(cards)["evidence_details"]["due_by"]

    assert cards.sandbox.next_due() == due_by
    clock.now = due_by - 1
    assert cards.sandbox.pass_time() == []
    clock.now = due_by
    assert cards.sandbox.pass_time() == [Happened("dispute lost", {"payment": "2026-11/acme"})]

    assert dispute_of(cards)["status"] == "lost"


def test_a_dispute_with_evidence_is_decided_two_months_later(cards: Wire, clock: ManualClock) -> None:
    cards.sandbox.act(open_dispute(paid(cards)))
    clock.now += 3 * 86_400
    cards.sandbox.act(move_dispute(dispute_of(cards)["id"], "under_review"))

    seen = story(cards.sandbox, clock, lambda: dispute_of(cards)["status"])

    assert seen == [("Tue 02 Feb 00:00", "won")]
    assert sum(movement["amount"] for movement in cards.sandbox.movements()) == 1500


def test_an_inquiry_that_goes_no_further_is_closed(cards: Wire, clock: ManualClock) -> None:
    cards.sandbox.act(open_dispute(paid(cards), status="warning_needs_response"))
    assert story(cards.sandbox, clock, lambda: dispute_of(cards)["status"]) == [("Wed 31 Mar 00:00", "warning_closed")]


def test_a_pending_refund_arrives(cards: Wire, clock: ManualClock) -> None:
    intent = paid(cards)
    cards.sandbox.act(open_refund(intent, 400, status="pending"))
    seen = story(cards.sandbox, clock, lambda: cards.get("refunds").json()["data"][0]["status"])
    assert seen == [("Tue 08 Dec 06:00", "succeeded")]


def test_an_idempotency_key_and_the_balance_follow_the_clock(cards: Wire, clock: ManualClock) -> None:
    intent = cards.create_intent()["id"]
    first = cards.confirm(intent, "pm_card_visa", "key")
    (row,) = cards.get("balance_transactions").json()["data"]
    assert row["status"] == "pending"

    clock.now += 86_400
    replayed = cards.confirm(intent, "pm_card_visa", "key")
    assert replayed.status == 400, "the key is forgotten, and the intent is paid"
    assert first.headers.get("Idempotent-Replayed") is None
    clock.now += 86_400
    (row,) = cards.get("balance_transactions").json()["data"]
    assert row["status"] == "available"


def test_the_clock_file_moves_forward_only_and_keeps_what_is_done(tmp_path: Path) -> None:
    machine = ManualClock(1000.0)
    local = ClockFile(tmp_path / "clock.json", machine)
    assert (local(), local.read()) == (1000.0, Shift())

    local.move(5000.0)
    local.done(4000.0)
    machine.advance(10)
    assert local() == 5010.0
    local.move(2000.0)
    assert (local(), local.read()) == (5010.0, Shift(4000.0, 4000.0))

    local.reset()
    assert local() == 1010.0


def test_both_providers_live_by_the_desk_s_clock_and_tell_when_something_is_due(clock: ManualClock) -> None:
    desk = Desk(clock=clock)
    providers = make_providers(desk)
    with serving(providers, desk) as url:
        assert httpx.get(f"{url}/_sandbox/clock").json() == {
            "now": TUESDAY.timestamp(),
            "next_due": None,
            "webhooks_idle": True,
        }
        debits: Any = providers["/gocardless"]
        DebitWire(debits).create_payment(metadata={"payment": "2026-11/acme#1"})
        assert httpx.get(f"{url}/_sandbox/clock").json()["next_due"] == at("2026-12-02T06:00")

        assert httpx.post(f"{url}/_sandbox/clock/pass").json() == {"happened": []}
        clock.now = at("2026-12-02T06:00")
        assert httpx.post(f"{url}/_sandbox/clock/pass").json() == {
            "happened": [{"what": "payment submitted", "metadata": {"payment": "2026-11/acme#1"}}]
        }
