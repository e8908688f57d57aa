"""The state machine as deployed, what starts it, and who is told when it fails."""

import json
import re
from typing import Any

import pytest

from monthclose.names import FINDINGS_METRIC, Stack
from stacks.functions.spec import Function, Machine
from stacks.functions.table import FUNCTIONS, called_by
from stacks.machines.collections import Collections
from stacks.machines.month_close import MonthClose
from stacks.machines.state_machine import substitution
from tests.infrastructure.synthesis import Synthesized

CALLED = {kind.map_state: called_by(kind.kind) for kind in (MonthClose, Collections)}
"""The functions that each machine calls, by the name of its Map."""


@pytest.fixture(params=list(CALLED))
def map_state(request: pytest.FixtureRequest) -> str:
    """Return each machine's Map in turn."""
    return str(request.param)


@pytest.fixture
def called(map_state: str) -> tuple[Function, ...]:
    return CALLED[map_state]


@pytest.fixture
def machine(synthesized: Synthesized, map_state: str) -> dict[str, Any]:
    return _machine(synthesized, map_state)


def _machine(synthesized: Synthesized, map_state: str) -> dict[str, Any]:
    machines = synthesized.of_type("AWS::StepFunctions::StateMachine").values()
    [found] = [machine for machine in machines if map_state in machine["DefinitionString"]]
    return found


def _scheduled(synthesized: Synthesized) -> dict[str, Any]:
    rules = synthesized.of_type("AWS::Events::Rule").values()
    return {rule["ScheduleExpression"]: rule for rule in rules if "ScheduleExpression" in rule}


def test_every_placeholder_is_filled_and_no_value_is_unused(synthesized: Synthesized) -> None:
    for machine in synthesized.of_type("AWS::StepFunctions::StateMachine").values():
        used = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
        assert used == machine["DefinitionSubstitutions"].keys()


def test_every_machine_logs_below_the_prefix_that_needs_no_statement_of_its_own(synthesized: Synthesized) -> None:
    # Elsewhere each log group takes its part of the 5,120 characters that the account's policy for logs may have.
    groups, names = synthesized.of_type("AWS::Logs::LogGroup"), set[str]()
    machines = synthesized.of_type("AWS::StepFunctions::StateMachine").values()
    for machine in machines:
        [destination] = machine["LoggingConfiguration"]["Destinations"]
        arn = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
        names.add(groups[arn["Fn::GetAtt"][0]]["LogGroupName"])
    assert len(names) == len(machines)
    assert all(name.startswith(f"/aws/vendedlogs/states/{Stack.WORKFLOW}-") for name in names)


def test_a_state_calls_the_function_it_is_named_after(
    synthesized: Synthesized, machine: dict[str, Any], called: tuple[Function, ...]
) -> None:
    functions = synthesized.of_type("AWS::Lambda::Function")
    for name in called:
        arn = machine["DefinitionSubstitutions"][substitution(name)]
        assert functions[synthesized.function_behind(arn)]["Handler"] == f"monthclose.handlers.{name}.handler"


@pytest.mark.parametrize(("target", "concurrency"), [("aws", 10_000), ("local", 12)])
def test_the_settings_decide_how_many_batches_are_in_flight(
    request: pytest.FixtureRequest, target: str, concurrency: int, map_state: str
) -> None:
    definition = json.loads(_machine(request.getfixturevalue(target), map_state)["DefinitionString"])
    assert definition["States"][map_state]["MaxConcurrency"] == concurrency


def test_on_an_emulator_no_map_runs_more_at_once_than_batches(aws: Synthesized, local: Synthesized) -> None:
    def of_tables(synthesized: Synthesized) -> int:
        machines = synthesized.of_type("AWS::StepFunctions::StateMachine").values()
        definitions = [json.loads(machine["DefinitionString"])["States"] for machine in machines]
        [concurrency] = [s["Write every table"]["MaxConcurrency"] for s in definitions if "Write every table" in s]
        return int(concurrency)

    assert (of_tables(aws), of_tables(local)) == (20, 12)


