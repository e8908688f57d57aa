"""A percentage of each transaction, with a fixed fee, a minimum and a maximum, of which the first are free.

Each event is a transaction, and its quantity is the amount. What transactions cost depends on each of them, yet all
that is kept are sums: of those charged by percentage, and the numbers of those at the minimum and at the maximum.

Free are the earliest transactions, up to a number or until they come to an amount, whichever is first; the one that
goes beyond the amount is charged for the part beyond
(https://docs.getlago.com/guide/plans/charges/charge-models/percentage). Events come in any order, so the free ones are
kept until a transaction turns out to be earlier: `MOST_FREE` at most.

A return (a negative amount) credits what a transaction of that amount costs; one that is not later than the last free
transaction credits nothing, as nothing was charged then. An event corrected to 0 is no transaction.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, NamedTuple

from monthclose.domain.money import EXACT
from monthclose.domain.pricing.exact import plain, shown
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.models import Content
from monthclose.domain.usage import UsageEvent

MOST_FREE = 10_000
"""Transactions of a customer's month that can be free: they are kept in memory, some 300 bytes each."""
_HUNDRED = Decimal(100)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PerTransaction:
    """A percentage of each transaction; amounts in major units of the customer's currency.

    Parameters
    ----------
    fixed_fee : Decimal
        Added to each transaction's percentage.
    minimum_fee, maximum_fee : Decimal or None
        What a transaction costs at least and at most, the fixed fee included.
    free_transactions : int or None
        How many cost nothing; None: no such number, and none are free unless `free_amount` says so.
    free_amount : Decimal or None
        What transactions can come to before they cost anything.
    """

    percent: Decimal
    fixed_fee: Decimal = _ZERO
    minimum_fee: Decimal | None = None
    maximum_fee: Decimal | None = None
    free_transactions: int | None = None
    free_amount: Decimal | None = None
    name: ClassVar[str] = "percentage"
    by_resource: ClassVar[bool] = False
    single_price: ClassVar[Decimal | None] = None

    @property
    def has_free(self) -> bool:
        """Whether some transactions are free."""
        return self.free_transactions is not None or self.free_amount is not None

    def explain(self, quantity: Fraction, into: Explanation) -> None:
        """Add the steps of one transaction of an amount, none of it free."""
        charges = _Charges(self)
        charges.charge(shown(quantity))
        charges.explain(into)

    def content(self) -> Content:
        """Its fields in a price book."""
        numbers = {
            "percent": self.percent,
            "fixed_fee": self.fixed_fee or None,
            "minimum_fee": self.minimum_fee,
            "maximum_fee": self.maximum_fee,
            "free_amount": self.free_amount,
        }
        free = {} if self.free_transactions is None else {"free_transactions": self.free_transactions}
        return {
            "model": self.name,
            **{name: plain(number) for name, number in numbers.items() if number is not None},
            **free,
        }


class _Charges:
    """What one line's transactions come to: sums and numbers, of returns negative ones."""

    def __init__(self, model: PerTransaction) -> None:
        self._model = model
        self._of, self._count = _ZERO, 0
        self._at_minimum, self._at_maximum = 0, 0
        self._free_of, self._free_count = _ZERO, 0

    def charge(self, amount: Decimal) -> None:
        """Take a transaction that is not free."""
        if not amount:
            return
        model, sign = self._model, 1 if amount > 0 else -1
        # A hundred times the fee, as a percentage would have to be divided by it.
        fee = EXACT.add(EXACT.multiply(amount.copy_abs(), model.percent), EXACT.multiply(model.fixed_fee, _HUNDRED))
        if model.maximum_fee is not None and fee > EXACT.multiply(model.maximum_fee, _HUNDRED):
            self._at_maximum += sign
        elif model.minimum_fee is not None and fee < EXACT.multiply(model.minimum_fee, _HUNDRED):
            self._at_minimum += sign
        else:
            self._of = EXACT.add(self._of, amount)
            self._count += sign

    def give(self, amount: Decimal, beyond: Decimal) -> None:
        """Take a free transaction, or a return of one; what of it is beyond the free amount is charged."""
        self._free_of = EXACT.add(self._free_of, EXACT.subtract(amount, beyond))
        if beyond:
            self.charge(beyond)
        else:
            self._free_count += 1 if amount > 0 else -1

    def explain(self, into: Explanation) -> None:
        """Add a step for each way in which transactions were charged."""
        model = self._model
        if self._free_count or self._free_of:
            into.add("free_transactions", count=self._free_count, of=self._free_of)
        if self._at_minimum:
            assert model.minimum_fee is not None
            into.add("transactions_at_minimum", count=self._at_minimum, fee=model.minimum_fee)
        if self._at_maximum:
            assert model.maximum_fee is not None
            into.add("transactions_at_maximum", count=self._at_maximum, fee=model.maximum_fee)
        if model.fixed_fee and self._count:
            into.add("transactions", percent=model.percent, of=self._of, count=self._count, fixed_fee=model.fixed_fee)
        elif self._of or not into.steps:
            into.add("percent", percent=model.percent, of=self._of)


