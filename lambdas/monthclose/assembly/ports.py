"""Everything that the use cases are assembled from: adapters in a deployment, fakes in the tests' world."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Protocol

from monthclose.domain.imports.intake import CheckTaxId
from monthclose.ports import (
    AuditTrail,
    Books,
    ChargeQueue,
    ChargingPauses,
    Claims,
    Clock,
    Closes,
    CustomerDirectory,
    DeadLetters,
    Documents,
    EarlierItems,
    EInvoices,
    EventBus,
    EventQueue,
    HostedPages,
    Inbox,
    InvoiceRenderer,
    LinkSecrets,
    Log,
    MailAccount,
    Mailer,
    PackedUsage,
    Patience,
    PaymentGateway,
    PriceBooks,
    ProviderLimits,
    Rehearsals,
    StoredRegister,
    TaxTables,
    UsageStore,
    WebhookReader,
    Workflow,
)
from monthclose.ports.copies import TableCopies
from monthclose.ports.payouts import PayoutRecord
from monthclose.ports.tables import ColumnFiles
from monthclose.ports.usage_archive import LeavingUsage, UsageFiles
from monthclose.settings import Settings


class Ports(Protocol):
    """The ports, by name. Those that take time to make, such as the mail service, are made on first use."""

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""

    @property
    def clock(self) -> Clock:
        """The clock of the records; on a local AWS it may be ahead (`monthclose local clock`)."""

    @property
    def machine_clock(self) -> Clock:
        """The machine's clock, for what goes by the second and by AWS's own times: limits, quotas, waits in queues."""

    @property
    def log(self) -> Log:
        """The log: a function's, or the command's notes for a person."""

    @property
    def patience(self) -> Patience:
        """How long throttled calls of the stores are repeated."""

    @property
    def books(self) -> Books:
        """Customers, invoices, payments, entries."""

    @property
    def closes(self) -> Closes:
        """Closes, their batches and their numbers."""

    @property
    def audit(self) -> AuditTrail:
        """The audit trail."""

    @property
    def register(self) -> StoredRegister:
        """The rows that lists are made of."""

    @property
    def rehearsals(self) -> Rehearsals:
        """The newest rehearsal of each period."""

    @property
    def claims(self) -> Claims:
        """Which execution does what."""

    @property
    def directory(self) -> CustomerDirectory:
        """All customers."""

    @property
    def usage(self) -> UsageStore:
        """The customers' usage."""

    @property
    def leaving_usage(self) -> LeavingUsage:
        """The same, for what is archived."""

    @property
    def usage_files(self) -> UsageFiles:
        """The files of archived usage; only where the layer for tables is installed."""

    @property
    def packed_usage(self) -> PackedUsage:
        """The same, for what is moved into it."""

    @property
    def usage_items(self) -> EarlierItems:
        """Usage of releases that stored each event for itself."""

    @property
    def price_books(self) -> PriceBooks:
        """The versions of the price book."""

    @property
    def tax_tables(self) -> TaxTables:
        """The versions of the tax table."""

    @property
    def check_tax_id(self) -> CheckTaxId:
        """Checks tax ids."""

    @property
    def documents(self) -> Documents:
        """Stored documents."""

    @property
    def inbox(self) -> Inbox:
        """Dropped usage files."""

    @property
    def mailer(self) -> Mailer:
        """The mail service; it keeps to the account's rate and quota."""

    @property
    def mail_account(self) -> MailAccount:
        """The account's quota at the mail service."""

    @property
    def renderer(self) -> InvoiceRenderer:
        """Renders invoices as PDFs."""

    @property
    def e_invoices(self) -> EInvoices:
        """Writes electronic invoices."""

    @property
    def column_files(self) -> ColumnFiles:
        """Writes Parquet; only where that layer is installed."""

    @property
    def link_secrets(self) -> LinkSecrets | None:
        """The keys of links to invoices; None if mails carry no links."""

    @property
    def gateways(self) -> Mapping[str, Callable[[], PaymentGateway]]:
        """Makes each provider's gateway, by the provider's name; it keeps to the provider's limit."""

    @property
    def hosted_pages(self) -> Mapping[str, Callable[[], HostedPages]]:
        """Makes the pages of each provider that has some, by the provider's name; they keep to the same limit."""

    @property
    def payout_records(self) -> Mapping[str, Callable[[], PayoutRecord]]:
        """Makes each provider's record of its payouts, by the provider's name; it keeps to the same limit."""

    @property
    def limits(self) -> ProviderLimits:
        """The state of the providers' rate limits."""

    @property
    def pauses(self) -> ChargingPauses:
        """Whether persons have paused charging."""

    @property
    def workflow(self) -> Workflow:
        """The workflow engine."""

    @property
    def event_queue(self) -> EventQueue:
        """The queue of providers' events."""

    @property
    def copies(self) -> TableCopies:
        """The tables' backups."""

    @property
    def event_bus(self) -> EventBus:
        """Where other systems hear of events."""

    def charge_queue(self, provider: str) -> ChargeQueue:
        """Make a provider's queue of batches to charge."""

    def dead_letters(self, queue_url: str) -> DeadLetters:
        """Make a dead-letter queue, by its URL."""

    def webhook_readers(self, provider: str) -> Sequence[WebhookReader]:
        """Make the readers of a provider's webhooks, one for each secret that they may be signed with."""

    def executor(self, name: str, threads: int) -> Executor:
        """A named pool of threads; they are started when they are needed, and stay."""
