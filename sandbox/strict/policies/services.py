"""Judges the calls that the emulator's services make to each other without a request: the emulator never asks there.

A state machine calls with its role, an event source mapping with its function's, a rule with its target's role or as
the service, an alarm as the service.
"""

import copy
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, lambda_svc, sns, sqs, stepfunctions

from sandbox.strict.policies.court import Call, Court, Refusal

_DENIED = {
    "lambda": "Lambda.AWSLambdaException",
    "sqs": "SQS.AmazonSQSException",
    "sns": "SNS.AmazonSNSException",
    "events": "EventBridge.AccessDeniedException",
    "states": "StepFunctions.AccessDeniedException",
}
"""How a task fails that may not call a service, by the service in the action; other services' names are the SDK's."""
_SDK = {"sfn": "states", "eventbridge": "events"}
"""The names that AWS SDK integrations have for services, where IAM has another."""
_READ_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What Lambda needs to drain a queue (Lambda's guide, "Using Lambda with Amazon SQS")."""


def session(role_arn: str, name: str) -> str:
    """Name a service's session of a role. All executions share one: decisions don't depend on it."""
    return f"arn:aws:sts::{get_account_id()}:assumed-role/{role_arn.rpartition('/')[2]}/{name}"


def function_arn(name: str) -> str:
    """Complete a function's name to its ARN."""
    return name if name.startswith("arn:") else f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"


def queue_arn(url: str) -> str:
    """Return a queue's ARN."""
    return f"arn:aws:sqs:{get_region()}:{get_account_id()}:{url.rpartition('/')[2]}"


def task_calls(resource: str, arguments: Any) -> list[tuple[str, str]]:
    """List the actions, and what on, that a state machine's task stands for.

    Raises
    ------
    NotImplementedError
        It is not known what the task calls: write it down here.
    """
    integration = resource.removeprefix("arn:aws:states:::").partition(".")[0]
    if integration.startswith("aws-sdk:"):
        return [_sdk_call(integration, arguments)]
    if resource.startswith("arn:aws:lambda:"):
        return [("lambda:InvokeFunction", resource)]
    calls = _INTEGRATIONS.get(integration)
    if calls is None:
        raise NotImplementedError(f"the strict local AWS does not know which permissions {resource} needs")
    action, targets = calls
    return [(action, target) for target in targets(arguments)]


def _buses(arguments: dict[str, Any]) -> list[str]:
    names = {entry.get("EventBusName", "default") for entry in arguments.get("Entries", [])}
    return [f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{name}" for name in sorted(names)]


_INTEGRATIONS: dict[str, tuple[str, Callable[[dict[str, Any]], list[str]]]] = {
    "lambda:invoke": ("lambda:InvokeFunction", lambda arguments: [function_arn(arguments["FunctionName"])]),
    "sqs:sendMessage": ("sqs:SendMessage", lambda arguments: [queue_arn(arguments["QueueUrl"])]),
    "sns:publish": ("sns:Publish", lambda arguments: [arguments["TopicArn"]]),
    "states:startExecution": ("states:StartExecution", lambda arguments: [arguments["StateMachineArn"]]),
    "events:putEvents": ("events:PutEvents", _buses),
}
"""By a task's integration, the action that it needs, and what it needs it on."""


def _sdk_call(integration: str, arguments: dict[str, Any]) -> tuple[str, str]:
    _, service, operation = integration.split(":")
    action = f"{_SDK.get(service, service)}:{operation[0].upper()}{operation[1:]}"
    if service == "s3":
        return action, "/".join(filter(None, [f"arn:aws:s3:::{arguments['Bucket']}", arguments.get("Key")]))
    if service == "dynamodb":
        return action, f"arn:aws:dynamodb:{get_region()}:{get_account_id()}:table/{arguments['TableName']}"
    named = [value for key, value in arguments.items() if key.lower().endswith("arn")]
    return action, named[0] if named else "*"


def denied(refusal: Refusal, error: str = "") -> Exception:
    """Fail a task as Step Functions does when it may not make a call."""
    service = refusal.action.partition(":")[0]
    name = error or _DENIED.get(service, f"{service.title()}.AccessDeniedException")
    cause = f"{refusal.message} (Status Code: 403; Error Code: AccessDeniedException)"
    failure: Exception = stepfunctions._ExecutionError(name, cause)
    return failure


class StateMachines:
    """Judges what state machines call, read and start."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._execution: ContextVar[dict[str, Any]] = ContextVar("execution")
        self._task, self._invoke = stepfunctions._execute_task, stepfunctions._invoke_resource
        self._callback, self._map = stepfunctions._invoke_with_callback, stepfunctions._run_distributed_map
        self._read = stepfunctions._read_map_items

    def take_over(self) -> None:
        """Put it into MiniStack."""
        stepfunctions._execute_task = self._run_task
        stepfunctions._invoke_resource = self._judged(self._invoke)
        stepfunctions._invoke_with_callback = self._judged(self._callback)
        stepfunctions._run_distributed_map = self._run_map
        stepfunctions._read_map_items = self._read_items

    def _run_task(self, state: Any, raw_input: Any, execution: Any, ctx: Any) -> Any:
        token = self._execution.set(execution)
        try:
            return self._task(state, raw_input, execution, ctx)
        finally:
            self._execution.reset(token)

    def _judged(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(resource: str, arguments: Any, *rest: Any) -> Any:
            for action, target in task_calls(resource, arguments):
                self._require(self._execution.get(), action, target)
            return original(resource, arguments, *rest)

        return call

    def _run_map(self, state: Any, raw_input: Any, effective: Any, iterator: Any, execution: Any, ctx: Any) -> Any:
        token = self._execution.set(execution)
        try:
            self._require(execution, "states:StartExecution", machine_of(execution))
            if "ResultWriter" in state:
                writer = state["ResultWriter"]
                written = stepfunctions._resolve_params_obj(
                    writer.get("Parameters") or writer.get("Arguments") or {}, effective, ctx
                )
                if "Bucket" in written:
                    target = f"arn:aws:s3:::{written['Bucket']}/{written.get('Prefix', '').rstrip('/')}/manifest.json"
                    self._require(execution, "s3:PutObject", target, "States.ResultWriterFailed")
            return self._map(state, raw_input, effective, iterator, execution, ctx)
        finally:
            self._execution.reset(token)

    def _read_items(self, reader: dict[str, Any], effective: Any, ctx: Any) -> Any:
        given = reader.get("Parameters") or reader.get("Arguments") or {}
        found = stepfunctions._resolve_params_obj(given, effective, ctx)
        arn = "/".join(filter(None, [f"arn:aws:s3:::{found['Bucket']}", found.get("Key")]))
        action = "s3:GetObject" if found.get("Key") else "s3:ListBucket"
        self._require(self._execution.get(), action, arn, "States.ItemReaderFailed")
        return self._read(reader, effective, ctx)

    def _require(self, execution: dict[str, Any], action: str, target: str, error: str = "") -> None:
        machine = stepfunctions._state_machines.get(machine_of(execution)) or {}
        caller = session(machine.get("roleArn", ""), "StepFunctions")
        refusal = self._court.judge(Call(caller, action, target, {}))
        if refusal:
            raise denied(refusal, error)


def machine_of(execution: dict[str, Any]) -> str:
    """Return the state machine of an execution; of a Map's child, the one whose Map started it."""
    parts = execution["stateMachineArn"].split(":")
    return ":".join([*parts[:6], parts[6].partition("/")[0]])


class Rules:
    """Judges what rules send their events to."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._original = eventbridge._invoke_target

    def take_over(self) -> None:
        """Put it into MiniStack."""
        eventbridge._invoke_target = self._invoke

    def _invoke(self, target: dict[str, Any], event: Any, rule: Any, *rest: Any) -> Any:
        if rule_may_call(self._court, target, rule):
            return self._original(target, event, rule, *rest)
        return None


_TARGETS = {
    "states": "states:StartExecution",
    "lambda": "lambda:InvokeFunction",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
}


def rule_may_call(court: Court, target: dict[str, Any], rule: Any) -> bool:
    """Whether a rule may call its target: with the target's role, or as the service by the resource's policy."""
    arn = target.get("Arn", "")
    action = _TARGETS.get(arn.split(":")[2] if arn.count(":") > 1 else "")
    if action is None:
        return True
    if target.get("RoleArn"):
        return court.judge(Call(session(target["RoleArn"], "Events"), action, arn, {})) is None
    source = rule.get("Arn", "") if isinstance(rule, dict) else ""
    return service_may(court, "events.amazonaws.com", action, arn, source)


def service_may(court: Court, service: str, action: str, arn: str, source_arn: str) -> bool:
    """Whether a resource's policy lets an AWS service do something for a resource of this account.

    A topic that is encrypted with a KMS key asks the key's policy, too.
    """
    context = {"aws:SourceAccount": get_account_id(), "aws:SourceArn": source_arn}
    if court.judge(Call(service, action, arn, context)):
        return False
    key = key_of(arn)
    uses = ("kms:Decrypt", "kms:GenerateDataKey") if key else ()
    via = {**context, "kms:ViaService": f"{arn.split(':')[2]}.{get_region()}.amazonaws.com"}
    return all(court.judge(Call(service, use, key, via)) is None for use in uses)


def key_of(arn: str) -> str:
    """Return the ARN of the KMS key that a topic or queue is encrypted with; empty if there is none of our own."""
    if ":sns:" in arn:
        attributes = (sns._topics.get(arn) or {}).get("attributes", {})
    else:
        attributes = (sqs._queue_by_arn(arn) or {}).get("attributes", {})
    key = attributes.get("KmsMasterKeyId", "")
    if not key or key.startswith(("alias/aws/", "arn:aws:kms")):
        return "" if key.startswith("alias/aws/") else str(key)
    return f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{key}"


class AlarmActions:
    """Judges what alarms publish: a topic's policy must let CloudWatch in."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._original = cloudwatch._dispatch_alarm_actions

    def take_over(self) -> None:
        """Put it into MiniStack."""
        cloudwatch._dispatch_alarm_actions = self._dispatch

    def _dispatch(self, alarm: dict[str, Any], *rest: Any) -> Any:
        allowed = copy.copy(alarm)
        for field in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            allowed[field] = [arn for arn in alarm.get(field) or [] if self._may_publish(alarm, arn)]
        return self._original(allowed, *rest)

    def _may_publish(self, alarm: dict[str, Any], arn: str) -> bool:
        source = alarm.get("AlarmArn", "")
        return ":sns:" not in arn or service_may(self._court, "cloudwatch.amazonaws.com", "sns:Publish", arn, source)


class EventSources:
    """Lets Lambda drain a queue only if the function's role may."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._original = lambda_svc._iter_all_esms

    def take_over(self) -> None:
        """Put it into MiniStack."""
        lambda_svc._iter_all_esms = self._allowed

    def _allowed(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for account, region, mapping in self._original():
            source = mapping.get("EventSourceArn", "")
            role = role_of_function(mapping.get("FunctionName", ""))
            calls = [Call(session(role, "Lambda"), action, source, {}) for action in _READ_QUEUE]
            if ":sqs:" not in source or not role or all(self._court.judge(call) is None for call in calls):
                yield account, region, mapping


class Workers:
    """Judges what Lambda does with a function's role when it starts one: it writes the log, and traces."""

    def __init__(self, court: Court) -> None:
        self._court = court

    def started(self, config: dict[str, Any]) -> None:
        """Judge the calls of a new worker. Without the permission the function runs on, and its log is lost."""
        caller = session(config.get("Role", ""), config.get("FunctionName", ""))
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
        stream = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:worker"
        calls = [("logs:CreateLogStream", stream), ("logs:PutLogEvents", stream)]
        if (config.get("TracingConfig") or {}).get("Mode") == "Active":
            calls += [("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")]
        for action, resource in calls:
            self._court.judge(Call(caller, action, resource, {}))


def role_of_function(name: str) -> str:
    """Return the ARN of a function's role; empty if there is no such function."""
    record = lambda_svc._functions.get(name.rpartition(":function:")[2].partition(":")[0] or name) or {}
    return str(record.get("config", {}).get("Role", ""))