class _Early(NamedTuple):
    """A transaction that may be free, or a return; in order of time, returns first."""

    time: datetime
    is_use: bool
    event_id: str
    amount: Decimal
    resource: str


class _Earliest:
    """The earliest transactions that a free number or amount covers; returns among them use up none of it."""

    def __init__(self, model: PerTransaction) -> None:
        self._most = MOST_FREE if model.free_transactions is None else model.free_transactions
        self._amount_limit = model.free_amount
        self.kept: list[_Early] = []
        self._count, self._amount = 0, _ZERO

    def add(self, early: _Early) -> list[_Early]:
        """Take a transaction; returns those that have turned out not to be free."""
        insort(self.kept, early)
        self._count_in(early, 1)
        dropped = []
        while self.kept and self._is_beyond(self.kept[-1]):
            dropped.append(self.kept.pop())
            self._count_in(dropped[-1], -1)
        return dropped

    @property
    def beyond(self) -> Decimal:
        """What of the last one goes beyond the free amount."""
        return _ZERO if self._amount_limit is None else max(EXACT.subtract(self._amount, self._amount_limit), _ZERO)

    def _count_in(self, early: _Early, sign: int) -> None:
        if early.is_use:
            self._count += sign
            self._amount = EXACT.add(self._amount, EXACT.multiply(early.amount, sign))

    def _is_beyond(self, last: _Early) -> bool:
        own = (1, last.amount) if last.is_use else (0, _ZERO)
        before, amount_before = self._count - own[0], EXACT.subtract(self._amount, own[1])
        used_up = self._amount_limit is not None and amount_before >= self._amount_limit
        return before >= self._most or used_up or len(self.kept) > MOST_FREE


class TransactionMeter:
    """Takes the transactions of one price, and prices them."""

    def __init__(self, model: PerTransaction, *, by_resource: bool) -> None:
        self._model, self._by_resource = model, by_resource
        self._totals: dict[str, Decimal] = {}
        self._charges: dict[str, _Charges] = {}
        self._early = _Earliest(model) if model.has_free else None

    def add(self, event: UsageEvent) -> None:
        """Take a transaction."""
        resource, amount = event.resource if self._by_resource else "", event.quantity
        self._totals[resource] = EXACT.add(self._totals.get(resource, _ZERO), amount)
        charges = self._charges.get(resource) or self._charges.setdefault(resource, _Charges(self._model))
        if self._early is None:
            charges.charge(amount)
        elif amount:
            for late in self._early.add(_Early(event.time, amount > 0, event.event_id, amount, resource)):
                self._charges[late.resource].charge(late.amount)

    def measured(self) -> Mapping[str, Fraction]:
        """What the transactions add up to, returns taken off."""
        return {resource: Fraction(total) for resource, total in self._totals.items()}

    def explain(self, resource: str, into: Explanation) -> None:
        """Add the steps that price a resource's transactions; to be asked for when all events are known."""
        self._settle()
        (self._charges.get(resource) or _Charges(self._model)).explain(into)

    def _settle(self) -> None:
        """Give the free ones, once."""
        if self._early is None:
            return
        early, self._early = self._early, None
        for number, (*_, amount, resource) in enumerate(early.kept, 1):
            self._charges[resource].give(amount, early.beyond if number == len(early.kept) else _ZERO)
