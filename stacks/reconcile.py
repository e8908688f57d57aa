"""The state machine that reconciles, and the rule that starts it."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import EVENT_FINDINGS, EVENT_SOURCE
from stacks import functions as ours
from stacks.config import Config
from stacks.functions import RECONCILE_SIZES, role_of
from stacks.import_drop import ImportDrop
from stacks.mail import Mail
from stacks.month_close import DEFINITIONS, MapMachine, MonthClose, started, state_machine, substitution
from stacks.nag import acknowledge_resource
from stacks.providers import ProviderQueue

FINDERS = (ours.Function.DRAIN_DEAD_LETTERS, ours.Function.SETTLE_PAYMENTS, ours.Function.COMPARE_BOOKS)
"""The functions that count what they find."""
_DEFINITION = DEFINITIONS / "reconcile.asl.json"


class Reconciler(Construct):
    """Settles payments and compares the books on a schedule.

    Attributes
    ----------
    machine : sfn.StateMachine
        Its failed executions are reconciliations that could not ask everybody.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Mapping[ours.Function, lambda_.Function],
        close: MonthClose,
        drop: ImportDrop,
        missed_starts: sqs.Queue,
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = {name: functions[name] for name in RECONCILE_SIZES}
        self.machine = state_machine(
            self,
            "Machine",
            definition=_DEFINITION.read_text(),
            substitutions={
                **{substitution(name): function.function_arn for name, function in self._functions.items()},
                "MissedStarts": missed_starts.queue_url,
                "MonthClose": close.machine.state_machine_arn,
                "ImportUsage": drop.machine.state_machine_arn,
                "EventSource": EVENT_SOURCE,
                "EventFindings": EVENT_FINDINGS,
            },
            config=config,
        )
        self._grant_calls()
        self._grant_describe()
        self._grant_drain([close, drop], missed_starts)
        events.Rule(
            self,
            "Every",
            schedule=events.Schedule.rate(Duration.minutes(config.reconcile.every_minutes)),
            targets=[started(self.machine, missed_starts)],
            enabled=config.reconcile.enabled,
        )

    def grant_providers(self, providers: Sequence[ProviderQueue], mail: Mail) -> None:
        """Let the functions ask the providers, take up their dead letters, and tell customers what came of it."""
        for provider in providers:
            for name in (ours.Function.SETTLE_PAYMENTS, ours.Function.COMPARE_BOOKS):
                provider.secret.grant_read(self._functions[name])
            _grant_take(provider.dead_letters, self._functions[ours.Function.DRAIN_DEAD_LETTERS])
        mail.grant_send(self._functions[ours.Function.SETTLE_PAYMENTS])

    def _grant_calls(self) -> None:
        bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        called = [function.function_arn for function in self._functions.values()]
        for action, resources in {"lambda:InvokeFunction": called, "events:PutEvents": [bus]}.items():
            self.machine.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=resources))

    def _grant_describe(self) -> None:
        """Let the opener ask whether the reconciliation before still runs.

        In a policy of its own: the machine names the function, which waits for its role's default policy.
        """
        name = f"{self.machine.state_machine_name}:*"
        arn = Stack.of(self).format_arn(
            service="states", resource="execution", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        statement = iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[arn])
        policy = iam.Policy(self, "DescribeExecutions", statements=[statement])
        policy.attach_to_role(role_of(self._functions[ours.Function.OPEN_RECONCILE]))
        acknowledge_resource(policy, arn, "Executions of this one machine: they get their names when they start.")

    def _grant_drain(self, restarted: Sequence[MapMachine], missed_starts: sqs.Queue) -> None:
        drain = self._functions[ours.Function.DRAIN_DEAD_LETTERS]
        # Whom to tell is decided by a token nobody can guess: IAM knows no resources for it (see MonthClose).
        actions = ["states:SendTaskFailure", "states:SendTaskHeartbeat"]
        drain.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
        for started_again in restarted:
            started_again.machine.grant_start_execution(drain)
        _grant_take(missed_starts, drain)


def _grant_take(queue: sqs.Queue, function: lambda_.Function) -> None:
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[queue.queue_arn]))
