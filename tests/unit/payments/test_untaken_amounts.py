"""Amounts that the provider cannot charge as they are: what is charged, what happens to the rest, what is said."""

from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.closes.parked import what_helps
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import OrderInvalidError, OrderRefusedError, TryLaterError
from monthclose.ports import ChargeOrder, ChargeOutcome, Collected
from tests.fakes import FakeGateway
from tests.unit.dying import DiedError, dying_at
from tests.world import OCTOBER, World

NOVEMBER = Period(2026, 11)


@pytest.fixture
def world() -> World:
    return World()


def owing(world: World, amount: str, currency: str, method: str = "ok") -> str:
    world.use(world.add_customer("acme", currency=currency, method=method), amount)
    return "acme"


def moved(world: World) -> list[int]:
    return [amount.minor for _, amount in world.gateway.money_moved]


def mails(world: World) -> list[str]:
    return [" ".join(mail.text.split()) for mail in world.mailer.sent]


def settlement(month: CustomerMonth) -> tuple[int, int, int]:
    """The invoice's collected, written-off and open amounts."""
    assert month.invoice
    return month.invoice.collected_minor, month.invoice.written_off_minor, month.invoice.open.minor


def days_pass(world: World, days: int) -> None:
    """Let the daily collections run."""
    for _ in range(days):
        world.clock.pass_time(days=1)
        world.collect()


def test_a_last_digit_that_no_charge_can_carry_is_written_off_and_notified(world: World) -> None:
    owing(world, "6.172", "KWD")
    report = world.close()
    month = world.month("acme")
    assert moved(world) == [6_170]
    assert settlement(month) == (6_170, 2, 0)
    assert report["rounds"] == 1
    assert report["parked"] == {}
    assert report["proof"]["ties"]
    assert report["money"]["KWD"]["written_off"] == 2
    assert (world.customer("acme").balance.minor, world.customer("acme").held_since) == (0, None)
    [leg] = [leg for entry in month.entries for leg in entry.legs if leg.account is Account.WRITE_OFF]
    assert leg.minor == 2
    assert "0.002 KWD written off, because stripe cannot charge it" in month.entries[-1].memo
    [mail] = mails(world)
    assert "We charged 6.170 KWD" in mail
    assert "waived the remaining 0.002 KWD" in mail
    days_pass(world, 30)
    assert len(world.mailer.sent) == 1


def test_an_amount_too_small_ever_to_be_charged_is_written_off_without_a_charge(world: World) -> None:
    owing(world, "0.007", "KWD")
    report = world.close()
    assert moved(world) == []
    assert settlement(world.month("acme")) == (0, 7, 0)
    assert report["payments"]["nothing_due"] == 1
    assert report["proof"]["ties"]
    [mail] = mails(world)
    assert "Nothing is due" in mail


def test_a_declined_charge_writes_nothing_off(world: World) -> None:
    owing(world, "6.172", "KWD", method="declined")
    report = world.close()
    assert settlement(world.month("acme")) == (0, 0, 6_172)
    assert report["proof"]["ties"]


def test_a_debit_that_is_collected_later_writes_the_rest_off_then(world: World) -> None:
    owing(world, "6.172", "KWD", method="debit")
    assert world.close()["proof"]["ties"]
    assert settlement(world.month("acme")) == (0, 0, 6_172)
    [(reference, order)] = world.gateway.orders.items()
    world.gateway.settle(reference, Collected(order.amount))
    world.clock.pass_time(days=1)
    world.settle()
    assert settlement(world.month("acme")) == (6_170, 2, 0)
    assert world.close(execution="execution-2")["proof"]["ties"]


def test_an_amount_limit_set_by_a_person_writes_nothing_off(world: World) -> None:
    owing(world, "6.172", "KWD", method="declined")
    world.close()
    world.add_customer("acme", currency="KWD")
    [paid] = world.cashier.pay("acme", Money(3_005, "KWD"))
    assert paid.collected_minor == 3_000
    assert settlement(world.month("acme")) == (3_000, 0, 3_172)
    [tiny] = world.cashier.pay("acme", Money(5, "KWD"))
    assert (tiny.state, tiny.code) == (PaymentState.DECLINED, "below_minimum")
    [rest] = world.cashier.pay("acme")
    assert rest.collected_minor == 3_170
    assert settlement(world.month("acme")) == (6_170, 2, 0)


