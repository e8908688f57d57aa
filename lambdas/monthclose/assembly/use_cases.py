"""Every use case, assembled from the ports in one place: adding a constructor parameter is one edit, here.

Each is made, and its module imported, on first use: a cold start loads only what its function needs.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from monthclose.errors import ProviderRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from concurrent.futures import Executor
    from datetime import datetime

    from monthclose.assembly.ports import Ports
    from monthclose.domain.closes.close import Batch, Close
    from monthclose.domain.payments.charging_pause import Pause
    from monthclose.domain.period import Period
    from monthclose.ports import DeadLetters, ShareLeft
    from monthclose.use_cases.accounts.adjust_account import Cashier
    from monthclose.use_cases.accounts.apply_holds import HoldKeeper
    from monthclose.use_cases.accounts.hold_by_hand import HoldDesk
    from monthclose.use_cases.audit.record_act import ActRecorder
    from monthclose.use_cases.audit.record_start import StartRecorder
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
    from monthclose.use_cases.events.publish_events import EventPublisher
    from monthclose.use_cases.imports.finish_usage import UsageFinisher
    from monthclose.use_cases.imports.import_lock import ImportLock
    from monthclose.use_cases.imports.import_usage import UsageImporter
    from monthclose.use_cases.imports.load_usage import LaneLoader
    from monthclose.use_cases.imports.receive_usage import UsageReceiver
    from monthclose.use_cases.invoices.correct_invoice import Corrector
    from monthclose.use_cases.invoices.draft_batch import BatchDrafter
    from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
    from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator
    from monthclose.use_cases.invoices.invoice_links import LinkOpener
    from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
    from monthclose.use_cases.invoices.judged_drafts import JudgedDrafts
    from monthclose.use_cases.invoices.regenerate_invoice import Regenerator
    from monthclose.use_cases.invoices.replace_invoice import Replacer
    from monthclose.use_cases.notices.hear_mail import MailHearer
    from monthclose.use_cases.notices.notice_texts import NoticeTexts
    from monthclose.use_cases.notices.send_notices import NoticeSender, RemainingSender
    from monthclose.use_cases.notices.send_reminders import ReminderSender
    from monthclose.use_cases.notices.tell_correction import CorrectionTeller
    from monthclose.use_cases.notices.tell_customer import CustomerTeller
    from monthclose.use_cases.notices.tell_hold import HoldTeller
    from monthclose.use_cases.payments.charge_customers import BatchCharger
    from monthclose.use_cases.payments.charge_payment import Charger
    from monthclose.use_cases.payments.restore_mark import RestoreMark
    from monthclose.use_cases.payments.turns import Turns
    from monthclose.use_cases.payments.waiting_task import WaitingTask
    from monthclose.use_cases.proof.check_batch import BatchChecker
    from monthclose.use_cases.proof.compare_books import BookComparer
    from monthclose.use_cases.proof.prove_close import CloseProver
    from monthclose.use_cases.proof.report_close import Reporter
    from monthclose.use_cases.reconciliation.drain_dead_letters import DeadLetterDrain
    from monthclose.use_cases.reconciliation.finish_batches import BatchFinisher
    from monthclose.use_cases.reconciliation.money_desk import LocalMoneyDesk
    from monthclose.use_cases.reconciliation.open_reconcile import ReconcileOpener
    from monthclose.use_cases.reconciliation.reconcile_period import PeriodReconciler
    from monthclose.use_cases.reconciliation.settle_payments import PaymentSettler
    from monthclose.use_cases.rehearsals.approve_rehearsal import ApprovalWaiter, Approver
    from monthclose.use_cases.rehearsals.judge_rehearsal import RehearsalJudge, RehearsalReader
    from monthclose.use_cases.rehearsals.open_rehearsal import RehearsalOpener
    from monthclose.use_cases.rehearsals.plan_rehearsal import RehearsalPlanner
    from monthclose.use_cases.rehearsals.price_effects import PriceEffects
    from monthclose.use_cases.rehearsals.rehearse_batch import BatchRehearser
    from monthclose.use_cases.webhooks.apply_event import EventApplier
    from monthclose.use_cases.webhooks.take_webhook import WebhookTaker

_READERS = 16
"""Threads that compare: they read the books, and sometimes ask the provider."""
_WINDOWS = 8
"""Windows of the providers' records that are read in parallel, where one process reads all of them."""


