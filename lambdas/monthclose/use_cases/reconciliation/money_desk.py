"""What a person does with a provider's key: charge a customer now, settle a provider's payments, compare a month.

The command asks a function for it (`remote_desk`), so that the key stays where it is; it can also do it itself.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from monthclose.domain.closes.proof import Finding
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.errors import BeingChargedError, ProviderRefusedError, TryLaterError
from monthclose.ports import DeadLetters, ShareLeft, Tell
from monthclose.use_cases.accounts.adjust_account import Cashier
from monthclose.use_cases.invoices.refund_payment import GivenBack, Refunder, RefundWanted
from monthclose.use_cases.invoices.write_off_invoice import WriterOff, WrittenOff
from monthclose.use_cases.reconciliation.drain_dead_letters import DeadLetterDrain
from monthclose.use_cases.reconciliation.finish_batches import BatchFinisher
from monthclose.use_cases.reconciliation.reconcile_period import PeriodReconciler, Reconciled
from monthclose.use_cases.reconciliation.settle_payments import Settled

_KEPT = 0.1
"""Share of the time that is reserved for proving a close again and for the answer."""


class Paid(NamedTuple):
    """The payments that were made, or the one under way that kept any from being made."""

    made: list[Payment]
    under_way: Payment | None


@dataclass(frozen=True, slots=True)
class ProviderSettled:
    """The result for a provider.

    Parameters
    ----------
    drained : mapping
        What became of its dead letters; see `Drained.counts`.
    settled : Settled or None
        None if the provider could not be reached.
    findings : list
        Those of the dead letters, of its payments, and that it could not be reached.
    """

    drained: dict[str, int] = field(default_factory=dict)
    settled: Settled | None = None
    findings: list[Finding] = field(default_factory=list)

    def and_then(self, more: "ProviderSettled") -> "ProviderSettled":
        """Add what came of going on: what was left before is in the later result."""
        drained = {name: self.drained.get(name, 0) + number for name, number in more.drained.items()}
        return ProviderSettled(
            drained or self.drained, _added(self.settled, more.settled), self.findings + more.findings
        )


def _added(before: Settled | None, after: Settled | None) -> Settled | None:
    if before is None or after is None:
        return after or before
    return replace(
        after,
        states=before.states + after.states,
        errors=before.errors + after.errors,
        findings=before.findings + after.findings,
        batches=before.batches + after.batches,
    )


class MoneyDesk(Protocol):
    """Does what needs a provider's key, or what only some may do, up to a limit."""

    def refund(self, wanted: RefundWanted) -> GivenBack:
        """Refund a payment; see `Refunder.refund`."""

    def write_off(self, number: str, amount: Money | None, reason: str, *, by: str, mail: bool) -> WrittenOff:
        """Write off what is open of an invoice; see `WriterOff.write_off`."""

    def pay(self, customer_id: str, limit: Money | None) -> Paid:
        """Charge a customer now for their open invoices, up to an amount; see `Cashier.pay`."""

    def settle(self, provider: str, *, everyone: bool, tell: Tell) -> ProviderSettled:
        """Drain a provider's dead letters, settle its payments and finish its batches."""

    def finish(self, provider: str, tell: Tell) -> Settled:
        """Finish the batches that a comparison has changed; see `BatchFinisher.finish`."""

    def reconcile(self, period: Period, providers: Collection[str], tell: Tell) -> Reconciled:
        """Compare a month's books with the providers' and prove its close again; see `PeriodReconciler`."""


@dataclass(frozen=True, slots=True)
class LocalMoneyDesk:
    """`MoneyDesk` in this process, with the keys in the providers' secrets.

    Parameters
    ----------
    dead_letters : callable
        Finds a provider's.
    share_left : callable
        The share of its time that a function has left.
    """

    cashier: Cashier
    drain: DeadLetterDrain
    dead_letters: Callable[[str], DeadLetters]
    finisher: Callable[[str], BatchFinisher]
    reconciler: PeriodReconciler
    refunder: Refunder
    writer_off: WriterOff
    share_left: ShareLeft = lambda: 1.0

    def refund(self, wanted: RefundWanted) -> GivenBack:
        """Refund."""
        return self.refunder.refund(wanted)

    def write_off(self, number: str, amount: Money | None, reason: str, *, by: str, mail: bool) -> WrittenOff:
        """Write off."""
        return self.writer_off.write_off(number, amount, reason, by=by, mail=mail)

    def pay(self, customer_id: str, limit: Money | None) -> Paid:
        """Charge, unless a payment is under way already."""
        try:
            under_way = self.cashier.under_way(customer_id)
            return Paid([] if under_way else self.cashier.pay(customer_id, limit), under_way)
        except BeingChargedError:  # it was begun just now
            return Paid([], self.cashier.under_way(customer_id))

    def settle(self, provider: str, *, everyone: bool, tell: Tell) -> ProviderSettled:
        """Drain, look up and finish; that the provider cannot be reached is a finding."""
        tell(f"{provider}: messages that could not be handled")
        drained = self.drain.drain_charges(provider, self.dead_letters(provider), lambda: self.share_left() < _KEPT)
        counts, findings = drained.counts(), list(drained.findings)
        settled: Settled | None = None
        try:
            finisher = self.finisher(provider)
            settled, changed = finisher.settler.settle(everyone=everyone, share_left=self.share_left, tell=tell)
            finisher.finish(settled, changed, self.share_left, tell)
            findings += settled.findings
        except (ProviderRefusedError, TryLaterError) as error:
            findings.append(Finding("provider_unreachable", f"{provider} could not be reached: {error}"))
        return ProviderSettled(counts, settled, findings)

    def finish(self, provider: str, tell: Tell) -> Settled:
        """Finish what is left, without looking payments up first."""
        settled = Settled(provider)
        self.finisher(provider).finish(settled, set(), self.share_left, tell)
        return settled

    def reconcile(self, period: Period, providers: Collection[str], tell: Tell) -> Reconciled:
        """Compare, for as long as there is time."""
        return self.reconciler.reconcile(period, providers, time_is_up=lambda: self.share_left() < _KEPT, tell=tell)
