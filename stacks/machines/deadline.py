"""Raising an alarm when a close is still running at its deadline."""

from datetime import timedelta

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.domain.period import billing_day_text
from stacks.config import Config
from stacks.machines.monthly import monthly
from stacks.machines.state_machine import allow, definition_of, started, state_machine


class DeadlineWatch(Construct):
    """A rule at the deadline of each billing day starts a small state machine, which fails if a close is still running.

    CloudWatch alone cannot tell: Step Functions publishes an execution's duration only when it has ended. On other days
    it is not asked: whatever somebody runs then has no deadline.

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
        hours = timedelta(hours=config.deadline_hours)
        for day in config.billing_days:
            named = "AtTheDeadline" if day == 1 else f"AtTheDeadlineOn{billing_day_text(day).title()}"
            schedule = monthly(config.calendar.closes_after(day) + hours, day)
            events.Rule(self, named, schedule=schedule, targets=[started(self.machine, missed_starts)])
