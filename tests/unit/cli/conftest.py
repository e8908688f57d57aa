from pathlib import Path

import pytest

from tests.unit.cli.driving import Command, FakeMachine
from tests.world import World


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONTHCLOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MONTHCLOSE_DEBUG", raising=False)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def machine(world: World) -> FakeMachine:
    return FakeMachine(world)


@pytest.fixture
def monthclose(world: World, machine: FakeMachine) -> Command:
    return Command(world, machine)
