"""The workflow engine: Step Functions."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.errors import TryLaterError
from monthclose.ports import Execution

_NOBODY_WAITS = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


class StepFunctionsWorkflow:
    """`Workflow` on Step Functions."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> str:
        """Start an execution; the name is what keeps a second one from starting."""
        try:
            answer = _call("start_execution", stateMachineArn=machine, name=name, input=json.dumps(request))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        return str(answer["executionArn"])

    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution, and the children of its Map with it."""
        _call("stop_execution", executionArn=execution, cause=cause)

    def describe(self, execution: str) -> Execution:
        """Ask how an execution stands."""
        answer = _call("describe_execution", executionArn=execution)
        output = json.loads(answer["output"]) if answer.get("output") else None
        return Execution(answer["status"], output, answer.get("error", ""), answer.get("cause", ""))

    def is_running(self, execution: str) -> bool:
        """Ask whether an execution runs; one that is no longer kept (after 90 days) doesn't."""
        try:
            return self.describe(execution).status == "RUNNING"
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return False
            raise

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        """Tell a task that it succeeded."""
        self._tell("send_task_success", taskToken=task_token, output=json.dumps(output))

    def fail(self, task_token: str, error: str, cause: str) -> None:
        """Tell a task that it failed; the limits on length are Step Functions'."""
        self._tell("send_task_failure", taskToken=task_token, error=error[:256], cause=cause[:32768])

    def still_waits(self, task_token: str) -> bool:
        """Send a heartbeat."""
        return self._tell("send_task_heartbeat", taskToken=task_token)

    def _tell(self, operation: str, **arguments: str) -> bool:
        try:
            _call(operation, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOBODY_WAITS:
                raise
            return False
        return True


def _call(operation: str, **arguments: Any) -> Any:
    try:
        return getattr(client("stepfunctions"), operation)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ThrottlingException", "ServiceUnavailable", "InternalFailure"):
            raise TryLaterError(f"Step Functions is briefly unavailable: {error}") from error
        raise
    except BotoCoreError as error:
        raise TryLaterError(f"Step Functions cannot be reached: {error}") from error
