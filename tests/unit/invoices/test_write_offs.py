"""What a person gives up of an invoice: booked once, within the limits of their role, and the customer told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.hand_limits import HandLimits, Role
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.errors import TryLaterError
from monthclose.use_cases.invoices.write_off_invoice import WriterOff, WrittenOff
from tests.world import OCTOBER, World


@pytest.fixture
def world() -> World:
    """One customer whose card was declined for 100.00, and who is on hold for it."""
    world = World()
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    world.mailer.sent.clear()
    return world


def usd(text: str) -> Money:
    return Money.parse(text, "USD")


def write_off(world: World, amount: str | None = None, reason: str = "insolvent", *, mail: bool = True) -> WrittenOff:
    wanted = usd(amount) if amount else None
    return world.use_cases.writer_off.write_off("INV-00000001", wanted, reason, by="kim", mail=mail)


def test_what_is_written_off_is_no_longer_owed_and_stands_in_the_ledger(world: World) -> None:
    done = write_off(world, "30")

    assert (done.amount, done.invoice.open, done.invoice.written_off_minor) == (usd("30"), usd("70"), 3000)
    assert world.customer("acme").receivable_minor == 7000
    (entry,) = [entry for entry in world.month("acme").entries if entry.entry_id.startswith("write_off/")]
    assert {str(leg.account): leg.minor for leg in entry.legs} == {"write_off": 3000, "receivable": -3000}
    assert entry.memo == "30.00 USD of invoice INV-00000001 written off: insolvent (by kim)"
    assert world.month("acme").credit_notes == ()


def test_the_same_again_writes_off_nothing_more_and_another_reason_does(world: World) -> None:
    write_off(world, "30")
    again = write_off(world, "30")
    assert (again.again, again.amount, again.invoice.open) == (True, usd("30"), usd("70"))
    assert write_off(world, "30", "still insolvent").invoice.open == usd("40")
    assert len(world.mailer.sent) == 2


def test_what_another_months_payment_collects_just_now_is_not_written_off_meanwhile(world: World) -> None:
    november = OCTOBER.next
    gathering = Payment(
        "acme", november, "stripe", "USD", state=PaymentState.CHARGING, gathers=(OCTOBER,), gathered_minor=10_000
    )
    world.books.commit(gathering)
    world.change("acme", open_payment=gathering.payment_id, check_at=world.clock())
    with pytest.raises(TryLaterError, match="is being charged"):
        write_off(world)
    assert world.customer("acme").receivable_minor == 10_000

    stored = world.books.month("acme", november).payment
    assert stored
    world.books.commit(replace(stored, state=PaymentState.DECLINED))
    assert write_off(world).invoice.open == usd("0")


def test_without_an_amount_all_that_is_open_goes_and_with_it_the_hold_and_the_charges(world: World) -> None:
    assert world.customer("acme").held_since is not None
    write_off(world)
    customer = world.customer("acme")
    assert (customer.held_since, customer.receivable_minor) == (None, 0)
    with pytest.raises(UserMistakeError, match="nothing of it is open"):
        write_off(world, None, "again")
    world.add_customer("acme", method="ok")
    with pytest.raises(UserMistakeError, match="no open invoice"):
        world.cashier.pay("acme")
    assert world.gateway.money_moved == []
    assert world.month("acme").payments[0].state in (PaymentState.DECLINED, PaymentState.NOTHING_DUE)


def test_the_customer_is_told_unless_they_are_not_to_be(world: World) -> None:
    write_off(world, "30", "a secret of ours")
    (mail,) = world.mailer.sent
    assert mail.subject == "30.00 USD waived: your Example Cloud invoice for October 2026"
    assert "70.00 USD of this invoice is still due." in mail.text
    assert "secret" not in mail.text
    assert world.month("acme").reminders == ()

    write_off(world, "10", mail=False)
    assert len(world.mailer.sent) == 1


@pytest.mark.parametrize(
    ("amount", "said"),
    [("100.01", "at most 100.00 USD of INV-00000001 can be written off"), ("0", "more than zero")],
)
def test_what_is_not_open_cannot_be_written_off(world: World, amount: str, said: str) -> None:
    with pytest.raises(UserMistakeError, match=said):
        write_off(world, amount)
    with pytest.raises(UserMistakeError, match="a reason is needed"):
        write_off(world, "1", " ")
    with pytest.raises(UserMistakeError, match="is in USD, not"):
        world.use_cases.writer_off.write_off("INV-00000001", Money(1, "EUR"), "x")


def test_an_invoice_that_is_being_charged_waits() -> None:
    world = World()
    world.use(world.add_customer("acme", method="debit"), "100")
    world.close()
    with pytest.raises(TryLaterError, match="is being charged"):
        write_off(world)


def test_the_limit_of_a_role_counts_what_was_written_off_before(world: World) -> None:
    made = world.use_cases.writer_off
    limits = HandLimits(Role.OPERATE, {"USD": 5000})
    operator = WriterOff(made.books, made.issued, made.holds, made.teller, made.clock, limits)
    operator.write_off("INV-00000001", usd("30"), "small")
    with pytest.raises(UserMistakeError, match=r"at most 50.00 USD of an invoice: 20.01 USD .*30.00 USD was before"):
        operator.write_off("INV-00000001", usd("20.01"), "small")
    assert operator.write_off("INV-00000001", usd("20"), "small").invoice.open == usd("50")


def test_the_books_tie_after_a_write_off(world: World) -> None:
    write_off(world, "30")
    report = world.reporter.report(OCTOBER, 1)
    assert report["proof"]["ties"], report["proof"]
