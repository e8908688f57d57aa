"""What functions start is recorded with who had it started, and new settings with what they were before."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from monthclose.assembly.use_cases import UseCases
from monthclose.domain.audit import Act
from monthclose.errors import TryLaterError
from monthclose.handlers import entry, find_owing, open_close
from tests.fakes import FakePatience
from tests.unit.test_handlers import FakeContext
from tests.world import OCTOBER, SETTINGS, World

pytestmark = pytest.mark.filterwarnings("ignore:Disabling idempotency")
EVENT = {
    "source": "aws.events",
    "time": "2026-11-01T00:00:00Z",
    "resources": ["arn:aws:events:eu-central-1:111122223333:rule/MonthClose-EveryMonth"],
}
FIRST, SECOND = "arn:execution:first", "arn:execution:second"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setenv("POWERTOOLS_IDEMPOTENCY_DISABLED", "1")
    remembering = SimpleNamespace(settings=SETTINGS, dynamodb=SimpleNamespace(), patience=FakePatience())
    monkeypatch.setattr(entry, "runtime", lambda: remembering)
    for module in (open_close, find_owing):
        monkeypatch.setattr(module, "use_cases", lambda: UseCases(world))
    monkeypatch.setattr(find_owing, "runtime", lambda: world)
    monkeypatch.setattr(open_close, "runtime", lambda: SimpleNamespace(settings=SETTINGS, clock=world.clock))
    return world


def started(world: World, handler: Any, request: dict[str, Any], execution: str = FIRST) -> None:
    world.workflow.running = {execution}
    handler({"request": request, "execution": execution}, FakeContext())


def told(world: World, subject: str) -> list[Act]:
    return [act for act in world.audit.told if act.subject == subject]


def test_a_close_that_a_rule_starts_is_recorded_with_the_rule(world: World) -> None:
    started(world, open_close.handler, EVENT)
    [act] = told(world, "close")
    assert (act.what, act.by, act.period) == ("close.started", "rule MonthClose-EveryMonth", OCTOBER)
    assert json.loads(act.after) == {"run": 1, "execution": "first"}


def test_a_close_that_a_person_asked_for_follows_their_request(world: World) -> None:
    asked = world.use_cases.acts.record("close.requested", by="Ada", period=OCTOBER)
    started(world, open_close.handler, {"period": "2026-10", "by": "Mallory", "act": asked.name})
    started(world, open_close.handler, {"period": "2026-10", "by": "Ada", "act": "AIDA#99"}, SECOND)
    _, first, second = told(world, "close")
    assert (first.what, first.by, first.follows) == ("close.started", "Ada", asked.name)
    assert (second.what, second.by, second.follows) == ("close.continued", "an execution started by hand", "")


def test_a_start_is_recorded_once_however_often_its_function_is_called(world: World) -> None:
    for _ in range(2):
        started(world, open_close.handler, EVENT)
        started(world, find_owing.handler, EVENT)
    assert len(told(world, "close")) == 1
    [collections] = told(world, "collections")
    assert json.loads(collections.after) == {"day": "2026-11-01", "execution": "first"}


def test_a_close_does_not_go_on_until_its_start_is_recorded(world: World) -> None:
    world.audit.broken = TryLaterError("DynamoDB is briefly unavailable")
    with pytest.raises(TryLaterError):
        started(world, open_close.handler, EVENT)
    world.audit.broken = None
    started(world, open_close.handler, EVENT)
    assert [act.what for act in told(world, "close")] == ["close.started"]


def test_settings_are_recorded_when_they_are_new_with_what_they_were_before(world: World) -> None:
    started(world, open_close.handler, EVENT)
    started(world, find_owing.handler, EVENT)
    world.close_settings = type(world.close_settings)(max_rounds=7)
    started(world, find_owing.handler, EVENT, SECOND)
    first, changed = told(world, "deployment")
    assert (first.what, first.before) == ("deployment.settings_changed", "")
    before, after = json.loads(changed.before), json.loads(changed.after)
    assert {name for name in after if after[name] != before[name]} == {"close"}
    assert (before["close"]["max_rounds"], after["close"]["max_rounds"]) == (3, 7)


def test_recorded_settings_have_no_secrets_and_nothing_that_differs_without_a_change(world: World) -> None:
    started(world, open_close.handler, EVENT)
    [act] = told(world, "deployment")
    assert '"requests_per_second": 25' in act.after
    assert not re.findall(r'"\w*(?:_table|_bucket|url)":', act.after)
    assert len(act.after) < 6000
