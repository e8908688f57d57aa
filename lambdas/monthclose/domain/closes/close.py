"""The close of a period: its batches, how far each got, and the sums that the status and the report are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from monthclose.domain.accounts.ledger import Account, Entry, sums_by_account
from monthclose.domain.calendar import PLAIN
from monthclose.domain.collections.dunning import telling_due
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period


class CloseStatus(StrEnum):
    """Where a close stands."""

    RUNNING = "running"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    """Its invoices are drafted, and nothing is issued or charged before a person approves them."""
    COMPLETED = "completed"
    """Finished: the books tie, everybody has an outcome (perhaps a bank debit under way), and was told."""
    WAITING = "waiting"
    """The books tie, and all that is left waits for what takes days: it goes on by itself."""
    UNFINISHED = "unfinished"
    """The books tie, and something is left to do: a customer is parked, not charged, or not told yet."""
    NOT_COMPARED = "not_compared"
    """Through, and all that was checked ties, but not everything could be compared with the providers' records."""
    COMPLETED_WITH_FINDINGS = "completed_with_findings"
    """Through, and the books do not tie: the proof says where."""


class Stop(NamedTuple):
    """That a person stopped a run of a close, and why; the reason may be empty, and of earlier releases `by` is."""

    time: datetime
    reason: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """One period's close; kept for good, run again as often as needed.

    Parameters
    ----------
    execution : str
        The execution that runs it, or ran it last.
    opened_at, run_started_at : datetime
        When the first run and the present one began.
    run : int
        How many executions have worked on it; `round` counts the passes over its batches, over all runs.
    first_round : int
        The first round of the present run: repair rounds are bounded per run.
    snapshot_key : str
        Where the list of its batches is; empty until planned, fixed from then on.
    expected_seconds : int
        How long charging takes at the providers' allowed rates.
    price_book, tax_table : str
        Versions that the present run bills with.
    stops : tuple of Stop
        When persons stopped runs of it, in order.
    providers : tuple of str
        Those of its customers. Empty until planned, and for a close planned before this was recorded.
    pauses : tuple of Pause
        When persons paused its charging, in order.
    round_began_at : datetime or None
        When the present round began.
    rounds_not_counted : int
        Rounds of the present run during which charging was paused: the bound on repair rounds doesn't count them.
    only : str
        Where the list of the customers is to whom the present run is limited; empty if it covers all.
    planned_for : mapping
        How many customers each provider has; empty as `providers`.
    rehearsal : int
        The rehearsal whose drafts it issues; 0 if it drafts by itself.
    time_zone : str
        The company's, by which the period ended.
    others_key : str
        Where those are whom a calendar month's close does not bill, because of their billing day; empty if there are
        none.
    """

    period: Period
    status: CloseStatus
    execution: str
    run: int
    opened_at: datetime
    run_started_at: datetime
    round: int = 0
    first_round: int = 0
    snapshot_key: str = ""
    price_book: str = ""
    tax_table: str = ""
    customers: int = 0
    batches: int = 0
    expected_seconds: int = 0
    warnings: tuple[str, ...] = ()
    completed_at: datetime | None = None
    stops: tuple[Stop, ...] = ()
    providers: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()
    round_began_at: datetime | None = None
    rounds_not_counted: int = 0
    only: str = ""
    planned_for: Mapping[str, int] = field(default_factory=dict)
    rehearsal: int = 0
    time_zone: str = PLAIN
    others_key: str = ""
    version: int = 0

    @property
    def paused(self) -> Pause | None:
        """The pause of its charging that is in force, if one is."""
        last = self.pauses[-1] if self.pauses else None
        return last if last and last.in_force and self.completed_at is None else None

    @property
    def under_way(self) -> bool:
        """Whether an execution works on it, or waits for its approval, unless that has ended meanwhile."""
        return self.status in (CloseStatus.RUNNING, CloseStatus.WAITING_FOR_APPROVAL)

    @property
    def stopped(self) -> Stop | None:
        """How the present run was stopped, if it was."""
        last = self.stops[-1] if self.stops else None
        return last if last and last.time >= self.run_started_at and self.completed_at is None else None


@dataclass(frozen=True, slots=True)
class Batch:
    """The customers that one child execution handles, all of one provider; numbered from 0, money first."""

    number: int
    provider: str
    customer_ids: tuple[str, ...]


