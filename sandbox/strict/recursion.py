"""Lambda's detection of recursive loops: a function whose messages come back to itself is stopped after some turns.

As on AWS, the lineage of an invocation is in its trace header: how often each function was in the chain of requests
that led to it. A function's calls carry the header, messages keep it as `AWSTraceHeader`, and the next invocation goes
on from there. A call by Step Functions begins a new chain.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from ministack.services import cloudwatch, lambda_svc, sqs

from sandbox.strict.limits import Limits

type Message = dict[str, Any]
type Lineage = Mapping[str, int]
type Handle = Callable[..., Awaitable[Any]]

_LIMIT = "lambda.recursion"
_HEADER = "x-amzn-trace-id"


def lineage_in(trace: str) -> dict[str, int]:
    """Read how often each function was in a chain from a trace header: `Root=…;Lineage=a87bd80c:1|68fd508a:5`."""
    parts = dict(part.partition("=")[::2] for part in trace.split(";"))
    turns = (each.rpartition(":") for each in parts.get("Lineage", "").split("|"))
    return {name: int(count) for name, _colon, count in turns if count.isdigit()}


def longest(lineages: Iterable[Lineage]) -> dict[str, int]:
    """Join the lineages of several messages: for each function the longest."""
    joined: dict[str, int] = {}
    for lineage in lineages:
        joined |= {name: max(count, joined.get(name, 0)) for name, count in lineage.items()}
    return joined


def lineage_name(function_arn: str) -> str:
    """Name a function in a lineage, whatever its version or alias."""
    return hashlib.sha256(":".join(function_arn.split(":")[:7]).encode()).hexdigest()[:8]


class Recursion:
    """Follows chains of invocations through MiniStack, and stops those that are too long."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._chain: ContextVar[Lineage] = ContextVar("chain", default={})  # noqa: B039 - never changed
        """What led to the invocation that is about to start."""
        self._caller: ContextVar[str] = ContextVar("caller", default="")
        """The trace header of whoever sends the message that is being taken in."""
        self._run_batch, self._drop = lambda_svc._run_sqs_batch, lambda_svc._recursive_loop_drop
        self._attributes = sqs._build_send_sys_attrs

    def take_over(self) -> None:
        """Stand in for MiniStack's functions."""
        lambda_svc._xray_trace_id_for_invocation = self.trace_of
        lambda_svc._run_sqs_batch, lambda_svc._recursive_loop_drop = self.run_batch, self.drop_invocation
        lambda_svc.handle_request = self._invoked(lambda_svc.handle_request)
        sqs.handle_request, sqs._build_send_sys_attrs = self._sent(sqs.handle_request), self.attributes

    def trace_of(self, config: Mapping[str, Any], _inbound: str | None = None) -> str:
        """Make the trace header of an invocation that is about to start."""
        function = lineage_name(config["FunctionArn"])
        chain = self._chain.get()
        turns = "|".join(f"{name}:{count}" for name, count in {**chain, function: chain.get(function, 0) + 1}.items())
        root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        return f"Root={root};Parent={secrets.token_hex(8)};Sampled=1;Lineage={turns}"

    def attributes(self, now: float, given: Mapping[str, Any]) -> dict[str, Any]:
        """Make a message's system attributes: its sender's trace header is one, unless it was sent with another."""
        attributes: dict[str, Any] = self._attributes(now, given)
        if self._caller.get():
            attributes.setdefault("AWSTraceHeader", self._caller.get())
        return attributes

    def run_batch(
        self, source: Mapping[str, Any], function: Any, event: Mapping[str, Any], batch: Sequence[Message], *where: Any
    ) -> None:
        """Invoke a function with the messages of a batch, but for those that came round too often."""
        queue_url: str = where[0]
        name, arn = source["FunctionName"], function["config"]["FunctionArn"]
        chains = {message["id"]: lineage_in(message.get("sys", {}).get("AWSTraceHeader", "")) for message in batch}
        looping = [
            message for message in batch if self._too_long(name, chains[message["id"]].get(lineage_name(arn), 0))
        ]
        for message in looping:
            self._remove(name, queue_url, message)
        kept = [message for message in batch if message not in looping]
        if not kept:
            return
        ids = {message["id"] for message in kept}
        event = {**event, "Records": [record for record in event["Records"] if record["messageId"] in ids]}
        token = self._chain.set(longest(chains[message["id"]] for message in kept))
        try:
            self._run_batch(source, function, event, kept, *where)
        finally:
            self._chain.reset(token)

    def drop_invocation(self, name: str, function: Any, depth: int) -> Any:
        """Answer an invocation by another function, of which MiniStack counts the depth itself; None lets it pass."""
        if not self._too_long(name, depth - 1):
            return None
        lambda_svc.MAX_INVOKE_DEPTH = depth - 1
        self._limits.strike(_LIMIT)
        return self._drop(name, function, depth)

    def _too_long(self, name: str, turns: int) -> bool:
        allowed = (lambda_svc._functions.get(name) or {}).get("recursive_loop") == "Allow"
        return self._limits.on(_LIMIT) and not allowed and turns >= self._limits.value(_LIMIT)

    def _remove(self, name: str, queue_url: str, message: Message) -> None:
        """Take a message out of its queue, into the dead letters if there is a queue for them."""
        self._limits.strike(_LIMIT)
        cloudwatch.record_metric("AWS/Lambda", "RecursiveInvocationsDropped", 1, "Count", {"FunctionName": name})
        queue = sqs._queues[queue_url]
        policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
        dead_letters = sqs._queue_by_arn(policy.get("deadLetterTargetArn", "")) if policy else None
        sqs._delete_messages_for_esm(queue_url, {message["receipt_handle"]})
        if dead_letters is not None:
            system = {**message["sys"], "DeadLetterQueueSourceArn": queue["attributes"]["QueueArn"]}
            moved = {**message, "receipt_handle": None, "visible_at": time.time(), "sys": system}
            dead_letters["messages"].append(moved)

    def _invoked(self, handle: Handle) -> Handle:
        async def request(method: str, path: str, headers: Mapping[str, str], *rest: Any) -> Any:
            token = self._chain.set(lineage_in(headers.get(_HEADER, "")))
            try:
                return await handle(method, path, headers, *rest)
            finally:
                self._chain.reset(token)

        return request

    def _sent(self, handle: Handle) -> Handle:
        async def request(method: str, path: str, headers: Mapping[str, str], *rest: Any) -> Any:
            token = self._caller.set(headers.get(_HEADER, ""))
            try:
                return await handle(method, path, headers, *rest)
            finally:
                self._caller.reset(token)

        return request
