"""The state machine that closes a month, and the rules that start it."""

from typing import ClassVar

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from monthclose.domain.period import billing_day_text
from monthclose.names import EVENT_CLOSE_COMPLETED, EVENT_CLOSE_WAITING
from stacks.config import Config
from stacks.functions.spec import Machine
from stacks.machines.monthly import monthly
from stacks.machines.state_machine import MapMachine, started


class MonthClose(MapMachine):
    """The close."""

    kind, map_state = Machine.MONTH_CLOSE, "Close every batch"
    names: ClassVar = {"EventCloseCompleted": EVENT_CLOSE_COMPLETED, "EventCloseWaiting": EVENT_CLOSE_WAITING}
    publishes = True

    def start_on(self, missed_starts: sqs.IQueue, config: Config) -> None:
        """Start a close on each billing day, when the period has ended in every time zone of the settings.

        The whole event is the input of the calendar month's close; the others' names the billing day.
        """
        for day in config.billing_days:
            text = billing_day_text(day)
            named = "EveryMonth" if day == 1 else f"EveryMonthOn{text.title()}"
            schedule = monthly(config.calendar.closes_after(day), day)
            request = {"source": "aws.events", "resources": [f"rule/{named}"], "billing_day": text}
            what = None if day == 1 else events.RuleTargetInput.from_object(request)
            events.Rule(self, named, schedule=schedule, targets=[started(self.machine, missed_starts, what)])

    def grant_task_response(self, function: lambda_.Function, *, only_success: bool = False) -> None:
        """Let a function answer for tasks that wait for it.

        On every resource: for these actions the Service Authorization Reference names no resource type, and a
        wrong guess would leave each batch waiting for a day. The task is named by a token that nobody can guess.
        """
        more = () if only_success else ("states:SendTaskFailure", "states:SendTaskHeartbeat")
        actions = ["states:SendTaskSuccess", *more]
        function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
