"""The stack that imports dropped usage files: started by their arrival, and allowed no more than it needs."""

import json
from typing import Any

import pytest

from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.names import Stack
from stacks.machines.import_usage import UsageImport
from tests.infrastructure.synthesis import ROOT, Synthesized, synthesize

MAP_STATE = UsageImport.map_state


def bucket(synthesized: Synthesized) -> tuple[str, dict[str, Any]]:
    [found] = [(name, b) for name, b in synthesized.of_type("AWS::S3::Bucket").items() if name.startswith("Usage")]
    return found


def definition(synthesized: Synthesized) -> dict[str, Any]:
    return dict(json.loads(machine(synthesized)["DefinitionString"]))


def machine(synthesized: Synthesized) -> dict[str, Any]:
    machines = synthesized.of_type("AWS::StepFunctions::StateMachine").values()
    [found] = [machine for machine in machines if MAP_STATE in machine["DefinitionString"]]
    return found


def allowed(synthesized: Synthesized, function: str) -> set[tuple[str, str]]:
    """What a function may do with objects of the usage bucket: actions and prefixes."""
    role = synthesized.functions()[function]["Role"]["Fn::GetAtt"][0]
    return {
        (action, str(arn["Fn::Join"][1][-1]).strip("/*"))
        for statement in synthesized.statements_of(role)
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
        if action.startswith("s3:") and action != "s3:ListBucket"
        for arn in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
    }


def test_the_bucket_keeps_billed_files_and_deletes_what_an_import_leaves_behind(synthesized: Synthesized) -> None:
    _, usage = bucket(synthesized)
    assert usage["VersioningConfiguration"] == {"Status": "Enabled"}
    assert usage["LoggingConfiguration"]["LogFilePrefix"] == "usage/"
    rules = usage["LifecycleConfiguration"]["Rules"]
    days = {rule.get("Prefix"): rule.get("ExpirationInDays") for rule in rules}
    assert days == {"parts/": 30, "map-runs/": 30, "rejects/": 400, None: None}


