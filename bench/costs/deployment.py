"""A deployment on an AWS in this process, for benches that count: its tables, and what the functions find around them.

The product may be another checkout's (`bench.usage_costs --beside`), so nothing is named here that an older one lacks.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

import monthclose
from bench.costs.meter import Meter, metering
from monthclose.adapters.dynamo import models
from monthclose.adapters.dynamo.items import Item
from monthclose.bootstrap import Runtime
from monthclose.names import Env
from monthclose.settings import GENERATED_PER_SECOND
from tests import moto_partiql

WEBHOOK_SECRET = "whsec_benchmark"
_AT_THEIR_DEFAULT = ("MONTHCLOSE_USAGE_MONTHS",)
"""Variables that are left out."""


_PARTIQL = {
    "insert": "execute_statement",
    "execute": "execute_statement",
    "execute_batch": "batch_execute_statement",
}
"""What the tests make up for that the emulator lacks, and its operations."""


@contextmanager
def emulator() -> Iterator[Meter]:
    """Have an AWS in this process, and count what is asked of it."""
    made_up = vars(moto_partiql)
    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        for name, operation in _PARTIQL.items():
            if name in made_up:
                stack.enter_context(patch.object(DynamoDBBackend, operation, made_up[name]))
        yield stack.enter_context(metering())


class Context:
    """What Lambda tells a handler of its invocation."""

    memory_limit_in_mb, aws_request_id = 512, "request"

    def __init__(self, function: str) -> None:
        self.function_name = function
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"

    def get_remaining_time_in_millis(self) -> int:
        """Answer that a quarter of an hour is left."""
        return 900_000


def deploy(sandbox: str, customers: int, batch: int, **drop: int) -> Mapping[str, str]:
    """Make buckets, queues, tables, keys and the functions' environment; returns the queues' addresses.

    Parameters
    ----------
    drop : int
        Settings of the usage drop, over those of cdk.json.
    """
    s3, sqs, secrets = boto3.client("s3"), boto3.client("sqs"), boto3.client("secretsmanager")
    for bucket in ("documents", "usage-files"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    names = ("stripe", "dead", "webhooks")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    keys = {"api_key": "sk_test_sandbox", "webhook_secret": WEBHOOK_SECRET}
    secrets.create_secret(Name="monthclose/stripe", SecretString=json.dumps(keys))
    secrets.create_secret(Name="monthclose/links", SecretString=json.dumps({"current": "k1", "k1": "0" * 64}))
    boto3.client("sesv2").create_email_identity(EmailIdentity="billing@example.com")
    os.environ |= _environment(sandbox, queues, -(-customers // batch), drop)
    runtime()
    create_tables()
    _create_idempotency()
    return queues


def runtime() -> Runtime:
    """Return the handlers' runtime; imported late, because their logger keeps the standard output that it finds."""
    found: Runtime = import_module("monthclose.handlers.entry").runtime()
    return found


def start_again() -> None:
    """Have the functions start again, as Lambda does sooner or later: they forget what they have made and remember."""
    for owner in (runtime(), import_module("monthclose.handlers.entry").use_cases()):
        made = {
            name for cls in type(owner).__mro__ for name, held in vars(cls).items() if isinstance(held, cached_property)
        }
        for name in made & vars(owner).keys():
            del vars(owner)[name]


def create_tables() -> None:
    """Make the tables of the models, which a runtime has bound: one for all the models that share it."""
    made = set[str]()
    for model in vars(models).values():
        if not isinstance(model, type) or not issubclass(model, Item) or model is Item:
            continue
        described: Any = model
        if described.Meta.table_name not in made:  # those before others that share it have its indexes
            model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
            made.add(described.Meta.table_name)


def _create_idempotency() -> None:
    boto3.client("dynamodb").create_table(
        TableName="idempotency",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


def _environment(sandbox: str, queues: Mapping[str, str], batches: int, drop: Mapping[str, int]) -> Mapping[str, str]:
    """Write the functions' environment, with the settings of the product's cdk.json."""
    root = Path(monthclose.__file__).parents[2]  # of the checkout that is measured
    settings = json.loads((root / "cdk.json").read_text())["context"]["monthclose"]
    stripe = settings["providers"]["stripe"]
    provider = {
        **{str(name): value for name, value in stripe.items() if name != "api_base"},
        "burst": 1000,  # a busy machine must lose no slots: what is counted is not how punctual it is
        "api_base": sandbox,
        "secret_name": "monthclose/stripe",
        "queue_url": queues["stripe"],
        "dead_letters_url": queues["dead"],
    }
    company = {**settings["company"]}
    values = {
        **{env: env.value.removeprefix("MONTHCLOSE_").removesuffix("_TABLE").lower() for env in Env},
        Env.DOCUMENTS_BUCKET: "documents",
        Env.USAGE_BUCKET: "usage-files",
        Env.USAGE_DROP: json.dumps({**settings["usage_drop"], **drop}),
        Env.MAX_REJECTED_PERCENT: str(settings["max_rejected_percent"]),
        Env.PROVIDERS: json.dumps({"stripe": provider}),
        Env.PROVIDER: "stripe",
        Env.MAIL_SENDER: settings["mail_sender"],
        Env.FINANCE_EMAIL: "",
        Env.JOURNAL: "{}",
        Env.TIME_ZONES: "{}",
        Env.BILLING_DAYS: "[1]",
        Env.COMPANY_NAME: settings["company_name"],
        Env.COMPANY: json.dumps(company),
        Env.INVOICE_LINKS: json.dumps({"secret_name": "monthclose/links", "valid_days": settings["invoice_link_days"]}),
        Env.INVOICE_URL: "https://invoices.example.com/",
        Env.HOLD_POLICY: json.dumps(settings["hold_policy"]),
        Env.INVOICING: json.dumps(settings["invoicing"]),
        Env.DUNNING: json.dumps(settings["dunning"]),
        Env.WEBHOOK_QUEUE_URL: queues["webhooks"],
        Env.MAX_BATCHES: str(batches),
        Env.GENERATED_PER_SECOND: str(GENERATED_PER_SECOND),
        Env.GATES: json.dumps(settings["gates"]),
        Env.HAND_LIMITS: "{}",
        Env.MAIL_PACE: json.dumps(settings["mail"]),
        Env.MAX_ROUNDS: str(settings["max_rounds"]),
        Env.ROUND_WAIT_SECONDS: str(settings["round_wait_seconds"]),
        Env.DEADLINE_HOURS: str(settings["deadline_hours"]),
    }
    return {
        **{env.value: value for env, value in values.items() if env.value not in _AT_THEIR_DEFAULT},
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
