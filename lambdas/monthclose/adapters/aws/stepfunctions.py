"""The workflow engine: Step Functions."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from monthclose.adapters.aws.clients import client
from monthclose.errors import TryLaterError
from monthclose.ports import Execution

_NO_LONGER_WAITING = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


class StepFunctionsWorkflow:
    """`Workflow` on Step Functions."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> str:
        """Start an execution; its name keeps a second one from starting."""
        try:
            answer = _call("start_execution", stateMachineArn=machine, name=name, input=json.dumps(request))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        return str(answer["executionArn"])

    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution and the children of its Map."""
        _call("stop_execution", executionArn=execution, cause=cause)

    def describe(self, execution: str) -> Execution:
        """Read an execution's state."""
        answer = _call("describe_execution", executionArn=execution)
        output = json.loads(answer["output"]) if answer.get("output") else None
        return Execution(answer["status"], output, answer.get("error", ""), answer.get("cause", ""))

    def is_running(self, execution: str) -> bool:
        """Whether an execution is running; one that is no longer kept (after 90 days) is not."""
        try:
            return self.describe(execution).status == "RUNNING"
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return False
            raise

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        """Report a task's success."""
        self._report("send_task_success", taskToken=task_token, output=json.dumps(output))

    def fail(self, task_token: str, error: str, cause: str) -> None:
        """Report a task's failure; the limits on length are Step Functions'."""
        self._report("send_task_failure", taskToken=task_token, error=error[:256], cause=cause[:32768])

    def still_waits(self, task_token: str) -> bool:
        """Send a heartbeat."""
        return self._report("send_task_heartbeat", taskToken=task_token)

    def _report(self, operation: str, **arguments: str) -> bool:
        try:
            _call(operation, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_LONGER_WAITING:
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
