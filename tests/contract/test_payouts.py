"""What every record of payouts promises, each adapter against its sandbox: what arrives is what is in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
import stripe

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.adapters.gocardless.payouts import GoCardlessPayouts
from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.adapters.stripe.payouts import StripePayouts
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.finance.payouts import Payout, PayoutParts, payout_sum
from monthclose.domain.money import Money
from monthclose.errors import ProviderRefusedError
from monthclose.ports import ChargeOrder, PaymentGateway
from monthclose.ports.payouts import PayoutRecord
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.stripe import StripeSandbox
from sandbox.web.testing import serving
from tests.world import OCTOBER

COLLECTED = (1234, 5000)


@dataclass
class Case:
    """A provider that has paid out two payments; at Stripe, 200 of them went back before."""

    record: PayoutRecord
    refused: PayoutRecord
    """With a key that the provider does not know."""


def order(gateway: PaymentGateway, number: int, minor: int, method: str) -> ChargeOrder:
    customer_id = f"customer{number}"
    profile = Profile("Acme", "billing@acme.example", "EUR", gateway.provider, method)
    return ChargeOrder(
        payment_id=f"2026-10/{customer_id}",
        attempt=1,
        amount=Money(minor, "EUR"),
        invoice_number=f"INV-{number}",
        period=OCTOBER,
        customer_id=customer_id,
        provider_customer_id=gateway.register(Customer(customer_id, profile)),
        payment_method=method,
        since=datetime.now(UTC),
    )


def collect(gateway: PaymentGateway, method: str) -> list[str]:
    """Collect two payments, and return the provider's references."""
    references = []
    for number, minor in enumerate(COLLECTED, 1):
        asked = order(gateway, number, minor, method)
        answer = gateway.collect(replace(asked, reference=gateway.prepare(asked)))
        references.append(answer.reference)
    return references


@contextmanager
def on_stripe() -> Iterator[Case]:
    with serving({"/v1": StripeSandbox()}) as url:
        client = stripe.HTTPXClient(allow_sync_methods=True)
        first, _ = collect(StripeGateway("sk_test_sandbox", url, client), "pm_card_visa")
        with httpx.Client(base_url=f"{url}/v1", headers={"Authorization": "Bearer sk_test_sandbox"}) as wire:
            wire.post("/refunds", data={"payment_intent": first, "amount": "200"}).raise_for_status()
        httpx.post(f"{url}/_sandbox/stripe/payouts").raise_for_status()
        yield Case(StripePayouts("sk_test_sandbox", url, client), StripePayouts("sk_live_other", url, client))
        client.close()  # type: ignore[no-untyped-call]


@contextmanager
def on_gocardless() -> Iterator[Case]:
    sandbox = GoCardlessSandbox()
    with serving({"/gocardless": sandbox}) as url:
        base = f"{url}/gocardless"
        collect(GoCardlessGateway(DEFAULT_ACCESS_TOKEN, base), "MD_OK")
        while sandbox.advance():
            pass
        yield Case(GoCardlessPayouts(DEFAULT_ACCESS_TOKEN, base), GoCardlessPayouts("another", base))


RECORDS = {"stripe": on_stripe, "gocardless": on_gocardless}


@pytest.fixture(params=RECORDS, scope="module")
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with RECORDS[request.param]() as made:
        yield made


def listed(case: Case, since: date, until: date) -> list[Payout]:
    found, after = list[Payout](), ""
    while True:
        page = case.record.payouts(since, until, after)
        found += page.payouts
        after = page.after
        if not after:
            return found


def around_today() -> tuple[date, date]:
    today = datetime.now(UTC).date()
    return today - timedelta(days=20), today + timedelta(days=40)


def test_what_arrives_is_what_was_collected_less_what_went_back_and_the_fees(case: Case) -> None:
    payouts = listed(case, *around_today())
    assert payouts
    sums = []
    for payout in payouts:
        parts, after = PayoutParts(), ""
        while True:
            page = case.record.parts(payout, after)
            parts, after = parts.plus(page.parts), page.after
            if not after:
                break
        sums.append(payout_sum(payout, parts))
    assert {(row.provider, row.currency, row.other_minor) for row in sums} == {(case.record.provider, "EUR", 0)}
    assert sum(row.collected_minor for row in sums) == sum(COLLECTED)
    assert sum(row.fee_minor for row in sums) > 0
    assert sum(row.paid_minor for row in sums) == sum(
        row.collected_minor - row.returned_minor - row.fee_minor for row in sums
    )
    if case.record.provider == "stripe":
        assert sum(row.returned_minor for row in sums) == 200


def test_payouts_are_listed_by_the_day_they_arrive(case: Case) -> None:
    since, until = around_today()
    for payout in listed(case, since, until):
        day = payout.arrives_on
        assert payout in listed(case, day, day + timedelta(days=1))
        assert payout not in listed(case, day + timedelta(days=1), until)
        assert payout not in listed(case, since, day)


def test_a_key_that_is_not_accepted_is_said_so(case: Case) -> None:
    with pytest.raises(ProviderRefusedError):
        case.refused.payouts(*around_today())
