"""Puts the adapters behind the ports. Only this module, and `providers` for it, names concrete adapters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from monthclose.adapters.dynamo.models import bind
from monthclose.adapters.dynamo.throttling import DynamoPatience, repeat_throttled
from monthclose.errors import ProviderRefusedError
from monthclose.names import LOCAL_CLOCK
from monthclose.providers import GATEWAYS, PAGES, PAYOUTS, WEBHOOKS

if TYPE_CHECKING:
    from pynamodb.connection import Connection

    from monthclose.adapters.aws.s3 import S3Documents
    from monthclose.adapters.aws.s3_register import S3Register
    from monthclose.adapters.dynamo.batches import Batches
    from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
    from monthclose.assembly.limiting import Limiting
    from monthclose.domain.events import Change
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
        PaymentGateway,
        PriceBooks,
        ProviderLimits,
        Rehearsals,
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
    from monthclose.use_cases.payments.request_tally import RequestEnd

# An adapter is imported where its port is made: no command and no function uses all of them, and most bring an SDK.


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def _share_session(connection: Connection) -> None:
    from monthclose.adapters.aws.clients import share_session

    share_session(connection.session)


def system_clock(environment: Mapping[str, str]) -> Clock:
    """Make the clock of the records: the machine's, or a local AWS's, which may be ahead.

    Raises
    ------
    UserMistakeError
        The environment names such a clock for an AWS elsewhere.
    """
    if not environment.get(LOCAL_CLOCK):
        return utc_now
    from monthclose.adapters.local_clock import LocalClock

    return LocalClock(environment)


class Runtime:
    """A deployment's `Ports`, each with its adapter, made when it is first asked for.

    Parameters
    ----------
    region : str
        Where its tables are.
    loader : botocore.loaders.Loader, optional
        See `bind`.
    """

    def __init__(self, settings: Settings, region: str, log: Log, loader: Any = None) -> None:
        self.settings = settings
        self.log = log
        self.clock: Clock = system_clock(os.environ)
        self.machine_clock: Clock = utc_now
        # Not later, when several threads may ask for their first port: the models are the whole process's.
        self._connection = bind(settings, region, loader)
        if loader is None:
            _share_session(self._connection)
        self.patience = DynamoPatience()
        """How long throttled calls are repeated."""
        repeat_throttled(self._connection.client, self.patience)
        self._executors: dict[str, Executor] = {}
        self._lock = Lock()

    @cached_property
    def books(self) -> Books:
        """Customers, invoices, payments, entries."""
        from monthclose.adapters.dynamo.books import DynamoBooks

        return DynamoBooks(self._connection, self._batches, self.settings.calendar)

    @cached_property
    def closes(self) -> Closes:
        """Closes, their batches and their numbers."""
        from monthclose.adapters.dynamo.closes import DynamoCloses

        return DynamoCloses(self._batches, lambda: self.register)

    @cached_property
    def register(self) -> S3Register:
        """The rows that lists are made of."""
        from monthclose.adapters.aws.s3_register import S3Register

        return S3Register(self.settings.documents_bucket, self.clock, self.log)

    @cached_property
    def audit(self) -> AuditTrail:
        """The audit trail; its acts are those of whose credentials these are."""
        from monthclose.adapters.aws.identity import caller_of
        from monthclose.adapters.dynamo.audit import DynamoAuditTrail

        return DynamoAuditTrail(self._connection, partial(caller_of, self._connection.session), self.clock)

    @cached_property
    def rehearsals(self) -> Rehearsals:
        """The newest rehearsal of each period."""
        from monthclose.adapters.dynamo.rehearsals import DynamoRehearsals

        return DynamoRehearsals()

    @cached_property
    def claims(self) -> Claims:
        """Who works on what."""
        from monthclose.adapters.dynamo.claims import DynamoClaims

        return DynamoClaims()

    @cached_property
    def _batches(self) -> Batches:
        from monthclose.adapters.dynamo.batches import Batches

        return Batches(self.patience)

    @cached_property
    def directory(self) -> CustomerDirectory:
        """All customers."""
        from monthclose.adapters.dynamo.directory import DynamoCustomerDirectory

        return DynamoCustomerDirectory(self._batches, lambda: self.register)

    @property
    def usage(self) -> UsageStore:
        """What customers used."""
        return self.packed_usage

    @cached_property
    def packed_usage(self) -> DynamoUsageStore:
        """The same, for what is moved into it."""
        from monthclose.adapters.dynamo.usage.store import DynamoUsageStore
        from monthclose.adapters.tables.archived_usage import ArchivedUsage

        # Old items of a month may still be there when that is in the archive, which knows better.
        archived = ArchivedUsage(self.documents, lambda: self.usage_files, self.clock)
        return DynamoUsageStore(self._connection, self._batches, [archived, self.usage_items])

    @property
    def leaving_usage(self) -> LeavingUsage:
        """The same, for what is archived."""
        return self.packed_usage

    @cached_property
    def usage_files(self) -> UsageFiles:
        """The files of archived usage; only where the layer for tables is installed."""
        from monthclose.adapters.tables.usage_parquet import ParquetUsage

        return ParquetUsage(self.documents)

    @cached_property
    def usage_items(self) -> EarlierItems:
        """Usage of releases that stored each event as an item."""
        from monthclose.adapters.dynamo.usage.earlier_items import UsageItems

        return UsageItems(self._batches)

    @cached_property
    def _s3(self) -> S3Documents:
        from monthclose.adapters.aws.s3 import S3Documents

        return S3Documents(self.settings.documents_bucket)

    @property
    def documents(self) -> Documents:
        """Stored documents."""
        return self._s3

    @cached_property
    def inbox(self) -> Inbox:
        """Dropped usage files."""
        from monthclose.adapters.aws.s3_inbox import S3Inbox

        return S3Inbox(self.settings.usage_bucket)

    @cached_property
    def price_books(self) -> PriceBooks:
        """The versions of the price book."""
        from monthclose.adapters.aws.versions import S3PriceBooks

        return S3PriceBooks(self._s3)

    @cached_property
    def tax_tables(self) -> TaxTables:
        """The versions of the tax table."""
        from monthclose.adapters.aws.versions import S3TaxTables

        return S3TaxTables(self._s3)

    @property
    def check_tax_id(self) -> CheckTaxId:
        """Checks tax ids."""
        from monthclose.adapters.tax_ids import check_tax_id

        return check_tax_id

    @cached_property
    def workflow(self) -> Workflow:
        """The workflow engine."""
        from monthclose.adapters.aws.stepfunctions import StepFunctionsWorkflow

        return StepFunctionsWorkflow()

    @cached_property
    def limits(self) -> ProviderLimits:
        """How fast providers may be asked."""
        from monthclose.adapters.dynamo.limits import DynamoProviderLimits

        return DynamoProviderLimits()

    @cached_property
    def pauses(self) -> ChargingPauses:
        """Whether persons have paused charging."""
        from monthclose.assembly.limiting import known_pauses

        return known_pauses(self.limits, self.closes, self.machine_clock)

    @cached_property
    def mailer(self) -> Mailer:
        """The mail service, kept to the account's rate and quota."""
        from monthclose.adapters.aws.ses import SesMailer

        mailer = SesMailer(self.settings.mail_sender, self.settings.mail_configuration_set)
        return self._limiting.limited_mail(mailer, self.mail_account, self.settings.mail)

    @cached_property
    def mail_account(self) -> MailAccount:
        """The account's quota at the mail service."""
        from monthclose.adapters.aws.ses import SesAccount
        from monthclose.adapters.dynamo.mail_quota import KeptQuota

        return KeptQuota(SesAccount(self.machine_clock), self.machine_clock)

    @cached_property
    def renderer(self) -> InvoiceRenderer:
        """Renders invoices; only where the documents layer is installed (one function, and the command)."""
        from monthclose.adapters.documents.typst import TypstRenderer

        return TypstRenderer()

    @cached_property
    def e_invoices(self) -> EInvoices:
        """Writes electronic invoices; only where the documents layer is installed."""
        from monthclose.adapters.documents.e_invoice import FacturX

        return FacturX()

    @cached_property
    def column_files(self) -> ColumnFiles:
        """Writes Parquet; only where the report pack's layer is installed (one function)."""
        from monthclose.adapters.tables.duck import DuckColumnFiles

        return DuckColumnFiles()

    @cached_property
    def link_secrets(self) -> LinkSecrets | None:
        """The keys of links to invoices; None if mails carry no links."""
        from monthclose.adapters.aws.secrets import SecretLinkKeys

        return SecretLinkKeys(self.settings.links.secret_name) if self.settings.links else None

    @property
    def dynamodb(self) -> Any:
        """The DynamoDB client for Powertools' idempotency records: the models', as another costs a cold start."""
        return self._connection.client

    @property
    def gateways(self) -> Mapping[str, Callable[[], PaymentGateway]]:
        """Makes each provider's gateway, by the provider's name."""
        return {name: partial(self.gateway, name) for name in self.settings.providers}

    @property
    def hosted_pages(self) -> Mapping[str, Callable[[], HostedPages]]:
        """Makes the pages of each provider that has some, by the provider's name."""
        return {name: partial(self._hosted_pages, name) for name in self.settings.providers if name in PAGES}

    def _hosted_pages(self, name: str) -> HostedPages:
        from monthclose.adapters.aws.secrets import api_key

        settings = self.settings.providers[name]
        with self._lock:
            limiting = self._limiting
        return limiting.pages(lambda key: PAGES[name](key, settings), partial(api_key, settings.secret_name), settings)

    @property
    def payout_records(self) -> Mapping[str, Callable[[], PayoutRecord]]:
        """Makes each provider's record of its payouts, by the provider's name."""
        return {name: partial(self._payout_record, name) for name in self.settings.providers if name in PAYOUTS}

    def _payout_record(self, name: str) -> PayoutRecord:
        from monthclose.adapters.aws.secrets import api_key

        settings = self.settings.providers[name]
        with self._lock:
            limiting = self._limiting
        key = partial(api_key, settings.secret_name)
        return limiting.payouts(lambda key: PAYOUTS[name](key, settings), key, settings)

    @cached_property
    def _limiting(self) -> Limiting:
        from monthclose.assembly.limiting import Limiting

        return Limiting(self.limits, self.machine_clock, pauses=self.pauses)

    def requests(self, provider: str) -> Mapping[RequestEnd, int]:
        """Count how this worker's requests to a provider ended since this was last called."""
        return self._limiting.tallies[provider].take()

    def executor(self, name: str, threads: int) -> Executor:
        """Make a named pool of threads, once per process."""
        with self._lock:
            if name not in self._executors:
                self._executors[name] = ThreadPoolExecutor(threads, name)
            return self._executors[name]

    def charge_queue(self, name: str) -> ChargeQueue:
        """Make a provider's queue."""
        from monthclose.adapters.aws.sqs import SqsChargeQueue

        return SqsChargeQueue(self.settings.providers[name].queue_url)

    def dead_letters(self, queue_url: str) -> DeadLetters:
        """Make a dead-letter queue, by its URL."""
        from monthclose.adapters.aws.sqs import SqsDeadLetters

        return SqsDeadLetters(queue_url)

    def events_at(self, queue_url: str) -> EventQueue:
        """Make a queue of events, by its URL."""
        from monthclose.adapters.aws.event_queue import SqsEventQueue

        return SqsEventQueue(queue_url)

    def function(self, name: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        """Make what asks a function, by its name."""
        from monthclose.adapters.aws.functions import LambdaFunction

        return LambdaFunction(name)

    @cached_property
    def event_queue(self) -> EventQueue:
        """The queue of providers' events."""
        from monthclose.adapters.aws.event_queue import SqsEventQueue

        return SqsEventQueue(self.settings.webhook_queue_url)

    @cached_property
    def copies(self) -> TableCopies:
        """The tables' backups."""
        from monthclose.adapters.dynamo.copies import DynamoCopies

        known = self.settings
        tables = [known.customers_table, known.usage_table, known.billing_table, known.closes_table]
        added = list(filter(None, [known.usage_packs_table]))
        return DynamoCopies([*tables, *added, known.idempotency_table], added=added)

    @cached_property
    def event_bus(self) -> EventBus:
        """Where other systems hear of events."""
        from monthclose.adapters.aws.event_bus import EventBridgeBus

        return EventBridgeBus(self.settings.event_source)

    def read_change(self, record: Mapping[str, Any]) -> Change | None:
        """Read a record of a table's stream; see `changes.read_change`."""
        from monthclose.adapters.dynamo.changes import read_change

        return read_change(record)

    @property
    def webhook_providers(self) -> frozenset[str]:
        """The providers whose webhooks are accepted."""
        return frozenset(self.settings.providers.keys() & WEBHOOKS.keys())

    def webhook_readers(self, name: str) -> list[WebhookReader]:
        """Make the readers of a provider's webhooks, one for each secret that they may be signed with.

        Raises
        ------
        ProviderRefusedError
            The provider's secret has no signing secret.
        """
        from monthclose.adapters.aws.secrets import webhook_secrets

        return [WEBHOOKS[name](secret) for secret in webhook_secrets(self.settings.providers[name].secret_name)]

    def gateway(self, name: str) -> PaymentGateway:
        """Make a provider's gateway, which keeps to the provider's limit and reads its key again if it is refused.

        Raises
        ------
        ProviderRefusedError
            It has no adapter, or its secret cannot be read.
        """
        if name not in GATEWAYS:
            raise ProviderRefusedError(f"provider {name!r} cannot charge anybody: it has no adapter")
        from monthclose.adapters.aws.secrets import api_key

        settings = self.settings.providers[name]
        with self._lock:  # the threads of a process share one limiter for each provider
            limiting = self._limiting
        return limiting.keyed(
            lambda key: GATEWAYS[name](key, settings), partial(api_key, settings.secret_name), settings
        )
