"""Logs, metrics and traces: Powertools, set up in one place.

A log line carries ids, states and counts. Names, addresses, amounts and keys stay out.
"""

import os
import warnings
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from monthclose.names import ALL_FUNCTIONS, METRICS_NAMESPACE, USAGE_METRICS

# An invocation that has nothing to count is normal.
warnings.filterwarnings("ignore", "No application metrics to publish")

logger = Logger()
_NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", METRICS_NAMESPACE)
metrics = Metrics(namespace=_NAMESPACE)
tracer = Tracer(auto_patch=False)
"""Without auto-patching: patching every library would cost each cold start more than the traces are worth."""


def count(name: str, value: int) -> None:
    """Add to a metric of this invocation; zero adds no data point."""
    if value:
        metrics.add_metric(name, MetricUnit.Count, value)


def measure(name: str, seconds: float) -> None:
    """Add a duration, in seconds, to a metric of this invocation."""
    metrics.add_metric(name, MetricUnit.Seconds, seconds)


def percent(name: str, value: float) -> None:
    """Add a share, in per cent, to a metric of this invocation."""
    metrics.add_metric(name, MetricUnit.Percent, value)


def count_together(name: str, value: int) -> None:
    """Add to a metric that all functions count together, at once: for what one alarm watches."""
    together = EphemeralMetrics(namespace=_NAMESPACE, service=ALL_FUNCTIONS)
    together.add_metric(name, MetricUnit.Count, value)
    together.flush_metrics()


def count_by_provider(provider: str, counts: Mapping[str, int]) -> None:
    """Add to metrics of a payment provider, at once; zeros add no data points.

    The dimensions are the provider and the function, never a customer: a metric costs by how many values those have.
    """
    counted = {name: value for name, value in counts.items() if value}
    if not counted:
        return
    of_provider = EphemeralMetrics(namespace=_NAMESPACE)
    of_provider.add_dimension("provider", provider)
    for name, value in counted.items():
        of_provider.add_metric(name, MetricUnit.Count, value)
    of_provider.flush_metrics()


def count_usage(outcome: Mapping[str, Any]) -> None:
    """Count the outcome of a usage file."""
    values = (outcome["taken"], sum(outcome["rejected"].values()), int(bool(outcome["error"])))
    for name, value in zip(USAGE_METRICS, values, strict=True):
        count(name, value)
