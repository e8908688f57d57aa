"""Alarms: for what needs a person, and nothing else. Each says what is wrong and where to read what to do."""

from collections.abc import Callable, Collection, Iterable, Mapping

from aws_cdk import Annotations, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.names import (
    ALL_FUNCTIONS,
    APPROVAL_METRIC,
    FINDINGS_METRIC,
    NOT_CLOSED_METRIC,
    OPEN_CLOSE_METRIC,
    PARKED_METRIC,
    PAUSED_METRIC,
    REFUSED_METRIC,
    UNREADABLE_METRIC,
    WAIT_METRIC,
    metrics_namespace,
)
from stacks.alarm_topic import alarm_topic
from stacks.config import Config
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS
from stacks.mail import Mail
from stacks.providers import ProviderQueue
from stacks.runbook import Section
from stacks.webhooks import Webhooks

_FIVE_MINUTES, _HOUR, _DAY = Duration.minutes(5), Duration.hours(1), Duration.days(1)
_MANY_REFUSED = 10
"""In five minutes. Anybody can reach the address, and a few strangers do: they need no alarm."""
_MANY_ERRORS = 10
"""In five minutes, of a function that is called for every batch: a few of thousands are tried again and need nobody."""
_MANY_THROTTLED = 1_000
"""Writes in five minutes. A table on demand grows with its load, and each write is repeated meanwhile."""
_MANY_PARKED_PERCENT = 1
_LONG_HOURS = 4
"""A close that waits for a person for so long may be forgotten."""
_BOUNCE_RATE, _COMPLAINT_RATE = 0.03, 0.0005
"""AWS reviews an account at 0.05 and 0.001, and may stop its mail at 0.1 and 0.005 (SES' guide, "Sending review")."""
_ENDED = {"Failed": "failed", "TimedOut": "timed out", "Aborted": "was aborted"}
"""What an execution did, by how Step Functions names its end."""
_OF_BATCHES = frozenset(
    {
        *(Function.GENERATE_INVOICES, Function.SEND_NOTICES, Function.APPLY_HOLDS, Function.PARK_CUSTOMERS),
        *(Function.COMPARE_PART, Function.SEND_REMINDERS, Function.REVIEW_HOLDS, Function.LOAD_USAGE),
    }
)


