"""A batch waits in its provider's queue for as long as the plan says, on the local Step Functions."""

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import stepfunctions

from tests.sandbox.local_step_functions import Machines, local_step_functions
from tests.statemachines.conftest import Machine

DAY = 86_400
CHARGING = {"child": "Charge customers", "collecting_child": "Collect what is due"}
PLAN = {"heartbeat_seconds": 6 * DAY, "timeout_seconds": 7 * DAY}
GIVEN = {"period": "2026-10", "round": 1, "run": "run", "today": "2026-11-02", "closing": []}
BATCH = {"batch": 0, "provider": "stripe", "queue_url": "https://queue/stripe", "customers": ["acme"]}


@pytest.fixture
def machines() -> Iterator[Machines]:
    with local_step_functions() as machines:
        yield machines


@pytest.fixture(params=CHARGING)
def charging(request: pytest.FixtureRequest) -> Machine:
    """Return each machine's task of charging, as it is in the file, between states that end it."""
    name = CHARGING[request.param]
    task = request.getfixturevalue(request.param)["States"][name]
    after = {task["Next"]: {"Type": "Succeed"}, task["Catch"][0]["Next"]: {"Type": "Fail", "Error": "Left"}}
    return {"StartAt": name, "States": {name: task, **after}}


def token_of(message: dict[str, Any]) -> dict[str, str]:
    return {"token": message["MessageBody"]["task_token"]}


def test_a_queue_that_drains_for_five_days_times_out_no_batch(machines: Machines, charging: Machine) -> None:
    execution = machines.start(charging, GIVEN | PLAN | {"batch": BATCH})
    message = token_of(machines.asked())
    machines.pass_time(5 * DAY)
    assert machines.beat(message) == {}
    assert machines.succeed(message) == {}
    assert machines.ended(execution)["status"] == "SUCCEEDED"


def test_a_batch_that_nobody_takes_up_is_left_and_not_sent_again(machines: Machines, charging: Machine) -> None:
    execution = machines.start(charging, GIVEN | PLAN | {"batch": BATCH})
    machines.asked()
    machines.pass_time(6 * DAY)
    assert machines.ended(execution)["error"] == "Left"
    assert machines.messages.empty()


def test_each_batch_is_told_how_long_to_wait(close: Machine, collections: Machine) -> None:
    for chosen in (close["States"]["Close every batch"], collections["States"]["Go through every batch"]):
        assert chosen["ItemSelector"]["heartbeat_seconds.$"] == "$.heartbeat_seconds"
        assert chosen["ItemSelector"]["timeout_seconds.$"] == "$.timeout_seconds"


@pytest.fixture
def approving(close: Machine, machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return the close's task that waits for approval, as it is in the file, between states that end it."""
    monkeypatch.setattr(stepfunctions, "_call_lambda", lambda _function, payload: machines.messages.put(payload))
    monkeypatch.setattr(stepfunctions, "_resolve_lambda_function_ref", lambda name, **_: name)
    task = close["States"]["Wait for approval"]
    after = {task["Next"]: {"Type": "Succeed"}, task["Catch"][0]["Next"]: {"Type": "Fail", "Error": "NotApproved"}}
    return {"StartAt": "Wait for approval", "States": {"Wait for approval": task, **after}}


JUDGED = {"period": "2026-10", "run": 1, "rehearsal": 3}


def test_a_close_goes_on_once_it_is_approved_however_many_days_that_takes(
    machines: Machines, approving: Machine
) -> None:
    execution = machines.start(approving, JUDGED)
    asked = machines.asked()
    assert (asked["period"], asked["rehearsal"]) == ("2026-10", 3)
    machines.pass_time(29 * DAY)
    assert machines.succeed({"token": asked["task_token"]}) == {}
    assert machines.ended(execution)["status"] == "SUCCEEDED"


def test_a_close_that_nobody_approves_for_30_days_fails(machines: Machines, approving: Machine) -> None:
    execution = machines.start(approving, JUDGED)
    machines.asked()
    machines.pass_time(30 * DAY)
    assert machines.ended(execution)["error"] == "NotApproved"
    assert machines.messages.empty()
