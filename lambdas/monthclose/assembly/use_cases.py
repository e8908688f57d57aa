"""Every use case, assembled from the ports in one room: adding a constructor parameter is one edit, here.

Each is made, and its module imported, on first use: a cold start loads only what its function needs. They are in files
by subject, each of which knows only the ones before it: `customers`, `imports`, `invoices`, `closes`, and this one.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from monthclose.assembly.closes import READERS, CloseUseCases

if TYPE_CHECKING:
    from monthclose.ports import DeadLetters, ShareLeft
    from monthclose.use_cases.archive.archive_part import PartArchiver
    from monthclose.use_cases.archive.archive_store import ArchiveStore
    from monthclose.use_cases.archive.find_usage import UsageFinder
    from monthclose.use_cases.archive.finish_archive import ArchiveFinisher
    from monthclose.use_cases.archive.plan_archive import ArchivePlanner
    from monthclose.use_cases.events.publish_events import EventPublisher
    from monthclose.use_cases.pack.finish_pack import PackFinisher
    from monthclose.use_cases.pack.plan_pack import PackPlanner
    from monthclose.use_cases.pack.read_part import PackPartReader
    from monthclose.use_cases.pack.write_table import TableWriter
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
    from monthclose.use_cases.self_service.charge_at_once import ChargesAtOnce
    from monthclose.use_cases.self_service.customer_desk import CustomerDesk
    from monthclose.use_cases.webhooks.apply_event import EventApplier
    from monthclose.use_cases.webhooks.take_webhook import WebhookTaker

_WINDOWS = 8
"""Windows of the providers' records that are read in parallel, where one process reads all of them."""


