"""The dashboard: a close on one screen while it runs."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.names import FINDINGS_METRIC, USAGE_METRICS
from stacks.providers import ProviderQueue

_MINUTE = Duration.minutes(1)
_CLOSED = ("CustomersInvoiced", "CustomersCharged", "CustomersParked", "NoticesSent", "HoldsPlaced")
_COLLECTED = ("PaymentsRetried", "CustomersCollected", "RemindersSent", "HoldsPlaced", "HoldsLifted")
_THROTTLES = ("ReadThrottleEvents", "WriteThrottleEvents")


class Dashboard(Construct):
    """Rows from what finance asks first (how far are we?) to what an engineer asks (what is in the way?)."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        namespace: str,
        machine: sfn.StateMachine,
        functions: Mapping[str, lambda_.Function],
        providers: Sequence[ProviderQueue],
        tables: Sequence[dynamodb.Table],
    ) -> None:
        super().__init__(scope, construct_id)
        board = cloudwatch.Dashboard(self, "Board", default_interval=Duration.hours(12))
        board.add_widgets(_counts(namespace, "Close: customers per minute", _CLOSED, width=12), _closes(machine))
        board.add_widgets(_counts(namespace, "Collections: customers per minute", _COLLECTED))
        for provider in providers:
            board.add_widgets(*_queue(provider))
        board.add_widgets(_counts(namespace, "Dropped usage files: rows and files", USAGE_METRICS))
        board.add_widgets(_counts(namespace, "Reconciler: payments and findings", ("PaymentsSettled", FINDINGS_METRIC)))
        durations = [f.metric_duration(statistic="p95", period=_MINUTE, label=n) for n, f in functions.items()]
        errors = [f.metric_errors(statistic="Sum", period=_MINUTE, label=n) for n, f in functions.items()]
        throttles = [_throttles(table, name) for table in tables for name in _THROTTLES]
        board.add_widgets(
            _graph("Duration by function, p95", durations),
            _graph("Errors by function", errors),
            _graph("DynamoDB throttles", throttles),
        )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric], *, width: int = 8) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=width)


def _counts(namespace: str, title: str, names: Sequence[str], *, width: int = 24) -> cloudwatch.GraphWidget:
    return _graph(title, [_count(namespace, name) for name in names], width=width)


def _count(namespace: str, name: str) -> cloudwatch.IMetric:
    # Summed over the functions that emit it: Powertools puts the name of each into the dimension `service`.
    found = f"SEARCH('{{{_quoted(namespace)},service}} MetricName=\"{name}\"', 'Sum', 60)"
    return cloudwatch.MathExpression(expression=f"SUM({found})", label=name, period=_MINUTE, using_metrics={})


def _quoted(namespace: str) -> str:
    """Write a namespace as SEARCH wants it: in quotes if it is not only letters."""
    return namespace if namespace.isalpha() else f'"{namespace}"'


def _closes(machine: sfn.StateMachine) -> cloudwatch.GraphWidget:
    metrics = [machine.metric_started, machine.metric_succeeded, machine.metric_failed, machine.metric_timed_out]
    return _graph("Closes", [metric(statistic="Sum", period=Duration.minutes(5)) for metric in metrics], width=12)


def _queue(provider: ProviderQueue) -> list[cloudwatch.GraphWidget]:
    name, queue = provider.provider.name, provider.queue
    waiting = queue.metric_approximate_number_of_messages_visible
    in_progress = queue.metric_approximate_number_of_messages_not_visible
    depth = [
        waiting(statistic="Maximum", period=_MINUTE, label="waiting"),
        in_progress(statistic="Maximum", period=_MINUTE, label="in progress"),
    ]
    age = queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=_MINUTE, label="oldest (s)")
    return [
        _graph(f"{name}: batches in the queue", depth, width=12),
        _graph(f"{name}: age of the oldest batch", [age], width=12),
    ]


def _throttles(table: dynamodb.Table, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name},
        statistic="Sum",
        period=_MINUTE,
        label=f"{table.node.id}: {name}",
    )
