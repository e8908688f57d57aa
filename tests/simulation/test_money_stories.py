"""Stories of an invoice whose money is reversed and returned, while it is corrected, replaced and paid by hand.

A month in memory with the real gateways on the providers' in-process twins. Webhooks come in any order, twice or never.
Whatever happened: what a provider holds for each payment is what our books say, nobody paid more than they were billed,
and the proof finds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.errors import MonthCloseError
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentKey
from monthclose.ports import ProviderEvent
from monthclose.use_cases.payments.charge_payment import Charger
from sandbox.holdings import holdings
from tests.fakes import FakeClock
from tests.simulation.providers import TWINS, Line
from tests.simulation.universe import REVERSALS
from tests.world import OCTOBER, STRIPE, World

if TYPE_CHECKING:
    from monthclose.domain.payments.payment import Payment

STORIES, CHAPTERS = 5, 14
"""Stories for each example that the profile asks for, 75 or 425 with `make stories`, and their steps."""
CUSTOMER = "acme"
draws = st.integers(0, 2**31 - 1)
amounts = st.integers(1, 9_000)


class Month:
    """The customer's month, closed, with one provider's twin."""

    def __init__(
        self, provider: str, *, method: str = "pays", retry_reversed: bool = False, usage: str = "100"
    ) -> None:
        self.line = Line(FakeClock())
        self.twin = TWINS[provider](self.line)
        self.world = World(
            clock=self.line.clock,
            gateway=cast("Any", self.twin.gateway),
            providers={provider: replace(STRIPE, name=provider)},
            dunning=DunningPolicy(retry_reversed=retry_reversed),
        )
        self.world.add_customer(CUSTOMER, provider=provider)
        self.granted = 0
        self.use_method(method)
        self.world.use(CUSTOMER, usage)
        self.world.close()

    def use_method(self, method: str) -> None:
        customer = self.world.customer(CUSTOMER)
        profile = replace(
            customer.profile, payment_method=self.twin.methods[method], imported_provider_customer_id=self.twin.customer
        )
        self.world.change(CUSTOMER, profile=profile)

    @property
    def payments(self) -> tuple[Payment, ...]:
        return self.world.month(CUSTOMER).payments

    @contextmanager
    def trying(self) -> Iterator[None]:
        """A person or a worker who may be told no, or to come later."""
        with suppress(MonthCloseError):
            yield

    def webhook(self, payment: Payment) -> None:
        if payment.provider_ref:
            applied = self.world.applier.book(ProviderEvent("evt", "payment.changed", payment.provider_ref))
            self.world.applier.finish(applied)

    def heal(self) -> None:
        """Let everything that comes by itself come."""
        for _ in range(6):
            self.world.clock.pass_time(days=4)
            self.twin.settle()
            with self.trying():
                self.world.settle(everyone=True)
            for payment in self.payments:
                with self.trying():
                    self.webhook(payment)
        with self.trying():
            self.world.reconcile()

    def story(self) -> str:
        lines = [f"provider moved {[(m.get('kind'), m['amount']) for m in self.twin.movements()]}"]
        for payment in self.payments:
            lines.append(
                f"{payment.payment_id} {payment.state} {payment.provider_ref}: collected {payment.collected_minor}, "
                f"refunded {payment.refunded_minor}, reversed {payment.reversed_minor}, lost {payment.lost_minor}"
            )
            lines += [f"   {step.before} -> {step.after}: {step.why}" for step in payment.history]
        for entry in self.world.month(CUSTOMER).entries:
            lines.append(f"{entry.entry_id}: {', '.join(f'{leg.account} {leg.minor}' for leg in entry.legs)}")
        account = self.world.customer(CUSTOMER)
        lines.append(f"owes {account.receivable_minor}, credit {account.credit_minor}, lease {account.open_payment!r}")
        return "\n".join(lines)


class MoneyStory(RuleBasedStateMachine):
    """One customer's October; `provider` is set by the test."""

    provider = ""

    @initialize(retry_reversed=st.booleans())
    def begin(self, retry_reversed: bool) -> None:
        self.month = Month(self.provider, retry_reversed=retry_reversed)
        self.corrections = 0

    @rule(draw=draws)
    def something_happens_to_the_money(self, draw: int) -> None:
        self.month.twin.befall(draw)

    @rule()
    def the_bank_settles(self) -> None:
        self.month.twin.settle()

    @rule(draw=draws)
    def a_webhook_comes(self, draw: int) -> None:
        with self.month.trying():
            self.month.webhook(self.month.payments[draw % len(self.month.payments)])

    @rule()
    def somebody_reconciles(self) -> None:
        with self.month.trying():
            self.month.world.settle(everyone=True)
        with self.month.trying():
            self.month.world.reconcile()

    @rule(days=st.integers(1, 4))
    def days_pass(self, days: int) -> None:
        self.month.world.clock.pass_time(days=days)
        with self.month.trying():
            self.month.world.collect()

    @rule(amount=st.none() | amounts)
    def a_person_charges_by_hand(self, amount: int | None) -> None:
        with self.month.trying():
            self.month.world.cashier.pay(CUSTOMER, Money(amount, "USD") if amount else None)

    @rule(amount=amounts)
    def a_person_grants_credit(self, amount: int) -> None:
        with self.month.trying():
            self.month.world.cashier.credit(CUSTOMER, Money(amount, "USD"), "sorry")
            self.month.granted += amount

    @rule(method=st.sampled_from(["pays", "refused"]))
    def the_customer_changes_the_method(self, method: str) -> None:
        self.month.use_method(method)

    @rule(amount=st.none() | amounts)
    def a_credit_note_is_issued(self, amount: int | None) -> None:
        world, self.corrections = self.month.world, self.corrections + 1
        number, reason = world.month(CUSTOMER).invoice.number, f"reason {self.corrections}"  # type: ignore[union-attr]
        with self.month.trying():
            if amount is None:
                world.corrector.void(number, reason)
            else:
                world.corrector.credit(number, Money(amount, "USD"), reason)

    @rule(more=st.sampled_from(["-40", "-15.5", "0", "25"]))
    def the_invoice_is_regenerated(self, more: str) -> None:
        world, self.corrections = self.month.world, self.corrections + 1
        world.use(CUSTOMER, more, event_id=f"late-{self.corrections}")
        with self.month.trying():
            world.regenerator.regenerate(
                world.month(CUSTOMER).invoice.number,  # type: ignore[union-attr]
                f"reason {self.corrections}",
            )

    def teardown(self) -> None:
        if not hasattr(self, "month"):
            return
        month, world = self.month, self.month.world
        month.heal()
        told, account, record = month.story(), world.customer(CUSTOMER), world.month(CUSTOMER)
        held = holdings(month.twin.movements())
        ours = {payment.provider_ref: payment.net_minor for payment in month.payments if payment.net_minor}
        assert {reference: holding.net for reference, holding in held.items() if holding.net} == ours, told
        assert all(holding.charges <= 1 for holding in held.values()), told
        assert not account.open_payment, told

        moved = month.twin.movements()
        charged = sum(m["amount"] for m in moved if m.get("kind", "charge") == "charge")
        reversed_ = -sum(m["amount"] for m in moved if m.get("kind", "charge") in REVERSALS)
        billed = sum(max(invoice.total_minor, 0) for invoice in record.invoices)
        assert charged <= billed + reversed_, f"charged more than was ever owed\n{told}"
        returned = sum(m["amount"] for m in moved if m.get("kind", "charge") != "charge" and m["amount"] > 0)
        notes = sum(note.total_minor for note in record.credit_notes)
        # Where money came back: a dispute that is won in part, after all of it was charged again, leaves credit beside
        # what is open.
        beside = account.receivable_minor if returned else 0
        assert account.credit_minor <= month.granted + notes + returned + beside, f"charged too much\n{told}"

        reconciled = world.reconcile()
        assert reconciled.report["proof"]["ties"], f"{reconciled.report['proof']}\n{told}"
        assert not [finding for comparison in reconciled.comparisons for finding in comparison.findings], told


