"""A month is proved on the real stores' adapters as on the fakes, and damage to what they store is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import boto3
import pytest

from monthclose.adapters.dynamo.models import BillingItem, CustomerItem, EntryItem, PaymentItem
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.accounts.ledger import Leg
from monthclose.domain.closes.checks import Check, State
from monthclose.domain.closes.close import Batch, Close, CloseStatus
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.closes.snapshot import write_batches
from monthclose.use_cases.proof.prove_close import Proof
from tests.usage import store_usage
from tests.world import OCTOBER, World

BATCH = Batch(0, "stripe", ("acme", "globex"))
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SNAPSHOT = "snapshots/2026-10/all.json"
type Stores = World | Runtime


def an_account_that_owes_more(world: Stores) -> None:
    if isinstance(world, World):
        world.books.records["customer", "acme"] = replace(world.customer("acme"), receivable_minor=7)
    else:
        CustomerItem("acme").update(actions=[CustomerItem.receivable_minor.set(7)])


def an_entry_that_does_not_balance(world: Stores) -> None:
    if isinstance(world, World):
        key = ("entry", "acme", str(OCTOBER), "invoice")
        entry = replace(world.books.records[key])
        object.__setattr__(entry, "legs", (*world.month("acme").entries[0].legs, Leg("tax", 1)))  # type: ignore[arg-type]
        world.books.records[key] = entry
    else:
        item = BillingItem.get("acme", "2026-10#entry#invoice")
        assert isinstance(item, EntryItem)
        item.update(actions=[EntryItem.legs.set([*item.legs, ["tax", 1]])])


def a_payment_in_a_state_that_nobody_knows(world: Stores) -> None:
    if isinstance(world, World):
        key = ("payment", "acme", str(OCTOBER), "1")
        world.books.records[key] = replace(world.books.records[key], currency=None)  # type: ignore[arg-type]
    else:
        item = BillingItem.get("acme", "2026-10#payment")
        item.update(actions=[PaymentItem.state.set("lost")])


def a_missing_document(world: Stores) -> None:
    invoice = world.books.month("acme", OCTOBER).invoice
    assert invoice
    if isinstance(world, World):
        del world.documents.objects[invoice.document.key]
    else:
        boto3.client("s3", region_name="us-east-1").delete_object(Bucket="documents", Key=invoice.document.key)


def a_shortened_document(world: Stores) -> None:
    invoice = world.books.month("acme", OCTOBER).invoice
    assert invoice
    world.documents.put(invoice.document.key, b"")


DAMAGES: list[tuple[set[Check], Callable[[Stores], None]]] = [
    (set(), lambda _: None),
    ({Check.BALANCES}, an_account_that_owes_more),
    ({Check.ENTRIES}, an_entry_that_does_not_balance),
    ({Check.RECORDS}, a_payment_in_a_state_that_nobody_knows),
    ({Check.DOCUMENTS}, a_missing_document),
    ({Check.DOCUMENTS}, a_shortened_document),
]


def proved(world: Stores, do: Callable[[Stores], None], monkeypatch: pytest.MonkeyPatch) -> Proof:
    monkeypatch.setattr(world, "clock", lambda: NOON)
    use_cases = UseCases(world)
    for name in BATCH.customer_ids:
        world.directory.put_profiles([(name, Profile(name, f"{name}@example.com", "USD", "stripe", "pm_card_visa"))])
        store_usage(
            world.usage, [UsageEvent("e1", name, "droplet", Decimal(1), OCTOBER.start, Decimal(100), "Droplet")]
        )
    write_batches(world.documents, SNAPSHOT, [BATCH], {})
    close = Close(OCTOBER, CloseStatus.COMPLETED, "execution", 1, NOON, NOON, snapshot_key=SNAPSHOT, completed_at=NOON)
    world.closes.put(replace(close, customers=2, batches=1))
    use_cases.invoice_generator.generate(OCTOBER, BATCH, 1)
    do(world)
    return use_cases.prover.prove(OCTOBER)


@pytest.mark.parametrize(("failing", "do"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_damage_to_what_is_stored_fails_its_check_and_no_other(
    world: Stores, failing: set[Check], do: Callable[[Stores], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = proved(world, do, monkeypatch)
    results = {result.check: result for result in proof.results}
    assert {check for check, result in results.items() if result.state is State.FAILED} == failing
    assert {check for check, result in results.items() if result.state is State.NOT_CHECKED} == {Check.PROVIDER}
    assert all("acme" in json.dumps(results[check].failures) for check in failing)
