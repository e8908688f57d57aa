"""The bucket of documents: snapshots, invoices, reports and proofs."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from monthclose.domain.pack import pack
from monthclose.domain.register import objects
from monthclose.domain.rehearsals import rehearsal
from monthclose.names import (
    ARCHIVE_PARTS_PREFIX,
    COMPARISONS_PREFIX,
    PACK_PARTS_PREFIX,
    RETRIES_PREFIX,
    USAGE_ARCHIVE_PREFIX,
)
from stacks.config import Config

SNAPSHOTS = "snapshots/"
MAP_RUNS = "map-runs/"
_AS_LONG_AS_MAP_RUNS = (MAP_RUNS, COMPARISONS_PREFIX, PACK_PARTS_PREFIX)
"""What only the working of a close, a reconciliation or the making of a report pack needs."""
INVOICES, CREDIT_NOTES, PDFS, COMPANY = "invoices/", "credit_notes/", "pdf/", "company/"
DRAFTS, CARRIED, REPORTS = "drafts/", "carried/", "reports/"
REHEARSALS = rehearsal.PREFIX
PACKS = pack.PREFIX
REGISTER, REGISTER_BATCHES, REGISTER_CUSTOMERS = objects.PREFIX, objects.BATCHES, objects.CUSTOMERS
RECONCILIATIONS, DEAD_LETTERS = "reconciliations/", "dead-letters/"
_WRITTEN_ONCE = (INVOICES, CREDIT_NOTES, PDFS)
"""Documents that customers and auditors have seen: S3 itself refuses to write such an object a second time."""
ABORT_UPLOADS = s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7))


class Documents(Construct):
    """A versioned bucket, and a second one for its access log.

    Attributes
    ----------
    bucket : s3.Bucket
        Invoices and reports are kept for good: how long the law requires them is for the company to know.
    logs : s3.Bucket
        The access log, of the usage bucket as well.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.logs = private_bucket(self, "AccessLogs", config=config, lifecycle_rules=[expire("", days=400)])
        self.bucket = private_bucket(
            self,
            "Documents",
            config=config,
            versioned=True,
            logs=self.logs,
            lifecycle_rules=[
                *(expire(prefix, days=30) for prefix in _AS_LONG_AS_MAP_RUNS),
                # A run can be examined until the same month of the next year has been closed.
                *(expire(prefix, days=400) for prefix in (REHEARSALS, RETRIES_PREFIX, SNAPSHOTS)),
                # A run that broke off is gone on with by what it has kept.
                expire(ARCHIVE_PARTS_PREFIX, days=400),
                # Files of a month that was archived again.
                s3.LifecycleRule(prefix=USAGE_ARCHIVE_PREFIX, noncurrent_version_expiration=Duration.days(30)),
                s3.LifecycleRule(prefix=PACKS, noncurrent_version_expiration=Duration.days(30)),
                # Each close lists all customers, and a later list takes the place of the earlier ones.
                expire(REGISTER_CUSTOMERS, days=400),
                # A batch's rows are overwritten by each stage, and can be made again from the tables.
                s3.LifecycleRule(prefix=REGISTER, noncurrent_version_expiration=Duration.days(1)),
                ABORT_UPLOADS,
            ],
        )

        for prefix in _WRITTEN_ONCE:
            self.bucket.add_to_resource_policy(_write_once(self.bucket.arn_for_objects(f"{prefix}*")))


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    config: Config,
    lifecycle_rules: Sequence[s3.LifecycleRule],
    versioned: bool = False,
    logs: s3.IBucket | None = None,
) -> s3.Bucket:
    """Make a private bucket that requires TLS and, on AWS, outlives its stack.

    Parameters
    ----------
    logs : s3.IBucket or None
        Where its access log goes.
    """
    return s3.Bucket(
        scope,
        construct_id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        removal_policy=RemovalPolicy.DESTROY if config.local else RemovalPolicy.RETAIN,
        lifecycle_rules=list(lifecycle_rules),
        versioned=versioned,
        server_access_logs_bucket=logs,
        server_access_logs_prefix=f"{construct_id.lower()}/" if logs else None,
    )


def _write_once(objects: str) -> iam.PolicyStatement:
    """Deny writes unless they require that the object doesn't exist yet (S3's guide, "Enforce conditional writes")."""
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:PutObject"],
        resources=[objects],
        # Parts of an upload cannot carry the header; completing the upload must.
        conditions={"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    )


def expire(prefix: str, *, days: int) -> s3.LifecycleRule:
    """Make a rule that objects below a prefix expire after some days, and their earlier versions after a month."""
    return s3.LifecycleRule(
        prefix=prefix or None,
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(30) if prefix else None,
    )
