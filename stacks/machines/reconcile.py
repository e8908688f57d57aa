"""The state machine that reconciles, and the rule that starts it."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import EVENT_FINDINGS, EVENT_SOURCE
from stacks.config import Config
from stacks.functions.access import grant_secret
from stacks.functions.table import Function, Machine, called_by
from stacks.machines.import_usage import UsageImport
from stacks.machines.month_close import MonthClose
from stacks.machines.state_machine import (
    MapMachine,
    allow,
    allow_events,
    definition_of,
    grant_describe,
    started,
    state_machine,
    substitution,
)
from stacks.mail import Mail
from stacks.providers import ProviderQueue

FINDERS = (Function.DRAIN_DEAD_LETTERS, Function.SETTLE_PAYMENTS, Function.COMPARE_BOOKS)
"""The functions that count what they find."""


class Reconciler(Construct):
    """Settles payments and compares the books on a schedule.

    Attributes
    ----------
    machine : sfn.StateMachine
        Each failed execution is a reconciliation that could not reach every provider or compare every period.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Mapping[Function, lambda_.Function],
        close: MonthClose,
        imports: UsageImport,
        missed_starts: sqs.Queue,
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = {name: functions[name] for name in called_by(Machine.RECONCILE)}
        called = {substitution(name): function.function_arn for name, function in self._functions.items()}
        self.machine = state_machine(
            self,
            "Machine",
            definition=definition_of(Machine.RECONCILE),
            substitutions={
                **called,
                "MissedStarts": missed_starts.queue_url,
                "MonthClose": close.machine.state_machine_arn,
                "ImportUsage": imports.machine.state_machine_arn,
                "EventSource": EVENT_SOURCE,
                "EventFindings": EVENT_FINDINGS,
            },
            config=config,
        )
        allow(self.machine, "lambda:InvokeFunction", list(called.values()))
        allow_events(self.machine)
        grant_describe(self, self.machine, self._functions[Function.OPEN_RECONCILE])
        self._grant_drain([close, imports], missed_starts)
        events.Rule(
            self,
            "Every",
            schedule=events.Schedule.rate(Duration.minutes(config.reconcile.every_minutes)),
            targets=[started(self.machine, missed_starts)],
            enabled=config.reconcile.enabled,
        )

    def grant_providers(self, providers: Sequence[ProviderQueue], mail: Mail) -> None:
        """Let the functions call the providers, drain their dead letters, and e-mail customers about outcomes."""
        for provider in providers:
            for name in (Function.SETTLE_PAYMENTS, Function.COMPARE_BOOKS):
                grant_secret(self._functions[name], provider.secret)
            _grant_take(provider.dead_letters, self._functions[Function.DRAIN_DEAD_LETTERS])
        mail.grant_send(self._functions[Function.SETTLE_PAYMENTS])

    def _grant_drain(self, restarted: Sequence[MapMachine], missed_starts: sqs.Queue) -> None:
        drain = self._functions[Function.DRAIN_DEAD_LETTERS]
        # The task is named by a token that nobody can guess: IAM knows no resources for it (see MonthClose).
        actions = ["states:SendTaskFailure", "states:SendTaskHeartbeat"]
        drain.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
        for started_again in restarted:
            started_again.machine.grant_start_execution(drain)
        _grant_take(missed_starts, drain)


def _grant_take(queue: sqs.Queue, function: lambda_.Function) -> None:
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[queue.queue_arn]))
