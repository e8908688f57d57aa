"""The state machine that imports the usage files that are dropped, and the rule that starts it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import EVENT_SOURCE, EVENT_USAGE_IMPORTED, PARTS_PREFIX, REJECTS_PREFIX, USAGE_PREFIX
from stacks.config import Config
from stacks.functions import Function, Functions, Size, role_of
from stacks.month_close import MapMachine, started
from stacks.nag import acknowledge_resource

MAP_STATE = "Load every lane"
SIZES: Mapping[Function, Size] = {
    # A whole CPU (AWS Lambda's guide: at 1,769 MB): it reads files of gigabytes in one go.
    Function.RECEIVE_USAGE: Size(900, 1769),
    Function.LOAD_USAGE: Size(900, 1024),
    # As much, for if every row of such a file is rejected: a row takes as long to be written as to be split.
    Function.FINISH_USAGE: Size(900, 1769),
}
AT_ONCE: Mapping[Function, int] = {Function.RECEIVE_USAGE: 20, Function.LOAD_USAGE: 40}
"""How many of a function run at a time: a thousand files that are dropped together must not take the account's
concurrency from a close. What finds no room is tried again for a day: files of gigabytes hold theirs for hours."""


@dataclass(frozen=True)
class _Share:
    """What a function may do below which prefix of the usage bucket."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()


_SHARES: Mapping[Function, _Share] = {
    Function.RECEIVE_USAGE: _Share(
        reads=(USAGE_PREFIX, PARTS_PREFIX, REJECTS_PREFIX),
        writes=(PARTS_PREFIX, REJECTS_PREFIX),
        deletes=(REJECTS_PREFIX,),
    ),
    Function.LOAD_USAGE: _Share(reads=(PARTS_PREFIX,), writes=(PARTS_PREFIX,)),
    Function.FINISH_USAGE: _Share(
        reads=(PARTS_PREFIX, REJECTS_PREFIX), writes=(PARTS_PREFIX, REJECTS_PREFIX), deletes=(REJECTS_PREFIX,)
    ),
}
"""None of them writes below the prefix whose objects start an import."""


def make_functions(scope: Construct, functions: Functions) -> dict[Function, lambda_.Function]:
    """Make the functions that the state machine calls."""
    return {
        name: functions.make(scope, name, size=size, reserved_concurrency=AT_ONCE.get(name))
        for name, size in SIZES.items()
    }


class ImportDrop(MapMachine):
    """Imports what is dropped below `usage/` in a bucket."""

    definition, map_state, functions = "import_usage", MAP_STATE, SIZES
    names: ClassVar = {"EventSource": EVENT_SOURCE, "EventUsageImported": EVENT_USAGE_IMPORTED}
    lists, tells = PARTS_PREFIX, True

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
        for name, share in _SHARES.items():
            _grant(functions[name], bucket, share)
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
        """Say how many lanes are loaded at once."""
        return config.usage_drop.lanes


def _grant(function: lambda_.Function, bucket: s3.Bucket, share: _Share) -> None:
    by_action = {
        "s3:GetObject": share.reads,
        "s3:GetObjectVersion": tuple(prefix for prefix in share.reads if prefix == USAGE_PREFIX),
        "s3:PutObject": share.writes,
        "s3:AbortMultipartUpload": share.writes,
        "s3:DeleteObject": share.deletes,
    }
    for action, prefixes in by_action.items():
        objects = [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
        if objects:
            function.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=objects))
    # Without it a missing object answers 403 and cannot be told from a missing permission.
    function.add_to_role_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]))
    for prefix in sorted({*share.reads, *share.writes, *share.deletes}):
        there = bucket.arn_for_objects(f"{prefix}*")
        acknowledge_resource(role_of(function), there, "The objects of one prefix: they are named by what is dropped.")