@pytest.mark.parametrize("one_order_per_payment", [True, False])
def test_an_amount_too_large_for_one_charge_is_charged_in_several(one_order_per_payment: bool) -> None:
    world = World(gateway=FakeGateway(one_order_per_payment=one_order_per_payment))
    owing(world, "250000040", "JPY")
    report = world.close()
    assert moved(world) == [99_999_999, 99_999_999, 50_000_042]
    assert settlement(world.month("acme")) == (250_000_040, 0, 0)
    assert report["rounds"] == 1
    assert report["payments"] == {"paid": 1} | dict.fromkeys(report["payments"].keys() - {"paid"}, 0)
    assert report["proof"]["ties"]
    [mail] = mails(world)
    assert "We charged 250,000,040 JPY" in mail


def test_parts_are_split_so_that_the_last_is_not_too_small_for_a_charge(world: World) -> None:
    owing(world, "100000010", "JPY")
    world.close()
    assert moved(world) == [99_999_960, 50]


def test_a_further_charge_that_breaks_off_is_resumed_by_the_next_round_and_never_charged_twice(world: World) -> None:
    owing(world, "250000040", "JPY")
    down = [TryLaterError("down")]

    class Gateway(FakeGateway):
        def prepare(self, order: ChargeOrder) -> str:
            if order.payment_id == "2026-10.2/acme" and down:
                raise down.pop()
            return super().prepare(order)

    world.gateway.__class__ = Gateway
    report = world.close()
    assert moved(world) == [99_999_999, 99_999_999, 50_000_042]
    assert report["rounds"] == 2
    assert report["proof"]["ties"]
    assert len(world.mailer.sent) == 1


def test_a_declined_further_charge_is_notified_and_retried_by_itself(world: World) -> None:
    owing(world, "150000000", "JPY")

    class Gateway(FakeGateway):
        def _outcome(self, order: ChargeOrder) -> ChargeOutcome:
            return super()._outcome(replace(order, payment_method="declined") if ".2/" in order.payment_id else order)

    world.gateway.__class__ = Gateway
    report = world.close()
    assert report["declines"] == {"insufficient_funds": 1}
    assert settlement(world.month("acme")) == (99_999_999, 0, 50_000_001)
    [mail] = mails(world)
    assert "could not collect 50,000,001 JPY" in mail
    world.gateway.__class__ = FakeGateway
    days_pass(world, 1)
    assert settlement(world.month("acme")) == (150_000_000, 0, 0)
    assert moved(world) == [99_999_999, 50_000_001]
    assert world.close(execution="execution-2")["proof"]["ties"]


def test_the_next_part_of_a_bank_debit_is_requested_once_the_first_has_arrived(world: World) -> None:
    owing(world, "150000000", "JPY", method="debit")
    world.close()
    [mail] = mails(world)
    assert "asked your bank for 99,999,999 JPY" in mail
    assert "we will collect the remaining 50,000,001 JPY" in mail
    for expected in (99_999_999, 150_000_000):
        reference, order = list(world.gateway.orders.items())[-1]
        world.gateway.settle(reference, Collected(order.amount))
        world.clock.pass_time(days=1)
        world.settle()
        world.collect()
        assert settlement(world.month("acme"))[0] == expected
    _, came_in = mails(world)
    assert "We charged 150,000,000 JPY" in came_in
    assert world.close(execution="execution-2")["proof"]["ties"]


def test_a_transfer_that_covers_a_further_charge_leaves_nothing_to_do(world: World) -> None:
    owing(world, "150000000", "JPY", method="debit")
    world.close()
    [(reference, order)] = world.gateway.orders.items()
    world.gateway.settle(reference, Collected(order.amount))
    world.charger.look_up(PaymentKey("acme", OCTOBER))  # as a webhook does; the reconciler comes later
    world.cashier.record("acme", Money(50_000_001, "JPY"), "a transfer")
    assert settlement(world.month("acme"))[2] == 0
    [batch] = world.closes.all_progress(OCTOBER)
    assert batch.finished
    assert world.close(execution="execution-2")["proof"]["ties"]
    assert moved(world) == [99_999_999]


