"""Asking a function: one call for each request, and errors that say what is left to do."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from monthclose.adapters.aws.functions import LambdaFunction
from monthclose.errors import BrokeOffError

REQUEST = {"command": "pay"}


@pytest.fixture
def function(aws: None) -> LambdaFunction:
    return LambdaFunction("act")


def stubbed(function: LambdaFunction, answer: Any, **more: Any) -> Stubber:
    stubber = Stubber(function._client)
    payload = io.BytesIO(json.dumps(answer).encode())
    expected = {"FunctionName": "act", "Payload": json.dumps(REQUEST).encode()}
    stubber.add_response("invoke", {"StatusCode": 200, "Payload": payload, **more}, expected)
    return stubber


def test_the_answer_is_the_functions(function: LambdaFunction) -> None:
    with stubbed(function, {"made": []}):
        assert function(REQUEST) == {"made": []}


def test_a_failure_of_the_function_says_what_failed_and_that_the_command_may_be_repeated(
    function: LambdaFunction,
) -> None:
    failed = {"errorType": "KeyError", "errorMessage": "'x'"}
    with (
        stubbed(function, failed, FunctionError="Unhandled"),
        pytest.raises(BrokeOffError, match=r"(?s)act failed: KeyError: 'x'\n.*run the command again"),
    ):
        function(REQUEST)


def test_who_may_not_call_it_is_told_by_aws(function: LambdaFunction) -> None:
    stubber = Stubber(function._client)
    stubber.add_client_error("invoke", "AccessDeniedException", "not authorized to perform: lambda:InvokeFunction")
    with stubber, pytest.raises(ClientError, match="lambda:InvokeFunction"):
        function(REQUEST)


def test_an_answer_that_does_not_come_in_time_breaks_off_and_is_not_asked_for_again(function: LambdaFunction) -> None:
    calls = []

    def send(**_: Any) -> None:
        calls.append(1)
        raise ReadTimeoutError(endpoint_url="https://lambda")

    function._client.meta.events.register_first("before-send.lambda.Invoke", send)
    with pytest.raises(BrokeOffError, match="quarter of an hour"):
        function(REQUEST)
    assert calls == [1]
