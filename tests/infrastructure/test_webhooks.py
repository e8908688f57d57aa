"""The URL that anybody can reach: public, rate-limited, watched, and allowed next to nothing."""

from typing import Any

from monthclose.names import Env, Stack, output_name
from tests.infrastructure.synthesis import Synthesized


def logical_id(synthesized: Synthesized, handler: str) -> str:
    functions = synthesized.of_type("AWS::Lambda::Function")
    [found] = [name for name, f in functions.items() if f["Handler"] == f"monthclose.handlers.{handler}.handler"]
    return found


def actions_of(synthesized: Synthesized, handler: str) -> set[str]:
    function = synthesized.of_type("AWS::Lambda::Function")[logical_id(synthesized, handler)]
    statements = synthesized.statements_of(function["Role"]["Fn::GetAtt"][0])
    listed: list[Any] = [statement["Action"] for statement in statements]
    return {action for some in listed for action in ([some] if isinstance(some, str) else some)}


def address(synthesized: Synthesized) -> tuple[str, dict[str, Any]]:
    """The receiver's function URL: its logical id and properties."""
    arn = {"Fn::GetAtt": [logical_id(synthesized, "receive_webhook"), "Arn"]}
    urls = synthesized.of_type("AWS::Lambda::Url")
    [found] = [(name, url) for name, url in urls.items() if url["TargetFunctionArn"] == arn]
    return found


def test_anybody_may_call_the_receiver_but_only_through_its_url(synthesized: Synthesized) -> None:
    _, url = address(synthesized)
    assert url["AuthType"] == "NONE"
    assert "Cors" not in url  # nobody's browser has any business there
    permissions = [
        permission
        for permission in synthesized.of_type("AWS::Lambda::Permission").values()
        if permission["FunctionName"] == url["TargetFunctionArn"]
    ]
    # Since October 2025 a function URL needs both, the second one through the address only.
    assert {p["Action"] for p in permissions} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for permission in permissions:
        assert permission["Principal"] == "*"
        assert permission.get("FunctionUrlAuthType") == "NONE" or permission["InvokedViaFunctionUrl"]


def test_the_url_is_an_output_and_known_to_no_function(synthesized: Synthesized) -> None:
    output = synthesized.templates[Stack.WORKFLOW]["Outputs"][output_name(Env.WEBHOOK_URL)]
    assert output["Value"] == {"Fn::GetAtt": [address(synthesized)[0], "FunctionUrl"]}


def test_the_receiver_can_only_read_the_secrets_and_fill_the_queue(aws: Synthesized) -> None:
    actions = {action for action in actions_of(aws, "receive_webhook") if not action.startswith(("xray:", "logs:"))}
    assert actions == {"secretsmanager:GetSecretValue", "sqs:SendMessage"}


def test_the_function_that_applies_events_reads_no_documents_and_writes_only_rows_of_the_register(
    aws: Synthesized,
) -> None:
    actions = actions_of(aws, "apply_webhook")
    services = {action.partition(":")[0] for action in actions}
    assert services == {"dynamodb", "logs", "s3", "secretsmanager", "ses", "sqs", "xray"}
    assert {action for action in actions if action.startswith("s3:")} == {"s3:PutObject"}


def test_a_flood_cannot_take_the_accounts_concurrency(aws: Synthesized) -> None:
    receiver = aws.of_type("AWS::Lambda::Function")[logical_id(aws, "receive_webhook")]
    assert receiver["ReservedConcurrentExecutions"] == 20
    assert receiver["Timeout"] <= 15


def test_lost_refused_and_waiting_webhooks_raise_an_alarm(aws: Synthesized) -> None:
    alarms = aws.of_type("AWS::CloudWatch::Alarm").values()
    receiver = {"Name": "FunctionName", "Value": {"Ref": logical_id(aws, "receive_webhook")}}
    watched = {a["MetricName"]: a["EvaluationPeriods"] for a in alarms if receiver in a.get("Dimensions", [])}
    assert watched.items() >= {"Url5xxCount": 3, "Url4xxCount": 3, "Errors": 3, "Throttles": 3}.items()
    queues = {name for name in aws.of_type("AWS::SQS::Queue") if name.startswith("Webhooks")}
    ages = {
        (alarm["MetricName"], dimension["Value"]["Fn::GetAtt"][0])
        for alarm in alarms
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }
    assert len(queues) == 2
    assert {queue for _, queue in ages} >= queues
