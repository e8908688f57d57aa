"""The official SDK against the fake GoCardless over real HTTP: what our adapter will see."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from gocardless_pro import errors, webhooks

from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.schemes import SCHEMES
from sandbox.twin import ManualClock
from sandbox.web.testing import serving
from tests.sandbox.gocardless_driving import sdk, webhook

if TYPE_CHECKING:
    from collections.abc import Iterator


def payment_of(mandate: str = "MD_OK", amount: int = 1500, **fields: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR", "links": {"mandate": mandate}, **fields}


@pytest.fixture(scope="module")
def _server() -> Iterator[tuple[GoCardlessSandbox, str, ManualClock]]:
    clock = ManualClock()
    sandbox = GoCardlessSandbox(clock=clock, path_prefix="")
    with serving({"": sandbox}) as url:
        yield sandbox, url, clock


@pytest.fixture
def served(_server: tuple[GoCardlessSandbox, str, ManualClock]) -> GoCardlessSandbox:
    _server[0].reset()
    return _server[0]


@pytest.fixture
def url(_server: tuple[GoCardlessSandbox, str, ManualClock]) -> str:
    return _server[1]


@pytest.fixture
def client(url: str, served: GoCardlessSandbox) -> Any:
    return sdk(url)


@pytest.fixture
def clock(_server: tuple[GoCardlessSandbox, str, ManualClock]) -> ManualClock:
    return _server[2]


def test_a_customer_is_set_up_and_pays(client: Any, served: GoCardlessSandbox) -> None:
    customer = client.customers.create({"company_name": "Larch Studio B.V.", "email": "pay@larch.example"})
    assert client.customers.get(customer.id).company_name == "Larch Studio B.V."
    assert [found.id for found in client.customers.list().records] == [customer.id]
    account = client.customer_bank_accounts.create(
        {
            "account_holder_name": "Larch Studio",
            "iban": "NL91ABNA0417164300",
            "links": {"customer": customer.id},
        }
    )
    mandate = client.mandates.create({"links": {"customer_bank_account": account.id}})
    assert (mandate.scheme, mandate.status, mandate.links.customer) == ("sepa_core", "pending_submission", customer.id)

    payment = client.payments.create(
        payment_of(mandate.id, metadata={"invoice": "INV-7"}, description="October"),
        headers={"Idempotency-Key": "payment-1"},
    )
    assert payment.status == "pending_submission"
    served.advance(payment.id, to="confirmed")

    assert client.payments.get(payment.id).status == "confirmed"
    assert client.mandates.get(mandate.id).status == "active"
    (moved,) = served.movements()
    assert moved == {
        "provider": "gocardless",
        "kind": "charge",
        "payment": payment.id,
        "mandate": mandate.id,
        "customer": customer.id,
        "amount": 1500,
        "currency": "EUR",
        "idempotency_key": "payment-1",
        "metadata": {"invoice": "INV-7"},
        "created": moved["created"],
    }


@pytest.mark.parametrize(
    ("mandate", "actions", "cause", "kinds"),
    [
        ("MD_OK", ["created", "submitted", "confirmed", "paid_out"], "payment_paid_out", ["charge"]),
        ("MD_FAILS", ["created", "submitted", "failed"], "insufficient_funds", []),
        ("MD_CLOSED", ["created", "submitted", "failed"], "bank_account_closed", []),
        (
            "MD_LATE_FAILURE",
            ["created", "submitted", "confirmed", "failed"],
            "refer_to_payer",
            ["charge", "late_failure"],
        ),
        (
            "MD_CHARGED_BACK",
            ["created", "submitted", "confirmed", "charged_back"],
            "refund_requested",
            ["charge", "charge_back"],
        ),
        ("MD_WITHDRAWN", ["created", "cancelled"], "mandate_cancelled", []),
    ],
)
def test_a_magic_mandate_decides_how_a_payment_ends(
    client: Any, served: GoCardlessSandbox, mandate: str, actions: list[str], cause: str, kinds: list[str]
) -> None:
    payment = client.payments.create(payment_of(f"{mandate}_acme1"))
    while served.advance():
        pass

    events = client.events.list({"payment": payment.id}).records
    assert [event.action for event in reversed(events)] == actions
    assert events[0].details.cause == cause
    assert events[0].links.payment == payment.id
    assert client.events.get(events[0].id).resource_type == "payments"
    assert client.payments.get(payment.id).status == actions[-1]
    assert [moved["kind"] for moved in served.movements()] == kinds
    assert sum(moved["amount"] for moved in served.movements()) == (1500 if mandate == "MD_OK" else 0)


def test_a_payment_on_an_inactive_mandate_is_refused(client: Any, served: GoCardlessSandbox) -> None:
    with pytest.raises(errors.InvalidStateError) as caught:
        client.payments.create(payment_of("MD_CANCELLED"))
    assert caught.value.errors[0]["reason"] == "mandate_is_inactive"
    assert client.payments.list().records == []


def test_the_sdk_fetches_the_old_payment_silently_for_a_repeated_key(client: Any, url: str) -> None:
    first = client.payments.create(payment_of(amount=1500), headers={"Idempotency-Key": "k"})
    again = client.payments.create(payment_of(amount=9900), headers={"Idempotency-Key": "k"})
    assert (again.id, again.amount) == (first.id, 1500)

    with pytest.raises(errors.IdempotentCreationConflictError) as caught:
        sdk(url, raise_on_idempotency_conflict=True).payments.create(
            payment_of(amount=9900), headers={"Idempotency-Key": "k"}
        )
    assert caught.value.conflicting_resource_id == first.id
    assert len(client.payments.list().records) == 1


def test_a_key_that_created_nothing_can_be_used_again(client: Any) -> None:
    headers = {"Idempotency-Key": "k"}
    with pytest.raises(errors.ValidationFailedError):
        client.payments.create(payment_of(amount=0), headers=headers)
    with pytest.raises(errors.InvalidStateError):
        client.payments.create(payment_of("MD_CANCELLED"), headers=headers)
    assert client.payments.create(payment_of(), headers=headers).amount == 1500


def test_many_concurrent_creations_with_one_key_create_one_payment(client: Any, served: GoCardlessSandbox) -> None:
    workers = 12
    together = threading.Barrier(workers)

    def create(_worker: int) -> str:
        together.wait(timeout=30)
        return str(client.payments.create(payment_of(), headers={"Idempotency-Key": "k"}).id)

    with ThreadPoolExecutor(workers) as pool:
        assert len(set(pool.map(create, range(workers)))) == 1
    assert len(client.payments.list().records) == 1


def test_paging_finds_every_payment_of_a_mandate_once_newest_first(client: Any) -> None:
    created = []
    for number in range(7):
        created.append(client.payments.create(payment_of("MD_OK_mine", 1000 + number)).id)
        client.payments.create(payment_of("MD_OK_other"))

    found = [payment.id for payment in client.payments.all({"mandate": "MD_OK_mine", "limit": 3})]
    assert found == created[::-1]

    second = client.payments.list({"mandate": "MD_OK_mine", "limit": 3, "after": found[2]})
    assert (second.before, second.after) == (found[3], found[5])
    first = client.payments.list({"mandate": "MD_OK_mine", "limit": 3, "before": second.before})
    assert [payment.id for payment in first.records] == found[:3]
    assert (first.before, first.after) == (None, found[2])


def test_payments_are_listed_by_time_customer_status_and_currency(
    client: Any, served: GoCardlessSandbox, clock: ManualClock
) -> None:
    old = client.payments.create(payment_of("MD_OK_a"))
    clock.now += 60
    new = client.payments.create(payment_of("MD_OK_b", currency="GBP"))
    served.advance(new.id, "submitted")

    def listed(**filters: str) -> list[str]:
        return [payment.id for payment in client.payments.list(filters).records]

    assert listed(**{"created_at[gt]": old.created_at}) == [new.id]
    assert listed(**{"created_at[gte]": old.created_at}) == [new.id, old.id]
    assert listed(**{"created_at[lt]": new.created_at}) == [old.id]
    assert listed(**{"created_at[lte]": new.created_at, "currency": "GBP"}) == [new.id]
    assert listed(customer=client.mandates.get("MD_OK_a").links.customer) == [old.id]
    assert listed(status="submitted,confirmed") == [new.id]
    assert listed(mandate="MD_OK_nobody") == []


def test_a_payment_can_be_cancelled_only_before_it_is_submitted(client: Any, served: GoCardlessSandbox) -> None:
    payment = client.payments.create(payment_of())
    assert client.payments.cancel(payment.id).status == "cancelled"
    submitted = client.payments.create(payment_of())
    served.advance(submitted.id)
    for late in (payment, submitted):
        with pytest.raises(errors.InvalidStateError) as caught:
            client.payments.cancel(late.id)
        assert caught.value.errors[0]["reason"] == "cancellation_failed"
    served.advance(to="paid_out")
    assert [moved["payment"] for moved in served.movements()] == [submitted.id]


def test_a_failed_payment_can_be_retried_three_times(client: Any, served: GoCardlessSandbox) -> None:
    payment = client.payments.create(payment_of("MD_FAILS"))
    for _attempt in range(3):
        served.advance(payment.id, "failed")
        assert client.payments.retry(payment.id).status == "pending_submission"
    served.advance(payment.id, "failed")
    with pytest.raises(errors.InvalidStateError) as caught:
        client.payments.retry(payment.id)
    assert caught.value.errors[0]["reason"] == "retry_failed"


def test_cancelling_a_mandate_cancels_unsubmitted_payments(client: Any, served: GoCardlessSandbox) -> None:
    submitted, pending = (client.payments.create(payment_of("MD_OK_x")) for _ in range(2))
    served.advance(submitted.id, "submitted")
    assert client.mandates.cancel("MD_OK_x").status == "cancelled"
    assert client.payments.get(pending.id).status == "cancelled"
    assert client.payments.get(submitted.id).status == "submitted"
    assert [mandate.id for mandate in client.mandates.list({"status": "cancelled"}).records] == ["MD_OK_x"]
    with pytest.raises(errors.InvalidStateError):
        client.mandates.cancel("MD_OK_x")
    with pytest.raises(errors.InvalidStateError):
        client.payments.create(payment_of("MD_OK_x"))


def test_refunds_need_their_total_confirmed_and_never_exceed_the_payment(
    client: Any, served: GoCardlessSandbox
) -> None:
    payment = client.payments.create(payment_of())

    def refund(amount: int, total: int) -> Any:
        return client.refunds.create(
            {"amount": amount, "total_amount_confirmation": total, "links": {"payment": payment.id}}
        )

    with pytest.raises(errors.InvalidStateError):
        refund(100, 100)
    served.advance(payment.id, "confirmed")
    first = refund(1000, 1000)
    with pytest.raises(errors.InvalidStateError) as caught:
        refund(500, 500)
    assert caught.value.errors[0]["reason"] == "total_amount_confirmation_invalid"
    with pytest.raises(errors.ValidationFailedError):
        refund(501, 1501)
    second = refund(500, 1500)

    assert client.payments.get(payment.id).amount_refunded == 1500
    assert [found.id for found in client.refunds.list({"payment": payment.id}).records] == [second.id, first.id]
    assert [(moved["kind"], moved["amount"]) for moved in served.movements()] == [
        ("charge", 1500),
        ("refund", -1000),
        ("refund", -500),
    ]


@pytest.mark.parametrize("currency", SCHEMES)
def test_every_currency_has_its_scheme(client: Any, currency: str) -> None:
    assert client.payments.create(payment_of(currency=currency)).scheme == SCHEMES[currency]


def test_errors_reach_the_sdk_as_its_classes(client: Any, url: str) -> None:
    with pytest.raises(errors.AuthenticationError):
        sdk(url, "wrong").payments.list()
    with pytest.raises(errors.InvalidApiUsageError) as missing:
        client.payments.get("PM0")
    assert missing.value.code == 404
    for wrong in ({"currency": "JPY"}, {"amount": "x"}, {"metadata": dict.fromkeys("abcd", "v")}, {"colour": "red"}):
        with pytest.raises(errors.ValidationFailedError):
            client.payments.create(payment_of() | wrong)
    with pytest.raises(errors.ValidationFailedError):
        client.payments.create(payment_of("MD0"))
    with pytest.raises(errors.InvalidApiUsageError):
        client.payments.list({"colour": "red"})


def test_the_sdk_accepts_our_signature_on_events(served: GoCardlessSandbox, client: Any) -> None:
    payment = client.payments.create(payment_of())
    (event,) = client.events.list().records
    headers, body = webhook([event.attributes], "secret", "WB1")
    parsed = webhooks.parse_with_meta(body, "secret", headers["Webhook-Signature"])
    assert [found.links.payment for found in parsed.events] == [payment.id]
    assert parsed.webhook_id == "WB1"
