"""Hear the events that a deployed system sends, with a rule and a queue of the test's own; each must fit its schema."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import boto3

from monthclose.names import EVENT_SOURCE
from tests.event_schemas import check_event


@dataclass
class Hearing:
    """A listener on the event bus."""

    queue_url: str
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Detail types and details, as they came; what came twice is heard once."""
    ids: set[str] = field(default_factory=set)
    """EventBridge's id of each event that was heard: an event that is delivered again has the same."""

    def listen(self, seconds: int = 1) -> list[tuple[str, dict[str, Any]]]:
        """Take what has come, and return all that was heard so far."""
        sqs = boto3.client("sqs")
        answer = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=seconds)
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            check_event(event["detail-type"], event["detail"])
            if event["id"] not in self.ids:
                self.ids.add(event["id"])
                self.heard.append((event["detail-type"], event["detail"]))
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return self.heard


@contextmanager
def hearing(*kinds: str) -> Iterator[Hearing]:
    """Listen to events of some detail types, or of all of ours."""
    name, events, sqs = f"test-{uuid4()}", boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": [EVENT_SOURCE], **({"detail-type": list(kinds)} if kinds else {})}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(_allowing(rule, arn))})
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    try:
        yield Hearing(url)
    finally:
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)
        sqs.delete_queue(QueueUrl=url)


def _allowing(rule: str, queue: str) -> dict[str, Any]:
    """Let a rule send to a queue: without a policy of the queue's own, EventBridge may not."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
