"""Logs, metrics and traces: Powertools, set up in one place.

A log line carries ids, states and counts. Names, addresses, amounts and keys stay out.
"""

import os
import warnings
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from monthclose.names import METRICS_NAMESPACE, USAGE_METRICS

# An invocation that has nothing to count is normal.
warnings.filterwarnings("ignore", "No application metrics to publish")

logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", METRICS_NAMESPACE))
tracer = Tracer(auto_patch=False)
"""Without auto-patching: patching every library would cost each cold start more than the traces are worth."""


def count(name: str, value: int) -> None:
    """Add to a metric of this invocation; zero adds no data point."""
    if value:
        metrics.add_metric(name, MetricUnit.Count, value)


def measure(name: str, seconds: float) -> None:
    """Add a duration, in seconds, to a metric of this invocation."""
    metrics.add_metric(name, MetricUnit.Seconds, seconds)


def count_usage(outcome: Mapping[str, Any]) -> None:
    """Count the outcome of a usage file."""
    values = (outcome["taken"], sum(outcome["rejected"].values()), int(bool(outcome["error"])))
    for name, value in zip(USAGE_METRICS, values, strict=True):
        count(name, value)
