"""The clock can be moved on a local AWS, and nowhere else; and past every schedule that the stacks have."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.passing.passage import MACHINES
from cli.passing.schedules import Daily, Often, Schedule, read_schedule
from monthclose.bootstrap import system_clock, utc_now
from monthclose.domain.errors import UserMistakeError
from monthclose.names import LOCAL_CLOCK
from tests.infrastructure.synthesis import Synthesized


def schedules(synthesized: Synthesized) -> list[Schedule]:
    rules = synthesized.of_type("AWS::Events::Rule").values()
    return [read_schedule(rule["ScheduleExpression"]) for rule in rules if "ScheduleExpression" in rule]


def test_the_clock_can_be_moved_past_every_schedule_of_the_stacks(synthesized: Synthesized) -> None:
    found = schedules(synthesized)
    assert Daily(0, 0, 1) in found, "the close"
    assert Daily(9, 0) in found, "the collections"
    assert Daily(5, 0) in found, "the archive of old usage"
    assert Often(15) in found, "the reconciler"
    assert len(found) == 5, "and the deadline's watch"


def test_whatever_a_schedule_starts_has_a_name_for_people(synthesized: Synthesized) -> None:
    rules = synthesized.of_type("AWS::Events::Rule").values()
    started = [json.dumps(rule["Targets"]) for rule in rules if "ScheduleExpression" in rule]
    unnamed = [targets for targets in started if not any(part in targets for part in MACHINES)]
    assert len(unnamed) == 1, "the close alone, which is known by its ARN"


def test_no_template_knows_of_a_clock_that_can_be_ahead(synthesized: Synthesized) -> None:
    assert LOCAL_CLOCK not in json.dumps(synthesized.templates)


@pytest.mark.parametrize(
    "elsewhere", [{}, {"AWS_ENDPOINT_URL": ""}, {"AWS_ENDPOINT_URL": "https://dynamodb.eu-central-1.amazonaws.com"}]
)
def test_a_function_on_aws_refuses_a_shifted_clock_whoever_sets_the_variable(elsewhere: Mapping[str, str]) -> None:
    with pytest.raises(UserMistakeError, match="AWS is not on this machine"):
        system_clock({LOCAL_CLOCK: "/tmp/clock.json", **elsewhere})


def test_without_the_variable_the_clock_is_the_machine_s() -> None:
    environment: dict[str, Any] = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    assert system_clock(environment) is utc_now
