"""What a chaos plan lets happen to payments that were collected: refunds, charge-backs, late failures, step by step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.gocardless import lifecycle, refunds
from sandbox.gocardless.account import Account
from sandbox.gocardless.money import Payment


class Fates(Protocol):
    """Decides the fates."""

    def draw(self) -> str:
        """Return the fate of one more payment that was collected; empty for none."""

    def happened(self, kind: str) -> None:
        """Record that the fate has happened."""


class NoFates:
    """Nothing happens to any."""

    def draw(self) -> str:
        """Return nothing."""
        return ""

    def happened(self, kind: str) -> None:
        """Never called."""


type Step = Callable[[Account, Payment], None]


def _refund(account: Account, payment: Payment) -> None:
    refunds.begin(account, payment, max(1, payment.amount // 3))


def _refund_to(status: str) -> Step:
    return lambda account, payment: refunds.advance(account, account.refunds.owned_by(payment.id)[-1], status)


def _to(status: str, cause: str = "") -> Step:
    return lambda account, payment: lifecycle.advance(account, payment, status, cause)


_STEPS: Mapping[str, tuple[Step, ...]] = {
    "refund": (_refund, _refund_to("paid")),
    "refund_fails": (_refund, _refund_to("bounced"), _refund_to("funds_returned")),
    "charge_back": (_to("charged_back"),),
    "charge_back_cancelled": (_to("charged_back"), _to("confirmed")),
    "late_failure": (_to("failed", "refer_to_payer"),),
}


@dataclass(slots=True)
class _Fate:
    payment: Payment
    kind: str
    steps: list[Step] = field(default_factory=list)


class Spinner:
    """Advances the fates of an account's payments."""

    def __init__(self, fates: Fates) -> None:
        self._fates = fates
        self._open: dict[str, _Fate] = {}
        self._drawn: set[str] = set()

    def spin(self, account: Account) -> list[Payment]:
        """Advance each payment that has a fate by one step, and return those that advanced."""
        for payment in tuple(account.moving.values()):
            if payment.status == "confirmed" and "paid_out" in payment.steps_left and payment.id not in self._drawn:
                self._drawn.add(payment.id)
                if kind := self._fates.draw():
                    self._open[payment.id] = _Fate(payment, kind, list(_STEPS[kind]))
        moved = [fate for fate in self._open.values() if account.payments.find(fate.payment.id)]
        for fate in moved:
            fate.steps.pop(0)(account, fate.payment)
            if not fate.steps:
                del self._open[fate.payment.id]
                self._fates.happened(fate.kind)
        return [fate.payment for fate in moved]
