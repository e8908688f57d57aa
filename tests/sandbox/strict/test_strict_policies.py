"""Calls that the deployed policies do not allow are refused as AWS refuses them, and counted."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.services import cloudwatch, dynamodb, iam, kms, lambda_svc, sns, stepfunctions

from sandbox.strict.limits import Limits
from sandbox.strict.policies import services
from sandbox.strict.policies.court import IDENTITY, RESOURCE, Call, Court, keep_table_policy
from sandbox.strict.policies.evaluator import Evaluator
from sandbox.strict.policies.record import CallRecord
from sandbox.strict.policies.requests import (
    Request,
    identity_of,
    leading_keys,
    mail_resources,
    more_context,
    permissions,
    person,
)
from sandbox.strict.policies.services import (
    AlarmActions,
    EventSources,
    StateMachines,
    Workers,
    rule_may_call,
    session,
    task_calls,
)

ACCOUNT, REGION = "000000000000", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Machine"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Machine/StepFunctions"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:close"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:plan"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:stripe"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator() as started:
        yield started


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def court(evaluator: Evaluator, limits: Limits) -> Court:
    return Court(limits, evaluator)


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give the role one policy."""

    def give(actions: list[str], resource: str = "*") -> None:
        statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        monkeypatch.setitem(iam._roles, "Machine", {"InlinePolicies": {"own": document}})

    return give


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_a_refused_call_is_counted_and_says_who_was_refused_what_and_why(court: Court, limits: Limits) -> None:
    call = Call(SESSION, "sqs:SendMessage", QUEUE, {})
    refusal = court.judge(call)
    assert refusal
    assert refusal.message == (
        f"User: {SESSION} is not authorized to perform: sqs:SendMessage on resource: {QUEUE} "
        "because no identity-based policy allows the sqs:SendMessage action"
    )
    assert court.judge(call) == refusal
    assert limits.counts()[IDENTITY] == 2
    [listed] = court.refused()
    assert (listed["principal"], listed["action"], listed["resource"], listed["times"]) == (
        SESSION,
        "sqs:SendMessage",
        QUEUE,
        2,
    )


def test_policies_that_are_switched_off_refuse_nothing(court: Court, limits: Limits) -> None:
    limits.change(IDENTITY, on=False)
    assert court.judge(Call(SESSION, "sqs:SendMessage", QUEUE, {})) is None
    assert not court.refused()


def test_inline_and_managed_policies_both_count(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    managed = f"arn:aws:iam::{ACCOUNT}:policy/Sends"
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}
    versions = {"v1": {"Document": {"Version": "2012-10-17", "Statement": [statement]}}}
    monkeypatch.setitem(iam._roles, "Machine", {"InlinePolicies": {}, "AttachedPolicies": [managed]})
    assert court.judge(Call(SESSION, "sqs:SendMessage", QUEUE, {})) is not None
    monkeypatch.setitem(iam._policies, managed, {"DefaultVersionId": "v1", "Versions": versions})
    assert court.judge(Call(SESSION, "sqs:SendMessage", QUEUE, {})) is None


def test_a_call_that_cannot_be_judged_is_refused(court: Court, allow: Callable[..., None]) -> None:
    allow(["sqs:SendMessage"])
    refusal = court.judge(Call(SESSION, "sqs:NoSuchAction", QUEUE, {}))
    assert refusal
    assert "cannot be judged" in refusal.why


