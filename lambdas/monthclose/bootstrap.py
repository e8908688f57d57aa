"""Puts the adapters behind the ports. The only module that names concrete adapters."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

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
    Limiter,
    LinkSecrets,
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
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.imports.import_lock import ImportLock
from monthclose.use_cases.imports.import_usage import UsageImporter
from monthclose.use_cases.invoices.invoice_links import link_writer
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
from monthclose.use_cases.notices.notice_texts import NoticeTexts
from monthclose.use_cases.notices.tell_customer import CustomerTeller
from monthclose.use_cases.notices.tell_hold import HoldTeller
from monthclose.use_cases.payments.limiter import PacedLimiter
from monthclose.use_cases.payments.throttled_gateway import LANES, ThrottledGateway


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def _stripe(provider: Provider) -> PaymentGateway:
    # Imported here: the SDK takes 0.1 to 0.2 s, and only two of the functions charge or ask a provider.
    from monthclose.adapters.aws.secrets import api_key  # noqa: PLC0415
    from monthclose.adapters.stripe.gateway import StripeGateway  # noqa: PLC0415

    return StripeGateway(api_key(provider.secret_name), provider.api_base)


def _gocardless(provider: Provider) -> PaymentGateway:
    from monthclose.adapters.aws.secrets import api_key  # noqa: PLC0415
    from monthclose.adapters.gocardless.gateway import GoCardlessGateway  # noqa: PLC0415

    return GoCardlessGateway(api_key(provider.secret_name), provider.api_base)


_GATEWAYS = {"gocardless": _gocardless, "stripe": _stripe}
"""How each provider's gateway is made, by the name that the settings and the customers use."""
ADAPTERS = frozenset(_GATEWAYS)
"""The providers that customers can be charged through."""
_WEBHOOKS: Mapping[str, Callable[[str], WebhookReader]] = {
    "gocardless": GoCardlessWebhooks,
    "stripe": StripeWebhooks,
}
"""How the reader of each provider's webhooks is made, for a secret that they are signed with."""
STRIPE_EVENTS = sorted(StripeWebhooks.events)
"""What to choose where the address is registered at Stripe."""
_PATIENCE_SECONDS = 15
"""How long a request waits for a slot. A charge's two waits and two calls at their time-outs (20 s) must fit into what
a consumer keeps of its function's time."""


class Runtime:
    """A deployment, ready to be used: each port with its adapter.

    Parameters
    ----------
    settings : Settings
        The deployment's settings.
    region : str
        Where its tables are.
    """

    def __init__(self, settings: Settings, region: str) -> None:
        connection = bind(settings, region)
        documents = S3Documents(settings.documents_bucket)
        self.settings = settings
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
        self._limiters: dict[str, Limiter] = {}

    @cached_property
    def mailer(self) -> Mailer:
        """The mail service."""
        from monthclose.adapters.aws.ses import SesMailer  # noqa: PLC0415

        return SesMailer(self.settings.mail_sender, self.settings.mail_configuration_set)

    @property
    def notice_texts(self) -> NoticeTexts:
        """What writes to customers, with links to their invoices where the deployment has them."""
        writer = link_writer(self.settings.links, self.link_secrets, self.clock)
        return NoticeTexts(self.settings.company_name, writer)

    @property
    def hold_keeper(self) -> HoldKeeper:
        """Decides customers' holds, and tells them."""
        policy = self.settings.hold_policy
        teller = HoldTeller(self.books, self.mailer, self.notice_texts, self.clock, policy)
        return HoldKeeper(self.books, self.closes, policy, self.clock, self.settings.dunning, teller)

    @property
    def customer_teller(self) -> CustomerTeller:
        """Tells customers what became of their payments."""
        return CustomerTeller(self.books, self.mailer, self.notice_texts, self.clock, self.hold_keeper)

    @cached_property
    def renderer(self) -> InvoiceRenderer:
        """Sets invoices; where the documents' layer is (one function, and the command)."""
        from monthclose.adapters.documents.typst import TypstRenderer  # noqa: PLC0415

        return TypstRenderer()

    @property
    def issued(self) -> IssuedDocuments:
        """The issued invoices, with what sets them made when it is needed."""
        return IssuedDocuments(
            self.books,
            self.closes,
            self.documents,
            lambda: self.renderer,
            lambda: self.e_invoices,
            self.settings.company,
        )

    @cached_property
    def e_invoices(self) -> EInvoices:
        """Writes electronic invoices; where the documents' layer is."""
        from monthclose.adapters.documents.e_invoice import FacturX  # noqa: PLC0415

        return FacturX()

    @cached_property
    def link_secrets(self) -> LinkSecrets | None:
        """The keys of links to invoices; None if there are to be no links."""
        from monthclose.adapters.aws.secrets import SecretLinkKeys  # noqa: PLC0415

        return SecretLinkKeys(self.settings.links.secret_name) if self.settings.links else None

    @property
    def importer(self) -> UsageImporter:
        """Imports usage."""
        return UsageImporter(
            self.directory, self.usage, self.closes, self.books, self.clock, self.price_books, self.tax_tables
        )

    @property
    def import_lock(self) -> ImportLock:
        """Lets one execution at a time import the versions of a file."""
        return ImportLock(self.claims, self.workflow, self.clock)

    @property
    def dynamodb(self) -> Any:
        """The DynamoDB client that Powertools keeps its idempotency records with."""
        return client("dynamodb")

    @property
    def gateways(self) -> Mapping[str, Callable[[], PaymentGateway]]:
        """How to make each provider's gateway, by its name."""
        return {name: partial(self.gateway, name) for name in self.settings.providers}

    def limiter(self, name: str) -> Limiter:
        """Return the limiter of a provider that all threads of this worker share."""
        if name not in self._limiters:
            self._limiters[name] = PacedLimiter(
                name, self.settings.providers[name].limit, self.limits, self.clock, patience_seconds=_PATIENCE_SECONDS
            )
        return self._limiters[name]

    def charge_queue(self, name: str) -> ChargeQueue:
        """Make a provider's queue."""
        from monthclose.adapters.aws.sqs import SqsChargeQueue  # noqa: PLC0415

        return SqsChargeQueue(self.settings.providers[name].queue_url)

    def dead_letters(self, queue_url: str) -> DeadLetters:
        """Make a queue of dead letters, by its URL."""
        from monthclose.adapters.aws.sqs import SqsDeadLetters  # noqa: PLC0415

        return SqsDeadLetters(queue_url)

    @cached_property
    def event_queue(self) -> EventQueue:
        """The queue of providers' events."""
        from monthclose.adapters.aws.event_queue import SqsEventQueue  # noqa: PLC0415

        return SqsEventQueue(self.settings.webhook_queue_url)

    @property
    def webhook_providers(self) -> frozenset[str]:
        """The providers whose webhooks are taken."""
        return frozenset(self.settings.providers.keys() & _WEBHOOKS.keys())

    def webhook_readers(self, name: str) -> list[WebhookReader]:
        """Make the readers of a provider's webhooks, one for each secret that they may be signed with.

        Raises
        ------
        ProviderRefusedError
            The provider's secret has none.
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
        if name not in self.settings.providers:
            raise ProviderRefusedError(f"provider {name!r} cannot charge anybody: it is not in the settings")
        settings = self.settings.providers[name]
        lanes = LANES[settings.limit_scope]
        return ThrottledGateway(_GATEWAYS[name](settings), self.limiter(name), lanes, settings.largest_charge_minor)
