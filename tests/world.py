"""A whole month close in memory: the stages wired to fakes, driven like the state machine drives them."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.closes.close import Batch
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.invoicing import INVOICE_EVERYTHING, InvoicingPolicy
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook, Terms
from monthclose.domain.usage import UsageEvent
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import PaymentGateway
from monthclose.settings import CloseSettings, LinkSettings, Provider, Settings
from monthclose.use_cases.accounts.adjust_account import Cashier
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.accounts.hold_by_hand import HoldDesk
from monthclose.use_cases.closes.open_close import open_close
from monthclose.use_cases.closes.park_customers import park_customers
from monthclose.use_cases.closes.plan_close import Planner
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.collections.collect_due import Collector
from monthclose.use_cases.collections.find_owing import Found, OwingFinder
from monthclose.use_cases.imports.import_usage import UsageImporter
from monthclose.use_cases.invoices.correct_invoice import Corrector
from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
from monthclose.use_cases.invoices.regenerate_invoice import Regenerator
from monthclose.use_cases.invoices.replace_invoice import Replacer
from monthclose.use_cases.notices.notice_texts import NoticeTexts
from monthclose.use_cases.notices.send_notices import NoticeSender
from monthclose.use_cases.notices.send_reminders import ReminderSender
from monthclose.use_cases.notices.tell_correction import CorrectionTeller
from monthclose.use_cases.notices.tell_customer import CustomerTeller
from monthclose.use_cases.notices.tell_hold import HoldTeller
from monthclose.use_cases.payments.charge_customers import BatchCharger
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.proof.compare_books import BookComparer
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_close import Reporter
from monthclose.use_cases.reconciliation.drain_dead_letters import DeadLetterDrain
from monthclose.use_cases.reconciliation.finish_batches import BatchFinisher
from monthclose.use_cases.reconciliation.reconcile_period import PeriodReconciler, Reconciled
from monthclose.use_cases.reconciliation.settle_payments import PaymentSettler, Settled
from monthclose.use_cases.webhooks.apply_event import EventApplier
from tests import fakes
from tests.fakes.inbox import FakeInbox
from tests.fakes.throttle import FakeProviderLimits

OCTOBER = Period(2026, 10)
STRIPE = Provider("stripe", "https://queue/stripe", "monthclose/stripe", "https://api.stripe.com", 25)

SETTINGS = Settings(
    customers_table="customers",
    usage_table="usage",
    billing_table="billing",
    closes_table="closes",
    idempotency_table="idempotency",
    documents_bucket="documents",
    usage_bucket="usage-files",
    drop=DropSettings(),
    providers={},
    webhook_queue_url="https://queue/webhooks",
    mail_sender="billing@example.com",
    mail_configuration_set="notices",
    company_name="Example Cloud",
    hold_policy=HoldPolicy(),
    invoicing=INVOICE_EVERYTHING,
    dunning=DunningPolicy(),
    close=CloseSettings(),
    company=Company(Seller("Example Cloud")),
    links=LinkSettings("monthclose/invoice-links", 400, "https://invoices.example.com/"),
)
"""A deployment on moto."""


class OneAfterTheOther(Executor):
    """Runs what it is given at once, in the caller's thread: tests read like a story."""

    def submit[T](self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def unit_price(book: PriceBook, sku: str, currency: str = "USD", period: Period = OCTOBER) -> Decimal | None:
    """What a unit of a SKU costs everybody in a month."""
    (price,) = Terms(book, "", currency, period).prices(sku)
    return price.model.single_price


@dataclass
class World:
    """Everything there is, and the stages on it."""

    clock: fakes.FakeClock = field(default_factory=fakes.FakeClock)
    books: fakes.FakeBooks = field(default_factory=fakes.FakeBooks)
    closes: fakes.FakeCloses = field(default_factory=fakes.FakeCloses)
    usage: fakes.FakeUsageStore = field(default_factory=fakes.FakeUsageStore)
    price_books: fakes.FakePriceBooks = field(default_factory=fakes.FakePriceBooks)
    claims: fakes.FakeClaims = field(default_factory=fakes.FakeClaims)
    tax_tables: fakes.FakeTaxTables = field(default_factory=fakes.FakeTaxTables)
    documents: fakes.FakeDocuments = field(default_factory=fakes.FakeDocuments)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    renderer: fakes.FakeRenderer = field(default_factory=fakes.FakeRenderer)
    e_invoices: fakes.FakeEInvoices = field(default_factory=fakes.FakeEInvoices)
    link_secrets: fakes.FakeLinkSecrets = field(default_factory=fakes.FakeLinkSecrets)
    gateway: fakes.FakeGateway = field(default_factory=fakes.FakeGateway)
    mailer: fakes.FakeMailer = field(default_factory=fakes.FakeMailer)
    limits: FakeProviderLimits = field(default_factory=FakeProviderLimits)
    letters: fakes.FakeDeadLetters = field(default_factory=fakes.FakeDeadLetters)
    queue: fakes.FakeChargeQueue = field(default_factory=fakes.FakeChargeQueue)
    event_queue: fakes.FakeEventQueue = field(default_factory=fakes.FakeEventQueue)
    workflow: fakes.FakeWorkflow = field(default_factory=fakes.FakeWorkflow)
    log: fakes.FakeLog = field(default_factory=fakes.FakeLog)
    hold_policy: HoldPolicy = field(default_factory=HoldPolicy)
    dunning: DunningPolicy = field(default_factory=DunningPolicy)
    settings: CloseSettings = field(default_factory=CloseSettings)
    providers: dict[str, Provider] = field(default_factory=lambda: {"stripe": STRIPE})

    policy: InvoicingPolicy = INVOICE_EVERYTHING
    company: Company = SETTINGS.company

    def __post_init__(self) -> None:
        self.issued = IssuedDocuments(
            self.books,
            self.closes,
            self.documents,
            lambda: self.renderer,
            lambda: self.e_invoices,
            self.company,
        )
        self.directory = fakes.FakeDirectory(self.books)
        self.importer = UsageImporter(
            self.directory, self.usage, self.closes, self.books, self.clock, self.price_books, self.tax_tables
        )
        self.planner = Planner(
            self.closes,
            self.directory,
            self.documents,
            self.price_books,
            self.tax_tables,
            self.providers,
            self.settings,
            {self.gateway.provider: lambda: self.gateway},
        )
        self.generator = InvoiceGenerator(
            self.books,
            self.closes,
            self.usage,
            self.price_books,
            self.documents,
            self.clock,
            frozenset(self.providers),
            self.tax_tables,
            self.company,
            self.policy,
        )
        self.charger = Charger(self.books, self.gateway, self.clock)
        self.batch_charger = BatchCharger(
            self.charger, self.books, self.closes, self.clock, self.log, OneAfterTheOther()
        )
        self.desk = HoldDesk(self.books, self.clock)
        texts = NoticeTexts("Example Cloud")
        hold_teller = HoldTeller(self.books, self.mailer, texts, self.clock, self.hold_policy)
        self.keeper = HoldKeeper(self.books, self.closes, self.hold_policy, self.clock, self.dunning, hold_teller)
        self.customer_teller = CustomerTeller(self.books, self.mailer, texts, self.clock, self.keeper)
        self.sender = NoticeSender(self.books, self.closes, self.customer_teller, self.clock)
        self.cashier = Cashier(
            self.books, self.closes, self.clock, lambda _: self.charger, self.keeper, self.customer_teller
        )
        self.corrector = Corrector(self.books, self.closes, self.documents, self.issued, self.keeper, self.clock)
        self.teller = CorrectionTeller(self.books, self.mailer, texts, self.clock)
        self.drafter = InvoiceDrafter(
            self.books,
            self.closes,
            self.usage,
            self.price_books,
            self.documents,
            self.tax_tables,
            self.company,
            "",
        )
        self.replacer = Replacer(self.books, self.documents, self.clock, frozenset(self.providers))
        self.regenerator = Regenerator(self.corrector, self.drafter, self.replacer, self.policy)
        self.finder = OwingFinder(
            self.claims,
            self.closes,
            self.directory,
            self.documents,
            self.workflow,
            self.clock,
            {name: provider.queue_url for name, provider in self.providers.items()},
        )
        self.collector = Collector(
            self.charger, self.books, self.closes, self.clock, self.log, OneAfterTheOther(), self.dunning
        )
        self.reminder_sender = ReminderSender(
            self.books, self.customer_teller, self.clock, self.dunning, frozenset(self.providers)
        )
        gateways: dict[str, Callable[[], PaymentGateway]] = {self.gateway.provider: lambda: self.gateway}
        self.comparer = BookComparer(self.books, self.closes, gateways, self.clock, OneAfterTheOther())
        self.reporter = Reporter(self.comparer, self.closes, self.documents, self.clock, "Example Cloud")
        self.settler = PaymentSettler(
            self.charger, self.books, self.directory, self.clock, self.log, OneAfterTheOther()
        )
        self.applier = EventApplier(
            self.charger, self.books, self.closes, self.keeper, self.customer_teller, self.clock
        )
        self.finisher = BatchFinisher(
            self.settler, self.books, self.closes, self.sender, self.keeper, self.clock, OneAfterTheOther()
        )
        self.drain = DeadLetterDrain(self.closes, self.workflow, self.documents, self.log)

    def add_customer(
        self, customer_id: str, *, method: str = "ok", provider: str = "stripe", currency: str = "USD"
    ) -> str:
        profile = Profile(f"{customer_id} Ltd", f"{customer_id}@customers.example", currency, provider, method)
        self.directory.put_profiles([(customer_id, profile)])
        return customer_id

    def use(self, customer_id: str, amount: str, *, period: Period = OCTOBER, event_id: str = "") -> None:
        """Add usage worth an amount in major units, rated upstream."""
        event_id = event_id or f"event-{len(list(self.usage.events(customer_id, period)))}"
        self.usage.put(
            [UsageEvent(event_id, customer_id, "droplet", Decimal(1), period.start, Decimal(amount), "Droplet")]
        )

    def customer(self, customer_id: str) -> Customer:
        found = self.books.customer(customer_id)
        assert found
        return found

    def month(self, customer_id: str, period: Period = OCTOBER) -> CustomerMonth:
        return self.books.month(customer_id, period)

    def change(self, customer_id: str, **changes: Any) -> None:
        """Change a customer's account behind the close's back."""
        self.books.commit(replace(self.customer(customer_id), **changes))

    def open(self, period: Period = OCTOBER, execution: str = "execution-1") -> int:
        self.workflow.running.add(execution)
        opened = open_close(period, execution, closes=self.closes, workflow=self.workflow, clock=self.clock)
        assert opened.outcome == "opened"
        return opened.run

    def close(self, period: Period = OCTOBER, execution: str = "execution-1") -> Report:
        """Run a close to its end, rounds and all, and return the report."""
        run = self.open(period, execution)
        while (plan := self.planner.plan(period, run)).unfinished:
            if not plan.rounds_left:
                park_customers(period, books=self.books, closes=self.closes, documents=self.documents, clock=self.clock)
                break
            for batch in read_batches(self.documents, plan.round_key):
                self.close_batch(period, batch, plan.close.round)
        self.workflow.running.discard(execution)
        return self.reporter.report(period, run)

    def close_batch(self, period: Period, batch: Batch, round_number: int) -> None:
        """Do what a child execution does; what it cannot do is left for the repair round."""
        try:
            generated = self.generator.generate(period, batch, round_number)
            if generated.progress.unsettled:
                self.batch_charger.charge(period, batch.number, round_number)
            if generated.progress.totals.customers.get("invoiced"):
                self.sender.send(period, batch.number, round_number)
            elif not generated.held:
                return
            self.keeper.apply(period, batch.number, round_number)
        except (ConflictError, TryLaterError):
            return

    def settle(self, *, everyone: bool = False) -> Settled:
        """Do what "Settle payments" does."""
        settled, changed = self.settler.settle(everyone=everyone)
        self.finisher.finish(settled, changed)
        return settled

    def reconcile(self, period: Period = OCTOBER, *providers: str) -> Reconciled:
        """Do what "Compare the books" does."""
        reconciler = PeriodReconciler(replace(self.comparer, heals=True), self.reporter, self.closes, self.documents)
        return reconciler.reconcile(period, providers)

    def collect(self) -> Found:
        """Run the collections of the clock's day to their end, as their state machine does."""
        last = self.claims.get("collections")
        execution = f"collections-{last.version if last else 0}"
        self.workflow.running.add(execution)
        found = self.finder.find(execution)
        today, closing = found.day, frozenset(found.closing)
        for batch in read_batches(self.documents, found.key) if found.outcome == "begun" else ():
            if batch.provider in self.providers:
                self.collector.collect(batch.customer_ids, today, closing)
            self.reminder_sender.send(batch.customer_ids, today, closing)
            self.keeper.review_all(batch.customer_ids, today, closing)
        self.workflow.running.discard(execution)
        return found

    def at(self, time: datetime) -> "World":
        self.clock.now = time
        return self
