"""Maximums and minimums, on what discounts leave: what is taken off, topped up, or charged on top.

The order of the entries in the book never matters. What is within another comes first, and counts towards it; of the
same, overage comes first, then the true-ups, then the maximums: so a maximum is the most that anything comes to, and
what is charged for a commitment counts as billed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from monthclose.domain.money import Money
from monthclose.domain.phrases import COMMITTED, LIMITED, OVERAGE
from monthclose.domain.pricing.book.scope import Scope
from monthclose.domain.pricing.book.special import Commitment, Limit
from monthclose.domain.pricing.book.term import Term
from monthclose.domain.pricing.book.terms import Terms
from monthclose.domain.pricing.deductions.deduction_line import deduction_line, major
from monthclose.domain.pricing.deductions.earlier import MAXIMUM_MODELS
from monthclose.domain.pricing.deductions.left import Left, Minor, Part
from monthclose.domain.pricing.explanation import Explanation
from monthclose.domain.pricing.line import InvoiceLine, LineKind

_MODELS = {of: model for model, of in MAXIMUM_MODELS.items()}
_WHOLE = Part(LineKind.USAGE, "")


def limited_before_discounts(left: Left, limits: Iterable[Limit], terms: Terms) -> list[InvoiceLine]:
    """Make the lines of the maximums that come before discounts, and take them off what is left."""
    bounds = _Bounds(left, terms)
    for limit in sorted((one for one in limits if one.before_discounts), key=_place_of_limit):
        bounds.limit(limit)
    return bounds.lines


def bounded(left: Left, limits: Iterable[Limit], terms: Terms) -> list[InvoiceLine]:
    """Make the lines of all commitments, and of the maximums that come after discounts."""
    bounds, todo = _Bounds(left, terms), list[tuple[_Place, Callable[[], None]]]()
    for commitment in terms.commitments():
        todo.append((_place_of_commitment(commitment, 1), partial(bounds.true_up, commitment)))
        if commitment.overage is not None:
            todo.append((_place_of_commitment(commitment, 0), partial(bounds.overage, commitment)))
    todo += [(_place_of_limit(one), partial(bounds.limit, one)) for one in limits if not one.before_discounts]
    for _, make in sorted(todo, key=itemgetter(0)):
        make()
    return bounds.lines


type _Place = tuple[object, ...]


def _place_of_commitment(commitment: Commitment, step: int) -> _Place:
    """Find its place: of minimums on the same, that of the shorter term comes first, then the largest."""
    return (commitment.scope.size, step, commitment.term.months, -commitment.minimum, commitment.id)


def _place_of_limit(limit: Limit) -> _Place:
    """Find its place: of maximums on the same, that by resource comes first, then the shortest term and the lowest."""
    named = "\n".join((*sorted(limit.scope.skus), "", *sorted(limit.scope.fees)))
    return (limit.scope.size, 2 if limit.per_resource else 3, limit.term.months, limit.maximum, named + limit.id)


class _Charge(NamedTuple):
    """A line for a scope, which counts towards what includes that scope."""

    scope: Scope
    line: InvoiceLine


class _Counted(NamedTuple):
    """What a term has reached, in minor units: in its earlier months, and in this one."""

    term: Term
    earlier: int
    now: int


class _Bounds:
    """Applies maximums and minimums, one after the other."""

    def __init__(self, left: Left, terms: Terms) -> None:
        self._left, self._terms = left, terms
        self._scopes = terms.book.scopes
        self._charges: list[_Charge] = []
        self.lines: list[InvoiceLine] = []

    def overage(self, commitment: Commitment) -> None:
        """Charge what is above a commitment a second time, times what the factor is more than one."""
        scope, term = commitment.scope, commitment.schedule.term(*self._terms.instants)
        within = (one.line.amount.minor for one in self._within(scope) if not scope.is_same(one.scope))
        earlier = self._terms.earlier.used(scope, term.first, self._terms.period, self._scopes)
        counted = _Counted(term, earlier, self._left.of(*scope) + sum(within))
        factor = commitment.overage or Decimal(1)
        explanation = self._explained("overage", counted, committed=commitment.minimum, factor=factor)
        text = OVERAGE.format(description=_named(commitment))
        self._charge(scope, commitment.id, text, LineKind.OVERAGE, explanation)

    def true_up(self, commitment: Commitment) -> None:
        """Top up to a minimum, at the end of its term."""
        term = commitment.schedule.term(*self._terms.instants)
        if self._terms.period < term.last:
            return
        counted = self._counted(commitment.scope, term)
        if counted.earlier + counted.now >= self._rounded(term.part_of(commitment.minimum)):
            return
        explanation = self._explained("true_up", counted, committed=commitment.minimum)
        self._charge(commitment.scope, commitment.id, _named(commitment), LineKind.COMMITMENT, explanation)

    def limit(self, limit: Limit) -> None:
        """Take off what is above a maximum, shared among all that it is on."""
        term = limit.schedule.term(*self._terms.instants)
        earlier = self._counted(limit.scope, term).earlier
        for parts in self._limited_together(limit):
            counted = _Counted(term, earlier, round(sum(parts.values())))
            over = counted.now - max(self._rounded(term.part_of(limit.maximum)) - earlier, 0)
            positive = {part: minor for part, minor in parts.items() if minor > 0}
            for part, minor in _shared(over, positive) if over > 0 else ():
                self._take_off(limit, counted, part, minor, alone=len(positive) == 1)

    def _limited_together(self, limit: Limit) -> Iterator[Mapping[Part, Minor]]:
        """Find what a maximum is on: the parts of each resource, or all parts."""
        scope = limit.scope
        if scope.is_whole:
            charged = sum(one.line.amount.minor for one in self._charges)
            yield {_WHOLE: self._left.of(()) + charged}
            return
        parts = self._left.parts(scope)
        if limit.per_resource:
            by_resource: defaultdict[str, dict[Part, Minor]] = defaultdict(dict)
            for part, minor in parts.items():
                by_resource[part.resource][part] = minor
            yield from (by_resource[resource] for resource in sorted(by_resource))
            return
        charges: Counter[Part] = Counter()
        for one in self._within(scope):
            charges[Part(LineKind.COMMITMENT, one.line.sku)] += one.line.amount.minor
        yield {**parts, **dict(sorted(charges.items()))}

    def _take_off(self, limit: Limit, counted: _Counted, part: Part, minor: int, *, alone: bool) -> None:
        if not minor:
            return
        share = {} if alone else {"off": major(minor, self._terms)}
        explanation = self._explained("maximum" if alone else "maximum_part", counted, limit=limit.maximum, **share)
        text = limit.description or LIMITED.format(name=limit.id)
        line = deduction_line(part.name, text, LineKind.MAXIMUM, explanation, self._terms)
        model = _MODELS[part.kind, limit.before_discounts]
        line = replace(line, model=model, resource=part.resource)
        self.lines.append(line)
        if part is _WHOLE and limit.before_discounts:
            self._left.add("", -minor)
        elif part is _WHOLE or part.kind is LineKind.COMMITMENT:
            self._charges.append(_Charge(self._scopes.get(part.name, Scope()), line))
        else:
            self._left.take(part, minor)

    def _charge(self, scope: Scope, name: str, text: str, kind: LineKind, explanation: Explanation) -> None:
        line = deduction_line(name, text, kind, explanation, self._terms)
        if line.amount:
            self._charges.append(_Charge(scope, line))
            self.lines.append(line)

    def _within(self, scope: Scope) -> list[_Charge]:
        return [one for one in self._charges if scope.includes(one.scope)]

    def _counted(self, scope: Scope, term: Term) -> _Counted:
        now = self._left.of(*scope) + sum(one.line.amount.minor for one in self._within(scope))
        earlier = self._terms.earlier.reached(scope, term.first, self._terms.period, self._scopes)
        return _Counted(term, earlier, now)

    def _explained(self, kind: str, counted: _Counted, **numbers: Decimal) -> Explanation:
        """Explain an amount; the first of the numbers is that of a whole term."""
        explanation, term = Explanation(), counted.term
        name, whole = next(iter(numbers.items()))
        numbers[name] = major(self._rounded(term.part_of(whole)), self._terms)
        if not term.is_whole:
            times = {"seconds": term.seconds, "of_seconds": term.of_seconds}
            explanation.add("term_part", whole=whole, **times, part=numbers[name])
        numbers["reached"] = major(counted.now, self._terms)
        if term.first == term.last:
            explanation.add(kind, **numbers)
        else:
            months = {"first": str(term.first), "last": str(term.last)}
            explanation.add(f"term_{kind}", **numbers, earlier=major(counted.earlier, self._terms), **months)
        return explanation

    def _rounded(self, amount: Fraction) -> int:
        return Money.rounded(amount, self._terms.currency).minor


def _named(commitment: Commitment) -> str:
    return commitment.description or COMMITTED.format(name=commitment.id)


def _shared(minor: int, among: Mapping[Part, Minor]) -> Iterator[tuple[Part, int]]:
    """Share an amount in proportion to others, to the minor unit: the parts add up to it."""
    total, so_far, given = sum(among.values()), Fraction(0), 0
    for part, one in among.items():
        so_far += one
        due = round(minor * so_far / total)
        yield part, due - given
        given = due
