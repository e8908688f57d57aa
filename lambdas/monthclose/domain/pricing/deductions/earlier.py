"""What the earlier months of a term have billed, summed up from their documents' lines: what a term has reached.

A month's lines are those of its own invoice, the adjustments that later invoices have made to it, and what a
regenerated invoice has taken off because later ones had billed it. Credit notes don't change what was billed: correct
the usage, or regenerate the invoice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

from monthclose.domain.period import Period
from monthclose.domain.pricing.book.scope import Scope
from monthclose.domain.pricing.deductions.left import Part
from monthclose.domain.pricing.line import LineContent, LineKind

MAXIMUM_MODELS: Mapping[str, tuple[LineKind, bool]] = {
    "maximum": (LineKind.USAGE, False),
    "maximum_of_fee": (LineKind.FEE, False),
    "maximum_of_commitment": (LineKind.COMMITMENT, False),
    "maximum_before_discounts": (LineKind.USAGE, True),
    "maximum_of_fee_before_discounts": (LineKind.FEE, True),
}
"""By the model of a maximum's line: what it takes from, and whether before the discounts."""


class _Month:
    """One month's sums, in minor units."""

    def __init__(self) -> None:
        self.total = 0
        self._before: Counter[Part] = Counter()
        """Usage and fees, less what is taken off them by name before anything is taken off the whole."""
        self._off_the_whole = 0
        """Discounts on the whole, and its maximum before discounts: everything has its part of them."""
        self._after: Counter[Part] = Counter()
        self._charges: Counter[tuple[str, str]] = Counter()
        """True-ups and overage, by model and commitment."""

    def add(self, line: LineContent) -> None:
        """Add a line; its model says what it is, whatever it is an adjustment of."""
        minor, model, name = line["amount_minor"], line["model"], line["sku"]
        if model == LineKind.CARRIED:
            return
        self.total += minor
        if model in (LineKind.COMMITMENT, LineKind.OVERAGE):
            self._charges[model, name] += minor
        elif model in MAXIMUM_MODELS:
            kind, before = MAXIMUM_MODELS[model]
            self._add_maximum(Part(kind, name), minor, before=before)
        elif model == LineKind.DISCOUNT and not name:
            self._off_the_whole += minor
        else:
            kind = LineKind.FEE if model == LineKind.FEE else LineKind.USAGE
            self._before[Part(kind, name)] += minor

    def _add_maximum(self, part: Part, minor: int, *, before: bool) -> None:
        if part.kind is LineKind.COMMITMENT:
            self._charges[part.kind, part.name] += minor
        elif part.name:
            (self._before if before else self._after)[part] += minor
        elif before:
            self._off_the_whole += minor
        # A maximum of the whole invoice comes last: what is named has reached what it had without it.

    def of(self, scope: Scope) -> int:
        """What was billed of a scope, true-ups and overage apart."""
        charged = sum(self._charges.values())
        if scope.is_whole:
            return self.total - charged
        parts = [*(Part(LineKind.USAGE, sku) for sku in set(scope.skus))]
        parts += [Part(LineKind.FEE, fee) for fee in set(scope.fees)]
        whole = sum(self._before.values())
        share = 1 + Fraction(self._off_the_whole, whole) if whole else Fraction(1)
        return round(sum(self._before[part] for part in parts) * share + sum(self._after[part] for part in parts))

    def charged(self) -> Mapping[tuple[str, str], int]:
        """True-ups and overage."""
        return self._charges


class EarlierMonths:
    """The months before one, of one customer in one currency."""

    def __init__(self) -> None:
        self._months: defaultdict[Period, _Month] = defaultdict(_Month)

    def add(self, lines: Iterable[LineContent], invoiced: Period) -> None:
        """Add the lines of a month's invoice, each to the month that it is for."""
        for line in lines:
            self._months[Period.parse(line["period"]) if "period" in line else invoiced].add(line)

    def reached(self, scope: Scope, first: Period, until: Period, scopes: Mapping[str, Scope]) -> int:
        """Sum up what counts towards a scope, from one month to before another: true-ups and overage within it, too.

        Periods of another billing day, which the customer had before, count in the month that they begin in.

        Parameters
        ----------
        scopes : mapping
            What each commitment is about, by id; one that isn't there counts as part of the whole invoice only.
        """
        return sum(
            month.of(scope)
            + sum(minor for (_, name), minor in month.charged().items() if scope.includes(scopes.get(name, Scope())))
            for month in self._within(first, until)
        )

    def used(self, scope: Scope, first: Period, until: Period, scopes: Mapping[str, Scope]) -> int:
        """Sum up the same without what was charged for this very scope: what overage is computed from."""
        return sum(
            month.of(scope)
            + sum(
                minor
                for (_, name), minor in month.charged().items()
                if scope.includes(inner := scopes.get(name, Scope())) and not scope.is_same(inner)
            )
            for month in self._within(first, until)
        )

    def _within(self, first: Period, until: Period) -> list[_Month]:
        return [month for period, month in self._months.items() if first.calendar_month <= period < until]
