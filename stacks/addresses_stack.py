"""The stack of the addresses that the world knows: links in e-mails, and the webhooks registered at the providers.

The workflow stack may be deleted and made again; its functions' own URLs would then be others. The company's domain
stays. It is served by an HTTP API: a domain costs nothing there, a million requests cost a dollar, and a function gets
from it what it gets from its own URL (payload format 2.0).
"""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from constructs import Construct

from monthclose.names import INVOICES_PATH, WEBHOOKS_PATH
from stacks.config import Config
from stacks.config.domain import Domain
from stacks.nag import acknowledge


class AddressesStack(Stack):
    """A domain and the API behind it. The workflow stack adds what answers below its paths.

    Attributes
    ----------
    domain : Domain
        Its settings.
    api : apigateway.HttpApi
        Reached through the domain only.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, domain: Domain) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Month close: the addresses of invoice links and webhooks",
            termination_protection=not config.local,
        )
        self.domain = domain
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn)
        name = apigateway.DomainName(
            self,
            "Domain",
            domain_name=domain.name,
            certificate=certificate,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        self.api = apigateway.HttpApi(
            self,
            "Api",
            description="Month close: invoice links and webhooks",
            disable_execute_api_endpoint=True,
            default_domain_mapping=apigateway.DomainMappingOptions(domain_name=name),
        )
        acknowledge(self.api, "APIG1", "The functions log what they do; this log would only add visitors' addresses.")
        if domain.hosted_zone_id:
            self._add_record(domain, name)
        CfnOutput(self, "DomainTarget", value=name.regional_domain_name)

    def _add_record(self, domain: Domain, name: apigateway.DomainName) -> None:
        target = route53.CfnRecordSet.AliasTargetProperty(
            dns_name=name.regional_domain_name, hosted_zone_id=name.regional_hosted_zone_id
        )
        route53.CfnRecordSet(
            self, "Record", name=domain.name, type="A", hosted_zone_id=domain.hosted_zone_id, alias_target=target
        )


class Doors(Construct):
    """The workflow stack's part: which function answers below which path of the domain.

    Attributes
    ----------
    webhooks_url, invoices_url : str
        What providers and e-mails are given. They end with a slash.
    """

    def __init__(self, scope: Construct, construct_id: str, addresses: AddressesStack) -> None:
        super().__init__(scope, construct_id)
        self._api = addresses.api
        self.webhooks_url = f"https://{addresses.domain.name}{WEBHOOKS_PATH}"
        self.invoices_url = f"https://{addresses.domain.name}{INVOICES_PATH}"

    @property
    def api_id(self) -> str:
        """The API's id, by which it is watched."""
        return self._api.api_id

    def open(self, construct_id: str, path: str, function: lambda_.IFunction) -> None:
        """Let a function answer every request to a path with one more part: which methods it takes is up to it."""
        route = apigateway.HttpRoute(
            self,
            construct_id,
            http_api=self._api,
            route_key=apigateway.HttpRouteKey.with_(f"{path}{{part}}", apigateway.HttpMethod.ANY),
            integration=integrations.HttpLambdaIntegration(f"{construct_id}Function", function),
        )
        acknowledge(route, "APIG4", "Providers and customers have no identity in AWS: signatures decide who is heard.")
