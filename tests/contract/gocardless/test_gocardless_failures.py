"""What GoCardless' gateway makes of errors and of lost answers: a payment that exists is never called undone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import urllib3

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.errors import (
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    ProviderRefusedError,
    RateLimitedError,
)
from monthclose.ports import InProgress, Window
from sandbox.chaos.faults import Fault
from sandbox.gocardless import errors
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.web.server import listen
from sandbox.web.testing import serving
from sandbox.wire import Response
from tests.contract.gocardless.case import Broken, Case, an_order, customer, error, html, outcome
from tests.world import OCTOBER

if TYPE_CHECKING:
    from collections.abc import Callable


LOSSES = [fault for fault in Fault if fault.loses_answer]


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
        gateway.collected_for(OCTOBER, Window(datetime.now(UTC)))
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
