"""What the register promises, fake or real: it is read as it was written, and nobody fails because of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from monthclose.adapters.aws import s3_register
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.ledger import Account, Entry, Leg
from monthclose.domain.closes.close import Batch, BatchProgress, Stage, Totals
from monthclose.domain.month import CustomerMonth, Parking
from monthclose.domain.register.objects import ACCOUNTS, BATCHES, COMPLETE, CUSTOMERS, batch_key, listed_since
from tests.contract.conftest import AnyWorld
from tests.world import OCTOBER

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PROFILE = Profile("Łódź Hosting", "billing@example.com", "USD", "stripe")
ENTRY = Entry("invoice", "acme", OCTOBER, "USD", NOON, (Leg(Account.RECEIVABLE, 5), Leg(Account.REVENUE, -5)))
MONTH = CustomerMonth(parking=Parking("acme", OCTOBER, "no_price", "no price for x", NOON), entries=(ENTRY,))
PROGRESS = BatchProgress(OCTOBER, Batch(7, "stripe", ("acme",)), Stage.CHARGED, 1, Totals(), 0, NOON)


def _keys(world: AnyWorld, prefix: str) -> dict[str, str]:
    return {found.key: found.version for found in world.register.listed(prefix)}


def test_a_batchs_rows_are_overwritten_with_its_progress_and_have_another_version_then(world: AnyWorld) -> None:
    world.closes.put_progress(PROGRESS, [MONTH])
    (key,) = before = _keys(world, BATCHES)
    assert key == batch_key(OCTOBER, 7)
    world.closes.put_progress(replace(PROGRESS, outdated=True))  # without records the rows stay
    assert _keys(world, BATCHES) == before
    world.closes.put_progress(PROGRESS, [MONTH])
    assert _keys(world, BATCHES) == before  # the same rows are the same object
    world.closes.put_progress(replace(PROGRESS, time=NOON + timedelta(seconds=1)), [MONTH])
    assert _keys(world, BATCHES)[key] != before[key]
    assert world.register.content(key)[:2] == b"\x1f\x8b"
    with pytest.raises(KeyError):
        world.register.content(batch_key(OCTOBER, 8))


def test_customers_that_are_imported_scanned_or_changed_by_hand_are_objects_of_their_own(world: AnyWorld) -> None:
    world.directory.put_profiles([("acme", PROFILE), ("other", PROFILE)])
    world.register.put_customers([Customer("acme", PROFILE)], NOON)
    world.register.end_customers()
    found = _keys(world, CUSTOMERS)
    assert len(found) == 3
    assert sum(key.startswith(COMPLETE) for key in found) == 1
    assert listed_since(found)
    world.register.put_account(Customer("acme", PROFILE))
    world.register.put_account(replace(Customer("acme", PROFILE), hold_reason="fraud"))
    assert len(_keys(world, ACCOUNTS)) == 1


def test_all_accounts_are_scanned_in_the_order_of_the_customers(world: AnyWorld) -> None:
    world.directory.put_profiles((f"c{number}", PROFILE) for number in range(30))
    everybody = [planned.customer_id for planned in world.directory.scan()]
    accounts = list(world.directory.scan_accounts())
    assert [account.customer_id for account in accounts] == everybody
    assert accounts[0].profile == PROFILE
    after = list(world.directory.scan_accounts(everybody[9]))
    assert [account.customer_id for account in after] == everybody[10:]


class _Refusing:
    """An S3 that refuses, or whose answer is none."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def put_object(self, **_arguments: Any) -> None:
        raise self._error


@pytest.fixture(params=[ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject"), OSError("no route")])
def refusing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_register, "client", lambda *_, **__: _Refusing(request.param))


@pytest.mark.usefixtures("refusing")
def test_what_cannot_be_written_is_logged_and_fails_nothing(aws: Runtime) -> None:
    aws.closes.put_progress(PROGRESS, [MONTH])
    assert aws.closes.progress(OCTOBER, 7) == PROGRESS
    aws.directory.put_profiles([("acme", PROFILE)])
    assert aws.directory.known(["acme"])
    assert not aws.register.put_account(Customer("acme", PROFILE))


def test_a_bucket_that_is_not_there_fails_nothing(aws: Runtime) -> None:
    for found in aws.register.listed(""):
        boto3.client("s3").delete_object(Bucket=aws.settings.documents_bucket, Key=found.key)
    boto3.client("s3").delete_bucket(Bucket=aws.settings.documents_bucket)
    aws.closes.put_progress(PROGRESS, [MONTH])
    assert aws.closes.progress(OCTOBER, 7) == PROGRESS
