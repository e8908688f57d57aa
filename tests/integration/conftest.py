"""The local AWS with the deployed stacks, one for all integration tests; each test has a month of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from cli.deployment import deployed
from monthclose.adapters.aws.clients import client
from sandbox.aws.local_aws import LocalAws, Running
from tests.integration.system import System


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.integration)
            others = item.config.getoption("--endpoint-url")
            group = "own-aws" if not others and "fresh_system" in getattr(item, "fixturenames", ()) else "local-aws"
            item.add_marker(pytest.mark.xdist_group(group))  # one worker per local AWS


@contextmanager
def _connected(home: Path, running: Running) -> Iterator[System]:
    """Point this process at a local AWS. Anew for each test: others in the same worker point it elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in running.environment.items():
            patch.setenv(name, value)
        patch.setenv("MONTHCLOSE_HOME", str(home))
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        client.cache_clear()
        yield System(running.endpoint_url, running.sandbox_url, running.environment)
        client.cache_clear()


@pytest.fixture(scope="session")
def shared_aws(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[tuple[Path, Running]]:
    """The local AWS that most tests share, with the stacks on it."""
    home = tmp_path_factory.mktemp("local-aws")
    with deployed(LocalAws(home, endpoint_url=pytestconfig.getoption("--endpoint-url"))) as running:
        yield home, running


@pytest.fixture
def system(shared_aws: tuple[Path, Running]) -> Iterator[System]:
    """The system that most tests share."""
    with _connected(*shared_aws) as shared:
        yield shared


@pytest.fixture
def fresh_system(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[System]:
    """A separate system, for a test with so many customers that they would slow the others down."""
    home = tmp_path / "local-aws"
    with (
        deployed(LocalAws(home, endpoint_url=pytestconfig.getoption("--endpoint-url"))) as running,
        _connected(home, running) as own,
    ):
        yield own
