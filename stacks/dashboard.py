"""The dashboard: the latest close, money first, and what is wrong now; then what may be in its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.names import FINDINGS_METRIC, PROVIDER_METRICS, USAGE_METRICS
from stacks.providers import ProviderQueue
from stacks.runbook import PAGE, Section

_MINUTE = Duration.minutes(1)
_CLOSED = ("CustomersInvoiced", "CustomersCharged", "CustomersParked", "NoticesSent", "HoldsPlaced")
_COLLECTED = ("PaymentsRetried", "CustomersCollected", "RemindersSent", "HoldsPlaced", "HoldsLifted")
_WEBHOOKS = ("WebhookEventsBooked", "WebhookEventsWaiting", "WebhooksRefused")
_THROTTLES = ("ReadThrottleEvents", "WriteThrottleEvents")
_WIDTH = 24
_OF_FUNCTIONS = ("Errors", "Throttles")
"""How the names of the alarms end that there are of every function: the dashboard shows those as graphs."""
_MOST_ALARMS = 100
"""That one widget shows (CloudWatch's reference, "Alarm widget")."""

_ABOUT = f"""# Month close
| you want to know | run |
|---|---|
| how far the close is, how much is collected, when it ends | `monthclose status --watch` |
| what came of it, who is parked or not charged, and why | `monthclose report --findings` |
| how fast each provider is asked, and whether it is paused | `monthclose providers` |
| what happened to one customer | `monthclose customer ID` |

**An alarm is on?** Its description names the section of `{PAGE}` that says what to do. Starting a close again is always
safe: `monthclose close` does what is missing, and charges nobody twice."""

_WHAT_TO_DO = {
    "Charging": (
        f"**Nothing is charged, and the queue grows?** `monthclose providers` says whether the provider is paused: "
        f"`{Section.CHARGING_WAITS.place}`. **Rate limits (429)?** All workers slow down by themselves; if they go on, "
        "something else uses the same account: keep a share free, `monthclose providers set PROVIDER --reserve 0.2`."
    ),
    "What is left": (
        f"**Findings?** `monthclose report --findings` names them: `{Section.BOOKS.place}`. **Refused webhooks?** "
        f"`{Section.WEBHOOKS_REFUSED.place}`. A payment in doubt is settled by the reconciler, within the day."
    ),
    "AWS": (
        f"**Errors that last?** `{Section.FUNCTION_FAILS.place}`. **Throttles that last?** "
        f"`{Section.TABLE_THROTTLED.place}`, `{Section.FUNCTION_THROTTLED.place}`. Single ones are tried again."
    ),
}
"""What a person can do about what each part shows, by the part's heading."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the dashboard shows."""

    namespace: str
    machine: sfn.StateMachine
    functions: Mapping[str, lambda_.Function]
    providers: Sequence[ProviderQueue]
    tables: Sequence[dynamodb.Table]
    alarms: Sequence[cloudwatch.Alarm]
    show_close: lambda_.Function
    """Draws the latest close, for whoever may call it (*read*)."""


class Dashboard(Construct):
    """Rows from what finance asks first (how far are we?) to what an engineer asks (what is in the way?)."""

    def __init__(self, scope: Construct, construct_id: str, shown: Shown) -> None:
        super().__init__(scope, construct_id)
        self._shown = shown
        self._board = cloudwatch.Dashboard(self, "Board", default_interval=Duration.hours(12))
        self._board.add_widgets(cloudwatch.TextWidget(markdown=_ABOUT, width=_WIDTH, height=6))
        close = cloudwatch.CustomWidget(
            title="The latest close", function_arn=shown.show_close.function_arn, width=12, height=9
        )
        self._board.add_widgets(close, self._alarms())
        self._add_close()
        self._add_part("Charging")
        for provider in shown.providers:
            self._board.add_widgets(*self._charges(provider))
        self._add_part("What is left")
        self._board.add_widgets(
            self._counts("Collections: customers per minute", _COLLECTED),
            self._counts("Reconciler: payments and findings", ("PaymentsSettled", FINDINGS_METRIC)),
            self._counts("Webhooks: events per minute", _WEBHOOKS),
        )
        self._add_part("AWS")
        self._add_aws()

    def _alarms(self) -> cloudwatch.AlarmStatusWidget:
        alarms = [alarm for alarm in self._shown.alarms if not alarm.node.id.endswith(_OF_FUNCTIONS)]
        assert len(alarms) <= _MOST_ALARMS
        return cloudwatch.AlarmStatusWidget(
            title="What is wrong now",
            alarms=alarms,
            width=12,
            height=9,
            sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
        )

    def _add_part(self, heading: str) -> None:
        text = f"## {heading}\n{_WHAT_TO_DO[heading]}"
        self._board.add_widgets(cloudwatch.TextWidget(markdown=text, width=_WIDTH, height=2))

    def _add_close(self) -> None:
        machine = self._shown.machine
        ends = [machine.metric_started, machine.metric_succeeded, machine.metric_failed, machine.metric_timed_out]
        executions = [metric(statistic="Sum", period=Duration.minutes(5)) for metric in ends]
        self._board.add_widgets(
            self._counts("Close: customers per minute", _CLOSED, width=12),
            _graph("Closes", executions, width=6),
            self._counts("Dropped usage files: rows and files", USAGE_METRICS, width=6),
        )

    def _charges(self, provider: ProviderQueue) -> list[cloudwatch.GraphWidget]:
        """Show a provider's charges, its requests against the limit, and the queue that waits for it."""
        name, queue = provider.provider.name, provider.queue
        age = queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=_MINUTE, label="oldest (s)")
        depth = queue.metric_approximate_number_of_messages_visible(
            statistic="Maximum", period=_MINUTE, label="waiting"
        )
        limit = provider.provider.requests_per_second
        requests = [self._per_second(name, metric) for metric in PROVIDER_METRICS.values()]
        outcomes = [self._of_provider(name, metric) for metric in ("ChargesPaid", "ChargesDeclined")]
        annotation = cloudwatch.HorizontalAnnotation(value=limit, label=f"the {provider.provider.limit_scope}'s limit")
        return [
            _graph(f"{name}: charges per minute", outcomes),
            cloudwatch.GraphWidget(
                title=f"{name}: requests per second", left=requests, left_annotations=[annotation], width=8
            ),
            cloudwatch.GraphWidget(title=f"{name}: batches in the queue", left=[depth], right=[age], width=8),
        ]

    def _add_aws(self) -> None:
        functions, tables = self._shown.functions, self._shown.tables
        durations = [f.metric_duration(statistic="p95", period=_MINUTE, label=n) for n, f in functions.items()]
        errors = [f.metric_errors(statistic="Sum", period=_MINUTE, label=n) for n, f in functions.items()]
        throttles = [_throttles(table, name) for table in tables for name in _THROTTLES]
        self._board.add_widgets(
            _graph("Duration by function, p95", durations),
            _graph("Errors by function", errors),
            _graph("DynamoDB throttles", throttles),
        )

    def _counts(self, title: str, names: Sequence[str], *, width: int = 8) -> cloudwatch.GraphWidget:
        # Summed over the functions that emit it: Powertools puts the name of each into the dimension `service`.
        found = [self._sum(name, "service") for name in names]
        metrics = [_expression(f"SUM({search})", name) for name, search in zip(names, found, strict=True)]
        return _graph(title, metrics, width=width)

    def _of_provider(self, provider: str, name: str) -> cloudwatch.IMetric:
        return _expression(f"SUM({self._sum(name, 'provider,service', provider)})", name)

    def _per_second(self, provider: str, name: str) -> cloudwatch.IMetric:
        return _expression(f"SUM({self._sum(name, 'provider,service', provider)}) / 60", name)

    def _sum(self, name: str, dimensions: str, provider: str = "") -> str:
        """Write the search for a metric, by minute."""
        of = f' provider="{provider}"' if provider else ""
        return f"SEARCH('{{{_quoted(self._shown.namespace)},{dimensions}}} MetricName=\"{name}\"{of}', 'Sum', 60)"


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric], *, width: int = 8) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=width)


def _expression(expression: str, label: str) -> cloudwatch.IMetric:
    return cloudwatch.MathExpression(expression=expression, label=label, period=_MINUTE, using_metrics={})


def _quoted(namespace: str) -> str:
    """Write a namespace as SEARCH wants it: in quotes if it is not only letters."""
    return namespace if namespace.isalpha() else f'"{namespace}"'


def _throttles(table: dynamodb.Table, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name},
        statistic="Sum",
        period=_MINUTE,
        label=f"{table.node.id}: {name}",
    )
