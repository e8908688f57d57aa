"""What must hold when the dust has settled: checked by going through both sides' records, one by one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.ledger import Account
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period


@dataclass
class Verdict:
    """The offences, each a sentence; all must be empty."""

    double_charges: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    wrong_holds: list[str] = field(default_factory=list)
    does_not_tie: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    """Customers by their payment's state, for information."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.double_charges or self.lost or self.wrong_holds or self.does_not_tie)


def judge(runtime: Runtime, period: Period, customers: Iterable[str], movements: list[Mapping[str, Any]]) -> Verdict:
    """Hold the books against the providers' own record of the money that moved."""
    verdict = Verdict()
    charges, net = Counter[str](), defaultdict[str, int](int)
    for movement in movements:
        payment_id = movement["metadata"]["payment"].partition("#")[0]
        charges[payment_id] += movement.get("kind", "charge") == "charge"
        net[payment_id] += movement["amount"]
    ours, ledger = 0, 0
    for customer_id in customers:
        account, month = runtime.books.customer(customer_id), runtime.books.month(customer_id, period)
        assert account
        if month.invoice is None or month.payment is None:
            verdict.lost.append(f"{customer_id} has no invoice")
            continue
        payment = month.payment
        verdict.states[payment.state] += 1
        if charges[payment.payment_id] > 1:
            verdict.double_charges.append(f"{customer_id} was charged {charges[payment.payment_id]} times")
        if not payment.settled or payment.state is PaymentState.PENDING or account.open_payment:
            verdict.lost.append(f"{customer_id}: payment is {payment.state}, lease {account.open_payment!r}")
        owes = payment.state in (PaymentState.DECLINED, PaymentState.REVERSED)
        if account.held_since is not None and not owes:
            verdict.wrong_holds.append(f"{customer_id} is held with payment {payment.state}")
        if net[payment.payment_id] != payment.net_minor:
            verdict.does_not_tie.append(
                f"{customer_id}: the provider has {net[payment.payment_id]}, we have {payment.net_minor}"
            )
        ours += payment.net_minor
        legs = [leg for entry in month.entries for leg in entry.legs]
        ledger += sum(leg.minor for leg in legs if leg.account is Account.CLEARING)
        receivable = sum(leg.minor for leg in legs if leg.account is Account.RECEIVABLE)
        if receivable != month.invoice.open.minor or receivable != account.receivable_minor:
            verdict.does_not_tie.append(f"{customer_id}: ledger {receivable}, invoice {month.invoice.open}")
    if not ours == ledger == sum(net.values()):
        verdict.does_not_tie.append(f"payments {ours}, ledger {ledger}, providers {sum(net.values())}")
    return verdict
