"""What the state machines have in common: how one is made, started and watched, and what a Distributed Map may do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

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

from monthclose.names import event_source
from stacks.config import Config
from stacks.functions.factory import role_of
from stacks.functions.spec import Function, Machine
from stacks.functions.table import called_by
from stacks.functions.versions import acknowledge_versions, invocable, published
from stacks.nag import acknowledge, acknowledge_resource
from stacks.state.documents import MAP_RUNS, SNAPSHOTS

_DEFINITIONS = Path(__file__).parents[2] / "statemachines"
_NAMED_LATER = "Executions of this one machine: they get their names when they start."


def definition_of(name: str) -> str:
    """Read a state machine's definition: JSON with placeholders.

    It is put into the template as text, not as a file asset, so that the template shows the states.
    """
    return (_DEFINITIONS / f"{name}.asl.json").read_text()


def substitution(name: Function) -> str:
    """Name the placeholder in a definition that stands for a function."""
    return f"{name.camel_case}Function"


def state_machine(
    scope: Construct, construct_id: str, *, definition: str, substitutions: Mapping[str, str], config: Config
) -> sfn.StateMachine:
    """Make a Standard state machine with tracing, which logs its errors without customers' data."""
    days = logs.RetentionDays.ONE_WEEK if config.local else logs.RetentionDays.ONE_YEAR
    log_group = logs.LogGroup(
        scope,
        f"{construct_id}Logs",
        # Step Functions' guide, "Logging": elsewhere each group is entered in one policy of at most 5,120 characters.
        log_group_name=f"/aws/vendedlogs/states/{Stack.of(scope).stack_name}-{scope.node.id}",
        retention=days,
        removal_policy=RemovalPolicy.DESTROY,
    )
    machine = sfn.StateMachine(
        scope,
        construct_id,
        definition_body=sfn.DefinitionBody.from_string(_bounded(definition, config) if config.local else definition),
        definition_substitutions=substitutions,
        logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ERROR, include_execution_data=False),
        tracing_enabled=True,
    )
    acknowledge(machine, "SF1", "Errors suffice, the history has the rest; every event of 10,000 children costs much.")
    acknowledge(machine, "IAM5[Resource::*]", "Log delivery and X-Ray know no resources (Step Functions' guide).")
    return machine


def _bounded(definition: str, config: Config) -> str:
    """Let no Map have more at once than `map_concurrency`: on an emulator, each call more is a process more."""

    def bounded(found: dict[str, Any]) -> dict[str, Any]:
        if "MaxConcurrency" in found:
            found["MaxConcurrency"] = min(found["MaxConcurrency"], config.map_concurrency)
        return found

    return json.dumps(json.loads(definition, object_hook=bounded))


def started(
    machine: sfn.StateMachine, missed_starts: sqs.IQueue, what: events.RuleTargetInput | None = None
) -> targets.SfnStateMachine:
    """Make a state machine the target of a rule, which keeps trying to start it for a day.

    Parameters
    ----------
    missed_starts : sqs.IQueue
        Where the event goes if the rule could not start it by then.
    what : events.RuleTargetInput or None
        Its input, if that is not the whole event.
    """
    return targets.SfnStateMachine(
        machine, input=what, dead_letter_queue=missed_starts, max_event_age=Duration.hours(24), retry_attempts=185
    )


def execution_arn(machine: sfn.StateMachine, separator: str = ":") -> str:
    """Write the pattern that the ARNs of a state machine's executions match.

    Parameters
    ----------
    separator : str
        `/` for the executions that its Distributed Map starts.
    """
    return Stack.of(machine).format_arn(
        service="states",
        resource="execution",
        resource_name=f"{machine.state_machine_name}{separator}*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def allow(machine: sfn.StateMachine, action: str, resources: Sequence[str]) -> None:
    """Let a state machine do something."""
    machine.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=list(resources)))


def allow_calls(machine: sfn.StateMachine, functions: Sequence[lambda_.Function]) -> None:
    """Let a state machine call functions."""
    allow(machine, "lambda:InvokeFunction", invocable(functions))
    acknowledge_versions(machine, functions)