class UseCases(CloseUseCases):
    """The use cases on given ports: here those that go over a close, or come after it."""

    # Old usage

    @cached_property
    def archive_planner(self) -> ArchivePlanner:
        """Plans what of the old usage is archived."""
        from monthclose.use_cases.archive.plan_archive import ArchivePlanner

        ports = self.ports
        return ArchivePlanner(
            closes=ports.closes,
            directory=ports.directory,
            items=ports.usage_items,
            store=self.archive_store,
            claims=ports.claims,
            workflow=ports.workflow,
            clock=ports.clock,
            months=ports.settings.usage_months,
        )

    @cached_property
    def usage_finder(self) -> UsageFinder:
        """Finds out whether a month has usage."""
        from monthclose.use_cases.archive.find_usage import UsageFinder

        return UsageFinder(self.archive_planner, self.ports.directory, self.ports.leaving_usage)

    @cached_property
    def archive_store(self) -> ArchiveStore:
        """What the archive has, and how far a run is."""
        from monthclose.use_cases.archive.archive_store import ArchiveStore

        return ArchiveStore(self.ports.documents)

    @cached_property
    def part_archiver(self) -> PartArchiver:
        """Archives the parts of months."""
        from monthclose.use_cases.archive.archive_part import EXPIRING, PartArchiver

        ports = self.ports
        return PartArchiver(
            usage=ports.leaving_usage,
            files=ports.usage_files,
            store=self.archive_store,
            executor=ports.executor("expire", EXPIRING),
            clock=ports.clock,
        )

    @cached_property
    def archive_finisher(self) -> ArchiveFinisher:
        """Finishes the archiving of months."""
        from monthclose.use_cases.archive.finish_archive import ArchiveFinisher

        return ArchiveFinisher(self.archive_store, self.ports.clock)

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
            calendar=settings.calendar,
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
            executor=ports.executor("rehearse", READERS),
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
            executor=ports.executor("rehearse", READERS),
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
        executor = ports.executor("last_month", READERS)
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
        readers, store = ports.executor("compare", READERS), ComparisonStore(ports.documents)
        planner = ComparisonPlanner(ports.closes, store, ports.clock, frozenset(ports.gateways))
        reader = PartReader(ports.books, ports.closes, ports.gateways, store, self._batch_checker, ports.clock, readers)
        joiner = ComparisonJoiner(ports.books, ports.closes, self.chargers, store, planner, ports.clock, readers)
        return BookComparer(planner, reader, joiner, ports.executor("windows", _WINDOWS))

    @property
    def _batch_checker(self) -> BatchChecker:
        from monthclose.use_cases.proof.check_batch import BatchChecker

        ports = self.ports
        return BatchChecker(ports.books, ports.closes, ports.documents, ports.clock)

    @cached_property
    def prover(self) -> CloseProver:
        """Proves a close from its records, for people. It reads only, and asks no provider."""
        from monthclose.use_cases.proof.prove_close import CloseProver

        ports = self.ports
        executor = ports.executor("compare", READERS)
        return CloseProver(ports.closes, ports.documents, self._batch_checker, ports.clock, executor)

    @cached_property
    def reporter(self) -> Reporter:
        """Proves closes, and reports them."""
        from monthclose.use_cases.proof.report_close import Reporter

        ports = self.ports
        company = ports.settings.company_name
        return Reporter(
            self.comparer, ports.books, ports.closes, ports.documents, ports.clock, company, ports.directory
        )

    # Report packs

    @cached_property
    def pack_planner(self) -> PackPlanner:
        """Plans report packs."""
        from monthclose.use_cases.pack.pack_store import PackStore
        from monthclose.use_cases.pack.plan_pack import PackPlanner

        ports = self.ports
        return PackPlanner(ports.closes, PackStore(ports.documents), ports.clock, ports.settings.calendar)

    @cached_property
    def pack_part_reader(self) -> PackPartReader:
        """Reads the parts of report packs."""
        from monthclose.use_cases.pack.pack_store import PackStore
        from monthclose.use_cases.pack.read_part import PackPartReader

        ports = self.ports
        return PackPartReader(
            books=ports.books,
            closes=ports.closes,
            documents=ports.documents,
            store=PackStore(ports.documents),
            executor=ports.executor("pack", READERS),
            register=ports.register,
            clock=ports.clock,
        )

    @cached_property
    def pack_table_writer(self) -> TableWriter:
        """Writes the tables of report packs."""
        from monthclose.use_cases.pack.pack_store import PackStore
        from monthclose.use_cases.pack.write_table import TableWriter

        ports = self.ports
        return TableWriter(ports.documents, PackStore(ports.documents), ports.column_files)

    @cached_property
    def pack_finisher(self) -> PackFinisher:
        """Finishes report packs."""
        from monthclose.use_cases.pack.finish_pack import PackFinisher
        from monthclose.use_cases.pack.pack_mail import PackMailer
        from monthclose.use_cases.pack.pack_store import PackStore

        ports, settings = self.ports, self.ports.settings
        store, company, address = PackStore(ports.documents), settings.company_name, settings.finance_email
        mailer = PackMailer(ports.mailer, ports.documents, store, ports.log, company, address) if address else None
        return PackFinisher(ports.documents, store, ports.clock, company, settings.journal, mailer, self.payout_reader)

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
            self.cashier,
            self.dead_letter_drain,
            dead_letters,
            self.batch_finisher,
            self.period_reconciler,
            self.refunder,
            self.writer_off,
            share_left,
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
        return PaymentSettler(charger, ports.books, ports.directory, ports.clock, ports.log, executor, self.refunder)

    @cached_property
    def period_reconciler(self) -> PeriodReconciler:
        """Compares a month's books with the providers', books what differs, and proves its close again."""
        from monthclose.use_cases.reconciliation.reconcile_period import PeriodReconciler

        return PeriodReconciler(self.comparer.healing(), self.reporter, self.ports.closes, self.ports.documents)

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
            self.charger(provider),
            ports.books,
            ports.closes,
            self.hold_keeper,
            self.customer_teller,
            ports.clock,
            self.details_desk.take,
            self.charges_at_once.collect,
        )

    # Self-service

    @cached_property
    def charges_at_once(self) -> ChargesAtOnce:
        """Charges customers while they are there, or have just given a payment method."""
        from monthclose.use_cases.self_service.charge_at_once import ChargesAtOnce

        ports = self.ports
        return ChargesAtOnce(
            ports.books, ports.clock, self.charger, self.collector, self.hold_keeper, self.customer_teller
        )

    @cached_property
    def customer_desk(self) -> CustomerDesk:
        """Does what customers ask for by the links to their invoices."""
        from monthclose.use_cases.self_service.customer_desk import CustomerDesk

        ports = self.ports
        url = ports.settings.links.url if ports.settings.links else ""
        return CustomerDesk(
            self._link_secrets, url, ports.books, ports.clock, ports.log, self.details_desk, self.charges_at_once
        )

    # Events

    @cached_property
    def event_publisher(self) -> EventPublisher:
        """Publishes events about what was committed."""
        from monthclose.use_cases.events.publish_events import EventPublisher

        return EventPublisher(self.ports.event_bus, self.ports.closes)
