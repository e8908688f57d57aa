"""What every provider's pages promise: the fake, and each real adapter against its sandbox, filled in by a customer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.adapters.gocardless.pages import GoCardlessPages
from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.adapters.stripe.pages import StripePages
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.errors import OrderRefusedError, ProviderRefusedError
from monthclose.ports import (
    ChargeOrder,
    Collected,
    HostedPages,
    InProgress,
    OpenedPage,
    PageOrder,
    PageState,
    PaymentGateway,
)
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.stripe import StripeSandbox
from sandbox.web.testing import serving
from tests.fakes import FakeGateway, FakePages
from tests.sandbox.browsing import Customer as Visitor
from tests.world import OCTOBER

BACK = "https://invoices.example.com/token?from=provider"


@dataclass
class Case:
    """A provider's pages, and what a customer does on one."""

    pages: HostedPages
    gateway: PaymentGateway
    fill_in: Callable[[OpenedPage], object]
    currency: str = "GBP"

    def order(self, customer_id: str = "acme") -> PageOrder:
        profile = Profile("Acme Ltd", "billing@acme.example", self.currency, self.pages.provider)
        payer = self.gateway.register(Customer(customer_id, profile)) if self.pages.needs_payer else ""
        return PageOrder(customer_id, payer, self.currency, profile.name, profile.email, BACK, datetime.now(UTC))


@contextmanager
def fake() -> Iterator[Case]:
    pages = FakePages()
    yield Case(pages, FakeGateway(), lambda page: pages.give(page.reference, "ok"))


@contextmanager
def stripe_pages() -> Iterator[Case]:
    sandbox = StripeSandbox()

    def fill_in(page: OpenedPage) -> None:
        visitor = Visitor(sandbox.page).open(page.url)
        visitor.submit(kind="card", number="4242 4242 4242 4242", expiry="12 / 34", cvc="123")
        assert visitor.url.startswith(BACK)

    with serving({"/v1": sandbox}) as url:
        client = stripe.HTTPXClient(allow_sync_methods=True)
        pages, gateway = (made("sk_test_sandbox", url, client) for made in (StripePages, StripeGateway))
        assert isinstance(pages, StripePages)
        assert isinstance(gateway, StripeGateway)
        yield Case(pages, gateway, fill_in)
        client.close()  # type: ignore[no-untyped-call]


PERSON = {"given_name": "Ada", "family_name": "Lovelace", "email": "ada@acme.example"}
ACCOUNT = {"account_holder_name": "Acme", "iban": "DE89 3704 0044 0532 0130 00"}


@contextmanager
def gocardless_pages() -> Iterator[Case]:
    sandbox = GoCardlessSandbox()

    def fill_in(page: OpenedPage) -> None:
        visitor = Visitor(sandbox.page).open(page.url)
        asked = {name for form in visitor.page.forms for name in form.fields}
        given = {name: value for name, value in {**PERSON, **ACCOUNT}.items() if name in asked}
        visitor.submit("Continue", **given).submit("Confirm")

    with serving({"/gocardless": sandbox}) as url:
        pages, gateway = (
            made(DEFAULT_ACCESS_TOKEN, f"{url}/gocardless") for made in (GoCardlessPages, GoCardlessGateway)
        )
        assert isinstance(pages, GoCardlessPages)
        assert isinstance(gateway, GoCardlessGateway)
        yield Case(pages, gateway, fill_in, "EUR")


PAGES = {"fake": fake, "stripe": stripe_pages, "gocardless": gocardless_pages}


@pytest.fixture(params=PAGES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with PAGES[request.param]() as made:
        yield made


def test_a_page_that_nobody_has_answered_is_open_and_says_whose_it_is(case: Case) -> None:
    page = case.pages.open(case.order())
    assert page.reference
    assert page.url.startswith("http")
    answer = case.pages.look_up(page.reference)
    assert (answer.state, answer.customer_id, answer.method) == (PageState.OPEN, "acme", "")


def test_what_is_given_on_a_page_can_be_charged_without_the_customer(case: Case) -> None:
    order = case.order()
    page = case.pages.open(order)
    case.fill_in(page)
    answer = case.pages.look_up(page.reference)
    assert (answer.state, answer.customer_id) == (PageState.GIVEN, "acme")
    assert answer.method
    assert answer.payer == (order.payer or answer.payer)
    assert answer.made_at
    assert abs(answer.made_at - datetime.now(UTC)) < timedelta(days=400)  # the fake's are of its own time

    due = Money(1234, case.currency)
    since = datetime.now(UTC)
    charge = ChargeOrder("2026-10/acme", 1, due, "INV-1", OCTOBER, "acme", answer.payer, answer.method, since)
    collected = case.gateway.collect(replace(charge, reference=case.gateway.prepare(charge))).outcome
    assert isinstance(collected, Collected | InProgress)


def test_pages_made_for_two_clicks_are_two_and_the_later_answer_is_known_by_its_time(case: Case) -> None:
    pages = [case.pages.open(replace(case.order(), asked_at=datetime.now(UTC))) for _ in range(2)]
    assert len({page.reference for page in pages}) == 2
    for page in reversed(pages):
        case.fill_in(page)
    times = [case.pages.look_up(page.reference).made_at for page in pages]
    assert all(times)
    assert times == sorted(time for time in times if time)


def test_a_page_that_does_not_exist_is_refused(case: Case) -> None:
    with pytest.raises(OrderRefusedError):
        case.pages.look_up("page_of_somebody_else")


def test_a_checkout_session_of_the_companys_own_product_is_nobodys_page_of_ours() -> None:
    with serving({"/v1": StripeSandbox()}) as url:
        client = stripe.StripeClient("sk_test_sandbox", base_addresses={"api": url}).v1
        own = client.checkout.sessions.create(
            {
                "mode": "setup",
                "currency": "gbp",
                "success_url": "https://shop.example.com",
                "metadata": {"customer_id": "acme"},
            }
        )
        assert StripePages("sk_test_sandbox", url).look_up(own.id).customer_id == ""


def test_a_setup_intent_that_its_webhook_names_answers_as_the_checkout_session_does() -> None:
    with stripe_pages() as case:
        page = case.pages.open(case.order())
        case.fill_in(page)
        answer = case.pages.look_up(page.reference)
        assert isinstance(case.pages, StripePages)
        session = case.pages._client.checkout.sessions.retrieve(page.reference)
        by_intent = case.pages.look_up(str(session.setup_intent))
        assert (by_intent.customer_id, by_intent.method, by_intent.payer) == ("acme", answer.method, answer.payer)


def test_an_expired_checkout_session_is_over() -> None:
    with stripe_pages() as case:
        page = case.pages.open(case.order())
        assert isinstance(case.pages, StripePages)
        case.pages._client.checkout.sessions.expire(page.reference)
        assert case.pages.look_up(page.reference).state is PageState.OVER


def test_a_key_that_is_refused_is_not_the_customers_fault() -> None:
    with serving({"/v1": StripeSandbox()}) as url, pytest.raises(ProviderRefusedError):
        StripePages("sk_wrong", url).look_up("cs_1")
