"""Raising an alarm when a close still runs at its deadline."""

from pathlib import Path

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.config import Config
from stacks.month_close import DEFINITIONS, started, state_machine

_DEFINITION: Path = DEFINITIONS / "deadline_watch.asl.json"


class DeadlineWatch(Construct):
    """A rule at the deadline starts a state machine of one question, which fails if a close still runs.

    CloudWatch alone cannot tell: Step Functions publishes an execution's duration when it has ended.

    Attributes
    ----------
    machine : sfn.StateMachine
        Its failed executions are closes that are late.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        watched: sfn.StateMachine,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self.machine = state_machine(
            self,
            "Machine",
            definition=_DEFINITION.read_text(),
            substitutions={"MonthClose": watched.state_machine_arn},
            config=config,
        )
        self.machine.add_to_role_policy(
            iam.PolicyStatement(actions=["states:ListExecutions"], resources=[watched.state_machine_arn])
        )
        days, hour = divmod(config.deadline_hours, 24)
        schedule = events.Schedule.cron(minute="0", hour=str(hour), day=str(1 + days))
        events.Rule(self, "AtTheDeadline", schedule=schedule, targets=[started(self.machine, dead_letters)])