class UseCases:
    """The use cases on given ports, in the order of their subjects.

    Those of one provider are made on every call, with the current key in the provider's secret.
    """

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    # Accounts

    @cached_property
    def hold_keeper(self) -> HoldKeeper:
        """Decides customers' holds, and notifies the customers."""
        from monthclose.use_cases.accounts.apply_holds import HoldKeeper

        ports, settings = self.ports, self.ports.settings
        return HoldKeeper(
            ports.books, ports.closes, settings.hold_policy, ports.clock, settings.dunning, self.hold_teller
        )

    @cached_property
    def hold_desk(self) -> HoldDesk:
        """Places and lifts holds for a person."""
        from monthclose.use_cases.accounts.hold_by_hand import HoldDesk

        return HoldDesk(self.ports.books, self.ports.clock)

    @cached_property
    def cashier(self) -> Cashier:
        """Charges, credits and books money for a person."""
        from monthclose.use_cases.accounts.adjust_account import Cashier

        ports = self.ports
        return Cashier(ports.books, ports.closes, ports.clock, self.charger, self.hold_keeper, self.customer_teller)

    # Audit

    @cached_property
    def acts(self) -> ActRecorder:
        """Records who changed what, before it is changed."""
        from monthclose.use_cases.audit.record_act import ActRecorder

        return ActRecorder(self.ports.audit, self.ports.clock, self.ports.log)

    @cached_property
    def starts(self) -> StartRecorder:
        """Records what functions start, and that the settings have changed."""
        from monthclose.use_cases.audit.record_start import StartRecorder

        return StartRecorder(self.acts, self.ports.settings)

    # Closes

    def open_close(self, period: Period, execution: str, only: str = "") -> Opened:
        """Open a period for an execution; see `open_close`."""
        from monthclose.use_cases.closes.open_close import open_close

        ports = self.ports
        return open_close(period, execution, only, closes=ports.closes, workflow=ports.workflow, clock=ports.clock)

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
            executor=ports.executor("outlook", _READERS),
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
        from monthclose.use_cases.closes.take_snapshot import SnapshotTaker

        ports, settings = self.ports, self.ports.settings
        queues = {name: provider.queue_url for name, provider in settings.providers.items()}
        return SnapshotTaker(ports.directory, ports.documents, queues, settings.close.max_batches)

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
        return RetryChooser(ports.directory, ports.documents, ports.usage, self.customer_lister)

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
        return CloseWatcher(ports.closes, ports.limits, ports.clock, frozenset(ports.settings.providers))

    # Collections

    @cached_property
    def owing_finder(self) -> OwingFinder:
        """Finds the customers who owe something or are on hold."""
        from monthclose.use_cases.collections.find_owing import OwingFinder

        ports = self.ports
        providers = ports.settings.providers
        return OwingFinder(
            ports.claims, ports.closes, ports.directory, ports.documents, ports.workflow, ports.clock, providers
        )

    def collector(self, provider: str) -> Collector:
        """Collect what is due through a provider."""
        from monthclose.use_cases.collections.collect_due import Collector

        ports = self.ports
        charger, executor = self.charger(provider), self._executor("charge", provider)
        return Collector(charger, ports.books, ports.closes, ports.clock, ports.log, executor, ports.settings.dunning)

    def what_came(self, key: str, since: datetime) -> Iterator[Done]:
        """Say what came of a run of the collections; see `what_came`."""
        from monthclose.use_cases.collections.what_came import what_came

        ports = self.ports
        executor = ports.executor("read", _READERS)
        return what_came(key, since, books=ports.books, documents=ports.documents, executor=executor)

    # Events

    @cached_property
    def event_publisher(self) -> EventPublisher:
        """Publishes events about what was committed."""
        from monthclose.use_cases.events.publish_events import EventPublisher

        return EventPublisher(self.ports.event_bus, self.ports.closes)

    # Imports

    @cached_property
    def usage_importer(self) -> UsageImporter:
        """Imports usage."""
        from monthclose.use_cases.imports.import_usage import UsageImporter

        ports = self.ports
        return UsageImporter(
            ports.directory, ports.usage, ports.closes, ports.books, ports.clock, ports.price_books, ports.tax_tables
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
            self.usage_importer,
            self.acts,
            settings.drop,
            settings.max_rejected_percent,
        )

    @cached_property
    def lane_loader(self) -> LaneLoader:
        """Loads the lanes of a usage file that was split."""
        from monthclose.use_cases.imports.load_usage import LaneLoader

        return LaneLoader(self.ports.inbox, self.import_lock, self.usage_importer)

    @cached_property
    def usage_finisher(self) -> UsageFinisher:
        """Combines the results of a split usage file's lanes."""
        from monthclose.use_cases.imports.finish_usage import UsageFinisher

        return UsageFinisher(self.ports.inbox, self.import_lock, self.acts, self.ports.settings.max_rejected_percent)

    # Invoices

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
        return Corrector(ports.books, ports.closes, ports.documents, self.issued, self.hold_keeper, ports.clock)

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

    @cached_property
    def link_opener(self) -> LinkOpener:
        """Opens links to invoices.

        Raises
        ------
        ProviderRefusedError
            The deployment has no links.
        """
        from monthclose.use_cases.invoices.invoice_links import LinkOpener

        secrets = self.ports.link_secrets
        if secrets is None:
            raise ProviderRefusedError("links to invoices are switched off in the settings")
        return LinkOpener(secrets, self.ports.clock, self.issued, self.ports.documents)

    # Notices

    @cached_property
    def notice_texts(self) -> NoticeTexts:
        """Writes mails to customers, with links to their invoices if the deployment has links."""
        from monthclose.use_cases.invoices.invoice_links import link_writer
        from monthclose.use_cases.notices.notice_texts import NoticeTexts

        ports, settings = self.ports, self.ports.settings
        return NoticeTexts(settings.company_name, link_writer(settings.links, ports.link_secrets, ports.clock))

    @cached_property
    def hold_teller(self) -> HoldTeller:
        """Notifies customers of their holds."""
        from monthclose.use_cases.notices.tell_hold import HoldTeller

        ports = self.ports
        return HoldTeller(ports.books, ports.mailer, self.notice_texts, ports.clock, ports.settings.hold_policy)

    @cached_property
    def customer_teller(self) -> CustomerTeller:
        """Notifies customers of the outcomes of their payments."""
        from monthclose.use_cases.notices.tell_customer import CustomerTeller

        ports = self.ports
        return CustomerTeller(ports.books, ports.mailer, self.notice_texts, ports.clock, self.hold_keeper)

    @cached_property
    def correction_teller(self) -> CorrectionTeller:
        """Notifies customers of credit notes and regenerated invoices."""
        from monthclose.use_cases.notices.tell_correction import CorrectionTeller

        ports = self.ports
        return CorrectionTeller(ports.books, ports.mailer, self.notice_texts, ports.clock)

    @cached_property
    def notice_sender(self) -> NoticeSender:
        """Sends a batch's notices."""
        from monthclose.use_cases.notices.send_notices import SIDE_BY_SIDE, NoticeSender

        ports = self.ports
        executor = ports.executor("notice", SIDE_BY_SIDE)
        return NoticeSender(ports.books, ports.closes, self.customer_teller, ports.clock, executor)

    @cached_property
    def mail_hearer(self) -> MailHearer:
        """Keeps bounces and complaints with their notices."""
        from monthclose.use_cases.notices.hear_mail import MailHearer

        return MailHearer(self.ports.books, self.hold_keeper)

    @cached_property
    def remaining_sender(self) -> RemainingSender:
        """Sends the notices that a close's batches have left."""
        from monthclose.use_cases.notices.send_notices import SENDERS, RemainingSender

        ports = self.ports
        return RemainingSender(ports.closes, self.notice_sender, ports.executor("notices", SENDERS))

    @cached_property
    def reminder_sender(self) -> ReminderSender:
        """Sends reminders."""
        from monthclose.use_cases.notices.send_reminders import ReminderSender

        ports, settings = self.ports, self.ports.settings
        adapters = frozenset(settings.providers)
        return ReminderSender(ports.books, self.customer_teller, ports.clock, settings.dunning, adapters)

    # Payments

    def charger(self, provider: str) -> Charger:
        """Charge through a provider.

        Raises
        ------
        ProviderRefusedError
            It is not in the settings, it has no adapter, or its secret cannot be read.
        """
        from monthclose.use_cases.payments.charge_payment import Charger

        if provider not in self.ports.gateways:
            raise ProviderRefusedError(
                f"nobody can be charged through provider {provider!r}: it is not in the settings"
            )
        ports = self.ports
        gateway, restored = ports.gateways[provider](), self.restore_mark.covers
        return Charger(ports.books, gateway, ports.clock, restored, ports.pauses)

    @cached_property
    def restore_mark(self) -> RestoreMark:
        """Says whether a month's records were restored from a backup."""
        from monthclose.use_cases.payments.restore_mark import RestoreMark

        return RestoreMark(self.ports.claims, self.ports.clock)

    @property
    def chargers(self) -> Mapping[str, Callable[[], Charger]]:
        """Makes each provider's charger, by the provider's name."""
        return {name: partial(self.charger, name) for name in self.ports.gateways}

    def batch_charger(self, provider: str) -> BatchCharger:
        """Charge a provider's batches."""
        from monthclose.use_cases.payments.charge_customers import BatchCharger

        ports = self.ports
        charger, executor = self.charger(provider), self._executor("charge", provider)
        return BatchCharger(charger, ports.books, ports.closes, ports.clock, ports.log, executor)

    def charging_turns(self, provider: str) -> Turns:
        """Let the batches that a worker is given together take turns."""
        from monthclose.use_cases.payments.turns import Turns

        settings = self.ports.settings.providers[provider]
        return Turns(settings.threads, settings.limit.usable() / settings.maximum_concurrency)

    def pause_provider(self, provider: str, by: str, reason: str) -> Pause:
        """Pause all charging through a provider; see `pause_provider`."""
        from monthclose.use_cases.payments.pause_provider import pause_provider

        return pause_provider(provider, by, reason, limits=self.ports.limits, clock=self.ports.clock)

    def resume_provider(self, provider: str, by: str) -> Pause:
        """Resume charging through a provider; see `resume_provider`."""
        from monthclose.use_cases.payments.pause_provider import resume_provider

        return resume_provider(provider, by, limits=self.ports.limits, clock=self.ports.clock)

    def waiting_task(self, token: str, milliseconds_left: Callable[[], int]) -> WaitingTask:
        """Work for a task that waits, as long as time is left."""
        from monthclose.use_cases.payments.waiting_task import WaitingTask

        return WaitingTask(self.ports.workflow, token, milliseconds_left)

    # Proof

    @cached_property
    def comparer(self) -> BookComparer:
        """Compares the books with the providers', without booking anything."""
        from monthclose.use_cases.proof.compare_books import BookComparer
        from monthclose.use_cases.proof.compare_part import PartReader
        from monthclose.use_cases.proof.comparison_store import ComparisonStore
        from monthclose.use_cases.proof.join_comparison import ComparisonJoiner
        from monthclose.use_cases.proof.plan_comparison import ComparisonPlanner

        ports = self.ports
        readers, store = ports.executor("compare", _READERS), ComparisonStore(ports.documents)
        planner = ComparisonPlanner(ports.closes, store, ports.clock, frozenset(ports.gateways))
        reader = PartReader(ports.books, ports.closes, ports.gateways, store, self._batch_checker, ports.clock, readers)
        joiner = ComparisonJoiner(ports.books, ports.closes, self.chargers, store, planner, ports.clock, readers)
        return BookComparer(planner, reader, joiner, ports.executor("windows", _WINDOWS))

    @property
    def _batch_checker(self) -> BatchChecker:
        from monthclose.use_cases.proof.check_batch import BatchChecker

        ports = self.ports
        return BatchChecker(ports.books, ports.closes, ports.directory, ports.documents, ports.clock)

    @cached_property
    def prover(self) -> CloseProver:
        """Proves a close from its records, for people. It reads only, and asks no provider."""
        from monthclose.use_cases.proof.prove_close import CloseProver

        ports = self.ports
        executor = ports.executor("compare", _READERS)
        return CloseProver(ports.closes, ports.documents, self._batch_checker, ports.clock, executor)

    @cached_property
    def reporter(self) -> Reporter:
        """Proves closes, and reports them."""
        from monthclose.use_cases.proof.report_close import Reporter

        ports = self.ports
        company = ports.settings.company_name
        return Reporter(self.comparer, ports.books, ports.closes, ports.documents, ports.clock, company)

    # Reconciliation

    @cached_property
    def reconcile_opener(self) -> ReconcileOpener:
        """Opens the reconciliation."""
        from monthclose.use_cases.reconciliation.open_reconcile import ReconcileOpener

        ports = self.ports
        providers = sorted(ports.settings.providers)
        return ReconcileOpener(ports.claims, ports.closes, ports.documents, ports.workflow, ports.clock, providers)

    @cached_property
    def dead_letter_drain(self) -> DeadLetterDrain:
        """Drains dead letters."""
        from monthclose.use_cases.reconciliation.drain_dead_letters import DeadLetterDrain

        ports = self.ports
        return DeadLetterDrain(ports.closes, ports.workflow, ports.documents, ports.log)

    def money_desk(self, share_left: ShareLeft = lambda: 1.0) -> LocalMoneyDesk:
        """Do what needs a provider's key for a person, with so much of the time left."""
        from monthclose.use_cases.reconciliation.money_desk import LocalMoneyDesk

        ports = self.ports

        def dead_letters(provider: str) -> DeadLetters:
            return ports.dead_letters(ports.settings.providers[provider].dead_letters_url)

        return LocalMoneyDesk(
            self.cashier, self.dead_letter_drain, dead_letters, self.batch_finisher, self.period_reconciler, share_left
        )

    def batch_finisher(self, provider: str) -> BatchFinisher:
        """Finish a provider's batches that closes left unfinished; its `settler` settles the payments."""
        from monthclose.use_cases.reconciliation.finish_batches import BatchFinisher

        ports = self.ports
        return BatchFinisher(
            self._settler(provider),
            ports.books,
            ports.closes,
            self.notice_sender,
            self.hold_keeper,
            ports.clock,
            self._executor("settle", provider),
        )

    def _settler(self, provider: str) -> PaymentSettler:
        from monthclose.use_cases.reconciliation.settle_payments import PaymentSettler

        ports = self.ports
        charger, executor = self.charger(provider), self._executor("settle", provider)
        return PaymentSettler(charger, ports.books, ports.directory, ports.clock, ports.log, executor)

    @cached_property
    def period_reconciler(self) -> PeriodReconciler:
        """Compares a month's books with the providers', books what differs, and proves its close again."""
        from monthclose.use_cases.reconciliation.reconcile_period import PeriodReconciler

        return PeriodReconciler(self.comparer.healing(), self.reporter, self.ports.closes, self.ports.documents)

    # Rehearsals

    @cached_property
    def rehearsal_opener(self) -> RehearsalOpener:
        """Begins rehearsals."""
        from monthclose.use_cases.rehearsals.open_rehearsal import RehearsalOpener

        ports, settings = self.ports, self.ports.settings
        return RehearsalOpener(
            closes=ports.closes,
            rehearsals=ports.rehearsals,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            workflow=ports.workflow,
            clock=ports.clock,
            gates=settings.gates,
            settings=settings.deciding,
        )

    @cached_property
    def rehearsal_planner(self) -> RehearsalPlanner:
        """Plans the passes of rehearsals."""
        from monthclose.use_cases.rehearsals.plan_rehearsal import RehearsalPlanner

        ports = self.ports
        return RehearsalPlanner(
            closes=ports.closes,
            rehearsals=ports.rehearsals,
            snapshots=self._snapshots,
            documents=ports.documents,
            settings=ports.settings.close,
            executor=ports.executor("rehearse", _READERS),
        )

    @cached_property
    def batch_rehearser(self) -> BatchRehearser:
        """Rehearses batches."""
        from monthclose.use_cases.rehearsals.rehearse_batch import BatchRehearser

        ports, settings = self.ports, self.ports.settings
        return BatchRehearser(
            books=ports.books,
            closes=ports.closes,
            rehearsals=ports.rehearsals,
            documents=ports.documents,
            drafter=self.batch_drafter,
            policy=settings.invoicing,
            rules=settings.gates.rules,
        )

    @cached_property
    def rehearsal_judge(self) -> RehearsalJudge:
        """Judges rehearsals."""
        from monthclose.use_cases.rehearsals.judge_rehearsal import RehearsalJudge

        ports = self.ports
        return RehearsalJudge(
            books=ports.books,
            closes=ports.closes,
            rehearsals=ports.rehearsals,
            directory=ports.directory,
            documents=ports.documents,
            price_books=ports.price_books,
            clock=ports.clock,
            gates=ports.settings.gates,
            executor=ports.executor("rehearse", _READERS),
        )

    @cached_property
    def rehearsal_reader(self) -> RehearsalReader:
        """Reads what rehearsals have found."""
        from monthclose.use_cases.rehearsals.judge_rehearsal import RehearsalReader

        return RehearsalReader(self.ports.documents)

    @cached_property
    def price_effects(self) -> PriceEffects:
        """Finds whom an import of prices touches."""
        from monthclose.use_cases.rehearsals.last_month import LastMonthReader
        from monthclose.use_cases.rehearsals.price_effects import PriceEffects

        ports = self.ports
        executor = ports.executor("last_month", _READERS)
        reader = LastMonthReader(ports.closes, ports.rehearsals, ports.documents, executor)
        return PriceEffects(ports.directory, ports.closes, reader)

    @cached_property
    def approver(self) -> Approver:
        """Approves rehearsals."""
        from monthclose.use_cases.rehearsals.approve_rehearsal import Approver

        ports, settings = self.ports, self.ports.settings
        return Approver(
            closes=ports.closes,
            rehearsals=ports.rehearsals,
            documents=ports.documents,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            workflow=ports.workflow,
            clock=ports.clock,
            settings=settings.deciding,
        )

    @cached_property
    def approval_waiter(self) -> ApprovalWaiter:
        """Lets closes wait for approval."""
        from monthclose.use_cases.rehearsals.approve_rehearsal import ApprovalWaiter

        return ApprovalWaiter(self.ports.rehearsals, self.ports.workflow)

    # Webhooks

    @cached_property
    def webhook_taker(self) -> WebhookTaker:
        """Takes webhooks, and queues their events."""
        from monthclose.use_cases.webhooks.take_webhook import WebhookTaker

        return WebhookTaker(self.ports.webhook_readers, self.ports.event_queue, self.ports.clock)

    def event_applier(self, provider: str) -> EventApplier:
        """Apply a provider's events."""
        from monthclose.use_cases.webhooks.apply_event import EventApplier

        ports = self.ports
        return EventApplier(
            self.charger(provider), ports.books, ports.closes, self.hold_keeper, self.customer_teller, ports.clock
        )

    def _executor(self, work: str, provider: str) -> Executor:
        """Make as many threads as the provider's limit needs."""
        return self.ports.executor(f"{work}-{provider}", self.ports.settings.providers[provider].threads)
