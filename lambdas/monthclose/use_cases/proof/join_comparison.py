"""Join what the parts of a comparison have read: the provider's charges and our payments, by the provider's reference.

1. Theirs: a charge that differs from our payment, or of which we have no payment, is looked up.
2. Ours: a payment that holds money and is not listed is looked up.

A difference is looked up once more before it is a finding. The join works until its time is up, and continues where it
was. Kept in memory: a slice of the records, a piece of each run, and a bounded list of findings.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import batched
from typing import Any, Literal

from monthclose.domain.closes.close import Close
from monthclose.domain.closes.proof import Comparison, ProviderCharge, check_provider_sums
from monthclose.domain.words import count
from monthclose.errors import ProviderRefusedError
from monthclose.ports import Books, Clock, Closes, Tell, TimeIsUp
from monthclose.use_cases.batch_work import refresh_progress, side_by_side
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.proof.charge_records import check_of, read_text
from monthclose.use_cases.proof.comparison_sides import Side
from monthclose.use_cases.proof.comparison_store import ComparisonPlan, ComparisonStore, PartState
from monthclose.use_cases.proof.look_up_differences import DifferenceResolver, LookedUp
from monthclose.use_cases.proof.merge_runs import Difference, Merge
from monthclose.use_cases.proof.plan_comparison import ComparisonPlanner

_LOOKED_UP_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Joined:
    """How far the comparison is.

    Parameters
    ----------
    outcome : str
        `more_parts`: providers that customers have switched to since must be asked, too.
    name : str
        The comparison's.
    parts : tuple of int
        The numbers of the parts that are left to be read.
    comparisons : list of Comparison
        The results by provider, once it is done. One that is not complete says why.
    """

    outcome: Literal["done", "more_parts", "time_was_up"]
    name: str
    parts: tuple[int, ...] = ()
    comparisons: list[Comparison] = field(default_factory=list)


@dataclass(slots=True)
class _Join:
    """How far the join with one provider is; this is what is kept of it.

    Parameters
    ----------
    slice : int
        The slice that is merged next.
    resolved : int
        Differences of that slice that were looked up before.
    skips : dict
        Records of each run that come before that slice.
    """

    side: Side
    slice: int = 0
    resolved: int = 0
    skips: dict[int, int] = field(default_factory=dict)
    done: bool = False

    def content(self) -> dict[str, Any]:
        kept = {"slice": self.slice, "resolved": self.resolved, "skips": self.skips, "done": self.done}
        return kept | {"side": self.side.content()}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "_Join":
        skips = {int(number): records for number, records in content["skips"].items()}
        side = Side.from_content(content["side"])
        return cls(side, content["slice"], content["resolved"], skips, content["done"])


@dataclass(frozen=True, slots=True)
class ComparisonJoiner:
    """Joins comparisons.

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
    store: ComparisonStore
    planner: ComparisonPlanner
    clock: Clock
    executor: Executor
    heals: bool = False

    def join(
        self,
        close: Close,
        plan: ComparisonPlan,
        *,
        time_is_up: TimeIsUp = lambda: False,
        tell: Tell = lambda _: None,
    ) -> Joined:
        """Compare both sides as far as time allows."""
        states = [self.store.part(plan, number) for number in range(len(plan.parts))]
        ours = [states[number] for number in plan.numbers_of_ours]
        others = self._others(plan, ours)
        if others and all(state.done for state in ours):
            switched_to = {name: payments for name, payments in others.items() if name in self.chargers}
            if switched_to:
                extended = self.planner.extend(plan, close, [*switched_to], max(others.values()))
                return Joined("more_parts", plan.name, self.store.unread(extended))
        sides = []
        for name in plan.providers:
            theirs = [states[number] for number in plan.numbers_of(name)]
            side = self._compare(close, plan, name, theirs, ours, time_is_up, tell)
            if side is None:
                return Joined("time_was_up", plan.name)
            sides.append(side)
        if all(state.done for state in states) and all(side.complete for side in sides):
            self.store.put_plan(replace(plan, finished=True))
        now = self.clock()
        sides += [self._outside_of_settings(name, ours) for name in others]
        return Joined("done", plan.name, comparisons=[side.result(close.period, now) for side in sides])

    def _others(self, plan: ComparisonPlan, ours: list[PartState]) -> dict[str, int]:
        """Count the payments that hold money of providers that are not asked, unless only some were to be asked."""
        names = sorted({name for state in ours for name in state.counts if state.counts[name]} - {*plan.providers})
        return {} if plan.only else {name: sum(state.counts[name] for state in ours) for name in names}

    def _outside_of_settings(self, name: str, ours: list[PartState]) -> Side:
        side = _summed_up(name, [], ours)
        what = f"{name} is not one of the providers in the settings"
        side.break_off("provider_unreachable", f"{what}: its {count(side.payments, 'payment')} cannot be checked")
        return side

    def _compare(
        self,
        close: Close,
        plan: ComparisonPlan,
        name: str,
        theirs: list[PartState],
        ours: list[PartState],
        time_is_up: TimeIsUp,
        tell: Tell,
    ) -> Side | None:
        """Compare with one provider; None if time was up."""
        if not all(state.done for state in [*theirs, *ours]):
            return _unread(_summed_up(name, theirs, ours), close, theirs)
        kept = self.store.joined(plan, name)
        join = _Join.from_content(kept) if kept else _Join(_summed_up(name, theirs, ours))
        if join.done:
            return join.side
        runs = [run for state in [*theirs, *ours] for run in state.runs if run.provider == name]
        merge = Merge(self.store.documents, runs, self.executor, join.skips)
        texts = {run.number: run.texts for run in runs}
        resolver = DifferenceResolver(self.books, close.period, cache(self.chargers[name]), self.heals)
        resolve = partial(_Resolving(self.books, self.closes, self.store, resolver, name, texts).resolve, join.side)
        try:
            join.done = self._go_through(close, merge, join, resolve, time_is_up, tell)
        except ProviderRefusedError as error:
            self.store.put_joined(plan, name, join.content())
            join.side.break_off("provider_unreachable", _not_asked(name, str(error), close))
            return join.side
        if join.done:
            join.side.add(*check_provider_sums(join.side.ours, join.side.theirs, name))
        self.store.put_joined(plan, name, join.content())
        return join.side if join.done else None

    def _go_through(
        self,
        close: Close,
        merge: Merge,
        join: _Join,
        resolve: Callable[[Difference], LookedUp | None],
        time_is_up: TimeIsUp,
        tell: Tell,
    ) -> bool:
        """Merge slice by slice and look the differences up; False if time was up."""
        while join.slice < merge.slices:
            differences = merge.slice(join.slice)
            for chunk in batched(differences[join.resolved :], _LOOKED_UP_AT_ONCE, strict=False):
                found = side_by_side(self.executor, resolve, chunk)
                self._refresh(close, found)
                for difference, looked_up in zip(chunk, found, strict=True):
                    _settle(join.side, difference, looked_up)
                join.resolved += len(chunk)
                if time_is_up():
                    return False
            join.slice, join.resolved, join.skips = join.slice + 1, 0, merge.skips()
            tell(f"{close.period}: {join.side.name}: {100 * join.slice // merge.slices}% compared")
            if time_is_up() and join.slice < merge.slices:
                return False
        return True

    def _refresh(self, close: Close, found: list[LookedUp | None]) -> None:
        """Bring the sums of the batches up to date whose payments were booked."""
        booked = {one.payment.batch for one in found if one and one.booked and one.payment}
        for number in sorted(booked):
            refresh_progress(self.closes, self.books, self.clock, close.period, number)


