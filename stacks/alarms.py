"""Alarms: for what needs a person, and nothing else."""

from collections.abc import Callable, Collection, Mapping

from aws_cdk import Annotations, ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.names import FINDINGS_METRIC, WAIT_METRIC, metrics_namespace
from stacks.config import Config
from stacks.functions.table import FUNCTIONS, Function
from stacks.mail import Mail
from stacks.providers import ProviderQueue
from stacks.webhooks import Webhooks

_FIVE_MINUTES, _HOUR, _DAY = Duration.minutes(5), Duration.hours(1), Duration.days(1)
_MANY_REFUSED = 10
"""In five minutes. Anybody can reach the address, and a few strangers do: they need no alarm."""
_ENDED = {"Failed": "failed", "TimedOut": "timed out", "Aborted": "was aborted"}
"""What an execution did, by how Step Functions names its end."""


class Alarms(Construct):
    """Alarms of the workflow, and the topic that sends them to a person if the settings name one."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._topic = self._make_topic(config.alarm_email) if config.alarm_email else None
        if self._topic is None and not config.local:
            text = "alarm_email is not set in cdk.json: alarms only show in CloudWatch, and nobody is told of them"
            Annotations.of(self).add_warning_v2("monthclose:alarm-email", text)

    def watch_closes(self, machine: sfn.StateMachine) -> None:
        """Alarm when a close ends badly. Starting it again is always safe."""
        for name, metric in self._bad_ends(machine).items():
            text = f"A month close {_ENDED[name]}. Its history says why. Starting it again is safe and does the rest."
            self._alarm(f"Close{name}", metric(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_collections(self, machine: sfn.StateMachine) -> None:
        """Alarm when a day's collections end badly. The next day's do what is left; starting them again is safe."""
        for name, metric in self._bad_ends(machine, aborted=False).items():
            text = (
                f"The day's collections {_ENDED[name]}. Some payments were not retried, reminders not sent or holds not"
                " lifted. Starting them again is safe; otherwise tomorrow's do the rest."
            )
            self._alarm(f"Collections{name}", metric(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_imports(self, machine: sfn.StateMachine) -> None:
        """Alarm when a dropped usage file could not be imported through our fault. A sender's mistake raises none."""
        for name, metric in self._bad_ends(machine).items():
            text = (
                f"The import of a dropped usage file {_ENDED[name]}. Redrive it, or drop the file again before the"
                " month closes."
            )
            self._alarm(f"UsageImport{name}", metric(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_deadline(self, watch: sfn.StateMachine) -> None:
        """Alarm when a close is still running at its deadline."""
        hours = self._config.deadline_hours
        text = f"A month close was still running {hours} h after the month began, or the check itself failed."
        self._alarm("CloseLate", watch.metric_failed(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_reconciliations(self, machine: sfn.StateMachine) -> None:
        """Alarm when reconciling goes wrong hour after hour: the next run makes up for a single failure."""
        for name, metric in self._bad_ends(machine, aborted=False).items():
            text = (
                f"Reconciliations {_ENDED[name]} in each of two hours. Their histories say which provider or period"
                " could not be reconciled."
            )
            self._alarm(f"Reconcile{name}", metric(period=_HOUR, statistic="Sum"), text, periods=2)

    def watch_findings(self, functions: Mapping[str, str]) -> None:
        """Alarm when one of the reconciler's functions found something, until a day has passed without findings.

        Parameters
        ----------
        functions : mapping
            The functions, and the names under which they count (one alarm each: an emulator knows no metric math).
        """
        for name, service in functions.items():
            metric = self._counted(FINDINGS_METRIC, service, period=_DAY, statistic="Sum")
            text = f"{name} found something that does not tie or was left over. `monthclose reconcile` lists it."
            self._alarm(f"{name}Findings", metric, text)

    def watch_dead_letters(self, name: str, queue: sqs.Queue) -> None:
        """Alarm on the first message that could not be handled."""
        metric = queue.metric_approximate_number_of_messages_visible(period=_FIVE_MINUTES, statistic="Maximum")
        text = f"{name}: a message could not be handled and is in the dead-letter queue."
        self._alarm(f"{name}DeadLetters", metric, text)

    def watch_queue(self, provider: ProviderQueue) -> None:
        """Alarm when a batch has waited for its provider for as long as a whole close may take."""
        name = provider.provider.name.title()
        metric = provider.queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = (
            f"{name}: a batch has waited for as long as a whole close may take. Is the provider down, or its rate set"
            " too low?"
        )
        self._alarm(f"{name}QueueAge", metric, text, threshold=self._config.deadline_hours * 3600)
        self.watch_dead_letters(name, provider.dead_letters)

    def watch_webhooks(self, webhooks: Webhooks) -> None:
        """Alarm when webhooks are not accepted, are refused again and again, or wait for long."""
        unable = webhooks.receiver.metric("Url5xxCount", period=_FIVE_MINUTES, statistic="Sum")
        text = "Webhooks have not been accepted for a quarter of an hour. Does a provider's secret lack webhook_secret?"
        self._alarm("WebhooksUntaken", unable, text, periods=3)
        refused = webhooks.receiver.metric("Url4xxCount", period=_FIVE_MINUTES, statistic="Sum")
        text = "Many webhooks are refused. Is webhook_secret the secret that the provider signs with?"
        self._alarm("WebhooksRefused", refused, text, threshold=_MANY_REFUSED, periods=3)
        age = webhooks.queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = "An event from a provider has waited for an hour without being applied."
        self._alarm("WebhooksQueueAge", age, text, threshold=3600)
        self.watch_dead_letters("Webhooks", webhooks.dead_letters)

    def watch_mail(self, mail: Mail) -> None:
        """Alarm when a bounce or complaint waits for long, or could not be kept."""
        age = mail.events.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = "A bounce or complaint has waited for an hour without being kept."
        self._alarm("MailEventsQueueAge", age, text, threshold=3600)
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
        self._alarm("DomainFailing", failing, text, periods=3)
        refused = self._counted("WebhooksRefused", Function.RECEIVE_WEBHOOK, period=_FIVE_MINUTES, statistic="Sum")
        text = (
            "Many webhooks are refused on the company's domain. Is webhook_secret the one that the provider signs with?"
        )
        self._alarm("DomainWebhooksRefused", refused, text, threshold=_MANY_REFUSED, periods=3)

    def watch_functions(self, functions: Mapping[str, lambda_.Function], *, waited_for: Collection[str]) -> None:
        """Alarm on functions that keep failing: a single error is retried and needs nobody.

        Parameters
        ----------
        waited_for : Collection[str]
            The functions whose concurrency is small on purpose, and whose callers wait for it.
        """
        for name, function in functions.items():
            errors = function.metric_errors(period=_FIVE_MINUTES, statistic="Sum")
            self._alarm(f"{name}Errors", errors, f"{name} has failed in each of three five-minute periods.", periods=3)
            if name not in waited_for:
                throttles = function.metric_throttles(period=_FIVE_MINUTES, statistic="Sum")
                text = f"{name} has lacked concurrency for a quarter of an hour. Raise the account's quota."
                self._alarm(f"{name}Throttles", throttles, text, periods=3)

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
        text = (
            "Lambda took a function for an endless loop and dropped what it was called for. The metric"
            " RecursiveInvocationsDropped, by function, says which one of this account it was."
        )
        self._alarm("LambdaLoops", dropped, text)
        longest = {Function.CHARGE_CUSTOMERS: self._config.deadline_hours * 3600, Function.APPLY_WEBHOOK: 3600}
        for service in (name for name, spec in FUNCTIONS.items() if spec.puts_back):
            waited = self._counted(WAIT_METRIC, service, period=_FIVE_MINUTES, statistic="Maximum")
            text = (
                f"{service.camel_case} has put a message back again and again, for {longest[service] // 3600} h. Its"
                " log says why. Is the provider paused: monthclose providers?"
            )
            self._alarm(f"{service.camel_case}Waits", waited, text, threshold=longest[service])

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
        self, name: str, metric: cloudwatch.IMetric, text: str, *, threshold: float = 1, periods: int = 1
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            alarm_description=text,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))

    def _make_topic(self, email: str) -> sns.Topic:
        # A key of our own: alarms may not use the key that SNS manages.
        key = kms.Key(self, "Key", enable_key_rotation=True, description="Month close: alarms")
        key.grant(iam.ServicePrincipal("cloudwatch.amazonaws.com"), "kms:Decrypt", "kms:GenerateDataKey")
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        topic.add_to_resource_policy(self._let_alarms_publish(topic))
        topic.add_subscription(subscriptions.EmailSubscription(email))
        return topic

    def _let_alarms_publish(self, topic: sns.Topic) -> iam.PolicyStatement:
        """Write what SNS' default policy allowed: `enforce_ssl` puts a policy in its place that only denies.

        From CloudWatch's guide, "Permissions for Amazon SNS topics": for alarms of this account and no other.
        """
        stack = Stack.of(self)
        alarms = stack.format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": alarms}},
        )
