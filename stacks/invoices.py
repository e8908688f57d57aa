"""Links to invoices: the keys they are signed with, and the function behind them, open to the internet.

The function may read invoices and credit notes and write PDFs, and nothing else: no customer, no other document.
"""

import json

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from monthclose.names import Env
from stacks.config import Config
from stacks.documents import COMPANY, CREDIT_NOTES, INVOICES, PDFS
from stacks.functions import Function, Functions, Size, role_of
from stacks.layer import DOCUMENTS, DependencyLayer
from stacks.nag import acknowledge, acknowledge_resource

_SIZE = Size(300, 3008)
"""As much memory as every account may use: it takes a PDF of 15,000 lines, the most that an invoice has."""
_AT_ONCE = 20
"""Whoever floods the address takes no concurrency from a close."""
_KEY_LENGTH = 64


def link_keys(scope: Construct, construct_id: str, *, config: Config) -> secretsmanager.Secret:
    """Make the secret with the keys of links, the first one of them random: `{"current": "k1", "k1": "…"}`.

    It belongs to the state: links in mails must go on working whatever is deployed.
    """
    keys = secretsmanager.Secret(
        scope,
        construct_id,
        description="Month close: keys that links to invoices are signed with, by id, and the id of the current one",
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template=json.dumps({"current": "k1"}),
            generate_string_key="k1",
            password_length=_KEY_LENGTH,
            exclude_punctuation=True,
        ),
        removal_policy=RemovalPolicy.DESTROY if config.local else RemovalPolicy.RETAIN,
    )
    acknowledge(keys, "SMG4", "A rotation by schedule would break links in mails: keys are added by hand, by id.")
    return keys


def link_settings(scope: Construct, keys: secretsmanager.ISecret, *, config: Config) -> str:
    """Say what the functions must know of links: the value of `MONTHCLOSE_INVOICE_LINKS`."""
    days = config.invoice_link_days
    return Stack.of(scope).to_json_string({"secret_name": keys.secret_arn, "valid_days": days} if days else {})


class InvoiceViewer(Construct):
    """The function behind the links, with the layer that makes PDFs.

    Attributes
    ----------
    function : lambda_.Function
        It shows an invoice to whoever has a genuine link.
    url : lambda_.FunctionUrl
        Where links lead.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Functions,
        keys: secretsmanager.ISecret,
        billing: dynamodb.ITable,
        documents: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self._keys = keys
        layer = DependencyLayer(self, "Documents", config=config, requirements=DOCUMENTS)
        self.function = functions.make(
            self,
            Function.SHOW_INVOICE,
            size=_SIZE,
            reserved_concurrency=_AT_ONCE,
            layers=[layer.version],
        )
        # No IAM: customers have no identity in AWS. Whom to answer is decided by the token's signature.
        self.url = self.function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        keys.grant_read(self.function)
        billing.grant_read_data(self.function)
        self._grant_documents(documents)

    def tell(self, function: lambda_.Function) -> None:
        """Let a function write links."""
        function.add_environment(Env.INVOICE_URL.value, self.url.url)
        self._keys.grant_read(function)

    def _grant_documents(self, documents: s3.IBucket) -> None:
        allowed = {prefix: ["s3:GetObject"] for prefix in (INVOICES, CREDIT_NOTES, COMPANY)}
        allowed |= {PDFS: ["s3:GetObject", "s3:PutObject"]}
        for prefix, actions in allowed.items():
            objects = documents.arn_for_objects(f"{prefix}*")
            self.function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[objects]))
            acknowledge_resource(role_of(self.function), objects, "The objects of one prefix, named by what they hold.")
        # Without it a missing object answers 403 and cannot be told from a missing permission.
        listing = iam.PolicyStatement(actions=["s3:ListBucket"], resources=[documents.bucket_arn])
        self.function.add_to_role_policy(listing)
