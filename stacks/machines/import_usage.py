"""The state machine that imports dropped usage files, and the rule that starts it."""

from collections.abc import Mapping
from typing import ClassVar

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import EVENT_USAGE_IMPORTED, PARTS_PREFIX, USAGE_PREFIX
from stacks.config import Config
from stacks.functions.spec import Function, Machine
from stacks.machines.state_machine import MapMachine, started


class UsageImport(MapMachine):
    """Imports the files that are dropped below `usage/` in the usage bucket."""

    kind, map_state = Machine.IMPORT_USAGE, "Load every lane"
    names: ClassVar = {"EventUsageImported": EVENT_USAGE_IMPORTED}
    lists, publishes = PARTS_PREFIX, True

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Mapping[Function, lambda_.Function],
        bucket: s3.Bucket,
        missed_starts: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id, config=config, functions=functions, documents=bucket)
        self.grant_describe(functions[Function.RECEIVE_USAGE])
        events.Rule(
            self,
            "WhenDropped",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket.bucket_name]}, "object": {"key": [{"prefix": USAGE_PREFIX}]}},
            ),
            targets=[started(self.machine, missed_starts)],
        )

    def children_at_once(self, config: Config) -> int:
        """How many lanes are loaded at once."""
        return config.usage_drop.lanes
