"""The state machine that makes the report pack of a close, and who starts it."""

from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.config import Config
from stacks.functions.spec import Function, Machine
from stacks.functions.table import called_by
from stacks.functions.versions import published
from stacks.machines.state_machine import allow, allow_calls, definition_of, execution_arn, state_machine, substitution
from stacks.nag import acknowledge_resource

_NAMED_LATER = "Executions of this one machine: they get their names when they start."


class ReportPack(Construct):
    """Makes report packs.

    Attributes
    ----------
    machine : sfn.StateMachine
        Each failed execution is a pack that was not made.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, functions: Mapping[Function, lambda_.Function]
    ) -> None:
        super().__init__(scope, construct_id)
        called = {name: functions[name] for name in called_by(Machine.REPORT_PACK)}
        self.machine = state_machine(
            self,
            "Machine",
            definition=definition_of(Machine.REPORT_PACK),
            substitutions={substitution(name): published(function) for name, function in called.items()},
            config=config,
        )
        allow_calls(self.machine, list(called.values()))

    def let_start(self, starter: sfn.StateMachine) -> None:
        """Let a state machine start this one."""
        allow(starter, "states:StartExecution", [self.machine.state_machine_arn])

    def let_wait(self, starter: sfn.StateMachine) -> None:
        """Let a state machine start this one and wait for its end (Step Functions' guide, "Start a workflow").

        Step Functions hears of the end by a rule of its own, which it makes and uses with the starter's role.
        """
        self.let_start(starter)
        executions = execution_arn(self.machine)
        rule = Stack.of(self).format_arn(
            service="events", resource="rule", resource_name="StepFunctionsGetEventsForStepFunctionsExecutionRule"
        )
        starter.add_to_role_policy(
            iam.PolicyStatement(actions=["states:DescribeExecution", "states:StopExecution"], resources=[executions])
        )
        starter.add_to_role_policy(
            iam.PolicyStatement(
                actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"], resources=[rule]
            )
        )
        acknowledge_resource(starter, executions, _NAMED_LATER)
