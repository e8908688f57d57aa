"""The local AWS with the deployed stacks, one for all integration tests; each test has a month of its own.

It enforces AWS's limits (`sandbox.strict`) unless MONTHCLOSE_TESTS_STRICT is 0, and the session's end lists how often
each struck, and which calls the policies refused.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from cli.deployment import deployed
from monthclose.adapters.aws.clients import client
from monthclose.names import Env
from sandbox.aws.local_aws import LocalAws, Running
from sandbox.clock import ClockFile
from tests.integration.strictness import calls_refused, limits_struck
from tests.integration.system import System

STRICT = os.environ.get("MONTHCLOSE_TESTS_STRICT", "1") != "0"
_STRUCK: Counter[str] = Counter()
"""By limit, how often it refused something on the local AWSs of this process."""
_REFUSED: Counter[str] = Counter()
"""Who was refused what by the policies, and how often."""


@pytest.hookimpl(tryfirst=True)  # before xdist groups them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/integration/"):
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
        client.forget()
        yield System(running.endpoint_url, running.sandbox_url, running.environment)
        client.forget()


@contextmanager
def _aws(home: Path, config: pytest.Config) -> Iterator[Running]:
    """Have the stacks deployed on a local AWS; what its limits struck is counted at its end."""
    others = config.getoption("--endpoint-url")
    with deployed(LocalAws(home, endpoint_url=others, strict=STRICT and not others)) as running:
        yield running
        if running.strict:
            _STRUCK.update(limits_struck(running.endpoint_url))
            _REFUSED.update(calls_refused(running.endpoint_url))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of an xdist worker to the process that reports."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["limits struck"], output["calls refused"] = dict(_STRUCK), dict(_REFUSED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the counts of an xdist worker that has ended."""
    output = getattr(node, "workeroutput", {})
    _STRUCK.update(output.get("limits struck", {}))
    _REFUSED.update(output.get("calls refused", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List how often each limit struck."""
    if _STRUCK:
        terminalreporter.section("AWS's limits, and how often each struck")
        for name, times in sorted(_STRUCK.items()):
            terminalreporter.write_line(f"{times:8,}  {name}")
    if _REFUSED:
        terminalreporter.section("Calls that the policies refused, and how often")
        for call, times in sorted(_REFUSED.items()):
            terminalreporter.write_line(f"{times:8,}  {call}")


@pytest.fixture(scope="session")
def shared_aws(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[tuple[Path, Running]]:
    """The local AWS that most tests share, with the stacks on it."""
    home = tmp_path_factory.mktemp("local-aws")
    with _aws(home, pytestconfig) as running:
        yield home, running


@pytest.fixture
def system(shared_aws: tuple[Path, Running]) -> Iterator[System]:
    """The system that most tests share."""
    with _connected(*shared_aws) as shared:
        yield shared


@pytest.fixture(scope="session")
def own_aws(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[tuple[Path, Running]]:
    """The local AWS of those tests that need a system to themselves, one after the other: deploying takes a minute."""
    home = tmp_path_factory.mktemp("own-aws")
    with _aws(home, pytestconfig) as running:
        yield home, running


@pytest.fixture
def fresh_system(own_aws: tuple[Path, Running]) -> Iterator[System]:
    """A system without customers, at the machine's time: for a test with so many that they would slow the others down,
    or one that lets days pass.
    """
    with _connected(*own_aws) as own:
        if not own_aws[1].others_url:
            _empty(own, own_aws[1])
        yield own


def _empty(system: System, running: Running) -> None:
    """Remove what an earlier test has left, but for its mails, its documents and its acts, which nobody may remove."""
    ClockFile(Path(running.clock)).reset()
    httpx.post(f"{system.sandbox_url}/_sandbox/reset", trust_env=False).raise_for_status()
    for env in Env:
        if env.name.endswith("_TABLE") and env is not Env.AUDIT_TABLE:
            table = boto3.resource("dynamodb").Table(system.values[env])
            keys = [key["AttributeName"] for key in table.key_schema]
            pages = table.meta.client.get_paginator("scan").paginate(TableName=table.name)
            with table.batch_writer() as writer:
                for page in pages:
                    for item in page["Items"]:
                        writer.delete_item(Key={name: item[name] for name in keys})
