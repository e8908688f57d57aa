"""The money desk with a witness: what came of each thing that a person asked for is recorded behind their request.

A function does these things in a person's place. It takes a request only from who wrote it into the audit trail: there
everybody can write in their own name only, so the request says which AWS identity asked (`find_request`).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from monthclose.domain.audit import RecordedAct, in_json, sealed
from monthclose.domain.money import Money
from monthclose.domain.payments.refund import RefundKind
from monthclose.domain.period import Period
from monthclose.errors import UserMistakeError
from monthclose.ports import Tell
from monthclose.use_cases.audit.record_act import ActRecorder, Announced
from monthclose.use_cases.invoices.refund_payment import GivenBack, RefundWanted
from monthclose.use_cases.invoices.write_off_invoice import WrittenOff
from monthclose.use_cases.reconciliation.money_desk import MoneyDesk, Paid, ProviderSettled
from monthclose.use_cases.reconciliation.reconcile_period import Reconciled
from monthclose.use_cases.reconciliation.settle_payments import Settled

PAYMENT, RECONCILE = "payment.requested", "reconcile.requested"
REFUND, WRITE_OFF = "refund.requested", "write_off.requested"
REQUESTS: Mapping[str, str] = MappingProxyType(
    {
        "pay": PAYMENT,
        "settle": RECONCILE,
        "finish": RECONCILE,
        "reconcile": RECONCILE,
        "refund": REFUND,
        "write_off": WRITE_OFF,
    }
)
"""By command of the function, the kind of act that asks for it."""
_ONCE: Mapping[str, str] = MappingProxyType(
    {
        PAYMENT: "this payment was asked for and made",
        REFUND: "this refund was asked for and begun",
        WRITE_OFF: "this write-off was asked for and booked",
    }
)
"""What is done once for each request."""
_GOOD_FOR = timedelta(days=1)
"""How long a request may be worked on: comparing the books of many customers takes hours."""


def most_to_pay(limit: Money | None) -> str:
    """Say how much a payment was asked for, as the request in the audit trail does."""
    return in_json(at_most=str(limit) if limit else "all that is open")


def asked_for(target: str, amount: Money | None, kind: RefundKind | None = None) -> str:
    """Say what is to be refunded or written off, as the request in the audit trail does."""
    return in_json(of=target, amount=str(amount) if amount else "all that can be", kind=kind)


def find_request(acts: ActRecorder, request: Mapping[str, Any]) -> Announced:
    """Find the act that asks for a request of the function, and check that it was written by whoever sends it.

    Raises
    ------
    UserMistakeError
        There is none, or it asks for something else. A payment is made once for each.
    """
    name = request.get("act", "")
    made = acts.trail.get(name) if "#" in name else None
    if made is None or not _asks_for(made, request) or made.act.time < acts.clock() - _GOOD_FOR:
        raise UserMistakeError("the audit trail has no such request by you: run the command of this release again")
    if made.act.what in _ONCE and any(each.act.follows == name for each in _about(acts, made)):
        raise UserMistakeError(f"{_ONCE[made.act.what]} before: run the command again for another one")
    return Announced(acts, made)


def _asks_for(made: RecordedAct, request: Mapping[str, Any]) -> bool:
    act = made.act
    if not act.seal or act.seal != sealed(request.get("secret", "")) or act.what != REQUESTS[request["command"]]:
        return False
    if act.what == PAYMENT:
        return (act.customer_id, act.after) == (request["customer_id"], most_to_pay(amount_of(request.get("limit"))))
    if act.what in (REFUND, WRITE_OFF):
        kind = RefundKind(request["kind"]) if act.what == REFUND else None
        asked = asked_for(request["target"], amount_of(request["amount"]), kind)
        return (act.by, act.why, act.after) == (request["by"], request["reason"], asked)
    return True


def amount_of(content: Mapping[str, Any] | None) -> Money | None:
    """Read an amount of a request."""
    return Money(content["minor"], content["currency"]) if content else None


def _about(acts: ActRecorder, made: RecordedAct) -> "list[RecordedAct]":
    return list(acts.trail.find(customer_id=made.act.customer_id, since=made.act.time))


@dataclass(frozen=True, slots=True)
class RecordedDesk:
    """`MoneyDesk` that records what came of a request.

    Parameters
    ----------
    asked : Announced
        The request.
    """

    desk: MoneyDesk
    asked: Announced

    def refund(self, wanted: RefundWanted) -> GivenBack:
        """Refund, and record what came of it."""
        return self._recorded(partial(self.desk.refund, wanted), _given_back)

    def write_off(self, number: str, amount: Money | None, reason: str, *, by: str, mail: bool) -> WrittenOff:
        """Write off, and record the amount."""
        work = partial(self.desk.write_off, number, amount, reason, by=by, mail=mail)
        return self._recorded(work, lambda done: in_json(written_off=str(done.amount), again=done.again or None))

    def pay(self, customer_id: str, limit: Money | None) -> Paid:
        """Charge, and record the payments."""
        return self._recorded(partial(self.desk.pay, customer_id, limit), _paid)

    def settle(self, provider: str, *, everyone: bool, tell: Tell) -> ProviderSettled:
        """Settle, and record the counts."""

        def settle() -> ProviderSettled:
            return self.desk.settle(provider, everyone=everyone, tell=tell)

        return self._recorded(settle, lambda done: _settled(provider, done))

    def finish(self, provider: str, tell: Tell) -> Settled:
        """Finish batches, and record how many."""
        return self._recorded(
            partial(self.desk.finish, provider, tell), lambda done: in_json(finished=provider, batches=done.batches)
        )

    def reconcile(self, period: Period, providers: Collection[str], tell: Tell) -> Reconciled:
        """Compare, and record whether the books tie."""

        def compare() -> Reconciled:
            return self.desk.reconcile(period, providers, tell)

        return self._recorded(compare, lambda done: _compared(period, done))

    def _recorded[T](self, work: Callable[[], T], in_words: Callable[[T], str]) -> T:
        try:
            done = work()
        except Exception as error:
            self.asked.failed(error)
            raise
        self.asked.done(in_words(done))
        return done


def _given_back(done: GivenBack) -> str:
    refund = done.refund
    amount = str(Money(refund.amount_minor, done.payment.currency))
    note = refund.credit_note or None
    return in_json(refund=f"{amount} of {done.payment.payment_id}: {refund.state}", credit_note=note)


def _paid(paid: Paid) -> str:
    made = [f"{payment.payment_id} of {payment.amount}: {payment.state}" for payment in paid.made]
    return in_json(payments=made, under_way=paid.under_way.payment_id if paid.under_way else None)


def _settled(provider: str, done: ProviderSettled) -> str:
    states = dict(done.settled.states) if done.settled else None
    return in_json(settled=provider, payments=states, findings=len(done.findings))


def _compared(period: Period, done: Reconciled) -> str:
    booked = sum(comparison.booked for comparison in done.comparisons)
    return in_json(compared=str(period), payments_booked=booked, ties=done.report["proof"]["ties"])
