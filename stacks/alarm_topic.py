"""The topic that sends alarms to a person, and what lets CloudWatch publish on it."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


def alarm_topic(scope: Construct, email: str) -> sns.Topic:
    """Make the topic and its subscription."""
    # A key of our own: alarms may not use the key that SNS manages.
    key = kms.Key(scope, "Key", enable_key_rotation=True, description="Month close: alarms")
    key.grant(iam.ServicePrincipal("cloudwatch.amazonaws.com"), "kms:Decrypt", "kms:GenerateDataKey")
    topic = sns.Topic(scope, "Topic", master_key=key, enforce_ssl=True)
    topic.add_to_resource_policy(_let_alarms_publish(topic))
    topic.add_subscription(subscriptions.EmailSubscription(email))
    return topic


def _let_alarms_publish(topic: sns.Topic) -> iam.PolicyStatement:
    """Write what SNS' default policy allowed: `enforce_ssl` puts a policy in its place that only denies.

    From CloudWatch's guide, "Permissions for Amazon SNS topics": for alarms of this account and no other.
    """
    stack = Stack.of(topic)
    alarms = stack.format_arn(
        service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["sns:Publish"],
        resources=[topic.topic_arn],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": alarms}},
    )
