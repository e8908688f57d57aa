"""What Stripe's refusals mean for us: which are declines, which are our mistakes, and which are neither."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import stripe

from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.domain.payments.declines import CUSTOMER_DELETED, METHOD_DETACHED, DeclineKind, decline
from monthclose.errors import (
    ObjectBusyError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    PayerGoneError,
    RateLimitedError,
)
from monthclose.ports import ChargeOrder, Collected, FoundRefund, NotCollected, RefundFate, RefundOrder, Refused
from sandbox.stripe import StripeSandbox
from sandbox.web.testing import serving
from sandbox.wire import JSON, Execution, Proceed, Response
from tests.world import OCTOBER


@dataclass
class Interference:
    """A layer that answers in Stripe's place, or changes what it answers, by endpoint."""

    answers: dict[str, Callable[[Proceed], Response]] = field(default_factory=dict)

    def __call__(self, execution: Execution, proceed: Proceed) -> Response:
        answer = self.answers.get(execution.endpoint)
        return answer(proceed) if answer else proceed()

    def refuses(self, endpoint: str, status: int = 400, **error: Any) -> None:
        body = {"error": {"type": "invalid_request_error", "message": "No.", **error}}
        self.answers[endpoint] = lambda _: Response.of(status, body)

    def adds(self, endpoint: str, change: Callable[[JSON], object]) -> None:
        def changed(proceed: Proceed) -> Response:
            answer = proceed()
            document = answer.json()
            change(document)
            return Response.of(answer.status, document, answer.headers)

        self.answers[endpoint] = changed


@dataclass
class Case:
    gateway: StripeGateway
    stripe: Interference
    url: str

    def post(self, path: str, **fields: str) -> JSON:
        headers = {"Authorization": "Bearer sk_test_sandbox"}
        answer = httpx.post(f"{self.url}/v1/{path}", data=fields, headers=headers).raise_for_status().json()
        assert isinstance(answer, dict)
        return answer

    def register(self, version: int = 1) -> str:
        profile = Profile("Acme", "a@acme.example", "USD", "stripe", "pm_x")
        return self.gateway.register(Customer("acme", profile, version=version))

    def attached(self, payer: str) -> str:
        return str(self.post("payment_methods/pm_card_visa/attach", customer=payer)["id"])

    def order(self, method: str = "pm_card_visa", payer: str = "", **more: Any) -> ChargeOrder:
        return ChargeOrder(
            payment_id="2026-10/acme",
            attempt=1,
            amount=Money(1234, "USD"),
            invoice_number="INV-1",
            period=OCTOBER,
            customer_id="acme",
            provider_customer_id=payer or self.register(),
            payment_method=method,
            since=datetime.now(UTC),
            **more,
        )

    def prepared(self, order: ChargeOrder) -> ChargeOrder:
        return replace(order, reference=self.gateway.prepare(order))


@pytest.fixture(scope="module")
def _served() -> Iterator[Case]:
    interference = Interference()
    http_client = stripe.HTTPXClient(allow_sync_methods=True)
    with serving({"/v1": StripeSandbox(around_execution=interference)}) as url:
        yield Case(StripeGateway("sk_test_sandbox", url, http_client), interference, url)
    http_client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def case(_served: Case) -> Case:
    _served.stripe.answers.clear()
    httpx.post(f"{_served.url}/_sandbox/reset").raise_for_status()
    return _served


DECLINING = "pm_card_chargeDeclined"


def advising(**advice: str) -> Callable[[JSON], None]:
    def add(document: JSON) -> None:
        for holder in (document.get("error"), document.get("last_payment_error")):
            if holder:
                holder.update({"advice_code": None, "network_advice_code": None} | advice)

    return add


@pytest.mark.parametrize(
    ("advice", "kept", "kind"),
    [
        ({"advice_code": "do_not_try_again", "network_advice_code": "02"}, "do_not_try_again", DeclineKind.HARD),
        ({"advice_code": "confirm_card_data"}, "confirm_card_data", DeclineKind.HARD),
        ({"advice_code": "try_again_later"}, "try_again_later", DeclineKind.SOFT),
        ({"network_advice_code": "03"}, "03", DeclineKind.HARD),
        ({}, "", DeclineKind.SOFT),
    ],
)
def test_stripes_advice_with_a_decline_is_kept_at_once_and_on_lookup(
    case: Case, advice: dict[str, str], kept: str, kind: DeclineKind
) -> None:
    for endpoint in ("payment_intents.confirm", "payment_intents.retrieve"):
        case.stripe.adds(endpoint, advising(**advice))
    order = case.prepared(case.order(DECLINING))
    for answer in (case.gateway.collect(order), case.gateway.look_up(order)):
        assert isinstance(answer.outcome, Refused)
        assert (answer.outcome.code, answer.outcome.advice) == ("generic_decline", kept)
        assert decline("stripe", answer.outcome.code, answer.outcome.advice).kind is kind


