"""What people may do: three managed policies for those who run the command `monthclose`.

Attach *read* to everybody, *operate* to those who run and repair closes, *money* to those who charge and correct.
Each adds to the one before; docs/operating.md says which command needs which. A policy is at most 6,144 characters long
(IAM's quotas), so prefixes and actions are kept together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.names import (
    IMPORT_SOURCES_PREFIX,
    PARTS_PREFIX,
    PRICE_BOOKS_PREFIX,
    RETRIES_PREFIX,
    TAX_TABLES_PREFIX,
    USAGE_CAME_BACK_PREFIX,
    Env,
)
from stacks.machines.state_machine import execution_arn
from stacks.mail import Mail
from stacks.nag import acknowledge_resource
from stacks.state.documents import CARRIED, COMPANY, CREDIT_NOTES, DRAFTS, INVOICES, PDFS, REGISTER, REHEARSALS
from stacks.state_stack import StateStack

_ORDERED = (
    IMPORT_SOURCES_PREFIX,
    PARTS_PREFIX,
    PRICE_BOOKS_PREFIX,
    TAX_TABLES_PREFIX,
    COMPANY,
    REGISTER,
    REHEARSALS,
    RETRIES_PREFIX,
    USAGE_CAME_BACK_PREFIX,
)
_CORRECTED = (CARRIED, CREDIT_NOTES, DRAFTS, INVOICES, REGISTER)
_PATTERNS = "Objects of one kind, executions of one machine, identities of recipients; SES's quota is of no resource."
_USAGE = (Env.USAGE_TABLE, Env.USAGE_PACKS_TABLE)
_BOOKS = (Env.CUSTOMERS_TABLE, Env.BILLING_TABLE)


@dataclass(frozen=True, kw_only=True)
class Operated:
    """What people work with, beside the state."""

    machines: Sequence[sfn.StateMachine]
    mail: Mail
    for_operator: lambda_.IFunction
    """Does what needs a provider's key."""
    within_limits: lambda_.IFunction
    """Refunds and writes off, up to the limits of the role *operate*."""
    show_close: lambda_.IFunction
    """Draws the latest close on the dashboard; CloudWatch calls it with the viewer's rights."""


class People(Construct):
    """The managed policies.

    Attributes
    ----------
    read, operate, money : iam.ManagedPolicy
        Their ARNs are outputs of the stack: `ReadPolicy`, `OperatePolicy`, `MoneyPolicy`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, state: StateStack, operated: Operated) -> None:
        super().__init__(scope, construct_id)
        self._state, self._operated = state, operated
        self.read = self._policy("Read", "see closes, reports, customers and invoices", self._reading())
        self.operate = self._policy(
            "Operate", "import, close, stop, hold, refund within limits, and set providers' limits", self._operating()
        )
        self.money = self._policy("Money", "charge, credit, correct and reconcile", self._handling_money())

    def _policy(self, name: str, doing: str, statements: Sequence[iam.PolicyStatement]) -> iam.ManagedPolicy:
        description = f"Month close, for people: {doing}"
        policy = iam.ManagedPolicy(self, name, description=description, statements=statements)
        patterns = {arn for statement in statements for arn in statement.resources if "*" in arn}
        for arn in sorted(patterns):
            acknowledge_resource(policy, arn, _PATTERNS)
        CfnOutput(Stack.of(self), f"{name}Policy", value=policy.managed_policy_arn)
        return policy

    def _reading(self) -> list[iam.PolicyStatement]:
        tables = self._state.tables.by_env
        acts = tables[Env.AUDIT_TABLE].table_arn
        scanned = [tables[env].table_arn for env in (Env.CUSTOMERS_TABLE, Env.USAGE_TABLE)]
        read = [tables[env].table_arn for env in (*_BOOKS, *_USAGE, Env.CLOSES_TABLE)]
        documents, dropped = self._state.documents.bucket, self._state.usage
        return [
            _statement(["cloudformation:DescribeStacks"], [Stack.of(self).stack_id]),
            _statement(_of("dynamodb", "GetItem", "BatchGetItem", "Query"), read),
            _statement(["dynamodb:Scan"], scanned),
            _statement(_of("dynamodb", "GetItem", "Query"), [acts, f"{acts}/index/*"]),
            _statement(["s3:GetObject"], [documents.arn_for_objects("*")]),
            _statement(["s3:ListBucket"], [documents.bucket_arn, dropped.bucket_arn]),
            _statement(["s3:ListBucketVersions"], [dropped.bucket_arn]),
            _statement(["s3:GetObject"], [dropped.arn_for_objects(f"{PARTS_PREFIX}*/outcome.json")]),
            self._writing([PDFS]),  # made when it is asked for, and kept
            _statement(["states:DescribeExecution"], self._executions()),
            _statement(["lambda:InvokeFunction"], [self._operated.show_close.function_arn]),
            self._operated.mail.asking_quota(),  # how long e-mail takes
        ]

    def _operating(self) -> list[iam.PolicyStatement]:
        tables = self._state.tables.by_env
        by_table: Mapping[Env, Sequence[str]] = {
            Env.CUSTOMERS_TABLE: ("PutItem", "UpdateItem"),
            Env.BILLING_TABLE: ("PutItem",),
            Env.CLOSES_TABLE: ("PutItem", "UpdateItem"),
            Env.USAGE_TABLE: ("BatchWriteItem",),
            Env.USAGE_PACKS_TABLE: ("PutItem", "UpdateItem", "BatchWriteItem", "PartiQLInsert", "PartiQLUpdate"),
            Env.AUDIT_TABLE: ("PartiQLInsert",),
        }
        machines = [machine.state_machine_arn for machine in self._operated.machines]
        return [
            *(_statement(_of("dynamodb", *actions), [tables[env].table_arn]) for env, actions in by_table.items()),
            self._writing(_ORDERED),
            _statement(["states:StartExecution"], machines),
            _statement(["states:StopExecution"], self._executions()),
            # An approval answers the task that waits for it: for this action AWS names no resource.
            _statement(["states:SendTaskSuccess"], ["*"]),
            _statement(["lambda:InvokeFunction"], [self._operated.within_limits.function_arn]),
            *self._telling(),
        ]

    def _handling_money(self) -> list[iam.PolicyStatement]:
        tables = self._state.tables.by_env
        booked = [tables[env].table_arn for env in (*_BOOKS, Env.CLOSES_TABLE)]
        return [
            _statement(_of("dynamodb", "PutItem", "UpdateItem"), booked),
            _statement(["dynamodb:PartiQLInsert"], [tables[Env.AUDIT_TABLE].table_arn]),
            self._writing(_CORRECTED),
            *self._telling(),
            _statement(["lambda:InvokeFunction"], [self._operated.for_operator.function_arn]),
        ]

    def _writing(self, prefixes: Sequence[str]) -> iam.PolicyStatement:
        bucket = self._state.documents.bucket
        return _statement(["s3:PutObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])

    def _telling(self) -> list[iam.PolicyStatement]:
        """Let a command e-mail the customer about what it did."""
        keys = self._state.link_keys.secret_arn
        mail = self._operated.mail
        return [mail.sending(), mail.asking_quota(), _statement(["secretsmanager:GetSecretValue"], [keys])]

    def _executions(self) -> list[str]:
        return [execution_arn(machine) for machine in self._operated.machines]


def _of(service: str, *actions: str) -> list[str]:
    return [f"{service}:{action}" for action in actions]


def _statement(actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(resources))