def test_errors_are_logged_without_personal_data(synthesized: Synthesized) -> None:
    for machine in synthesized.of_type("AWS::StepFunctions::StateMachine").values():
        logging = machine["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
        assert machine["TracingConfiguration"] == {"Enabled": True}


def test_the_machine_may_do_what_its_states_do(
    synthesized: Synthesized, machine: dict[str, Any], called: tuple[Function, ...]
) -> None:
    statements = synthesized.statements_of(machine["RoleArn"]["Fn::GetAtt"][0])
    allowed: dict[str, list[Any]] = {}
    for statement in statements:
        for action in statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]:
            resources = statement["Resource"]
            allowed.setdefault(action, []).extend(resources if isinstance(resources, list) else [resources])
    arns = [machine["DefinitionSubstitutions"][substitution(name)] for name in called]
    assert sorted(map(str, allowed["lambda:InvokeFunction"])) == sorted(map(str, _all_versions(synthesized, arns)))
    functions = synthesized.of_type("AWS::Lambda::Function")
    queues = [
        mapping["EventSourceArn"]
        for mapping in synthesized.of_type("AWS::Lambda::EventSourceMapping").values()
        if "charge_customers" in functions[synthesized.function_behind(mapping["FunctionName"])]["Handler"]
    ]
    assert sorted(map(str, allowed["sqs:SendMessage"])) == sorted(map(str, queues))
    assert ("events:PutEvents" in allowed) == ("events:putEvents" in machine["DefinitionString"])
    assert allowed.keys() >= {
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
        "states:DescribeExecution",
        "states:StartExecution",
        "states:StopExecution",
    }


def test_a_close_starts_with_the_month(synthesized: Synthesized) -> None:
    [target] = _scheduled(synthesized)["cron(0 0 1 * ? *)"]["Targets"]
    assert MonthClose.map_state in _started_by(synthesized, target)["DefinitionString"]
    assert "Input" not in target, "the whole event is the input"


def test_each_billing_day_has_a_close_of_its_own(named: Synthesized) -> None:
    rules = _scheduled(named)
    for schedule, day in (("cron(0 0 15 * ? *)", "15"), ("cron(0 0 L * ? *)", "last")):
        [target] = rules[schedule]["Targets"]
        assert MonthClose.map_state in _started_by(named, target)["DefinitionString"]
        assert json.loads(target["Input"])["billing_day"] == day
    assert "Input" not in rules["cron(0 0 1 * ? *)"]["Targets"][0], "the calendar month's is started as ever"


def test_a_late_close_is_checked_for_on_each_billing_day_and_on_no_other(named: Synthesized) -> None:
    rules = _scheduled(named)
    watched = {
        schedule
        for schedule, rule in rules.items()
        for target in rule["Targets"]
        if "Is it late?" in _started_by(named, target).get("DefinitionString", "")
    }
    assert watched == {"cron(0 8 1 * ? *)", "cron(0 8 15 * ? *)", "cron(0 8 L * ? *)"}


def test_the_collections_start_every_day(synthesized: Synthesized) -> None:
    [target] = _scheduled(synthesized)["cron(0 9 * * ? *)"]["Targets"]
    assert Collections.map_state in _started_by(synthesized, target)["DefinitionString"]
    assert "Input" not in target, "the whole event is the input"


def test_a_late_close_is_checked_for_at_the_deadline(synthesized: Synthesized) -> None:
    [target] = _scheduled(synthesized)["cron(0 8 1 * ? *)"]["Targets"]
    assert "Is it late?" in _started_by(synthesized, target)["DefinitionString"]


def test_a_start_that_cannot_be_delivered_is_retried_and_kept(synthesized: Synthesized) -> None:
    for rule in synthesized.of_type("AWS::Events::Rule").values():
        for target in rule["Targets"]:
            assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
            assert target["DeadLetterConfig"]


def test_every_queue_is_watched(synthesized: Synthesized) -> None:
    alarms = synthesized.of_type("AWS::CloudWatch::Alarm").values()
    watched = {
        (alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0], alarm["MetricName"])
        for alarm in alarms
        if alarm.get("Namespace") == "AWS/SQS"
    }
    for name, queue in synthesized.of_type("AWS::SQS::Queue").items():
        working = "RedrivePolicy" in queue
        metric = "ApproximateAgeOfOldestMessage" if working else "ApproximateNumberOfMessagesVisible"
        assert (name, metric) in watched


