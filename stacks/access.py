"""What each function may do with the state: data, so that a reviewer reads it in one look."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from monthclose.names import PRICE_BOOKS_PREFIX, TAX_TABLES_PREFIX, Env
from stacks.documents import Documents
from stacks.functions import Function, role_of
from stacks.nag import acknowledge_resource
from stacks.tables import Tables

_CUSTOMERS, _USAGE, _BILLING = Env.CUSTOMERS_TABLE, Env.USAGE_TABLE, Env.BILLING_TABLE
_OWN = (Env.CLOSES_TABLE, Env.IDEMPOTENCY_TABLE)
"""Every function keeps the close's state and its own idempotency records."""


@dataclass(frozen=True)
class Access:
    """The tables a function reads and writes beside those of the close, and its share in the documents.

    Parameters
    ----------
    reads_rating : bool
        Whether it reads price books and tax tables only.
    """

    reads: tuple[Env, ...] = ()
    writes: tuple[Env, ...] = ()
    reads_documents: bool = False
    writes_documents: bool = False
    reads_rating: bool = False


ACCESS: Mapping[Function, Access] = {
    Function.OPEN_CLOSE: Access(),
    Function.PLAN_CLOSE: Access(reads=(_CUSTOMERS,), reads_documents=True, writes_documents=True),
    Function.GENERATE_INVOICES: Access(
        reads=(_USAGE,), writes=(_CUSTOMERS, _BILLING), reads_documents=True, writes_documents=True
    ),
    Function.CHARGE_CUSTOMERS: Access(writes=(_CUSTOMERS, _BILLING)),
    Function.SEND_NOTICES: Access(writes=(_CUSTOMERS, _BILLING)),
    Function.APPLY_HOLDS: Access(writes=(_CUSTOMERS, _BILLING)),
    Function.PARK_CUSTOMERS: Access(writes=(_CUSTOMERS, _BILLING), reads_documents=True),
    Function.APPLY_WEBHOOK: Access(writes=(_CUSTOMERS, _BILLING)),
    Function.REPORT_CLOSE: Access(reads=(_CUSTOMERS, _BILLING), reads_documents=True, writes_documents=True),
    Function.OPEN_RECONCILE: Access(reads_documents=True),
    Function.DRAIN_DEAD_LETTERS: Access(writes_documents=True),
    Function.SETTLE_PAYMENTS: Access(writes=(_CUSTOMERS, _BILLING)),
    Function.COMPARE_BOOKS: Access(writes=(_CUSTOMERS, _BILLING), reads_documents=True, writes_documents=True),
    Function.FIND_OWING: Access(reads=(_CUSTOMERS,), writes_documents=True),
    Function.SEND_REMINDERS: Access(writes=(_CUSTOMERS, _BILLING)),
    Function.REVIEW_HOLDS: Access(writes=(_CUSTOMERS, _BILLING)),
    # Late usage is noted on the customer. What they may do with dropped files: stacks/import_drop.py.
    Function.RECEIVE_USAGE: Access(writes=(_CUSTOMERS, _USAGE), reads_rating=True),
    Function.LOAD_USAGE: Access(writes=(_CUSTOMERS, _USAGE), reads_rating=True),
    Function.FINISH_USAGE: Access(),
}


def grant(function: lambda_.Function, name: Function, *, tables: Tables, documents: Documents) -> None:
    """Give a function the access that is its own."""
    access = ACCESS[name]
    for env in access.reads:
        tables.by_env[env].grant_read_data(function)
    for env in (*access.writes, *_OWN):
        # It covers transactions: ConditionCheckItem is among CDK's read actions.
        tables.by_env[env].grant_read_write_data(function)
    if _CUSTOMERS in (*access.reads, *access.writes):
        index = f"{tables.by_env[_CUSTOMERS].table_arn}/index/*"
        acknowledge_resource(role_of(function), index, "The table has one index, and CDK grants it with the table.")
    if access.reads_documents or access.writes_documents:
        _grant_documents(function, documents.bucket, writes=access.writes_documents)
    if access.reads_rating:
        _grant_rating(function, documents.bucket)


def _grant_rating(function: lambda_.Function, bucket: s3.Bucket) -> None:
    for prefix in (PRICE_BOOKS_PREFIX, TAX_TABLES_PREFIX):
        objects = bucket.arn_for_objects(f"{prefix}*")
        function.add_to_role_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]))
        acknowledge_resource(role_of(function), objects, "The versions of one thing: they are named by their content.")
    # Without it a missing object answers 403 and cannot be told from a missing permission.
    function.add_to_role_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]))


def _grant_documents(function: lambda_.Function, bucket: s3.Bucket, *, writes: bool) -> None:
    actions = ["s3:GetObject", *(["s3:PutObject", "s3:AbortMultipartUpload"] if writes else [])]
    objects = bucket.arn_for_objects("*")
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[objects]))
    # Without it a missing object answers 403 and cannot be told from a missing permission.
    function.add_to_role_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]))
    acknowledge_resource(
        role_of(function), objects, "The objects of one bucket: they are named by period and batch when a close runs."
    )
