"""Raising an alarm when a close is still running at its deadline."""

from datetime import timedelta

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.config import Config
from stacks.machines.monthly import daily, monthly
from stacks.machines.state_machine import allow, definition_of, started, state_machine


class DeadlineWatch(Construct):
    """A rule at the deadline starts a small state machine, which fails if a close is still running.

    CloudWatch alone cannot tell: Step Functions publishes an execution's duration only when it has ended.

    Attributes
    ----------
    machine : sfn.StateMachine
        Each failed execution is a close that is late.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        watched: sfn.StateMachine,
        missed_starts: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self.machine = state_machine(
            self,
            "Machine",
            definition=definition_of("deadline_watch"),
            substitutions={"MonthClose": watched.state_machine_arn},
            config=config,
        )
        allow(self.machine, "states:ListExecutions", [watched.state_machine_arn])
        after = config.calendar.latest_over + timedelta(hours=config.deadline_hours)
        schedule = monthly(after) if config.billing_days == (1,) else daily(after)
        events.Rule(self, "AtTheDeadline", schedule=schedule, targets=[started(self.machine, missed_starts)])