def test_every_way_for_a_close_to_end_badly_is_watched(synthesized: Synthesized) -> None:
    alarms = synthesized.of_type("AWS::CloudWatch::Alarm").values()
    names = [alarm["MetricName"] for alarm in alarms if "MetricName" in alarm]
    assert {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"} <= set(names)
    whose = "the close's, reconciler's, collections', deadline's, dropped files', report pack's, archive's"
    assert names.count("ExecutionsFailed") == 7, whose
    functions = synthesized.functions()
    assert names.count("Errors") == len(functions)
    waited_for = [name for name, spec in FUNCTIONS.items() if spec.waited_for]
    assert names.count("Throttles") == len(functions) - len(waited_for)


def test_findings_raise_an_alarm_whichever_function_counts_them(synthesized: Synthesized) -> None:
    alarms = synthesized.of_type("AWS::CloudWatch::Alarm").values()
    watched = {
        alarm["Dimensions"][0]["Value"]: alarm["Period"] for alarm in alarms if alarm["MetricName"] == FINDINGS_METRIC
    }
    assert watched == dict.fromkeys(
        ("drain_dead_letters", "settle_payments", "compare_books", "report_close"), 24 * 60 * 60
    )


@pytest.mark.parametrize(("target", "state"), [("aws", "ENABLED"), ("local", "DISABLED")])
def test_the_reconciler_starts_every_quarter_of_an_hour_unless_it_is_disabled(
    request: pytest.FixtureRequest, target: str, state: str
) -> None:
    synthesized: Synthesized = request.getfixturevalue(target)
    rule = _scheduled(synthesized)["rate(15 minutes)"]
    assert rule["State"] == state
    assert "Settle every provider" in _started_by(synthesized, rule["Targets"][0])["DefinitionString"]


def test_the_reconciler_calls_its_functions_and_no_others(synthesized: Synthesized) -> None:
    machines = synthesized.of_type("AWS::StepFunctions::StateMachine").values()
    [machine] = [machine for machine in machines if "Settle every provider" in machine["DefinitionString"]]
    called = [machine["DefinitionSubstitutions"][substitution(name)] for name in called_by(Machine.RECONCILE)]
    statements = synthesized.statements_of(machine["RoleArn"]["Fn::GetAtt"][0])
    allowed = [s["Resource"] for s in statements if s["Action"] == "lambda:InvokeFunction"]
    assert sorted(map(str, allowed[0])) == sorted(map(str, _all_versions(synthesized, called)))
    functions = synthesized.of_type("AWS::Lambda::Function")
    for name, arn in zip(called_by(Machine.RECONCILE), called, strict=True):
        assert functions[synthesized.function_behind(arn)]["Handler"] == f"monthclose.handlers.{name}.handler"


def test_alarms_reach_a_person_if_the_settings_name_one(aws: Synthesized, local: Synthesized) -> None:
    [topic] = aws.of_type("AWS::SNS::Topic")
    assert aws.of_type("AWS::SNS::Topic")[topic]["KmsMasterKeyId"]
    for alarm in aws.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [{"Ref": topic}]
    [subscription] = aws.of_type("AWS::SNS::Subscription").values()
    assert subscription["Endpoint"] == "operators@example.com"
    assert not local.of_type("AWS::SNS::Topic")


def test_alarms_may_use_the_topics_key(aws: Synthesized) -> None:
    [key] = aws.of_type("AWS::KMS::Key").values()
    services = {str(s["Principal"].get("Service")): s["Action"] for s in key["KeyPolicy"]["Statement"]}
    assert services["cloudwatch.amazonaws.com"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key["EnableKeyRotation"]


def test_the_dashboard_shows_what_the_functions_count(synthesized: Synthesized) -> None:
    [dashboard] = synthesized.of_type("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(dashboard["DashboardBody"])
    for metric in (
        "CustomersInvoiced",
        "CustomersCharged",
        "CustomersParked",
        "NoticesSent",
        "HoldsPlaced",
        "PaymentsSettled",
        "RemindersSent",
    ):
        assert metric in body


def _all_versions(synthesized: Synthesized, called: list[Any]) -> list[Any]:
    """What a machine that calls some functions may call: executions that began earlier call earlier versions."""
    arns = [{"Fn::GetAtt": [synthesized.function_behind(arn), "Arn"]} for arn in called]
    return [*arns, *({"Fn::Join": ["", [arn, ":*"]]} for arn in arns)]


def _started_by(synthesized: Synthesized, target: dict[str, Any]) -> dict[str, Any]:
    resources = synthesized.templates[Stack.WORKFLOW]["Resources"]
    properties: dict[str, Any] = resources[target["Arn"]["Ref"]]["Properties"]
    return properties