def test_paying_by_hand_makes_as_many_charges_as_needed_and_collects_no_more_than_asked(world: World) -> None:
    owing(world, "250000000", "JPY", method="declined")
    world.close()
    world.add_customer("acme", currency="JPY")
    made = world.cashier.pay("acme", Money(150_000_000, "JPY"))
    assert [payment.collected_minor for payment in made] == [99_999_999, 50_000_001]
    assert settlement(world.month("acme"))[2] == 100_000_000


def test_an_amount_too_small_for_a_charge_is_notified_and_charged_with_the_next_invoice(world: World) -> None:
    owing(world, "0.30", "USD")
    report = world.close()
    assert moved(world) == []
    assert report["declines"] == {"below_minimum": 1}
    assert report["parked"] == {}
    assert report["holds"]["placed"] == 0
    assert report["proof"]["ties"]
    [mail] = mails(world)
    assert "too little to charge on its own, so we will charge it together with your next invoice" in mail
    days_pass(world, 30)
    assert len(world.mailer.sent) == 1
    assert world.customer("acme").held_since is None

    world.use("acme", "5", period=NOVEMBER)
    report = world.close(NOVEMBER, "execution-2")
    assert moved(world) == [530]
    assert [settlement(world.month("acme", period)) for period in (OCTOBER, NOVEMBER)] == [(0, 0, 0), (500, 0, 0)]
    assert world.customer("acme").balance.minor == 0
    assert world.customer("acme").credit_minor == 0
    assert report["proof"]["ties"]
    mail = mails(world)[-1]
    assert "We charged 5.00 USD for invoice INV-00000002" in mail
    assert "The same payment includes 0.30 USD" in mail
    [batch] = world.closes.all_progress(OCTOBER)
    assert batch.totals.money["USD"]["open"] == 0
    assert world.close(execution="execution-3")["proof"]["ties"]


def test_small_amounts_add_up_until_a_charge_can_take_them(world: World) -> None:
    owing(world, "0.30", "USD")
    world.close()
    world.clock.pass_time(days=31)
    world.use("acme", "0.25", period=NOVEMBER)
    report = world.close(NOVEMBER, "execution-2")
    assert moved(world) == [55]
    assert report["proof"]["ties"]
    assert world.customer("acme").balance.minor == 0


def test_small_amounts_that_do_not_add_up_stay_open_and_nobody_is_dunned(world: World) -> None:
    owing(world, "0.10", "USD")
    world.close()
    world.clock.pass_time(days=31)
    world.use("acme", "0.15", period=NOVEMBER)
    world.close(NOVEMBER, "execution-2")
    days_pass(world, 30)
    assert moved(world) == []
    assert len(world.mailer.sent) == 2
    december = NOVEMBER.next
    world.use("acme", "1", period=december)
    assert world.close(december, "execution-3")["proof"]["ties"]
    assert moved(world) == [125]
    assert world.customer("acme").balance.minor == 0


def test_a_declined_charge_leaves_its_gathered_amounts_open(world: World) -> None:
    owing(world, "0.30", "USD")
    world.close()
    world.clock.pass_time(days=31)
    world.use(world.add_customer("acme", method="declined"), "5", period=NOVEMBER)
    assert world.close(NOVEMBER, "execution-2")["proof"]["ties"]
    assert "could not collect 5.30 USD" in mails(world)[-1]
    world.add_customer("acme")
    world.clock.pass_time(days=1)
    world.collect()
    assert moved(world) == [530]
    assert world.customer("acme").balance.minor == 0
    assert world.close(NOVEMBER, "execution-3")["proof"]["ties"]
    assert world.close(execution="execution-4")["proof"]["ties"]