class Stage(StrEnum):
    """The last stage that a batch is through with."""

    GENERATED = "generated"
    CHARGED = "charged"
    NOTIFIED = "notified"
    CLOSED = "closed"

    @property
    def order(self) -> int:
        """Place among the stages, from 0."""
        return list(Stage).index(self)


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts, and sums of money in minor units by currency. Adding two is the whole arithmetic of the status."""

    customers: Mapping[str, int] = field(default_factory=dict)
    """`invoiced`, `nothing_to_bill`, `parked`."""
    payments: Mapping[str, int] = field(default_factory=dict)
    """By the state of the payment that collects each customer's invoice."""
    notices: Mapping[str, int] = field(default_factory=dict)
    """By notice state."""
    holds: Mapping[str, int] = field(default_factory=dict)
    """`placed`, `lifted`."""
    parked: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    declines: Mapping[str, int] = field(default_factory=dict)
    """By the provider's code."""
    money: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By currency: of all invoices, replaced ones too, `invoiced`, `credited`, `collected`, `open`, `written_off`;
    `negative`, the sum of the negative invoices; `tax`, of all invoices; `by_providers`, what the payments collected
    less what went back; `lost`, what of that had been used elsewhere, as credit; `pending`, what they are collecting;
    `credit_granted`, everything that became credit; `credit_notes` and `credit_notes_tax`, the sums of the credit notes
    (`credited` has what they settle of the invoices)."""
    ledger: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By currency and account: the sums of the ledger's legs, to hold against `money`."""
    untold: int = 0
    """Customers whose payment's outcome is known and who have had no notice of it."""
    waiting: int = 0
    """Customers whose payment is begun with once another one, which takes days, has ended."""

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            customers=_plus(self.customers, other.customers),
            payments=_plus(self.payments, other.payments),
            notices=_plus(self.notices, other.notices),
            holds=_plus(self.holds, other.holds),
            parked=_plus(self.parked, other.parked),
            declines=_plus(self.declines, other.declines),
            money=_plus_nested(self.money, other.money),
            ledger=_plus_nested(self.ledger, other.ledger),
            untold=self.untold + other.untold,
            waiting=self.waiting + other.waiting,
        )


def _plus(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted({*a, *b})}


def _plus_nested(
    a: Mapping[str, Mapping[str, int]], b: Mapping[str, Mapping[str, int]]
) -> dict[str, Mapping[str, int]]:
    return {key: _plus(a.get(key, {}), b.get(key, {})) for key in sorted({*a, *b})}


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch got and what came of it. Each stage overwrites it whole, so it cannot drift."""

    period: Period
    batch: Batch
    stage: Stage
    round: int
    totals: Totals
    unsettled: int
    """Customers whose payment isn't settled yet, or whose invoice is being replaced."""
    time: datetime
    outdated: bool = False
    """Whether something has changed since that is not in the sums yet."""
    charged_at: datetime | None = None
    """When its last charge was made: what the forecast is made from. Not known of batches of earlier releases."""

    @property
    def finished(self) -> bool:
        """Whether a close has nothing more to do for this batch."""
        return self.stage is Stage.CLOSED and not self.unsettled

    @property
    def left_to_reconcile(self) -> bool:
        """Whether the reconciler has something to do for this batch, once the close has ended."""
        return bool(self.unsettled or self.totals.untold or self.totals.waiting or self.outdated)


def totals_of(months: Iterable[CustomerMonth]) -> tuple[Totals, int]:
    """Count and sum the records of a batch's customers.

    Returns
    -------
    tuple
        The totals, and the number of customers with whom something is left to do (see `BatchProgress.unsettled`).
    """
    total, unsettled = Totals(), 0
    for month in months:
        total += _totals_of_one(month)
        unsettled += month.unsettled
    return total, unsettled


def _totals_of_one(month: CustomerMonth) -> Totals:
    state, payment = month.collected_how, month.collecting
    return Totals(
        customers={_customer_outcome(month): 1},
        payments={state: 1} if state else {},
        notices={month.notice.state: 1} if month.notice else {},
        holds={month.hold.action: 1} if month.hold else {},
        parked={month.parking.reason: 1} if month.parking and month.parked else {},
        declines={payment.code: 1} if payment and state is PaymentState.DECLINED else {},
        money=_money(month),
        ledger=sums_by_account(month.entries),
        untold=int(telling_due(month) is not None),
        waiting=int(any(payment.waits_for for payment in month.payments)),
    )


def _customer_outcome(month: CustomerMonth) -> str:
    if month.invoice:
        return "invoiced"
    if month.parked:
        return "parked"
    return "carried" if month.carried else "nothing_to_bill"


def _money(month: CustomerMonth) -> dict[str, Mapping[str, int]]:
    sums: dict[str, Mapping[str, int]] = {}
    for invoice in month.invoices:
        sums = _plus_nested(sums, {invoice.currency: _of_invoice(invoice)})
    if month.invoice:
        sums = _plus_nested(sums, {month.invoice.currency: _of_payments(month)})
    for note in month.credit_notes:
        by_notes = {"credit_notes": note.total_minor, "credit_notes_tax": note.tax_minor}
        sums = _plus_nested(sums, {note.currency: by_notes})
    for entry in month.entries:
        sums = _plus_nested(sums, {entry.currency: {"credit_granted": _granted(entry)}})
    return sums


def _of_invoice(invoice: Invoice) -> dict[str, int]:
    return {
        "invoiced": max(invoice.total_minor, 0),
        "negative": max(-invoice.total_minor, 0),
        "tax": invoice.tax_minor,
        "credited": invoice.credited_minor,
        "collected": invoice.collected_minor,
        "written_off": invoice.written_off_minor,
        "open": invoice.open.minor,
    }


def _of_payments(month: CustomerMonth) -> dict[str, int]:
    return {
        "by_providers": sum(payment.net_minor for payment in month.payments),
        "lost": sum(payment.lost_minor for payment in month.payments),
        "pending": sum(payment.amount_minor for payment in month.payments if payment.in_flight),
    }


def _granted(entry: Entry) -> int:
    """What an entry adds to the customer's credit."""
    return sum(max(-leg.minor, 0) for leg in entry.legs if leg.account is Account.CREDIT)
