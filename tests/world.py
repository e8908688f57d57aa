"""A whole month close in memory: the use cases on fakes, driven like the state machine drives them."""

import json
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from monthclose.adapters.tables.archived_usage import ArchivedUsage
from monthclose.adapters.tax_ids import check_tax_id
from monthclose.assembly.limiting import known_pauses
from monthclose.assembly.use_cases import UseCases
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.ledger import Account, Entry, entry_legs
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.closes.close import Batch
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.imports.intake import CheckTaxId
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.invoice import DocumentPlace
from monthclose.domain.invoices.invoicing import INVOICE_EVERYTHING, InvoicingPolicy
from monthclose.domain.month import Carried, CustomerMonth
from monthclose.domain.pack.pack import MadeFor, Pack
from monthclose.domain.pack.tables import TABLES as PACK_TABLES
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook, Terms
from monthclose.domain.rehearsals.gate import GateSettings
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.domain.usage import UsageEvent
from monthclose.domain.usage_archive import MONTHS_KEPT
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import HostedPages, PaymentGateway, WebhookReader
from monthclose.ports.payouts import PayoutRecord
from monthclose.settings import CloseSettings, LinkSettings, Provider, Settings
from monthclose.use_cases.closes.open_close import Opened
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.collections.find_owing import Found
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.reconciliation.reconcile_period import Reconciled
from monthclose.use_cases.reconciliation.settle_payments import Settled
from monthclose.use_cases.rehearsals.approve_rehearsal import Approved
from monthclose.use_cases.rehearsals.judge_rehearsal import Judged
from tests import fakes
from tests.fakes.archive import FakeLeavingUsage, FakeUsageFiles
from tests.fakes.inbox import FakeInbox
from tests.fakes.throttle import FakeProviderLimits

OCTOBER = Period(2026, 10)
STRIPE = Provider("stripe", "https://queue/stripe", "monthclose/stripe", "https://api.stripe.com", 25)

