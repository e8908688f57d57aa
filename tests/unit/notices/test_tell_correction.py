"""A correction's e-mail: one for each, saying what was done; whatever breaks off, nothing else is affected."""

from datetime import timedelta

import pytest

from monthclose.domain.accounts.grant import GrantKind
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import NoticeState
from monthclose.domain.notices.notice import NoticeKind
from monthclose.errors import MailRefusedError, OutcomeUnknownError, TryLaterError
from monthclose.ports import Record
from monthclose.use_cases.closes.snapshot import read_batches
from tests.unit.accounts.test_adjust_account import usd
from tests.unit.invoices.regenerating import a_world as a_priced_world
from tests.unit.invoices.regenerating import closed as priced_and_closed
from tests.unit.invoices.regenerating import metered, regenerated
from tests.unit.invoices.test_correct_invoice import INV, WHY, a_world, closed, settle_method
from tests.world import OCTOBER, World


def credited(world: World, amount: int = 2_500) -> CreditNote:
    """Issue a credit note, after the close's mails were read."""
    world.mailer.sent.clear()
    return world.corrector.credit(INV, usd(amount), WHY)


def the_mail(world: World) -> str:
    [mail] = world.mailer.sent
    return " ".join(mail.text.split())


def test_an_unpaid_customer_is_told_that_they_owe_less() -> None:
    world = closed("declined")
    assert world.teller.tell(credited(world)) is NoticeState.SENT
    assert "You now owe 25.00 USD less on this invoice." in the_mail(world)
    assert f"Reason: {WHY}" in the_mail(world)
    assert "Anything else you owe is still due." in the_mail(world)
    assert "have to do anything" not in the_mail(world)


def test_a_customer_who_has_paid_is_told_about_their_credit() -> None:
    world = closed()
    world.teller.tell(credited(world))
    assert "You don't have to do anything." in the_mail(world)
    assert "25.00 USD that you had already paid, or covered with credit, is now credit on your account" in the_mail(
        world
    )


def test_a_customer_who_has_paid_a_part_is_told_about_both() -> None:
    world = closed("declined")
    world.cashier.record("acme", usd(6_000), "transfer")
    world.teller.tell(credited(world, 10_000))
    assert "You now owe 40.00 USD less" in the_mail(world)
    assert "60.00 USD that you had already paid, or covered with credit, is now credit" in the_mail(world)


def test_credit_that_paid_for_another_invoice_at_once_is_not_announced_for_later() -> None:
    world = closed("declined")
    settle_method(world, "ok")
    world.use("acme", "30", period=OCTOBER.next)
    world.clock.now = OCTOBER.next.end
    world.close(OCTOBER.next, "execution-2")
    november = world.month("acme", OCTOBER.next).invoice
    assert november
    world.mailer.sent.clear()
    world.teller.tell(world.corrector.credit(november.number, None, WHY))
    assert (
        "30.00 USD that you had already paid, or covered with credit, now goes towards your other open invoices."
        in the_mail(world)
    )
    assert "credit of yours" not in the_mail(world)


def test_the_mail_says_what_the_credit_note_did_and_not_what_has_happened_since() -> None:
    world = closed()
    note = credited(world)
    world.use("acme", "60", period=OCTOBER.next)
    world.clock.now = OCTOBER.next.end
    world.close(OCTOBER.next, "execution-2")
    world.mailer.sent.clear()
    world.teller.tell(note)
    assert "25.00 USD that you had already paid, or covered with credit, is now credit on your account" in the_mail(
        world
    )


def test_the_mail_says_that_restored_credit_keeps_its_last_day() -> None:
    world = a_world()
    world.cashier.credit("acme", usd(10_000), "welcome", GrantKind.PROMOTIONAL, OCTOBER.end + timedelta(days=20))
    world.close()
    world.teller.tell(credited(world))
    assert "your next invoices. Credit with an expiry date keeps that date." in the_mail(world)


def test_each_credit_note_has_one_mail_however_often_it_is_sent() -> None:
    world = closed()
    first = credited(world)
    second = world.corrector.credit(INV, usd(100), "another reason")
    for note in (first, second, first, second):
        assert world.teller.tell(note) is NoticeState.SENT
    assert [mail.tag for mail in world.mailer.sent] == [f"2026-10.{n.number}_acme" for n in (first, second)]


def test_a_mail_that_was_certainly_not_sent_is_sent_by_the_next_attempt() -> None:
    world = closed()
    note = credited(world)
    world.mailer.failures = [TryLaterError("down")]
    with pytest.raises(TryLaterError):
        world.teller.tell(note)
    assert world.teller.tell(note) is NoticeState.SENT
    assert len(world.mailer.sent) == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [(OutcomeUnknownError("lost"), NoticeState.CLAIMED), (MailRefusedError("no"), NoticeState.REFUSED)],
    ids=str,
)
def test_a_mail_that_may_have_been_sent_or_is_refused_is_not_sent_again(error: Exception, state: NoticeState) -> None:
    world = closed()
    note = credited(world)
    world.mailer.failures = [error]
    assert [world.teller.tell(note) for _ in range(2)] == [state, state]
    assert world.mailer.sent == []


