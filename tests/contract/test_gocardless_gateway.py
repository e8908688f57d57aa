"""GoCardless' gateway against its sandbox, over real HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.domain.payments.declines import DeclineKind, decline
from monthclose.errors import (
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderRefusedError,
    RateLimitedError,
)
from monthclose.ports import Answer, ChargeOrder, Collected, InProgress, NotCollected, Refused
from sandbox.chaos.faults import Fault, When
from sandbox.chaos.plan import Plan, Rule
from sandbox.desk import Desk
from sandbox.gocardless import GoCardlessSandbox, errors
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.web.server import listen
from sandbox.web.testing import serving
from sandbox.wire import Execution, Proceed, Response
from tests.sandbox.gocardless_driving import Wire
from tests.world import OCTOBER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Interference:
    """A layer that answers in the provider's place while it is switched on."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[], Response]] = {}

    def __call__(self, execution: Execution, proceed: Proceed) -> Response:
        answer = self.answers.get(execution.endpoint)
        return answer() if answer else proceed()


@dataclass
class Case:
    """A gateway and what it talks to."""

    gateway: GoCardlessGateway
    sandbox: GoCardlessSandbox
    interference: Interference

    def money(self) -> list[tuple[str, int]]:
        return [(moved["metadata"]["payment"], moved["amount"]) for moved in self.sandbox.movements()]

    def requests(self) -> dict[str, int]:
        return {name: sum(table.values()) for name, table in self.sandbox.request_counts().items()}


def an_order(mandate: str = "MD_OK", payment_id: str = "2026-10/acme", **other: Any) -> ChargeOrder:
    fields: dict[str, Any] = {
        "payment_id": payment_id,
        "attempt": 1,
        "amount": Money(1234, "EUR"),
        "invoice_number": "INV-1",
        "period": OCTOBER,
        "customer_id": payment_id.partition("/")[2],
        "provider_customer_id": "CU_OK",
        "payment_method": mandate,
        "since": datetime.now(UTC),
    }
    return ChargeOrder(**(fields | other))


@pytest.fixture(scope="module")
def _served() -> Iterator[Case]:
    interference = Interference()
    sandbox = GoCardlessSandbox(around_execution=interference)
    with serving({"/gocardless": sandbox}) as url:
        yield Case(GoCardlessGateway(DEFAULT_ACCESS_TOKEN, f"{url}/gocardless"), sandbox, interference)


@pytest.fixture
def case(_served: Case) -> Case:
    _served.sandbox.reset()
    _served.interference.answers.clear()
    return _served


LOSSES = [fault for fault in Fault if fault.loses_answer]
PATIENCE_SECONDS = 0.2


@dataclass
class Broken:
    """A sandbox that loses answers after the request took effect."""

    url: str
    sandbox: GoCardlessSandbox
    desk: Desk

    def gateway(self) -> GoCardlessGateway:
        return GoCardlessGateway(DEFAULT_ACCESS_TOKEN, self.url, timeout=(5, PATIENCE_SECONDS))

    def loses(self, how: Fault, endpoint: str = "*", count: int = 1) -> None:
        seconds = how.usual_seconds
        self.desk.begin(Plan(rules=(Rule(how, When.AFTER, endpoint=endpoint, count=count, seconds=seconds),)))


@pytest.fixture
def broken() -> Iterator[Broken]:
    desk, sandbox = Desk(), GoCardlessSandbox()
    with serving({"/gocardless": sandbox}, desk) as url:
        yield Broken(f"{url}/gocardless", sandbox, desk)


def outcome(answer: Answer) -> Any:
    return answer.outcome


def customer(method: str = "MD_OK_acme", known_as: str = "") -> Customer:
    profile = Profile("Acme", "a@acme.example", "EUR", "gocardless", method, imported_provider_customer_id=known_as)
    return Customer("acme", profile)


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


