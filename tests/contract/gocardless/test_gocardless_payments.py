"""Payments, mandates and refunds of GoCardless' gateway against its sandbox, over real HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.domain.money import Money
from monthclose.domain.payments.declines import DeclineKind, decline
from monthclose.errors import (
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
)
from monthclose.ports import Answer, Collected, InProgress, NotCollected, Refused
from sandbox.wire import Response
from tests.contract.gocardless.case import Case, an_order, customer, outcome, refund
from tests.listing import collected
from tests.sandbox.gocardless_driving import Wire
from tests.world import OCTOBER

if TYPE_CHECKING:
    pass


def test_a_mandate_names_its_customer(case: Case) -> None:
    assert case.gateway.register(customer()) == "CU_OK_acme"
    assert case.gateway.register(customer(known_as="CU1")) == "CU1"
    assert case.requests() == {"mandates.get": 1}


@pytest.mark.parametrize("mandate", ["MD0", "", "MD/../1", ".."])
def test_an_impossible_mandate_is_our_mistake(case: Case, mandate: str) -> None:
    with pytest.raises(OrderInvalidError):
        case.gateway.register(customer(mandate))


def test_there_is_nothing_to_prepare(case: Case) -> None:
    assert case.gateway.prepare(an_order()) == ""
    assert case.gateway.look_up(an_order()) == Answer("", NotCollected())
    assert case.requests() == {"mandates.get": 1, "payments.list": 1}  # whose mandate it is, and their payments


def test_a_gateway_with_a_valid_key_passes_the_check(case: Case) -> None:
    case.gateway.check()
    assert case.requests() == {"payments.list": 1}


def test_a_payment_is_in_progress_until_the_bank_confirms_it(case: Case) -> None:
    order = an_order()
    answer = case.gateway.collect(order)
    assert isinstance(answer.outcome, InProgress)
    assert answer.reference.startswith("PM")
    assert case.money() == []

    case.sandbox.advance(to="confirmed")
    after = case.gateway.look_up(replace(order, reference=answer.reference))

    assert after.reference == answer.reference
    assert isinstance(after.outcome, Collected)
    assert (after.outcome.amount, after.outcome.refunded_minor) == (order.amount, 0)
    assert after.outcome.request_id
    assert case.money() == [("2026-10/acme#1", 1234)]
    case.sandbox.advance(to="paid_out")
    assert isinstance(outcome(case.gateway.look_up(order)), Collected)


def test_the_provider_gets_what_support_needs_and_may_not_retry_itself(case: Case) -> None:
    reference = case.gateway.collect(an_order()).reference
    payment = Wire(case.sandbox).get(f"payments/{reference}").json()["payments"]
    assert payment["metadata"] == {"payment": "2026-10/acme#1", "invoice": "INV-1", "close": "2026-10"}
    assert payment["description"] == "Invoice INV-1"
    assert payment["retry_if_possible"] is False


def test_repeating_a_call_answers_the_same_and_collects_nothing_more(case: Case) -> None:
    order = an_order()
    answers = [case.gateway.collect(order) for _ in range(3)]
    assert len({answer.reference for answer in answers}) == 1
    case.sandbox.advance(to="confirmed")
    assert isinstance(outcome(case.gateway.collect(order)), Collected)
    assert case.money() == [("2026-10/acme#1", 1234)]
    assert case.requests() == {"payments.create": 4, "payments.get": 3}


def test_when_many_workers_collect_at_once_one_succeeds(case: Case) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(case.gateway.collect, [an_order(since=datetime(2026, 11, 1, tzinfo=UTC))] * 16)]
    assert len({answer.reference for answer in answers}) == 1
    case.sandbox.advance(to="confirmed")
    assert len(case.money()) == 1


@pytest.mark.parametrize(
    "changed",
    [{"amount": Money(9999, "EUR")}, {"amount": Money(1234, "GBP")}, {"invoice_number": "INV-2"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_repeated_key_for_another_payment_is_never_taken_as_the_answer(case: Case, changed: dict[str, Any]) -> None:
    order = an_order()
    case.gateway.collect(order)
    with pytest.raises(OutcomeUnknownError, match="another payment"):
        case.gateway.collect(replace(order, **changed))


def test_a_payment_whose_id_was_not_recorded_is_found_by_its_attempt(case: Case) -> None:
    first = an_order("MD_OK_acme")
    second = replace(first, attempt=2)
    reference = case.gateway.collect(first).reference
    case.gateway.collect(an_order("MD_OK_acme", "2026-10/acme2"))

    zone = timezone(timedelta(hours=14))
    assert case.gateway.look_up(replace(first, since=first.since.astimezone(zone))).reference == reference
    assert isinstance(outcome(case.gateway.look_up(second)), NotCollected)
    assert isinstance(outcome(case.gateway.look_up(replace(first, payment_method="MD_OK_other"))), NotCollected)
    late = replace(first, since=first.since + timedelta(days=1))
    assert isinstance(outcome(case.gateway.look_up(late)), NotCollected)
    assert case.gateway.collect(second).reference != reference


def test_a_payment_is_found_beyond_the_first_page(case: Case) -> None:
    order = an_order()
    reference = case.gateway.collect(order).reference
    wire = Wire(case.sandbox)
    for _ in range(501):
        wire.create_payment("MD_OK")
    assert case.gateway.look_up(order).reference == reference
    assert case.requests()["payments.list"] == 2


@pytest.mark.parametrize(
    ("mandate", "status", "code"),
    [
        ("MD_FAILS", "failed", "insufficient_funds"),
        ("MD_CLOSED", "failed", "bank_account_closed"),
        ("MD_LATE_FAILURE", "failed", "refer_to_payer"),
        ("MD_WITHDRAWN", "cancelled", "mandate_cancelled"),
    ],
)
def test_a_decline_says_why_in_the_banks_words(case: Case, mandate: str, status: str, code: str) -> None:
    order = an_order(mandate)
    reference = case.gateway.collect(order).reference
    while case.sandbox.advance():
        pass
    for answer in (case.gateway.look_up(order), case.gateway.collect(order)):
        assert answer.reference == reference
        assert isinstance(answer.outcome, Refused)
        assert (answer.outcome.code, answer.outcome.needs_customer) == (code, False)


def test_a_decline_without_an_event_is_named_by_its_status(case: Case) -> None:
    order = an_order("MD_FAILS")
    case.gateway.collect(order)
    case.sandbox.advance(to="failed")
    case.interference.answers["events.list"] = lambda: Response.of(200, {"events": [], "meta": {}})
    assert outcome(case.gateway.look_up(order)).code == "failed"


def test_a_payment_waits_for_its_customers_approval_and_is_declined_if_they_deny_it(case: Case) -> None:
    order = an_order()
    reference = case.gateway.collect(order).reference
    document = Wire(case.sandbox).get(f"payments/{reference}").json()["payments"]
    order = replace(order, reference=reference)
    for status, kind in (("pending_customer_approval", InProgress), ("customer_approval_denied", Refused)):
        asked = {"payments": {**document, "status": status}}
        case.interference.answers["payments.get"] = partial(Response.of, 200, asked)
        assert isinstance(outcome(case.gateway.look_up(order)), kind)
    assert outcome(case.gateway.look_up(order)).code == "customer_approval_denied"
    assert decline("gocardless", "customer_approval_denied").kind is DeclineKind.HARD


def test_a_mandate_that_is_no_longer_active_is_a_definite_no(case: Case) -> None:
    with pytest.raises(OrderRefusedError) as refused:
        case.gateway.collect(an_order("MD_CANCELLED"))
    assert not isinstance(refused.value, OrderInvalidError)
    assert refused.value.code == "mandate_is_inactive"
    assert refused.value.request_id


def test_money_that_the_bank_reversed_is_not_collected(case: Case) -> None:
    order = an_order("MD_CHARGED_BACK")
    case.gateway.collect(order)
    case.sandbox.advance(to="confirmed")
    assert isinstance(outcome(case.gateway.look_up(order)), Collected)
    case.sandbox.advance()
    taken = outcome(case.gateway.look_up(order))
    assert isinstance(taken, Collected)
    assert (taken.reversed_minor, taken.code) == (order.amount.minor, "charged_back")


def test_a_deliberate_refund_is_reported(case: Case) -> None:
    order = an_order()
    reference = case.gateway.collect(order).reference
    case.sandbox.advance(to="confirmed")
    refund(case, reference, 200, 200)
    refund(case, reference, 34, 234)
    collected = outcome(case.gateway.look_up(order))
    assert (collected.amount, collected.refunded_minor) == (order.amount, 234)


def test_a_refund_names_its_payment(case: Case) -> None:
    reference = case.gateway.collect(an_order(attempt=2)).reference
    case.sandbox.advance(to="confirmed")
    refund(case, reference, 200, 200)
    [event, *_] = Wire(case.sandbox).get("events?resource_type=refunds").json()["events"]
    assert case.gateway.payment_of(event["links"]["refund"]) == "2026-10/acme"
    assert case.gateway.payment_of("RF_of_somebody_else") == ""


def test_a_payment_is_withdrawn_as_long_as_the_bank_does_not_have_it(case: Case) -> None:
    order = an_order()
    assert isinstance(outcome(case.gateway.withdraw(order)), NotCollected)
    case.gateway.collect(order)
    for _ in range(2):
        withdrawn = outcome(case.gateway.withdraw(order))
        assert isinstance(withdrawn, Refused)
        assert withdrawn.code == "payment_cancelled"
    case.sandbox.advance(to="confirmed")
    assert case.money() == []


def test_a_payment_that_the_bank_has_cannot_be_withdrawn(case: Case) -> None:
    order = an_order()
    case.gateway.collect(order)
    case.sandbox.advance(to="submitted")
    assert isinstance(outcome(case.gateway.withdraw(order)), InProgress)
    case.sandbox.advance(to="confirmed")
    assert isinstance(outcome(case.gateway.withdraw(order)), Collected)


def test_the_provider_lists_what_it_collected_for_a_period_net(case: Case) -> None:
    begin = datetime.now(UTC) - timedelta(minutes=1)
    orders = {
        name: an_order(f"{mandate}_x", f"2026-10/{name}", amount=Money(minor, currency))
        for name, mandate, minor, currency in [
            ("paid", "MD_OK", 1000, "EUR"),
            ("a#b", "MD_OK", 900, "GBP"),
            ("refunded", "MD_OK", 800, "EUR"),
            ("back", "MD_CHARGED_BACK", 700, "EUR"),
            ("failed", "MD_FAILS", 600, "EUR"),
            ("late", "MD_LATE_FAILURE", 500, "EUR"),
        ]
    }
    references = {name: case.gateway.collect(order).reference for name, order in orders.items()}
    while case.sandbox.advance():
        pass
    case.gateway.collect(an_order("MD_OK_y", "2026-10/pending"))
    refund(case, references["refunded"], 300, 300)

    found = {charge.payment_id: charge for charge in collected(case.gateway, OCTOBER, begin)}
    assert {payment: (charge.currency, charge.minor) for payment, charge in found.items()} == {
        "2026-10/paid": ("EUR", 1000),
        "2026-10/a#b": ("GBP", 900),
        "2026-10/refunded": ("EUR", 500),
        "2026-10/back": ("EUR", 0),
    }
    assert found["2026-10/paid"].reference == references["paid"]
    assert found["2026-10/paid"].provider == "gocardless"
    assert collected(case.gateway, OCTOBER.next, begin) == []


def test_a_customer_with_an_id_that_no_header_can_carry_pays(case: Case) -> None:
    order = an_order(payment_id="2026-10/Łódź-1" + "x" * 240)
    reference = case.gateway.collect(order).reference
    assert case.gateway.look_up(order).reference == reference


@given(st.lists(st.text(max_size=80), min_size=1, max_size=4), st.integers(min_value=64, max_value=255))
def test_any_intent_has_a_key_that_a_header_can_carry(parts: list[str], longest: int) -> None:
    key = idempotency_key(*parts, longest=longest)
    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= longest
    assert key == idempotency_key(*parts, longest=longest)
    assert key != idempotency_key(*parts, 2, longest=longest)
