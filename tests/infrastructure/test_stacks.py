"""What the templates promise: no data is lost, nothing is public, every function has what it needs and no more."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from monthclose.names import WAIT_METRIC, Env, Stack, output_name
from stacks.functions.spec import Function, Machine
from stacks.functions.table import FUNCTIONS, called_by
from tests.infrastructure.synthesis import TELL_CUSTOMERS, Synthesized, synthesize

_KEPT_OPEN = {
    # Actions for which IAM knows no resources.
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "dynamodb:ListStreams",
    "ses:GetAccount",
    "states:SendTaskSuccess",
    "states:SendTaskFailure",
    "states:SendTaskHeartbeat",
}


def test_every_table_survives_mistakes(aws: Synthesized) -> None:
    tables = aws.of_type("AWS::DynamoDB::Table")
    assert len(tables) == 7
    for table in tables.values():
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["DeletionProtectionEnabled"]
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}


@pytest.mark.parametrize(("target", "policy"), [("aws", "Retain"), ("local", "Delete")])
def test_state_is_kept_on_aws_and_deleted_locally(request: pytest.FixtureRequest, target: str, policy: str) -> None:
    synthesized: Synthesized = request.getfixturevalue(target)
    resources = synthesized.templates[Stack.STATE]["Resources"].values()
    stored = [r for r in resources if r["Type"] in ("AWS::DynamoDB::Table", "AWS::S3::Bucket")]
    assert len(stored) == 10
    assert {resource["DeletionPolicy"] for resource in stored} == {policy}


@pytest.mark.parametrize(("target", "protected"), [("aws", True), ("local", False)])
def test_stacks_on_aws_cannot_be_deleted_by_mistake(
    request: pytest.FixtureRequest, target: str, protected: bool
) -> None:
    synthesized: Synthesized = request.getfixturevalue(target)
    artifacts = json.loads((synthesized.folder / "manifest.json").read_text())["artifacts"]
    assert {bool(artifacts[stack]["properties"].get("terminationProtection")) for stack in Stack} == {protected}


def test_idempotency_records_and_packs_of_archived_usage_expire(synthesized: Synthesized) -> None:
    expiring = [t for t in synthesized.of_type("AWS::DynamoDB::Table").values() if "TimeToLiveSpecification" in t]
    assert [table["TimeToLiveSpecification"]["AttributeName"] for table in expiring] == ["expiration"] * 2
    keys = [[key["AttributeName"] for key in table["KeySchema"]] for table in expiring]
    assert sorted(keys) == [["id"], ["pk", "number"]]


def test_buckets_are_private_and_encrypted(synthesized: Synthesized) -> None:
    for bucket in synthesized.of_type("AWS::S3::Bucket").values():
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert bucket["BucketEncryption"]


def test_documents_are_versioned_and_leftovers_of_runs_expire(synthesized: Synthesized) -> None:
    buckets = synthesized.of_type("AWS::S3::Bucket").items()
    [documents] = [bucket for name, bucket in buckets if name.startswith("StorageDocuments")]
    assert documents["VersioningConfiguration"] == {"Status": "Enabled"}
    days = {rule.get("Prefix"): rule.get("ExpirationInDays") for rule in documents["LifecycleConfiguration"]["Rules"]}
    kept: dict[str, int | None] = dict.fromkeys(
        ("snapshots/", "rehearsals/", "retries/", "register/customers/", "archive-parts/"), 400
    )
    kept |= {"packs/": None, "usage-archive/": None}
    assert days == {"map-runs/": 30, "comparisons/": 30, "pack-parts/": 30, "register/": None, None: None} | kept


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::SQS::Queue"])
def test_nothing_is_stored_or_queued_without_tls(synthesized: Synthesized, kind: str) -> None:
    policies = synthesized.of_type(f"{kind}Policy").values()
    guarded = {
        target if isinstance(target, str) else target["Ref"]
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for target in ([policy["Bucket"]] if kind == "AWS::S3::Bucket" else policy["Queues"])
    }
    assert guarded == synthesized.of_type(kind).keys()


def test_every_queue_is_encrypted_and_keeps_messages_for_two_weeks(synthesized: Synthesized) -> None:
    for queue in synthesized.of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"]
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_every_working_queue_has_a_dead_letter_queue(synthesized: Synthesized) -> None:
    dead = _dead_letter_queues(synthesized)
    for name, queue in synthesized.of_type("AWS::SQS::Queue").items():
        assert name in dead or queue["RedrivePolicy"]["maxReceiveCount"] >= 5


def test_a_message_being_processed_stays_hidden_for_six_times_the_consumers_timeout(synthesized: Synthesized) -> None:
    queues = synthesized.of_type("AWS::SQS::Queue")
    functions = synthesized.of_type("AWS::Lambda::Function")
    mappings = _of_queues(synthesized)
    assert mappings
    for mapping in mappings:
        queue = queues[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
        assert (
            queue["VisibilityTimeout"] >= 6 * functions[synthesized.function_behind(mapping["FunctionName"])]["Timeout"]
        )


def test_consumers_have_a_concurrency_limit_and_answer_message_by_message(two_providers: Synthesized) -> None:
    mappings = _of_queues(two_providers)
    assert sorted(mapping["ScalingConfig"]["MaximumConcurrency"] for mapping in mappings) == [2, 4, 5, 7]
    for mapping in mappings:
        assert mapping["BatchSize"] == 10
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def _of_queues(synthesized: Synthesized) -> list[dict[str, Any]]:
    """The event sources that are queues."""
    mappings = synthesized.of_type("AWS::Lambda::EventSourceMapping").values()
    return [mapping for mapping in mappings if "StartingPosition" not in mapping]


def test_one_more_provider_is_one_more_entry(two_providers: Synthesized) -> None:
    assert {"charge_customers:gocardless", "charge_customers:stripe"} <= two_providers.functions().keys()
    said = _text(two_providers.functions()["open_close"]["Environment"]["Variables"][Env.PROVIDERS])
    assert set(json.loads(said)) == {"gocardless", "stripe"}


def test_every_function_has_an_entry_in_the_table() -> None:
    assert FUNCTIONS.keys() == set(Function)


def test_every_step_of_a_close_has_its_function(synthesized: Synthesized) -> None:
    functions = synthesized.functions()
    beside = {"charge_customers:stripe", "receive_webhook", "apply_webhook"}
    assert functions.keys() >= {*called_by(Machine.MONTH_CLOSE), *beside}
    for function in functions.values():
        assert re.fullmatch(r"monthclose\.handlers\.[a-z_]+\.handler", function["Handler"])
        assert function["Runtime"] == "python3.13"
        assert function["TracingConfig"] == {"Mode": "Active"}


def test_functions_on_aws_run_on_arm64(aws: Synthesized) -> None:
    assert {architecture for f in aws.functions().values() for architecture in f["Architectures"]} == {"arm64"}


def test_every_function_has_its_own_role_and_log(synthesized: Synthesized) -> None:
    functions = synthesized.functions().values()
    logs = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions}
    assert len({_role(function) for function in functions}) == len(logs) == len(functions)
    assert all("RetentionInDays" in log for log in synthesized.of_type("AWS::Logs::LogGroup").values())


def test_functions_get_the_environment_the_runtime_reads_and_nothing_else(synthesized: Synthesized) -> None:
    told_later = {
        Env.STATE_MACHINE_ARN,
        Env.INVOICE_URL,
        Env.COLLECTIONS_ARN,
        Env.REPORT_PACK_ARN,
        Env.USAGE_ARCHIVE_ARN,
        Env.USAGE_IMPORT_ARN,
        Env.WEBHOOK_URL,
        Env.OPERATOR_FUNCTION,
        Env.LIMITED_FUNCTION,
    }
    told_once = {Env.PROVIDER, Env.EVENT_SOURCE, Env.CUSTOMER_FUNCTION, Env.FINANCE_EMAIL, Env.HAND_LIMITS}
    expected = {env.value for env in Env} - told_once - {*told_later, Env.TIME_ZONES, Env.USAGE_MONTHS}  # as usual here
    own = {name: {Env.INVOICE_URL.value} for name in TELL_CUSTOMERS} | {"publish_events": {Env.EVENT_SOURCE.value}}
    own["show_invoice"] = {Env.CUSTOMER_FUNCTION.value}
    own["finish_pack"] = {Env.FINANCE_EMAIL.value}
    for name in ("act_for_operator", "refund_within_limits"):
        own[name] = {*own[name], Env.HAND_LIMITS.value}
    for name, function in synthesized.functions().items():
        ours = {key for key in function["Environment"]["Variables"] if not key.startswith("POWERTOOLS_")}
        assert ours == expected | ({Env.PROVIDER.value} if ":" in name else own.get(name, set()))


def test_a_function_is_known_to_powertools_by_its_handler(synthesized: Synthesized) -> None:
    for name, function in synthesized.functions().items():
        variables = function["Environment"]["Variables"]
        assert variables["POWERTOOLS_SERVICE_NAME"] == name.partition(":")[0]


def test_the_command_finds_every_value_among_the_outputs(synthesized: Synthesized) -> None:
    outputs = synthesized.templates[Stack.WORKFLOW]["Outputs"]
    for_people = {"ReadPolicy", "OperatePolicy", "MoneyPolicy"}
    told_one_function = (Env.PROVIDER, Env.EVENT_SOURCE, Env.CUSTOMER_FUNCTION, Env.FINANCE_EMAIL, Env.HAND_LIMITS)
    left_out = {*told_one_function, Env.TIME_ZONES, Env.USAGE_MONTHS}  # as usual here
    assert outputs.keys() == {output_name(env) for env in Env if env not in left_out} | for_people
    variables = synthesized.functions()["open_close"]["Environment"]["Variables"]
    for env in Env:
        if env in variables:
            assert outputs[output_name(env)]["Value"] == variables[env]


def test_no_policy_allows_a_family_of_actions(synthesized: Synthesized) -> None:
    for statement in _allowed(synthesized):
        assert not [action for action in _list(statement["Action"]) if "*" in action]


def test_a_policy_names_its_resources_where_iam_allows_it(synthesized: Synthesized) -> None:
    for statement in _allowed(synthesized):
        if "*" in _list(statement["Resource"]):
            assert set(_list(statement["Action"])) <= _KEPT_OPEN


def test_mail_is_sent_from_the_companys_address_only_whoever_it_goes_to(aws: Synthesized) -> None:
    sending = [statement for statement in _allowed(aws) if "ses:SendEmail" in _list(statement["Action"])]
    assert sending
    for statement in sending:
        assert statement["Condition"]["StringEquals"] == {"ses:FromAddress": "billing@example.com"}
        assert any(_text(resource).endswith(":identity/*") for resource in _list(statement["Resource"]))


def test_the_report_pack_is_mailed_to_finance_and_nobody_else(aws: Synthesized) -> None:
    narrow = [s["Condition"] for s in _allowed(aws) if "ForAllValues:StringEquals" in s.get("Condition", {})]
    from_us = {"ses:FromAddress": "billing@example.com"}
    to_finance = {"ses:Recipients": ["finance@example.com"]}
    assert narrow == [{"StringEquals": from_us, "ForAllValues:StringEquals": to_finance}]


def test_bounces_and_complaints_of_the_configuration_set_reach_the_queue(aws: Synthesized) -> None:
    [destination] = aws.of_type("AWS::SES::ConfigurationSetEventDestination").values()
    definition = destination["EventDestination"]
    assert sorted(definition["MatchingEventTypes"]) == ["bounce", "complaint"]
    assert "event-bus/default" in str(definition["EventBridgeDestination"]["EventBusArn"])
    [rule] = [rule for rule in aws.of_type("AWS::Events::Rule").values() if "aws.ses" in str(rule.get("EventPattern"))]
    assert rule["EventPattern"]["detail"]["mail"]["tags"]["ses:configuration-set"] == [
        destination["ConfigurationSetName"]
    ]
    assert rule["Targets"][0]["DeadLetterConfig"]


def test_only_functions_that_call_a_provider_read_its_secret(two_providers: Synthesized) -> None:
    readers: dict[str, set[str]] = {}
    for name, function in two_providers.functions().items():
        for statement in two_providers.statements_of(_role(function)):
            if "secretsmanager:GetSecretValue" in _list(statement["Action"]):
                for secret in _list(statement["Resource"]):
                    if "InvoiceLinkKeys" in str(secret):  # see test_invoices.py
                        continue
                    readers.setdefault(_text(secret).rpartition("secret:")[2], set()).add(name)
    assert readers == {
        f"monthclose/{provider}-??????": {
            f"charge_customers:{provider}",
            "act_for_customer",
            "plan_close",
            "compare_part",
            "report_close",
            "settle_payments",
            "compare_books",
            "receive_webhook",
            "apply_webhook",
            "act_for_operator",
            "refund_within_limits",
            "finish_pack",
        }
        for provider in ("gocardless", "stripe")
    }


_SUM_UP = {
    *("charge_customers:stripe", "charge_customers:gocardless", "send_notices", "send_remaining_notices"),
    *("apply_holds", "park_customers", "settle_payments", "review_holds", "apply_webhook", "hear_mail"),
    "act_for_customer",
}
"""Functions that sum up batches and write nothing else into the bucket."""


@pytest.mark.parametrize(
    ("action", "names"),
    [
        ("ses:SendEmail", {*TELL_CUSTOMERS, "finish_pack"}),
        ("states:SendTaskSuccess", {"charge_customers:gocardless", "charge_customers:stripe", "await_approval"}),
        (
            "states:SendTaskFailure",
            {"charge_customers:gocardless", "charge_customers:stripe", "drain_dead_letters", "act_for_operator"},
        ),
        ("states:DescribeExecution", {"open_close", "open_reconcile", "find_owing", "receive_usage", "plan_archive"}),
        (
            "s3:PutObject",
            {
                "plan_close",
                "generate_invoices",
                "judge_rehearsal",
                "plan_comparison",
                "compare_part",
                "report_close",
                "compare_books",
                "drain_dead_letters",
                *_SUM_UP,
                "show_invoice",
                "find_owing",
                "receive_usage",
                "load_usage",
                "finish_usage",
                "act_for_operator",
                "refund_within_limits",
                "settle_payments",
                *("plan_pack", "read_pack_part", "write_pack_table", "finish_pack"),
                *("plan_archive", "archive_part"),
            },
        ),
        (
            "s3:GetObject",
            {
                "open_close",
                "plan_close",
                "generate_invoices",
                "judge_rehearsal",
                "plan_comparison",
                "compare_part",
                "report_close",
                "compare_books",
                "open_reconcile",
                "show_invoice",
                "receive_usage",
                "load_usage",
                "finish_usage",
                "act_for_operator",
                "refund_within_limits",
                "settle_payments",
                *("plan_pack", "read_pack_part", "write_pack_table", "finish_pack"),
                *("plan_archive", "archive_part"),
            },
        ),
        ("states:StartExecution", {"drain_dead_letters"}),
        (
            "sqs:DeleteMessage",
            {
                *("charge_customers:gocardless", "charge_customers:stripe"),
                *("drain_dead_letters", "apply_webhook", "hear_mail", "act_for_operator"),
            },
        ),
        ("ses:GetAccount", {*TELL_CUSTOMERS, "plan_close", "finish_pack"}),
    ],
)
def test_an_action_is_allowed_only_to_the_functions_that_need_it(
    aws: Synthesized, action: str, names: set[str]
) -> None:
    able = {
        name
        for name, function in aws.functions().items()
        for statement in aws.statements_of(_role(function))
        if action in _list(statement["Action"])
    }
    assert able == names


def test_the_reconciler_starts_only_closes_and_imports_and_reads_only_dead_letters(two_providers: Synthesized) -> None:
    drain = two_providers.statements_of(_role(two_providers.functions()["drain_dead_letters"]))
    starts = [arn for s in drain if "states:StartExecution" in _list(s["Action"]) for arn in _list(s["Resource"])]
    machines = two_providers.of_type("AWS::StepFunctions::StateMachine")
    definitions = sorted(json.loads(machines[arn["Ref"]]["DefinitionString"])["StartAt"] for arn in starts)
    assert definitions == ["Open the close", "Read the file"]
    taken = [s["Resource"] for s in drain if "sqs:ReceiveMessage" in _list(s["Action"])]
    queues = {arn["Fn::GetAtt"][0] for resource in taken for arn in _list(resource)}
    assert queues == _dead_letter_queues(two_providers)


@pytest.mark.long
@pytest.mark.parametrize("created", [True, False])
def test_the_mail_identity_is_created_unless_the_company_already_has_it(
    request: pytest.FixtureRequest, tmp_path: Path, created: bool
) -> None:
    synthesized = request.getfixturevalue("aws") if created else synthesize({"mail_identity_created": False}, tmp_path)
    assert bool(synthesized.of_type("AWS::SES::EmailIdentity")) == created
    assert synthesized.of_type("AWS::SES::ConfigurationSet")


def test_the_operators_function_can_be_called_by_nobody_but_who_has_the_right(aws: Synthesized) -> None:
    [function] = [name for name in aws.of_type("AWS::Lambda::Function") if "ActForOperator" in name]
    output = aws.templates[Stack.WORKFLOW]["Outputs"][output_name(Env.OPERATOR_FUNCTION)]
    assert output["Value"] == {"Ref": function}
    named = {json.dumps(p["FunctionName"]) for p in aws.of_type("AWS::Lambda::Permission").values()}
    urls = {json.dumps(u["TargetFunctionArn"]) for u in aws.of_type("AWS::Lambda::Url").values()}
    assert not [text for text in named | urls if function in text]


@pytest.mark.parametrize(
    ("function", "dead_letters"), [("ApplyWebhook", "WebhookDeadLetters"), ("HearMail", "MailDeadLetters")]
)
def test_an_event_that_could_not_be_handled_goes_back_into_its_queue(
    aws: Synthesized, function: str, dead_letters: str
) -> None:
    functions, queues = aws.functions(), aws.of_type("AWS::SQS::Queue")
    drain = aws.statements_of(_role(functions["drain_dead_letters"]))
    sent = [arn for s in drain if "sqs:SendMessage" in _list(s["Action"]) for arn in _list(s["Resource"])]
    consumed = {
        function: mapping["EventSourceArn"]
        for mapping in aws.of_type("AWS::Lambda::EventSourceMapping").values()
        for function in ("ApplyWebhook", "HearMail")
        if function in str(mapping["FunctionName"])
    }
    assert sorted(map(str, sent)) == sorted(map(str, consumed.values()))
    dead = queues[consumed[function]["Fn::GetAtt"][0]]["RedrivePolicy"]["deadLetterTargetArn"]
    [machine] = [
        m
        for m in aws.of_type("AWS::StepFunctions::StateMachine").values()
        if dead_letters in m["DefinitionSubstitutions"]
    ]
    assert machine["DefinitionSubstitutions"][dead_letters] == {"Ref": dead["Fn::GetAtt"][0]}


def test_only_functions_that_put_messages_back_may_go_round(synthesized: Synthesized) -> None:
    allowed = {name.partition(":")[0] for name, f in synthesized.functions().items() if f.get("RecursiveLoop")}
    assert allowed == {"charge_customers", "apply_webhook"}
    assert {f.get("RecursiveLoop", "Allow") for f in synthesized.functions().values()} == {"Allow"}


def test_a_consumer_that_may_send_to_its_own_queue_may_go_round(aws: Synthesized) -> None:
    """Lambda drops what a function sends to its own queue after some 16 turns, unless that is allowed."""
    functions = aws.of_type("AWS::Lambda::Function")
    for mapping in aws.of_type("AWS::Lambda::EventSourceMapping").values():
        function = functions[aws.function_behind(mapping["FunctionName"])]
        for statement in aws.statements_of(_role(function)):
            if "sqs:SendMessage" in _list(statement["Action"]) and mapping["EventSourceArn"] in _list(
                statement["Resource"]
            ):
                assert function["RecursiveLoop"] == "Allow"


def test_every_endless_loop_raises_an_alarm(synthesized: Synthesized) -> None:
    alarms = synthesized.of_type("AWS::CloudWatch::Alarm").values()
    [by_lambda] = [a for a in alarms if a["MetricName"] == "RecursiveInvocationsDropped"]
    assert by_lambda["Namespace"] == "AWS/Lambda"
    assert "Dimensions" not in by_lambda, "of all functions together"
    by_us = {a["Dimensions"][0]["Value"]: a["Threshold"] for a in alarms if a["MetricName"] == WAIT_METRIC}
    assert by_us == {"charge_customers": 8 * 3600, "apply_webhook": 3600}


def _dead_letter_queues(synthesized: Synthesized) -> set[str]:
    queues = synthesized.of_type("AWS::SQS::Queue").values()
    arns = [queue["RedrivePolicy"]["deadLetterTargetArn"] for queue in queues if "RedrivePolicy" in queue]
    rules = synthesized.of_type("AWS::Events::Rule").values()
    arns += [target["DeadLetterConfig"]["Arn"] for rule in rules for target in rule["Targets"]]
    return {arn["Fn::GetAtt"][0] for arn in arns}


def _role(function: dict[str, Any]) -> str:
    name: str = function["Role"]["Fn::GetAtt"][0]
    return name


def _allowed(synthesized: Synthesized) -> list[dict[str, Any]]:
    policies = synthesized.of_type("AWS::IAM::Policy").values()
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Write a value that is joined at deployment with a mark for each part that is not known yet."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(part if isinstance(part, str) else "?" for part in value["Fn::Join"][1])
    return str(value)


def test_tables_are_made_for_the_customers_that_are_expected(aws: Synthesized, tmp_path: Any) -> None:
    def warm(synthesized: Synthesized) -> list[Any]:
        tables = synthesized.of_type("AWS::DynamoDB::Table").values()
        return [table["WarmThroughput"] for table in tables if "WarmThroughput" in table]

    assert warm(aws) == []
    many = synthesize({"expected_customers": 2_000_000}, tmp_path)
    assert warm(many) == [{"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 11_111}]
    (function, *_) = many.functions().values()
    assert function["Environment"]["Variables"]["MONTHCLOSE_GENERATED_PER_SECOND"] == "1111"
