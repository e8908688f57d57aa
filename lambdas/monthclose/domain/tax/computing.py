"""What taxes come to, in whole numbers: on net prices, or taken out of gross ones; and what of each line is net.

With gross prices the total stays the sum of the lines, each tax is taken out of it and rounded, and what is left is the
net. So *net + taxes = total* holds exactly either way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain

from monthclose.domain.money import Money, shared_out
from monthclose.domain.tax.tax import Rounding, Taxable, Taxation, Taxed, TaxLine, TaxRate

type _Sums = Mapping[str, int]
"""Minor units by tax class."""
type _Rates = Mapping[str, tuple[TaxRate, ...]]
"""By tax class."""


def taxed(items: Iterable[Taxable], taxation: Taxation, currency: str) -> Taxed:
    """Tax the lines of an invoice (discounts are lines with negative amounts).

    Raises
    ------
    ParkCustomerError
        The table has no rate for a line's tax class (`tax_not_covered`).
    """
    listed = list(items) or [Taxable(Money(0, currency))]
    rates = {name: taxation.rates_of(name) for name in sorted({item.tax_class for item in listed})}
    by_line = taxation.rounding is Rounding.LINE
    each: Iterable[_Sums] = ({tax_class: amount.minor} for amount, tax_class in listed) if by_line else [_sums(listed)]
    found: dict[TaxRate, TaxLine] = {}
    for sums in each:
        for line in _Computed(sums, rates, inclusive=taxation.inclusive).lines(currency):
            before = found.get(line.rate)
            found[line.rate] = _together(before, line) if before else line
    order = dict.fromkeys(chain.from_iterable(rates.values()))
    lines = tuple(_with_classes(found[rate], rates) for rate in order)
    total = Money.sum((item.amount for item in listed), currency)
    tax = Money.sum((line.amount for line in lines), currency)
    return Taxed(total - tax, lines, total) if taxation.inclusive else Taxed(total, lines, total + tax)


def net_amounts(items: Sequence[Taxable], taxes: Sequence[TaxLine], *, inclusive: bool) -> list[Money]:
    """Take the tax out of each line, so that the net lines sum to the net to the minor unit.

    Largest remainders, among the lines that share taxes: each is rounded down, and what is missing goes to the lines
    that lost the most, the earlier of two equals. EN 16931 (BR-CO-10) wants net lines whose sum is the net total, also
    where prices are gross; so the lines of each rate sum to its taxable amount.

    Parameters
    ----------
    taxes : sequence of TaxLine
        The document's: they say what was taken out, however it was rounded.
    """
    if not inclusive or not taxes:
        return [item.amount for item in items]
    nets = [item.amount.minor for item in items]
    known = {item.tax_class for item in items}
    for classes in _sharing_taxes(known, [{name for name in known if line.is_on(name)} for line in taxes]):
        of_these = [place for place, item in enumerate(items) if item.tax_class in classes]
        gross = sum(nets[place] for place in of_these)
        tax = sum(line.amount.minor for line in taxes if any(map(line.is_on, classes)))
        ratios = {name: 1 / (1 + _all_of(_on(name, taxes))) for name in classes}
        exact = [nets[place] * ratios[items[place].tax_class] for place in of_these]
        for place, net in zip(of_these, shared_out(gross - tax, exact), strict=True):
            nets[place] = net
    return [Money(net, item.amount.currency) for net, item in zip(nets, items, strict=True)]


def treatments(classes: Iterable[str], taxes: Sequence[TaxLine]) -> dict[tuple[TaxLine, ...], list[str]]:
    """Group tax classes by the taxes that their lines have, in the order of the classes."""
    found: dict[tuple[TaxLine, ...], list[str]] = {}
    for name in dict.fromkeys(classes):
        found.setdefault(tuple(line for line in taxes if line.is_on(name)), []).append(name)
    return found


class _Computed:
    """The taxes on sums by class: each rate once."""

    def __init__(self, sums: _Sums, rates: _Rates, *, inclusive: bool) -> None:
        self._rates = rates
        self._on: dict[TaxRate, list[str]] = {}
        self._amounts: dict[TaxRate, int] = {}
        for name in sums:
            for rate in rates[name]:
                self._on.setdefault(rate, []).append(name)
        self._nets = sums
        if inclusive:
            self._amounts = {rate: self._taken_out(rate, sums) for rate in self._on}
            self._nets = self._left_of(sums)
        else:
            self._amounts = {rate: self._put_on(rate, sums, names) for rate, names in self._on.items()}

    def lines(self, currency: str) -> Iterator[TaxLine]:
        for rate, names in self._on.items():
            base = self._base(rate, self._nets, names)
            yield TaxLine(rate, Money(base, currency), Money(self._amounts[rate], currency))

    def _put_on(self, rate: TaxRate, nets: _Sums, names: Sequence[str]) -> int:
        """Compute a tax on net sums of some classes."""
        return _rounded(self._base(rate, nets, names) * _part(rate))

    def _base(self, rate: TaxRate, nets: _Sums, names: Sequence[str]) -> int:
        """Sum up what a tax is computed on: net sums, and the taxes below it, each of them rounded."""
        below: dict[TaxRate, list[str]] = {}
        for name in names if rate.on_top_of else ():
            for other in self._rates[name]:
                if other.name in rate.on_top_of:
                    below.setdefault(other, []).append(name)
        return sum(nets[name] for name in names) + sum(
            # A tax that was taken out of gross sums is that; on fewer classes than it is on, it is worked out again.
            self._amounts[other]
            if other in self._amounts and self._on[other] == part
            else self._put_on(other, nets, part)
            for other, part in below.items()
        )

    def _taken_out(self, rate: TaxRate, gross: _Sums) -> int:
        """Compute a tax that is in gross sums."""
        all_of = {name: self._rates[name] for name in self._on[rate]}
        exact = (gross[name] * _factor(rate, rates) / (1 + _all_of(rates)) for name, rates in all_of.items())
        return _rounded(sum(exact, Fraction(0)))

    def _left_of(self, gross: _Sums) -> dict[str, int]:
        """Take the taxes out of gross sums; what shares taxes shares the rounding."""
        nets: dict[str, int] = {}
        for classes in _sharing_taxes(set(gross), self._on.values()):
            of_these = [name for name in gross if name in classes]
            tax = sum(self._amounts[rate] for rate, names in self._on.items() if classes & set(names))
            exact = [gross[name] / (1 + _all_of(self._rates[name])) for name in of_these]
            target = sum(gross[name] for name in of_these) - tax
            nets |= zip(of_these, shared_out(target, exact), strict=True)
        return nets


def _sharing_taxes(classes: set[str], taxes: Iterable[Collection[str]]) -> list[set[str]]:
    """Group tax classes that have a tax in common, directly or through others; `taxes`: the classes of each."""
    groups = [{name} for name in sorted(classes)]
    for names in taxes:
        meeting = [group for group in groups if group & set(names)]
        groups = [group for group in groups if group not in meeting]
        groups += [set[str]().union(*meeting)] if meeting else []
    return groups


def _on(tax_class: str, taxes: Iterable[TaxLine]) -> list[TaxRate]:
    return [line.rate for line in taxes if line.is_on(tax_class)]


def _factor(rate: TaxRate, rates: Sequence[TaxRate]) -> Fraction:
    """What a tax adds to a net of 1, with the taxes below it."""
    below = (_factor(other, rates) for other in rates if other.name in rate.on_top_of)
    return _part(rate) * (1 + sum(below, Fraction(0)))


def _all_of(rates: Sequence[TaxRate]) -> Fraction:
    return sum((_factor(rate, rates) for rate in rates), Fraction(0))


def _part(rate: TaxRate) -> Fraction:
    return Fraction(rate.percent) / 100


def _rounded(exact: Fraction) -> int:
    """Round half away from zero."""
    whole, rest = divmod(abs(exact.numerator), exact.denominator)
    rounded = whole + (2 * rest >= exact.denominator)
    return rounded if exact >= 0 else -rounded


def _sums(items: Iterable[Taxable]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for amount, tax_class in items:
        sums[tax_class] = sums.get(tax_class, 0) + amount.minor
    return dict(sorted(sums.items()))


def _together(one: TaxLine, other: TaxLine) -> TaxLine:
    return replace(one, base=one.base + other.base, amount=one.amount + other.amount)


def _with_classes(line: TaxLine, rates: _Rates) -> TaxLine:
    """Name the tax classes that a tax is on, if it is not on all."""
    names = tuple(name for name, theirs in rates.items() if line.rate in theirs)
    return line if len(names) == len(rates) else replace(line, classes=names)