def test_two_senders_at_once_send_one_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    world = closed()
    note, original = credited(world), world.books.commit

    def overtaken(*records: Record) -> None:
        monkeypatch.undo()
        world.teller.tell(note)
        original(*records)

    monkeypatch.setattr(world.books, "commit", overtaken)
    world.teller.tell(note)
    assert len(world.mailer.sent) == 1


def test_the_closes_own_mail_and_its_counts_are_not_affected() -> None:
    world = closed()
    notice = world.month("acme").notice
    world.teller.tell(credited(world))
    assert world.month("acme").notice == notice
    assert world.month("acme").reminders == ()
    assert world.reporter.report(OCTOBER, 1)["notices"] == {"sent": 1, "refused": 0, "unconfirmed": 0}


def test_dunning_reminds_of_the_rest_as_if_no_mail_had_been_sent() -> None:
    """A credit note on the day of a reminder puts it off until the next day, and no further."""
    told, untold = closed("declined"), closed("declined")
    for world in (told, untold):
        world.clock.pass_time(days=3)
        note = world.corrector.credit(INV, usd(2_500), WHY)
        if world is told:
            world.teller.tell(note)
            world.collect()
            assert world.month("acme").reminders == ()
            world.clock.pass_time(days=1)
        world.collect()
    [late], [on_time] = told.month("acme").reminders, untold.month("acme").reminders
    assert late.step == on_time.step


def regenerated_invoice(world: World, price: str) -> Invoice:
    """Regenerate the October invoice, after the close's mails were read."""
    world.mailer.sent.clear()
    return regenerated(world, price)


@pytest.mark.parametrize(
    ("method", "price", "said"),
    [
        ("ok", "0.8", "Nothing is left to pay."),
        ("ok", "1.2", "20.00 USD is still due. We will charge your payment method"),
        ("", "1.2", "120.00 USD is still due, and your account has no payment method"),
    ],
)
def test_the_mail_of_a_new_invoice_says_once_what_is_left_to_pay(method: str, price: str, said: str) -> None:
    world = priced_and_closed(method)
    invoice = regenerated_invoice(world, price)
    for _ in range(2):
        assert world.teller.tell_replacement(invoice, WHY) is NoticeState.SENT
    assert said in the_mail(world)
    assert f"Invoice {INV} (October 2026) is cancelled; invoice {invoice.number}" in the_mail(world)
    assert f"Reason: {WHY}" in the_mail(world)


def test_the_closes_own_notice_names_the_new_invoice_if_it_was_not_sent_before() -> None:
    world = a_priced_world()
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, plan.close.round)
    invoice = regenerated(world)
    assert world.teller.tell_replacement(invoice, WHY) is None
    world.batch_charger.charge(OCTOBER, batch.number, 1)
    world.sender.send(OCTOBER, batch.number, 1)
    assert f"invoice {invoice.number}" in the_mail(world)


def test_the_mail_says_that_money_used_for_other_open_invoices_does_not_count_for_the_new_one() -> None:
    world = priced_and_closed("declined")
    settle_method(world, "ok")
    world.clock.now = OCTOBER.next.end
    metered(world, 120, "n1", OCTOBER.next)
    world.close(OCTOBER.next, "execution-2")
    world.mailer.sent.clear()
    invoice = world.regenerator.regenerate("INV-00000002", WHY).invoice
    world.teller.tell_replacement(invoice, WHY)
    assert "100.00 USD of what you had paid or been credited for the old invoice now goes towards" in the_mail(world)
    assert "100.00 USD is still due." in the_mail(world)


def test_a_new_invoice_that_was_replaced_in_turn_is_no_longer_announced() -> None:
    world = priced_and_closed()
    first = regenerated_invoice(world, "1.2")
    second = regenerated(world, "1.5", first.number)
    assert world.teller.tell_replacement(first, WHY) is None
    assert world.teller.tell_replacement(second, WHY) is NoticeState.SENT
    assert f"Invoice {first.number} (October 2026) is cancelled" in the_mail(world)


def test_a_mail_about_a_new_invoice_is_not_a_reminder() -> None:
    world = priced_and_closed("declined")
    reminders = world.month("acme").reminders
    world.teller.tell_replacement(regenerated_invoice(world, "1.2"), WHY)
    assert world.month("acme").reminders == reminders


def test_a_reminder_lists_credited_amounts_apart_from_credit_used() -> None:
    world = closed("declined")
    world.corrector.credit(INV, usd(2_500), WHY)
    world.cashier.credit("acme", usd(1_000), "sorry")
    customer, month = world.customer("acme"), world.month("acme")
    text = world.customer_teller.texts.mail(customer, month, NoticeKind.REMINDER, step="2026-11-01-day-3").text
    rows = dict(line.rsplit("  ", 1) for line in text.splitlines() if line.endswith(" USD") and "  " in line)
    assert {label.strip(): amount.strip() for label, amount in rows.items()} == {
        "Total": "100.00 USD",
        "Credited": "-25.00 USD",
        "Credit used": "-10.00 USD",
        "Outstanding": "65.00 USD",
    }
