"""A Distributed Map with a ResultWriter writes its children's results to S3 and passes on only where they are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import s3

from tests.sandbox.local_step_functions import Machines, local_step_functions

NO_ONE = {"Type": "Fail", "Error": "Odd"}
CHILD = {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    "StartAt": "odd?",
    "States": {
        "odd?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "odd"}],
            "Default": "even",
        },
        "odd": NO_ONE,
        "even": {"Type": "Pass", "End": True},
    },
}


def mapping(bucket: str, **fields: Any) -> dict[str, Any]:
    each = {
        "Type": "Map",
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": CHILD,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": bucket, "Prefix": "map-runs"},
        },
        "End": True,
    }
    return {"StartAt": "each", "States": {"each": each | fields}}


@pytest.fixture
def machines() -> Iterator[Machines]:
    with local_step_functions() as machines:
        s3._create_bucket("documents", b"")
        yield machines
        s3.reset()


def read(key: str) -> Any:
    return json.loads(s3._get_object("documents", key, {}, {})[2])


def test_the_results_are_written_by_outcome_and_the_maps_result_says_where(machines: Machines) -> None:
    output = json.loads(machines.ended(machines.start(mapping("documents"), [0, 1, 2]))["output"])
    details = output["ResultWriterDetails"]
    assert details["Bucket"] == "documents"
    assert details["Key"].startswith("map-runs/")
    manifest = read(details["Key"])
    assert manifest["MapRunArn"] == output["MapRunArn"]
    rows = {
        name: [row for file in files for row in read(file["Key"])] for name, files in manifest["ResultFiles"].items()
    }
    assert sorted(row["Output"] for row in rows["SUCCEEDED"]) == ["0", "2"]
    assert [(row["Input"], row["Error"]) for row in rows["FAILED"]] == [("1", "Odd")]
    assert rows["PENDING"] == []


def test_what_the_map_passes_on_is_chosen_as_from_any_result(machines: Machines) -> None:
    assert machines.ended(machines.start(mapping("documents", ResultPath=None), [0]))["output"] == "[0]"


def test_a_bucket_that_does_not_exist_fails_the_map_by_name(machines: Machines) -> None:
    assert machines.ended(machines.start(mapping("none"), [0]))["error"] == "States.ResultWriterFailed"