@dataclass(frozen=True, slots=True)
class _Resolving:
    """Finds what a difference is about, and has it looked up."""

    books: Books
    closes: Closes
    store: ComparisonStore
    resolver: DifferenceResolver
    name: str
    texts: Mapping[int, str]

    def resolve(self, side: Side, difference: Difference) -> LookedUp | None:
        """Look a difference up; None if there is none any more."""
        if difference.agrees:
            return None
        if difference.charge is None:
            return self._look_for(side, difference)
        run, offset = difference.charge.place
        payment_id, reference = read_text(self.store.documents, self.texts[run], offset)
        listed = ProviderCharge(self.name, reference, payment_id, difference.charge.currency, difference.theirs)
        return self.resolver.check(listed)

    def _look_for(self, side: Side, difference: Difference) -> LookedUp | None:
        assert difference.payment is not None
        batch, place = difference.payment.place
        progress = self.closes.progress(self.resolver.period, batch)
        if progress is None:
            return None
        month = self.books.month(progress.batch.customer_ids[place], self.resolver.period)
        for payment in month.payments:
            if (
                payment.provider == self.name
                and check_of(payment.payment_id) == difference.payment.check
                and payment.net_minor
            ):
                return self.resolver.look_for(payment, asks=not side.full)
        return None


def _summed_up(name: str, theirs: list[PartState], ours: list[PartState]) -> Side:
    side = Side(name)
    for state in theirs:
        side.charges += state.counts[name]
        side.theirs.update(state.sums.get(name, {}))
    for state in ours:
        side.payments += state.counts[name]
        side.ours.update(state.sums.get(name, {}))
    return side


def _unread(side: Side, close: Close, theirs: list[PartState]) -> Side:
    """Say why nothing can be concluded yet from what was read."""
    trouble = next((state.trouble for state in theirs if state.trouble), "")
    if trouble:
        side.break_off("provider_unreachable", _not_asked(side.name, trouble, close))
    elif not all(state.done for state in theirs):
        what = f"not all charges of {side.name} for {close.period} were read in time"
        side.break_off("compare_incomplete", f"{what}; reconcile {close.period} again")
    else:
        what = f"not all our payments of {close.period} were read in time"
        side.break_off("compare_incomplete", f"{what}; reconcile {close.period} again")
    return side


def _not_asked(name: str, why: str, close: Close) -> str:
    return f"{name} could not be asked: {why}; reconcile {close.period} again"


def _settle(side: Side, difference: Difference, looked_up: LookedUp | None) -> None:
    """Count what became of a difference: what both sides hold now, and the finding."""
    charge, before = difference.charge, difference.payment
    if charge:
        side.theirs[charge.currency] -= difference.returned
    if difference.agrees:
        return
    now = looked_up.payment if looked_up else None
    if before:
        _count_ours(side, before.currency, before.minor, -1)
    if now and (before or not _is_unknown(looked_up)):
        _count_ours(side, now.currency, now.net_minor, 1)
    if looked_up is None:
        return
    if now and looked_up.agreed:
        if charge:
            side.theirs[charge.currency] -= difference.theirs
        side.theirs[now.currency] += now.net_minor
    side.booked += looked_up.booked
    side.add(*([looked_up.finding] if looked_up.finding else []))


def _count_ours(side: Side, currency: str, minor: int, sign: int) -> None:
    side.payments += sign * bool(minor)
    side.ours[currency] += sign * minor


def _is_unknown(looked_up: LookedUp | None) -> bool:
    """Whether the charge is none of our payment's: that is counted with the charge it has."""
    return bool(looked_up and looked_up.finding and looked_up.finding.check == "provider_unknown")