def refund(case: Case, reference: str, amount: int, total: int) -> None:
    document = {"amount": amount, "total_amount_confirmation": total, "links": {"payment": reference}}
    assert Wire(case.sandbox).post("refunds", {"refunds": document}).status == 201


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

    found = {charge.payment_id: charge for charge in case.gateway.collected_for(OCTOBER, begin)}
    assert {payment: (charge.currency, charge.minor) for payment, charge in found.items()} == {
        "2026-10/paid": ("EUR", 1000),
        "2026-10/a#b": ("GBP", 900),
        "2026-10/refunded": ("EUR", 500),
        "2026-10/back": ("EUR", 0),
    }
    assert found["2026-10/paid"].reference == references["paid"]
    assert found["2026-10/paid"].provider == "gocardless"
    assert list(case.gateway.collected_for(OCTOBER.next, begin)) == []


def html(status: int) -> Response:
    return Response(status, b"<html>", {"Content-Type": "text/html"})


def error(status: int, kind: str, *entries: Any) -> Response:
    return Response.of(status, {"error": {"type": kind, "code": status, "message": "m", "errors": list(entries)}})


FAILURES: list[tuple[str, Callable[[], Response], type[Exception], type[Exception]]] = [
    # what comes back, what collecting makes of it, what looking up makes of it
    ("401", lambda: errors.unknown_token().response("r"), ProviderRefusedError, ProviderRefusedError),
    (
        "403",
        lambda: error(403, "invalid_api_usage", {"reason": "insufficient_permissions"}),
        ProviderRefusedError,
        ProviderRefusedError,
    ),
    ("403 from a proxy", lambda: html(403), ProviderRefusedError, ProviderRefusedError),
    ("429", lambda: errors.rate_limited().response("r"), RateLimitedError, RateLimitedError),
    ("429 from a proxy", lambda: html(429), RateLimitedError, RateLimitedError),
    ("500", lambda: errors.internal().response("r"), OutcomeUnknownError, ProviderDownError),
    ("502 from a proxy", lambda: html(502), OutcomeUnknownError, ProviderDownError),
    ("200 that is no JSON", lambda: html(200), OutcomeUnknownError, ProviderDownError),
    (
        "a redirect",
        lambda: Response(302, b"", {"Location": "/gocardless/payments"}),
        OutcomeUnknownError,
        ProviderDownError,
    ),
    ("an error that is a text", lambda: Response.of(500, {"error": "oh"}), OutcomeUnknownError, ProviderDownError),
    ("a kind of error that is new", lambda: error(422, "new_kind"), OutcomeUnknownError, ProviderDownError),
    (
        "a conflict without reasons",
        lambda: error(409, "invalid_state", {"message": "m"}),
        OutcomeUnknownError,
        ProviderDownError,
    ),
    ("408", lambda: error(408, "invalid_api_usage", {"reason": "timed_out"}), OutcomeUnknownError, ProviderDownError),
    ("400", lambda: errors.bad_request("no").response("r"), OrderInvalidError, OutcomeUnknownError),
    ("404", lambda: errors.no_such_resource().response("r"), OrderInvalidError, OutcomeUnknownError),
    (
        "422",
        lambda: errors.invalid_field("/payments/amount", "no").response("r"),
        OrderInvalidError,
        OutcomeUnknownError,
    ),
    (
        "a customer whose data was removed",
        lambda: error(410, "invalid_api_usage", {"reason": "customer_data_removed"}),
        OrderRefusedError,
        OutcomeUnknownError,
    ),
    (
        "a bank account that was disabled",
        lambda: error(422, "invalid_state", {"reason": "bank_account_disabled"}),
        OrderRefusedError,
        OutcomeUnknownError,
    ),
    (
        "a status of a payment that is new",
        lambda: Response.of(200, {"payments": {"id": "PM1", "status": "new"}}),
        OutcomeUnknownError,
        OutcomeUnknownError,
    ),
]


@pytest.mark.parametrize(
    ("answer", "collecting", "looking"), [row[1:] for row in FAILURES], ids=[r[0] for r in FAILURES]
)
def test_every_error_says_what_to_do(
    case: Case, answer: Callable[[], Response], collecting: type[Exception], looking: type[Exception]
) -> None:
    case.interference.answers |= {"payments.create": answer, "payments.get": answer}
    with pytest.raises(collecting) as collected:
        case.gateway.collect(an_order())
    assert type(collected.value) is collecting
    with pytest.raises(looking) as looked:
        case.gateway.look_up(an_order(reference="PM1"))
    assert type(looked.value) is looking
    assert case.requests() == {"payments.create": 1, "payments.get": 1}
    assert DEFAULT_ACCESS_TOKEN not in f"{collected.value} {looked.value}"


