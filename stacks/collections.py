"""The state machine that goes after what stayed open, and the rule that starts it every day."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import COLLECT_DUE
from stacks.config import Config
from stacks.functions import COLLECTION_SIZES, Stage
from stacks.month_close import MapMachine, map_definition, started

MAP_STATE = "Go through every batch"


class Collections(MapMachine):
    """The daily collections, on the same queues as the close: what is due is charged by the providers' consumers."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Mapping[Stage, lambda_.Function],
        queues: Sequence[sqs.Queue],
        documents: s3.Bucket,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            definition=map_definition("collections", MAP_STATE, config.map_concurrency),
            called={stage: functions[stage] for stage in COLLECTION_SIZES},
            names={"CollectDue": COLLECT_DUE},
            queues=queues,
            documents=documents,
            config=config,
        )

    def start_daily(self, dead_letters: sqs.IQueue, config: Config) -> events.Rule:
        """Start the collections every day, as the settings say. The whole event is the input."""
        return events.Rule(
            self,
            "EveryDay",
            schedule=events.Schedule.cron(minute="0", hour=str(config.collections.hour)),
            targets=[started(self.machine, dead_letters)],
            enabled=config.collections.enabled,
        )
