"""The synthesized templates, made once per session: starting the library behind the CDK takes seconds."""

import pytest

from tests.infrastructure.synthesis import NAMED, TARGETS, Synthesized, synthesize


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(TARGETS["aws"], tmp_path_factory.mktemp("aws"))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(TARGETS["local"], tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="session")
def two_providers(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(TARGETS["two_providers"], tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(NAMED, tmp_path_factory.mktemp("named"))


@pytest.fixture(params=list(TARGETS))
def synthesized(request: pytest.FixtureRequest) -> Synthesized:
    """Return each synthesis in turn: for what must hold wherever the stacks go."""
    chosen: Synthesized = request.getfixturevalue(request.param)
    return chosen


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker, which then synthesizes once; what is synthesized takes long."""
    for item in items:
        if item.nodeid.startswith("tests/infrastructure/"):
            item.add_marker(pytest.mark.xdist_group("infrastructure"))
            given = item.callspec.params.values() if hasattr(item, "callspec") else ()
            named = {value for value in given if isinstance(value, str)} | set(getattr(item, "fixturenames", ()))
            if {"synthesized", "named", *TARGETS} & named:
                item.add_marker("long")
