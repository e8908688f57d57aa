"""One customer, one provider's in-process twin, and books in memory, where everything that leaves the process is a
point at which the process may die.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, cast

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.closes.check_account import SeenAccount, check_account
from monthclose.domain.closes.check_month import SeenMonth, check_entries, check_month
from monthclose.domain.closes.close import totals_of
from monthclose.domain.closes.proof import Finding, check_provider_sums, check_totals
from monthclose.domain.closes.tally import Tally
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice, issue
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentKey
from monthclose.errors import IllegalTransitionError, MonthCloseError
from monthclose.ports import PaymentGateway, Record
from sandbox.holdings import holdings
from sandbox.wire import JSON
from tests.fakes import FakeBooks, FakeClock, FakeCloses, FakePages
from tests.listing import collected
from tests.simulation.providers import Line, Provider
from tests.world import OCTOBER, STRIPE, World

REVERSALS = ("dispute", "charge_back", "late_failure")
"""Kinds of movements by which a bank reverses a payment."""
CUSTOMER = "acme"
KEY = PaymentKey(CUSTOMER, OCTOBER)
BACK = "https://invoices.example.com/token?from=provider"
TOTAL = 10_000
"""What the October invoice is over, in minor units."""


class ProcessDiedError(BaseException):
    """The process is killed: nothing of its own can catch it."""


@dataclass
class Fuse:
    """Counts the points that a process passes, and ends it at one of them."""

    dies_at: int | None = None
    passed: list[str] = field(default_factory=list)
    pause: tuple[int, threading.Event, threading.Event] | None = None
    """A point to be suspended at, what then happens, and what to wait for."""

    def point(self, name: str) -> None:
        self.passed.append(name)
        number = len(self.passed) - 1
        if number == self.dies_at:
            raise ProcessDiedError(name)
        if self.pause and self.pause[0] == number:
            self.pause[1].set()
            assert self.pause[2].wait(20)


class WatchedBooks(FakeBooks):
    """Books whose every write is a point before and a point after."""

    def __init__(self) -> None:
        super().__init__()
        self.fuse = Fuse()

    def commit(self, *records: Record) -> tuple[Record, ...]:
        name = " + ".join(type(record).__name__ for record in records)
        self.fuse.point(f"before the write of {name}")
        written = super().commit(*records)
        self.fuse.point(f"after the write of {name}")
        return written


class Universe:
    """The customer's account, the provider, and the processes that come and go."""

    def __init__(
        self,
        twin: Callable[[Line], Provider],
        method: str = "pays",
        *,
        invoiced: bool = True,
        currency: str = "USD",
        books: WatchedBooks | None = None,
    ) -> None:
        self.granted = 0
        """Credit that a person granted, or money they received elsewhere, in minor units."""
        self.clock = FakeClock()
        self.books = books or WatchedBooks()
        self.closes = FakeCloses()
        self.line = Line(self.clock)
        self.twin = twin(self.line)
        self.gateway: PaymentGateway = self.twin.gateway
        name = self.gateway.provider
        providers = {name: replace(STRIPE, name=name)}
        self.pages = FakePages(needs_payer=name == "stripe")
        self.pages.provider = name
        world = World(
            self.clock,
            self.books,
            self.closes,
            gateway=cast("Any", self.gateway),
            pages=self.pages,
            providers=providers,
        )
        self.use_cases = world.use_cases
        self.charger = self.use_cases.charger(name)
        # Holds are decided, and nobody is written to about them: these stories are about money.
        holds = replace(self.use_cases.hold_keeper, teller=None)
        teller = replace(self.use_cases.customer_teller, holds=holds)
        self.cashier = replace(self.use_cases.cashier, holds=holds, teller=teller)
        profile = Profile("Acme", "billing@acme.example", currency, self.gateway.provider, self.twin.methods[method])
        self.books.commit(Customer(CUSTOMER, replace(profile, imported_provider_customer_id=self.twin.customer)))
        if invoiced:
            self.invoice(TOTAL)

    def invoice(self, total: int) -> None:
        """Issue the October invoice, as the stage does: with its payment, in one commit."""
        place = DocumentPlace("key", 0, 10, "hash")
        currency = self.customer.profile.currency
        invoice = Invoice("INV-1", CUSTOMER, OCTOBER, currency, total, date(2026, 11, 1), place)
        issued, account, legs = issue(invoice, self.customer)
        entry = Entry("invoice", CUSTOMER, OCTOBER, currency, self.clock(), legs)
        self.books.commit(account, issued, entry, Payment(CUSTOMER, OCTOBER, self.gateway.provider, currency))

    @property
    def customer(self) -> Customer:
        found = self.books.customer(CUSTOMER)
        assert found
        return found

    @property
    def payments(self) -> tuple[Payment, ...]:
        return self.books.month(CUSTOMER, OCTOBER).payments

    @contextmanager
    def process(self, dies_at: int | None = None) -> Iterator[Fuse]:
        """Run a process that may be killed at a point, or end with an error of ours: both end it."""
        fuse = Fuse(dies_at)
        self.books.fuse = self.line.fuse = fuse
        try:
            yield fuse
        except IllegalTransitionError:
            raise  # a defect of ours
        except (ProcessDiedError, MonthCloseError):
            pass
        finally:
            self.books.fuse = self.line.fuse = Fuse()

    def heal(self, waits: tuple[timedelta, ...]) -> None:
        """Let time pass, with what comes by itself in it: redelivery, the reconciler, the bank.

        Once everything is settled and a round has changed nothing at either side, the rest of the time passes at once,
        with one more round at its end: those in between would find what the last one found.
        """
        left = list(waits)
        while left:
            before = self._state()
            self._round(left.pop(0))
            if left and not self.unsettled and self._state() == before:
                left = [sum(left, timedelta())]
        for _ in range(_MOST_WEEKS_AFTERWARDS):
            if not self.unsettled:
                return
            self._round(_A_WEEK)  # one payment at a time: several of them take their turns

    @property
    def unsettled(self) -> bool:
        """Whether a payment is under way or still to be made."""
        return any(payment.in_flight or not payment.settled for payment in self.payments)

    def _state(self) -> tuple[dict[tuple[str, ...], Record], Sequence[JSON]]:
        return dict(self.books.records), list(self.twin.movements())

    def _round(self, wait: timedelta) -> None:
        """Let time pass and everybody who comes by themselves come once."""
        self.clock.now += wait
        self.twin.settle()
        for payment in self.payments:
            key = PaymentKey(CUSTOMER, OCTOBER, payment.sequence)
            with self.process():
                self.charger.charge(key)
            with self.process():
                self.charger.look_up(key, go_on=True)

    def give(self, method: str) -> str:
        """Let the customer give a payment method on their provider's page; returns the page, empty if there is none."""
        before = set(self.pages.orders)
        with self.process():
            self.use_cases.details_desk.ask(CUSTOMER, BACK)
        for page in set(self.pages.orders) - before:
            self.pages.give(page, self.twin.methods[method])
        return next(iter(set(self.pages.orders) - before), "")

    def hear_of(self, page: str) -> None:
        """Do what the webhook about a page leads to: take the method, and charge what is due."""
        if self.use_cases.details_desk.take(self.gateway.provider, page):
            self.use_cases.charges_at_once.collect(CUSTOMER)

    def pay(self) -> str:
        """Let the customer press the button on their invoice's page; returns where they must go to confirm."""
        return self.use_cases.charges_at_once.pay(CUSTOMER, OCTOBER, BACK).confirm_at

    def grant(self, minor: int, kind: GrantKind = GrantKind.GOODWILL) -> None:
        """Let a person grant credit."""
        with self.process():
            self.cashier.credit(CUSTOMER, Money(minor, "USD"), "sorry", kind)
            self.granted += minor

    def moved(self) -> list[int]:
        """What the provider says it moved, in minor units, in order: charges above zero, the rest below."""
        return [movement["amount"] for movement in self.twin.movements() if movement["amount"]]

    def overcharged(self) -> int:
        """How much more was charged than the invoice and what banks have reversed since, in minor units.

        A refund is no reason to charge again.
        """
        movements = self.twin.movements()
        charged: int = sum(m["amount"] for m in movements if m.get("kind", "charge") == "charge")
        reversed_: int = -sum(m["amount"] for m in movements if m.get("kind", "charge") in REVERSALS)
        return max(charged - TOTAL - reversed_, 0)

    def returned(self) -> int:
        """What banks have returned after a reversal, and refunds that failed, in minor units."""
        return sum(
            m["amount"] for m in self.twin.movements() if m.get("kind", "charge") != "charge" and m["amount"] > 0
        )

    def findings(self) -> list[Finding]:
        """Hold the books against themselves and against the provider's list."""
        month = self.books.month(CUSTOMER, OCTOBER)
        totals, _ = totals_of([month])
        theirs: dict[str, int] = {}
        found = []
        known = {payment.provider_ref: payment for payment in month.payments}
        for charge in collected(self.gateway, OCTOBER, self.clock.now - timedelta(days=400)):
            theirs[charge.currency] = theirs.get(charge.currency, 0) + charge.minor
            payment = known.get(charge.reference)
            if payment is None or payment.net_minor != charge.minor:
                found.append(Finding("provider", f"{charge} is not {payment}"))
        for reference, holding in holdings(self.twin.movements()).items():
            minor = known[reference].net_minor if reference in known else 0
            if minor != holding.net:
                found.append(Finding("provider", f"{holding} is {minor} by our books"))
        # Credit that was granted in another month has its entry there.
        for other, elsewhere in self.books.months(CUSTOMER).items():
            if other != OCTOBER:
                totals += totals_of([elsewhere])[0]
        ours = {currency: sums.get("by_providers", 0) for currency, sums in totals.money.items()}
        found += check_provider_sums(ours, theirs, self.gateway.provider)
        return [*found, *check_totals(totals, sum(totals.customers.values())), *self.failed_checks()]

    def failed_checks(self) -> list[Finding]:
        """Make the proof's checks of the customer."""
        tally, months = Tally(), self.books.months(CUSTOMER)
        if check_entries(tally, CUSTOMER, months, OCTOBER):
            check_month(tally, SeenMonth(CUSTOMER, months[OCTOBER], True, self.clock()))
            check_account(tally, SeenAccount(CUSTOMER, self.customer, months, OCTOBER, OCTOBER))
        return [Finding(check, failure.detail) for check, failures in tally.failures.items() for failure in failures]


SOON = tuple(timedelta(minutes=minutes) for minutes in (0.1, 2, 10, 120, 30 * 60, 72 * 60, 72 * 60))
"""Somebody comes after seconds, and again at growing intervals."""
LATE = tuple(timedelta(days=days) for days in (3, 1, 1, 1))
"""Nobody comes before the providers have forgotten every idempotency key."""


_A_WEEK = timedelta(days=7)
_MOST_WEEKS_AFTERWARDS = 12


def story(universe: Universe) -> str:
    """Tell what happened, for whoever reads a failing test."""
    lines = [f"provider moved {universe.moved()}", f"customer {universe.customer}"]
    for payment in universe.payments:
        lines.append(f"payment {payment.payment_id}: {payment.state}, collected {payment.collected_minor}")
        lines += [f"  {step.time:%d %H:%M} {step.before} -> {step.after}: {step.why}" for step in payment.history]
    return "\n".join([*lines, *map(str, universe.findings())])