@pytest.mark.parametrize(
    ("error", "failure", "code"),
    [
        ({"code": "payment_intent_payment_attempt_failed"}, "account_closed", "account_closed"),
        ({"code": "payment_method_provider_decline"}, "authorization_revoked", "authorization_revoked"),
        ({"code": "payment_method_provider_decline"}, None, "payment_method_provider_decline"),
        ({"code": "debit_not_authorized"}, "debit_not_authorized", "debit_not_authorized"),
        ({"code": "card_declined", "decline_code": "stolen_card"}, "card_declined", "stolen_card"),
        ({}, "insufficient_funds", "insufficient_funds"),
        ({}, None, "declined"),
    ],
)
def test_a_bank_debit_that_fails_days_later_says_why(
    case: Case, error: dict[str, str], failure: str | None, code: str
) -> None:
    order = case.prepared(case.order("pm_sandbox_processing"))
    case.gateway.collect(order)
    httpx.post(f"{case.url}/_sandbox/stripe/payment_intents/{order.reference}/settle", json={"succeeds": False})

    def failed(document: JSON) -> None:
        document["last_payment_error"] = {"type": "card_error", "message": "No.", **error}
        document["latest_charge"]["failure_code"] = failure

    case.stripe.adds("payment_intents.retrieve", failed)
    outcome = case.gateway.look_up(order).outcome
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize(
    "code", ["payment_method_bank_account_blocked", "payment_intent_mandate_invalid", "bank_account_unverified"]
)
@pytest.mark.parametrize("endpoint", ["payment_intents.create", "payment_intents.confirm"])
def test_a_bank_account_that_cannot_be_debited_is_a_decline_in_any_kind_of_error(
    case: Case, endpoint: str, code: str
) -> None:
    case.stripe.refuses(endpoint, code=code)
    with pytest.raises(OrderRefusedError) as refused:
        case.gateway.collect(case.prepared(case.order()))
    assert type(refused.value) is OrderRefusedError
    assert refused.value.code == code


def test_a_detached_card_is_a_decline_even_on_confirmation(case: Case) -> None:
    order = case.prepared(case.order(case.attached(payer := case.register()), payer))
    detached = {"id": order.payment_method, "object": "payment_method", "type": "card", "customer": None}
    case.stripe.refuses("payment_intents.confirm", param="payment_method")
    case.stripe.answers["payment_methods.retrieve"] = lambda _: Response.of(200, detached)
    with pytest.raises(OrderRefusedError) as refused:
        case.gateway.collect(order)
    assert (type(refused.value), refused.value.code) == (OrderRefusedError, METHOD_DETACHED)


def test_a_card_of_another_customer_is_our_mistake(case: Case) -> None:
    order = case.order(case.attached(case.register(1)), case.register(2))
    with pytest.raises(OrderInvalidError) as refused:
        case.gateway.prepare(order)
    assert type(refused.value) is OrderInvalidError


def test_a_deleted_customer_is_told_from_one_who_never_existed(case: Case) -> None:
    order = case.order(payer="cus_gone")
    with pytest.raises(PayerGoneError) as gone:
        case.gateway.prepare(order)
    assert not gone.value.deleted

    deleted = {"id": "cus_gone", "object": "customer", "deleted": True}
    case.stripe.answers["customers.retrieve"] = lambda _: Response.of(200, deleted)
    with pytest.raises(PayerGoneError) as gone:
        case.gateway.prepare(order)
    assert gone.value.deleted
    assert gone.value.code == CUSTOMER_DELETED


def test_a_deleted_customer_has_nothing_waiting_to_be_collected(case: Case) -> None:
    case.stripe.refuses("payment_intents.list", code="resource_missing", param="customer")
    assert isinstance(case.gateway.look_up(case.order(payer="cus_gone")).outcome, NotCollected)


