"""RedriveExecution: a failed execution continues with the state that failed, and its Map with the children that failed.

MiniStack 1.5.33 has no such call. Here a redriven Map gets another Map Run, with another ARN, in place of the first.
"""

import contextvars
import json
import threading
from typing import Any

from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import stepfunctions

type Document = dict[str, Any]

_REDRIVABLE = frozenset({"FAILED", "ABORTED", "TIMED_OUT"})


class _Single(dict[str, Document]):
    """A machine's states of which only one runs; `next` is the one that follows it."""

    def __init__(self, name: str, state: Document) -> None:
        super().__init__({name: state})
        self.next: str | None = None

    def get(self, name: Any, _default: Any = None) -> Any:
        """Return the state, or, for another, one that ends the run."""
        if name not in self:
            self.next = name
        return super().get(name, {"Type": "Succeed"})


class Redrive:
    """Adds RedriveExecution to MiniStack's Step Functions."""

    def __init__(self) -> None:
        self._run, self._task = stepfunctions._run_execution, stepfunctions._execute_task
        self._sub_machine, self._handle = stepfunctions._run_sub_machine, stepfunctions.handle_request
        self._describe = stepfunctions._describe_execution

    def take_over(self) -> None:
        """Stand in for MiniStack's functions."""
        stepfunctions._run_execution, stepfunctions._execute_task = self._begin, self._noted
        stepfunctions._run_sub_machine, stepfunctions.handle_request = self._child, self._answer
        stepfunctions._describe_execution = self._described
        stepfunctions._redrive_execution = self.redrive

    async def _answer(self, method: Any, path: Any, headers: Any, body: Any, query: Any) -> Any:
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            return stepfunctions._finalize_response(stepfunctions._redrive_execution(json.loads(body)))
        return await self._handle(method, path, headers, body, query)

    def redrive(self, data: Document) -> Any:
        """Let an execution continue with the state that failed."""
        arn = data.get("executionArn", "")
        execution = stepfunctions._executions.get(arn)
        if not execution:
            return error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
        if execution["status"] not in _REDRIVABLE or "mapRunArn" in execution:
            why = f"Execution is {execution['status']} and cannot be redriven"
            return error_response_json("ExecutionNotRedrivable", why, 400)
        entered = [event for event in execution["events"] if event["type"].endswith("StateEntered")][-1]
        execution["_continues"] = entered["stateEnteredEventDetails"]
        self._remember_children(execution)
        count, date = execution.get("redriveCount", 0) + 1, now_iso()
        execution.update(status="RUNNING", stopDate=None, output=None, error=None, cause=None, redriveCount=count)
        stepfunctions._add_event(
            execution, "ExecutionRedriven", {"executionRedrivenEventDetails": {"redriveCount": count}}
        )
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(stepfunctions._run_execution, arn), daemon=True).start()
        return json_response({"redriveDate": date})

    @staticmethod
    def _remember_children(execution: Document) -> None:
        """Note how far the children of its unfinished Map Run got, and forget the run."""
        run = next(
            (
                run
                for run in stepfunctions._map_runs.values()
                if run["status"] == "FAILED" and run["executionArn"] == execution["executionArn"]
            ),
            None,
        )
        if run is None:
            return
        children = [c for c in stepfunctions._executions.values() if c.get("mapRunArn") == run["mapRunArn"]]
        execution["_children"] = {child["_index"]: child for child in children if "_index" in child}
        del stepfunctions._map_runs[run["mapRunArn"]]

    def _described(self, data: Document) -> Any:
        status, headers, body = self._describe(data)
        if status != 200:
            return status, headers, body
        execution = stepfunctions._executions.get(data["executionArn"])
        able = execution["status"] in _REDRIVABLE and "mapRunArn" not in execution
        told = {
            "redriveCount": execution.get("redriveCount", 0),
            "redriveStatus": "REDRIVABLE" if able else "NOT_REDRIVABLE",
        }
        return json_response(json.loads(body) | told)

    def _begin(self, arn: str) -> None:
        execution = stepfunctions._executions.get(arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        definition = execution.setdefault("_definition", machine.get("definition", "{}"))  # a redrive uses the same
        continues = execution.pop("_continues", None)
        if continues is None:
            self._run(arn)
            return
        try:
            self._continue(execution, machine, json.loads(definition), continues)
        except stepfunctions._ExecutionError as error:
            stepfunctions._fail_execution(execution, error.error, error.cause)
        except Exception as error:  # as MiniStack does
            stepfunctions._fail_execution(execution, "States.Runtime", str(error))

    @staticmethod
    def _continue(execution: Document, machine: Document, definition: Document, continues: Document) -> None:
        name, given = continues["name"], json.loads(continues["input"])
        context = {
            "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
            "Execution": {
                "Id": execution["executionArn"],
                "Input": json.loads(execution["input"]),
                "Name": execution["name"],
                "StartTime": execution["startDate"],
                "RedriveCount": execution["redriveCount"],
            },
            "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine.get("name", "")},
            "variables": {},
        }
        while name and execution["status"] == "RUNNING":
            state = definition["States"][name]
            entered = {"name": name, "input": json.dumps(given)}
            stepfunctions._add_event(execution, f"{state['Type']}StateEntered", {"stateEnteredEventDetails": entered})
            single = _Single(name, state)
            given = stepfunctions._run_sub_machine(single, name, given, execution, context)
            left = {"name": name, "output": json.dumps(given)}
            stepfunctions._add_event(execution, f"{state['Type']}StateExited", {"stateExitedEventDetails": left})
            name = single.next
        if execution["status"] == "RUNNING":
            output = json.dumps(given)
            execution.update(status="SUCCEEDED", output=output, stopDate=now_iso())
            stepfunctions._add_event(
                execution, "ExecutionSucceeded", {"executionSucceededEventDetails": {"output": output}}
            )
            stepfunctions._emit_execution_status_event(execution)

    def _noted(self, state: Document, given: Any, execution: Document, context: Document) -> Any:
        """Note which task of a child comes, and with which input: there it continues if it fails."""
        if "mapRunArn" in execution:
            execution["_task"] = (context["State"]["Name"], given)
        return self._task(state, given, execution, context)

    def _child(self, states: Any, start_at: str, given: Any, execution: Document, context: Document) -> Any:
        if "mapRunArn" not in execution or "_index" in execution:
            return self._sub_machine(states, start_at, given, execution, context)
        index = execution["_index"] = context["Map"]["Item"]["Index"]
        run = stepfunctions._map_runs.get(execution["mapRunArn"]) or {}
        parent = stepfunctions._executions.get(run.get("executionArn")) or {}
        before = parent.get("_children", {}).get(index, {})
        if before.get("status") == "SUCCEEDED":
            return json.loads(before["output"])
        start_at, given = before.get("_task", (start_at, given))
        return self._sub_machine(states, start_at, given, execution, context)
