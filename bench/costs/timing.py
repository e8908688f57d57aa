"""How long a function works for a customer: its requests one after the other, and its CPU at its memory's share."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from bench.costs.measured import StageCosts

_MODEL = Path(__file__).parents[1] / "scale" / "model.toml"
_WHOLE_CPU_MB = 1769
"""Memory that comes with a whole CPU (AWS Lambda's guide)."""
_WAITS = {
    "DynamoDB GetItem": "get_item",
    "DynamoDB Query": "query",
    "DynamoDB PutItem": "write_item",
    "DynamoDB UpdateItem": "write_item",
    "DynamoDB TransactWriteItems": "transaction",
    "SESv2 SendEmail": "mail",
    "S3 GetObject": "s3",
    "S3 PutObject": "s3",
    "DynamoDB BatchWriteItem": "write_item",
    "DynamoDB BatchGetItem": "query",
    "SQS SendMessageBatch": "write_item",
}


@cache
def model() -> Mapping[str, Mapping[str, float]]:
    """Read what is assumed of services."""
    return tomllib.loads(_MODEL.read_text())


def cpu_share(memory_mb: int) -> float:
    """Return the share of a CPU that one thread gets."""
    return min(memory_mb / _WHOLE_CPU_MB, 1.0)


def cpu_ms(stage: StageCosts) -> float:
    """CPU of a customer, HTTPS included."""
    return stage.cpu_ms + stage.all_requests * model()["cpu"]["https_request"]


def seconds_of(stage: StageCosts, memory_mb: int, threads: int = 1) -> float:
    """How long a customer takes of the time of a function that does so many side by side: they share its CPU."""
    waits = sum(stage.requests(name) * model()["seconds"][kind] for name, kind in _WAITS.items())
    computing = cpu_ms(stage) / 1000 / cpu_share(memory_mb)
    return max(computing, (waits + computing) / threads)


def at_the_limit(stage: StageCosts, function: str) -> StageCosts:
    """Replace the leases of slots: a limiter that has nothing to wait for, as when this was counted, leases singly."""
    kind = {"charge_customers": "charge", "send_notices": "notice"}.get(function)
    if not kind:
        return stage
    leases = {f"{access}:closes": model()["leases"][f"{kind}_{access}s"] for access in ("write", "read")}
    customer = {what: number for what, number in stage.customer.items() if not what.endswith(":closes")}
    return StageCosts(customer | leases, stage.invocation)
