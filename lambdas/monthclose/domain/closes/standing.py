"""How a close stands: what its batches add up to, by stage and by provider, and when they were charged. Pure.

Added up from the batches' own progress each time, so that nothing can drift; a batch is a few numbers here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from monthclose.domain.closes.close import BatchProgress, Close, Stage, Totals
from monthclose.domain.payments.payment import UNSETTLED, PaymentState

type Sums = Mapping[str, int]
"""Minor units by currency."""
_STAGES = tuple(Stage)
_NO_CHARGE = (PaymentState.NOTHING_DUE, PaymentState.NO_PAYMENT_METHOD, PaymentState.NO_ADAPTER)
"""Payments for which no provider is asked."""


class Step(NamedTuple):
    """A batch whose charges were tried: when, how many, what money came of them or is on its way, and of how much."""

    time: datetime
    charges: int
    money: Sums
    invoiced: Sums


class Queued(NamedTuple):
    """A batch that has invoices and waits for its charges, or is being charged: those left, and their money."""

    number: int
    charges: int
    money: Sums


@dataclass(slots=True)
class ProviderStanding:
    """How far a provider's charges are.

    Parameters
    ----------
    steps : list of Step
        The batches that were charged, in the order of time.
    queued : list of Queued
        Those that were not, in the order in which they are charged.
    tried, collected, pending : int
        Charges that were tried, those of batches that are being charged included; how many of them are collected, and
        how many a bank is collecting. The others were refused, reversed, or their outcome is not known.
    customers : int
        Customers of the batches that have begun.
    last : tuple
        Of the batch with the highest number that has begun: its number, its charges and its money.
    to_begin : int
        Customers of batches without invoices yet.
    """

    provider: str
    steps: list[Step] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)
    tried: int = 0
    collected: int = 0
    pending: int = 0
    customers: int = 0
    to_begin: int = 0
    last: Queued | None = None

    @property
    def waiting(self) -> int:
        """Charges of batches that have their invoices."""
        return sum(batch.charges for batch in self.queued)

    @property
    def left(self) -> float:
        """Charges left, those of batches without invoices estimated from the others."""
        share = (self.tried + self.waiting) / self.customers if self.customers else 1.0
        return self.waiting + self.to_begin * share

    @property
    def charges(self) -> float:
        """All charges, tried and left."""
        return self.tried + self.left


@dataclass(slots=True)
class Standing:
    """A close as its batches are now.

    Parameters
    ----------
    done, money : dict
        Customers that are through with each stage, and what they were invoiced, by currency.
    to_tell : int
        Customers with an invoice who have had no notice, of the batches that have begun.
    unsettled : int
        Customers of batches that are through, whose payment has no outcome: a repair round takes them up.
    batches_begun, batches_closed : int
        Batches with progress, and those through with every stage.
    undated : int
        Batches that were charged, nobody wrote down when: those of earlier releases.
    """

    totals: Totals = field(default_factory=Totals)
    done: dict[Stage, int] = field(default_factory=lambda: dict.fromkeys(_STAGES, 0))
    money: dict[Stage, dict[str, int]] = field(default_factory=lambda: {stage: {} for stage in _STAGES})
    providers: dict[str, ProviderStanding] = field(default_factory=dict)
    to_tell: int = 0
    unsettled: int = 0
    batches_begun: int = 0
    batches_closed: int = 0
    undated: int = 0

    @property
    def charges(self) -> float:
        """All charges, tried and left."""
        return sum(provider.charges for provider in self.providers.values())

    @property
    def charges_tried(self) -> int:
        """Charges that were tried."""
        return sum(provider.tried for provider in self.providers.values())

    @property
    def notices_left(self) -> float:
        """Notices to send, those of batches without invoices estimated from the others."""
        begun = sum(provider.customers for provider in self.providers.values())
        share = self.totals.customers.get("invoiced", 0) / begun if begun else 1.0
        return self.to_tell + share * sum(provider.to_begin for provider in self.providers.values())

    def add(self, progress: BatchProgress) -> None:
        """Take in a batch."""
        size, totals = len(progress.batch.customer_ids), progress.totals
        invoiced = {currency: sums.get("invoiced", 0) for currency, sums in totals.money.items()}
        for stage in _STAGES[: progress.stage.order + 1]:
            self.done[stage] += size
            _add(self.money[stage], invoiced)
        self.totals += totals
        self.batches_begun += 1
        self.batches_closed += progress.stage is Stage.CLOSED
        if progress.stage.order < Stage.NOTIFIED.order:
            self.to_tell += totals.customers.get("invoiced", 0)
        else:
            self.to_tell += totals.untold
        if progress.stage is Stage.CLOSED:
            self.unsettled += progress.unsettled
        self._add_charges(progress, size, invoiced)

    def _add_charges(self, progress: BatchProgress, size: int, invoiced: Sums) -> None:
        name, payments = progress.batch.provider, progress.totals.payments
        provider = self.providers.setdefault(name, ProviderStanding(name))
        provider.customers += size
        charges = sum(number for state, number in payments.items() if state not in _NO_CHARGE)
        left = sum(payments.get(state, 0) for state in UNSETTLED)
        if charges and (provider.last is None or progress.batch.number > provider.last.number):
            provider.last = Queued(progress.batch.number, charges, invoiced)
        provider.collected += payments.get(PaymentState.PAID, 0)
        provider.pending += payments.get(PaymentState.PENDING, 0)
        if progress.stage.order >= Stage.CHARGED.order:
            provider.tried += charges - payments.get(PaymentState.READY, 0)
            if charges:
                self.undated += progress.charged_at is None
                came = {currency: _came(sums) for currency, sums in progress.totals.money.items()}
                provider.steps.append(Step(progress.charged_at or progress.time, charges, came, invoiced))
        else:
            provider.tried += charges - left
            due = {currency: minor - _came(progress.totals.money[currency]) for currency, minor in invoiced.items()}
            provider.queued.append(Queued(progress.batch.number, left, due))

    def ordered(self, close: Close) -> Standing:
        """Sort the batches, once all are added, and count the customers whose batch has not begun."""
        left = max(close.customers - sum(provider.customers for provider in self.providers.values()), 0)
        for name in close.planned_for if left else ():
            self.providers.setdefault(name, ProviderStanding(name))
        known = {name: close.planned_for.get(name, 0) for name in self.providers}
        for provider in self.providers.values():
            provider.steps.sort(key=lambda step: step.time)
            provider.queued.sort()
            planned = known[provider.provider]
            if close.planned_for:
                provider.to_begin = max(planned - provider.customers, 0)
            else:  # of a close that was planned before this was recorded: as the batches that have begun
                begun = sum(other.customers for other in self.providers.values())
                provider.to_begin = round(left * provider.customers / begun) if begun else 0
        return self


def standing_of(close: Close, batches: Iterable[BatchProgress]) -> Standing:
    """Add up a close's batches."""
    standing = Standing()
    for progress in batches:
        standing.add(progress)
    return standing.ordered(close)


def marks(steps: Iterable[Step], total: float, shares: Iterable[float]) -> list[tuple[float, datetime]]:
    """Find when each share of all charges was tried; shares that were not reached are left out."""
    ordered = sorted(steps, key=lambda step: step.time)
    reached = list(accumulate(step.charges for step in ordered))
    found, place = list[tuple[float, datetime]](), 0
    for share in shares:
        while place < len(reached) and reached[place] < share * total:
            place += 1
        if place < len(reached):
            found.append((share, ordered[place].time))
    return found


def _came(sums: Mapping[str, int]) -> int:
    """What has been collected of a batch's invoices, and what bank debits are collecting."""
    return sums.get("collected", 0) + sums.get("pending", 0)


def _add(to: dict[str, int], sums: Sums) -> None:
    for currency, minor in sums.items():
        to[currency] = to.get(currency, 0) + minor
