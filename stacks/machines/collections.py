"""The state machine that collects what is still open after a close, and the rule that starts it every day."""

from typing import ClassVar

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs

from monthclose.names import COLLECT_DUE
from stacks.config import Config
from stacks.functions.spec import Machine
from stacks.machines.state_machine import MapMachine, started


class Collections(MapMachine):
    """The daily collections. They use the close's queues: the providers' consumers charge what is due."""

    kind, map_state = Machine.COLLECTIONS, "Go through every batch"
    names: ClassVar = {"CollectDue": COLLECT_DUE}

    def start_daily(self, missed_starts: sqs.IQueue, config: Config) -> events.Rule:
        """Start the collections every day at the hour in the settings. The whole event is the input."""
        return events.Rule(
            self,
            "EveryDay",
            schedule=events.Schedule.cron(minute="0", hour=str(config.collections.hour)),
            targets=[started(self.machine, missed_starts)],
            enabled=config.collections.enabled,
        )
