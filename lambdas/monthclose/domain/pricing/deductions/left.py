"""What discounts and maximums leave of an invoice's usage and fees, part by part, in minor units."""

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from monthclose.domain.pricing.book.scope import Scope
from monthclose.domain.pricing.line import InvoiceLine, LineKind

type Minor = int | Fraction
"""Minor units; a fraction once something on the whole invoice was shared among its parts."""


class Part(NamedTuple):
    """A SKU's usage, or a fee; `resource` only where a resource has a maximum of its own."""

    kind: LineKind
    name: str
    resource: str = ""


class Left:
    """What is left of lines of usage and fees.

    What is taken off the whole invoice takes the same part off everything that it bills.

    Parameters
    ----------
    by_resource : collection of str
        The SKUs whose resources are kept apart, which needs memory for each.
    """

    def __init__(self, lines: Iterable[InvoiceLine], by_resource: Collection[str] = ()) -> None:
        self._parts: dict[Part, Minor] = {}
        self._by_name: dict[tuple[LineKind, str], list[Part]] = {}
        self._total = 0
        self._factor = Fraction(1)
        """What everything is still to be multiplied by."""
        for line in lines:
            kind = LineKind.USAGE if line.kind is LineKind.USAGE else LineKind.FEE
            resource = line.resource if kind is LineKind.USAGE and line.sku in by_resource else ""
            self._begin(Part(kind, line.sku, resource), line.amount.minor)

    def _begin(self, part: Part, minor: int) -> None:
        if part not in self._parts:
            self._parts[part] = 0
            self._by_name.setdefault(part[:2], []).append(part)
        self._parts[part] += minor
        self._total += minor

    def add(self, sku: str, minor: int) -> None:
        """Add to a SKU, shared among its resources; "": to the whole invoice."""
        if not sku:
            self._factor *= Fraction(self._total + minor, self._total)
        else:
            self._settle()
            parts = self._by_name[LineKind.USAGE, sku]
            before = sum(self._parts[part] for part in parts)
            for part in parts:
                self._parts[part] += minor if len(parts) == 1 else Fraction(minor) * self._parts[part] / before
        self._total += minor

    def take(self, part: Part, minor: int) -> None:
        """Take off one part."""
        self._settle()
        self._parts[part] -= minor
        self._total -= minor

    def of(self, skus: Iterable[str], fees: Iterable[str] = ()) -> int:
        """Sum up what is left of some SKUs and fees, rounded half to even; of none: of the whole invoice."""
        scope = Scope(tuple(skus), tuple(fees))
        return self._total if scope.is_whole else round(sum(self.parts(scope).values()))

    def parts(self, scope: Scope) -> Mapping[Part, Minor]:
        """Find the parts of what is named, in an order that doesn't depend on the scope's."""
        self._settle()
        names = [
            *((LineKind.USAGE, sku) for sku in sorted(set(scope.skus))),
            *((LineKind.FEE, fee) for fee in sorted(set(scope.fees))),
        ]
        return {part: self._parts[part] for name in names for part in self._by_name.get(name, ())}

    def _settle(self) -> None:
        if self._factor != 1:
            self._parts = {part: minor * self._factor for part, minor in self._parts.items()}
            self._factor = Fraction(1)
