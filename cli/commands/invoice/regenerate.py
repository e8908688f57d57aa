"""`monthclose invoice regenerate`: replace an issued invoice, using today's prices, taxes, profile and usage."""

from typing import Any

import typer

from cli.commands.customer import balance_in_words
from cli.commands.invoice.correct import acting_on, note_as_json
from cli.commands.invoice.explain import print_explained
from cli.commands.invoice.tell import tell_of_replacement
from cli.connect import connected
from cli.console import note, print_json, say
from cli.system import System
from monthclose.domain.audit import in_json as as_text
from monthclose.domain.invoices.invoice import amount_due
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentState
from monthclose.use_cases.invoices.explain_invoice import explain
from monthclose.use_cases.invoices.regenerate_invoice import Preview, Regenerated

_UNCHARGED = {
    PaymentState.NO_PAYMENT_METHOD: "there is no payment method: import one, and the daily collections will charge it",
    PaymentState.NO_ADAPTER: "their payment provider has no adapter, so it is not charged",
}


def regenerate(
    ctx: typer.Context, number: str, reason: str, by: str, *, dry_run: bool, no_mail: bool, in_json: bool
) -> None:
    """Replace an issued invoice by a new one, or show what the new one would say."""
    system = connected(ctx)
    if dry_run:
        _show(system, system.use_cases.regenerator.preview(number, reason), in_json)
        return
    invoice = system.use_cases.issued.find(number)
    with acting_on(system, "invoice.regenerated", invoice, by, why=reason, after="a new invoice in its place") as act:
        done = system.use_cases.regenerator.regenerate(number, reason)
        act.done(as_text(invoice=done.invoice.number, total=str(done.invoice.total)))
    _tell(system, done, reason, mail=not no_mail, in_json=in_json)


def _show(system: System, preview: Preview, in_json: bool) -> None:
    content = explain(preview.draft, system.ports.usage, 0)
    if in_json:
        before, credited = preview.replaced.total_minor, preview.credited.minor
        money = {"replaced_total_minor": before, "credited_before_minor": credited, "due_minor": preview.due.minor}
        print_json({**content, **money, "unchanged": preview.unchanged})
        return
    print_explained(content)
    was, total = preview.replaced, preview.total
    say(f"{was.number} would be replaced by an invoice for {total}{_change(was.total, total)}")
    if preview.credited:
        note(f"  {preview.credited} of {was.number} was credited earlier: the new invoice would bill it again")
    if preview.unchanged:
        note("  it would say the same: correct the prices, taxes, profile or usage first")
    note(f"  {preview.due or 'nothing'} of it would be due; nothing has been written", "")


def _tell(system: System, done: Regenerated, reason: str, *, mail: bool, in_json: bool) -> None:
    invoice = done.invoice
    customer = system.ports.books.customer(invoice.customer_id)
    due = amount_due(invoice, customer) if customer else invoice.open
    payment = system.ports.books.month(invoice.customer_id, invoice.period).payment_of(invoice.first_payment)
    if not in_json:
        _say(done, due, payment, balance_in_words(customer) if customer else "")
    notice = tell_of_replacement(system, invoice, reason) if mail else None
    if in_json:
        print_json(_as_json(done, due, payment) | {"notice": str(notice) if notice else None})


def _say(done: Regenerated, due: Money, payment: Payment | None, balance: str) -> None:
    if done.note:
        say(f"{done.note.number} for {done.note.total} of {done.note.corrects}")
    invoice, total = done.invoice, done.replaced.total
    say(f"{invoice.number} for {invoice.total} in place of {done.replaced.number}{_change(total, invoice.total)}")
    if done.credited:
        note(f"  {done.credited} of {done.replaced.number} was credited earlier: the new invoice bills it again")
    say(f"{f'{due} of it is due' if due else 'nothing of it is due'}; {invoice.customer_id}: {balance}")
    if due and payment:
        note(f"  {_how(payment)}", "")


def _change(before: Money, after: Money) -> str:
    if before == after:
        return f" ({before} as before)"
    return f" ({before} before, {max(after - before, before - after)} {'less' if after < before else 'more'})"


def _how(payment: Payment) -> str:
    if payment.never_begun and not payment.waits:
        return "the close will charge it"
    by_hand = f"the daily collections will charge it; to charge it now: monthclose pay {payment.customer_id}"
    return _UNCHARGED.get(payment.state, by_hand)


def _as_json(done: Regenerated, due: Money, payment: Payment | None) -> dict[str, Any]:
    invoice = done.invoice
    return {
        "number": invoice.number,
        "replaces": invoice.replaces,
        "replaced_total_minor": done.replaced.total_minor,
        "customer_id": invoice.customer_id,
        "period": str(invoice.period),
        "currency": invoice.currency,
        "total_minor": invoice.total_minor,
        "tax_minor": invoice.tax_minor,
        "open_minor": invoice.open.minor,
        "due_minor": due.minor,
        "payment": str(payment.state) if payment else None,
        "issued_on": invoice.issued_on.isoformat(),
        "sha256": invoice.document.sha256,
        "credited_before_minor": done.credited.minor,
        "credit_note": note_as_json(done.note) if done.note else None,
    }
