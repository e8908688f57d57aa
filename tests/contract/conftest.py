"""Fakes and adapters of each port, so that one suite holds both to the same behaviour."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.serialize import AttributePicker
from moto.dynamodb.models import DynamoDBBackend
from pynamodb.connection import Connection

from monthclose.adapters.aws import clients
from monthclose.adapters.aws.clients import client
from monthclose.adapters.dynamo import models
from monthclose.adapters.dynamo.acts import ActItem
from monthclose.adapters.dynamo.models import BillingItem, ClosesItem, CustomerItem
from monthclose.adapters.dynamo.usage.models import UsageItem, UsagePackItem
from monthclose.bootstrap import Runtime
from tests.fakes import FakeLog
from tests.moto_partiql import execute, execute_batch
from tests.moto_quick import pick
from tests.world import SETTINGS, World

type AnyWorld = World | Runtime
"""The ports, as fakes and as adapters."""
REGION = "us-east-1"


def _once[T](make: Callable[..., T]) -> Callable[..., T]:
    """Make each client once for all tests: reading a service's description takes longer than most of them.

    Clients differ by what they are made with, the environment included.
    """
    made: dict[str, T] = {}

    def found(*arguments: Any, **options: Any) -> T:
        environment = sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))
        config = getattr(options.get("config"), "_user_provided_options", None)
        key = repr((arguments, options | {"config": config}, environment))
        if key not in made:
            made[key] = make(*arguments, **options)
        return made[key]

    return found


_client, _connection = _once(boto3.client), _once(Connection)


@contextmanager
def deployed() -> Iterator[Runtime]:
    """Make a deployment on moto."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        monkeypatch.setattr(boto3, "client", _client)
        monkeypatch.setattr(models, "Connection", _connection)
        # moto lets boto3 forget its session after each test, and no second one can be made of a connection's.
        monkeypatch.setattr(clients, "share_session", lambda _session: None)
        monkeypatch.setattr(AttributePicker, "__call__", pick)
        monkeypatch.setattr(DynamoDBBackend, "execute_statement", execute)
        monkeypatch.setattr(DynamoDBBackend, "batch_execute_statement", execute_batch)
        client.forget()
        with mock_aws():
            s3 = boto3.client("s3", region_name=REGION)
            s3.create_bucket(Bucket="documents")
            s3.create_bucket(Bucket="usage-files")
            s3.put_bucket_versioning(Bucket="usage-files", VersioningConfiguration={"Status": "Enabled"})
            runtime = Runtime(SETTINGS, REGION, FakeLog())
            for model in (CustomerItem, UsageItem, UsagePackItem, BillingItem, ClosesItem, ActItem):
                model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
            yield runtime
        client.forget()


@pytest.fixture
def aws() -> Iterator[Runtime]:
    """A deployment on moto."""
    with deployed() as runtime:
        yield runtime


@pytest.fixture(params=["fake", "aws"])
def world(request: pytest.FixtureRequest) -> AnyWorld:
    """One and the other."""
    if request.param == "fake":
        return World()
    runtime: Runtime = request.getfixturevalue("aws")
    return runtime


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs on moto is long: it takes several times as long as on the fakes."""
    for item in items:
        if not item.nodeid.startswith("tests/contract/"):
            continue
        chosen = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "aws" in getattr(item, "fixturenames", ()) or "aws" in chosen.values():
            item.add_marker("long")
