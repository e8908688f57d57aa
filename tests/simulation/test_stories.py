"""Stories: any mixture of charges, faults, deaths, payments by hand, credits, webhooks, time, and money that goes back.

Hypothesis tells a thousand of them for each provider. Whatever happened, once the world is left in peace the customer
has paid what they owe and no more, the books tie with the provider's, and no lease is left.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.invoices.document_parts import Buyer, Seller
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentKey
from monthclose.domain.statements.receipt import receipt_for
from monthclose.domain.statements.statement import movements_of
from sandbox.chaos.faults import Fault, When
from tests.simulation.crash_points import FAULTS
from tests.simulation.providers import TWINS
from tests.simulation.universe import CUSTOMER, SOON, Universe, story
from tests.world import OCTOBER

STORIES = 13
"""Stories for each example that the profile asks for: 195, or 1,100 with `make stories`."""
CHAPTERS = 12

faults = st.none() | st.tuples(st.sampled_from(FAULTS), st.integers(0, 2))
deaths = st.none() | st.integers(0, 13)
amounts = st.integers(1, 6_000)
sequences = st.integers(1, 3)
waits = st.sampled_from([{"seconds": 20}, {"minutes": 20}, {"hours": 2}, {"hours": 30}, {"days": 4}])
methods = st.sampled_from(["pays", "refused", "asks"])
type Disturbed = tuple[tuple[Fault, When], int] | None


def _asks_nobody(method: str) -> str:
    return "refused" if method == "asks" else method


class Story(RuleBasedStateMachine):
    """One customer's life; `provider` is set by the test."""

    provider = ""

    @initialize(method=methods)
    def begin(self, method: str) -> None:
        self.universe = Universe(TWINS[self.provider], method if self.provider == "stripe" else _asks_nobody(method))

    def _disturb(self, fault: Disturbed) -> None:
        if fault:
            (kind, when), call = fault
            self.universe.line.arm(kind, when, call)

    @rule(sequence=sequences, fault=faults, death=deaths, again=st.booleans())
    def a_worker_charges(self, sequence: int, fault: Disturbed, death: int | None, again: bool) -> None:
        self._disturb(fault)
        with self.universe.process(death):
            self.universe.charger.charge(PaymentKey(CUSTOMER, OCTOBER, sequence), again=again)

    @rule(sequence=sequences, fault=faults, death=deaths)
    def a_webhook_comes(self, sequence: int, fault: Disturbed, death: int | None) -> None:
        self._disturb(fault)
        with self.universe.process(death):
            self.universe.charger.look_up(PaymentKey(CUSTOMER, OCTOBER, sequence))

    @rule(sequence=sequences, fault=faults, death=deaths)
    def the_reconciler_comes(self, sequence: int, fault: Disturbed, death: int | None) -> None:
        self._disturb(fault)
        with self.universe.process(death):
            self.universe.charger.look_up(PaymentKey(CUSTOMER, OCTOBER, sequence), go_on=True)

    @rule(amount=st.none() | amounts, fault=faults, death=deaths)
    def a_person_charges_by_hand(self, amount: int | None, fault: Disturbed, death: int | None) -> None:
        self._disturb(fault)
        with self.universe.process(death):
            self.universe.cashier.pay(CUSTOMER, Money(amount, "USD") if amount else None)

    @rule(amount=amounts, kind=st.sampled_from([GrantKind.PROMOTIONAL, GrantKind.GOODWILL]))
    def a_person_grants_credit(self, amount: int, kind: GrantKind) -> None:
        self.universe.grant(amount, kind)

    @rule(wait=waits)
    def time_passes(self, wait: dict[str, int]) -> None:
        self.universe.clock.pass_time(**wait)

    @rule()
    def the_bank_settles(self) -> None:
        self.universe.twin.settle()

    @rule(method=methods, fault=faults, death=deaths, heard=st.booleans())
    def the_customer_gives_a_method(self, method: str, fault: Disturbed, death: int | None, heard: bool) -> None:
        page = self.universe.give(method if self.provider == "stripe" else _asks_nobody(method))
        self._disturb(fault)
        if page and heard:
            with self.universe.process(death):
                self.universe.hear_of(page)

    @rule(fault=faults, death=deaths)
    def the_customer_pays_by_their_link(self, fault: Disturbed, death: int | None) -> None:
        self._disturb(fault)
        with self.universe.process(death):
            self.universe.pay()

    @rule(succeeds=st.booleans())
    def the_customer_authenticates(self, succeeds: bool) -> None:
        self.universe.twin.authenticate(succeeds=succeeds)

    @rule(method=st.sampled_from(["pays", "refused"]))
    def the_company_imports_a_method(self, method: str) -> None:
        customer = self.universe.customer
        profile = replace(customer.profile, payment_method=self.universe.twin.methods[method])
        self.universe.books.commit(replace(customer, profile=profile))

    @rule(draw=st.integers(0, 2**31 - 1))
    def something_happens_to_the_money(self, draw: int) -> None:
        self.universe.twin.befall(draw)

    def teardown(self) -> None:
        if not hasattr(self, "universe"):
            return
        universe = self.universe
        assert universe.line.twin
        universe.line.twin.disarm()
        universe.heal(SOON)
        account, told = universe.customer, story(universe)
        assert not universe.overcharged(), f"charged twice\n{told}"
        assert account.credit_minor <= universe.granted + universe.returned(), f"charged too much\n{told}"
        assert not account.open_payment, f"a lease is left\n{told}"
        assert not universe.findings(), f"the books don't tie\n{told}"
        assert all(payment.settled for payment in universe.payments), f"unsettled\n{told}"
        _papers_tie(universe, told)


def _papers_tie(universe: Universe, told: str) -> None:
    """The statement ends with what the customer owes, and each receipt is for what its payment collected."""
    account, months = universe.customer, universe.books.months(CUSTOMER)
    stated = sum(movement.minor for movement in movements_of(months, account.currency))
    assert stated == account.balance.minor, f"the statement ends at {stated}\n{told}"
    for payment in universe.payments:
        if payment.collected_minor:
            receipt = receipt_for(payment, months, Seller("Northwind"), Buyer.of(account), "")
            assert receipt.paid_minor == payment.collected_minor, f"{receipt}\n{told}"


def tell_stories(provider: str, number: int) -> None:
    """Tell a number of stories about a provider's customer.

    Raises
    ------
    AssertionError
        One of them ends badly: the shortest that does is in its notes.
    """

    class OfProvider(Story):
        pass

    OfProvider.provider = provider
    quiet = settings(max_examples=number, stateful_step_count=CHAPTERS, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(OfProvider, settings=quiet)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("provider", TWINS)
def test_whatever_happens_the_customer_pays_once_and_the_books_tie(provider: str) -> None:
    tell_stories(provider, STORIES * settings().max_examples)
