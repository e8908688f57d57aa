"""The state machine that closes a month, and the rule that starts it."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.names import EVENT_CLOSE_COMPLETED, EVENT_SOURCE
from stacks.config import Config
from stacks.documents import MAP_RUNS, SNAPSHOTS
from stacks.functions import SIZES, Function, role_of
from stacks.nag import acknowledge, acknowledge_resource

DEFINITIONS = Path(__file__).parent.parent / "statemachines"
MAP_STATE = "Close every batch"
_NAMED_LATER = "Executions of this one machine: they get their names when they start."


def substitution(name: Function) -> str:
    """Name the placeholder in the definition that stands for a function."""
    return f"{name.camel_case}Function"


def state_machine(
    scope: Construct, construct_id: str, *, definition: str, substitutions: Mapping[str, str], config: Config
) -> sfn.StateMachine:
    """Make a Standard state machine that is traced, and logs its errors without anybody's data."""
    days = logs.RetentionDays.ONE_WEEK if config.local else logs.RetentionDays.ONE_YEAR
    log_group = logs.LogGroup(scope, f"{construct_id}Logs", retention=days, removal_policy=RemovalPolicy.DESTROY)
    machine = sfn.StateMachine(
        scope,
        construct_id,
        definition_body=sfn.DefinitionBody.from_string(definition),
        definition_substitutions=substitutions,
        logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ERROR, include_execution_data=False),
        tracing_enabled=True,
    )
    acknowledge(machine, "SF1", "Errors suffice, the history has the rest; every event of 10,000 children costs much.")
    acknowledge(machine, "IAM5[Resource::*]", "Log delivery and X-Ray know no resources (Step Functions' guide).")
    return machine


def started(machine: sfn.StateMachine, dead_letters: sqs.IQueue) -> targets.SfnStateMachine:
    """Make a state machine the target of a rule that does not give up before a day has passed."""
    return targets.SfnStateMachine(
        machine, dead_letter_queue=dead_letters, max_event_age=Duration.hours(24), retry_attempts=185
    )


class MapMachine(Construct):
    """A state machine with a Distributed Map over batches, which it reads from the documents, and what it may do.

    The definition is a text with placeholders, not a file asset: so the template shows the states, and
    `MaxConcurrency`, which must be a number, can come from the settings.

    Attributes
    ----------
    definition, map_state : str
        The definition's file, and the name of the Map in it.
    functions : Collection[Function]
        The functions that it calls.
    names : Mapping[str, str]
        The other placeholders.
    machine : sfn.StateMachine
        The state machine.
    execution_arn : str
        The pattern that its executions' ARNs match.
    lists : str
        Prefix of the lists of batches among the documents.
    tells : bool
        Whether it tells the company by events what came of it.
    """

    definition: ClassVar[str]
    map_state: ClassVar[str]
    functions: ClassVar[Collection[Function]]
    names: ClassVar[Mapping[str, str]]
    lists: ClassVar[str] = SNAPSHOTS
    tells: ClassVar[bool] = False

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Mapping[Function, lambda_.Function],
        documents: s3.Bucket,
        queues: Sequence[sqs.Queue] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        called = {substitution(name): functions[name].function_arn for name in self.functions}
        self.machine = state_machine(
            self,
            "Machine",
            definition=self._definition(config),
            substitutions={**called, "DocumentsBucket": documents.bucket_name, **self.names},
            config=config,
        )
        self.execution_arn = self._execution_arn(self.machine.state_machine_name + ":*")
        self._allow("lambda:InvokeFunction", list(called.values()))
        if queues:
            self._allow("sqs:SendMessage", [queue.queue_arn for queue in queues])
        if self.tells:
            bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
            self._allow("events:PutEvents", [bus])
        self._grant_documents(documents)
        self._grant_children()

    def grant_describe(self, *functions: lambda_.Function) -> None:
        """Let functions ask whether an execution still runs.

        In a policy of its own: the machine names the function, which waits for its role's default policy.
        """
        statement = iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[self.execution_arn])
        policy = iam.Policy(self, "DescribeExecutions", statements=[statement])
        for function in functions:
            policy.attach_to_role(role_of(function))
        acknowledge_resource(policy, self.execution_arn, _NAMED_LATER)

    def _definition(self, config: Config) -> str:
        """Read the definition, and set how many of its Map's children run at once."""
        definition = json.loads((DEFINITIONS / f"{self.definition}.asl.json").read_text())
        definition["States"][self.map_state]["MaxConcurrency"] = self.children_at_once(config)
        return json.dumps(definition)

    def children_at_once(self, config: Config) -> int:
        """Say how many of the Map's children run at once."""
        return config.map_concurrency

    def _execution_arn(self, name: str) -> str:
        return Stack.of(self).format_arn(
            service="states", resource="execution", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )

    def _allow(self, action: str, resources: Sequence[str]) -> None:
        self.machine.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=list(resources)))

    def _grant_documents(self, documents: s3.Bucket) -> None:
        writer = ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
        for prefix, actions in {self.lists: ["s3:GetObject"], MAP_RUNS: writer}.items():
            objects = documents.arn_for_objects(f"{prefix}*")
            self.machine.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[objects]))
            acknowledge_resource(self.machine, objects, "The objects of one prefix, named by period and Map Run.")

    def _grant_children(self) -> None:
        """Let the Map start, watch and redrive its children, which are executions of this same machine.

        In a policy of its own: the machine waits for its role's default policy, which cannot name the machine.
        """
        name = self.machine.state_machine_name
        children = self._execution_arn(f"{name}/*")
        executions = [self.execution_arn, children]
        policy = iam.Policy(
            self,
            "RunChildren",
            statements=[
                iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.machine.state_machine_arn]),
                iam.PolicyStatement(actions=["states:DescribeExecution", "states:StopExecution"], resources=executions),
                # Who redrives an execution redrives its Map Run by the machine's role (Step Functions' guide).
                iam.PolicyStatement(actions=["states:RedriveExecution"], resources=[children]),
            ],
        )
        policy.attach_to_role(self.machine.role)
        for arn in executions:
            acknowledge_resource(policy, arn, _NAMED_LATER)


class MonthClose(MapMachine):
    """The pipeline."""

    definition, map_state, functions = "month_close", MAP_STATE, SIZES
    names: ClassVar = {"EventSource": EVENT_SOURCE, "EventCloseCompleted": EVENT_CLOSE_COMPLETED}

    tells = True

    def start_monthly(self, dead_letters: sqs.IQueue) -> events.Rule:
        """Start a close on the first of each month, 00:00 UTC. The whole event is the input."""
        schedule = events.Schedule.cron(minute="0", hour="0", day="1")
        return events.Rule(self, "EveryMonth", schedule=schedule, targets=[started(self.machine, dead_letters)])

    def grant_task_response(self, function: lambda_.Function) -> None:
        """Let a function answer for tasks that wait for it.

        On every resource: for these actions the Service Authorization Reference names no resource type, and a
        wrong guess would leave each batch waiting for a day. Whom to answer is decided by a token nobody can guess.
        """
        actions = ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"]
        function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
