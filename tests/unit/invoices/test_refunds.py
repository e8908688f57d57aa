"""Refunds that a person asks for: once, whatever breaks off; with a credit note where one is due."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from monthclose.domain.accounts.grant import Grant, GrantKind, Part
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.hand_limits import HandLimits, Role
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.domain.payments.refund import RefundKind, RefundState
from monthclose.errors import (
    BeingChargedError,
    OrderInvalidError,
    OrderRefusedError,
    OutcomeUnknownError,
    ProviderDownError,
    TryLaterError,
)
from monthclose.ports import Collected, Mail, Record, RefundFate, RefundOrder
from monthclose.use_cases.invoices.refund_payment import FAILED, GivenBack, Refunder, RefundWanted
from tests.world import OCTOBER, World

SERVICE, OVERPAYMENT, GOODWILL = RefundKind.SERVICE, RefundKind.OVERPAYMENT, RefundKind.GOODWILL


@pytest.fixture
def world() -> World:
    """One customer who has paid 100.00 for October, told so."""
    world = World()
    world.use(world.add_customer("acme"), "100")
    world.close()
    world.mailer.sent.clear()
    return world


def usd(text: str) -> Money:
    return Money.parse(text, "USD")


def refunder(world: World) -> Refunder:
    return world.use_cases.refunder


def refund(
    world: World,
    amount: str | None = "30",
    kind: RefundKind = SERVICE,
    target: str = "INV-00000001",
    reason: str = "outage",
) -> GivenBack:
    wanted = usd(amount) if amount else None
    return refunder(world).refund(RefundWanted(target, wanted, kind, reason, "kim"))


def within(world: World, most: dict[str, int]) -> Refunder:
    """The refunder of a role with limits."""
    fields = {name: getattr(refunder(world), name) for name in Refunder.__slots__}
    return Refunder(**fields | {"limits": HandLimits(Role.OPERATE, most)})


def settled(world: World) -> tuple[int, int, int, int]:
    """What is collected, credited, written off and open of the invoice, in minor units."""
    invoice = world.month("acme").invoice
    assert invoice
    return invoice.collected_minor, invoice.credited_minor, invoice.written_off_minor, invoice.open.minor


def money_moved(world: World) -> list[str]:
    return [str(amount) for _, amount in world.gateway.money_moved]


def test_a_refund_for_a_service_comes_with_a_credit_note_and_leaves_no_credit(world: World) -> None:
    done = refund(world)

    assert (done.refund.state, done.refund.credit_note, done.payment.refunded_minor) == (
        *(RefundState.DONE, "CN-00000001"),
        3000,
    )
    assert money_moved(world) == ["100.00 USD", "-30.00 USD"]
    assert settled(world) == (7000, 3000, 0, 0)
    customer = world.customer("acme")
    assert (customer.credit_minor, customer.receivable_minor, customer.open_payment) == (0, 0, "")
    (note,) = world.month("acme").credit_notes
    assert (note.total, note.reason) == (usd("30"), "outage")


def test_goodwill_is_written_off_and_the_invoice_stands(world: World) -> None:
    done = refund(world, "30", GOODWILL)
    assert (done.refund.state, done.refund.credit_note) == (RefundState.DONE, "")
    assert settled(world) == (7000, 0, 3000, 0)
    assert world.month("acme").credit_notes == ()


def test_an_overpayment_comes_out_of_the_credit_that_it_had_become(world: World) -> None:
    world.corrector.credit("INV-00000001", usd("40"), "billed twice")
    assert world.customer("acme").credit_minor == 4000
    with pytest.raises(UserMistakeError, match=r"40.00 USD was paid beyond what was due.*--for overpayment"):
        refund(world, "10", GOODWILL)

    done = refund(world, None, OVERPAYMENT)

    assert done.refund.amount_minor == 4000
    assert (settled(world), world.customer("acme").credit_minor) == ((6000, 4000, 0, 0), 0)
    with pytest.raises(UserMistakeError, match="nothing of payment 2026-10/acme can be refunded as overpayment"):
        refund(world, None, OVERPAYMENT)


@pytest.mark.parametrize(("kind", "booked"), [(GOODWILL, (3000, 4000, 3000, 0)), (SERVICE, (3000, 7000, 0, 0))])
def test_prepaid_credit_does_not_pay_for_a_refund_of_anything_else(
    world: World, kind: RefundKind, booked: tuple[int, int, int, int]
) -> None:
    """What was overpaid once was used, and as much has been prepaid since."""
    world.corrector.credit("INV-00000001", usd("40"), "billed twice")
    prepaid = Part(Grant("prepaid", GrantKind.PAID, 4000, world.clock()), 4000)
    world.change("acme", grants=(prepaid,))

    assert refund(world, "30", kind).refund.state is RefundState.DONE

    customer = world.customer("acme")
    assert (settled(world), customer.credit_minor, customer.grants) == (booked, 4000, (prepaid,))


def test_without_an_amount_all_that_was_collected_goes_back(world: World) -> None:
    assert refund(world, None).refund.amount_minor == 10_000
    assert settled(world) == (0, 10_000, 0, 0)
    with pytest.raises(UserMistakeError, match="nothing was collected for INV-00000001"):
        refund(world, None)
    with pytest.raises(UserMistakeError, match="nothing is left that was collected"):
        refund(world, None, target="2026-10/acme")


@pytest.mark.parametrize(
    ("amount", "kind", "target", "said"),
    [
        ("100.01", SERVICE, "INV-00000001", "at most 100.00 USD"),
        ("0", SERVICE, "INV-00000001", "more than zero"),
        ("10", SERVICE, "2026-10.2/acme", "there is no payment 2026-10.2/acme"),
        ("10", SERVICE, "INV-00000009", "there is no invoice"),
        ("10", OVERPAYMENT, "INV-00000001", "no more was paid than was due"),
    ],
)
def test_what_cannot_be_refunded_is_refused_before_anything_is_written(
    world: World, amount: str, kind: RefundKind, target: str, said: str
) -> None:
    before = world.month("acme")
    with pytest.raises(UserMistakeError, match=said):
        refund(world, amount, kind, target)
    assert world.month("acme") == before
    assert world.gateway.refunds == {}


def test_no_more_than_is_left_to_credit_is_refunded_for_a_service(world: World) -> None:
    world.corrector.credit("INV-00000001", usd("100"), "never ran")
    with pytest.raises(UserMistakeError, match=r"--for overpayment|nothing is left"):
        refund(world, "10")


def test_a_refund_without_a_reason_in_another_currency_or_of_an_unpaid_invoice_is_refused() -> None:
    world = World()
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    with pytest.raises(UserMistakeError, match="nothing was collected"):
        refund(world)
    with pytest.raises(UserMistakeError, match="is declined: only what was paid"):
        refund(world, target="2026-10/acme")
    with pytest.raises(UserMistakeError, match="a reason is needed"):
        refund(world, reason=" ")


def test_what_is_still_open_is_not_refunded(world: World) -> None:
    world.gateway.settle("pi_2026-10/acme_1", Collected(usd("100"), reversed_minor=4000, code="fraudulent"))
    with pytest.raises(UserMistakeError, match="is reversed"):
        refund(world)


def test_a_customer_who_is_being_charged_is_not_refunded_meanwhile(world: World) -> None:
    world.change("acme", open_payment="2026-09/acme", check_at=world.clock())
    with pytest.raises(BeingChargedError, match="being charged for 2026-09/acme"):
        refund(world)


BREAKS = [
    ("refund", "before", OutcomeUnknownError("lost")),
    ("refund", "after", OutcomeUnknownError("lost")),
    ("refund", "before", ProviderDownError("down")),
    ("refund", "after", ProviderDownError("down")),
]


@pytest.mark.parametrize(("call", "when", "error"), BREAKS)
@pytest.mark.parametrize("by", ["the same command", "the reconciler"])
def test_a_refund_that_broke_off_is_continued_and_made_once(
    world: World, call: str, when: str, error: Exception, by: str
) -> None:
    world.gateway.failures[call, when] = [error]
    broken = refund(world)
    assert broken.refund.state is RefundState.REQUESTED
    assert world.customer("acme").open_payment == "2026-10/acme"
    with pytest.raises(TryLaterError, match="another refund of payment 2026-10/acme is under way"):
        refund(world, "20")

    if by == "the reconciler":
        world.clock.pass_time(minutes=6)
        world.settler.settle()
    else:
        assert refund(world).refund.state is RefundState.DONE

    (done,) = world.month("acme").payments[0].refunds
    assert (done.state, done.credit_note) == (RefundState.DONE, "CN-00000001")
    assert money_moved(world) == ["100.00 USD", "-30.00 USD"]
    assert settled(world) == (7000, 3000, 0, 0)
    assert world.customer("acme").open_payment == ""


class Dies(BaseException):
    """The process dies."""


@pytest.mark.parametrize("write", range(1, 12))
def test_whichever_write_is_the_last_before_a_crash_money_goes_back_once(world: World, write: int) -> None:
    commit, count = world.books.commit, iter(range(1, 1000))

    def dying(*records: Record) -> tuple[Record, ...]:
        if next(count) == write:
            raise Dies
        return commit(*records)

    world.books.commit = dying  # type: ignore[method-assign]
    try:
        refund(world)
        assert write > 5, "a refund has at least so many writes"
    except Dies:
        pass
    world.books.commit = commit  # type: ignore[method-assign]

    world.clock.pass_time(minutes=6)
    world.settler.settle()
    if not world.month("acme").payments[0].refunds:  # nothing was begun: it is asked for again
        refund(world)

    (done,) = world.month("acme").payments[0].refunds
    assert done.state is RefundState.DONE
    assert money_moved(world) == ["100.00 USD", "-30.00 USD"]
    assert settled(world) == (7000, 3000, 0, 0)
    assert [note.number for note in world.month("acme").credit_notes] == ["CN-00000001"]
    assert world.customer("acme").open_payment == ""


KEY = PaymentKey("acme", OCTOBER)


def test_a_process_that_comes_late_does_not_undo_what_another_has_ended(world: World) -> None:
    provider = world.gateway.refund

    def slow(order: RefundOrder) -> str:
        reference = provider(order)
        world.gateway.refund = provider  # type: ignore[method-assign]
        refunder(world).resume(KEY)
        world.gateway.failures["find_refund", "before"] = [Dies()]  # type: ignore[list-item]
        return reference

    world.gateway.refund = slow  # type: ignore[method-assign]
    with suppress(Dies):
        refund(world)

    (ended,) = world.month("acme").payments[0].refunds
    assert (ended.state, world.customer("acme").open_payment) == (RefundState.DONE, "")


def test_a_request_that_is_refused_does_not_end_the_refund_that_another_made(world: World) -> None:
    provider, world.gateway.refunds_wait = world.gateway.refund, True

    def second(order: RefundOrder) -> str:
        world.gateway.refund = provider  # type: ignore[method-assign]
        refunder(world).resume(KEY)
        raise OrderRefusedError("charge_already_refunded")

    world.gateway.refund = second  # type: ignore[method-assign]
    assert refund(world).refund.state is RefundState.MADE
    (made,) = world.month("acme").payments[0].refunds
    assert (made.state, made.reference) == (RefundState.MADE, "re_2026-10/acme/refund/1")
    assert world.customer("acme").open_payment == "2026-10/acme"


def test_a_refund_that_ends_leaves_the_lease_to_a_payment_that_is_collected_again(world: World) -> None:
    world.gateway.failures["refund", "before"] = [OutcomeUnknownError("lost"), OrderRefusedError("disputed")]
    refund(world)
    payment = world.month("acme").payments[0]
    world.books.commit(replace(payment, state=PaymentState.PENDING))

    resumed = refunder(world).resume(KEY)

    assert resumed
    assert (resumed.refund.state, resumed.payment.state) == (RefundState.REFUSED, PaymentState.PENDING)
    assert world.customer("acme").open_payment == "2026-10/acme"


def test_what_the_provider_refuses_stays_as_it_was(world: World) -> None:
    world.gateway.failures["refund", "before"] = [OrderRefusedError("balance_insufficient")]
    done = refund(world)
    assert (done.refund.state, done.refund.code) == (RefundState.REFUSED, "balance_insufficient")
    assert settled(world) == (10_000, 0, 0, 0)
    assert world.customer("acme").open_payment == ""
    assert world.mailer.sent == []
    again = refund(world)
    assert (again.refund.state, again.refund.number) == (RefundState.DONE, 2)


def test_a_refund_that_fails_at_once_gets_no_credit_note(world: World) -> None:
    provider = world.gateway.refund

    def fails(order: object) -> str:
        reference = provider(order)  # type: ignore[arg-type]
        world.gateway.move_refund(reference, RefundFate.FAILED)
        return reference

    world.gateway.refund = fails  # type: ignore[method-assign]
    done = refund(world)
    assert (done.refund.state, done.refund.code) == (RefundState.REFUSED, FAILED)
    assert world.month("acme").credit_notes == ()


def test_a_refund_that_waits_for_money_in_the_balance_stays_the_same_refund_until_its_money_leaves(
    world: World,
) -> None:
    world.gateway.refunds_wait = True
    limited = within(world, {"USD": 5000})
    waits = limited.refund(RefundWanted("INV-00000001", usd("30"), SERVICE, "outage"))
    assert (waits.refund.state, waits.refund.reference) == (RefundState.MADE, "re_2026-10/acme/refund/1")
    assert world.customer("acme").open_payment == "2026-10/acme"

    again = limited.refund(RefundWanted("INV-00000001", usd("30"), SERVICE, "outage"))
    assert (again.refund.number, again.refund.state) == (1, RefundState.MADE)
    world.clock.pass_time(days=2)
    world.settler.settle()
    assert (len(world.gateway.refunds), money_moved(world)) == (1, ["100.00 USD"])
    assert (settled(world), world.month("acme").credit_notes) == ((10_000, 0, 0, 0), ())

    world.gateway.move_refund("re_2026-10/acme/refund/1", RefundFate.GIVEN)
    world.clock.pass_time(days=2)
    world.settler.settle()
    (done,) = world.month("acme").payments[0].refunds
    assert (done.state, done.credit_note) == (RefundState.DONE, "CN-00000001")
    assert (settled(world), money_moved(world)) == ((7000, 3000, 0, 0), ["100.00 USD", "-30.00 USD"])
    assert world.customer("acme").open_payment == ""


def test_a_refund_that_waited_and_failed_is_refused_and_another_may_follow(world: World) -> None:
    world.gateway.refunds_wait = True
    refund(world)
    world.gateway.settle("pi_2026-10/acme_1", Collected(usd("100"), refunded_minor=1000))  # another, by the dashboard
    world.gateway.move_refund("re_2026-10/acme/refund/1", RefundFate.FAILED)
    ended = refund(world).refund
    assert (ended.number, ended.state, ended.code) == (1, RefundState.REFUSED, FAILED)
    world.gateway.refunds_wait = False
    assert refund(world).refund.state is RefundState.DONE


def test_a_look_up_that_the_provider_refuses_ends_no_refund(world: World) -> None:
    world.gateway.failures["refund", "after"] = [OutcomeUnknownError("lost")]
    refund(world)
    world.gateway.failures["find_refund", "before"] = [OrderInvalidError("no_such_filter")]
    assert refund(world).refund.state is RefundState.REQUESTED
    assert refund(world).refund.state is RefundState.DONE
    assert money_moved(world) == ["100.00 USD", "-30.00 USD"]


@pytest.mark.parametrize("how", ["credited", "voided", "regenerated", "written off"])
def test_an_invoice_is_not_corrected_while_it_is_refunded(world: World, how: str) -> None:
    """What was paid would go back twice: as money, and as credit."""
    number, use_cases = "INV-00000001", world.use_cases
    ways: dict[str, Callable[[], object]] = {
        "credited": lambda: use_cases.corrector.credit(number, usd("30"), "by hand"),
        "voided": lambda: use_cases.corrector.void(number, "by hand"),
        "regenerated": lambda: use_cases.regenerator.regenerate(number, "by hand"),
        "written off": lambda: use_cases.writer_off.write_off(number, None, "by hand"),
    }
    world.gateway.failures["refund", "after"] = [OutcomeUnknownError("lost")]
    refund(world)
    with pytest.raises(TryLaterError, match="refunded"):
        ways[how]()
    assert (settled(world), world.customer("acme").credit_minor) == ((10_000, 0, 0, 0), 0)

    assert refund(world).refund.credit_note == "CN-00000001"
    assert (settled(world), world.customer("acme").credit_minor) == ((7000, 3000, 0, 0), 0)
    if how == "credited":
        ways[how]()
        assert world.customer("acme").credit_minor == 3000


def test_a_refund_credits_only_the_invoice_that_it_was_asked_for(world: World) -> None:
    world.gateway.failures["refund", "after"] = [OutcomeUnknownError("lost")]
    assert refund(world).refund.invoice == "INV-00000001"
    payment = world.month("acme").payments[0]
    (under_way,) = payment.refunds
    world.books.commit(payment.with_refund(replace(under_way, invoice="INV-00000009")))
    with pytest.raises(UserMistakeError, match="no invoice INV-00000009"):
        world.corrector.credit("INV-00000009", usd("30"), "outage")
    ended = refund(world).refund
    assert (ended.state, ended.credit_note) == (RefundState.DONE, "")
    assert "no invoice INV-00000009" in ended.code
    assert world.month("acme").credit_notes == ()


def test_two_refunds_for_the_same_reason_are_two_with_a_credit_note_each(world: World) -> None:
    first, second = refund(world), refund(world)
    assert (first.refund.credit_note, second.refund.credit_note) == ("CN-00000001", "CN-00000002")
    assert settled(world) == (4000, 6000, 0, 0)


def test_the_customer_is_told_once_why_and_how_much(world: World) -> None:
    refund(world, "30", SERVICE)
    (mail,) = world.mailer.sent
    assert mail.subject.startswith("Refund of 30.00 USD")
    for said in ("30.00 USD", "Reason: outage", "Credit note CN-00000001", "up to ten working days"):
        assert said in mail.text
    assert world.month("acme").reminders == (), "the dunning does not count it"

    refund(world, "10", GOODWILL, reason="a gift")
    assert "Your invoice does not change." in world.mailer.sent[1].text


@pytest.mark.parametrize("breaks", ["no mail", "a crash while it is sent", "a crash before it is sent"])
def test_the_customer_is_told_even_if_the_first_to_try_could_not(
    world: World, breaks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = world.mailer.send

    def failing(mail: Mail) -> str:
        if breaks == "no mail":
            raise TryLaterError("throttled")
        raise Dies

    def dying(*_: object) -> None:
        raise Dies

    if breaks == "a crash before it is sent":
        monkeypatch.setattr(type(refunder(world).teller), "tell_refund", dying)
    else:
        world.mailer.send = failing  # type: ignore[method-assign]
    with suppress(Dies):
        assert refund(world).refund.state is RefundState.MADE
    monkeypatch.undo()
    world.mailer.send = send  # type: ignore[method-assign]

    world.clock.pass_time(minutes=6)
    world.settler.settle()
    (done,) = world.month("acme").payments[0].refunds
    assert (done.state, world.customer("acme").open_payment) == (RefundState.DONE, "")
    assert len(world.mailer.sent) == (0 if breaks == "a crash while it is sent" else 1), (
        "a claimed one may have been sent"
    )


def test_a_refund_done_at_the_provider_meanwhile_is_booked_before_the_amount_is_decided(world: World) -> None:
    world.gateway.settle("pi_2026-10/acme_1", Collected(usd("100"), refunded_minor=8000))
    with pytest.raises(UserMistakeError, match=r"at most 20.00 USD"):
        refund(world, "30", GOODWILL)
    assert world.month("acme").payments[0].refunded_minor == 8000


def test_the_limit_of_a_role_counts_all_that_was_given_up_of_the_invoice(world: World) -> None:
    operator = within(world, {"USD": 5000})

    def ask(amount: str) -> GivenBack:
        return operator.refund(RefundWanted("INV-00000001", usd(amount), GOODWILL, "a gift"))

    with pytest.raises(UserMistakeError, match=r"operate may refund and write off at most 50.00 USD of an invoice"):
        ask("50.01")
    ask("30")
    with pytest.raises(UserMistakeError, match=r"30.00 USD was before.* is more"):
        ask("20.01")
    assert ask("20").refund.state is RefundState.DONE
    assert refund(world, "10", GOODWILL).refund.state is RefundState.DONE, "money has no limit"
    with pytest.raises(UserMistakeError, match="ask somebody with the policy money"):
        HandLimits(Role.OPERATE).check(usd("1"), usd("0"), "INV-00000001")


@pytest.mark.parametrize("kind", [SERVICE, GOODWILL])
def test_the_books_tie_after_a_refund(world: World, kind: RefundKind) -> None:
    refund(world, "30", kind)
    report = world.reporter.report(OCTOBER, 1)
    assert report["proof"]["ties"], report["proof"]
