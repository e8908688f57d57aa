"""Sending mail through SES, and hearing of what bounces."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ses as ses
from constructs import Construct

from stacks.config import Config
from stacks.functions.factory import Functions, role_of
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS
from stacks.functions.versions import consume
from stacks.nag import acknowledge_resource
from stacks.providers import dead_letter_queue, work_queue

_HEARD = {
    ses.EmailSendingEvent.BOUNCE: "Email Bounced",
    ses.EmailSendingEvent.COMPLAINT: "Email Complaint Received",
}
"""The events of SES that are heard, and what EventBridge calls them."""
_RECIPIENTS = "Recipients' identities; the sender's address is fixed."
_HEARERS_AT_ONCE = 2


class Mail(Construct):
    """The identity that mail is sent from, the configuration set that it is sent with, and what is heard of it.

    SES sends nothing from an identity until its owner has confirmed it: a domain with DNS records, an address with the
    link in an e-mail.

    Attributes
    ----------
    events, dead_letters : sqs.Queue
        What SES reports of mails sent with the configuration set. The messages have customers' addresses.
    hearer : lambda_.Function
        The function that keeps it, once it is added.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.configuration_set = ses.ConfigurationSet(
            self, "ConfigurationSet", reputation_metrics=True, tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE
        )
        self._identity, self._sender = config.mail_identity, config.mail_sender
        if config.mail_identity_created:
            by_kind = ses.Identity.email if "@" in self._identity else ses.Identity.domain
            ses.EmailIdentity(
                self, "Identity", identity=by_kind(self._identity), configuration_set=self.configuration_set
            )
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        timeout_seconds = FUNCTIONS[Function.HEAR_MAIL].timeout_seconds
        self.events = work_queue(self, "Events", timeout_seconds=timeout_seconds, dead_letters=self.dead_letters)
        self._hear_events()

    def _hear_events(self) -> None:
        """Send bounces and complaints to the queue by way of the default event bus, the only one that SES uses."""
        bus = events.EventBus.from_event_bus_name(self, "Bus", "default")
        ses.ConfigurationSetEventDestination(
            self,
            "ToEventBridge",
            configuration_set=self.configuration_set,
            destination=ses.EventDestination.event_bus(bus),
            events=list(_HEARD),
        )
        events.Rule(
            self,
            "Heard",
            event_pattern=events.EventPattern(
                source=["aws.ses"],
                detail_type=list(_HEARD.values()),
                detail={"mail": {"tags": {"ses:configuration-set": [self.configuration_set.configuration_set_name]}}},
            ),
            targets=[
                targets.SqsQueue(
                    self.events,
                    dead_letter_queue=self.dead_letters,
                    max_event_age=Duration.hours(24),
                    retry_attempts=185,
                )
            ],
        )

    def add_hearer(self, functions: Functions) -> None:
        """Make the function that keeps what is heard."""
        self.hearer = functions.make(self, Function.HEAR_MAIL)
        consume(self.hearer, self.events, at_once=_HEARERS_AT_ONCE)

    def grant_send(self, function: lambda_.Function) -> None:
        """Let a function send from the sender's address, with this configuration set, and ask for the quota."""
        function.add_to_role_policy(self.sending())
        acknowledge_resource(role_of(function), self._identities(), _RECIPIENTS)
        self.grant_quota(function)

    def grant_send_to(self, function: lambda_.Function, address: str) -> None:
        """Let a function send to one address, and nobody else, and ask for the quota."""
        statement = self.sending()
        statement.add_condition("ForAllValues:StringEquals", {"ses:Recipients": [address]})
        function.add_to_role_policy(statement)
        acknowledge_resource(role_of(function), self._identities(), _RECIPIENTS)
        self.grant_quota(function)

    def sending(self) -> iam.PolicyStatement:
        """Write the statement that lets somebody send from the sender's address, with this configuration set.

        On every identity of the account's, because SES asks for the recipient's, too, where that is one of them (in its
        sandbox; a company writes to its own addresses). What is limited is the address that mails come from.
        """
        name = self.configuration_set.configuration_set_name
        used = Stack.of(self).format_arn(service="ses", resource="configuration-set", resource_name=name)
        return iam.PolicyStatement(
            actions=["ses:SendEmail"],
            resources=[self._identities(), used],
            conditions={"StringEquals": {"ses:FromAddress": self._sender}},
        )

    def _identities(self) -> str:
        return Stack.of(self).format_arn(service="ses", resource="identity", resource_name="*")

    def grant_quota(self, function: lambda_.Function) -> None:
        """Let a function ask how fast and how much the account may send."""
        function.add_to_role_policy(self.asking_quota())

    def asking_quota(self) -> iam.PolicyStatement:
        """Write the statement that lets somebody ask for the account's quota: a question about no resource."""
        return iam.PolicyStatement(actions=["ses:GetAccount"], resources=["*"])
