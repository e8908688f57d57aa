"""The state machine that archives old usage, and the rule that starts it every day."""

from collections.abc import Mapping

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.config import Config
from stacks.functions.spec import Function, Machine
from stacks.functions.table import called_by
from stacks.functions.versions import published
from stacks.machines.state_machine import (
    allow_calls,
    definition_of,
    grant_describe,
    started,
    state_machine,
    substitution,
)

_HOUR = 5
"""UTC. It waits for no close, and does nothing while one is running."""


class UsageArchive(Construct):
    """Archives one month a day, as long as any is due; on most days none is.

    Attributes
    ----------
    machine : sfn.StateMachine
        Each failed execution leaves usage in DynamoDB that was to leave it; the next day's goes on with it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Mapping[Function, lambda_.Function],
        missed_starts: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        called = {name: functions[name] for name in called_by(Machine.ARCHIVE_USAGE)}
        self.machine = state_machine(
            self,
            "Machine",
            definition=definition_of(Machine.ARCHIVE_USAGE),
            substitutions={substitution(name): published(function) for name, function in called.items()},
            config=config,
        )
        allow_calls(self.machine, list(called.values()))
        grant_describe(self, self.machine, functions[Function.PLAN_ARCHIVE])
        events.Rule(
            self,
            "EveryDay",
            schedule=events.Schedule.cron(minute="0", hour=str(_HOUR)),
            targets=[started(self.machine, missed_starts, events.RuleTargetInput.from_object({"period": ""}))],
            enabled=config.usage_months is not None,
        )
