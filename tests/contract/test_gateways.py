"""What every payment gateway promises: the fake, and each real adapter against its sandbox.

A further provider is one more entry in `GATEWAYS` (docs/adding-a-provider.md).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import stripe

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.domain.payments.declines import DeclineKind, decline
from monthclose.domain.payments.payment import CANCELED
from monthclose.errors import OrderInvalidError, OrderRefusedError, ProviderRefusedError, TryLaterError
from monthclose.ports import (
    Answer,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    InProgress,
    NotCollected,
    PaymentGateway,
    Refused,
    Window,
)
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.stripe import StripeSandbox
from sandbox.web.testing import serving
from tests.fakes import FakeGateway
from tests.listing import collected, pages
from tests.world import OCTOBER


@dataclass
class Case:
    """A gateway, the payment methods it is tried with, and the money that really moved (payment and minor units)."""

    gateway: PaymentGateway
    methods: dict[str, str]
    moved: Callable[[], list[tuple[str, int]]]
    settle: Callable[[], object] = field(default=lambda: None)
    """Lets the days pass after which a provider knows an outcome."""

    def order(self, method: str = "pays", payment_id: str = "2026-10/acme", minor: int = 1234) -> ChargeOrder:
        customer_id = payment_id.partition("/")[2]
        profile = Profile("Acme", "billing@acme.example", "USD", self.gateway.provider, self.methods[method])
        return ChargeOrder(
            payment_id=payment_id,
            attempt=1,
            amount=Money(minor, "USD"),
            invoice_number="INV-1",
            period=OCTOBER,
            customer_id=customer_id,
            provider_customer_id=self.gateway.register(Customer(customer_id, profile)),
            payment_method=self.methods[method],
            since=datetime.now(UTC),
        )

    def prepared(self, order: ChargeOrder) -> ChargeOrder:
        """Prepare an order, and store its reference as the stage does."""
        return replace(order, reference=self.gateway.prepare(order))

    def collect(self, order: ChargeOrder) -> ChargeOutcome | NotCollected:
        """Collect an order, and wait for the outcome."""
        answer = self.gateway.collect(order)
        if not isinstance(answer.outcome, InProgress):
            return answer.outcome
        self.settle()
        return self.gateway.look_up(replace(order, reference=answer.reference)).outcome


@contextmanager
def fake() -> Iterator[Case]:
    gateway = FakeGateway()
    methods = {"pays": "ok", "no funds": "declined", "authenticate": "authenticate", "removed": "detached"}
    yield Case(gateway, methods, lambda: [(payment, amount.minor) for payment, amount in gateway.money_moved])


STRIPE_METHODS = {
    "pays": "pm_card_visa",
    "no funds": "pm_card_chargeDeclinedInsufficientFunds",
    "authenticate": "pm_card_authenticationRequired",
}


def a_detached_card(url: str) -> str:
    """A card that Stripe refuses from now on as it does one that was detached: it was used without a customer."""
    with httpx.Client(base_url=f"{url}/v1", headers={"Authorization": "Bearer sk_test_sandbox"}) as wire:
        card = str(wire.get("/payment_methods/pm_card_chargeDeclined").json()["id"])
        used = {"amount": "500", "currency": "usd", "payment_method": card, "confirm": "true", "off_session": "true"}
        assert wire.post("/payment_intents", data=used).status_code == 402
    return card


@contextmanager
def stripe_gateway() -> Iterator[Case]:
    with serving({"/v1": StripeSandbox()}) as url:

        def moved() -> list[tuple[str, int]]:
            charges = httpx.get(f"{url}/_sandbox/charges").json()
            return [(charge["metadata"]["payment"], charge["amount"]) for charge in charges]

        http_client = stripe.HTTPXClient(allow_sync_methods=True)
        gateway = StripeGateway("sk_test_sandbox", url, http_client)
        yield Case(gateway, {**STRIPE_METHODS, "removed": a_detached_card(url)}, moved)
        http_client.close()  # type: ignore[no-untyped-call]


GOCARDLESS_METHODS = {"pays": "MD_OK", "no funds": "MD_FAILS", "removed": "MD_CANCELLED"}


@contextmanager
def gocardless_gateway() -> Iterator[Case]:
    sandbox = GoCardlessSandbox()

    def moved() -> list[tuple[str, int]]:
        return [(row["metadata"]["payment"].rpartition("#")[0], row["amount"]) for row in sandbox.movements()]

    with serving({"/gocardless": sandbox}) as url:
        gateway = GoCardlessGateway(DEFAULT_ACCESS_TOKEN, f"{url}/gocardless")
        yield Case(gateway, GOCARDLESS_METHODS, moved, lambda: [*iter(sandbox.advance, [])])


GATEWAYS = {"fake": fake, "stripe": stripe_gateway, "gocardless": gocardless_gateway}
REUSING = ("fake", "stripe")
"""Those with one reference for all attempts of a payment, which is there before anything is collected."""
REMOVING = ("fake", "gocardless", "stripe")
"""Those at which payment methods can be removed; they have one that was."""


@pytest.fixture(params=GATEWAYS)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with GATEWAYS[request.param]() as made:
        yield made


@pytest.fixture(params=REUSING)
def reusing(request: pytest.FixtureRequest) -> Iterator[Case]:
    with GATEWAYS[request.param]() as made:
        yield made


def test_a_gateway_says_whether_it_keeps_one_reference_for_all_attempts(case: Case) -> None:
    assert case.gateway.one_order_per_payment == bool(case.gateway.prepare(case.order()))


def test_preparing_moves_no_money_and_collecting_does(case: Case) -> None:
    order = case.order()
    reference = case.gateway.prepare(order)
    assert case.moved() == []
    order = replace(order, reference=reference)
    assert isinstance(case.gateway.look_up(order).outcome, NotCollected)

    outcome = case.collect(order)

    assert isinstance(outcome, Collected)
    assert outcome.amount == order.amount
    assert outcome.request_id
    assert case.moved() == [("2026-10/acme", 1234)]


def test_repeating_a_call_answers_the_same_and_moves_nothing_more(case: Case) -> None:
    order = case.order()
    prepared = case.prepared(order)
    assert case.gateway.prepare(order) == prepared.reference
    for _ in range(3):
        assert isinstance(case.collect(prepared), Collected)
    assert isinstance(case.gateway.look_up(prepared).outcome, Collected)
    assert len(case.moved()) == 1


def test_a_new_attempt_on_a_paid_payment_intent_finds_it_paid() -> None:
    with stripe_gateway() as case:
        order = case.prepared(case.order())
        case.gateway.collect(order)
        again = replace(order, attempt=2, amount=Money(999, "USD"))
        assert case.gateway.prepare(again) == order.reference
        outcome = case.gateway.collect(again).outcome
        assert isinstance(outcome, Collected)
        assert outcome.amount == order.amount
        assert case.moved() == [("2026-10/acme", 1234)]


def test_a_decline_is_a_definite_no_with_its_code(case: Case) -> None:
    order = case.prepared(case.order("no funds"))
    for outcome in (case.collect(order), case.gateway.look_up(order).outcome):
        assert isinstance(outcome, Refused)
        assert outcome.code == "insufficient_funds"
        assert not outcome.needs_customer
    assert case.moved() == []


def test_stripe_says_the_cards_brand_with_a_collection_and_with_a_decline_at_once_and_on_lookup() -> None:
    with stripe_gateway() as case:
        for number, method in enumerate(("pays", "no funds"), 1):
            order = case.prepared(case.order(method, f"2026-10/customer{number}"))
            for outcome in (case.collect(order), case.gateway.look_up(order).outcome):
                assert isinstance(outcome, Collected | Refused)
                assert outcome.card_brand == "visa"


def test_a_charge_that_needs_the_customers_action_says_so(reusing: Case) -> None:
    outcome = reusing.gateway.collect(reusing.prepared(reusing.order("authenticate"))).outcome
    assert isinstance(outcome, Refused)
    assert outcome.needs_customer
    assert outcome.code == "authentication_required"


def test_a_reference_that_was_not_stored_is_found_again(reusing: Case) -> None:
    order = reusing.order()
    assert reusing.gateway.look_up(order) == Answer("", NotCollected())
    prepared = reusing.prepared(order)
    assert reusing.gateway.look_up(order) == Answer(prepared.reference, NotCollected())


def test_a_declined_order_is_retried_with_another_amount_and_method_and_collected_once(reusing: Case) -> None:
    refused = reusing.prepared(reusing.order("no funds"))
    reusing.gateway.collect(refused)
    again = replace(refused, attempt=2, amount=Money(999, "USD"), payment_method=reusing.methods["pays"])

    assert reusing.gateway.prepare(again) == refused.reference
    outcome = reusing.gateway.collect(again).outcome

    assert isinstance(outcome, Collected)
    assert outcome.amount == Money(999, "USD")
    assert reusing.moved() == [("2026-10/acme", 999)]


def test_what_an_earlier_attempt_was_refused_for_is_no_answer_to_one_that_was_not_asked_for(reusing: Case) -> None:
    refused = reusing.prepared(reusing.order("no funds"))
    reusing.gateway.collect(refused)
    again = replace(refused, attempt=2, payment_method=reusing.methods["pays"])
    assert reusing.gateway.look_up(again) == Answer(refused.reference, NotCollected())
    assert isinstance(reusing.gateway.look_up(refused).outcome, Refused)


def test_a_customer_who_is_there_is_sent_to_authenticate_and_one_who_is_not_is_not(reusing: Case) -> None:
    order = reusing.prepared(reusing.order("authenticate"))
    away = reusing.gateway.collect(order).outcome
    assert isinstance(away, Refused)
    assert not away.confirm_at
    there = replace(order, attempt=2, back="https://invoices.example.com/token?from=provider")
    outcome = reusing.gateway.collect(reusing.prepared(there)).outcome
    assert isinstance(outcome, Refused)
    assert outcome.needs_customer
    assert outcome.confirm_at.startswith("http")
    assert reusing.moved() == []


def test_a_customer_who_is_there_and_need_not_authenticate_has_paid(case: Case) -> None:
    order = replace(case.order(), back="https://invoices.example.com/token?from=provider")
    assert isinstance(case.collect(case.prepared(order)), Collected)
    assert case.moved() == [("2026-10/acme", 1234)]


def test_an_order_that_was_cancelled_is_never_collected_and_another_takes_its_place(reusing: Case) -> None:
    order = reusing.prepared(reusing.order())
    reusing.gateway.withdraw(order)
    for answer in (reusing.gateway.look_up(order), reusing.gateway.collect(order)):
        assert isinstance(answer.outcome, Refused)
        assert answer.outcome.code == CANCELED
    assert reusing.moved() == []

    again = reusing.prepared(replace(order, attempt=2))
    assert again.reference != order.reference
    assert isinstance(reusing.gateway.collect(again).outcome, Collected)
    assert isinstance(reusing.gateway.collect(order).outcome, Refused)
    assert reusing.moved() == [("2026-10/acme", 1234)]


@pytest.mark.parametrize("name", REMOVING)
def test_a_payment_method_removed_at_the_provider_is_a_decline_and_not_our_mistake(name: str) -> None:
    with GATEWAYS[name]() as case:
        with pytest.raises(OrderRefusedError) as refused:
            case.gateway.collect(case.prepared(case.order("removed")))
        assert not isinstance(refused.value, OrderInvalidError)
        assert decline(case.gateway.provider, refused.value.code).kind is DeclineKind.HARD
        assert case.moved() == []


def test_a_payment_method_that_nothing_has_replaced_has_no_successor(case: Case) -> None:
    assert case.gateway.successor(case.methods["pays"]) == ""


def test_a_withdrawn_order_is_never_collected_and_the_next_attempt_has_another_reference(reusing: Case) -> None:
    order = reusing.prepared(reusing.order("authenticate"))
    reusing.gateway.collect(order)
    assert isinstance(reusing.gateway.withdraw(order).outcome, Refused)
    assert isinstance(reusing.gateway.look_up(order).outcome, Refused)
    assert reusing.moved() == []


def test_an_order_never_sent_for_collection_is_not_collected_after_it_was_withdrawn(case: Case) -> None:
    order = case.prepared(case.order())
    assert isinstance(case.gateway.withdraw(order).outcome, Refused | NotCollected)
    case.settle()
    assert case.moved() == []


def test_a_further_attempt_after_a_decline_collects_once(case: Case) -> None:
    refused = case.prepared(case.order("no funds"))
    case.collect(refused)
    reference = refused.reference if case.gateway.one_order_per_payment else ""
    again = replace(refused, attempt=2, payment_method=case.methods["pays"], reference=reference)
    assert isinstance(case.collect(case.prepared(again)), Collected)
    assert case.moved() == [("2026-10/acme", 1234)]


def test_a_collected_payment_cannot_be_withdrawn(case: Case) -> None:
    order = case.prepared(case.order())
    case.collect(order)
    assert isinstance(case.gateway.withdraw(order).outcome, Collected)


def test_the_providers_object_names_our_payment_and_anybody_elses_names_none(case: Case) -> None:
    order = case.prepared(case.order(payment_id="2026-10.2/a/c#me"))
    reference = order.reference or case.gateway.collect(order).reference
    assert case.gateway.payment_of(reference) == "2026-10.2/a/c#me"
    assert case.gateway.payment_of("of_somebody_else") == ""


def test_a_gateway_with_a_valid_key_passes_the_check(case: Case) -> None:
    case.gateway.check()


def test_the_provider_lists_what_it_collected_for_a_period(case: Case) -> None:
    for number in range(3):
        order = case.order(payment_id=f"2026-10/c{number}", minor=1000 + number)
        case.collect(case.prepared(order))
    declined = case.order("no funds", payment_id="2026-10/declined")
    case.collect(case.prepared(declined))
    charges = collected(case.gateway, OCTOBER, datetime.now(UTC) - timedelta(minutes=1))
    assert sorted((charge.payment_id, charge.minor) for charge in charges) == [
        (f"2026-10/c{number}", 1000 + number) for number in range(3)
    ]
    assert collected(case.gateway, OCTOBER.next, datetime.now(UTC) - timedelta(minutes=1)) == []


def test_windows_of_the_list_share_nothing_and_leave_nothing_out(case: Case) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        case.collect(case.prepared(case.order(payment_id=f"2026-10/c{number}")))
    begin = now - timedelta(hours=2)
    for cuts in ([now - timedelta(hours=1)], [now + timedelta(hours=1)], [now - timedelta(hours=1), now]):
        charges = collected(case.gateway, OCTOBER, begin, *cuts)
        assert sorted(charge.payment_id for charge in charges) == [f"2026-10/c{number}" for number in range(3)]
    before = pages(case.gateway, OCTOBER, Window(begin, now - timedelta(hours=1)))
    assert [charge for page in before for charge in page.charges] == []


def test_every_gateway_accepts_what_it_says_it_accepts(case: Case) -> None:
    limits = case.gateway.charge_limits("GBP")
    assert limits
    least = limits.cut(limits.smallest_minor).charge_minor

    def order(payment_id: str, minor: int) -> ChargeOrder:
        return replace(case.order(payment_id=payment_id), amount=Money(minor, "GBP"))

    assert isinstance(case.collect(case.prepared(order("2026-10/least", least))), Collected)
    if least > 1:
        with pytest.raises(OrderRefusedError, match="below_minimum"):
            case.gateway.collect(case.prepared(order("2026-10/little", least - 1)))
    if limits.largest_minor:
        with pytest.raises(OrderRefusedError, match="above_maximum"):
            case.gateway.collect(case.prepared(order("2026-10/much", limits.largest_minor + 1)))


def test_an_order_with_a_payment_method_that_does_not_exist_is_our_mistake() -> None:
    with stripe_gateway() as case:
        case.methods["wrong"] = "pm_of_another_account"
        with pytest.raises(OrderInvalidError) as refused:
            case.gateway.prepare(case.order("wrong"))
    assert refused.value.code == "resource_missing"


def test_a_customer_with_an_id_that_no_header_can_carry_is_charged() -> None:
    with stripe_gateway() as case:
        order = case.order(payment_id="2026-10/Łódź-1" + "x" * 240)
        assert isinstance(case.gateway.collect(case.prepared(order)).outcome, Collected)


def test_a_key_that_stripe_does_not_accept_stops_everything() -> None:
    with stripe_gateway() as case:
        order = case.order()
        with serving({"/v1": StripeSandbox()}) as url:
            refused = StripeGateway("sk_test_wrong", url)
            for call in (lambda: refused.prepare(order), lambda: refused.collect(order), refused.check):
                with pytest.raises(ProviderRefusedError):
                    call()


def test_when_stripe_cannot_be_reached_before_money_moves_we_try_later() -> None:
    with stripe_gateway() as case:
        order = case.order()
    with pytest.raises(TryLaterError):
        case.gateway.prepare(order)
