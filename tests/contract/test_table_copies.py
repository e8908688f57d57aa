"""Tables are put back from their copies item by item: what was changed, lost and added since."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import utcnow
from moto.dynamodb.models import dynamodb_backends

from monthclose.adapters.aws.clients import client as clients
from monthclose.adapters.dynamo.copies import DynamoCopies
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.closes.close import Close, CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.month import HoldAction, HoldChange
from monthclose.ports import Claim
from monthclose.ports.copies import RESTORE_MARK, Difference
from tests.contract.conftest import REGION
from tests.contract.usage import MONTH, event
from tests.usage import store_usage
from tests.world import OCTOBER, SETTINGS, World

pytestmark = pytest.mark.long
NOW = World().clock()
TABLES = (SETTINGS.customers_table, SETTINGS.billing_table, SETTINGS.closes_table)
PROFILE = Profile("Acme", "a@example.com", "USD", "stripe", "ok")


@pytest.fixture
def copies(aws: Runtime) -> DynamoCopies:
    """Copies of tables with a customer, a hold and a close, after which everything has changed."""
    aws.books.commit(Customer("acme", PROFILE))
    aws.books.commit(HoldChange("acme", OCTOBER, HoldAction.PLACED, "unpaid", NOW))
    aws.closes.put(Close(OCTOBER, CloseStatus.RUNNING, "execution", 1, NOW, NOW))
    aws.closes.reserve(OCTOBER, 0, 0, "drafts/1", 2)
    client = boto3.client("dynamodb")
    for table in TABLES:
        backup = client.create_backup(TableName=table, BackupName="before")["BackupDetails"]["BackupArn"]
        client.restore_table_from_backup(TargetTableName=f"{table}-restored", BackupArn=backup)
    return DynamoCopies(TABLES, sleep=lambda _seconds: None)


def change_everything(aws: Runtime) -> None:
    customer = aws.books.customer("acme")
    assert customer
    aws.books.commit(customer.put_on_hold(NOW, "unpaid"))
    aws.books.commit(HoldChange("acme", OCTOBER, HoldAction.LIFTED, "paid", NOW, number=2))
    close = aws.closes.get(OCTOBER)
    assert close
    aws.closes.put(close)
    aws.closes.reserve(OCTOBER, 1, 0, "drafts/2", 3)


def test_what_differs_is_counted_without_being_changed(aws: Runtime, copies: DynamoCopies) -> None:
    assert copies.compare(SETTINGS.billing_table, put_back=False) == Difference(0, 0, 0, 1)
    change_everything(aws)
    for _ in range(2):
        assert copies.compare(SETTINGS.customers_table, put_back=False) == Difference(1, 0, 0, 0)
        assert copies.compare(SETTINGS.billing_table, put_back=False) == Difference(0, 1, 0, 1)


def test_tables_become_as_their_copies_are(aws: Runtime, copies: DynamoCopies) -> None:
    change_everything(aws)
    boto3.client("dynamodb").delete_item(
        TableName=SETTINGS.billing_table, Key={"customer_id": {"S": "acme"}, "sk": {"S": f"{OCTOBER}#hold#0001"}}
    )
    for table in TABLES:
        copies.compare(table, put_back=True)
    customer, month, close = aws.books.customer("acme"), aws.books.month("acme", OCTOBER), aws.closes.get(OCTOBER)
    assert customer
    assert not customer.held_since
    assert [hold.action for hold in month.holds] == [HoldAction.PLACED]
    assert close
    assert close.version == 1
    for table in TABLES:
        again = copies.compare(table, put_back=True)
        assert (again.changed, again.newer) == (0, 0)


def test_numbers_of_invoices_are_never_given_out_twice(aws: Runtime, copies: DynamoCopies) -> None:
    change_everything(aws)
    copies.compare(SETTINGS.closes_table, put_back=True)
    assert [run.drafts_key for run in aws.closes.reservations(OCTOBER, 1)] == ["drafts/2"], "the same invoices again"
    assert aws.closes.reserve(OCTOBER, 2, 0, "drafts/3", 1).first == 6
    found = aws.closes.run_of(4)
    assert found
    assert found.batch == 1


def test_the_mark_of_a_restore_and_the_ids_of_registered_customers_stay(aws: Runtime, copies: DynamoCopies) -> None:
    customer = aws.books.customer("acme")
    assert customer
    registered = Customer("acme", PROFILE, registered_provider_customer_id="cus_1", version=customer.version)
    aws.books.commit(registered)
    aws.claims.put(Claim(RESTORE_MARK, "ada", NOW))
    for table in TABLES:
        copies.compare(table, put_back=True)
    after = aws.books.customer("acme")
    assert after
    assert after.provider_customer_id == "cus_1"
    assert aws.claims.get(RESTORE_MARK)


def test_each_copy_says_how_far_it_is(aws: Runtime) -> None:
    copies = DynamoCopies(TABLES)
    assert copies.states() == dict.fromkeys(TABLES, "")
    assert copies.moments() == {}
    copies.make(NOW)
    assert copies.states() == dict.fromkeys(TABLES, "ACTIVE")


def make_younger(table: str) -> None:
    made = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[table]
    made.created_at = utcnow() + timedelta(hours=1)


def test_a_table_that_a_release_added_later_becomes_empty(aws: Runtime) -> None:
    store_usage(aws.usage, [event(number) for number in range(3)])
    packs = SETTINGS.usage_packs_table
    make_younger(packs)
    copies = DynamoCopies((*TABLES, packs), added=[packs])
    assert copies.states()[packs] == ""
    copies.make(datetime.now(UTC))
    assert set(copies.states().values()) == {"ACTIVE"}
    assert f"{packs}-restored" not in boto3.client("dynamodb").list_tables()["TableNames"]
    assert copies.compare(packs, put_back=False) == Difference(0, 1, 0, 0)
    assert list(aws.usage.events(*MONTH))
    assert copies.compare(packs, put_back=True) == Difference(0, 1, 0, 0)
    assert not list(aws.usage.events(*MONTH))


def test_a_missing_copy_of_a_table_that_was_there_is_never_taken_for_an_empty_one(aws: Runtime) -> None:
    store_usage(aws.usage, [event(1)])
    packs = SETTINGS.usage_packs_table
    copies = DynamoCopies((*TABLES, packs), added=[packs])
    copies.make(datetime.now(UTC))
    boto3.client("dynamodb").delete_table(TableName=f"{packs}-restored")
    assert copies.states()[packs] == ""
    with pytest.raises(ClientError):
        copies.compare(packs, put_back=True)
    assert list(aws.usage.events(*MONTH)) == [event(1)]


def test_no_copy_is_begun_if_the_youngest_table_has_no_backup_of_that_time(
    aws: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_younger(TABLES[2])
    asked = list[str]()

    def refuse(*, SourceTableName: str, **_: object) -> None:  # noqa: N803 - as boto3 has it
        asked.append(SourceTableName)
        raise ClientError({"Error": {"Code": "InvalidRestoreTimeException", "Message": "no"}}, "RestoreTable")

    monkeypatch.setattr(clients("dynamodb"), "restore_table_to_point_in_time", refuse)
    with pytest.raises(UserMistakeError, match="cannot be restored"):
        DynamoCopies(TABLES).make(NOW)
    assert asked == [TABLES[2]]


def test_a_table_that_was_added_later_than_backups_of_unknown_time_has_to_be_made_by_hand(
    aws: Runtime, copies: DynamoCopies
) -> None:
    packs = SETTINGS.usage_packs_table
    make_younger(packs)
    with pytest.raises(UserMistakeError, match=f"an empty table {packs}-restored"):
        DynamoCopies((*TABLES, packs), added=[packs]).make(datetime.now(UTC))
