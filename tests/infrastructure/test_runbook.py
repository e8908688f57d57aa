"""Alarms and the runbook belong together: each alarm has a section, and each section of alarms an alarm."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from stacks.runbook import PAGE, Section
from tests.infrastructure.synthesis import Synthesized
from tests.infrastructure.test_docs import ROOT, TEXTS, anchor, check_command, written_commands

PARTS = ("**Symptom**", "**Cause**", "**Command**", "**It helped when**")
NAME = re.compile(r"`([A-Z]\w+)`")
ENDING = re.compile(r"end in `(\w+)`")


def sections() -> dict[str, str]:
    """The runbook's sections about alarms, by their anchors."""
    about_alarms = TEXTS[PAGE].partition("\n## Restoring from a backup")[0]
    parts = re.split(r"^### (.+)$", about_alarms, flags=re.MULTILINE)[1:]
    by_heading = dict(
        zip(parts[::2], (re.split(r"^## ", part, flags=re.MULTILINE)[0] for part in parts[1::2]), strict=True)
    )
    return {anchor(heading): text for heading, text in by_heading.items()}


def alarms(*synthesized: Synthesized) -> Iterator[tuple[str, dict[str, Any]]]:
    """The alarms by their plain names: logical ids without the construct before and the hash after."""
    for each in synthesized:
        for name, alarm in each.of_type("AWS::CloudWatch::Alarm").items():
            yield name.removeprefix("Alarms")[:-8], alarm


def section_of(alarm: dict[str, Any]) -> str:
    text: str = alarm["AlarmDescription"]
    symptom, _, place = text.partition(" What to do: ")
    assert symptom.endswith(".")
    assert "\n" not in text
    page, _, fragment = place.partition("#")
    assert page == PAGE
    return fragment


def test_each_alarm_leads_to_a_section_that_names_it(aws: Synthesized, named: Synthesized) -> None:
    for name, alarm in alarms(aws, named):
        text = sections()[section_of(alarm)]
        head = text.partition("**Symptom**")[0]
        assert name in NAME.findall(head) or name.endswith(tuple(ENDING.findall(head))), name


def test_each_section_is_about_alarms_that_exist(aws: Synthesized, named: Synthesized) -> None:
    by_section: dict[str, set[str]] = {}
    for name, alarm in alarms(aws, named):
        by_section.setdefault(section_of(alarm), set()).add(name)
    assert by_section.keys() == sections().keys() == set(Section)
    for section, text in sections().items():
        head = text.partition("**Symptom**")[0]
        for name in set(NAME.findall(head)) - set(ENDING.findall(head)):
            assert name in by_section[section], f"{section}: {name}"


@pytest.mark.parametrize("section", list(Section))
def test_each_section_says_symptom_cause_command_and_how_to_see_that_it_helped(section: Section) -> None:
    text = sections()[section]
    assert [part for part in PARTS if part in text] == list(PARTS)
    assert text.index(PARTS[0]) < text.index(PARTS[1]) < text.index(PARTS[2]) < text.index(PARTS[3])
    commands = list(written_commands(text.partition(PARTS[2])[2]))
    assert commands
    for words in commands:
        check_command(words, section)


def test_the_dashboard_shows_each_alarm_but_those_of_every_function(aws: Synthesized) -> None:
    [board] = aws.of_type("AWS::CloudWatch::Dashboard").values()
    shown = str(board["DashboardBody"])
    for name in aws.of_type("AWS::CloudWatch::Alarm"):
        assert (f"'{name}'" in shown) != name[:-8].endswith(("Errors", "Throttles")), name


def test_what_the_dashboard_says_to_read_and_run_exists(aws: Synthesized) -> None:
    [board] = aws.of_type("AWS::CloudWatch::Dashboard").values()
    text = str(board["DashboardBody"])
    for place in re.findall(rf"{PAGE}#([\w-]+)", text):
        assert place in sections()
    commands = [words.split() for words in re.findall(r"`(monthclose [^`]+)`", text)]
    assert len(commands) >= 5
    for words in commands:
        check_command(words, "the dashboard")


def test_alarms_and_dashboard_watch_only_what_the_functions_count(aws: Synthesized, named: Synthesized) -> None:
    counted = " ".join(path.read_text() for path in sorted((ROOT / "lambdas" / "monthclose").rglob("*.py")))
    [board] = aws.of_type("AWS::CloudWatch::Dashboard").values()
    shown = set(re.findall(r"MetricName=[^A-Za-z]*([A-Za-z]+)", str(board["DashboardBody"])))
    watched = {alarm["MetricName"] for _, alarm in alarms(aws, named) if alarm["Namespace"].startswith("MonthClose")}
    assert len(shown) > 15
    for name in shown | watched:
        assert f'"{name}"' in counted, name