@pytest.mark.timeout(900)
@pytest.mark.parametrize("provider", TWINS)
def test_whatever_happens_to_the_money_the_books_match_what_the_provider_holds(provider: str) -> None:
    class OfProvider(MoneyStory):
        pass

    OfProvider.provider = provider
    stories = STORIES * settings().max_examples
    quiet = settings(max_examples=stories, stateful_step_count=CHAPTERS, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(OfProvider, settings=quiet)


def books_of(world: World) -> dict[str, Any]:
    """The ledger by account, what is open, and the account: what must not depend on who heard of what when."""
    record, account, legs = world.month(CUSTOMER), world.customer(CUSTOMER), Counter[Account]()
    for entry in record.entries:
        for leg in entry.legs:
            legs[leg.account] += leg.minor
    assert record.invoice
    return {
        "ledger": {account: minor for account, minor in legs.items() if minor},
        "open": record.invoice.open.minor,
        "owes": account.receivable_minor,
        "credit": account.credit_minor,
        "states": [payment.state for payment in record.payments],
    }


@pytest.mark.timeout(900)
@pytest.mark.parametrize("provider", TWINS)
@given(steps=st.lists(st.tuples(draws, st.sampled_from(["told", "told twice", "not told"])), min_size=1, max_size=8))
@settings(max_examples=2 * settings().max_examples)
def test_any_number_of_webhooks_or_none_gives_the_same_books(provider: str, steps: list[tuple[int, str]]) -> None:
    month = Month(provider)
    month.twin.settle()
    month.webhook(month.payments[0])
    deaf = deepcopy(month.world.books)
    for draw, told in steps:
        month.twin.befall(draw)
        for _ in range(["not told", "told", "told twice"].index(told)):
            month.webhook(month.payments[0])
    month.webhook(month.payments[0])

    Charger(deaf, month.twin.gateway, month.world.clock).look_up(PaymentKey(CUSTOMER, OCTOBER))
    heard = books_of(month.world)
    month.world.books = deaf
    assert books_of(month.world) == heard, month.story()
