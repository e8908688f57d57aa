"""The state machines' definitions, read from their files, and the states in them wherever they are nested."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent.parent / "statemachines"
FILES = sorted(FOLDER.glob("*.asl.json"))

type Machine = dict[str, Any]


@pytest.fixture(params=FILES, ids=lambda path: path.name.partition(".")[0])
def text(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text()


@pytest.fixture
def machines(text: str) -> list[Machine]:
    """Return the definition itself and every machine inside a Map."""
    return list(_machines(json.loads(text)))


@pytest.fixture
def states(machines: list[Machine]) -> dict[str, Machine]:
    return {name: state for machine in machines for name, state in machine["States"].items()}


@pytest.fixture
def close() -> Machine:
    definition: Machine = json.loads((FOLDER / "month_close.asl.json").read_text())
    return definition


@pytest.fixture
def reconcile() -> Machine:
    definition: Machine = json.loads((FOLDER / "reconcile.asl.json").read_text())
    return definition


@pytest.fixture
def drop() -> Machine:
    definition: Machine = json.loads((FOLDER / "import_usage.asl.json").read_text())
    return definition


@pytest.fixture
def pack() -> Machine:
    definition: Machine = json.loads((FOLDER / "report_pack.asl.json").read_text())
    return definition


@pytest.fixture
def archive() -> Machine:
    definition: Machine = json.loads((FOLDER / "archive_usage.asl.json").read_text())
    return definition


@pytest.fixture
def child(close: Machine) -> Machine:
    processor: Machine = close["States"]["Close every batch"]["ItemProcessor"]
    return processor


@pytest.fixture
def collections() -> Machine:
    definition: Machine = json.loads((FOLDER / "collections.asl.json").read_text())
    return definition


@pytest.fixture
def collecting_child(collections: Machine) -> Machine:
    processor: Machine = collections["States"]["Go through every batch"]["ItemProcessor"]
    return processor


@pytest.fixture
def parking_child(close: Machine) -> Machine:
    processor: Machine = close["States"]["Park what is left"]["ItemProcessor"]
    return processor


@pytest.fixture(params=["child", "collecting_child", "parking_child"])
def any_child(request: pytest.FixtureRequest) -> Machine:
    """Return each Map's machine in turn."""
    chosen: Machine = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(params=["close", "reconcile"])
def comparing(request: pytest.FixtureRequest) -> Machine:
    """Return, in turn, each machine with the comparison with the providers in it."""
    machine: Machine = request.getfixturevalue(request.param)
    [found] = [inner for inner in _machines(machine) if "Compare with the providers" in inner["States"]]
    return found


@pytest.fixture(
    params=[
        ("close", "Close every batch"),
        ("close", "Park what is left"),
        ("collections", "Go through every batch"),
    ],
    ids=lambda param: param[1],
)
def any_map(request: pytest.FixtureRequest) -> Machine:
    """Return each Map over batches in turn."""
    machine, name = request.param
    state: Machine = request.getfixturevalue(machine)["States"][name]
    return state


def _machines(machine: Machine) -> Iterator[Machine]:
    yield machine
    for state in machine["States"].values():
        if state["Type"] == "Map":
            yield from _machines(state["ItemProcessor"])
