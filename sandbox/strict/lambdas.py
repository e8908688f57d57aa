"""Lambda as strict as on AWS: concurrency, rates, sizes, event sources that scale, and names of errors."""

import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc

from sandbox.strict.deployed import after_deploying
from sandbox.strict.limits import Limits
from sandbox.strict.recursion import Recursion
from sandbox.strict.throughput import Buckets, Clock

type Function = Mapping[str, Any]
type Result = dict[str, Any]

_SCALING_SECONDS = 10
_LEAST_UNRESERVED = 100
"""An account keeps so much concurrency for functions without a reservation."""
_EXITED = ("Worker process died", "Worker process exited", "Worker returned no response")
"""How MiniStack begins to say that a function's process ended."""
_QUIET_SECONDS = 60.0
"""An event source that had nothing to do for so long begins with few pollers again."""


class Concurrency:
    """How many invocations may run at once, and how quickly they may become more."""

    def __init__(self, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._environments: dict[str, int] = {}
        """By function, how many invocations have run at once."""
        self._starts, self._requests = Buckets(), Buckets()
        self._said = threading.local()
        self._throttle = lambda_svc._throttle_response

    def acquire(self, function: Function, config: Function) -> tuple[str | None, str | None]:
        """Take a place for an invocation: its key, or None and what was exceeded (`function` or `account`)."""
        reserved = self.reserved(function, config)
        key: str = lambda_svc._inflight_key(config)
        with lambda_svc._inflight_lock:
            refused = self._refusal(key, reserved)
            if refused:
                limit, self._said.reason, whose = refused
                self._limits.strike(limit)
                return None, whose
            running = lambda_svc._inflight.get(key, 0) + 1
            lambda_svc._inflight[key] = running
            lambda_svc._inflight_total += 1
            self._environments[key] = max(running, self._environments.get(key, 0))
        return key, None

    def reserved(self, function: Function, config: Function) -> int | None:
        """Return the concurrency that is reserved for a function, which its versions and aliases share."""
        base = lambda_svc._functions.get(config.get("FunctionName")) or function
        concurrency: int | None = lambda_svc._reserved_concurrency(base, config)
        return concurrency if self._limits.on("lambda.reserved_concurrency") else None

    def throttled(self, reason_code: str, msg: str, retry_after: int = 1) -> Result:
        """Make the answer to a throttled invocation, by the name that Step Functions sees, too."""
        result: Result = self._throttle(getattr(self._said, "reason", "") or reason_code, msg, retry_after)
        result["body"]["errorType"] = "Lambda.TooManyRequestsException"
        return result

    def _refusal(self, key: str, reserved: int | None) -> tuple[str, str, str] | None:
        """Return the limit that is exceeded, AWS's reason and whose limit it is."""
        running: int = lambda_svc._inflight.get(key, 0)
        if reserved is not None and running >= reserved:
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            return "lambda.reserved_concurrency", reason, "function"
        if lambda_svc._inflight_total >= self._account():
            return "lambda.account_concurrency", "ConcurrentInvocationLimitExceeded", "account"
        if self._starts_too_quickly(key, running):
            return "lambda.scaling_rate", "FunctionInvocationRateLimitExceeded", "account"
        if reserved is not None and self._called_too_often(key, reserved):
            return "lambda.requests_per_concurrency", "ReservedFunctionInvocationRateLimitExceeded", "function"
        return None

    def _account(self) -> float:
        """Return the account's concurrency, or that of this machine, where each invocation is a process."""
        here = lambda_svc._ACCOUNT_CONCURRENCY_CAP or float("inf")
        on = self._limits.on("lambda.account_concurrency")
        return min(here, self._limits.value("lambda.account_concurrency")) if on else here

    def _starts_too_quickly(self, key: str, running: int) -> bool:
        if not self._limits.on("lambda.scaling_rate") or running < self._environments.get(key, 0):
            return False
        most = self._limits.value("lambda.scaling_rate")
        return not _passes(self._starts, key, most / _SCALING_SECONDS, most, self._clock())

    def _called_too_often(self, key: str, reserved: int) -> bool:
        if not self._limits.on("lambda.requests_per_concurrency"):
            return False
        rate = reserved * self._limits.value("lambda.requests_per_concurrency")
        return not _passes(self._requests, key, rate, rate, self._clock())


def _passes(buckets: Buckets, key: str, rate: float, size: float, now: float) -> bool:
    passes = buckets.holds(key, 1, rate, size, now)
    if passes:
        buckets.take(key, 1, rate, size, now)
    return passes


class Pollers:
    """How many batches of a queue's event source are processed at once.

    Lambda begins with five, and adds up to 300 a minute while there are messages; `MaximumConcurrency` is the most. It
    knows nothing of the function's reserved concurrency, which throttles what is too much.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    """

    def __init__(self, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._busy: dict[str, tuple[float, float]] = {}
        """By event source: since when it has been busy, and when it was last."""
        self._held: set[str] = set()

    def at_once(self, source: Mapping[str, Any], _function: Any, _config: Any, queue: Mapping[str, Any] | None) -> int:
        """Return how many batches it may process at once, now."""
        if (queue or {}).get("is_fifo"):
            return 1
        most = int((source.get("ScalingConfig") or {}).get("MaximumConcurrency") or self._limits.value("sqs.pollers"))
        if not self._limits.on("sqs.pollers_at_start"):
            return most
        running = lambda_svc._esm_inflight.get(source["UUID"], 0)
        more = self._minutes_busy(source["UUID"], running) * self._limits.value("sqs.pollers_per_minute")
        allowed = int(self._limits.value("sqs.pollers_at_start") + more)
        self._note(source["UUID"], queue, held=allowed < most and running >= allowed)
        return min(most, allowed)

    def _minutes_busy(self, source: str, running: int) -> float:
        now = self._clock()
        since, last = self._busy.get(source, (now, now))
        if running:
            last = now
        elif last == since or now - last > _QUIET_SECONDS:
            since = last = now
        self._busy[source] = (since, last)
        return (last - since) / 60

    def _note(self, source: str, queue: Mapping[str, Any] | None, *, held: bool) -> None:
        """Count once that an event source has messages that wait for pollers, until it has enough of them."""
        if not held:
            self._held.discard(source)
        elif source not in self._held and any(each["visible_at"] <= time.time() for each in (queue or {})["messages"]):
            self._held.add(source)
            self._limits.strike("sqs.pollers_at_start")


class Sizes:
    """How large the payload of an invocation may be."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def requested(self, handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Refuse requests that are too large, synchronous or not."""

        async def request(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
            if method == "POST" and path.rstrip("/").endswith("/invocations"):
                asynchronous = headers.get("x-amz-invocation-type") == "Event"
                limit = "lambda.asynchronous_payload" if asynchronous else "lambda.request_payload"
                if self._exceeds(limit, len(body or b"")):
                    most = int(self._limits.value(limit))
                    message = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
                    return error_response_json("RequestTooLargeException", message, 413)
            return await handle(method, path, headers, body, query)

        return request

    def answered(self, execute: Callable[..., Result]) -> Callable[..., Result]:
        """Fail an invocation whose answer is too large, and name the error of one whose process ended."""

        def executed(function: Any, event: Any, request_id: str) -> Result:
            result = execute(function, event, request_id)
            body = result.get("body")
            if result.get("error"):
                if isinstance(body, dict) and str(body.get("errorMessage")).startswith(_EXITED):
                    message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
                    body |= {"errorType": "Runtime.ExitError", "errorMessage": message}
                return result
            size = len(body) if isinstance(body, str | bytes) else len(json.dumps(body))
            if self._exceeds("lambda.response_payload", size):
                message = f"Response payload size exceeded maximum allowed payload size ({size} bytes)."
                error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
                return {**result, "body": error, "error": True}
            return result

        return executed

    def _exceeds(self, limit: str, size: int) -> bool:
        exceeded = self._limits.on(limit) and size > self._limits.value(limit)
        if exceeded:
            self._limits.strike(limit)
        return exceeded


def keep_settings(limits: Limits) -> Callable[[str, Mapping[str, Any]], None]:
    """Note what a stack says of a function's concurrency and recursion, which MiniStack forgets."""

    def keep(name: str, properties: Mapping[str, Any]) -> None:
        function = lambda_svc._functions[name]
        reserved = properties.get("ReservedConcurrentExecutions")
        function["concurrency"] = None if reserved is None else int(reserved)
        function["recursive_loop"] = properties.get("RecursiveLoop", "Terminate")
        total = sum(other.get("concurrency") or 0 for other in lambda_svc._functions.values())
        most = limits.value("lambda.account_concurrency") - _LEAST_UNRESERVED
        if limits.on("lambda.account_concurrency") and total > most:
            limits.strike("lambda.account_concurrency")
            raise ValueError(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{_LEAST_UNRESERVED}]."
            )

    return keep


def install(limits: Limits) -> None:
    """Put Lambda's limits into MiniStack."""
    concurrency, sizes = Concurrency(limits), Sizes(limits)
    lambda_svc._acquire_execution_slot, lambda_svc._throttle_response = concurrency.acquire, concurrency.throttled
    lambda_svc._sqs_esm_concurrency = Pollers(limits).at_once
    lambda_svc._execute_function_warm = sizes.answered(lambda_svc._execute_function_warm)
    Recursion(limits).take_over()
    lambda_svc.handle_request = sizes.requested(lambda_svc.handle_request)
    after_deploying("AWS::Lambda::Function", keep_settings(limits))
