"""Tax classes of SKUs: `[[tax_classes]]` of a price book, also for usage that is rated upstream and needs no price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from monthclose.domain.pricing.models import Content


@dataclass(frozen=True, slots=True)
class TaxClass:
    """A tax class, which the tax table's rates name, and the SKUs that have it."""

    id: str
    skus: tuple[str, ...]

    def content(self) -> Content:
        """As in a price book's file."""
        return {"id": self.id, "skus": list(self.skus)}


def merged_classes(before: Iterable[TaxClass], additions: Iterable[TaxClass]) -> tuple[TaxClass, ...]:
    """Lay classes over others: one replaces that of the same id, and takes its SKUs out of the others."""
    new = {entry.id: entry for entry in additions}
    taken = {sku for entry in new.values() for sku in entry.skus}
    kept = {entry.id: replace(entry, skus=tuple(sku for sku in entry.skus if sku not in taken)) for entry in before}
    return tuple(entry for entry in (kept | new).values() if entry.skus)
