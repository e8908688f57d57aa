"""Sending mail through SES."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ses as ses
from constructs import Construct

from stacks.config import Config


class Mail(Construct):
    """The identity that mail is sent from and the configuration set that it is sent with.

    SES sends nothing from an identity until its owner has confirmed it: a domain with DNS records, an address with the
    link in an e-mail.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.configuration_set = ses.ConfigurationSet(
            self, "ConfigurationSet", reputation_metrics=True, tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE
        )
        self._identity = config.mail_identity
        if config.mail_identity_created:
            by_kind = ses.Identity.email if "@" in self._identity else ses.Identity.domain
            ses.EmailIdentity(
                self, "Identity", identity=by_kind(self._identity), configuration_set=self.configuration_set
            )

    def grant_send(self, function: lambda_.Function) -> None:
        """Let a function send from this identity, with this configuration set."""
        function.add_to_role_policy(self.sending())

    def sending(self) -> iam.PolicyStatement:
        """Write the statement that lets somebody send from this identity, with this configuration set."""
        stack = Stack.of(self)
        names = {"identity": self._identity, "configuration-set": self.configuration_set.configuration_set_name}
        arns = [stack.format_arn(service="ses", resource=kind, resource_name=name) for kind, name in names.items()]
        return iam.PolicyStatement(actions=["ses:SendEmail"], resources=arns)
