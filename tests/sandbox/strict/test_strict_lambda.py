"""The limits of Lambda that the strict local AWS enforces, through the emulator's own functions."""

import asyncio
import gc
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from ministack.services import lambda_svc, sqs
from ministack.services.cloudformation import provisioners

from sandbox.strict import deployed, lambdas
from sandbox.strict.limits import Limits
from sandbox.strict.recursion import lineage_in, longest
from sandbox.twin import ManualClock

_TAKEN_OVER = (
    "MAX_INVOKE_DEPTH",
    "_acquire_execution_slot",
    "_execute_function_warm",
    "_recursive_loop_drop",
    "_run_sqs_batch",
    "_sqs_esm_concurrency",
    "_throttle_response",
    "_xray_trace_id_for_invocation",
    "handle_request",
)


@pytest.fixture
def limits() -> Limits:
    return Limits()


class Functions:
    """Functions whose code is Python's, in an emulator that is strict."""

    def __init__(self) -> None:
        self.code: dict[str, Callable[[Any], Any]] = {}
        self.traces: list[str] = []

    def deploy(self, code: Callable[[Any], Any], **properties: Any) -> str:
        name = f"function-{uuid4().hex}"
        create = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]["create"]
        create(name, {"FunctionName": name, "Code": {"ZipFile": "pass"}, **properties}, "stack")
        self.code[name] = code
        return name

    def run(self, function: Any, event: Any, _request_id: str) -> dict[str, Any]:
        """Do what MiniStack does in a process."""
        config = function["config"]
        self.traces.append(lambda_svc._xray_trace_id_for_invocation(config))
        body = self.code[config["FunctionName"]](event)
        return body if isinstance(body, dict) and "error" in body else {"body": body}

    def invoke(self, name: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        path = f"/2015-03-31/functions/{name}/invocations"
        status, _headers, answer = asyncio.run(lambda_svc.handle_request("POST", path, headers or {}, body, {}))
        return status, json.loads(answer)

    def execute(self, name: str, event: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = lambda_svc._execute_function(lambda_svc._functions[name], event or {})
        return result


@pytest.fixture
def functions(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    functions = Functions()
    for name in _TAKEN_OVER:
        monkeypatch.setattr(lambda_svc, name, getattr(lambda_svc, name))
    for name in ("handle_request", "_build_send_sys_attrs"):
        monkeypatch.setattr(sqs, name, getattr(sqs, name))
    resource = "AWS::Lambda::Function"
    monkeypatch.setitem(provisioners._RESOURCE_HANDLERS, resource, dict(provisioners._RESOURCE_HANDLERS[resource]))
    monkeypatch.setattr(lambda_svc, "_execute_function_warm", functions.run)
    monkeypatch.setattr(lambda_svc, "_ACCOUNT_CONCURRENCY_CAP", 0)
    monkeypatch.setattr(lambda_svc, "_emit_lambda_logs", lambda *_what, **_options: None)
    lambdas.install(limits)
    yield functions
    for name in functions.code:
        del lambda_svc._functions[name]


def struck(limits: Limits) -> dict[str, int]:
    return {name: times for name, times in limits.counts().items() if times}


class Busy:
    """A function's code that runs until it is let go."""

    def __init__(self, functions: Functions, **properties: Any) -> None:
        self.functions, self.go, self.begun = functions, threading.Event(), threading.Semaphore(0)
        self.name = functions.deploy(self.work, **properties)
        self.threads: list[threading.Thread] = []

    def work(self, _event: Any) -> str:
        self.begun.release()
        assert self.go.wait(20)
        return "done"

    def begin(self) -> None:
        self.threads.append(threading.Thread(target=self.functions.execute, args=[self.name]))
        self.threads[-1].start()
        assert self.begun.acquire(timeout=10)

    def end(self) -> None:
        self.go.set()
        for thread in self.threads:
            thread.join()


def test_a_function_runs_as_often_at_once_as_is_reserved_for_it(functions: Functions, limits: Limits) -> None:
    busy = Busy(functions, ReservedConcurrentExecutions=2)
    busy.begin()
    busy.begin()
    status, body = functions.invoke(busy.name)
    assert (status, body["__type"]) == (429, "TooManyRequestsException")
    assert body["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    result = functions.execute(busy.name)  # as Step Functions and event sources do it
    assert (result["throttle"], result["body"]["errorType"]) == (True, "Lambda.TooManyRequestsException")
    assert struck(limits) == {"lambda.reserved_concurrency": 2}
    busy.end()
    assert functions.invoke(busy.name) == (200, "done")


def test_a_version_shares_its_functions_reserved_concurrency(functions: Functions) -> None:
    busy = Busy(functions, ReservedConcurrentExecutions=1)
    busy.begin()
    config = {**lambda_svc._functions[busy.name]["config"], "Version": "7"}
    assert lambda_svc._execute_function({"config": config}, {})["throttle"]
    busy.end()


def test_all_functions_share_the_accounts_concurrency(functions: Functions, limits: Limits) -> None:
    first, second = Busy(functions), Busy(functions)
    limits.change("lambda.account_concurrency", value=2)
    first.begin()
    second.begin()
    assert functions.invoke(first.name)[1]["Reason"] == "ConcurrentInvocationLimitExceeded"
    first.end()
    second.end()
    assert struck(limits) == {"lambda.account_concurrency": 1}


def test_a_stack_leaves_a_hundred_for_functions_without_a_reservation(functions: Functions) -> None:
    functions.deploy(str, ReservedConcurrentExecutions=900)
    with pytest.raises(ValueError, match="UnreservedConcurrentExecution"):
        functions.deploy(str, ReservedConcurrentExecutions=1)


def test_a_function_is_called_ten_times_a_second_for_each_it_may_run_at_once(limits: Limits) -> None:
    clock = ManualClock()
    concurrency = lambdas.Concurrency(limits, clock)
    config = {"FunctionName": uuid4().hex, "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{uuid4()}"}

    def calls(number: int) -> int:
        passed = 0
        for _ in range(number):
            key, _whose = concurrency.acquire({"concurrency": 2}, config)
            if key:
                lambda_svc._release_execution_slot(key)
                passed += 1
        return passed

    assert calls(30) == 20
    clock.advance(0.5)
    assert calls(30) == 10
    assert struck(limits) == {"lambda.requests_per_concurrency": 30}


def test_a_function_becomes_more_by_a_thousand_in_ten_seconds(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_svc, "_ACCOUNT_CONCURRENCY_CAP", 0)
    limits.change("lambda.account_concurrency", value=5000)
    clock = ManualClock()
    concurrency = lambdas.Concurrency(limits, clock)
    config = {"FunctionName": uuid4().hex, "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{uuid4()}"}

    def more(number: int) -> list[str]:
        return [key for key, _whose in (concurrency.acquire({}, config) for _ in range(number)) if key]

    running = more(1200)
    assert len(running) == 1000
    clock.advance(1)
    running += more(1200)
    assert len(running) == 1100
    for key in running:
        lambda_svc._release_execution_slot(key)
    running = more(1200)
    assert len(running) == 1100  # as many as there have been
    for key in running:
        lambda_svc._release_execution_slot(key)


def test_payloads_have_limits(functions: Functions, limits: Limits) -> None:
    name = functions.deploy(lambda event: "x" * event.get("answer", 1))
    large = json.dumps({"text": "x" * 6_291_456}).encode()
    assert functions.invoke(name, large)[1]["__type"] == "RequestTooLargeException"
    asynchronous = {"x-amz-invocation-type": "Event"}
    assert functions.invoke(name, large[:1_048_577], asynchronous)[1]["__type"] == "RequestTooLargeException"
    assert functions.invoke(name, large[:-100] + b'"}')[0] == 200
    _status, answer = functions.invoke(name, b'{"answer": 6291557}')
    assert answer["errorType"] == "Function.ResponseSizeTooLarge"
    assert struck(limits) == {
        "lambda.request_payload": 1,
        "lambda.asynchronous_payload": 1,
        "lambda.response_payload": 1,
    }


@pytest.mark.parametrize("message", ["Worker process died", "Worker process exited immediately. stderr: "])
def test_a_process_that_ends_has_lambdas_name_for_it(functions: Functions, message: str) -> None:
    died = {"error": True, "body": {"errorMessage": message, "errorType": "RuntimeError"}}
    assert functions.execute(functions.deploy(lambda _event: died))["body"]["errorType"] == "Runtime.ExitError"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("code", "error"),
    [("import time; time.sleep(60)", "Sandbox.Timedout"), ("import os; os._exit(3)", "Runtime.ExitError")],
)
def test_a_function_that_takes_too_long_or_ends_its_process_is_ended_with_lambdas_name_for_it(
    limits: Limits, code: str, error: str
) -> None:
    name = f"function-{uuid4().hex}"
    source = f"def handler(event, context):\n    {code}\n"
    create = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]["create"]
    create(name, {"FunctionName": name, "Code": {"ZipFile": source}, "Runtime": "python3.13", "Timeout": 2}, "stack")
    execute = lambdas.Sizes(limits).answered(lambda_svc._execute_function_warm)
    result = execute(lambda_svc._functions.pop(name), {}, "request-1")
    lambda_svc.invalidate_worker(name)
    gc.collect()  # MiniStack doesn't close the pipes of a process that has ended
    assert (result["error"], result["body"]["errorType"]) == (True, error)


class Loop:
    """A function that sends each message back to the queue that it came from."""

    def __init__(self, functions: Functions, **properties: Any) -> None:
        self.functions = functions
        self.dead_letters = self._queue()
        arn = sqs._queues[self.dead_letters]["attributes"]["QueueArn"]
        self.queue = self._queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5}))
        self.name = functions.deploy(self.work, **properties)
        self.turns = 0

    def _queue(self, **attributes: str) -> str:
        url: str = sqs._act_create_queue({"QueueName": uuid4().hex, "Attributes": attributes}, "")["QueueUrl"]
        return url

    def work(self, event: Any) -> None:
        for record in event["Records"]:
            self.send(record["body"], self.functions.traces[-1])
        self.turns += 1

    def send(self, body: str, trace: str = "") -> None:
        """Send as botocore does in a function: with the invocation's trace header."""
        headers = {"x-amz-target": "AmazonSQS.SendMessage", "x-amzn-trace-id": trace}
        data = json.dumps({"QueueUrl": self.queue, "MessageBody": body}).encode()
        status, _headers, _body = asyncio.run(sqs.handle_request("POST", "/", headers, data, {}))
        assert status == 200

    def turn(self) -> None:
        """Let the event source pick up what is there, as MiniStack's poller does."""
        batch = sqs._receive_messages_for_esm(self.queue, 10)
        records = [{"messageId": message["id"], "body": message["body"]} for message in batch]
        source = {"UUID": "source", "FunctionName": self.name}
        function = lambda_svc._functions[self.name]
        lambda_svc._run_sqs_batch(source, function, {"Records": records}, batch, self.queue, "queue")

    def left(self, url: str) -> list[str]:
        return [message["body"] for message in sqs._queues[url]["messages"]]


