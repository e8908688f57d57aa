"""Links to invoices: the function behind them, which is open to the internet, and the one that acts for customers.

The first may read invoices and credit notes and write PDFs, and nothing else: no customer, no other document. What a
customer asks for on the page of their invoice, it asks the second for, which only it may call.
"""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from monthclose.names import Env
from stacks.config import Config
from stacks.functions.access import allow, grant_secret
from stacks.functions.factory import Functions, role_of
from stacks.functions.layer import DOCUMENTS, DependencyLayer
from stacks.functions.spec import Function
from stacks.nag import acknowledge_resource
from stacks.providers import ProviderQueue
from stacks.state.documents import COMPANY, CREDIT_NOTES, INVOICES, PDFS


def link_settings(scope: Construct, keys: secretsmanager.ISecret, *, config: Config) -> str:
    """Write the value of `MONTHCLOSE_INVOICE_LINKS`: where the keys are, and how long a link works."""
    days = config.invoice_link_days
    return Stack.of(scope).to_json_string({"secret_name": keys.secret_arn, "valid_days": days} if days else {})


class InvoiceViewer(Construct):
    """The function behind the links, with the layer that makes PDFs.

    Attributes
    ----------
    function : lambda_.Function
        It shows an invoice to the holder of a valid link.
    desk : lambda_.Function
        It does what they ask for: it makes pages at the providers, and charges.
    url : lambda_.FunctionUrl
        Where links lead without a domain; those of mails that were sent before there was one still do.
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
        providers: Sequence[ProviderQueue],
    ) -> None:
        super().__init__(scope, construct_id)
        self._keys = keys
        self.desk, name = self._desk(functions, providers)
        layer = DependencyLayer(self, "Documents", config=config, requirements=DOCUMENTS)
        asked = {Env.CUSTOMER_FUNCTION.value: name}
        self.function = functions.make(self, Function.SHOW_INVOICE, layers=[layer.version], environment=asked)
        arn = Stack.of(self).format_arn(
            service="lambda", resource="function", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        allow(self.function, ["lambda:InvokeFunction"], [arn])
        # No IAM: customers have no identity in AWS. The signature in the link decides who gets an answer.
        self.url = self.function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        grant_secret(self.function, keys)
        allow(self.function, ["dynamodb:Query"], [billing.table_arn])
        self._grant_documents(documents)

    def _desk(self, functions: Functions, providers: Sequence[ProviderQueue]) -> tuple[lambda_.Function, str]:
        """Make the function that acts for customers, and return its name.

        It sends customers to the address of the one that shows invoices, and that one must know its name: neither could
        be made before the other if CloudFormation made up the name.
        """
        name = f"{Stack.of(self).stack_name}-{Function.ACT_FOR_CUSTOMER.camel_case}"
        desk = functions.make(self, Function.ACT_FOR_CUSTOMER, physical_name=name)
        for provider in providers:
            grant_secret(desk, provider.secret)
        return desk, name

    def let_link(self, function: lambda_.Function, url: str) -> None:
        """Let a function put links into its e-mails, which lead to an address."""
        function.add_environment(Env.INVOICE_URL.value, url)
        grant_secret(function, self._keys)

    def _grant_documents(self, documents: s3.IBucket) -> None:
        allowed = {prefix: ["s3:GetObject"] for prefix in (INVOICES, CREDIT_NOTES, COMPANY)}
        allowed |= {PDFS: ["s3:GetObject", "s3:PutObject"]}
        for prefix, actions in allowed.items():
            objects = documents.arn_for_objects(f"{prefix}*")
            self.function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[objects]))
            acknowledge_resource(role_of(self.function), objects, "The objects of one prefix, named by what they hold.")
        # Without this S3 answers 403 for a missing object, as if a permission were missing.
        listing = iam.PolicyStatement(actions=["s3:ListBucket"], resources=[documents.bucket_arn])
        self.function.add_to_role_policy(listing)