def allow_events(machine: sfn.StateMachine) -> None:
    """Let a state machine publish events on the account's default bus."""
    allow(
        machine,
        "events:PutEvents",
        [Stack.of(machine).format_arn(service="events", resource="event-bus", resource_name="default")],
    )


def grant_describe(scope: Construct, machine: sfn.StateMachine, *functions: lambda_.Function) -> None:
    """Let functions ask whether an execution of a state machine is still running.

    In a policy of its own: the machine names the function, which waits for its role's default policy.
    """
    executions = execution_arn(machine)
    statement = iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[executions])
    policy = iam.Policy(scope, "DescribeExecutions", statements=[statement])
    for function in functions:
        policy.attach_to_role(role_of(function))
    acknowledge_resource(policy, executions, _NAMED_LATER)


class MapMachine(Construct):
    """A state machine with a Distributed Map over batches, which it reads from a bucket; and what it may do.

    Attributes
    ----------
    kind : Machine
        Which one it is: this says which definition it has and which functions it calls.
    map_state : str
        The name of the Map in the definition.
    names : Mapping[str, str]
        The placeholders in the definition that stand for something other than a function or the bucket.
    lists : str
        Prefix of the lists of batches in the bucket.
    publishes : bool
        Whether it publishes an event about its outcome.
    machine : sfn.StateMachine
        The state machine.

    Parameters
    ----------
    starts : mapping, optional
        The placeholders that stand for other state machines, and these; whoever makes them lets this one start them.
    """

    kind: ClassVar[Machine]
    map_state: ClassVar[str]
    names: ClassVar[Mapping[str, str]]
    lists: ClassVar[str] = SNAPSHOTS
    publishes: ClassVar[bool] = False

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Mapping[Function, lambda_.Function],
        documents: s3.Bucket,
        queues: Sequence[sqs.Queue] = (),
        starts: Mapping[str, sfn.StateMachine] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        called = [functions[name] for name in called_by(self.kind)]
        versions = {substitution(name): published(functions[name]) for name in called_by(self.kind)}
        self.machine = state_machine(
            self,
            "Machine",
            definition=self._definition(config),
            substitutions={
                **versions,
                "DocumentsBucket": documents.bucket_name,
                **({"EventSource": event_source(config.name)} if self.publishes else {}),
                **{name: machine.state_machine_arn for name, machine in (starts or {}).items()},
                **self.names,
            },
            config=config,
        )
        allow_calls(self.machine, called)
        if queues:
            allow(self.machine, "sqs:SendMessage", [queue.queue_arn for queue in queues])
        if self.publishes:
            allow_events(self.machine)
        self._grant_documents(documents)
        self._grant_children()

    def grant_describe(self, *functions: lambda_.Function) -> None:
        """Let functions ask whether an execution is still running."""
        grant_describe(self, self.machine, *functions)

    def children_at_once(self, config: Config) -> int:
        """How many of the Map's children run at once."""
        return config.map_concurrency

    def _definition(self, config: Config) -> str:
        """Read the definition and set `MaxConcurrency`, which must be a number: a placeholder would make it a text."""
        definition = json.loads(definition_of(self.kind))
        definition["States"][self.map_state]["MaxConcurrency"] = self.children_at_once(config)
        return json.dumps(definition)

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
        children = execution_arn(self.machine, "/")
        executions = [execution_arn(self.machine), children]
        policy = iam.Policy(
            self,
            "RunChildren",
            statements=[
                iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.machine.state_machine_arn]),
                iam.PolicyStatement(actions=["states:DescribeExecution", "states:StopExecution"], resources=executions),
                # Redriving an execution redrives its Map Run with the machine's role (Step Functions' guide).
                iam.PolicyStatement(actions=["states:RedriveExecution"], resources=[children]),
            ],
        )
        policy.attach_to_role(self.machine.role)
        for arn in executions:
            acknowledge_resource(policy, arn, _NAMED_LATER)
