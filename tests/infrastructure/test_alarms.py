"""Every alarm's way to a person: its action, the topic's policy, the topic's key, the subscription."""

import json
from typing import Any

import pytest

from tests.infrastructure.policies import ACCOUNT, REGION, lets_in
from tests.infrastructure.synthesis import Synthesized

CLOUDWATCH = "cloudwatch.amazonaws.com"


def alarms(aws: Synthesized) -> dict[str, dict[str, Any]]:
    found = aws.of_type("AWS::CloudWatch::Alarm")
    assert found
    return found


def call_of(alarm: str, account: str = ACCOUNT, tls: str = "true") -> dict[str, str]:
    """What a policy can ask about CloudWatch's call when an alarm is raised."""
    return {
        "aws:SourceAccount": account,
        "aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{account}:alarm:MonthCloseWorkflow-{alarm}-AB12",
        "aws:SecureTransport": tls,
    }


def topic_policy(aws: Synthesized, topic: str) -> dict[str, Any]:
    [policy] = [p for p in aws.of_type("AWS::SNS::TopicPolicy").values() if {"Ref": topic} in p["Topics"]]
    document: dict[str, Any] = policy["PolicyDocument"]
    return document


def test_every_alarm_may_publish_on_a_topic_that_somebody_reads(aws: Synthesized) -> None:
    read = {s["TopicArn"]["Ref"]: s for s in aws.of_type("AWS::SNS::Subscription").values()}
    topics, keys = aws.of_type("AWS::SNS::Topic"), aws.of_type("AWS::KMS::Key")
    for name, alarm in alarms(aws).items():
        assert alarm.get("ActionsEnabled", True)
        [action] = alarm["AlarmActions"]
        topic = action["Ref"]
        assert (read[topic]["Protocol"], read[topic]["Endpoint"]) == ("email", "operators@example.com")
        assert lets_in(topic_policy(aws, topic), CLOUDWATCH, "sns:Publish", topic, call_of(name))
        key = keys[topics[topic]["KmsMasterKeyId"]["Fn::GetAtt"][0]]["KeyPolicy"]
        for needed in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert lets_in(key, CLOUDWATCH, needed, "the key", call_of(name))


@pytest.mark.parametrize(
    ("service", "action", "call"),
    [
        (CLOUDWATCH, "sns:Publish", call_of("Any", account="999988887777")),
        (CLOUDWATCH, "sns:Publish", call_of("Any", tls="false")),
        (CLOUDWATCH, "sns:Publish", call_of("Any") | {"aws:SourceArn": f"arn:aws:s3:::{ACCOUNT}"}),
        (CLOUDWATCH, "sns:Subscribe", call_of("Any")),
        ("events.amazonaws.com", "sns:Publish", call_of("Any")),
    ],
)
def test_nobody_else_may_publish_alarms(aws: Synthesized, service: str, action: str, call: dict[str, str]) -> None:
    [topic] = aws.of_type("AWS::SNS::Topic")
    assert not lets_in(topic_policy(aws, topic), service, action, topic, call)


def test_a_deployment_without_an_address_for_alarms_says_so(two_providers: Synthesized, local: Synthesized) -> None:
    assert not two_providers.of_type("AWS::SNS::Topic")
    [warning] = warnings(two_providers)
    assert "alarm_email" in warning
    assert "nobody is told" in warning
    assert not warnings(local)


def test_a_deployment_with_an_address_for_alarms_has_nothing_to_warn_of(aws: Synthesized) -> None:
    assert not warnings(aws)


def warnings(synthesized: Synthesized) -> list[str]:
    """What `cdk deploy` warns of."""
    manifest = json.loads((synthesized.folder / "manifest.json").read_text())
    found = []
    for artifact in manifest["artifacts"].values():
        metadata = artifact.get("metadata", {})
        if "additionalMetadataFile" in artifact:
            metadata = json.loads((synthesized.folder / artifact["additionalMetadataFile"]).read_text())
        found += [e["data"] for entries in metadata.values() for e in entries if e["type"] == "aws:cdk:warning"]
    return found
