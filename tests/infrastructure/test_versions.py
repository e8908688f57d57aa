"""A deployment leaves the code under a running close alone."""

import copy
from pathlib import Path
from typing import Any

import pytest

import stacks.functions.factory
from monthclose.names import Stack
from stacks.functions.table import FUNCTIONS
from tests.infrastructure.synthesis import TARGETS, Synthesized, synthesize


def resources(synthesized: Synthesized, kind: str) -> dict[str, Any]:
    found = synthesized.templates[Stack.WORKFLOW]["Resources"]
    return {name: resource for name, resource in found.items() if resource["Type"] == kind}


def called_versions(synthesized: Synthesized) -> dict[str, str]:
    """The placeholders of all definitions that stand for functions, and the versions that they call."""
    return {
        placeholder: value["Ref"]
        for machine in synthesized.of_type("AWS::StepFunctions::StateMachine").values()
        for placeholder, value in machine["DefinitionSubstitutions"].items()
        if placeholder.endswith("Function")
    }


def test_a_state_machine_calls_published_versions_and_nothing_that_changes(synthesized: Synthesized) -> None:
    versions = resources(synthesized, "AWS::Lambda::Version")
    called = called_versions(synthesized)
    assert set(called.values()) <= versions.keys()
    assert len(called) == len([spec for spec in FUNCTIONS.values() if spec.machine])


def test_versions_are_kept_on_aws_for_the_executions_that_call_them(aws: Synthesized, local: Synthesized) -> None:
    assert {v["DeletionPolicy"] for v in resources(aws, "AWS::Lambda::Version").values()} == {"Retain"}
    assert {v.get("DeletionPolicy", "Delete") for v in resources(local, "AWS::Lambda::Version").values()} == {"Delete"}


def test_event_sources_call_the_version_of_a_complete_deployment(synthesized: Synthesized) -> None:
    aliases = synthesized.of_type("AWS::Lambda::Alias")
    for mapping in synthesized.of_type("AWS::Lambda::EventSourceMapping").values():
        alias = aliases[mapping["FunctionName"]["Ref"]]
        version = synthesized.of_type("AWS::Lambda::Version")[alias["FunctionVersion"]["Fn::GetAtt"][0]]
        assert version["FunctionName"] == alias["FunctionName"]


@pytest.mark.long
def test_new_code_is_a_new_version_of_every_function_and_the_same_event_sources(
    aws: Synthesized, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "lambdas"
    code.mkdir()
    (code / "changed.py").write_text("")
    monkeypatch.setattr(stacks.functions.factory, "_LAMBDAS", code)
    changed = synthesize(TARGETS["aws"], tmp_path / "out")
    before, after = called_versions(aws), called_versions(changed)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    kind = "AWS::Lambda::EventSourceMapping"
    assert resources(changed, kind) == resources(aws, kind)
    assert resources(changed, "AWS::Lambda::Alias").keys() == resources(aws, "AWS::Lambda::Alias").keys()


def test_without_a_change_a_deployment_publishes_nothing(aws: Synthesized, tmp_path: Path) -> None:
    again = synthesize(copy.deepcopy(dict(TARGETS["aws"])), tmp_path)
    assert resources(again, "AWS::Lambda::Version") == resources(aws, "AWS::Lambda::Version")
