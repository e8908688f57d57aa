"""The state machine that goes after what stayed open, and the rule that starts it every day."""

from typing import ClassVar

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs

from monthclose.names import COLLECT_DUE
from stacks.config import Config
from stacks.functions import COLLECTION_SIZES
from stacks.month_close import MapMachine, started

MAP_STATE = "Go through every batch"


class Collections(MapMachine):
    """The daily collections, on the same queues as the close: what is due is charged by the providers' consumers."""

    definition, map_state, functions = "collections", MAP_STATE, COLLECTION_SIZES
    names: ClassVar = {"CollectDue": COLLECT_DUE}

    def start_daily(self, dead_letters: sqs.IQueue, config: Config) -> events.Rule:
        """Start the collections every day, as the settings say. The whole event is the input."""
        return events.Rule(
            self,
            "EveryDay",
            schedule=events.Schedule.cron(minute="0", hour=str(config.collections.hour)),
            targets=[started(self.machine, dead_letters)],
            enabled=config.collections.enabled,
        )
