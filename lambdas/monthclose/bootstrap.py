"""Puts the adapters behind the ports. The only module that names concrete adapters."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.s3 import S3Documents
from monthclose.adapters.aws.s3_inbox import S3Inbox
from monthclose.adapters.aws.stepfunctions import StepFunctionsWorkflow
from monthclose.adapters.aws.versions import S3PriceBooks, S3TaxTables
from monthclose.adapters.dynamo.books import DynamoBooks
from monthclose.adapters.dynamo.claims import DynamoClaims
from monthclose.adapters.dynamo.closes import DynamoCloses
from monthclose.adapters.dynamo.directory import DynamoCustomerDirectory
from monthclose.adapters.dynamo.limits import DynamoProviderLimits
from monthclose.adapters.dynamo.models import bind
from monthclose.adapters.dynamo.usage import DynamoUsageStore
from monthclose.adapters.gocardless.webhooks import GoCardlessWebhooks
from monthclose.adapters.stripe.webhooks import StripeWebhooks
from monthclose.adapters.tax_ids import check_tax_id
from monthclose.domain.imports.intake import CheckTaxId
from monthclose.errors import ProviderRefusedError
from monthclose.ports import (
    Books,
    ChargeQueue,
    Claims,
    Clock,
    Closes,
    CustomerDirectory,
    DeadLetters,
    Documents,
    EInvoices,
    EventQueue,
    Inbox,
    InvoiceRenderer,
    LinkSecrets,
    Log,
    Mailer,
    PaymentGateway,
    PriceBooks,
    ProviderLimits,
    TaxTables,
    UsageStore,
    WebhookReader,
    Workflow,
)
from monthclose.settings import Provider, Settings

if TYPE_CHECKING:
    from monthclose.assembly.limiting import Limiting


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def _stripe(provider: Provider) -> PaymentGateway:
    # Imported here: the SDK takes 0.1 to 0.2 s to import, and only two of the functions call a provider.
    from monthclose.adapters.aws.secrets import api_key  # noqa: PLC0415
    from monthclose.adapters.stripe.gateway import StripeGateway  # noqa: PLC0415

    return StripeGateway(api_key(provider.secret_name), provider.api_base)


def _gocardless(provider: Provider) -> PaymentGateway:
    from monthclose.adapters.aws.secrets import api_key  # noqa: PLC0415
    from monthclose.adapters.gocardless.gateway import GoCardlessGateway  # noqa: PLC0415

    return GoCardlessGateway(api_key(provider.secret_name), provider.api_base)


_GATEWAYS = {"gocardless": _gocardless, "stripe": _stripe}
"""Makes each provider's gateway, by the name in the settings and the customers' profiles."""
ADAPTERS = frozenset(_GATEWAYS)
"""Providers that have an adapter: customers can be charged through them."""
_WEBHOOKS: Mapping[str, Callable[[str], WebhookReader]] = {
    "gocardless": GoCardlessWebhooks,
    "stripe": StripeWebhooks,
}
"""Makes the reader of each provider's webhooks, from a signing secret."""
STRIPE_EVENTS = sorted(StripeWebhooks.events)
"""The events to select when the webhook's address is registered at Stripe."""


