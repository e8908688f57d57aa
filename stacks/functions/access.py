"""Grants a function the access to the state that the table of functions gives it."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from monthclose.names import PRICE_BOOKS_PREFIX, TAX_TABLES_PREFIX, USAGE_PREFIX, Env
from stacks.functions.factory import role_of
from stacks.functions.table import FUNCTIONS, Function, UsageAccess
from stacks.nag import acknowledge_resource
from stacks.state_stack import StateStack

_OWN = (Env.CLOSES_TABLE, Env.IDEMPOTENCY_TABLE)
"""Every function keeps the close's state and its own idempotency records."""


def grant(function: lambda_.Function, name: Function, state: StateStack) -> None:
    """Give a function the access in its entry of the table."""
    access = FUNCTIONS[name].access
    if access is None:
        return
    tables = state.tables.by_env
    for env in access.reads:
        tables[env].grant_read_data(function)
    for env in (*access.writes, *_OWN):
        # It covers transactions: ConditionCheckItem is among CDK's read actions.
        tables[env].grant_read_write_data(function)
    indexed = {Env.CUSTOMERS_TABLE, Env.CLOSES_TABLE} & {*access.reads, *access.writes, *_OWN}
    for env in sorted(indexed):
        index = f"{tables[env].table_arn}/index/*"
        acknowledge_resource(role_of(function), index, "The table has one index, and CDK grants it with the table.")
    if access.reads_documents or access.writes_documents:
        _grant_documents(function, state.documents.bucket, writes=access.writes_documents)
    if access.reads_rating:
        _grant_rating(function, state.documents.bucket)
    if access.usage:
        _grant_usage(function, state.usage, access.usage)


def _grant_rating(function: lambda_.Function, bucket: s3.Bucket) -> None:
    for prefix in (PRICE_BOOKS_PREFIX, TAX_TABLES_PREFIX):
        objects = bucket.arn_for_objects(f"{prefix}*")
        function.add_to_role_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]))
        acknowledge_resource(role_of(function), objects, "Versions of price books or tax tables, named by content.")
    _grant_listing(function, bucket)


def _grant_documents(function: lambda_.Function, bucket: s3.Bucket, *, writes: bool) -> None:
    actions = ["s3:GetObject", *(["s3:PutObject", "s3:AbortMultipartUpload"] if writes else [])]
    objects = bucket.arn_for_objects("*")
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[objects]))
    _grant_listing(function, bucket)
    acknowledge_resource(
        role_of(function), objects, "The objects of one bucket, named by period and batch while a close runs."
    )


def _grant_usage(function: lambda_.Function, bucket: s3.Bucket, access: UsageAccess) -> None:
    by_action = {
        "s3:GetObject": access.reads,
        "s3:GetObjectVersion": tuple(prefix for prefix in access.reads if prefix == USAGE_PREFIX),
        "s3:PutObject": access.writes,
        "s3:AbortMultipartUpload": access.writes,
        "s3:DeleteObject": access.deletes,
    }
    for action, prefixes in by_action.items():
        objects = [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
        if objects:
            function.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=objects))
    _grant_listing(function, bucket)
    for prefix in sorted({*access.reads, *access.writes, *access.deletes}):
        objects_below = bucket.arn_for_objects(f"{prefix}*")
        acknowledge_resource(role_of(function), objects_below, "The objects of one prefix, named after dropped files.")


def _grant_listing(function: lambda_.Function, bucket: s3.Bucket) -> None:
    """Let a function see that an object is missing: without this S3 answers 403, as if a permission were missing."""
    function.add_to_role_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]))
