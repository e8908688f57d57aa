"""The bucket of documents: snapshots, invoices, reports and proofs."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import Config

SNAPSHOTS = "snapshots/"
MAP_RUNS = "map-runs/"
INVOICES, CREDIT_NOTES, PDFS, COMPANY = "invoices/", "credit_notes/", "pdf/", "company/"
_WRITTEN_ONCE = (INVOICES, CREDIT_NOTES, PDFS)
"""What customers and auditors were shown: S3 itself refuses to write such an object a second time."""


class Documents(Construct):
    """A versioned bucket, and a second one for the log of who touched it.

    Attributes
    ----------
    bucket : s3.Bucket
        Invoices and reports are kept for good: how long the law wants them is the company's to know.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        removal = RemovalPolicy.DESTROY if config.local else RemovalPolicy.RETAIN
        logs = self._bucket("AccessLogs", removal, lifecycle_rules=[_expire("", days=400)])
        self.bucket = self._bucket(
            "Documents",
            removal,
            versioned=True,
            server_access_logs_bucket=logs,
            lifecycle_rules=[
                _expire(MAP_RUNS, days=30),
                # A run may be looked into until the same month of the next year has been closed.
                _expire(SNAPSHOTS, days=400),
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)),
            ],
        )

        for prefix in _WRITTEN_ONCE:
            self.bucket.add_to_resource_policy(_write_once(self.bucket.arn_for_objects(f"{prefix}*")))

    def _bucket(
        self,
        construct_id: str,
        removal: RemovalPolicy,
        *,
        lifecycle_rules: list[s3.LifecycleRule],
        versioned: bool = False,
        server_access_logs_bucket: s3.IBucket | None = None,
    ) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal,
            lifecycle_rules=lifecycle_rules,
            versioned=versioned,
            server_access_logs_bucket=server_access_logs_bucket,
        )


def _write_once(objects: str) -> iam.PolicyStatement:
    """Deny writes that don't ask S3 to refuse if the object is there ("Enforce conditional writes", S3's guide)."""
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:PutObject"],
        resources=[objects],
        # Parts of an upload cannot carry the header; completing the upload must.
        conditions={"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    )


def _expire(prefix: str, *, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        prefix=prefix or None,
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(30) if prefix else None,
    )
