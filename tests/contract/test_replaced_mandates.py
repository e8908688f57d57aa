"""Mandates that GoCardless replaces by itself: payments continue by the new one, and nobody is debited twice."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.errors import MethodReplacedError, OrderInvalidError, OutcomeUnknownError
from monthclose.ports import Answer, ChargeOrder, InProgress
from monthclose.use_cases.payments.charge_payment import Charger
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.errors import GoCardlessError
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.web.testing import serving
from sandbox.wire import Execution, Proceed, Response
from tests.sandbox.gocardless_driving import Wire
from tests.unit.any import an_invoice
from tests.world import OCTOBER, World


@dataclass
class Replacing:
    """Replaces mandates, as when the creditor gets an identifier of its own ("Mandates", `replaced`).

    A payment by the old one is refused even under a key that has created it before, and the old one lists none: they
    all have gone to the new one.
    """

    successors: dict[str, str] = field(default_factory=dict)
    tells: bool = True
    """Whether the error names the new mandate."""

    def __call__(self, execution: Execution, proceed: Proceed) -> Response:
        answer = getattr(self, execution.endpoint.replace(".", "_"), None)
        return answer(execution, proceed) if answer else proceed()

    def payments_create(self, execution: Execution, proceed: Proceed) -> Response:
        links = json.loads(execution.request.body)["payments"]["links"]
        new = self.successors.get(links["mandate"])
        if new is None:
            return proceed()
        detail = {"links": {"new_mandate": new}} if self.tells else {}
        message = "The mandate has been replaced"
        return GoCardlessError(422, "invalid_state", message, reason="mandate_replaced", detail=detail).response("RQ1")

    def payments_list(self, execution: Execution, proceed: Proceed) -> Response:
        old = [mandate for mandate in self.successors if f"mandate={mandate}" in execution.request.query]
        return Response.of(200, {"payments": [], "meta": {"cursors": {}, "limit": 50}}) if old else proceed()

    def mandates_get(self, execution: Execution, proceed: Proceed) -> Response:
        answer = proceed()
        if answer.status != 200:
            return answer
        document = answer.json()
        new = self.successors.get(document["mandates"]["id"])
        if new is not None:
            document["mandates"]["links"]["new_mandate"] = new
        return Response.of(200, document)


@dataclass
class Case:
    """A gateway, its sandbox, and a customer there with two mandates on one bank account."""

    gateway: GoCardlessGateway
    sandbox: GoCardlessSandbox
    replacing: Replacing
    payer: str
    old: str
    new: str

    def replace_mandate(self) -> None:
        self.replacing.successors[self.old] = self.new

    def payments(self) -> list[Any]:
        found = Wire(self.sandbox).get(f"payments?customer={self.payer}").json()["payments"]
        return [(payment["links"]["mandate"], payment["metadata"]["payment"]) for payment in found]


def a_payer(wire: Wire) -> tuple[str, str, str]:
    """Create a customer with two mandates."""
    person = {"given_name": "A", "family_name": "B", "email": "a@acme.example"}
    payer = wire.post("customers", {"customers": person}).json()["customers"]["id"]
    account = {
        "account_holder_name": "A B",
        "country_code": "DE",
        "currency": "EUR",
        "iban": "DE89370400440532013000",
        "links": {"customer": payer},
    }
    bank = wire.post("customer_bank_accounts", {"customer_bank_accounts": account}).json()["customer_bank_accounts"]
    links = {"customer_bank_account": bank["id"]}
    old, new = (
        wire.post("mandates", {"mandates": {"scheme": "sepa_core", "links": links}}).json()["mandates"]["id"]
        for _ in range(2)
    )
    return payer, old, new


@contextmanager
def gocardless() -> Iterator[Case]:
    replacing = Replacing()
    sandbox = GoCardlessSandbox(around_execution=replacing)
    with serving({"/gocardless": sandbox}) as url:
        gateway = GoCardlessGateway(DEFAULT_ACCESS_TOKEN, f"{url}/gocardless")
        yield Case(gateway, sandbox, replacing, *a_payer(Wire(sandbox)))


@pytest.fixture
def case() -> Iterator[Case]:
    with gocardless() as made:
        yield made


def an_order(mandate: str) -> ChargeOrder:
    return ChargeOrder(
        payment_id="2026-10/acme",
        attempt=1,
        amount=Money(10_000, "EUR"),
        invoice_number="INV-1",
        period=OCTOBER,
        customer_id="acme",
        provider_customer_id="",
        payment_method=mandate,
        since=datetime.now(UTC),
    )


@pytest.mark.parametrize("tells", [True, False], ids=["named in the error", "named by the old mandate"])
def test_a_mandate_that_was_replaced_names_the_one_in_its_place(case: Case, *, tells: bool) -> None:
    assert case.gateway.successor(case.old) == ""
    case.replacing.tells = tells
    case.replace_mandate()
    with pytest.raises(MethodReplacedError) as replaced:
        case.gateway.collect(an_order(case.old))
    assert replaced.value.method == case.new
    assert case.gateway.successor(case.old) == case.new
    assert case.payments() == []


def test_a_mandate_that_was_replaced_again_and_again_names_the_last(case: Case) -> None:
    _, newer, newest = a_payer(Wire(case.sandbox))
    case.replacing.successors |= {case.old: case.new, case.new: newer, newer: newest}
    assert case.gateway.successor(case.old) == newest
    case.replacing.successors[newest] = case.old  # nobody knows why, and it must not hang
    assert case.gateway.successor(case.old) == newest


def test_a_mandate_replaced_by_none_is_left_to_a_person(case: Case) -> None:
    case.replacing.tells = False
    case.replacing.successors[case.old] = ""
    with pytest.raises(OrderInvalidError) as refused:
        case.gateway.collect(an_order(case.old))
    assert refused.value.code == "mandate_replaced"


def test_a_payment_whose_answer_was_lost_is_found_after_its_mandate_was_replaced(case: Case) -> None:
    reference = case.gateway.collect(an_order(case.old)).reference
    case.replace_mandate()
    for mandate in (case.old, case.new):
        assert case.gateway.look_up(an_order(mandate)).reference == reference
    other = replace(an_order(case.old), payment_method="MD_OK_other")
    assert case.gateway.look_up(other).reference == "", "another customer's mandate is another search"


def test_an_event_about_a_mandate_leads_to_its_customers_payment(case: Case) -> None:
    assert case.gateway.payment_of(case.old) == ""
    case.gateway.collect(an_order(case.old))
    assert case.gateway.payment_of(case.old) == case.gateway.payment_of(case.new) == "2026-10/acme"
    assert case.gateway.payment_of("MD0") == ""


class LosesAnswers:
    """A gateway whose next collection's answer is lost after it took effect."""

    def __init__(self, gateway: GoCardlessGateway) -> None:
        self._gateway, self.loses = gateway, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def collect(self, order: ChargeOrder) -> Answer:
        answer = self._gateway.collect(order)
        if self.loses:
            self.loses = False
            raise OutcomeUnknownError("the answer is lost")
        return answer