class Runtime:
    """A deployment's `Ports`, each with its adapter.

    Parameters
    ----------
    region : str
        Where its tables are.
    """

    def __init__(self, settings: Settings, region: str, log: Log) -> None:
        connection = bind(settings, region)
        documents = S3Documents(settings.documents_bucket)
        self.settings = settings
        self.log = log
        self.clock: Clock = utc_now
        self.books: Books = DynamoBooks(connection)
        self.closes: Closes = DynamoCloses(connection)
        self.claims: Claims = DynamoClaims()
        self.directory: CustomerDirectory = DynamoCustomerDirectory()
        self.usage: UsageStore = DynamoUsageStore()
        self.documents: Documents = documents
        self.inbox: Inbox = S3Inbox(settings.usage_bucket)
        self.price_books: PriceBooks = S3PriceBooks(documents)
        self.tax_tables: TaxTables = S3TaxTables(documents)
        self.check_tax_id: CheckTaxId = check_tax_id
        self.workflow: Workflow = StepFunctionsWorkflow()
        self.limits: ProviderLimits = DynamoProviderLimits()
        self._executors: dict[str, Executor] = {}

    @cached_property
    def mailer(self) -> Mailer:
        """The mail service."""
        from monthclose.adapters.aws.ses import SesMailer  # noqa: PLC0415

        return SesMailer(self.settings.mail_sender, self.settings.mail_configuration_set)

    @cached_property
    def renderer(self) -> InvoiceRenderer:
        """Renders invoices; only where the documents layer is installed (one function, and the command)."""
        from monthclose.adapters.documents.typst import TypstRenderer  # noqa: PLC0415

        return TypstRenderer()

    @cached_property
    def e_invoices(self) -> EInvoices:
        """Writes electronic invoices; only where the documents layer is installed."""
        from monthclose.adapters.documents.e_invoice import FacturX  # noqa: PLC0415

        return FacturX()

    @cached_property
    def link_secrets(self) -> LinkSecrets | None:
        """The keys of links to invoices; None if mails carry no links."""
        from monthclose.adapters.aws.secrets import SecretLinkKeys  # noqa: PLC0415

        return SecretLinkKeys(self.settings.links.secret_name) if self.settings.links else None

    @property
    def dynamodb(self) -> Any:
        """The DynamoDB client for Powertools' idempotency records."""
        return client("dynamodb")

    @property
    def gateways(self) -> Mapping[str, Callable[[], PaymentGateway]]:
        """Makes each provider's gateway, by the provider's name."""
        return {name: partial(self.gateway, name) for name in self.settings.providers}

    @cached_property
    def _limiting(self) -> "Limiting":
        from monthclose.assembly.limiting import Limiting  # noqa: PLC0415

        return Limiting(self.limits, self.clock)

    def executor(self, name: str, threads: int) -> Executor:
        """Make a named pool of threads, once per process."""
        if name not in self._executors:
            self._executors[name] = ThreadPoolExecutor(threads, name)
        return self._executors[name]

    def charge_queue(self, name: str) -> ChargeQueue:
        """Make a provider's queue."""
        from monthclose.adapters.aws.sqs import SqsChargeQueue  # noqa: PLC0415

        return SqsChargeQueue(self.settings.providers[name].queue_url)

    def dead_letters(self, queue_url: str) -> DeadLetters:
        """Make a dead-letter queue, by its URL."""
        from monthclose.adapters.aws.sqs import SqsDeadLetters  # noqa: PLC0415

        return SqsDeadLetters(queue_url)

    @cached_property
    def event_queue(self) -> EventQueue:
        """The queue of providers' events."""
        from monthclose.adapters.aws.event_queue import SqsEventQueue  # noqa: PLC0415

        return SqsEventQueue(self.settings.webhook_queue_url)

    @property
    def webhook_providers(self) -> frozenset[str]:
        """The providers whose webhooks are accepted."""
        return frozenset(self.settings.providers.keys() & _WEBHOOKS.keys())

    def webhook_readers(self, name: str) -> list[WebhookReader]:
        """Make the readers of a provider's webhooks, one for each secret that they may be signed with.

        Raises
        ------
        ProviderRefusedError
            The provider's secret has no signing secret.
        """
        from monthclose.adapters.aws.secrets import webhook_secrets  # noqa: PLC0415

        return [_WEBHOOKS[name](secret) for secret in webhook_secrets(self.settings.providers[name].secret_name)]

    def gateway(self, name: str) -> PaymentGateway:
        """Make a provider's gateway, which keeps to the provider's limit.

        Raises
        ------
        ProviderRefusedError
            It has no adapter, or its secret cannot be read.
        """
        if name not in _GATEWAYS:
            raise ProviderRefusedError(f"provider {name!r} cannot charge anybody: it has no adapter")
        settings = self.settings.providers[name]
        return self._limiting.limited(_GATEWAYS[name](settings), settings)
