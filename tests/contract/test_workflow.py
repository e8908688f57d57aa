"""What both the workflow engine and its fake promise: one way to start an execution, stop it and read its status."""

import json

import boto3
import pytest

from monthclose.bootstrap import Runtime
from monthclose.ports import Execution
from tests.contract.conftest import REGION, AnyWorld
from tests.world import World

REQUEST = {"period": "2026-10"}


@pytest.fixture
def machine(world: AnyWorld) -> str:
    """The ARN of a state machine; moto lets what it starts run until it is stopped."""
    if isinstance(world, World):
        return "arn:aws:states:us-east-1:123456789012:stateMachine:close"
    definition = json.dumps({"StartAt": "end", "States": {"end": {"Type": "Succeed"}}})
    role = "arn:aws:iam::123456789012:role/states"
    states = boto3.client("stepfunctions", region_name=REGION)
    return str(states.create_state_machine(name="close", definition=definition, roleArn=role)["stateMachineArn"])


def test_a_started_execution_runs_until_it_is_stopped(world: World | Runtime, machine: str) -> None:
    execution = world.workflow.start(machine, "close-1", REQUEST)
    assert execution == "arn:aws:states:us-east-1:123456789012:execution:close:close-1"
    assert world.workflow.is_running(execution)
    assert world.workflow.describe(execution) == Execution("RUNNING")

    world.workflow.stop(execution, "monthclose stop")

    assert not world.workflow.is_running(execution)
    assert world.workflow.describe(execution).status == "ABORTED"  # moto forgets the cause


def test_a_second_start_of_a_name_starts_nothing_and_names_the_first(world: World | Runtime, machine: str) -> None:
    first = world.workflow.start(machine, "close-1", REQUEST)
    world.workflow.stop(first, "monthclose stop")
    assert world.workflow.start(machine, "close-1", REQUEST) == first
    assert not world.workflow.is_running(first)


def test_an_unknown_execution_is_not_running(world: World | Runtime, machine: str) -> None:
    gone = machine.replace(":stateMachine:", ":execution:") + ":gone"
    assert not world.workflow.is_running(gone)
