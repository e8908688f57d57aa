"""The bucket that usage files are dropped into."""

from aws_cdk import aws_s3 as s3
from constructs import Construct

from monthclose.names import PARTS_PREFIX, REJECTS_PREFIX
from stacks.config import Config
from stacks.documents import ABORT_UPLOADS, MAP_RUNS, expire, private_bucket


def usage_bucket(scope: Construct, construct_id: str, *, config: Config, logs: s3.IBucket) -> s3.Bucket:
    """Make the bucket: what was billed by is kept for good, what an import leaves behind is not.

    It tells EventBridge of every object, which is not the library's `event_bridge_enabled`: that deploys a function
    to switch on what the bucket's own property does.
    """
    bucket = private_bucket(
        scope,
        construct_id,
        config=config,
        versioned=True,
        logs=logs,
        lifecycle_rules=[
            # As long as Step Functions can take up a failed import again, and a while longer.
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
