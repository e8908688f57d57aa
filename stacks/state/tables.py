"""The DynamoDB tables."""

from collections.abc import Mapping
from types import MappingProxyType

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from monthclose.domain.closes.pacing import COLD_READS, COLD_WRITES, warm_reads, warm_writes
from monthclose.names import BEING_CHARGED_INDEX, UNFINISHED_INDEX, Env
from stacks.config import Config
from stacks.state.audit import append_only

_TEXT = dynamodb.AttributeType.STRING

_KEYS: Mapping[Env, tuple[str, ...]] = MappingProxyType(
    {
        Env.CUSTOMERS_TABLE: ("customer_id",),
        Env.USAGE_TABLE: ("pk", "event_id"),
        Env.USAGE_PACKS_TABLE: ("pk", "number"),
        Env.BILLING_TABLE: ("customer_id", "sk"),
        Env.CLOSES_TABLE: ("pk", "sk"),
        Env.IDEMPOTENCY_TABLE: ("id",),
        Env.AUDIT_TABLE: ("identity", "number"),
    }
)
"""Partition key and, if there is one, sort key. All are strings."""
_EXPIRING = (Env.IDEMPOTENCY_TABLE, Env.USAGE_PACKS_TABLE)
"""The tables whose items may expire: of usage, those of months that are in the archive."""
_HEARD = (Env.BILLING_TABLE, Env.CLOSES_TABLE)
"""The tables whose commits are read from a stream, for the events (stacks/events.py)."""


class Tables(Construct):
    """Every table, on demand and with point-in-time recovery.

    They are encrypted with a key that DynamoDB owns: with a KMS key of our own, every read would be billed twice.

    Attributes
    ----------
    by_env : Mapping[Env, dynamodb.Table]
        The tables by the environment variable that holds the table's name.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.by_env: Mapping[Env, dynamodb.Table] = {env: self._table(env, keys, config) for env, keys in _KEYS.items()}
        # Sparse: only customers with a payment in flight are in it, so the reconciler needn't read the others.
        self.by_env[Env.CUSTOMERS_TABLE].add_global_secondary_index(
            index_name=BEING_CHARGED_INDEX,
            partition_key=dynamodb.Attribute(name="lease", type=_TEXT),
            sort_key=dynamodb.Attribute(name="check_at", type=_TEXT),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )

        # Sparse: only batches with something left to reconcile are in it.
        self.by_env[Env.CLOSES_TABLE].add_global_secondary_index(
            index_name=UNFINISHED_INDEX,
            partition_key=dynamodb.Attribute(name="left", type=_TEXT),
            sort_key=dynamodb.Attribute(name="sk", type=_TEXT),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        append_only(self.by_env[Env.AUDIT_TABLE])

    def _table(self, env: Env, keys: tuple[str, ...], config: Config) -> dynamodb.Table:
        partition, *sort = (dynamodb.Attribute(name=key, type=_TEXT) for key in keys)
        return dynamodb.Table(
            self,
            env.name.removesuffix("_TABLE").title(),
            partition_key=partition,
            sort_key=sort[0] if sort else None,
            warm_throughput=_warm(env, config),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if env in _HEARD else None,
            time_to_live_attribute="expiration" if env in _EXPIRING else None,
            deletion_protection=not config.local,
            removal_policy=RemovalPolicy.DESTROY if config.local else RemovalPolicy.RETAIN,
        )


def _warm(env: Env, config: Config) -> dynamodb.WarmThroughput | None:
    """Say what a table takes from the start, if it is more than what new tables take: AWS charges for that once.

    Of the tables, generating writes most to billing. It cannot be lowered again.
    """
    writes, reads = warm_writes(config.expected_customers), warm_reads(config.expected_customers)
    if config.local or env is not Env.BILLING_TABLE or (writes, reads) == (COLD_WRITES, COLD_READS):
        return None
    return dynamodb.WarmThroughput(read_units_per_second=reads, write_units_per_second=writes)
