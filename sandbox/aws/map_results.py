"""ResultWriter: a Distributed Map writes what its children returned to S3, and its own result says where.

MiniStack 1.5.33 ignores it, and gives the plain list of results to the next state, whatever its size.
"""

import json
from typing import Any

from ministack.services import s3, stepfunctions

type Document = dict[str, Any]

_RESULT_FIELDS = frozenset({"ResultSelector", "ResultPath", "OutputPath"})


def write_map_results() -> None:
    """Let Maps with a ResultWriter write their results, as Step Functions' guide describes ("ResultWriter")."""
    original = stepfunctions._run_distributed_map

    def run(
        state: Document, raw_input: Any, effective: Any, iterator: Document, execution: Document, context: Document
    ) -> Any:
        writer = state.get("ResultWriter")
        if not writer:
            return original(state, raw_input, effective, iterator, execution, context)
        before = set(stepfunctions._map_runs)
        plain = {name: value for name, value in state.items() if name not in _RESULT_FIELDS}
        try:
            _results, following = original(plain, raw_input, effective, iterator, execution, context)
        finally:
            mine = [run for arn, run in stepfunctions._map_runs.items() if arn not in before]
            ended = next((run for run in mine if run["executionArn"] == execution["executionArn"]), None)
            written = _write(writer, ended, effective, context) if ended else {}
        result = stepfunctions._apply_result_selector(state, written)
        output = stepfunctions._apply_result_path(state, raw_input, result)
        return stepfunctions._apply_output_path(state, output, context), following

    stepfunctions._run_distributed_map = run


def _write(writer: Document, run: Document, effective: Any, context: Document) -> Document:
    """Write a Map Run's results by their outcome, and a manifest that names the objects; returns the Map's result."""
    where = stepfunctions._resolve_params_obj(
        writer.get("Parameters") or writer.get("Arguments") or {}, effective, context
    )
    bucket, folder = where["Bucket"], run["mapRunArn"].rpartition(":")[2]
    prefix = "/".join(part for part in (where.get("Prefix", "").strip("/"), folder) if part)
    children = [child for child in stepfunctions._executions.values() if child.get("mapRunArn") == run["mapRunArn"]]
    files: dict[str, list[Document]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for outcome, listed in files.items():
        rows = [_row(child) for child in children if child["status"] == outcome]
        if rows:
            key = f"{prefix}/{outcome}_0.json"
            listed.append({"Key": key, "Size": _put(bucket, key, rows)})
    key = f"{prefix}/manifest.json"
    _put(bucket, key, {"DestinationBucket": bucket, "MapRunArn": run["mapRunArn"], "ResultFiles": files})
    run["itemCounts"]["resultsWritten"] = run["executionCounts"]["resultsWritten"] = len(children)
    return {"MapRunArn": run["mapRunArn"], "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


def _row(child: Document) -> Document:
    names = ("executionArn", "input", "name", "output", "error", "cause", "startDate", "stopDate", "status")
    return {name[0].upper() + name[1:]: child[name] for name in names if child.get(name) is not None}


def _put(bucket: str, key: str, content: object) -> int:
    body = json.dumps(content).encode()
    status, *_ = s3._put_object(bucket, key, body, {"content-type": "application/json"})
    if status != 200:
        raise stepfunctions._ExecutionError("States.ResultWriterFailed", f"{key} cannot be written to {bucket}")
    return len(body)