def charging(case: Case, gateway: Any) -> tuple[World, Charger]:
    world = World()
    world.clock.now = datetime.now(UTC)
    profile = Profile("Acme", "a@acme.example", "EUR", "gocardless", case.old)
    world.books.commit(Customer("acme", profile, account_currency="EUR", receivable_minor=10_000))
    invoice = replace(an_invoice(10_000), customer_id="acme", currency="EUR")
    world.books.commit(invoice, Payment("acme", OCTOBER, "gocardless", "EUR"))
    return world, Charger(world.books, gateway, world.clock)


def test_nobody_is_debited_twice_when_an_answer_is_lost_and_the_mandate_is_replaced(case: Case) -> None:
    world, charger = charging(case, LosesAnswers(case.gateway))
    key = PaymentKey("acme", OCTOBER)
    assert charger.charge(key) is PaymentState.UNKNOWN
    case.replace_mandate()
    for _ in range(3):  # hours later too, when the attempt may be given up
        world.clock.now += timedelta(hours=2)
        assert charger.charge(key) is PaymentState.PENDING
    assert case.payments() == [(case.old, "2026-10/acme#1")]


def test_a_charge_by_a_replaced_mandate_continues_by_the_new_one_which_is_remembered(case: Case) -> None:
    case.replace_mandate()
    world, charger = charging(case, case.gateway)
    assert charger.charge(PaymentKey("acme", OCTOBER)) is PaymentState.PENDING
    assert case.payments() == [(case.new, "2026-10/acme#1")]
    customer = world.customer("acme")
    assert (customer.profile.payment_method, customer.payment_method) == (case.old, case.new)
    world.directory.put_profiles([("acme", customer.profile)])  # next month's import names the old one again
    assert world.customer("acme").payment_method == case.new
    assert charger.look_up(PaymentKey("acme", OCTOBER)) is PaymentState.PENDING
    assert isinstance(case.gateway.look_up(an_order(case.old)).outcome, InProgress)
