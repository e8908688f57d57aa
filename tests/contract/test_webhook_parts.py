"""What the webhooks need of AWS: secrets with their shapes, a queue that takes all or raises, events applied once."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from monthclose.adapters.aws import event_queue
from monthclose.adapters.aws.event_queue import SqsEventQueue
from monthclose.adapters.aws.secrets import api_key, webhook_secrets
from monthclose.bootstrap import Runtime
from monthclose.errors import ProviderRefusedError, TryLaterError
from monthclose.handlers import apply_webhook, entry
from tests.contract.conftest import REGION
from tests.unit.test_handlers import FakeContext
from tests.world import World


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("content", "secrets"),
    [
        ('{"api_key": "sk", "webhook_secret": "whsec_1"}', ["whsec_1"]),
        ('{"api_key": "sk", "webhook_secret": ["whsec_2", "whsec_1"]}', ["whsec_2", "whsec_1"]),
        ('{"api_key": "sk"}', None),
        ('{"api_key": "sk", "webhook_secret": ""}', None),
        ('{"api_key": "sk", "webhook_secret": []}', None),
        ('{"api_key": "sk", "webhook_secret": ["whsec_1", ""]}', None),
        ('{"api_key": "sk", "webhook_secret": 7}', None),
        ("sk_live_1", None),
        ("[]", None),
    ],
)
def test_a_webhook_secret_is_one_text_or_several(content: str, secrets: list[str] | None) -> None:
    boto3.client("secretsmanager", region_name=REGION).create_secret(Name="s/stripe", SecretString=content)
    if secrets is None:
        with pytest.raises(ProviderRefusedError, match='s/stripe needs a "webhook_secret"') as refused:
            webhook_secrets("s/stripe")
        assert "sk_live_1" not in str(refused.value)
    else:
        assert webhook_secrets("s/stripe") == secrets
        assert api_key("s/stripe") == "sk"


@pytest.mark.usefixtures("aws")
def test_a_secret_that_nobody_has_created_needs_a_person() -> None:
    with pytest.raises(ProviderRefusedError, match="s/none cannot be read"):
        webhook_secrets("s/none")


@pytest.mark.usefixtures("aws")
def test_the_queue_accepts_as_many_events_as_a_delivery_has() -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    queue = SqsEventQueue(url)
    queue.put({"event_id": f"EV{number}"} for number in range(23))
    queue.put([])
    queue.put_back({"event_id": "EV23"}, 0)
    found: set[str] = set()
    while some := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found |= {json.loads(message["Body"])["event_id"] for message in some}
    assert found == {f"EV{number}" for number in range(24)}


@pytest.mark.parametrize(
    "answer",
    [
        {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]},
        ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "later"}}, "SendMessageBatch"),
    ],
)
def test_an_event_that_the_queue_did_not_accept_is_not_lost_silently(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sqs:
        def send_message_batch(self, **_: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(event_queue, "client", lambda _: Sqs())
    with pytest.raises(TryLaterError):
        SqsEventQueue("https://queue/webhooks").put([{"event_id": "EV1"}])


def test_an_event_is_applied_once_by_its_provider_and_id_and_again_only_if_it_failed(
    aws: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("dynamodb", region_name=REGION).create_table(
        TableName=aws.settings.idempotency_table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    world, applied = World(), list[str]()

    def apply(event: Any) -> Any:
        applied.append(event.event_id)
        if len(applied) == 1:
            raise RuntimeError("the process died")
        return world.applier.__class__.book(world.applier, event)

    class Applier:
        known = staticmethod(lambda _: None)
        book = staticmethod(apply)

    monkeypatch.setattr(entry, "runtime", lambda: aws)
    monkeypatch.setattr(apply_webhook, "runtime", lambda: aws)
    monkeypatch.setattr(apply_webhook, "_applier", lambda _: Applier)
    message = {
        "provider": "stripe",
        "event_id": "evt_1",
        "kind": "charge.refunded",
        "reference": "pi_1",
        "payment_id": "",
        "known_in": [],
        "received_at": aws.clock().isoformat(),
        "again": False,
    }
    other = {**message, "provider": "gocardless"}

    def delivered(*messages: Any) -> list[Any]:
        records = [
            {
                "messageId": f"message-{number}",
                "body": json.dumps(message),
                "eventSource": "aws:sqs",
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, message in enumerate(messages)
        ]
        return list(apply_webhook.handler({"Records": records}, FakeContext())["batchItemFailures"])

    assert delivered(message) == [{"itemIdentifier": "message-0"}]
    assert delivered(message) == []
    assert delivered({**message, "again": True}) == []
    assert delivered(other) == []
    assert applied == ["evt_1", "evt_1", "evt_1"]  # failed, booked, and the other provider's of the same id
