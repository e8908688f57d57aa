"""The bucket that usage files are dropped into."""

from aws_cdk import aws_s3 as s3
from constructs import Construct

from monthclose.names import PARTS_PREFIX, REJECTS_PREFIX
from stacks.config import Config
from stacks.state.documents import ABORT_UPLOADS, MAP_RUNS, expire, private_bucket


def usage_bucket(scope: Construct, construct_id: str, *, config: Config, logs: s3.IBucket) -> s3.Bucket:
    """Make the bucket. Files that were billed from are kept for good; what an import leaves behind expires.

    EventBridge is notified of every object. This is not the library's `event_bridge_enabled`, which deploys a function
    to do what the bucket's own property does.
    """
    bucket = private_bucket(
        scope,
        construct_id,
        config=config,
        versioned=True,
        logs=logs,
        lifecycle_rules=[
            # For longer than Step Functions can redrive a failed import.
            expire(PARTS_PREFIX, days=30),
            expire(MAP_RUNS, days=30),
            expire(REJECTS_PREFIX, days=400),
            ABORT_UPLOADS,
        ],
    )
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
    return bucket