def test_a_customer_with_another_id_at_stripe_pays_by_another_payment_intent_and_the_first_is_dead(case: Case) -> None:
    first, second = case.register(1), case.register(2)
    old = case.prepared(case.order(case.attached(first), first))
    new = replace(old, attempt=2, provider_customer_id=second, payment_method=case.attached(second))
    again = case.prepared(new)
    assert again.reference != old.reference
    assert isinstance(case.gateway.collect(again).outcome, Collected)
    assert isinstance(case.gateway.collect(old).outcome, Refused)
    assert len(httpx.get(f"{case.url}/_sandbox/charges").json()) == 1


def test_a_payment_intent_collected_meanwhile_is_kept_whichever_customer_it_belongs_to(case: Case) -> None:
    first, second = case.register(1), case.register(2)
    old = case.prepared(case.order(case.attached(first), first))
    assert isinstance(case.gateway.collect(old).outcome, Collected)
    new = replace(old, attempt=2, provider_customer_id=second, payment_method=case.attached(second))
    assert case.gateway.prepare(new) == old.reference


def charge_and_look(case: Case) -> None:
    order = case.prepared(case.order())
    case.gateway.collect(order)
    case.gateway.look_up(order)


@pytest.mark.parametrize("endpoint", ["payment_intents.create", "payment_intents.confirm", "payment_intents.retrieve"])
@pytest.mark.parametrize("code", ["lock_timeout", "payment_intent_rate_limit_exceeded"])
def test_a_429_for_one_object_is_not_a_rate_limit(case: Case, endpoint: str, code: str) -> None:
    case.stripe.refuses(endpoint, 429, code=code)
    with pytest.raises(ObjectBusyError):
        charge_and_look(case)


@pytest.mark.parametrize("error", [{"code": "rate_limit"}, {}])
def test_any_other_429_is_a_rate_limit(case: Case, error: dict[str, str]) -> None:
    case.stripe.refuses("payment_intents.confirm", 429, **error)
    with pytest.raises(RateLimitedError):
        case.gateway.collect(case.prepared(case.order()))


def test_a_payment_intent_cancelled_between_reading_and_confirming_it_is_not_a_decline(case: Case) -> None:
    order = case.prepared(case.order())

    def too_late(proceed: Proceed) -> Response:
        case.post(f"payment_intents/{order.reference}/cancel")
        return proceed()

    case.stripe.answers["payment_intents.confirm"] = too_late
    outcome = case.gateway.collect(order).outcome
    assert isinstance(outcome, Refused)
    assert outcome.code == "canceled"


def test_a_refund_that_waits_for_money_in_our_balance_is_found_and_has_given_nothing_yet(case: Case) -> None:
    payer = case.register()
    order = case.prepared(case.order(case.attached(payer), payer))
    reference = case.gateway.collect(order).reference
    asked = RefundOrder("2026-10/acme/refund/1", reference, Money(400, "USD"), 0, datetime.now(UTC))
    waits = {"payment_intent": reference, "amount": 400, "status": "pending", "reason": "insufficient_funds"}
    made = httpx.post(f"{case.url}/_sandbox/stripe/refunds", json=waits).raise_for_status().json()["id"]
    case.post(f"refunds/{made}", **{"metadata[refund]": asked.name})

    for status, fate in ((None, RefundFate.WAITING), ("succeeded", RefundFate.GIVEN), ("failed", RefundFate.FAILED)):
        if status:
            moved = httpx.post(f"{case.url}/_sandbox/stripe/refunds/{made}/move", json={"status": status})
            moved.raise_for_status()
        outcome = case.gateway.look_up(replace(order, reference=reference)).outcome
        assert isinstance(outcome, Collected)
        assert (case.gateway.find_refund(asked), outcome.refunded_minor) == (
            FoundRefund(made, fate),
            400 if fate is RefundFate.GIVEN else 0,
        )


def test_that_stripe_refuses_to_list_refunds_says_nothing_of_the_refund(case: Case) -> None:
    case.stripe.refuses("refunds.list", code="parameter_unknown")
    with pytest.raises(OutcomeUnknownError, match="does not list the refunds"):
        case.gateway.find_refund(RefundOrder("name", "pi_1", Money(400, "USD"), 0, datetime.now(UTC)))
