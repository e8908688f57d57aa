"""The state machine that goes after what stayed open, and the rule that starts it every day."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import COLLECT_DUE
from stacks.config import Config
from stacks.functions import Stage
from stacks.month_close import MapMachine, map_definition, started

COLLECTION_STAGES = (Stage.FIND_OWING, Stage.SEND_REMINDERS, Stage.REVIEW_HOLDS)
"""The functions that the state machine calls; what is due is charged by the providers' consumers."""
MAP_STATE = "Go through every batch"


class Collections(MapMachine):
    """The daily collections, on the same queues as the close."""

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
            definition=map_definition("collections", MAP_STATE, config),
            called={stage: functions[stage] for stage in COLLECTION_STAGES},
            names={"CollectDue": COLLECT_DUE},
            queues=queues,
            documents=documents,
            config=config,
        )

    def start_daily(self, dead_letters: sqs.IQueue, hour: int) -> events.Rule:
        """Start the collections every day at an hour, UTC. The whole event is the input."""
        schedule = events.Schedule.cron(minute="0", hour=str(hour))
        return events.Rule(self, "EveryDay", schedule=schedule, targets=[started(self.machine, dead_letters)])
