"""The batches of a simulated close, cut by the real plan, and what became of their customers."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import repeat

from monthclose.domain.closes.batching import Planned, cut_into_batches
from monthclose.domain.closes.close import Batch


@dataclass(slots=True)
class SimBatch:
    """A batch: how many of its customers got how far."""

    planned: Batch
    size: int
    reserved: bool = False
    """Its run of numbers is stored: a later attempt only books."""
    invoiced: int = 0
    charged: int = 0
    told: int = 0
    held: int = 0
    parked: int = 0
    closed: bool = False
    turns: int = 0
    """How often its message went back to the queue, in one chain."""

    @property
    def to_charge(self) -> int:
        """Customers whose payment has no outcome yet."""
        return self.invoiced - self.charged

    @property
    def untold(self) -> int:
        """Customers whose payment's outcome is known and who have not been told."""
        return self.charged - self.told

    @property
    def finished(self) -> bool:
        """Whether a close has nothing more to do for it."""
        return self.closed and self.invoiced == self.charged == self.size


def cut(customers: int, max_batches: int) -> list[SimBatch]:
    """Cut so many customers of one provider into batches as the plan does."""
    one = Planned("", "stripe", 0)  # they differ in nothing that cutting needs
    planned = cut_into_batches(repeat(one, customers), max_batches)
    return [SimBatch(batch, len(batch.customer_ids)) for batch in planned]


@dataclass(frozen=True)
class Left:
    """Customers for whom something is left to do."""

    not_invoiced: int
    not_charged: int
    not_told: int

    @classmethod
    def of(cls, batches: Iterable[SimBatch]) -> "Left":
        """Count them."""
        counts = [0, 0, 0]
        for batch in batches:
            counts[0] += batch.size - batch.invoiced
            counts[1] += batch.size - batch.charged
            counts[2] += batch.size - batch.told
        return cls(*counts)

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