@pytest.mark.parametrize(
    ("resource", "arguments", "calls"),
    [
        ("arn:aws:states:::lambda:invoke", {"FunctionName": FUNCTION}, [("lambda:InvokeFunction", FUNCTION)]),
        ("arn:aws:states:::lambda:invoke", {"FunctionName": "plan"}, [("lambda:InvokeFunction", FUNCTION)]),
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            {"QueueUrl": f"http://127.0.0.1/{ACCOUNT}/stripe"},
            [("sqs:SendMessage", QUEUE)],
        ),
        (
            "arn:aws:states:::events:putEvents",
            {"Entries": [{}]},
            [("events:PutEvents", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default")],
        ),
        (
            "arn:aws:states:::aws-sdk:sfn:listExecutions",
            {"StateMachineArn": MACHINE},
            [("states:ListExecutions", MACHINE)],
        ),
        (
            "arn:aws:states:::aws-sdk:s3:getObject",
            {"Bucket": "documents", "Key": "a/b"},
            [("s3:GetObject", "arn:aws:s3:::documents/a/b")],
        ),
    ],
)
def test_a_task_needs_the_permission_for_what_it_calls(
    resource: str, arguments: dict[str, Any], calls: list[tuple[str, str]]
) -> None:
    assert task_calls(resource, arguments) == calls


def test_a_task_whose_permissions_are_not_known_is_an_error_and_not_allowed() -> None:
    with pytest.raises(NotImplementedError, match="batch:submitJob"):
        task_calls("arn:aws:states:::batch:submitJob", {})


@pytest.fixture
def run_task(court: Court, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Run a state machine's task that calls a function, on the emulator with the policies in force."""
    for name in (
        "_execute_task",
        "_invoke_resource",
        "_invoke_with_callback",
        "_run_distributed_map",
        "_read_map_items",
    ):
        monkeypatch.setattr(stepfunctions, name, getattr(stepfunctions, name))
    monkeypatch.setattr(stepfunctions, "_call_lambda", lambda _ref, event: {"seen": event})
    monkeypatch.setattr(stepfunctions, "_resolve_lambda_function_ref", lambda ref, **_: ref)
    monkeypatch.setitem(stepfunctions._state_machines, MACHINE, {"roleArn": ROLE})
    StateMachines(court).take_over()
    execution = {"stateMachineArn": f"{MACHINE}/child", "executionArn": "arn:execution", "events": []}
    state = {**TASK, "Parameters": {"FunctionName": FUNCTION, "Payload": {"batch": 1}}}
    return lambda: stepfunctions._execute_task(state, {}, execution, {"State": {}})


def test_a_state_machine_calls_only_functions_that_its_role_may_call(
    run_task: Callable[[], Any], allow: Callable[..., None]
) -> None:
    allow(["lambda:InvokeFunction"], "arn:aws:lambda:*:*:function:another")
    with pytest.raises(stepfunctions._ExecutionError) as failed:
        run_task()
    assert failed.value.error == "Lambda.AWSLambdaException"
    assert "is not authorized to perform: lambda:InvokeFunction" in failed.value.cause
    allow(["lambda:InvokeFunction"], FUNCTION)
    output, _ = run_task()
    assert output["Payload"] == {"seen": {"batch": 1}}


def test_a_rule_starts_only_what_its_role_may_start(court: Court, allow: Callable[..., None]) -> None:
    target = {"Arn": MACHINE, "RoleArn": ROLE}
    allow(["states:StartExecution"], f"{MACHINE}s")
    assert not rule_may_call(court, target, {})
    allow(["states:StartExecution"], MACHINE)
    assert rule_may_call(court, target, {})


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An encrypted topic, with the policies that are set on it and on its key."""
    attributes = {"Policy": "", "KmsMasterKeyId": "alarms-key"}
    monkeypatch.setitem(sns._topics, TOPIC, {"arn": TOPIC, "attributes": attributes})
    return attributes


@pytest.fixture
def alarm(court: Court, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Raise an alarm, and list the topics that it reached."""
    reached: list[str] = []
    monkeypatch.setattr(sns, "_fanout", lambda arn, *_: reached.append(arn))
    monkeypatch.setattr(cloudwatch, "_dispatch_alarm_actions", cloudwatch._dispatch_alarm_actions)
    AlarmActions(court).take_over()
    raised = {
        "AlarmName": "late",
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:late",
        "AlarmActions": [TOPIC],
    }

    def go_off() -> list[str]:
        reached.clear()
        cloudwatch._dispatch_alarm_actions(raised, "OK", "ALARM", "late")
        return list(reached)

    return go_off


def test_an_alarm_reaches_a_topic_only_if_topic_and_key_let_cloudwatch_in(
    alarm: Callable[[], list[str]], topic: dict[str, str], limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    everybody, service = {"AWS": "*"}, {"Service": "cloudwatch.amazonaws.com"}
    deny = {"Effect": "Deny", "Principal": everybody, "Action": "sns:Publish", "Resource": TOPIC, "Condition": insecure}
    ours = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    publish = {"Effect": "Allow", "Principal": service, "Action": "sns:Publish", "Resource": TOPIC, "Condition": ours}
    use = {"Effect": "Allow", "Principal": service, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}
    key = {"KeyId": "alarms-key", "Policy": policy(use)}
    monkeypatch.setattr(kms, "_resolve_key", lambda _: key)

    topic["Policy"] = policy(deny)
    assert alarm() == []
    assert limits.counts()[RESOURCE] == 1
    topic["Policy"] = policy(deny, publish)
    assert alarm() == [TOPIC]
    key["Policy"] = policy({**use, "Action": ["kms:Decrypt"]})
    assert alarm() == []


def test_a_queue_is_drained_only_by_a_function_whose_role_may(
    court: Court, allow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = (ACCOUNT, REGION, {"EventSourceArn": QUEUE, "FunctionName": "charge"})
    monkeypatch.setattr(lambda_svc, "_iter_all_esms", lambda: iter([mapping]))
    monkeypatch.setitem(lambda_svc._functions, "charge", {"config": {"Role": ROLE}})
    EventSources(court).take_over()
    allow(["sqs:ReceiveMessage", "sqs:DeleteMessage"])
    assert list(lambda_svc._iter_all_esms()) == []
    allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])
    assert list(lambda_svc._iter_all_esms()) == [mapping]


def test_a_function_without_the_right_to_write_its_log_is_counted(court: Court, limits: Limits) -> None:
    Workers(court).started({"Role": ROLE, "FunctionName": "plan", "TracingConfig": {"Mode": "Active"}})
    assert limits.counts()[IDENTITY] == 4
    assert {refused["action"] for refused in court.refused()} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }


def test_a_service_is_not_let_in_by_a_condition_on_another_account(court: Court, topic: dict[str, str]) -> None:
    other = {"StringEquals": {"aws:SourceAccount": "111111111111"}}
    service = {"Service": "events.amazonaws.com"}
    topic["Policy"] = policy(
        {"Effect": "Allow", "Principal": service, "Action": "sns:Publish", "Resource": TOPIC, "Condition": other}
    )
    assert not services.service_may(court, "events.amazonaws.com", "sns:Publish", TOPIC, "arn:rule")


def test_a_write_of_an_object_says_whether_it_must_be_new() -> None:
    assert more_context("s3:PutObject", Request({"if-none-match": "*"})) == {
        "s3:ObjectCreationOperation": "true",
        "s3:if-none-match": "*",
    }
    part = Request(query={"uploadId": ["1"], "partNumber": ["1"]})
    assert more_context("s3:PutObject", part) == {"s3:ObjectCreationOperation": "false"}


def test_mail_is_judged_on_the_senders_identity_and_the_configuration_set() -> None:
    data = {
        "FromEmailAddress": "Example <billing@example.com>",
        "Destination": {"ToAddresses": ["somebody@customers.example"]},
        "ConfigurationSetName": "mails",
    }
    prefix = f"arn:aws:ses:{REGION}:{ACCOUNT}"
    assert mail_resources(data) == [f"{prefix}:identity/billing@example.com", f"{prefix}:configuration-set/mails"]
    assert identity_of("somebody@customers.example", known=True) == ""


def test_the_partition_keys_of_a_request_are_found() -> None:
    assert leading_keys({"Key": {"customer_id": {"S": "c-1"}, "sk": {"S": "x"}}}) == {"dynamodb:LeadingKeys": ["c-1"]}


def test_a_persons_call_is_named_after_the_command() -> None:
    assert person({"user-agent": "Botocore/1.42 app/monthclose-status md/x"}) == "person:monthclose-status"
    assert person({}) == "person:"


def test_each_different_call_is_written_down_once(tmp_path: Path) -> None:
    record = CallRecord(tmp_path / "calls")
    for name in ("one", "two"):
        record(session(ROLE, name), "s3:GetObject", f"arn:aws:s3:::documents/invoices/2026-10/{name}")
        record(
            session(ROLE, name), "states:DescribeExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:execution:close:{name}"
        )
    lines = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert lines == [
        ["Machine", "s3:GetObject", "arn:aws:s3:::documents/invoices/*"],
        ["Machine", "states:DescribeExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:execution:close:*"],
    ]


def test_a_tables_own_policy_is_judged_for_its_indexes_too(
    court: Court, allow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "_resource_policies", {})
    own = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Resource": "*", "Action": "dynamodb:PartiQLInsert"}
    own["Condition"] = {"ForAnyValue:StringNotEquals": {"dynamodb:LeadingKeys": "${aws:userid}"}}
    query = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Resource": "*", "Action": "dynamodb:Query"}
    document = {"Version": "2012-10-17", "Statement": [own, query]}
    keep_table_policy("trail", {"ResourcePolicy": {"PolicyDocument": document}})
    keep_table_policy("books", {})
    allow(["dynamodb:*"])
    trail, books = (f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}" for name in ("trail", "books"))

    def refused(action: str, resource: str, key: str = "") -> str | None:
        context = {"aws:userid": "AROA:me", "dynamodb:LeadingKeys": [key]}
        refusal = court.judge(Call(SESSION, action, resource, context))
        return refusal.limit if refusal else None

    assert refused("dynamodb:PartiQLInsert", trail, "AROA:me") is None
    assert refused("dynamodb:PartiQLInsert", trail, "AROA:other") == RESOURCE
    assert refused("dynamodb:Query", f"{trail}/index/acts") == RESOURCE
    assert refused("dynamodb:Query", books) is None


def test_an_insert_by_statement_needs_the_permission_to_insert_and_names_its_key() -> None:
    statement = "INSERT INTO \"trail\" VALUE {'identity': ?, 'number': ?}"
    body = {"Statement": statement, "Parameters": [{"S": "AROA:me"}, {"S": "1"}]}
    request = Request(body=json.dumps(body).encode())
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/trail"
    assert permissions("dynamodb:ExecuteStatement", "*", request) == [("dynamodb:PartiQLInsert", table)]
    assert more_context("dynamodb:ExecuteStatement", request) == {"dynamodb:LeadingKeys": ["AROA:me"]}
    other = Request(body=json.dumps({"Statement": 'DELETE FROM "trail"'}).encode())
    with pytest.raises(NotImplementedError, match="does not know which permissions"):
        permissions("dynamodb:ExecuteStatement", "*", other)


def test_a_batch_of_statements_needs_what_each_of_them_needs() -> None:
    said = (
        "INSERT INTO \"packs\" VALUE {'pk': ?}",
        'UPDATE "packs" SET "r"=? WHERE "pk"=?',
        'INSERT INTO "a" VALUE {}',
    )
    request = Request(body=json.dumps({"Statements": [{"Statement": each} for each in said]}).encode())
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
    needed = [("PartiQLInsert", "a"), ("PartiQLInsert", "packs"), ("PartiQLUpdate", "packs")]
    assert permissions("dynamodb:BatchExecuteStatement", "*", request) == [
        (f"dynamodb:{action}", f"{table}{name}") for action, name in needed
    ]
