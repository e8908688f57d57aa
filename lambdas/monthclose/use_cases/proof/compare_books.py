"""Compare a period's charges with the providers' own record, from both sides.

1. Theirs: each charge that a provider lists is compared with our payment.
2. Ours: each payment that collected money is looked for in the provider's list, batch by batch. This reads every
   customer's month, so it brings the batches' sums up to date as well.

A difference is looked up once more before it is a finding: the lists are read one after the other, and payments change
meanwhile. Kept in memory: eight bytes for each charge (80 MB for ten million) and a bounded list of findings.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import NamedTuple

from monthclose.domain.closes.close import BatchProgress, Close, totals_of
from monthclose.domain.closes.proof import Comparison, Finding, ProviderCharge, check_provider_sums
from monthclose.domain.errors import MonthCloseError
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment, PaymentKey
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import OutcomeUnknownError, ProviderRefusedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, Tell, TimeIsUp
from monthclose.use_cases.batch_work import read_months, record_progress, side_by_side
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.proof.comparison_sides import Side

_CHARGES_AT_ONCE, _BATCHES_AT_ONCE = 200, 64
"""How many are submitted to the executor at a time: bounds the memory."""


class _Checked(NamedTuple):
    """A provider's charge, compared with our payment."""

    minor: int
    finding: Finding | None = None
    booked: bool = False


class _Found(NamedTuple):
    """One of our payments that collected money, looked for in the provider's list."""

    payment: Payment
    listed: bool = True
    finding: Finding | None = None
    booked: bool = False


class _LookedUp(NamedTuple):
    """A payment after it was looked up at its provider once more."""

    payment: Payment | None
    agreed: bool
    booked: bool


