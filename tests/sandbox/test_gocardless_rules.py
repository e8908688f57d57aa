"""What the fake GoCardless refuses, and what becomes of mandates and customers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.banking_days import earliest_charge
from sandbox.gocardless.schemes import LARGEST, LONGEST_REFERENCE, SCHEMES, SMALLEST
from sandbox.holdings import holdings
from sandbox.twin import ManualClock
from sandbox.wire import Request, Response
from sandbox.working_days import after_working_days
from tests.sandbox.gocardless_driving import Wire, reason

FRIDAY = datetime(2026, 10, 2, 9, tzinfo=UTC).timestamp()


@pytest.fixture
def events() -> list[Any]:
    return []


@pytest.fixture
def wire(events: list[Any]) -> Wire:
    return Wire(GoCardlessSandbox(clock=ManualClock(FRIDAY), seed=1, notify=events.append))


def control(wire: Wire, path: str, document: Any = None, method: str = "POST") -> Response:
    body = None if document is None else json.dumps(document)
    return wire.sandbox.control(Request.to(method, f"/_sandbox/gocardless/{path}", body=body))


def mandate(wire: Wire, reference: str = "MD_OK") -> Any:
    return wire.get(f"mandates/{reference}").json()["mandates"]


def test_a_payment_is_charged_on_the_mandates_earliest_day_or_a_later_working_day(wire: Wire) -> None:
    earliest = mandate(wire)["next_possible_charge_date"]
    assert earliest == "2026-10-06"  # two working days after a Friday

    def charge_date(wanted: str | None) -> str:
        fields = {"charge_date": wanted} if wanted else {}
        return str(wire.try_payment(**fields).json()["payments"]["charge_date"])

    assert [charge_date(None), charge_date(earliest)] == [earliest, earliest]
    assert charge_date("2026-10-10") == "2026-10-12"  # a Saturday
    for early in ("2026-10-05", "2020-01-01"):
        assert reason(wire.try_payment(charge_date=early)) == (422, "validation_failed", "charge_date")
    assert reason(wire.try_payment(charge_date="soon"))[2] == "charge_date"
    assert mandate(wire, "MD_CANCELLED")["next_possible_charge_date"] is None


@given(st.sampled_from(sorted(SCHEMES.values())), st.integers(0, 4_000_000_000), st.booleans())
def test_money_is_never_collected_at_a_weekend_or_today(scheme: str, now: int, known: bool) -> None:
    today = datetime.fromtimestamp(now, UTC).date()
    day = earliest_charge(scheme, now, known=known)
    assert today < day
    assert day.weekday() < 5
    assert earliest_charge(scheme, now, known=True) <= earliest_charge(scheme, now, known=False)
    assert after_working_days(day, 5).weekday() == day.weekday()


def test_a_replaced_mandate_names_the_new_one_everywhere(wire: Wire, events: list[Any]) -> None:
    submitted, pending = wire.create_payment("MD_OK_a"), wire.create_payment("MD_OK_a")
    wire.sandbox.advance(submitted, "submitted")
    old = control(wire, "mandates/MD_OK_a/replace").json()["mandates"]
    new = old["links"]["new_mandate"]
    assert old["status"] == "cancelled"
    assert mandate(wire, new)["status"] == "active"

    refused = wire.try_payment("MD_OK_a")
    assert reason(refused) == (422, "invalid_state", "mandate_replaced")
    assert refused.json()["error"]["errors"][0]["links"] == {"new_mandate": new}
    [told] = [event for event in events if event["action"] == "replaced"]
    assert told["links"] == {"mandate": "MD_OK_a", "new_mandate": new}
    assert wire.try_payment(new).status == 201

    def listed(query: str) -> set[str]:
        return {payment["id"] for payment in wire.get(f"payments?{query}").json()["payments"]}

    # What is not submitted yet is collected by the new one: whoever looks for it by the old one finds nothing.
    assert listed("mandate=MD_OK_a") == {submitted}
    assert pending in listed(f"mandate={new}")
    assert {submitted, pending} < listed("customer=CU_OK_a")
    assert control(wire, "mandates/MD_OK_a/replace").status == 409


@pytest.mark.parametrize("status", ["cancelled", "expired", "failed", "blocked", "suspended_by_payer"])
def test_a_mandate_that_ends_ends_its_payments(wire: Wire, events: list[Any], status: str) -> None:
    pending, submitted = wire.create_payment("MD_OK_a"), wire.create_payment("MD_OK_a")
    wire.sandbox.advance(submitted, "submitted")
    assert control(wire, "mandates/MD_OK_a/end", {"status": status}).json()["mandates"]["status"] == status
    assert (wire.status(pending), wire.status(submitted)) == ("cancelled", "submitted")
    assert reason(wire.try_payment("MD_OK_a")) == (422, "invalid_state", "mandate_is_inactive")
    [ended] = [event for event in events if event["resource_type"] == "mandates"] or [None]
    [taken] = [event for event in events if event["action"] == "cancelled" and event["resource_type"] == "payments"]
    assert (ended is None) == (status == "suspended_by_payer"), "GoCardless publishes no such event of a mandate"
    assert taken["links"].get("parent_event") == (ended and ended["id"])


def test_a_mandate_is_consumed_transferred_and_reinstated(wire: Wire, events: list[Any]) -> None:
    mandate(wire, "MD_OK_once")
    wire.sandbox.outside.end_mandate("MD_OK_once", "consumed")
    assert reason(wire.try_payment("MD_OK_once"))[2] == "mandate_is_inactive"
    before = mandate(wire)["links"]["customer_bank_account"]
    control(wire, "mandates/MD_OK/transfer")
    after = mandate(wire)["links"]["customer_bank_account"]
    assert events[-1]["links"] == {
        "mandate": "MD_OK",
        "previous_customer_bank_account": before,
        "new_customer_bank_account": after,
    }
    assert reason(wire.post("mandates/MD_OK/actions/reinstate"))[2] == "mandate_not_inactive"
    wire.post("mandates/MD_OK/actions/cancel")
    assert wire.post("mandates/MD_OK/actions/reinstate").json()["mandates"]["status"] == "pending_submission"
    wire.sandbox.advance(wire.create_payment(), "submitted")
    assert [event["action"] for event in events if event["resource_type"] == "mandates"][-4:] == [
        *("cancelled", "resubmission_requested", "submitted", "reinstated")
    ]


def test_a_customer_approves_a_payment_or_denies_it(wire: Wire) -> None:
    mandate(wire)
    control(wire, "mandates/MD_OK/approval", {"required": True})
    asked, refused = wire.create_payment(), wire.create_payment()
    assert wire.status(asked) == "pending_customer_approval"
    assert reason(wire.post(f"payments/{asked}/actions/cancel"))[2] == "cancellation_failed"
    wire.sandbox.advance(asked, "confirmed")
    assert wire.actions(asked) == ["created", "customer_approval_granted", "submitted", "confirmed"]
    wire.sandbox.advance(refused, "customer_approval_denied")
    assert wire.actions(refused) == ["created", "customer_approval_denied"]
    assert [holding.net for holding in holdings(wire.sandbox.movements()).values()] == [1500]


def test_a_payment_that_gocardless_will_retry_itself_says_so(wire: Wire) -> None:
    payment = wire.create_payment("MD_FAILS", retry_if_possible=True)
    wire.sandbox.advance(payment, "submitted")
    while wire.sandbox.advance():
        pass
    assert wire.actions(payment) == [
        *("created", "submitted", "failed", "resubmission_requested", "submitted", "confirmed", "paid_out"),
    ]
    details = [event["details"] for event in reversed(wire.get(f"events?payment={payment}").json()["events"])]
    assert details[2]["will_attempt_retry"] is True
    assert details[3]["cause"] == "payment_autoretried"


def test_a_removed_customer_is_not_found_and_no_longer_pays(wire: Wire) -> None:
    pending = wire.create_payment("MD_OK_a")
    removed = wire.sandbox.handle(Request.to("DELETE", "/gocardless/customers/CU_OK_a", wire.headers))
    assert removed.status == 200
    assert reason(wire.get("customers/CU_OK_a")) == (410, "invalid_api_usage", "customer_data_removed")
    assert wire.get("customers").json()["customers"] == []
    assert wire.status(pending) == "cancelled"
    assert reason(wire.try_payment("MD_OK_a"))[2] == "mandate_is_inactive"


@pytest.mark.parametrize("currency", sorted(LARGEST))
def test_an_amount_has_limits_by_scheme_that_can_be_raised_for_an_account(wire: Wire, currency: str) -> None:
    def tried(amount: int) -> int:
        return wire.try_payment(currency=currency, amount=amount).status

    least, most = SMALLEST[currency], LARGEST[currency]
    assert [tried(amount) for amount in (least - 1, least, most, most + 1)] == [422, 201, 201, 422]
    shown = control(wire, "terms", {"largest": {currency: most * 2}}, "PUT").json()
    assert shown["largest"] == {currency: most * 2}
    assert [tried(amount) for amount in (most + 1, most * 2 + 1)] == [201, 422]
    assert control(wire, "terms", {"largest": {"XXX": 1}}, "PUT").status == 400
    assert control(wire, "terms", method="GET").json() == shown


@pytest.mark.parametrize("currency", sorted(SCHEMES))
def test_a_reference_fits_the_scheme(wire: Wire, currency: str) -> None:
    longest = LONGEST_REFERENCE[SCHEMES[currency]]

    def tried(length: int) -> int:
        return wire.try_payment(currency=currency, amount=5000, reference="r" * length).status

    assert tried(longest + 1) == 422
    assert tried(max(longest, 1)) == (201 if longest else 422)
    assert tried(max(longest, 1)) == (201 if longest and currency != "AUD" else 422)  # BECS: once


def test_metadata_has_three_keys_of_fifty_characters_with_values_of_five_hundred(wire: Wire) -> None:
    assert wire.try_payment(metadata={"k" * 50: "v" * 500, "b": "", "c": ""}).status == 201
    for metadata in ({"k" * 51: "v"}, {"k": "v" * 501}, dict.fromkeys("abcd", "v"), {"k": 1}):
        assert reason(wire.try_payment(metadata=metadata)) == (422, "validation_failed", "metadata")


def test_parameters_reserved_for_partners_are_refused(wire: Wire) -> None:
    assert reason(wire.try_payment(app_fee=5))[2] == "app_fee"
    assert reason(wire.try_payment(psu_interaction_type="asleep"))[2] == "psu_interaction_type"
    assert reason(wire.get("payments?customer=CU1&creditor=CR1"))[2] == "bad_request"


def test_controls_name_the_mistake(wire: Wire) -> None:
    payment = wire.create_payment()
    for path, document, status in (
        ("payments/PM0/charge_back", {}, 404),
        (f"payments/{payment}/charge_back", {}, 409),
        (f"payments/{payment}/refund", {"amount": 1}, 409),
        (f"payments/{payment}/refund", {"amount": "all"}, 400),
        ("refunds/RF0/advance", {"to": "paid"}, 404),
        ("mandates/MD_OK/end", {"status": "gone"}, 409),
        ("mandates/MD_OK/end", {}, 400),
        (f"payments/{payment}/advance", {"to": "failed", "cause": "bad_luck"}, 409),
    ):
        assert control(wire, path, document).status == status, path
    assert wire.status(payment) == "pending_submission"
