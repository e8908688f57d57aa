"""What happened to customers since a moment, from their own records: counted, and in words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monthclose.domain.month import CustomerMonth, HoldAction
from monthclose.domain.payments.payment import IN_FLIGHT, Payment, PaymentState
from monthclose.domain.words import count
from monthclose.ports import Books

_S = PaymentState


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened to some customers.

    Attributes
    ----------
    charged : Counter of PaymentState
        Payments that were charged, by what came of it.
    settled : Counter of str
        Payments that had been on their way, or paid, and came to another end: `arrived`, `failed`, `to_confirm`,
        `reversed` (by a bank), `returned` (by it, after all).
    holds : Counter of HoldAction
    mails : int
        E-mails sent.
    """

    charged: Counter[PaymentState] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    holds: Counter[HoldAction] = field(default_factory=Counter)
    mails: int = 0

    def __add__(self, other: "Happened") -> "Happened":
        return Happened(
            self.charged + other.charged,
            self.settled + other.settled,
            self.holds + other.holds,
            self.mails + other.mails,
        )

    @property
    def money_moved(self) -> bool:
        """Whether money came or went: a card that is declined once more gives the books nothing to compare."""
        return bool(self.charged[_S.PAID] or self.settled.keys() & {"arrived", "reversed", "returned"})

    def words(self) -> list[str]:
        """Write it in short phrases, the money first."""
        said = [_CHARGED.format(count(self.charged.total(), "payment"))] if self.charged else []
        said += [f"{number:,} {_CAME_OF_IT[state]}" for state, number in sorted(self.charged.items())]
        said += [_SETTLED[end].format(count(number, "payment")) for end, number in sorted(self.settled.items())]
        if placed := self.holds[HoldAction.PLACED]:
            said.append(f"{count(placed, 'account')} put on hold")
        if lifted := self.holds[HoldAction.LIFTED]:
            said.append(f"{count(lifted, 'hold')} lifted")
        if self.mails:
            said.append(f"{count(self.mails, 'e-mail')} sent")
        return said

    def to_json(self) -> dict[str, object]:
        """Write it for programs."""
        return {
            "charged": {str(state): number for state, number in self.charged.items()},
            "settled": dict(self.settled),
            "holds_placed": self.holds[HoldAction.PLACED],
            "holds_lifted": self.holds[HoldAction.LIFTED],
            "emails": self.mails,
        }


_CHARGED = "{} tried again"
_CAME_OF_IT: Mapping[PaymentState, str] = {
    _S.PAID: "paid",
    _S.DECLINED: "declined",
    _S.ACTION_REQUIRED: "to be confirmed by the customer",
    _S.PENDING: "on the way",
    _S.UNKNOWN: "without an answer yet",
    _S.CHARGING: "under way",
    _S.READY: "to be tried later",
    _S.NOTHING_DUE: "with nothing due",
}
_SETTLED = {
    "arrived": "{} arrived",
    "failed": "{} failed at the bank",
    "to_confirm": "{} to be confirmed by the customer",
    "reversed": "{} reversed by the bank",
    "returned": "{} returned by the bank",
}
_ENDS: Mapping[PaymentState, str] = {
    _S.PAID: "arrived",
    _S.DECLINED: "failed",
    _S.ACTION_REQUIRED: "to_confirm",
    _S.REVERSED: "reversed",
}


def happened(books: Books, customers: Iterable[str], since: datetime) -> Happened:
    """Add up what happened to customers since a moment."""
    found = Happened()
    for customer_id in sorted(set(customers)):
        for month in books.months(customer_id).values():
            found += _in_month(month, since)
    return found


def _in_month(month: CustomerMonth, since: datetime) -> Happened:
    charged, settled = Counter[PaymentState](), Counter[str]()
    for payment in month.payments:
        if any(step.after is _S.CHARGING and step.time >= since for step in payment.history):
            charged[payment.state] += 1
        elif end := _end(payment, since):
            settled[end] += 1
    holds = Counter(change.action for change in month.holds if change.time >= since)
    return Happened(charged, settled, holds, sum(notice.told and notice.time >= since for notice in month.notices))


def _end(payment: Payment, since: datetime) -> str:
    """Say to which end a payment came since that a provider already had; empty if to none."""
    before = next((step.before for step in payment.history if step.time >= since), payment.state)
    if before is payment.state or before not in IN_FLIGHT | {_S.PAID, _S.REVERSED}:
        return ""
    return "returned" if (before, payment.state) == (_S.REVERSED, _S.PAID) else _ENDS.get(payment.state, "")
