"""Rules that others wrote: cdk-nag's AwsSolutions, cfn-lint. And one of ours: synthesis is deterministic."""

from pathlib import Path
from typing import Any

import pytest
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import ManualArgs, lint_file  # type: ignore[import-untyped]

import stacks.nag
from app import build
from tests.infrastructure.synthesis import NAMED, TARGETS, Synthesized, make_app, synthesize

_ACCEPTED = [
    "W3005",  # CDK orders a function after its role's policies, and its role with them
    "W6001",  # the command reads all its values from one stack, those of the other one too
]


class _Recorder:
    """Stands in for `Validations`: keeps what is acknowledged, and lets the rules find it."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[str, str], str] = {}

    def of(self, construct: Any) -> "_At":
        return _At(self, construct.node.path)


class _At:
    def __init__(self, recorder: _Recorder, path: str) -> None:
        self._recorder, self._path = recorder, path

    def acknowledge(self, acknowledgment: Any) -> None:
        self._recorder.acknowledged[self._path, acknowledgment.id] = acknowledgment.reason


@pytest.mark.long
@pytest.mark.parametrize("target", [*TARGETS, "named"])
def test_every_finding_is_accepted_for_a_reason_and_no_reason_is_unused(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = _Recorder()
    monkeypatch.setattr(stacks.nag, "Validations", recorder)
    app = make_app(NAMED if target == "named" else TARGETS[target], tmp_path)
    build(app)
    report = AwsSolutionsChecks().validate_scope(app)
    found = {
        (violation.rule_name, resource.construct_path or "")
        for violation in report.violations
        for resource in violation.violating_resources
    }
    used = {(path, rule) for path, rule in recorder.acknowledged for r, at in found if r == rule and _within(at, path)}
    unexplained = {(r, at) for r, at in found if not any(r == rule and _within(at, path) for path, rule in used)}
    assert not unexplained
    assert recorder.acknowledged.keys() == used
    assert all(len(reason.split()) > 5 for reason in recorder.acknowledged.values())


@pytest.mark.long
def test_the_rules_pass_with_the_accepted_findings(tmp_path: Path) -> None:
    app = make_app(TARGETS["aws"], tmp_path)
    build(app)
    assert AwsSolutionsChecks().validate_scope(app).success


def test_cloudformation_would_accept_the_templates_of_a_named_deployment(named: Synthesized) -> None:
    """It has everything that an unnamed one has, and a domain's stack."""
    assert not lint(named, "eu-central-1")


def lint(synthesized: Synthesized, *regions: str) -> list[str]:
    arguments = ManualArgs(regions=list(regions), ignore_checks=_ACCEPTED)
    found = (lint_file(template, config=arguments) for template in sorted(synthesized.folder.glob("*.template.json")))
    return [f"{match.rule.id} {match.message} at {match.path}" for matches in found for match in matches]


def test_two_syntheses_are_equal(aws: Synthesized, tmp_path: Path) -> None:
    assert synthesize(TARGETS["aws"], tmp_path).templates == aws.templates


def _within(path: str, scope: str) -> bool:
    return path == scope or path.startswith(f"{scope}/")
