"""The local AWS that the other tests run on refuses what the real one refuses."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from monthclose.names import Env
from tests.integration.conftest import STRICT
from tests.integration.strictness import limit_changed, limits_struck
from tests.integration.system import System


@pytest.fixture
def strict(system: System, pytestconfig: pytest.Config) -> System:
    """The shared system, if AWS's limits are in force on it."""
    if not STRICT or pytestconfig.getoption("--endpoint-url"):
        pytest.skip("the limits are off")
    return system


@pytest.fixture
def dynamodb(strict: System) -> Any:
    """A client that doesn't try again."""
    return boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))


def test_a_deployed_table_throttles_as_on_aws(strict: System, dynamodb: Any) -> None:
    table = strict.values[Env.CLOSES_TABLE]
    keys = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
    item = {key["AttributeName"]: {"S": "throttled"} for key in keys}
    put = {"Put": {"TableName": table, "Item": item}}
    before = limits_struck(strict.endpoint_url)["dynamodb.partition_writes"]
    with limit_changed(strict.endpoint_url, "dynamodb.partition_writes", value=0):
        with pytest.raises(ClientError) as refused:
            dynamodb.put_item(TableName=table, Item=item)
        with pytest.raises(ClientError) as cancelled:
            dynamodb.transact_write_items(TransactItems=[put])
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    (reason,) = cancelled.value.response["CancellationReasons"]
    assert reason["Code"] == "ThrottlingError"
    assert limits_struck(strict.endpoint_url)["dynamodb.partition_writes"] >= before + 2
    dynamodb.put_item(TableName=table, Item=item)
    dynamodb.delete_item(TableName=table, Key=item)


def test_a_deployed_queue_refuses_a_message_that_is_too_large(strict: System) -> None:
    sqs = boto3.client("sqs")
    (provider, *_) = strict.runtime.settings.providers.values()
    with pytest.raises(ClientError, match="Message must be shorter than"):
        sqs.send_message(QueueUrl=provider.queue_url, MessageBody="x" * 1_048_577)
