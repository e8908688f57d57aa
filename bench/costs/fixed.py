"""What a deployment costs a month when nothing happens, counted in the synthesized templates."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bench.costs.measured import load_costs
from bench.costs.prices import cost_by_service, load_prices
from bench.costs.timing import seconds_of
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS

_MINUTES_A_MONTH = 30 * 24 * 60
_METRICS = 37
"""Custom metrics by name and service, as the handlers count them: CloudWatch bills each that had a value."""
_PRICED = {
    "AWS::CloudWatch::Alarm": "cloudwatch.alarm",
    "AWS::CloudWatch::Dashboard": "cloudwatch.dashboard",
    "AWS::KMS::Key": "kms.key",
    "AWS::SecretsManager::Secret": "secrets.secret",
}
_POLL = {Function.OPEN_RECONCILE: 1, Function.DRAIN_DEAD_LETTERS: 2, Function.SETTLE_PAYMENTS: 1}
"""What one poll of the reconciler calls, with one provider."""
_POLL_TRANSITIONS = 14


def resources(templates: Mapping[str, Any]) -> Counter[str]:
    """Count the resources that cost something by being there."""
    kinds = [resource["Type"] for template in templates.values() for resource in template["Resources"].values()]
    return Counter(kind for kind in kinds if kind in _PRICED)


def at_rest(templates: Mapping[str, Any], providers: int = 2) -> dict[str, float]:
    """Return the month's fixed costs by what they are for, in US dollars; the providers' secrets are the operator's."""
    prices, found = load_prices(), resources(templates)
    fixed = {f"{kind.split('::')[-1]}s": prices[_PRICED[kind]].of(number) for kind, number in found.items()}
    fixed["providers' secrets"] = prices["secrets.secret"].of(providers)
    fixed["custom metrics"] = prices["cloudwatch.metric"].of(_METRICS)
    polls = 5 * _MINUTES_A_MONTH * 3 * (providers + 1)
    fixed["queues, asked while empty"] = prices["sqs.requests"].of(polls)
    return fixed


def polls(every_minutes: int) -> dict[str, float]:
    """Return what the reconciler's polls cost a month when nothing is due, by service."""
    counts: Counter[str] = Counter()
    times = _MINUTES_A_MONTH / every_minutes
    for function, calls in _POLL.items():
        stage = load_costs().stage(function.value)
        for name, number in stage.invocation.items():
            counts[name] += number * calls * times  # type: ignore[assignment]
        memory = FUNCTIONS[function].memory_mb
        counts["invocations"] += calls * times  # type: ignore[assignment]
        whole = seconds_of(_as_customer(stage), memory)
        counts["GB-seconds"] += calls * times * whole * memory / 1024  # type: ignore[assignment]
    counts["transitions"] += _POLL_TRANSITIONS * times  # type: ignore[assignment]
    return cost_by_service(counts)


def _as_customer(stage: Any) -> Any:
    return type(stage)(stage.invocation, {})