def test_the_bucket_notifies_of_arrivals_without_a_function_that_switches_it_on(synthesized: Synthesized) -> None:
    _, usage = bucket(synthesized)
    assert usage["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert "Custom::S3BucketNotifications" not in json.dumps(synthesized.templates[Stack.STATE])


def test_only_files_dropped_below_the_prefix_start_an_import(synthesized: Synthesized) -> None:
    rules = synthesized.of_type("AWS::Events::Rule").values()
    [rule] = [rule for rule in rules if rule.get("EventPattern", {}).get("source") == ["aws.s3"]]
    pattern = rule["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert pattern["detail"]["object"] == {"key": [{"prefix": "usage/"}]}
    name, _ = bucket(synthesized)
    [imported] = pattern["detail"]["bucket"]["name"]
    assert name in imported["Fn::ImportValue"]
    assert "Input" not in rule["Targets"][0], "the whole event is the input"


def test_each_function_reaches_the_prefixes_that_it_works_with(synthesized: Synthesized) -> None:
    writing = {(action, "parts") for action in ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload")}
    beside = {
        (action, "rejects") for action in ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject")
    }
    dropped = {("s3:GetObject", "usage"), ("s3:GetObjectVersion", "usage")}
    rating = {("s3:GetObject", "price-books"), ("s3:GetObject", "tax-tables")}
    archive = {("s3:GetObject", "usage-archive"), ("s3:PutObject", "usage-came-back")}
    assert allowed(synthesized, "load_usage") == writing | rating | archive
    assert allowed(synthesized, "finish_usage") == writing | beside
    assert allowed(synthesized, "receive_usage") == writing | beside | dropped | rating | archive | {
        ("s3:GetObject", "import-sources")
    }


def test_many_files_at_once_leave_a_close_its_concurrency_and_wait_for_capacity(aws: Synthesized) -> None:
    functions = aws.functions()
    assert functions["receive_usage"]["ReservedConcurrentExecutions"] == 20
    assert functions["load_usage"]["ReservedConcurrentExecutions"] == 40
    states = definition(aws)["States"]
    for state in (states["Read the file"], states[MAP_STATE]["ItemProcessor"]["States"]["Load the lane"]):
        [no_room] = [rule for rule in state["Retry"] if "Lambda.TooManyRequestsException" in rule["ErrorEquals"]]
        assert no_room["MaxAttempts"] * no_room["MaxDelaySeconds"] / 2 >= 24 * 60 * 60, "full jitter waits half of it"
        assert no_room["MaxAttempts"] * 3 < 25_000 / 2, "the events of an execution's history"


def test_an_account_with_a_small_quota_reserves_nothing_and_any_other_what_the_manual_says(
    aws: Synthesized, tmp_path: Any
) -> None:
    reserved = [f.get("ReservedConcurrentExecutions", 0) for f in aws.functions().values()]
    assert f"{sum(reserved)} concurrent executions are reserved" in (ROOT / "docs" / "deploying.md").read_text()
    small = synthesize({"reserve_concurrency": False}, tmp_path)
    assert not [name for name, f in small.functions().items() if "ReservedConcurrentExecutions" in f]


def test_a_file_that_can_be_read_in_time_can_be_finished_in_time(aws: Synthesized) -> None:
    received, finished = (aws.functions()[name] for name in ("receive_usage", "finish_usage"))
    for limit in ("MemorySize", "Timeout"):  # a function's share of a CPU is its memory's
        assert finished[limit] >= received[limit]


def test_files_that_wait_for_capacity_raise_no_alarm(aws: Synthesized) -> None:
    throttles = [name for name in aws.of_type("AWS::CloudWatch::Alarm") if "Throttles" in name]
    assert [name for name in throttles if "GenerateInvoices" in name]
    assert not [name for name in throttles if "ReceiveUsage" in name or "LoadUsage" in name]


def test_a_failed_lane_fails_the_import(synthesized: Synthesized) -> None:
    state = definition(synthesized)["States"][MAP_STATE]
    assert "ToleratedFailurePercentage" not in state
    assert state["ResultPath"] is None
    assert [rule["ErrorEquals"] for rule in state["Catch"]] == [["States.ResultWriterFailed"]]


def test_redriving_an_import_redrives_its_lanes(synthesized: Synthesized) -> None:
    statements = synthesized.statements_of(machine(synthesized)["RoleArn"]["Fn::GetAtt"][0])
    [redriven] = [statement["Resource"] for statement in statements if statement["Action"] == "states:RedriveExecution"]
    assert redriven["Fn::Join"][1][-1] == "/*", "a Map Run's children are named after the machine and the Map's label"


@pytest.mark.long
def test_the_settings_decide_how_many_lanes_there_are(tmp_path: Any) -> None:
    synthesized = synthesize({"usage_drop": {"lanes": 7}}, tmp_path)
    assert definition(synthesized)["States"][MAP_STATE]["MaxConcurrency"] == 7
    told = synthesized.functions()["receive_usage"]["Environment"]["Variables"]["MONTHCLOSE_USAGE_DROP"]
    assert DropSettings(**json.loads(told)) == DropSettings(lanes=7)


@pytest.mark.parametrize("end", ["Failed", "TimedOut", "Aborted"])
def test_an_import_that_ends_badly_raises_an_alarm(aws: Synthesized, end: str) -> None:
    alarms = aws.of_type("AWS::CloudWatch::Alarm")
    [alarm] = [alarm for name, alarm in alarms.items() if name.startswith(f"AlarmsUsageImport{end}")]
    assert alarm["MetricName"] == f"Executions{end}"
    assert alarm["AlarmActions"]


def test_the_dashboard_counts_rows_accepted_and_rejected(aws: Synthesized) -> None:
    [board] = aws.of_type("AWS::CloudWatch::Dashboard").values()
    for name in ("UsageRowsTaken", "UsageRowsRejected", "UsageFilesUnusable"):
        assert name in json.dumps(board["DashboardBody"])


def test_the_machine_calls_its_three_functions_and_publishes_the_event(synthesized: Synthesized) -> None:
    statements = synthesized.statements_of(machine(synthesized)["RoleArn"]["Fn::GetAtt"][0])
    able = {
        action: s["Resource"] for s in statements for action in ([s["Action"]] if isinstance(s["Action"], str) else [])
    }
    functions = synthesized.of_type("AWS::Lambda::Function")
    called = {
        functions[synthesized.function_behind(arn)]["Handler"].split(".")[-2] for arn in able["lambda:InvokeFunction"]
    }
    assert called == {"receive_usage", "load_usage", "finish_usage"}
    assert "events:PutEvents" in able
    assert not [action for action in able if action.startswith(("sqs:", "dynamodb:"))]
