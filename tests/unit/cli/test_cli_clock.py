"""`monthclose local clock`: what it takes, what it refuses, and what it says."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.commands.clock import LocalTime, read_moment
from cli.passing.passage import Passage, Step
from cli.passing.schedules import Daily, Rule
from monthclose.domain.errors import UserMistakeError
from sandbox.aws.local_aws import LocalAws, Running
from sandbox.aws.processes import Process
from sandbox.clock import ClockFile
from tests.unit.cli.driving import Command

NOW = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
URL = "http://127.0.0.1:4566"
NOBODY = Process(0, "")


@pytest.fixture
def file(tmp_path: Path) -> ClockFile:
    return ClockFile(tmp_path / "clock.json")


@pytest.fixture
def running(file: ClockFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Running:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    found = Running(NOBODY, 4566, NOBODY, 1, deployed="all", clock=str(tmp_path / "clock.json"))
    monkeypatch.setattr(LocalAws, "running", lambda _local: found)
    return found


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01", "2026-12-01T00:00"),
        ("2026-12-01T09:00", "2026-12-01T09:00"),
        ("2026-12-01T09:00+02:00", "2026-12-01T07:00"),
        ("+3d", "2026-12-02T12:30"),
        ("+12h", "2026-11-30T00:30"),
        ("+2w", "2026-12-13T12:30"),
    ],
)
def test_a_moment_is_a_day_a_time_or_a_span(text: str, moment: str) -> None:
    assert read_moment(text, NOW) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tomorrow", "'tomorrow' is not a moment"),
        ("+3", "is not a moment"),
        ("-3d", "is not a moment"),
        ("2026-02-30", "is not a moment"),
        ("2026-11-29T12:30", "time only goes forward: it is already 2026-11-29 12:30 UTC"),
        ("2026-11-01", "time only goes forward"),
        ("+0d", "time only goes forward"),
        ("2028-01-01", "more than a year ahead"),
    ],
)
def test_what_is_no_moment_ahead_is_refused(text: str, why: str) -> None:
    with pytest.raises(UserMistakeError, match=why.replace("+", r"\+")):
        read_moment(text, NOW)


class NothingDue:
    """A bank at which nothing happens."""

    def next_due(self) -> datetime | None:
        return None


@pytest.fixture
def _rules(monkeypatch: pytest.MonkeyPatch) -> None:
    def passage(local: LocalTime) -> Passage:
        rules = [
            Rule("Monthly", Daily(0, 0, 1), "arn:state-machine"),
            Rule("EveryDay", Daily(9, 0), "arn:Collections1"),
        ]
        nothing: Any = NothingDue()
        return Passage(local.system, local.file, nothing, nothing, rules)

    monkeypatch.setattr(LocalTime, "passage", passage)


@pytest.mark.usefixtures("_rules")
def test_without_a_moment_it_says_what_time_it_is_and_what_comes_next(
    monthclose: Command, running: Running, file: ClockFile
) -> None:
    assert "days ahead" not in monthclose("local", "clock").stdout
    file.move(datetime(2099, 11, 29, 12, 30, tzinfo=UTC).timestamp())
    said = monthclose("local", "clock").stdout.splitlines()
    assert "it is 2099-11-29 12:30 UTC" in said[0]
    assert "days ahead of this machine" in said[0]
    assert [line.split() for line in said[1:]] == [
        ["next", "2099-11-30", "09:00", "UTC", "collections"],
        ["next", "2099-12-01", "00:00", "UTC", "close"],
    ]
    content = monthclose.json("local", "clock", "--json")
    assert content["ahead_seconds"] > 0
    assert [coming["what"] for coming in content["next"]] == ["collections", "close"]


@pytest.mark.usefixtures("_rules")
def test_in_an_empty_system_the_clock_is_set_and_set_back(
    monthclose: Command, running: Running, file: ClockFile
) -> None:
    said = monthclose("local", "clock", "+30d").stdout
    assert said.startswith("it is now ")
    assert file.read().ahead_seconds > 29 * 86_400
    assert "it is " in monthclose("local", "clock", "--real").stdout
    assert file.read().ahead_seconds == 0


def test_once_there_are_customers_time_does_not_go_back(monthclose: Command, running: Running, file: ClockFile) -> None:
    monthclose("local", "clock", "+30d")
    monthclose.world.add_customer("acme")
    refused = monthclose("local", "clock", "--real", exit_code=2).stderr
    assert "time only goes forward" in refused
    assert file.read().ahead_seconds > 29 * 86_400


def test_what_happened_is_told_with_its_day_and_a_failure_ends_with_1(
    monthclose: Command, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    fourth = datetime(2026, 12, 4, 9, tzinfo=UTC)
    steps = [
        Step(fourth, "collections", ("3 payments tried again, 2 paid",), {"emails": 0}),
        Step(fourth, "other"),
        Step(fourth, "other", ("Rule failed: out of order",), {"rule": "Rule"}, failed=True),
    ]

    def tell(_local: LocalTime, _until: datetime, tell: object) -> list[Step]:
        for step in steps:
            tell(step)  # type: ignore[operator]
        return steps

    monkeypatch.setattr(LocalTime, "pass_to", tell)

    said = monthclose("local", "clock", "+30d", exit_code=1).stdout.splitlines()
    assert said[:2] == [" 4 Dec  3 payments tried again, 2 paid", " 4 Dec  Rule failed: out of order"]
    content = monthclose.json("local", "clock", "+30d", "--json", exit_code=1)
    assert [(step["what"], step["failed"]) for step in content["steps"]] == [
        ("collections", False),
        ("other", False),
        ("other", True),
    ]


def test_without_a_local_aws_no_time_can_be_let_pass(monthclose: Command) -> None:
    assert (
        "only there, and in its sandbox, can the clock be moved"
        in monthclose("local", "clock", "+3d", exit_code=2).stderr
    )


@pytest.mark.parametrize(
    ("variable", "value", "where"),
    [
        ("AWS_PROFILE", "company", "AWS"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9999", "http://127.0.0.1:9999"),
    ],
)
def test_a_command_that_is_meant_for_another_aws_is_refused(
    monthclose: Command, running: Running, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, where: str
) -> None:
    monkeypatch.setenv(variable, value)
    refused = monthclose("local", "clock", "+3d", exit_code=2).stderr
    assert f"set to {where}, where the clock cannot be moved" in refused


def test_an_aws_of_somebody_else_s_has_no_such_clock(
    monthclose: Command, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Running(NOBODY, 0, NOBODY, 1, deployed="all", others_url=URL)
    monkeypatch.setattr(LocalAws, "running", lambda _local: theirs)
    assert "has no clock that can be ahead" in monthclose("local", "clock", "+3d", exit_code=2).stderr


def test_two_commands_do_not_let_time_pass_at_once(monthclose: Command, running: Running, file: ClockFile) -> None:
    local = LocalTime(running, monthclose.system, file)
    with local.alone():
        refused = monthclose("local", "clock", "+3d", exit_code=2).stderr
    assert "another command is moving the clock right now" in refused