SETTINGS = Settings(
    customers_table="customers",
    usage_table="usage",
    usage_packs_table="usage-packs",
    billing_table="billing",
    closes_table="closes",
    idempotency_table="idempotency",
    documents_bucket="documents",
    usage_bucket="usage-files",
    drop=DropSettings(),
    providers={},
    webhook_queue_url="https://queue/webhooks",
    audit_table="audit",
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
OWN = [
    "hold_policy",
    "dunning",
    "calendar",
    "billing_days",
    "providers",
    "company",
    "links",
    "gates",
    "finance_email",
    "usage_months",
]
"""Settings that a world has of its own, under their names."""


class OneAfterTheOther(Executor):
    """Runs what it is given at once, in the caller's thread: tests read like a story."""

    def submit[T](self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _returned[T](thing: T) -> T:
    return thing


def unit_price(book: PriceBook, sku: str, currency: str = "USD", period: Period = OCTOBER) -> Decimal | None:
    """What a unit of a SKU costs everybody in a month."""
    (price,) = Terms(book, "", currency, period).prices(sku)
    return price.model.single_price


LONG_AGO = Period(2026, 1)


def _ledger_of(account: Customer, receivable: int, credit: int) -> list[Entry]:
    amounts = {Account.RECEIVABLE: receivable, Account.CREDIT: -credit, Account.ALLOWANCE: credit - receivable}
    legs = entry_legs(amounts)
    entry_id, at = f"brought-in/{account.version}", LONG_AGO.start
    return [Entry(entry_id, account.customer_id, LONG_AGO, account.currency, at, legs)] if legs else []


def _carried_of(before: Customer, after: Customer) -> list[Carried]:
    if after.carried_minor == before.carried_minor:
        return []
    place = DocumentPlace("carried/long-ago.jsonl", 0, 0, "")
    amount = after.carried_minor
    return [Carried(after.customer_id, LONG_AGO, after.currency, amount, LONG_AGO.start, place)]


@dataclass
class World:
    """All ports as fakes, and the use cases on them."""

    clock: fakes.FakeClock = field(default_factory=fakes.FakeClock)
    books: fakes.FakeBooks = field(default_factory=fakes.FakeBooks)
    closes: fakes.FakeCloses = field(default_factory=fakes.FakeCloses)
    register: fakes.FakeRegister = field(default_factory=fakes.FakeRegister)
    usage: fakes.FakeUsageStore = field(default_factory=FakeLeavingUsage)
    usage_items: fakes.FakeUsageItems = field(default_factory=fakes.FakeUsageItems)
    price_books: fakes.FakePriceBooks = field(default_factory=fakes.FakePriceBooks)
    audit: fakes.FakeAuditTrail = field(default_factory=fakes.FakeAuditTrail)
    rehearsals: fakes.FakeRehearsals = field(default_factory=fakes.FakeRehearsals)
    claims: fakes.FakeClaims = field(default_factory=fakes.FakeClaims)
    tax_tables: fakes.FakeTaxTables = field(default_factory=fakes.FakeTaxTables)
    documents: fakes.FakeDocuments = field(default_factory=fakes.FakeDocuments)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    column_files: fakes.FakeColumnFiles = field(default_factory=fakes.FakeColumnFiles)
    renderer: fakes.FakeRenderer = field(default_factory=fakes.FakeRenderer)
    e_invoices: fakes.FakeEInvoices = field(default_factory=fakes.FakeEInvoices)
    link_secrets: fakes.FakeLinkSecrets = field(default_factory=fakes.FakeLinkSecrets)
    gateway: fakes.FakeGateway = field(default_factory=fakes.FakeGateway)
    pages: fakes.FakePages = field(default_factory=fakes.FakePages)
    mailer: fakes.FakeMailer = field(default_factory=fakes.FakeMailer)
    mail_account: fakes.FakeMailAccount = field(default_factory=fakes.FakeMailAccount)
    limits: FakeProviderLimits = field(default_factory=FakeProviderLimits)
    letters: fakes.FakeDeadLetters = field(default_factory=fakes.FakeDeadLetters)
    queue: fakes.FakeChargeQueue = field(default_factory=fakes.FakeChargeQueue)
    event_queue: fakes.FakeEventQueue = field(default_factory=fakes.FakeEventQueue)
    event_bus: fakes.FakeEventBus = field(default_factory=fakes.FakeEventBus)
    copies: fakes.FakeTableCopies = field(default_factory=fakes.FakeTableCopies)
    workflow: fakes.FakeWorkflow = field(default_factory=fakes.FakeWorkflow)
    log: fakes.FakeLog = field(default_factory=fakes.FakeLog)
    patience: fakes.FakePatience = field(default_factory=fakes.FakePatience)
    check_tax_id: CheckTaxId = check_tax_id
    hold_policy: HoldPolicy = field(default_factory=HoldPolicy)
    dunning: DunningPolicy = field(default_factory=DunningPolicy)
    close_settings: CloseSettings = field(default_factory=CloseSettings)
    providers: dict[str, Provider] = field(default_factory=lambda: {"stripe": STRIPE})
    policy: InvoicingPolicy = INVOICE_EVERYTHING
    company: Company = SETTINGS.company
    billing_days: tuple[int, ...] = (1,)
    gates: GateSettings = field(default_factory=GateSettings)
    calendar: BillingCalendar = IN_UTC
    finance_email: str = ""
    usage_months: int | None = MONTHS_KEPT
    links: LinkSettings | None = None
    """With them, mails carry links."""
    payouts: dict[str, Callable[[], PayoutRecord]] = field(default_factory=dict)
    """Makes the records of the providers' payouts, by provider."""

    def __post_init__(self) -> None:
        self._parts = dict[str, Any]()
        self.pauses = known_pauses(self.limits, self.closes, self.clock)
        self.audit.clock = self.register.clock = self.clock
        self.books.calendar = self.calendar
        self.closes.register = self.register
        self.directory = fakes.FakeDirectory(self.books, self.register)
        self.usage_files = FakeUsageFiles(self.documents)
        if isinstance(self.usage, FakeLeavingUsage):
            self.usage.earlier = ArchivedUsage(self.documents, lambda: self.usage_files, self.clock)
        made = self.use_cases = UseCases(self)
        provider = self.gateway.provider
        self.keeper, self.desk, self.cashier = made.hold_keeper, made.hold_desk, made.cashier
        self.planner, self.finder, self.collector = made.planner, made.owing_finder, made.collector(provider)
        self.importer, self.issued, self.drafter = made.usage_importer, made.issued, made.invoice_drafter
        self.generator, self.corrector, self.regenerator = made.invoice_generator, made.corrector, made.regenerator
        self.customer_teller, self.teller = made.customer_teller, made.correction_teller
        self.sender, self.reminder_sender = made.notice_sender, made.reminder_sender
        self.charger, self.batch_charger = made.charger(provider), made.batch_charger(provider)
        self.comparer, self.reporter, self.drain = made.comparer, made.reporter, made.dead_letter_drain
        self.finisher, self.applier = made.batch_finisher(provider), made.event_applier(provider)
        self.settler = self.finisher.settler
        self.books.hear = self.closes.hear = lambda change: made.event_publisher.publish([change])

    @property
    def settings(self) -> Settings:
        """What the deployment decides: put together again only if a part has changed, as it is asked for often."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in OWN}
        parts |= {"close": self.close_settings, "invoicing": self.policy}
        if parts != self._parts:
            dunning = replace(self.dunning, calendar=self.calendar)
            self._parts, self._settings = parts, replace(SETTINGS, **parts | {"dunning": dunning})
        return self._settings

    @property
    def leaving_usage(self) -> FakeLeavingUsage:
        """The same store, for what is archived."""
        assert isinstance(self.usage, FakeLeavingUsage)
        return self.usage

    @property
    def machine_clock(self) -> fakes.FakeClock:
        """The same: a world has one clock."""
        return self.clock

    @property
    def gateways(self) -> dict[str, Callable[[], PaymentGateway]]:
        return {self.gateway.provider: lambda: self.gateway}

    @property
    def payout_records(self) -> dict[str, Callable[[], PayoutRecord]]:
        return self.payouts

    @property
    def hosted_pages(self) -> dict[str, Callable[[], HostedPages]]:
        return {self.pages.provider: lambda: self.pages}

    def charge_queue(self, provider: str) -> fakes.FakeChargeQueue:
        return self.queue

    def dead_letters(self, queue_url: str) -> fakes.FakeDeadLetters:
        return self.letters

    def webhook_readers(self, provider: str) -> list[WebhookReader]:
        return []

    def requests(self, provider: str) -> dict[str, int]:
        """Count no requests: the gateway has no limit to keep to."""
        return {}

    @property
    def packed_usage(self) -> fakes.FakeUsageStore:
        return self.usage

    def executor(self, name: str, threads: int) -> Executor:
        return OneAfterTheOther()

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
        """Change a customer's account without the close knowing; their ledger gets what it needs to equal it."""
        before = self.customer(customer_id)
        after = replace(before, **changes)
        more = after.receivable_minor - before.receivable_minor, after.credit_minor - before.credit_minor
        self.books.commit(after, *_ledger_of(after, *more), *_carried_of(before, after))

    def open(self, period: Period = OCTOBER, execution: str = "execution-1", only: str = "") -> int:
        self.workflow.running.add(execution)
        opened = self.use_cases.open_close(period, execution, only)
        assert opened.outcome == "opened"
        return opened.run

    def close(self, period: Period = OCTOBER, execution: str = "execution-1", only: str = "") -> Report:
        """Run a close to its end, rounds and all, and return the report."""
        run = self.open(period, execution, only)
        judged = self.go_to_the_gate(period, execution, run)
        assert judged is None or judged.outcome == "may_charge", judged.why
        return self.charge_all(period, execution, run)

    def charge_all(self, period: Period, execution: str, run: int) -> Report:
        """Do what a close does after its gate."""
        while (plan := self.planner.plan(period, run)).unfinished:
            chosen = {row["batch"]: row["only"] for row in json.loads(self.documents.get(plan.round_key))}
            if not plan.rounds_left:
                for batch in read_batches(self.documents, plan.round_key):
                    self.use_cases.park_customers(period, batch, chosen[batch.number])
                break
            for batch in read_batches(self.documents, plan.round_key):
                self.close_batch(period, batch, plan.close.round, chosen[batch.number])
        while self.use_cases.remaining_sender.send(period).again:
            pass
        self.workflow.running.discard(execution)
        return self.reporter.report(period, run)

    def go_to_the_gate(self, period: Period, execution: str, run: int, *, scheduled: bool = False) -> Judged | None:
        """Draft and judge all batches before a close, if it has to; returns what comes next."""
        opened = Opened(period, "opened", run)
        rehearsal = self.use_cases.rehearsal_opener.before_close(opened, execution, scheduled=scheduled)
        return self.draft_all(rehearsal) if rehearsal else None

    def rehearse(self, period: Period = OCTOBER, execution: str = "") -> Rehearsal:
        """Run a rehearsal of its own to its end."""
        before = self.rehearsals.get(period)
        execution = execution or f"rehearsal-{before.number + 1 if before else 1}"
        self.workflow.running.add(execution)
        begun = self.use_cases.rehearsal_opener.rehearse(period, execution)
        assert begun.outcome == "opened"
        judged = self.draft_all(begun.rehearsal)
        assert judged.outcome == "rehearsed"
        self.workflow.running.discard(execution)
        found = self.rehearsals.get(period)
        assert found
        return found

    def draft_all(self, rehearsal: Rehearsal) -> Judged:
        """Draft all batches, and judge them."""
        made, period, number = self.use_cases, rehearsal.period, rehearsal.number
        while (drafting := made.rehearsal_planner.plan(period, number)).unfinished:
            for batch in read_batches(self.documents, drafting.key):
                with suppress(ConflictError, TryLaterError):  # left to the next pass
                    made.batch_rehearser.rehearse(period, number, batch)
        while (judged := made.rehearsal_judge.judge(period, number)).outcome == "time_was_up":
            pass
        return judged

    def approve(self, period: Period = OCTOBER, by: str = "ann", note: str = "", number: int = 0) -> Approved:
        """Approve the newest rehearsal, or one that is named."""
        found = self.use_cases.approver.approvable(period, number)
        return self.use_cases.approver.approve(period, found.number, by, note)

    def close_batch(self, period: Period, batch: Batch, round_number: int, only: Collection[str] = ()) -> None:
        """Do what a child execution does; what it cannot finish is left for the repair round."""
        try:
            generated = self.generator.generate(period, batch, round_number, only)
            if generated.progress.unsettled:
                self.batch_charger.charge(period, batch.number, round_number, only=only)
            if generated.progress.totals.customers.get("invoiced"):
                self.sender.send(period, batch.number, round_number)
            elif not generated.held:
                return
            self.keeper.apply(period, batch.number, round_number)
        except (ConflictError, TryLaterError):
            return

    def pack(self, period: Period = OCTOBER, made_for: MadeFor = MadeFor.CLOSE) -> Pack:
        """Make a report pack, as its state machine does."""
        made = self.use_cases
        plan = made.pack_planner.plan(period, made_for)
        for number in range(plan.parts):
            assert made.pack_part_reader.read(plan, number)
        for table in PACK_TABLES.values():
            assert made.pack_table_writer.write(plan, table)
        return made.pack_finisher.finish(period, plan.name)

    def settle(self, *, everyone: bool = False) -> Settled:
        """Do what "Settle payments" does."""
        settled, changed = self.settler.settle(everyone=everyone)
        self.finisher.finish(settled, changed)
        return settled

    def reconcile(self, period: Period = OCTOBER, *providers: str) -> Reconciled:
        """Do what "Compare the books" does."""
        comparer = self.comparer.healing()
        reconciler = replace(self.use_cases.period_reconciler, comparer=comparer, reporter=self.reporter)
        return reconciler.reconcile(period, providers)

    def compare_with(self, *gateways: PaymentGateway) -> None:
        """Let these be the providers in the settings, as far as comparing goes."""
        made = {gateway.provider: partial(_returned, gateway) for gateway in gateways}
        chargers = {name: partial(Charger, self.books, make(), self.clock) for name, make in made.items()}
        comparer = self.use_cases.comparer
        planner = replace(comparer.planner, configured=frozenset(made))
        reader = replace(comparer.reader, gateways=made)
        joiner = replace(comparer.joiner, chargers=chargers, planner=planner)
        self.comparer = replace(comparer, planner=planner, reader=reader, joiner=joiner)
        self.reporter = replace(self.reporter, comparer=self.comparer)

    def collect(self, execution: str = "") -> Found:
        """Run the collections of the clock's day to their end, as their state machine does."""
        last = self.claims.get("collections")
        execution = execution or f"collections-{last.version if last else 0}"
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
