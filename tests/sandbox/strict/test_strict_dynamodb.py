"""The limits of DynamoDB that the strict local AWS enforces, through the emulator's own functions."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from ministack.services import dynamodb

from sandbox.strict.dynamodb import StrictDynamoDB
from sandbox.strict.limits import Limits
from sandbox.twin import ManualClock


class Database:
    """A strict DynamoDB on a clock of its own, and a table in it."""

    def __init__(self, limits: Limits, clock: ManualClock, **table: Any) -> None:
        self.limits, self.clock = limits, clock
        self.table = f"table-{uuid4().hex}"
        self.other = f"other-{uuid4().hex}"
        for name in (self.table, self.other):
            self._call(
                "create_table",
                TableName=name,
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "state")],
                GlobalSecondaryIndexes=[
                    {
                        "IndexName": "by-state",
                        "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                ],
                BillingMode="PAY_PER_REQUEST",
                **table,
            )

    def _call(self, operation: str, **data: Any) -> dict[str, Any]:
        status, _headers, body = getattr(dynamodb, f"_{operation}")(data)
        answer: dict[str, Any] = json.loads(body)
        return {"status": status, **answer}

    def call(self, operation: str, **data: Any) -> dict[str, Any]:
        return self._call(operation, TableName=self.table, **data)

    def put(self, pk: str = "a", sk: str = "0", **attributes: str) -> str:
        answer = self.call("put_item", Item=item(pk, sk, **attributes))
        return error(answer)

    def put_batch(self, *items: Mapping[str, Any], table: str = "") -> dict[str, Any]:
        requests = [{"PutRequest": {"Item": each}} for each in items]
        return self._call("batch_write_item", RequestItems={table or self.table: requests})

    def get_batch(self, *keys: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        return self._call("batch_get_item", RequestItems={self.table: {"Keys": list(keys), **options}})

    def transact(self, *actions: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("transact_write_items", TransactItems=list(actions))

    def put_action(self, pk: str) -> dict[str, Any]:
        return {"Put": {"TableName": self.table, "Item": item(pk, "0")}}

    def struck(self) -> dict[str, int]:
        return {name: times for name, times in self.limits.counts().items() if times}


def item(pk: str, sk: str, **attributes: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in {"pk": pk, "sk": sk, **attributes}.items()}


def error(answer: Mapping[str, Any]) -> str:
    return str(answer.get("__type", "")).rpartition("#")[2]


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def database(limits: Limits, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Database:
    install(limits, clock, monkeypatch)
    return Database(limits, clock)


def install(limits: Limits, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in dir(dynamodb):
        if name.startswith("_DDB_") and name.isupper():  # what a lowered limit changes
            monkeypatch.setattr(dynamodb, name, getattr(dynamodb, name))
    for name, call in StrictDynamoDB(limits, clock).calls().items():
        monkeypatch.setattr(dynamodb, name, call)


def test_a_partition_key_takes_a_thousand_writes_a_second(database: Database, clock: ManualClock) -> None:
    errors = [database.put(sk=str(number)) for number in range(1001)]
    assert errors == [""] * 1000 + ["ThrottlingException"]
    assert database.put("another") == ""
    clock.now += 0.5
    assert [database.put(sk=str(number)) for number in range(501)] == [""] * 500 + ["ThrottlingException"]
    assert database.struck() == {"dynamodb.partition_writes": 2}


def test_a_throttled_call_says_what_was_throttled(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.partition_writes", value=0)
    answer = database.call("put_item", Item=item("a", "0"))
    arn = dynamodb._tables[database.table]["TableArn"]
    assert answer["ThrottlingReasons"] == [{"reason": "TableWriteKeyRangeThroughputExceeded", "resource": arn}]
    assert "Item" not in database.call("get_item", Key=item("a", "0"))


def test_an_item_costs_a_unit_for_every_kilobyte_that_it_has_or_had(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.partition_writes", value=10)
    assert database.put(text="x" * 5000) == ""  # five
    assert database.put(text="x") == ""  # five: it had so many
    assert database.put(text="x") == "ThrottlingException"


@pytest.mark.parametrize("indexed", [True, False])
def test_an_update_costs_what_it_makes_of_the_item(
    database: Database, limits: Limits, clock: ManualClock, indexed: bool
) -> None:
    limits.change("dynamodb.partition_writes", value=10)
    if not indexed:
        dynamodb._tables[database.table]["GlobalSecondaryIndexes"] = []
    change = {
        "Key": item("a", "0"),
        "UpdateExpression": "SET #text = :text",
        "ExpressionAttributeNames": {"#text": "text"},
        "ExpressionAttributeValues": {":text": {"S": "x" * 9000}},
    }
    assert error(database.call("update_item", **change)) == ""
    assert error(database.call("update_item", **change)) == "ThrottlingException"
    clock.now += 1
    assert error(database.call("delete_item", Key=item("a", "0"))) == ""  # nine
    assert database.put() == ""
    assert database.put() == "ThrottlingException"


def test_an_update_that_costs_more_than_a_second_has_passes_when_nothing_was_used(
    database: Database, limits: Limits, clock: ManualClock
) -> None:
    limits.change("dynamodb.partition_writes", value=2)
    assert database.put(text="x" * 9000) == ""
    clock.now += 4
    assert database.put() == "ThrottlingException"
    clock.now += 1
    assert database.put() == ""


def test_a_partition_key_takes_three_thousand_reads_a_second(database: Database, clock: ManualClock) -> None:
    database.put(text="x" * 5000)  # two units, consistently
    key = item("a", "0")
    answers = [error(database.call("get_item", Key=key, ConsistentRead=True)) for _ in range(1501)]
    assert answers == [""] * 1500 + ["ThrottlingException"]
    clock.now += 1
    answers = [error(database.call("get_item", Key=key)) for _ in range(3001)]
    assert answers == [""] * 3000 + ["ThrottlingException"]


def test_a_query_costs_what_its_page_has_read_before_the_filter(
    database: Database, limits: Limits, clock: ManualClock
) -> None:
    for number in range(20):
        database.put(sk=str(number), text="x" * 4000)
    limits.change("dynamodb.partition_reads", value=10)
    query = {
        "KeyConditionExpression": "pk = :pk",
        "FilterExpression": "sk = :none",
        "ExpressionAttributeValues": {":pk": {"S": "a"}, ":none": {"S": "none"}},
        "ConsistentRead": True,
    }
    assert database.call("query", **query)["Items"] == []  # 20 units, of which there were 10
    clock.now += 1
    assert error(database.call("query", **query)) == "ThrottlingException"
    clock.now += 1
    assert error(database.call("query", **query)) == ""


def test_a_scan_takes_from_the_table_and_not_from_a_partition_key(database: Database, limits: Limits) -> None:
    database.put()
    limits.change("dynamodb.partition_reads", value=0)
    assert error(database.call("scan")) == ""
    limits.change("dynamodb.new_table_reads", value=0)
    assert error(database.call("scan")) == "ThrottlingException"


def test_a_new_table_takes_four_thousand_writes_a_second(database: Database, clock: ManualClock) -> None:
    errors = [database.put(str(number)) for number in range(4001)]
    assert errors == [""] * 4000 + ["ThrottlingException"]
    assert database.struck() == {"dynamodb.new_table_writes": 1}
    clock.now += 1
    assert database.put() == ""


def test_a_table_takes_twice_its_previous_peak_half_an_hour_later(
    database: Database, limits: Limits, clock: ManualClock
) -> None:
    limits.change("dynamodb.new_table_writes", value=10)

    def passed() -> int:
        clock.now += 1
        return sum(database.put(str(number)) == "" for number in range(100))

    assert [passed(), passed()] == [10, 10]
    clock.now += 1800
    assert [passed(), passed()] == [20, 20]
    clock.now += 1800
    assert passed() == 40
    limits.change("dynamodb.table_writes", value=30)
    clock.now += 1800
    assert passed() == 30
    assert error(database.call("put_item", Item=item("z", "0"))) == "RequestLimitExceeded"
    limits.change("dynamodb.growth", on=False)
    assert passed() == 10


def test_warm_throughput_takes_the_place_of_a_new_tables(
    limits: Limits, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(limits, clock, monkeypatch)
    limits.change("dynamodb.new_table_writes", value=2)
    database = Database(limits, clock, WarmThroughput={"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 5})
    assert [database.put(str(number)) for number in range(6)] == [""] * 5 + ["ThrottlingException"]
    described = database.call("describe_table")["Table"]["WarmThroughput"]
    assert (described["WriteUnitsPerSecond"], described["Status"]) == (5, "ACTIVE")


def test_unused_throughput_is_kept_only_if_somebody_switches_it_on(
    database: Database, limits: Limits, clock: ManualClock
) -> None:
    limits.change("dynamodb.partition_writes", value=1)
    clock.now += 300
    assert [database.put(), database.put()] == ["", "ThrottlingException"]
    limits.change("dynamodb.burst", on=True, value=3)
    clock.now += 300
    assert [database.put() for _ in range(4)] == ["", "", "", "ThrottlingException"]


def test_a_batch_returns_as_unprocessed_what_it_could_not_write(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.partition_writes", value=2)
    items = [item("a", str(number)) for number in range(4)]
    answer = database.put_batch(*items, item("b", "0"))
    assert answer["UnprocessedItems"] == {database.table: [{"PutRequest": {"Item": each}} for each in items[2:]]}
    assert database.call("scan", Select="COUNT")["Count"] == 3
    assert database.struck() == {"dynamodb.partition_writes": 2}


def test_a_batch_of_which_nothing_could_be_written_is_an_error(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.partition_writes", value=0)
    assert error(database.put_batch(item("a", "0"), item("b", "0"))) == "ProvisionedThroughputExceededException"


def test_each_statement_of_a_batch_is_executed_or_throttled_for_itself(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.partition_writes", value=2)
    insert = f"INSERT INTO \"{database.table}\" VALUE {{'pk': ?, 'sk': ?}}"
    statements = [
        {"Statement": insert, "Parameters": [{"S": pk}, {"S": str(number)}]} for number, pk in enumerate("aabaa")
    ]
    answer = database._call("batch_execute_statement", Statements=statements)
    codes = [each.get("Error", {}).get("Code") for each in answer["Responses"]]
    assert codes == [None, None, None, "ThrottlingError", "ThrottlingError"]
    assert database.call("scan", Select="COUNT")["Count"] == 3
    assert database.struck() == {"dynamodb.partition_writes": 2}


def test_a_statement_costs_as_much_as_the_write_that_it_is(
    database: Database, limits: Limits, clock: ManualClock
) -> None:
    limits.change("dynamodb.partition_writes", value=3)
    database.put("a", state="x" * 2_000)
    clock.now += 1
    update = f'UPDATE "{database.table}" SET "state"=? WHERE "pk"=? AND "sk"=?'
    statement = {"Statement": update, "Parameters": [{"S": "x" * 10}, {"S": "a"}, {"S": "0"}]}
    codes = [
        database._call("batch_execute_statement", Statements=[statement])["Responses"][0].get("Error", {}).get("Code")
        for _ in range(4)
    ]
    assert codes == [None, None, "ThrottlingError", "ThrottlingError"]  # of two units, then of one


def test_a_batch_returns_as_unprocessed_what_it_could_not_read(database: Database, limits: Limits) -> None:
    for number in range(3):
        database.put("a", str(number))
    limits.change("dynamodb.partition_reads", value=2)
    keys = [item("a", str(number)) for number in range(3)]
    answer = database.get_batch(*keys, ConsistentRead=True)
    assert answer["UnprocessedKeys"] == {database.table: {"ConsistentRead": True, "Keys": keys[2:]}}
    assert len(answer["Responses"][database.table]) == 2
    limits.change("dynamodb.partition_reads", value=0)
    assert error(database.get_batch(*keys)) == "ProvisionedThroughputExceededException"


def test_a_batch_reads_sixteen_megabytes_at_most(database: Database, limits: Limits) -> None:
    keys = [item(str(number), "0") for number in range(50)]
    for key in keys:
        dynamodb._set_item(dynamodb._tables[database.table], key["pk"]["S"], "0", {**key, "text": {"S": "x" * 400_000}})
    answer = database.get_batch(*keys)
    assert len(answer["Responses"][database.table]) == 41
    assert len(answer["UnprocessedKeys"][database.table]["Keys"]) == 9
    assert database.struck() == {"dynamodb.batch_get_size": 9}


def test_a_transaction_costs_twice_and_is_cancelled_as_a_whole(
    database: Database, limits: Limits, clock: ManualClock
) -> None:
    limits.change("dynamodb.partition_writes", value=2)
    assert error(database.transact(database.put_action("a"))) == ""
    answer = database.transact(database.put_action("b"), database.put_action("a"))
    assert error(answer) == "TransactionCanceledException"
    assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["None", "ThrottlingError"]
    assert "Item" not in database.call("get_item", Key=item("b", "0"))
    assert [database.put("b"), database.put("b")] == ["", ""]  # it took nothing
    clock.now += 1
    assert error(database.transact(database.put_action("b"), database.put_action("a"))) == ""


def test_reading_in_a_transaction_costs_twice(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.partition_reads", value=3)
    gets = [{"Get": {"TableName": database.table, "Key": item("a", "0")}}]
    assert error(database._call("transact_get_items", TransactItems=gets)) == ""
    answer = database._call("transact_get_items", TransactItems=gets)
    assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["ThrottlingError"]


def test_an_index_throttles_the_writes_of_its_table(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.partition_writes", value=3)
    errors = [database.put(str(number), state="busy") for number in range(4)]
    assert errors == ["", "", "", "ThrottlingException"]
    answer = database.call("put_item", Item=item("z", "0", state="busy"))
    assert answer["ThrottlingReasons"][0]["reason"] == "IndexWriteKeyRangeThroughputExceeded"
    assert answer["ThrottlingReasons"][0]["resource"].endswith("/index/by-state")
    assert database.put("z") == ""  # it isn't in the index


def test_the_throughput_of_tables_is_apart(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.new_table_writes", value=1)
    assert database.put_batch(item("a", "0"))["UnprocessedItems"] == {}
    assert database.put_batch(item("a", "0"), table=database.other)["UnprocessedItems"] == {}


@pytest.mark.parametrize(
    "limit", ["partition_writes", "new_table_writes", "table_writes", "item_size", "transaction_actions"]
)
def test_a_limit_that_is_off_refuses_nothing(database: Database, limits: Limits, limit: str) -> None:
    limits.change(f"dynamodb.{limit}", value=0)
    assert error(database.transact(database.put_action("a"))) != ""
    limits.change(f"dynamodb.{limit}", on=False)
    assert error(database.transact(database.put_action("a"))) == ""


def test_what_is_too_large_is_refused_and_counted(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.new_table_writes", value=100_000)
    assert database.put(text="x" * 409_600) == "ValidationException"
    assert error(database.transact(*[database.put_action(str(number)) for number in range(101)])) == (
        "ValidationException"
    )
    large = [{"Put": {"TableName": database.table, "Item": item(str(n), "0", text="x" * 390_000)}} for n in range(12)]
    assert error(database.transact(*large)) == "ValidationException"
    assert error(database.put_batch(*[item(str(number), "0") for number in range(26)])) == "ValidationException"
    assert error(database.get_batch(*[item(str(number), "0") for number in range(101)])) == "ValidationException"
    assert database.struck() == {
        "dynamodb.item_size": 1,
        "dynamodb.transaction_actions": 1,
        "dynamodb.transaction_size": 1,
        "dynamodb.batch_writes": 1,
        "dynamodb.batch_gets": 1,
    }


def test_a_page_ends_at_the_limit(database: Database, limits: Limits) -> None:
    limits.change("dynamodb.page_size", value=2500)
    for number in range(4):
        database.put(sk=str(number), text="x" * 1000)
    values = {":pk": {"S": "a"}}
    page = database.call("query", KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values)
    assert len(page["Items"]) == 2
    assert page["LastEvaluatedKey"] == item("a", "1")
    assert database.struck() == {"dynamodb.page_size": 1}


def test_a_malformed_call_is_refused_as_before(database: Database) -> None:
    assert error(database.call("put_item")) == "ValidationException"
    assert error(database._call("batch_write_item", RequestItems={})) == "ValidationException"
    assert error(database._call("get_item", TableName="no-such-table", Key=item("a", "0"))) == (
        "ResourceNotFoundException"
    )
