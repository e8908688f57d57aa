"""An alarm's way to a person: CloudWatch publishes to the synthesized topic, judged by AWS's evaluation logic."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.strict.policies.evaluator import Evaluator, Question, that_matters
from tests.infrastructure.synthesis import Synthesized

ACCOUNT = "000000000000"
CLOUDWATCH = "cloudwatch.amazonaws.com"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/alarms"
ALARM = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:CloseFailed"


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator() as started:
        yield started


def test_every_alarm_may_publish_to_the_topic_that_it_names(aws: Synthesized, evaluator: Evaluator) -> None:
    [name] = aws.of_type("AWS::SNS::Topic")
    actions = [alarm["AlarmActions"] for alarm in aws.of_type("AWS::CloudWatch::Alarm").values()]
    assert actions == [[{"Ref": name}]] * len(actions)
    assert may(evaluator, "sns:Publish", TOPIC, topic_policy(aws))


def test_an_alarm_of_another_account_may_not_publish(aws: Synthesized, evaluator: Evaluator) -> None:
    assert not may(evaluator, "sns:Publish", TOPIC, topic_policy(aws), account="111111111111")


@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_an_alarm_may_use_the_topics_key(aws: Synthesized, evaluator: Evaluator, action: str) -> None:
    [key] = aws.of_type("AWS::KMS::Key").values()
    assert may(evaluator, action, KEY, json.dumps(resolved(key["KeyPolicy"], TOPIC)))


def test_a_topic_whose_policy_only_denies_keeps_cloudwatch_out(aws: Synthesized, evaluator: Evaluator) -> None:
    policy = json.loads(topic_policy(aws))
    denying = {**policy, "Statement": [each for each in policy["Statement"] if each["Effect"] == "Deny"]}
    assert denying["Statement"]
    assert not may(evaluator, "sns:Publish", TOPIC, json.dumps(denying))


def may(evaluator: Evaluator, action: str, resource: str, policy: str, account: str = ACCOUNT) -> bool:
    """Whether CloudWatch may do something for an alarm of an account."""
    context = {
        "aws:SecureTransport": "true",
        "aws:SourceAccount": account,
        "aws:SourceArn": ALARM.replace(ACCOUNT, account),
        "kms:ViaService": "sns.us-east-1.amazonaws.com",
    }
    question = Question(
        CLOUDWATCH, action, resource, ACCOUNT, resource_policy=policy, context=that_matters(context, [policy])
    )
    return evaluator.decide(question).allowed


def topic_policy(synthesized: Synthesized) -> str:
    """Return the topic's policy as JSON."""
    [policy] = synthesized.of_type("AWS::SNS::TopicPolicy").values()
    return json.dumps(resolved(policy["PolicyDocument"], TOPIC))


def resolved(value: Any, topic: str) -> Any:
    """Fill in what is known at deployment only: the one resource that these policies refer to is the topic."""
    if isinstance(value, list):
        return [resolved(each, topic) for each in value]
    if not isinstance(value, dict):
        return value
    pseudo = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": ACCOUNT}
    if "Ref" in value:
        return pseudo.get(value["Ref"], topic)
    if "Fn::Join" in value:
        return "".join(resolved(value["Fn::Join"][1], topic))
    return {key: resolved(each, topic) for key, each in value.items()}
