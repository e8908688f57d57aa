"""A provider's key is replaced while it is used: the refused call is repeated with the new one."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from datetime import timedelta

import boto3
import pytest

from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.errors import ProviderRefusedError
from monthclose.ports import ChargeOrder, CollectedPage, PaymentGateway, Window
from monthclose.settings import CloseSettings
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.payments.keyed_gateway import KeyedGateway
from sandbox.gocardless import GoCardlessSandbox
from sandbox.stripe import StripeSandbox
from sandbox.web.testing import serving
from tests.contract.conftest import REGION
from tests.fakes import FakeGateway
from tests.world import OCTOBER, SETTINGS, STRIPE, World

KEYS = ("sk_test_old", "sk_test_new")
METHODS = {"stripe": "pm_card_visa", "gocardless": "MD_OK"}


@dataclass
class Company:
    """A company with a provider, and its key in Secrets Manager."""

    runtime: Runtime
    sandbox: StripeSandbox | GoCardlessSandbox
    secret: str = STRIPE.secret_name

    @property
    def gateway(self) -> PaymentGateway:
        return self.runtime.gateway(self.sandbox.name)

    def keep(self, key: str) -> None:
        """Put a key into the secret."""
        boto3.client("secretsmanager", region_name=REGION).put_secret_value(
            SecretId=self.secret, SecretString=json.dumps({"api_key": key})
        )

    def order(self, gateway: PaymentGateway, customer: str) -> ChargeOrder:
        profile = Profile("Acme", "billing@acme.example", "USD", self.sandbox.name, METHODS[self.sandbox.name])
        return ChargeOrder(
            payment_id=f"2026-10/{customer}",
            attempt=1,
            amount=Money(1234, "USD"),
            invoice_number="INV-1",
            period=OCTOBER,
            customer_id=customer,
            provider_customer_id=gateway.register(Customer(customer, profile)),
            payment_method=profile.payment_method,
            since=self.runtime.clock(),
        )

    def charge(self, gateway: PaymentGateway, customer: str) -> None:
        order = self.order(gateway, customer)
        gateway.collect(replace(order, reference=gateway.prepare(order)))


@pytest.fixture(params=METHODS)
def company(request: pytest.FixtureRequest, aws: Runtime) -> Iterator[Company]:
    name = request.param
    accounts = dict.fromkeys(KEYS, "account")
    sandbox = StripeSandbox(api_keys=accounts) if name == "stripe" else GoCardlessSandbox(access_tokens=accounts)
    boto3.client("secretsmanager", region_name=REGION).create_secret(
        Name=STRIPE.secret_name, SecretString=json.dumps({"api_key": KEYS[0]})
    )
    with serving({"/v1" if name == "stripe" else "/gocardless": sandbox}) as url:
        api_base = url if name == "stripe" else f"{url}/gocardless"
        aws.settings = replace(SETTINGS, providers={name: replace(STRIPE, name=name, api_base=api_base)})
        yield Company(aws, sandbox)


def test_a_call_refused_for_a_replaced_key_is_repeated_with_the_new_one(company: Company) -> None:
    gateway = company.gateway
    order = company.order(gateway, "acme")
    order = replace(order, reference=gateway.prepare(order))
    company.keep(KEYS[1])
    company.sandbox.revoke(KEYS[0])
    answer = gateway.collect(order)
    assert gateway.look_up(replace(order, reference=answer.reference)).reference == answer.reference
    company.charge(gateway, "other")
    gateway.check()


def test_a_key_that_is_still_the_same_is_refused(company: Company) -> None:
    gateway = company.gateway
    company.sandbox.revoke(KEYS[0])
    with pytest.raises(ProviderRefusedError):
        gateway.check()
    company.keep(KEYS[1])
    gateway.check()


def test_a_new_key_that_is_refused_too_is_asked_with_once(company: Company) -> None:
    gateway = company.gateway
    company.sandbox.revoke(KEYS[0])
    company.keep("sk_test_mistyped")
    with pytest.raises(ProviderRefusedError):
        gateway.check()


def test_a_page_of_the_charges_is_read_again_with_the_new_key(company: Company) -> None:
    gateway = company.gateway
    company.charge(gateway, "acme")
    since = company.runtime.clock() - timedelta(hours=1)
    company.keep(KEYS[1])
    company.sandbox.revoke(KEYS[0])
    expected = ["2026-10/acme"] if company.sandbox.name == "stripe" else []
    assert [charge.payment_id for charge in gateway.collected_for(OCTOBER, Window(since)).charges] == expected


def test_a_list_whose_key_is_replaced_in_its_middle_continues_where_it_was() -> None:
    class Listing(FakeGateway):
        """A provider that refuses a key after it has listed a page with it."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

        def collected_for(self, period: Period, window: Window, after: str = "") -> CollectedPage:
            if after and self.key == KEYS[0]:
                raise ProviderRefusedError("revoked")
            charge = ProviderCharge("stripe", f"pi_{after or 1}", "2026-10/acme", "USD", 1234)
            return CollectedPage((charge,), after="" if after else "2")

    keys = [*KEYS]
    gateway = KeyedGateway(Listing, lambda: keys.pop(0))
    page = gateway.collected_for(OCTOBER, Window(OCTOBER.end))
    following = gateway.collected_for(OCTOBER, Window(OCTOBER.end), page.after)
    assert [charge.reference for charge in (*page.charges, *following.charges)] == ["pi_1", "pi_2"]


def test_threads_refused_together_read_the_key_once() -> None:
    class Checked(FakeGateway):
        """A provider that refuses the old key when four threads have asked with it."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

        def check(self) -> None:
            if self.key == KEYS[0]:
                together.wait()
                raise ProviderRefusedError("revoked")

    read, together = list[str](), threading.Barrier(4)

    def read_key() -> str:
        read.append(KEYS[min(len(read), 1)])
        return read[-1]

    gateway = KeyedGateway(Checked, read_key)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(gateway.check) for _ in range(4)]
    assert [future.exception() for future in asked] == [None] * 4
    assert read == [*KEYS]


def test_a_close_whose_key_is_replaced_in_the_middle_charges_everybody_once() -> None:
    world, read = World(close_settings=CloseSettings(max_batches=1)), list[str]()
    for name in ("a", "b", "c", "d"):
        world.use(world.add_customer(name), "10")
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, 1)

    def read_key() -> str:
        read.append(KEYS[min(len(read), 1)])
        return read[-1]

    gateway = KeyedGateway(lambda _: copy(world.gateway), read_key)
    charger = replace(world.batch_charger, charger=replace(world.charger, gateway=gateway))
    world.gateway.failures["collect", "before"] = [ProviderRefusedError("the old key was revoked")]
    result = charger.charge(OCTOBER, batch.number, 1)
    assert result.progress.totals.payments == {"paid": 4}
    assert len({payment for payment, _ in world.gateway.money_moved}) == len(world.gateway.money_moved) == 4
    assert read == [*KEYS]
