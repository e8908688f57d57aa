"""The state machine that reconciles, and the rule that starts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import EVENT_FINDINGS, event_source
from stacks.config import Config
from stacks.functions.access import grant_secret, grant_send
from stacks.functions.spec import Function, Machine
from stacks.functions.table import called_by
from stacks.functions.versions import published
from stacks.machines.import_usage import UsageImport
from stacks.machines.month_close import MonthClose
from stacks.machines.report_pack import ReportPack
from stacks.machines.state_machine import (
    MapMachine,
    allow_calls,
    allow_events,
    definition_of,
    grant_describe,
    started,
    state_machine,
    substitution,
)
from stacks.mail import Mail
from stacks.providers import ProviderQueue, grant_take
from stacks.webhooks import Webhooks

FINDERS = (Function.DRAIN_DEAD_LETTERS, Function.SETTLE_PAYMENTS, Function.COMPARE_BOOKS, Function.REPORT_CLOSE)
"""The functions that count what they find: the reconciler's, and the one that proves a close when it ends."""


@dataclass(frozen=True, kw_only=True)
class Drains:
    """What has dead letters beside the providers' queues: mail's events, webhooks, the rules that start executions."""

    mail: Mail
    webhooks: Webhooks
    missed_starts: sqs.Queue


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
        packs: ReportPack,
        drains: Drains,
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = {name: functions[name] for name in called_by(Machine.RECONCILE)}
        versions = {substitution(name): published(function) for name, function in self._functions.items()}
        self.machine = state_machine(
            self,
            "Machine",
            definition=definition_of(Machine.RECONCILE),
            substitutions={
                **versions,
                "MissedStarts": drains.missed_starts.queue_url,
                "MailEvents": drains.mail.events.queue_url,
                "MailDeadLetters": drains.mail.dead_letters.queue_url,
                "WebhookDeadLetters": drains.webhooks.dead_letters.queue_url,
                "MonthClose": close.machine.state_machine_arn,
                "ReportPack": packs.machine.state_machine_arn,
                "ImportUsage": imports.machine.state_machine_arn,
                "EventSource": event_source(config.name),
                "EventFindings": EVENT_FINDINGS,
            },
            config=config,
        )
        allow_calls(self.machine, list(self._functions.values()))
        allow_events(self.machine)
        packs.let_start(self.machine)
        grant_describe(self, self.machine, self._functions[Function.OPEN_RECONCILE])
        self._grant_drain([close, imports], drains)
        events.Rule(
            self,
            "Every",
            schedule=events.Schedule.rate(Duration.minutes(config.reconcile.every_minutes)),
            targets=[started(self.machine, drains.missed_starts)],
            enabled=config.reconcile.enabled,
        )

    def grant_providers(self, providers: Sequence[ProviderQueue], mail: Mail) -> None:
        """Let the functions call the providers, drain their dead letters, and e-mail customers about outcomes."""
        for provider in providers:
            for name in (Function.SETTLE_PAYMENTS, Function.COMPARE_BOOKS):
                grant_secret(self._functions[name], provider.secret)
            grant_take(provider.dead_letters, self._functions[Function.DRAIN_DEAD_LETTERS])
        mail.grant_send(self._functions[Function.SETTLE_PAYMENTS])

    def _grant_drain(self, restarted: Sequence[MapMachine], drains: Drains) -> None:
        drain = self._functions[Function.DRAIN_DEAD_LETTERS]
        # The task is named by a token that nobody can guess: IAM knows no resources for it (see MonthClose).
        actions = ["states:SendTaskFailure", "states:SendTaskHeartbeat"]
        drain.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
        for started_again in restarted:
            started_again.machine.grant_start_execution(drain)
        for letters in (drains.missed_starts, drains.webhooks.dead_letters, drains.mail.dead_letters):
            grant_take(letters, drain)
        for queue in (drains.webhooks.queue, drains.mail.events):
            grant_send(drain, queue)
