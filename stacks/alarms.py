"""Alarms: what a person must look at, and nothing else."""

from collections.abc import Collection, Mapping

from aws_cdk import Duration
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

from monthclose.names import FINDINGS_METRIC, METRICS_NAMESPACE
from stacks.config import Config
from stacks.providers import ProviderQueue
from stacks.webhooks import Webhooks

_FIVE_MINUTES, _HOUR, _DAY = Duration.minutes(5), Duration.hours(1), Duration.days(1)
_MANY_REFUSED = 10
"""In five minutes. An address that anybody can reach has its visitors: a few are nobody's business."""


class Alarms(Construct):
    """Alarms of the workflow, and the topic that carries them to a person if the settings name one."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._topic = self._make_topic(config.alarm_email) if config.alarm_email else None

    def watch_executions(self, machine: sfn.StateMachine) -> None:
        """Alarm when a close ends badly. To start it again is always safe."""
        ends = {
            "Failed": machine.metric_failed,
            "TimedOut": machine.metric_timed_out,
            "Aborted": machine.metric_aborted,
        }
        for name, metric in ends.items():
            text = f"A month close ended: {name}. Its history says why; start it again, it finishes the rest."
            self._alarm(f"Close{name}", metric(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_collections(self, machine: sfn.StateMachine) -> None:
        """Alarm when a day's collections end badly. The next day's do what is left; to start them again is safe."""
        for name, metric in {"Failed": machine.metric_failed, "TimedOut": machine.metric_timed_out}.items():
            text = f"The day's collections ended: {name}. Nobody was retried, reminded or released since."
            self._alarm(f"Collections{name}", metric(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_imports(self, machine: sfn.StateMachine) -> None:
        """Alarm when a dropped usage file could not be imported for our sake; its sender's mistakes alarm nobody."""
        ends = {
            "Failed": machine.metric_failed,
            "TimedOut": machine.metric_timed_out,
            "Aborted": machine.metric_aborted,
        }
        for name, metric in ends.items():
            text = (
                f"An import of dropped usage ended: {name}. Redrive it, or drop the file again before the month closes."
            )
            self._alarm(f"UsageImport{name}", metric(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_deadline(self, watch: sfn.StateMachine) -> None:
        """Alarm when a close still ran at its deadline."""
        text = f"A month close still ran {self._config.deadline_hours} h after the month began, or nobody could tell."
        self._alarm("CloseLate", watch.metric_failed(period=_FIVE_MINUTES, statistic="Sum"), text)

    def watch_reconciliations(self, machine: sfn.StateMachine) -> None:
        """Alarm when reconciling goes wrong hour after hour: a single failure is made up for by the next."""
        for name, metric in {"Failed": machine.metric_failed, "TimedOut": machine.metric_timed_out}.items():
            text = f"A reconciliation {name} in each of two hours. The executions' histories say whom it could not ask."
            self._alarm(f"Reconcile{name}", metric(period=_HOUR, statistic="Sum"), text, periods=2)

    def watch_findings(self, functions: Mapping[str, str]) -> None:
        """Alarm when a reconciler's function found something; it stays until a day has passed without.

        Parameters
        ----------
        functions : mapping
            The functions, and the names under which they count (one alarm each: an emulator knows no metric math).
        """
        for name, service in functions.items():
            metric = cloudwatch.Metric(
                namespace=METRICS_NAMESPACE,
                metric_name=FINDINGS_METRIC,
                dimensions_map={"service": service},
                statistic="Sum",
                period=_DAY,
            )
            text = f"{name} found what does not tie or was left over: `monthclose reconcile` lists it."
            self._alarm(f"{name}Findings", metric, text)

    def watch_dead_letters(self, name: str, queue: sqs.Queue) -> None:
        """Alarm on the first message that nobody could handle."""
        metric = queue.metric_approximate_number_of_messages_visible(period=_FIVE_MINUTES, statistic="Maximum")
        self._alarm(f"{name}DeadLetters", metric, f"{name}: a message could not be handled and waits in dead letters.")

    def watch_queue(self, provider: ProviderQueue) -> None:
        """Alarm when a batch has waited for its provider for as long as a whole close may take."""
        name = provider.provider.name.title()
        metric = provider.queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = f"{name}: a batch has waited since before the deadline. Is the provider down, or its rate set too low?"
        self._alarm(f"{name}QueueAge", metric, text, threshold=self._config.deadline_hours * 3600)
        self.watch_dead_letters(name, provider.dead_letters)

    def watch_webhooks(self, webhooks: Webhooks) -> None:
        """Alarm when webhooks are not taken, are refused again and again, or wait for long."""
        unable = webhooks.receiver.metric("Url5xxCount", period=_FIVE_MINUTES, statistic="Sum")
        text = "Webhooks are not taken for a quarter of an hour. Has a provider's secret no webhook_secret?"
        self._alarm("WebhooksUntaken", unable, text, periods=3)
        refused = webhooks.receiver.metric("Url4xxCount", period=_FIVE_MINUTES, statistic="Sum")
        text = "Many webhooks are refused. Is the webhook_secret the one that the provider signs with?"
        self._alarm("WebhooksRefused", refused, text, threshold=_MANY_REFUSED, periods=3)
        age = webhooks.queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        text = "A provider's event has waited for an hour and nobody has looked at it."
        self._alarm("WebhooksQueueAge", age, text, threshold=3600)
        self.watch_dead_letters("Webhooks", webhooks.dead_letters)

    def watch_functions(self, functions: Mapping[str, lambda_.Function], *, waited_for: Collection[str]) -> None:
        """Alarm on functions that go on failing: a single error is retried and needs nobody.

        Parameters
        ----------
        waited_for : Collection[str]
            The functions that have little room on purpose, and whose callers wait for it.
        """
        for name, function in functions.items():
            errors = function.metric_errors(period=_FIVE_MINUTES, statistic="Sum")
            self._alarm(f"{name}Errors", errors, f"{name} has failed in each of three periods.", periods=3)
            if name not in waited_for:
                throttles = function.metric_throttles(period=_FIVE_MINUTES, statistic="Sum")
                text = f"{name} lacks concurrency for a quarter of an hour: raise the account's quota."
                self._alarm(f"{name}Throttles", throttles, text, periods=3)

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
        # A key of ours: alarms may not use the key that SNS manages.
        key = kms.Key(self, "Key", enable_key_rotation=True, description="Month close: alarms")
        key.grant(iam.ServicePrincipal("cloudwatch.amazonaws.com"), "kms:Decrypt", "kms:GenerateDataKey")
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        topic.add_subscription(subscriptions.EmailSubscription(email))
        return topic
