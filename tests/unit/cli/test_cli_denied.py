"""What a person is told whose credentials do not allow a command, or have expired, or who meets what was deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, UnauthorizedSSOTokenError
from pynamodb.exceptions import QueryError, TransactWriteError, VerboseClientError

from cli.failures import explained
from monthclose.adapters.dynamo.failures import translated
from tests.unit.cli.driving import EXECUTION, Command, FakeMachine
from tests.world import World


def answered(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def test_a_transaction_that_is_not_allowed_says_which_right_is_missing() -> None:
    message = "User: kim is not authorized to perform: dynamodb:PutItem on resource: customers"
    cause = ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "TransactWriteItems")
    said = explained(TransactWriteError("Failed to write transaction items", cause))
    assert message in said
    assert "this should not happen" not in said


@pytest.fixture
def broken(monthclose: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], str]:
    """Let reading the closes fail as the stores do, and return what `status` says."""
    world.use(world.add_customer("acme"), "12.34")

    def status(error: Exception) -> str:
        def fail(_period: Any) -> None:
            with translated():
                raise error

        monkeypatch.setattr(world.closes, "get", fail)
        return monthclose("status", "2026-10", exit_code=1).stderr

    return status


def test_one_table_that_is_not_accessible_is_named_with_the_right_and_the_policy_that_has_it(
    broken: Callable[[Exception], str],
) -> None:
    table = "arn:aws:dynamodb:eu-west-1:123456789012:table/MonthCloseState-Closes1A2B"
    message = (
        f"User: arn:aws:iam::123456789012:user/kim is not authorized to perform: dynamodb:Query on resource: {table} "
        "because no identity-based policy allows the dynamodb:Query action"
    )
    said = broken(QueryError("Failed to query items", answered("AccessDeniedException", message, "Query")))
    assert message in said
    assert "what is missing is dynamodb:Query on the table MonthCloseState-Closes1A2B" in said
    assert "managed policy ReadPolicy allows it" in said
    assert "should not happen" not in said


def test_what_a_policy_denies_no_other_policy_helps_with(broken: Callable[[Exception], str]) -> None:
    message = "User: kim is not authorized to perform: states:StopExecution with an explicit deny in a service control"
    said = broken(answered("AccessDeniedException", message, "StopExecution"))
    assert "what is missing is states:StopExecution: a policy denies it" in said


@pytest.mark.parametrize(("action", "policy"), [("dynamodb:PutItem", "Operate"), ("lambda:InvokeFunction", "Money")])
def test_each_right_is_in_the_policy_that_is_named(
    broken: Callable[[Exception], str], action: str, policy: str
) -> None:
    said = broken(answered("AccessDenied", f"User: kim is not authorized to perform: {action} on resource: x", "Do"))
    assert f"managed policy {policy}Policy allows it" in said


@pytest.mark.parametrize(
    "error",
    [
        answered("ExpiredTokenException", "The security token included in the request is expired", "Query"),
        QueryError("Failed", answered("ExpiredTokenException", "The security token is expired", "Query")),
        answered("UnrecognizedClientException", "The security token included in the request is invalid", "Query"),
        UnauthorizedSSOTokenError(),
        QueryError("Failed", UnauthorizedSSOTokenError()),
    ],
    ids=["expired", "expired in PynamoDB", "unknown", "SSO", "SSO in PynamoDB"],
)
def test_expired_credentials_are_named_as_such_and_not_as_trouble_that_passes(
    broken: Callable[[Exception], str], error: Exception
) -> None:
    said = broken(error)
    assert "credentials" in said
    assert "sign in again" in said
    assert "try again later" not in said
    assert "should not happen" not in said


def test_a_table_that_was_deleted_is_named(broken: Callable[[Exception], str]) -> None:
    verbose = VerboseClientError(
        {"Error": {"Code": "ResourceNotFoundException", "Message": "Requested resource not found"}},
        "Query",
        {"request_id": "r", "table_name": "MonthCloseState-Closes"},
    )
    said = broken(QueryError("Failed to query items", verbose))
    assert "the table MonthCloseState-Closes does not exist: restore it from its backup" in said


def gone(name: str, operation: str) -> ClientError:
    return answered(name, f"{name}: arn:state-machine", operation)


def test_a_state_machine_that_was_deleted_is_told_when_a_month_is_to_be_closed(
    monthclose: Command, world: World, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use(world.add_customer("acme"), "12.34")

    def start(*_: object) -> str:
        raise gone("StateMachineDoesNotExist", "StartExecution")

    monkeypatch.setattr(machine, "start", start)
    said = monthclose("close", "2026-10", exit_code=1).stderr
    assert "the state machine of this deployment was deleted: `cdk deploy --all` makes it again" in said


def test_an_execution_that_is_gone_leaves_a_close_that_is_interrupted_for_every_command(
    monthclose: Command, world: World, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use(world.add_customer("acme"), "12.34")
    world.open(execution=EXECUTION)
    world.workflow.running.clear()  # as for one that Step Functions no longer knows
    assert "2026-10 interrupted" in monthclose("status", "2026-10").stdout
    for command in ("pause", "stop"):
        said = monthclose(command, "2026-10", exit_code=2).stderr
        assert "its execution is no longer running; monthclose close 2026-10 continues it" in said

    def describe(_execution: str) -> Any:
        raise gone("ExecutionDoesNotExist", "DescribeExecution")

    monkeypatch.setattr(machine, "describe", describe)
    said = monthclose("close", "2026-10", exit_code=1).stderr
    assert "Step Functions no longer knows that execution" in said
    assert "`monthclose close` for its month continues what it left" in said
