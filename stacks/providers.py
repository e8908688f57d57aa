"""One payment provider: its queue, and the function that drains it and may read the provider's secret."""

from dataclasses import replace

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from monthclose.names import Env
from stacks.config import Config, Provider
from stacks.functions.access import grant_secret, grant_send
from stacks.functions.factory import Functions
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS
from stacks.functions.versions import consume

_MAX_RECEIVES = 5
"""With fewer, messages that an SQS event source received without a free worker would end in dead letters."""
_LONGEST_RETENTION = Duration.days(14)


def dead_letter_queue(scope: Construct, construct_id: str) -> sqs.Queue:
    """Make a queue for messages that could not be handled, kept for as long as SQS allows."""
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=_LONGEST_RETENTION,
    )


def work_queue(scope: Construct, construct_id: str, *, timeout_seconds: int, dead_letters: sqs.Queue) -> sqs.Queue:
    """Make a queue that a function drains, with a dead-letter queue for messages that it could not handle.

    Parameters
    ----------
    timeout_seconds : int
        The function's time-out. Lambda advises six times that for the messages' visibility time-out, so that a message
        stays hidden while the service retries.
    """
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=_LONGEST_RETENTION,
        visibility_timeout=Duration.seconds(6 * timeout_seconds),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=_MAX_RECEIVES),
    )


def grant_take(queue: sqs.Queue, function: lambda_.Function) -> None:
    """Let a function take messages out of a queue that it is not called for."""
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[queue.queue_arn]))


class ProviderQueue(Construct):
    """The queue that throttles charging through one provider.

    Attributes
    ----------
    provider : Provider
        Its settings.
    queue, dead_letters : sqs.Queue
        Messages name a batch and a task token, never an amount.
    secret : secretsmanager.ISecret
        The provider's keys, created by the operator.
    """

    def __init__(self, scope: Construct, construct_id: str, *, provider: Provider, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.provider = provider
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        self.queue = work_queue(
            self, "Queue", timeout_seconds=config.charge_timeout_seconds, dead_letters=self.dead_letters
        )
        self.secret = secretsmanager.Secret.from_secret_name_v2(self, "Secret", provider.secret_name)

    def settings(self) -> dict[str, object]:
        """Write the provider's entry in `MONTHCLOSE_PROVIDERS`."""
        return {
            "queue_url": self.queue.queue_url,
            "dead_letters_url": self.dead_letters.queue_url,
            "secret_name": self.provider.secret_name,
            "api_base": self.provider.api_base,
            "requests_per_second": self.provider.requests_per_second,
            "limit_scope": self.provider.limit_scope,
            "reserve_share": self.provider.reserve_share,
            "burst": self.provider.burst,
            "maximum_concurrency": self.provider.maximum_concurrency,
            "largest_charge_minor": self.provider.largest_charge_minor,
        }

    def add_consumer(self, functions: Functions, *, config: Config) -> lambda_.Function:
        """Make the function that charges through this provider."""
        consumer = functions.make(
            self,
            Function.CHARGE_CUSTOMERS,
            # Reserved, because thousands of children that generate invoices must not take the account's concurrency
            # from charging: throttled deliveries use up a message's receives.
            spec=replace(
                FUNCTIONS[Function.CHARGE_CUSTOMERS],
                timeout_seconds=config.charge_timeout_seconds,
                at_once=self.provider.maximum_concurrency,
            ),
            environment={Env.PROVIDER: self.provider.name},
        )
        consume(consumer, self.queue, at_once=self.provider.maximum_concurrency)
        # It puts back what it has no time for, and everything while the provider is paused.
        grant_send(consumer, self.queue)
        grant_secret(consumer, self.secret)
        return consumer
