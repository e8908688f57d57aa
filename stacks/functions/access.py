"""Grants a function the access to the state that the table of functions gives it, and to secrets and queues."""

from collections.abc import Iterable

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs

from monthclose.names import USAGE_PREFIX, Env
from stacks.functions.factory import role_of
from stacks.functions.spec import Access, Function, UsageAccess
from stacks.functions.table import FUNCTIONS
from stacks.nag import acknowledge_resource
from stacks.state_stack import StateStack

_REMEMBERS = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")
"""What Powertools' idempotency does with its records (its guide, "IAM Permissions")."""


def grant(function: lambda_.Function, name: Function, state: StateStack) -> None:
    """Give a function the access in its entry of the table."""
    access = FUNCTIONS[name].access
    if access is None:
        return
    tables = state.tables.by_env
    remembers = {Env.IDEMPOTENCY_TABLE: _REMEMBERS} if access.remembers else {}
    for env, actions in {**access.tables, **remembers}.items():
        allow(function, (f"dynamodb:{action}" for action in actions), [tables[env].table_arn])
    if access.acts:
        _grant_acts(function, tables[Env.AUDIT_TABLE], access.acts)
    for env, index in access.indexes.items():
        allow(function, ["dynamodb:Query"], [f"{tables[env].table_arn}/index/{index}"])
    _grant_documents(function, state.documents.bucket, access)
    if access.usage:
        _grant_usage(function, state.usage, access.usage)


def allow(function: lambda_.Function, actions: Iterable[str], resources: Iterable[str]) -> None:
    """Let a function do something."""
    function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def grant_secret(function: lambda_.Function, secret: secretsmanager.ISecret) -> None:
    """Let a function read a secret's value, and not its description as the library's `grant_read` does.

    A secret known by its name has an ARN that ends with six characters that only AWS knows.
    """
    allow(function, ["secretsmanager:GetSecretValue"], [secret.secret_full_arn or f"{secret.secret_arn}-??????"])


def grant_send(function: lambda_.Function, queue: sqs.IQueue) -> None:
    """Let a function send messages to a queue, and not ask about the queue as the library's grant does."""
    allow(function, ["sqs:SendMessage"], [queue.queue_arn])


def _grant_acts(function: lambda_.Function, trail: dynamodb.Table, indexes: Iterable[str]) -> None:
    """Let a function append acts to the audit trail, and read it."""
    allow(function, ["dynamodb:GetItem", "dynamodb:PartiQLInsert", "dynamodb:Query"], [trail.table_arn])
    allow(function, ["dynamodb:Query"], [f"{trail.table_arn}/index/{index}" for index in indexes])


def _grant_documents(function: lambda_.Function, bucket: s3.Bucket, access: Access) -> None:
    by_action = {
        "s3:GetObject": access.reads_documents,
        "s3:PutObject": (*access.writes_documents, *access.uploads_documents),
        "s3:AbortMultipartUpload": access.uploads_documents,
        "s3:DeleteObject": access.deletes_documents,
    }
    reason = "Documents of one kind, named by period and batch, or by their content."
    for action, prefixes in by_action.items():
        _grant_objects(function, bucket, action, prefixes, reason)
    if access.reads_documents:
        _grant_listing(function, bucket)


def _grant_usage(function: lambda_.Function, bucket: s3.Bucket, access: UsageAccess) -> None:
    by_action = {
        "s3:GetObject": access.reads,
        "s3:GetObjectVersion": tuple(prefix for prefix in access.reads if prefix == USAGE_PREFIX),
        "s3:PutObject": access.writes,
        "s3:AbortMultipartUpload": access.writes,
        "s3:DeleteObject": access.deletes,
    }
    for action, prefixes in by_action.items():
        _grant_objects(function, bucket, action, prefixes, "The objects of one prefix, named after dropped files.")
    _grant_listing(function, bucket)


def _grant_objects(
    function: lambda_.Function, bucket: s3.Bucket, action: str, prefixes: Iterable[str], reason: str
) -> None:
    objects = [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
    if objects:
        allow(function, [action], objects)
    for arn in objects:
        acknowledge_resource(role_of(function), arn, reason)


def _grant_listing(function: lambda_.Function, bucket: s3.Bucket) -> None:
    """Let a function see that an object is missing: without this S3 answers 403, as if a permission were missing."""
    allow(function, ["s3:ListBucket"], [bucket.bucket_arn])