@pytest.mark.parametrize("code", ["above_maximum", "currency_not_taken"])
def test_an_amount_that_no_charge_can_collect_is_to_be_transferred_and_nobody_is_dunned_or_held(
    world: World, code: str
) -> None:
    owing(world, "100", "EUR")
    world.gateway.failures["prepare", "before"] = [OrderRefusedError(code)] * 50
    report = world.close()
    assert report["declines"] == {code: 1}
    assert report["rounds"] == 1
    assert report["parked"] == {}
    assert report["proof"]["ties"]
    [mail] = mails(world)
    assert "Please transfer the amount, quoting the invoice number" in mail
    assert "again" not in mail
    days_pass(world, 40)
    assert len(world.mailer.sent) == 1
    assert len(world.gateway.failures["prepare", "before"]) == 49
    assert world.customer("acme").held_since is None


def test_parking_for_a_refused_order_says_what_helps_and_not_to_wait(world: World) -> None:
    owing(world, "100", "EUR")
    world.gateway.failures["prepare", "before"] = [OrderInvalidError("resource_missing")] * 3
    world.close()
    parking = world.month("acme").parking
    assert parking
    assert "(resource_missing), and waiting does not change that" in parking.detail
    assert "payments record" in what_helps(parking.reason)


def test_a_currency_that_the_provider_does_not_accept_is_never_charged(world: World) -> None:
    owing(world, "1.2345", "CLF")
    report = world.close()
    assert report["declines"] == {"currency_not_taken": 1}
    assert world.gateway.orders == {}
    assert "it does not support the currency of the invoice" in mails(world)[0]
    world.cashier.record("acme", Money(12_345, "CLF"), "a transfer")
    assert settlement(world.month("acme"))[2] == 0


@pytest.mark.long
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("currency", "months", "charges"),
    [("JPY", ["250000000"], 250_000_000), ("USD", ["0.30", "5"], 530), ("KWD", ["6.172"], 6_170)],
)
def test_wherever_the_process_dies_each_amount_is_charged_once_and_the_books_tie(
    *, currency: str, months: list[str], charges: int, after: bool
) -> None:
    for write in count():
        world, period = World(), OCTOBER
        world.add_customer("acme", currency=currency)
        for amount in months[:-1]:
            world.use("acme", amount, period=period)
            world.close(period, f"execution-{period}")
            world.clock.pass_time(days=31)
            period = period.next
        world.use("acme", months[-1], period=period)
        revive = dying_at(world, write, after=after)
        with suppress(DiedError):
            world.close(period, "execution-dies")
        written = revive()
        world.workflow.running.discard("execution-dies")
        world.clock.pass_time(days=1)
        assert world.close(period, "execution-again")["proof"]["ties"]
        assert sum(moved(world)) == charges
        assert world.customer("acme").balance.minor == 0
        assert world.customer("acme").credit_minor == 0
        assert len(world.mailer.sent) <= len(months)  # one that was claimed by who died is never sent on a guess
        if written <= write:
            break
    assert write > 3


@pytest.mark.long
@given(
    currency=st.sampled_from(["USD", "EUR", "GBP", "JPY", "KWD", "HUF"]),
    minors=st.lists(
        st.one_of(st.integers(1, 120), st.integers(1, 400_000_000), st.sampled_from([99_999_999, 100_000_000])),
        min_size=1,
        max_size=4,
    ),
)
def test_whatever_is_due_is_charged_written_off_or_open_the_books_tie_and_each_month_is_notified_once(
    currency: str, minors: list[int]
) -> None:
    world, period = World(), OCTOBER
    world.add_customer("acme", currency=currency)
    for number, minor in enumerate(minors):
        world.use("acme", str(Money(minor, currency).major), period=period)
        report = world.close(period, f"execution-{number}")
        assert report["proof"]["ties"]
        assert report["parked"] == {}
        assert len(world.mailer.sent) == number + 1
        world.clock.pass_time(days=31)
        world.collect()
        period = period.next
    months = world.books.months("acme").values()
    collected, dropped, left = (sum(part) for part in zip(*map(settlement, months), strict=True))
    assert collected + dropped + left + sum(m.invoice.credited_minor for m in months if m.invoice) == sum(minors)
    assert sum(moved(world)) + dropped + left == sum(minors)
    limits = world.gateway.charge_limits(currency)
    assert limits
    assert left < limits.smallest_minor
    assert dropped < limits.step_minor * len(minors)
    assert world.customer("acme").credit_minor == 0
    assert len(world.mailer.sent) == len(minors)
