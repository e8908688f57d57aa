"""The use cases about whole months, assembled from the ports: see `assembly.use_cases`."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from monthclose.assembly.customers import CustomerUseCases
from monthclose.errors import ProviderRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from monthclose.domain.closes.close import Batch, Close
    from monthclose.domain.payments.charging_pause import Pause
    from monthclose.domain.period import Period
    from monthclose.ports import LinkSecrets
    from monthclose.use_cases.closes.choose_retried import RetryChooser
    from monthclose.use_cases.closes.close_widget import CloseWidget
    from monthclose.use_cases.closes.follow_close import CloseFollower
    from monthclose.use_cases.closes.list_customers import CustomerLister
    from monthclose.use_cases.closes.open_close import Opened
    from monthclose.use_cases.closes.outlook import OutlookMaker
    from monthclose.use_cases.closes.plan_close import Planner
    from monthclose.use_cases.closes.take_snapshot import SnapshotTaker
    from monthclose.use_cases.closes.watch_closes import CloseWatcher
    from monthclose.use_cases.collections.collect_due import Collector
    from monthclose.use_cases.collections.find_owing import OwingFinder
    from monthclose.use_cases.collections.what_came import Done
    from monthclose.use_cases.finance.read_books import BooksReader
    from monthclose.use_cases.finance.read_payouts import PayoutReader
    from monthclose.use_cases.imports.finish_usage import UsageFinisher
    from monthclose.use_cases.imports.group_customers import Regrouper
    from monthclose.use_cases.imports.import_lock import ImportLock
    from monthclose.use_cases.imports.import_usage import UsageImporter
    from monthclose.use_cases.imports.load_usage import LaneLoader
    from monthclose.use_cases.imports.move_usage import UsageMover
    from monthclose.use_cases.imports.receive_usage import UsageReceiver
    from monthclose.use_cases.imports.sources import SourceKeeper
    from monthclose.use_cases.invoices.account_papers import AccountPapers
    from monthclose.use_cases.invoices.correct_invoice import Corrector
    from monthclose.use_cases.invoices.draft_batch import BatchDrafter
    from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
    from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator
    from monthclose.use_cases.invoices.invoice_links import LinkOpener
    from monthclose.use_cases.invoices.invoice_page import InvoicePages
    from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
    from monthclose.use_cases.invoices.judged_drafts import JudgedDrafts
    from monthclose.use_cases.invoices.refund_payment import Refunder
    from monthclose.use_cases.invoices.regenerate_invoice import Regenerator
    from monthclose.use_cases.invoices.replace_invoice import Replacer
    from monthclose.use_cases.invoices.write_off_invoice import WriterOff

READERS = 16
"""Threads that read months for a comparison or a draft: they read the books, and sometimes ask the provider."""


class MonthUseCases(CustomerUseCases):
    """Importing, invoicing, closing and collecting."""

    # Imports

    @cached_property
    def regrouper(self) -> Regrouper:
        """Stores customers whose payer is another than before."""
        from monthclose.use_cases.imports.group_customers import Regrouper

        return Regrouper(self.ports.books, self.ports.directory, self.ports.clock)

    @cached_property
    def usage_importer(self) -> UsageImporter:
        """Imports usage."""
        from monthclose.use_cases.imports.import_pace import ImportPace
        from monthclose.use_cases.imports.import_usage import AT_ONCE, UsageImporter

        ports = self.ports
        return UsageImporter(
            directory=ports.directory,
            usage=ports.usage,
            closes=ports.closes,
            books=ports.books,
            clock=ports.clock,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            executor=lambda: ports.executor("usage", AT_ONCE),
            pace=ImportPace(ports.closes, ports.settings.drop.rows_per_second_while_closing),
            calendar=ports.settings.calendar,
        )

    @cached_property
    def lane_importer(self) -> UsageImporter:
        """Imports usage in one of several functions, each of which has a lane's share while a close runs."""
        from monthclose.use_cases.imports.import_pace import ImportPace

        drop = self.ports.settings.drop
        pace = ImportPace(self.ports.closes, drop.rows_per_second_while_closing / drop.lanes)
        return replace(self.usage_importer, pace=pace)

    @cached_property
    def usage_mover(self) -> UsageMover:
        """Moves usage of earlier releases into packs."""
        from monthclose.use_cases.imports.decide_usage import UsageDecider
        from monthclose.use_cases.imports.known_customers import KnownCustomers
        from monthclose.use_cases.imports.late_usage import LateUsage
        from monthclose.use_cases.imports.move_usage import AT_ONCE, UsageMover

        ports = self.ports
        return UsageMover(
            ports.packed_usage,
            ports.usage_items,
            UsageDecider(ports.packed_usage, ports.clock),
            LateUsage(ports.closes, ports.books, ports.clock, ports.settings.calendar),
            KnownCustomers(ports.directory),
            ports.closes,
            lambda: ports.executor("moving", AT_ONCE),
        )

    @cached_property
    def import_lock(self) -> ImportLock:
        """Lets one execution at a time import the versions of a file."""
        from monthclose.use_cases.imports.import_lock import ImportLock

        return ImportLock(self.ports.claims, self.ports.workflow, self.ports.clock)

    @cached_property
    def usage_receiver(self) -> UsageReceiver:
        """Receives dropped usage files."""
        from monthclose.use_cases.imports.receive_usage import UsageReceiver

        settings = self.ports.settings
        return UsageReceiver(
            self.ports.inbox,
            self.import_lock,
            self.lane_importer,
            self.acts,
            self.sources,
            lambda: self.ports.column_files,  # importing what reads them takes a while
            settings.drop,
            settings.max_rejected_percent,
            settings.calendar.zone,
        )

    @cached_property
    def sources(self) -> SourceKeeper:
        """Keeps the sources of imported files."""
        from monthclose.use_cases.imports.sources import SourceKeeper

        return SourceKeeper(self.ports.documents)

    @cached_property
    def lane_loader(self) -> LaneLoader:
        """Loads the lanes of a usage file that was split."""
        from monthclose.use_cases.imports.load_usage import LaneLoader

        return LaneLoader(self.ports.inbox, self.import_lock, self.lane_importer)

    @cached_property
    def usage_finisher(self) -> UsageFinisher:
        """Combines the results of a split usage file's lanes."""
        from monthclose.use_cases.imports.finish_usage import UsageFinisher

        return UsageFinisher(self.ports.inbox, self.import_lock, self.acts, self.ports.settings.max_rejected_percent)

    # Invoices

    @cached_property
    def payout_reader(self) -> PayoutReader:
        """Reads the providers' payouts."""
        from monthclose.use_cases.finance.read_payouts import PayoutReader

        return PayoutReader(self.ports.payout_records, self.ports.log)

    @cached_property
    def books_reader(self) -> BooksReader:
        """Reads a customer's books for figures."""
        from monthclose.use_cases.finance.read_books import BooksReader

        return BooksReader(self.ports.books, self.issued)

    @cached_property
    def issued(self) -> IssuedDocuments:
        """The issued invoices and credit notes."""
        from monthclose.use_cases.invoices.issued_documents import IssuedDocuments

        ports = self.ports
        return IssuedDocuments(
            ports.books,
            ports.closes,
            ports.documents,
            lambda: ports.renderer,
            lambda: ports.e_invoices,
            ports.settings.company,
        )

    @cached_property
    def account_papers(self) -> AccountPapers:
        """Writes receipts and statements of account."""
        from monthclose.use_cases.invoices.account_papers import AccountPapers

        ports = self.ports
        return AccountPapers(ports.books, ports.documents, self.issued, lambda: ports.renderer, ports.settings.company)

    @cached_property
    def invoice_drafter(self) -> InvoiceDrafter:
        """Drafts invoices."""
        from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter

        ports = self.ports
        return InvoiceDrafter(
            books=ports.books,
            closes=ports.closes,
            usage=ports.usage,
            price_books=ports.price_books,
            documents=ports.documents,
            tax_tables=ports.tax_tables,
            company=ports.settings.company,
            calendar=ports.settings.calendar,
        )

    @cached_property
    def batch_drafter(self) -> BatchDrafter:
        """Drafts a batch's invoices."""
        from monthclose.use_cases.invoices.draft_batch import BatchDrafter

        ports = self.ports
        return BatchDrafter(ports.books, ports.price_books, ports.tax_tables, ports.clock, self.invoice_drafter)

    @cached_property
    def judged_drafts(self) -> JudgedDrafts:
        """Reads the drafts that were judged."""
        from monthclose.use_cases.invoices.judged_drafts import JudgedDrafts

        ports, settings = self.ports, self.ports.settings
        return JudgedDrafts(
            books=ports.books,
            documents=ports.documents,
            drafter=self.batch_drafter,
            policy=settings.invoicing,
            gates=settings.gates,
            payment_days=settings.company.payment_days,
        )

    @cached_property
    def replacer(self) -> Replacer:
        """Issues invoices that replace others."""
        from monthclose.use_cases.invoices.replace_invoice import Replacer

        ports = self.ports
        return Replacer(ports.books, ports.documents, ports.clock, frozenset(ports.settings.providers))

    @cached_property
    def invoice_generator(self) -> InvoiceGenerator:
        """Generates a batch's invoices."""
        from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator

        ports = self.ports
        return InvoiceGenerator(
            books=ports.books,
            closes=ports.closes,
            documents=ports.documents,
            clock=ports.clock,
            batch_drafter=self.batch_drafter,
            judged=self.judged_drafts,
            replacer=self.replacer,
            adapters=frozenset(ports.settings.providers),
            policy=ports.settings.invoicing,
        )

    @cached_property
    def corrector(self) -> Corrector:
        """Issues credit notes."""
        from monthclose.use_cases.invoices.correct_invoice import Corrector

        ports = self.ports
        keeper, calendar = self.hold_keeper, ports.settings.calendar
        return Corrector(ports.books, ports.closes, ports.documents, self.issued, keeper, ports.clock, calendar)

    @cached_property
    def refunder(self) -> Refunder:
        """Refunds payments for a person."""
        from monthclose.use_cases.invoices.refund_payment import Refunder

        ports = self.ports
        return Refunder(
            books=ports.books,
            issued=self.issued,
            charger=self.charger,
            corrector=self.corrector,
            holds=self.hold_keeper,
            teller=self.money_back_teller,
            clock=ports.clock,
            limits=ports.settings.hand_limits,
        )

    @cached_property
    def writer_off(self) -> WriterOff:
        """Writes off invoices for a person."""
        from monthclose.use_cases.invoices.write_off_invoice import WriterOff

        ports, limits = self.ports, self.ports.settings.hand_limits
        return WriterOff(ports.books, self.issued, self.hold_keeper, self.money_back_teller, ports.clock, limits)

    @cached_property
    def regenerator(self) -> Regenerator:
        """Regenerates invoices."""
        from monthclose.use_cases.invoices.regenerate_invoice import Regenerator

        ports = self.ports
        return Regenerator(
            books=ports.books,
            closes=ports.closes,
            documents=ports.documents,
            clock=ports.clock,
            issued=self.issued,
            holds=self.hold_keeper,
            corrector=self.corrector,
            drafter=self.invoice_drafter,
            replacer=self.replacer,
            policy=ports.settings.invoicing,
        )

    @property
    def _link_secrets(self) -> LinkSecrets:
        if self.ports.link_secrets is None:
            raise ProviderRefusedError("links to invoices are switched off in the settings")
        return self.ports.link_secrets

    @cached_property
    def link_opener(self) -> LinkOpener:
        """Opens links to invoices.

        Raises
        ------
        ProviderRefusedError
            The deployment has no links.
        """
        from monthclose.use_cases.invoices.invoice_links import LinkOpener

        return LinkOpener(self._link_secrets, self.ports.clock, self.issued, self.ports.documents)

    @cached_property
    def invoice_pages(self) -> InvoicePages:
        """Makes the pages that links to invoices open."""
        from monthclose.use_cases.invoices.invoice_page import InvoicePages

        ports = self.ports
        pages, settings = frozenset(ports.hosted_pages), ports.settings
        return InvoicePages(settings.company_name, self.issued, ports.clock, pages, settings.calendar)

    # Closes

    def open_close(self, period: Period, execution: str, only: str = "") -> Opened:
        """Open a period for an execution; see `open_close`."""
        from monthclose.use_cases.closes.open_close import open_close

        ports, calendar = self.ports, self.ports.settings.calendar
        closes, workflow, clock = ports.closes, ports.workflow, ports.clock
        return open_close(period, execution, only, closes=closes, workflow=workflow, clock=clock, calendar=calendar)

    @cached_property
    def planner(self) -> Planner:
        """Plans a close's rounds."""
        from monthclose.use_cases.closes.mail_outlook import MailOutlook
        from monthclose.use_cases.closes.plan_close import Planner

        ports, settings = self.ports, self.ports.settings
        return Planner(
            closes=ports.closes,
            rehearsals=ports.rehearsals,
            snapshots=self._snapshots,
            documents=ports.documents,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            providers=settings.providers,
            settings=settings.close,
            gateways=ports.gateways,
            mail=MailOutlook(ports.mail_account, settings.mail),
            limits=ports.limits,
            books=ports.books,
            clock=ports.clock,
        )

    @cached_property
    def outlook_maker(self) -> OutlookMaker:
        """Looks ahead at a close that has not begun."""
        from monthclose.use_cases.closes.outlook import OutlookMaker
        from monthclose.use_cases.invoices.estimate_amounts import DraftEstimator

        ports, settings = self.ports, self.ports.settings
        adapters = frozenset(settings.providers)
        estimator = DraftEstimator(ports.books, self.invoice_drafter, settings.invoicing, adapters)
        return OutlookMaker(
            closes=ports.closes,
            directory=ports.directory,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            limits=ports.limits,
            providers=settings.providers,
            settings=settings.close,
            account=ports.mail_account,
            mail=settings.mail,
            clock=ports.clock,
            estimate=estimator.estimate,
            executor=ports.executor("outlook", READERS),
        )

    @cached_property
    def close_follower(self) -> CloseFollower:
        """Follows a running close."""
        from monthclose.use_cases.closes.follow_close import CloseFollower

        ports, settings = self.ports, self.ports.settings
        return CloseFollower(
            closes=ports.closes,
            limits=ports.limits,
            providers=settings.providers,
            settings=settings.close,
            account=ports.mail_account,
            mail=settings.mail,
            clock=ports.clock,
            machine_clock=ports.machine_clock,
        )

    @cached_property
    def _snapshots(self) -> SnapshotTaker:
        from monthclose.use_cases.closes.registered_scan import RegisteredScan
        from monthclose.use_cases.closes.take_snapshot import SnapshotTaker

        ports, settings = self.ports, self.ports.settings
        queues = {name: provider.queue_url for name, provider in settings.providers.items()}
        scan = RegisteredScan(ports.directory, ports.register, ports.clock)
        return SnapshotTaker(scan, ports.documents, queues, settings.close.max_batches)

    def park_customers(self, period: Period, batch: Batch, only: Collection[str] = ()) -> int:
        """Park a batch's customers without an outcome after the last round; see `park_customers`."""
        from monthclose.use_cases.closes.park_customers import park_customers

        ports = self.ports
        return park_customers(period, batch, only, books=ports.books, closes=ports.closes, clock=ports.clock)

    @cached_property
    def customer_lister(self) -> CustomerLister:
        """Lists the customers behind a count."""
        from monthclose.use_cases.closes.list_customers import CustomerLister

        return CustomerLister(self.ports.books, self.ports.closes, self.ports.documents)

    @cached_property
    def retry_chooser(self) -> RetryChooser:
        """Chooses customers who are closed again without the rest."""
        from monthclose.use_cases.closes.choose_retried import RetryChooser

        ports = self.ports
        calendar = ports.settings.calendar
        return RetryChooser(ports.directory, ports.documents, ports.usage, self.customer_lister, calendar)

    def note_stop(self, period: Period, reason: str, by: str) -> None:
        """Record that a person stopped a close, and why; see `note_stop`."""
        from monthclose.use_cases.closes.stop_close import note_stop

        note_stop(period, reason, by, closes=self.ports.closes, clock=self.ports.clock)

    def pause_close(self, period: Period, by: str, reason: str) -> Pause:
        """Pause a close's charging; see `pause_close`."""
        from monthclose.use_cases.closes.pause_close import pause_close

        ports = self.ports
        return pause_close(period, by, reason, closes=ports.closes, workflow=ports.workflow, clock=ports.clock)

    def resume_close(self, period: Period, by: str) -> Close:
        """Resume a close's charging; see `resume_close`."""
        from monthclose.use_cases.closes.pause_close import resume_close

        return resume_close(period, by, closes=self.ports.closes, clock=self.ports.clock)

    @cached_property
    def close_widget(self) -> CloseWidget:
        """Draws the latest close for the dashboard."""
        from monthclose.use_cases.closes.close_widget import CloseWidget

        return CloseWidget(self.ports.closes, self.ports.clock)

    @cached_property
    def close_watcher(self) -> CloseWatcher:
        """Watches for closes that have not begun, or not ended."""
        from monthclose.use_cases.closes.watch_closes import CloseWatcher

        ports = self.ports
        settings = ports.settings
        providers, billing_days = frozenset(settings.providers), settings.billing_days
        return CloseWatcher(ports.closes, ports.limits, ports.clock, providers, billing_days, settings.calendar)

    # Collections

    @cached_property
    def owing_finder(self) -> OwingFinder:
        """Finds the customers who owe something or are on hold."""
        from monthclose.use_cases.collections.find_owing import OwingFinder

        ports = self.ports
        return OwingFinder(
            claims=ports.claims,
            closes=ports.closes,
            directory=ports.directory,
            documents=ports.documents,
            workflow=ports.workflow,
            clock=ports.clock,
            providers=ports.settings.providers,
            calendar=ports.settings.calendar,
        )

    def collector(self, provider: str) -> Collector:
        """Collect what is due through a provider."""
        from monthclose.use_cases.collections.collect_due import Collector

        ports = self.ports
        charger, executor = self.charger(provider), self._executor("charge", provider)
        policy, catch_up = ports.settings.dunning, self.details_desk.catch_up
        return Collector(charger, ports.books, ports.closes, ports.clock, ports.log, executor, policy, catch_up)

    def what_came(self, key: str, since: datetime) -> Iterator[Done]:
        """Say what came of a run of the collections; see `what_came`."""
        from monthclose.use_cases.collections.what_came import what_came

        ports = self.ports
        executor = ports.executor("read", READERS)
        return what_came(key, since, books=ports.books, documents=ports.documents, executor=executor)