class Alarms(Construct):
    """Alarms of the workflow, and the topic that sends them to a person if the settings name one.

    Attributes
    ----------
    made : list of cloudwatch.Alarm
        All of them, for the dashboard.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self.made: list[cloudwatch.Alarm] = []
        self._topic = alarm_topic(self, config.alarm_email) if config.alarm_email else None
        if self._topic is None and not config.local:
            text = "alarm_email is not set in cdk.json: alarms only show in CloudWatch, and nobody is told of them"
            Annotations.of(self).add_warning_v2("monthclose:alarm-email", text)

    def watch_closes(self, machine: sfn.StateMachine) -> None:
        """Alarm when a close ends badly, or does not begin or end, and about what it leaves.

        One that was aborted raises none of its own: `monthclose stop` does that. That it has not ended is said later.
        """
        for name, metric in self._bad_ends(machine, aborted=False).items():
            text = f"A month close {_ENDED[name]}."
            self._alarm(f"Close{name}", metric(period=_FIVE_MINUTES, statistic="Sum"), text, Section.CLOSE_FAILED)
        hours = self._config.deadline_hours
        seen = Function.OPEN_RECONCILE
        since = self._counted(OPEN_CLOSE_METRIC, seen, period=_HOUR, statistic="Maximum")
        text = (
            f"A close was started {hours} h ago and has not ended: it is still running, or was stopped or interrupted."
        )
        self._alarm("CloseUnfinished", since, text, Section.CLOSE_NOT_ENDED, threshold=hours * 3600)
        waits = self._counted(APPROVAL_METRIC, seen, period=_HOUR, statistic="Maximum")
        text = f"A close has waited for {_LONG_HOURS} h for a person to approve it: nobody is billed meanwhile."
        self._alarm("CloseWaitsForApproval", waits, text, Section.APPROVAL, threshold=_LONG_HOURS * 3600)
        paused = self._counted(PAUSED_METRIC, seen, period=_HOUR, statistic="Maximum")
        text = f"Charging has been paused by a person for {_LONG_HOURS} h: nobody is charged meanwhile."
        self._alarm("ChargingPaused", paused, text, Section.PAUSED, threshold=_LONG_HOURS * 3600)
        missing = self._counted(NOT_CLOSED_METRIC, seen, period=_HOUR, statistic="Maximum")
        text = "The close of last month should have started by itself an hour ago, and has not."
        self._alarm("MonthNotClosed", missing, text, Section.MONTH_NOT_CLOSED)
        parked = self._counted(PARKED_METRIC, Function.REPORT_CLOSE, period=_FIVE_MINUTES, statistic="Maximum")
        text = f"A close has ended with {_MANY_PARKED_PERCENT}% or more of its customers parked: they are not billed."
        self._alarm("CustomersParked", parked, text, Section.MANY_PARKED, threshold=_MANY_PARKED_PERCENT)

    def watch_collections(self, machine: sfn.StateMachine) -> None:
        """Alarm when a day's collections end badly. The next day's do what is left."""
        for name, metric in self._bad_ends(machine, aborted=False).items():
            metric_ = metric(period=_FIVE_MINUTES, statistic="Sum")
            text = f"The day's collections {_ENDED[name]}: payments, reminders or holds are left for tomorrow."
            self._alarm(f"Collections{name}", metric_, text, Section.COLLECTIONS_FAILED)

    def watch_imports(self, machine: sfn.StateMachine) -> None:
        """Alarm when a dropped usage file could not be imported through our fault. A sender's mistake raises none."""
        for name, metric in self._bad_ends(machine).items():
            metric_ = metric(period=_FIVE_MINUTES, statistic="Sum")
            text = f"The import of a dropped usage file {_ENDED[name]}: its usage is not in the month yet."
            self._alarm(f"UsageImport{name}", metric_, text, Section.USAGE_NOT_IMPORTED)

    def watch_packs(self, machine: sfn.StateMachine) -> None:
        """Alarm when a report pack is not made."""
        for name, metric in self._bad_ends(machine, aborted=False).items():
            metric_ = metric(period=_FIVE_MINUTES, statistic="Sum")
            text = f"The making of a report pack {_ENDED[name]}: finance has the one before it, or none."
            self._alarm(f"ReportPack{name}", metric_, text, Section.NO_PACK)

    def watch_archive(self, machine: sfn.StateMachine) -> None:
        """Alarm when old usage is not archived."""
        for name, metric in self._bad_ends(machine, aborted=False).items():
            metric_ = metric(period=_FIVE_MINUTES, statistic="Sum")
            text = f"The archiving of old usage {_ENDED[name]}: some stays in DynamoDB, and can be read as before."
            self._alarm(f"UsageArchive{name}", metric_, text, Section.NOT_ARCHIVED)

    def watch_deadline(self, watch: sfn.StateMachine) -> None:
        """Alarm when a close is still running at its deadline."""
        hours = self._config.deadline_hours
        text = f"A month close was still running {hours} h after the month began, or the check itself failed."
        late = watch.metric_failed(period=_FIVE_MINUTES, statistic="Sum")
        self._alarm("CloseLate", late, text, Section.CLOSE_NOT_ENDED)

    def watch_reconciliations(self, machine: sfn.StateMachine) -> None:
        """Alarm when reconciling goes wrong hour after hour: the next run makes up for a single failure."""
        for name, metric in self._bad_ends(machine, aborted=False).items():
            metric_ = metric(period=_HOUR, statistic="Sum")
            text = f"Reconciliations {_ENDED[name]} in each of two hours."
            self._alarm(f"Reconcile{name}", metric_, text, Section.RECONCILING_FAILED, periods=2)

    def watch_findings(self, functions: Mapping[str, str]) -> None:
        """Alarm when a function found something, until a day has passed without findings.

        Parameters
        ----------
        functions : mapping
            The functions, and the names under which they count (one alarm each: an emulator knows no metric math).
        """
        for name, service in functions.items():
            metric = self._counted(FINDINGS_METRIC, service, period=_DAY, statistic="Sum")
            text = f"{name} found something that does not tie or was left over."
            self._alarm(f"{name}Findings", metric, text, Section.BOOKS)

    def watch_dead_letters(self, name: str, queue: sqs.Queue) -> None:
        """Alarm on the first message that could not be handled."""
        metric = queue.metric_approximate_number_of_messages_visible(period=_FIVE_MINUTES, statistic="Maximum")
        text = f"{name}: a message could not be handled and is in the dead-letter queue."
        self._alarm(f"{name}DeadLetters", metric, text, Section.DEAD_LETTERS)

    def watch_keys(self) -> None:
        """Alarm when a provider refuses our key, in whichever function."""
        refused = self._counted(REFUSED_METRIC, ALL_FUNCTIONS, period=_FIVE_MINUTES, statistic="Sum")
        text = "A payment provider refuses our key, or its secret cannot be used: nobody is charged through it."
        self._alarm("ProviderRefusesKey", refused, text, Section.KEY_REFUSED)

    def watch_events(self, publisher: lambda_.Function) -> None:
        """Alarm when other systems hear of what happened an hour late, or not at all."""
        age = publisher.metric("IteratorAge", period=_FIVE_MINUTES, statistic="Maximum")
        text = "Events about holds, payments and closes have not been sent for an hour. After a day they are lost."
        self._alarm("EventsLate", age, text, Section.EVENTS_LATE, threshold=3_600_000)
        lost = self._counted(UNREADABLE_METRIC, Function.PUBLISH_EVENTS, period=_FIVE_MINUTES, statistic="Sum")
        text = "A commit could not be read, so that an event about it may be missing."
        self._alarm("EventsUnreadable", lost, text, Section.EVENTS_LATE)

    def watch_queue(self, provider: ProviderQueue) -> None:
        """Alarm when a batch has waited for its provider for as long as a whole close may take."""
        name = provider.provider.name.title()
        metric = provider.queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = f"{name}: a batch has waited to be charged for as long as a whole close may take."
        limit = self._config.deadline_hours * 3600
        self._alarm(f"{name}QueueAge", metric, text, Section.CHARGING_WAITS, threshold=limit)
        self.watch_dead_letters(name, provider.dead_letters)

    def watch_webhooks(self, webhooks: Webhooks) -> None:
        """Alarm when webhooks are not accepted, are refused again and again, or wait for long."""
        unable = webhooks.receiver.metric("Url5xxCount", period=_FIVE_MINUTES, statistic="Sum")
        text = "Webhooks have not been accepted for a quarter of an hour."
        self._alarm("WebhooksUntaken", unable, text, Section.WEBHOOKS_UNTAKEN, periods=3)
        refused = webhooks.receiver.metric("Url4xxCount", period=_FIVE_MINUTES, statistic="Sum")
        text = "Many webhooks are refused, mostly because of their signature."
        self._alarm("WebhooksRefused", refused, text, Section.WEBHOOKS_REFUSED, threshold=_MANY_REFUSED, periods=3)
        age = webhooks.queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = "An event from a provider has waited for an hour without being applied."
        self._alarm("WebhooksQueueAge", age, text, Section.WEBHOOKS_WAIT, threshold=3600)
        self.watch_dead_letters("Webhooks", webhooks.dead_letters)

    def watch_mail(self, mail: Mail) -> None:
        """Alarm when too much mail comes back, and when a bounce or complaint waits for long or could not be kept."""
        for name, rate in {"Bounce": _BOUNCE_RATE, "Complaint": _COMPLAINT_RATE}.items():
            share = cloudwatch.Metric(
                namespace="AWS/SES", metric_name=f"Reputation.{name}Rate", statistic="Average", period=_HOUR
            )
            text = f"The {name.lower()} rate of this account's e-mail is near the one at which AWS reviews the account."
            self._alarm(f"Mail{name}s", share, text, Section.MAIL_BOUNCES, threshold=rate)
        age = mail.events.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = "A bounce or complaint has waited for an hour without being kept."
        self._alarm("MailEventsQueueAge", age, text, Section.MAIL_EVENTS_WAIT, threshold=3600)
        self.watch_dead_letters("MailEvents", mail.dead_letters)

    def watch_doors(self, api_id: str) -> None:
        """Alarm when what comes through the company's domain is not answered: the functions' addresses don't see it."""
        failing = cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name="5xx",
            dimensions_map={"ApiId": api_id},
            statistic="Sum",
            period=_FIVE_MINUTES,
        )
        text = "Webhooks or invoice links on the company's domain have failed for a quarter of an hour."
        self._alarm("DomainFailing", failing, text, Section.WEBHOOKS_UNTAKEN, periods=3)
        refused = self._counted("WebhooksRefused", Function.RECEIVE_WEBHOOK, period=_FIVE_MINUTES, statistic="Sum")
        text = "Many webhooks are refused on the company's domain, mostly because of their signature."
        self._alarm(
            "DomainWebhooksRefused", refused, text, Section.WEBHOOKS_REFUSED, threshold=_MANY_REFUSED, periods=3
        )

    def watch_functions(self, functions: Mapping[str, lambda_.Function], *, waited_for: Collection[str]) -> None:
        """Alarm on functions that keep failing: a single error is retried and needs nobody.

        Parameters
        ----------
        waited_for : Collection[str]
            The functions whose concurrency is small on purpose, and whose callers wait for it.
        """
        of_batches = {function.camel_case for function in _OF_BATCHES}
        for name, function in functions.items():
            errors = function.metric_errors(period=_FIVE_MINUTES, statistic="Sum")
            text = f"{name} has failed in each of three five-minute periods."
            least = _MANY_ERRORS if name in of_batches else 1
            self._alarm(f"{name}Errors", errors, text, Section.FUNCTION_FAILS, threshold=least, periods=3)
            if name not in waited_for:
                throttles = function.metric_throttles(period=_FIVE_MINUTES, statistic="Sum")
                text = f"{name} has lacked concurrency for a quarter of an hour."
                self._alarm(f"{name}Throttles", throttles, text, Section.FUNCTION_THROTTLED, periods=3)

    def watch_tables(self, tables: Iterable[dynamodb.Table]) -> None:
        """Alarm when a table refuses so many writes for so long that a close is slowed down."""
        for table in tables:
            throttled = cloudwatch.Metric(
                namespace="AWS/DynamoDB",
                metric_name="WriteThrottleEvents",
                dimensions_map={"TableName": table.table_name},
                statistic="Sum",
                period=_FIVE_MINUTES,
            )
            text = f"The table {table.node.id} has throttled writes for a quarter of an hour."
            self._alarm(
                f"{table.node.id}Throttled",
                throttled,
                text,
                Section.TABLE_THROTTLED,
                threshold=_MANY_THROTTLED,
                periods=3,
            )

    def watch_loops(self) -> None:
        """Alarm when Lambda ends what it takes for an endless loop, and on messages that go round for too long.

        A function that puts messages back into its queue is allowed to; only its own count shows one that never ends,
        as each time round it is a new message to SQS. No other function should ever be called by what it sends:
        one alarm watches Lambda's sum over all functions of the account, because one for each costs twenty times that.
        """
        dropped = cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="RecursiveInvocationsDropped",
            statistic="Sum",
            period=_FIVE_MINUTES,
        )
        text = "Lambda took a function of this account for an endless loop and dropped what it was called for."
        self._alarm("LambdaLoops", dropped, text, Section.LOOP)
        longest = {Function.CHARGE_CUSTOMERS: self._config.deadline_hours * 3600, Function.APPLY_WEBHOOK: 3600}
        sections = {Function.CHARGE_CUSTOMERS: Section.CHARGING_WAITS, Function.APPLY_WEBHOOK: Section.WEBHOOKS_WAIT}
        for service in (name for name, spec in FUNCTIONS.items() if spec.puts_back):
            waited = self._counted(WAIT_METRIC, service, period=_FIVE_MINUTES, statistic="Maximum")
            hours = longest[service] // 3600
            text = f"{service.camel_case} has put a message back into its queue again and again, for {hours} h."
            self._alarm(f"{service.camel_case}Waits", waited, text, sections[service], threshold=longest[service])

    def _counted(self, name: str, service: str, *, period: Duration, statistic: str) -> cloudwatch.Metric:
        """Find a metric that the functions count themselves, under the name that Powertools knows a function by."""
        return cloudwatch.Metric(
            namespace=metrics_namespace(self._config.name),
            metric_name=name,
            dimensions_map={"service": service},
            statistic=statistic,
            period=period,
        )

    @staticmethod
    def _bad_ends(machine: sfn.StateMachine, *, aborted: bool = True) -> dict[str, Callable[..., cloudwatch.Metric]]:
        """List the metrics of executions that ended badly. Aborting one is an operator's doing, not always a fault."""
        ends: dict[str, Callable[..., cloudwatch.Metric]] = {
            "Failed": machine.metric_failed,
            "TimedOut": machine.metric_timed_out,
            "Aborted": machine.metric_aborted,
        }
        return {name: metric for name, metric in ends.items() if aborted or name != "Aborted"}

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        symptom: str,
        section: Section,
        *,
        threshold: float = 1,
        periods: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            alarm_description=f"{symptom} What to do: {section.place}",
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.made.append(alarm)
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