@dataclass(frozen=True, slots=True)
class BookComparer:
    """Compares the books of a close that is not being run.

    Parameters
    ----------
    chargers : mapping
        Makes each provider's charger: a provider that cannot be reached is a finding, not the end of the comparison.
    heals : bool
        Whether to book a provider's record of a payment that differs from ours: a refund, or an outcome that we missed.
    """

    books: Books
    closes: Closes
    chargers: Mapping[str, Callable[[], Charger]]
    clock: Clock
    executor: Executor
    heals: bool = False

    def compare(
        self,
        close: Close,
        providers: Collection[str] = (),
        *,
        thorough: bool = False,
        time_is_up: TimeIsUp = lambda: False,
        tell: Tell = lambda _: None,
    ) -> list[Comparison]:
        """Compare a close's charges with some providers' record, by default with all that it charges through.

        Parameters
        ----------
        thorough : bool
            Go through our payments and refresh the batches' sums in any case; else only if the sums differ.
        tell : callable
            Receives progress messages, for people.
        """
        charged_by, ours = self._ours(close.period)
        names = sorted(providers or charged_by & self.chargers.keys())
        sides = [self._list_theirs(name, close, time_is_up, tell) for name in names]
        theirs = Counter[str]()
        for side in sides:
            theirs.update(side.theirs)
        if thorough or (all(side.complete for side in sides) and ours != theirs):
            others = self._go_through_ours(close, sides, time_is_up, tell)
            sides = sides if providers else self._with_others(close, sides, others, time_is_up, tell)
        now = self.clock()
        return [side.result(close.period, now) for side in sides]

    def _with_others(
        self,
        close: Close,
        sides: list[Side],
        others: list[Side],
        time_is_up: TimeIsUp,
        tell: Tell,
    ) -> list[Side]:
        """Compare also with providers that customers of the close have switched to and paid through since."""
        changed_to = sorted({side.name for side in others} & self.chargers.keys())
        if not changed_to:
            return [*sides, *others]
        names = [*(side.name for side in sides), *changed_to]
        asked = [self._list_theirs(name, close, time_is_up, tell) for name in names]
        return [*asked, *self._go_through_ours(close, asked, time_is_up, tell)]

    def _ours(self, period: Period) -> tuple[set[str], Counter[str]]:
        """Read from the batches' progress which providers a close charges through, and their totals by currency."""
        names, sums = set[str](), Counter[str]()
        for progress in self.closes.all_progress(period):
            names.add(progress.batch.provider)
            sums.update({code: money.get("by_providers", 0) for code, money in progress.totals.money.items()})
        return names, sums

    def _list_theirs(self, name: str, close: Close, time_is_up: TimeIsUp, tell: Tell) -> Side:
        side = Side(name)
        try:
            side.charger = charger = self.chargers[name]()
            # From the month's end, not from the opening of the close: every charge that names this close is checked.
            charges = charger.gateway.collected_for(close.period, close.period.end)
            for chunk in batched(charges, _CHARGES_AT_ONCE, strict=False):
                checked = side_by_side(self.executor, partial(self._check, close, charger), chunk)
                for charge, check in zip(chunk, checked, strict=True):
                    side.add_theirs(charge, check.minor, check.finding, booked=check.booked)
                tell(f"{close.period}: {side.charges:,} charges of {name} compared")
                if time_is_up():
                    side.break_off(
                        "compare_incomplete",
                        f"time ran out before all charges of {name} for {close.period} were compared",
                    )
                    break
        except (ProviderRefusedError, TryLaterError, OutcomeUnknownError) as error:
            side.break_off(
                "provider_unreachable", f"{name} could not be asked: {error}; reconcile {close.period} again"
            )
        side.seal()
        return side

    def _check(self, close: Close, charger: Charger, charge: ProviderCharge) -> _Checked:
        key = PaymentKey.parse(charge.payment_id)
        payment = self._payment(key) if key and key.period == close.period else None
        customer_id, booked = key.customer_id if key else "", False
        if key and payment and payment.provider == charge.provider and not _same(payment, charge):
            payment, agreed, booked = self._look_up(charger, key, payment)
            if payment and agreed and payment.provider_ref == charge.reference:
                return _Checked(payment.net_minor, booked=booked)
        named = f"{charge.provider} collected {charge.reference} for payment {charge.payment_id}"
        if payment is None or (payment.provider, payment.provider_ref) != (charge.provider, charge.reference):
            finding = Finding("provider_unknown", f"{named}, but we have no record of it", customer_id)
            return _Checked(charge.minor, finding, booked)
        if _same(payment, charge):
            return _Checked(charge.minor, booked=booked)
        theirs, ours = Money(charge.minor, charge.currency), Money(payment.net_minor, payment.currency)
        text = f"{named}: {theirs}, but our payment is {payment.state} with {ours}"
        return _Checked(charge.minor, Finding("provider_amount", text, customer_id), booked)

    def _look_up(self, charger: Charger, key: PaymentKey, before: Payment) -> _LookedUp:
        """Book a provider's record of a differing payment, if `heals`, and compare its money once more."""
        held: Money | None = None
        try:
            if self.heals:
                charger.look_up(key)
            held = charger.gateway.held(before.provider_ref)
        except ProviderRefusedError:
            raise
        except MonthCloseError:  # busy, or unknown for now: the difference stays
            held = None
        after = self._payment(key)
        agreed = after is not None and after.provider_ref == before.provider_ref and held == _net(after)
        return _LookedUp(after, agreed, after is not None and after.version != before.version)

    def _payment(self, key: PaymentKey) -> Payment | None:
        return self.books.month(key.customer_id, key.period).payment_of(key.sequence)

    def _go_through_ours(
        self,
        close: Close,
        sides: list[Side],
        time_is_up: TimeIsUp,
        tell: Tell,
    ) -> list[Side]:
        """Go through our payments, batch by batch; returns the sides of providers that are not among `sides`."""
        by_name, others = {side.name: side for side in sides}, dict[str, Side]()
        walk, done = partial(self._go_through_batch, by_name), 0
        for chunk in batched(self.closes.all_progress(close.period), _BATCHES_AT_ONCE, strict=False):
            for found in side_by_side(self.executor, walk, chunk):
                for payment, listed, finding, booked in found:
                    name = payment.provider
                    side = by_name.get(name) or others.setdefault(name, Side(name))
                    side.add_ours(payment, finding, listed=listed, booked=booked)
            done += len(chunk)
            tell(f"{close.period}: {done:,} of {close.batches:,} batches compared")
            if time_is_up():
                for side in sides:
                    side.break_off(
                        "compare_incomplete", f"time ran out before all our payments of {close.period} were compared"
                    )
                return []
        for side in sides:
            if side.complete:
                side.add(*check_provider_sums(side.ours, side.theirs, side.name))
        for other in others.values():
            what = f"{other.name} is not one of the providers in the settings"
            other.break_off("provider_unreachable", f"{what}: its {count(other.payments, 'payment')} cannot be checked")
        return list(others.values())

    def _go_through_batch(self, sides: Mapping[str, Side], progress: BatchProgress) -> list[_Found]:
        """Look for a batch's payments in the providers' lists, and refresh its sums."""
        months = read_months(self.books, progress.batch.customer_ids, progress.period)
        found = []
        for customer_id, month in months.items():
            looked_for = [self._look_for(sides.get(p.provider), p) for p in month.payments if p.net_minor]
            if any(one.booked for one in looked_for):
                months[customer_id] = self.books.month(customer_id, progress.period)
            found += looked_for
        self._refresh(progress, months.values())
        return found

    def _look_for(self, side: Side | None, payment: Payment) -> _Found:
        charger = side.charger if side and side.complete else None
        if side is None or charger is None or side.lists(payment):
            return _Found(payment)
        key = PaymentKey(payment.customer_id, payment.period, payment.sequence)
        agreed = booked = False
        if not side.full:  # if thousands are missing, they are not looked up one by one
            after, agreed, booked = self._look_up(charger, key, payment)
            payment = after or payment
        if agreed:  # collected after their list was read, or not recorded there yet
            return _Found(payment, listed=False, booked=booked)
        ours = Money(payment.net_minor, payment.currency)
        text = f"payment {payment.payment_id} is {payment.state} with {ours} ({payment.provider_ref})"
        finding = Finding("provider_missing", f"{text}, but {payment.provider} does not list it", payment.customer_id)
        return _Found(payment, finding=finding, booked=booked)

    def _refresh(self, progress: BatchProgress, months: Iterable[CustomerMonth]) -> None:
        months = list(months)
        if totals_of(months) != (progress.totals, progress.unsettled):
            record_progress(self.closes, self.books, self.clock, progress, progress.stage, progress.round, months)


def _same(payment: Payment, charge: ProviderCharge) -> bool:
    return (payment.provider_ref, _net(payment)) == (charge.reference, Money(charge.minor, charge.currency))


def _net(payment: Payment) -> Money:
    return Money(payment.net_minor, payment.currency)
