"""What makes the audit trail's table append-only, for everybody who works in the account."""

from collections.abc import Mapping
from types import MappingProxyType

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from monthclose.names import ACTS_INDEX, ACTS_OF_CUSTOMER, ACTS_OF_INVOICE, ACTS_OF_PERIOD, ACTS_OF_SUBJECT

_REPLACING = (
    *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"),
    *("PartiQLUpdate", "PartiQLDelete"),
    "UpdateTimeToLive",
)
"""All that could replace or remove an item. Transactions need the permission for each of their actions."""
_KEYS: Mapping[str, str] = MappingProxyType(
    {
        ACTS_INDEX: "trail",
        ACTS_OF_SUBJECT: "subject",
        ACTS_OF_PERIOD: "period",
        ACTS_OF_CUSTOMER: "customer_id",
        ACTS_OF_INVOICE: "invoice",
    }
)
"""The indexes and their partition keys. The last three are sparse: few acts are about all of them."""


def append_only(table: dynamodb.Table) -> None:
    """Let nobody change or remove an item of the table, and everybody add items in their own name only.

    What is left is `PartiQLInsert`: "Grants permission to create a new item, if an item with same primary key does not
    exist in the table" (Service Authorization Reference). The policy is the table's, so it binds administrators, too;
    whoever takes it away is in CloudTrail. In it, `*` is the table and its indexes: its ARN would be a circle.
    """
    table.add_to_resource_policy(_deny(*_REPLACING))
    # STS answers with the same id: it is the partition key.
    others = {"ForAnyValue:StringNotEquals": {"dynamodb:LeadingKeys": "${aws:userid}"}}
    table.add_to_resource_policy(_deny("PartiQLInsert", conditions=others))
    for index, key in _KEYS.items():
        table.add_global_secondary_index(
            index_name=index,
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="at", type=dynamodb.AttributeType.STRING),
            projection_type=dynamodb.ProjectionType.ALL,
        )


def _deny(*actions: str, conditions: Mapping[str, object] | None = None) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=[f"dynamodb:{action}" for action in actions],
        resources=["*"],
        conditions=conditions,
    )
