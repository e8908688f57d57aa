"""Several deployments in an account: which one a command works with."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

import cli.connect
from cli.connect import NoSystemError, outputs_of
from cli.main import app
from monthclose.names import Env, output_name


class FakeCloudFormation:
    """Stacks in memory, answering as CloudFormation does."""

    def __init__(self) -> None:
        self.stacks: list[str] = []
        self.may_list = True

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - as botocore names it
        if StackName not in self.stacks:
            raise _error("ValidationError", f"Stack with id {StackName} does not exist")
        outputs = [{"OutputKey": output_name(Env.STATE_MACHINE_ARN), "OutputValue": f"arn:{StackName}"}]
        return {"Stacks": [{"StackName": StackName, "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}]}

    def get_paginator(self, operation: str) -> "FakeCloudFormation":
        assert operation == "list_stacks"
        return self

    def paginate(self, StackStatusFilter: list[str]) -> Iterator[Any]:  # noqa: N803
        if not self.may_list:
            raise _error("AccessDenied", "not authorized to perform cloudformation:ListStacks")
        assert "DELETE_COMPLETE" not in StackStatusFilter
        for stack in self.stacks:
            yield {"StackSummaries": [{"StackName": stack}]}


def _error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> FakeCloudFormation:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return FakeCloudFormation()


def chosen(cloudformation: FakeCloudFormation, deployment: str | None = None) -> str:
    return outputs_of(cloudformation, "AWS", deployment)[Env.STATE_MACHINE_ARN]


def test_without_a_choice_the_deployment_without_a_name_is_meant(cloudformation: FakeCloudFormation) -> None:
    for stack in ("MonthCloseWorkflow", "eu-MonthCloseWorkflow", "MonthCloseState"):
        cloudformation.stacks.append(stack)
    assert chosen(cloudformation) == "arn:MonthCloseWorkflow"
    assert chosen(cloudformation, "") == "arn:MonthCloseWorkflow"
    assert chosen(cloudformation, "eu") == "arn:eu-MonthCloseWorkflow"


def test_the_only_deployment_needs_no_choice(cloudformation: FakeCloudFormation) -> None:
    cloudformation.stacks.append("eu-MonthCloseWorkflow")
    cloudformation.stacks.append("eu-MonthCloseState")
    assert chosen(cloudformation) == "arn:eu-MonthCloseWorkflow"


def test_of_several_one_must_be_chosen(cloudformation: FakeCloudFormation) -> None:
    for stack in ("us-MonthCloseWorkflow", "eu-MonthCloseWorkflow", "Other"):
        cloudformation.stacks.append(stack)
    with pytest.raises(NoSystemError, match=r"(?s)several times here: eu, us\n.*--deployment.*MONTHCLOSE_DEPLOYMENT"):
        chosen(cloudformation)


def test_who_may_not_list_stacks_is_told_what_is_missing(cloudformation: FakeCloudFormation) -> None:
    cloudformation.stacks, cloudformation.may_list = ["eu-MonthCloseWorkflow"], False
    with pytest.raises(NoSystemError, match=r"^Month close is not deployed at AWS in"):
        chosen(cloudformation)


def test_a_deployment_that_does_not_exist_is_named(cloudformation: FakeCloudFormation) -> None:
    cloudformation.stacks.append("MonthCloseWorkflow")
    with pytest.raises(NoSystemError, match="the deployment 'eu' of Month close is not deployed at AWS"):
        chosen(cloudformation, "eu")


def test_nothing_deployed_is_reported_as_before(cloudformation: FakeCloudFormation) -> None:
    with pytest.raises(NoSystemError, match=r"^Month close is not deployed at AWS in"):
        chosen(cloudformation)


@pytest.mark.parametrize(
    ("options", "environment", "deployment"),
    [
        (["--deployment", "eu"], "", "eu"),
        ([], "us", "us"),
        (["--deployment", "eu"], "us", "eu"),
        ([], "", None),
    ],
)
def test_the_option_or_the_environment_chooses(
    monkeypatch: pytest.MonkeyPatch, options: list[str], environment: str, deployment: str | None
) -> None:
    asked = []

    class Recording(cli.connect.Connector):
        def __call__(self) -> Any:
            asked.append(self.deployment)
            raise NoSystemError("far enough")

    monkeypatch.setattr(cli.connect, "Connector", Recording)
    result = CliRunner().invoke(app, [*options, "closes"], env={"MONTHCLOSE_DEPLOYMENT": environment or None})
    assert "far enough" in result.output
    assert asked == [deployment]