def test_a_function_that_sends_to_its_own_queue_is_stopped_after_sixteen_turns(
    functions: Functions, limits: Limits
) -> None:
    loop = Loop(functions)
    loop.send("again")
    for _ in range(20):
        loop.turn()
    assert loop.turns == 16
    assert (loop.left(loop.queue), loop.left(loop.dead_letters)) == ([], ["again"])
    assert struck(limits) == {"lambda.recursion": 1}


def test_a_new_message_in_the_same_batch_is_not_stopped(functions: Functions) -> None:
    loop = Loop(functions)
    loop.send("old")
    for _ in range(16):
        loop.turn()
    loop.send("new")
    loop.turn()
    assert (loop.left(loop.queue), loop.left(loop.dead_letters)) == (["new"], ["old"])


def test_a_function_that_may_loop_is_not_stopped(functions: Functions, limits: Limits) -> None:
    loop = Loop(functions, RecursiveLoop="Allow")
    loop.send("again")
    for _ in range(20):
        loop.turn()
    assert (loop.turns, loop.left(loop.dead_letters)) == (20, [])
    assert struck(limits) == {}


def test_an_update_of_the_stack_changes_whether_it_may(functions: Functions) -> None:
    loop = Loop(functions)
    keep = lambdas.keep_settings(Limits())
    keep(loop.name, {"RecursiveLoop": "Allow"})
    assert json.loads(lambda_svc._get_function_recursion_config(loop.name)[2]) == {"RecursiveLoop": "Allow"}
    keep(loop.name, {})
    assert json.loads(lambda_svc._get_function_recursion_config(loop.name)[2]) == {"RecursiveLoop": "Terminate"}


