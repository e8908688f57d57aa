"""`monthclose refund` and `write-off`: give money back, or give up what is owed, within the limits of one's role."""

from typing import Any

import typer

from cli.commands.customer import balance_in_words
from cli.connect import connected
from cli.console import note, print_json, say
from cli.exit_status import ExitStatus
from cli.options import RefundFor
from cli.system import System
from cli.typed import amount_in
from monthclose.domain.audit import About
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentKey
from monthclose.domain.payments.refund import Refund, RefundKind, RefundState
from monthclose.domain.text import check_reason
from monthclose.use_cases.invoices.refund_payment import GivenBack, RefundWanted
from monthclose.use_cases.invoices.write_off_invoice import WrittenOff
from monthclose.use_cases.reconciliation.recorded_desk import REFUND, WRITE_OFF, asked_for

_IN_WORDS = {
    RefundState.REQUESTED: "not known yet: the provider's answer was lost, or it could not be asked. Do not refund "
    "again; this refund will be completed",
    RefundState.MADE: "made at the provider, perhaps waiting there for money; the books follow by themselves. Do not "
    "refund again",
    RefundState.DONE: "refunded",
    RefundState.REFUSED: "not refunded",
}
_NO_NOTE = {
    RefundKind.SERVICE: "no credit note",
    RefundKind.OVERPAYMENT: "no credit note: it came out of the customer's credit",
    RefundKind.GOODWILL: "no credit note: the invoice stands, and it is written off",
}


def refund(
    ctx: typer.Context,
    target: str,
    reason: str,
    amount: str | None,
    kind: RefundFor,
    by: str,
    *,
    here: bool,
    in_json: bool,
) -> None:
    """Refund a payment."""
    system, reason = connected(ctx), check_reason(reason, "a reason is needed: the customer reads it")
    key = PaymentKey.parse(target)
    invoice = None if key else system.use_cases.issued.find(target)
    customer_id, period = (key.customer_id, key.period) if key else _whose(invoice)
    month = system.ports.books.month(customer_id, period)
    if month.invoice is None:
        raise UserMistakeError(f"there is no payment {target}")
    wanted = amount_in(month.invoice.currency, amount, "AMOUNT") if amount is not None else None
    asked = About(
        by=by,
        why=reason,
        after=asked_for(target, wanted, RefundKind(kind)),
        period=period,
        customer_id=customer_id,
        invoice=month.invoice.number,
    )
    desk = system.asking(REFUND, asked, here=here)
    done = desk.refund(RefundWanted(target, wanted, RefundKind(kind), reason, by))
    _say_refund(system, done, in_json)
    if done.refund.state is not RefundState.DONE:
        raise typer.Exit(ExitStatus.UNRESOLVED)


def _whose(invoice: Invoice | None) -> tuple[str, Any]:
    assert invoice is not None, "what is no payment's name was found as an invoice"
    return invoice.customer_id, invoice.period


def _say_refund(system: System, done: GivenBack, in_json: bool) -> None:
    refund, payment = done.refund, done.payment
    if in_json:
        print_json(_refund_as_json(done))
        return
    amount = Money(refund.amount_minor, payment.currency)
    why = f" ({refund.code})" if refund.code else ""
    say(f"{amount} of payment {payment.payment_id} by {payment.provider}: {_IN_WORDS[refund.state]}{why}")
    if refund.state is RefundState.DONE:
        note(refund.credit_note or _NO_NOTE[refund.kind], "")
    _say_balance(system, payment.customer_id)


def _refund_as_json(done: GivenBack) -> dict[str, Any]:
    refund: Refund = done.refund
    return {
        "payment_id": done.payment.payment_id,
        "customer_id": done.payment.customer_id,
        "period": str(done.payment.period),
        "refund": refund.number,
        "state": refund.state.value,
        "kind": refund.kind.value,
        "currency": done.payment.currency,
        "amount_minor": refund.amount_minor,
        "refunded_minor": done.payment.refunded_minor,
        "provider": done.payment.provider,
        "provider_ref": refund.reference,
        "credit_note": refund.credit_note or None,
        "code": refund.code,
    }


def write_off(
    ctx: typer.Context,
    number: str,
    reason: str,
    amount: str | None,
    by: str,
    *,
    no_mail: bool,
    here: bool,
    in_json: bool,
) -> None:
    """Write off what is open of an invoice."""
    system, reason = connected(ctx), check_reason(reason, "a reason is needed: it is kept with the write-off")
    invoice = system.use_cases.issued.find(number)
    wanted = amount_in(invoice.currency, amount, "AMOUNT") if amount is not None else None
    asked = About(
        by=by,
        why=reason,
        before=f"{invoice.open} open",
        after=asked_for(number, wanted),
        period=invoice.period,
        customer_id=invoice.customer_id,
        invoice=invoice.number,
    )
    desk = system.asking(WRITE_OFF, asked, here=here)
    done = desk.write_off(number, wanted, reason, by=by, mail=not no_mail)
    _say_write_off(system, done, in_json)


def _say_write_off(system: System, done: WrittenOff, in_json: bool) -> None:
    invoice = done.invoice
    if in_json:
        print_json(
            {
                "invoice": invoice.number,
                "customer_id": invoice.customer_id,
                "period": str(invoice.period),
                "currency": invoice.currency,
                "amount_minor": done.amount.minor,
                "written_off_minor": invoice.written_off_minor,
                "open_minor": invoice.open.minor,
                "again": done.again,
            }
        )
        return
    again = f" (on {done.entry.time:%Y-%m-%d}: nothing new)" if done.again else ""
    say(f"{done.amount} of {invoice.number} written off{again}; {invoice.open or 'nothing'} of it is open")
    _say_balance(system, invoice.customer_id)


def _say_balance(system: System, customer_id: str) -> None:
    customer = system.ports.books.customer(customer_id)
    if customer is not None:
        note(f"{customer_id}: {balance_in_words(customer)}", "")