@pytest.mark.parametrize("answer", [row[1] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_whatever_hides_an_existing_payment_it_is_never_reported_as_not_made(
    case: Case, answer: Callable[[], Response]
) -> None:
    case.gateway.collect(an_order())
    case.interference.answers["payments.get"] = answer
    with pytest.raises(OutcomeUnknownError):
        case.gateway.collect(an_order())


def test_a_conflict_that_names_no_payment_is_an_unknown_outcome(case: Case) -> None:
    conflict = error(409, "invalid_state", {"reason": "idempotent_creation_conflict"})
    case.interference.answers["payments.create"] = lambda: conflict
    with pytest.raises(OutcomeUnknownError):
        case.gateway.collect(an_order())


def test_a_list_without_the_requested_member_is_not_an_empty_list(case: Case) -> None:
    case.interference.answers["payments.list"] = lambda: Response.of(200, {"mandates": {}})
    with pytest.raises(ProviderDownError):
        case.gateway.look_up(an_order())


def test_fields_that_gocardless_does_not_accept_are_our_mistake(case: Case) -> None:
    with pytest.raises(OrderInvalidError) as refused:
        case.gateway.collect(an_order("MD0"))
    assert refused.value.code == "invalid mandate"


def test_a_token_that_gocardless_does_not_accept_stops_everything(case: Case) -> None:
    with serving({"/gocardless": case.sandbox}) as url:
        refused = GoCardlessGateway("wrong", f"{url}/gocardless/")
        with pytest.raises(ProviderRefusedError):
            refused.check()
        for call in (refused.collect, refused.look_up, refused.withdraw):
            with pytest.raises(ProviderRefusedError):
                call(an_order())


def test_when_gocardless_refuses_the_connection_we_try_later_even_for_money() -> None:
    with listen() as listener:
        port = listener.getsockname()[1]
    gateway = GoCardlessGateway(DEFAULT_ACCESS_TOKEN, f"http://127.0.0.1:{port}")
    for call in (gateway.collect, gateway.look_up):
        with pytest.raises(ProviderDownError):
            call(an_order())


@pytest.mark.parametrize("how", LOSSES)
def test_an_answer_lost_after_the_effect_is_unknown_and_then_found(broken: Broken, how: Fault) -> None:
    gateway, order = broken.gateway(), an_order()
    broken.loses(how)
    with pytest.raises(OutcomeUnknownError):
        gateway.collect(order)
    assert broken.sandbox.request_counts() == {"payments.create": {201: 1}}, "no hidden repetition"

    found = gateway.look_up(order)
    assert isinstance(found.outcome, InProgress)
    assert gateway.collect(order).reference == found.reference


@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_answer_that_moves_no_money_means_try_later(broken: Broken, how: Fault) -> None:
    gateway = broken.gateway()
    reference = gateway.collect(an_order()).reference
    broken.loses(how, count=4)
    for call in (gateway.look_up, gateway.withdraw):
        with pytest.raises(ProviderDownError):
            call(an_order(reference=reference))
    with pytest.raises(ProviderDownError):
        gateway.register(customer())
    with pytest.raises(ProviderDownError):
        list(gateway.collected_for(OCTOBER, datetime.now(UTC)))
    assert isinstance(gateway.look_up(an_order(reference=reference)).outcome, InProgress)


def test_a_withdrawal_whose_answer_is_lost_can_be_repeated(broken: Broken) -> None:
    gateway = broken.gateway()
    order = an_order(reference=gateway.collect(an_order()).reference)
    broken.loses(Fault.RESET, "payments.cancel")
    with pytest.raises(ProviderDownError):
        gateway.withdraw(order)
    assert outcome(gateway.withdraw(order)).code == "payment_cancelled"


def test_calls_share_a_connection(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = []
    connect = urllib3.connection.HTTPConnection.connect

    def counted(connection: urllib3.connection.HTTPConnection) -> None:
        connections.append(connection)
        connect(connection)

    monkeypatch.setattr(urllib3.connection.HTTPConnection, "connect", counted)
    gateway = broken.gateway()
    for number in range(5):
        gateway.collect(an_order(payment_id=f"2026-10/{number}"))
    assert len(connections) == 1


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