def test_functions_that_invoke_each_other_are_stopped(functions: Functions, limits: Limits) -> None:
    name = functions.deploy(lambda _event: "done")
    depth = lambda_svc._INVOKE_DEPTH_HEADER
    assert functions.invoke(name, headers={depth: "15"}) == (200, "done")
    assert functions.invoke(name, headers={depth: "16"})[1]["__type"] == "RecursiveInvocationException"
    limits.change("lambda.recursion", on=False)
    assert functions.invoke(name, headers={depth: "16"}) == (200, "done")


def test_a_lineage_is_read_from_a_trace_header() -> None:
    assert lineage_in("Root=1-a-b;Parent=c;Sampled=0;Lineage=a87bd80c:1|68fd508a:5") == {"a87bd80c": 1, "68fd508a": 5}
    assert lineage_in("Root=1-a-b;Parent=c") == lineage_in("") == {}
    assert longest([{"a": 1, "b": 5}, {"a": 2}]) == {"a": 2, "b": 5}


class Source:
    """An event source with a queue of waiting messages, some of which are being processed."""

    def __init__(self, limits: Limits, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self._pollers, self._patch = lambdas.Pollers(limits, clock), monkeypatch
        self._source = {"UUID": uuid4().hex, **options}

    def at_once(self, running: int) -> int:
        self._patch.setitem(lambda_svc._esm_inflight, self._source["UUID"], running)
        return self._pollers.at_once(self._source, {"concurrency": 1}, {}, {"messages": [{"visible_at": 0}]})


def test_an_event_source_begins_with_five_batches_and_adds_300_a_minute(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    source = Source(limits, clock, monkeypatch)
    assert source.at_once(0) == 5
    assert [source.at_once(5), source.at_once(5)] == [5, 5]
    assert struck(limits) == {"sqs.pollers_at_start": 1}
    clock.advance(30)
    assert source.at_once(5) == 155
    clock.advance(600)
    assert source.at_once(155) == 1000
    clock.advance(59)
    assert source.at_once(0) == 1000
    clock.advance(2)
    assert source.at_once(0) == 5


def test_an_event_source_has_no_more_batches_than_its_maximum_and_knows_of_no_reservation(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    source = Source(limits, clock, monkeypatch, ScalingConfig={"MaximumConcurrency": 3})
    assert source.at_once(0) == 3
    limits.change("sqs.pollers_at_start", on=False)
    assert source.at_once(0) == 3


def test_what_a_stack_says_of_a_resource_is_noted_when_it_is_created_and_updated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers: dict[str, Callable[..., Any]] = {
        "create": lambda *_what: ("id", {}),
        "update": lambda *_what, **_: ("id-2", {}),
    }
    monkeypatch.setitem(provisioners._RESOURCE_HANDLERS, "Test::Thing", handlers)
    kept: list[tuple[str, Any]] = []
    deployed.after_deploying("Test::Thing", lambda physical_id, properties: kept.append((physical_id, properties)))
    handlers["create"]("logical", {"a": 1}, "stack")
    handlers["update"]("id", {"a": 1}, {"a": 2}, "stack", logical_id="logical")
    assert kept == [("id", {"a": 1}), ("id-2", {"a": 2})]
