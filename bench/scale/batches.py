"""The batches of a simulated close, cut by the real plan, and what became of their customers."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import repeat

from monthclose.domain.closes.batching import batch_size, batches_of
from monthclose.domain.closes.close import Batch


@dataclass(slots=True)
class SimBatch:
    """A batch: how many of its customers got how far."""

    number: int
    size: int
    reserved: bool = False
    """Its run of numbers is stored: a later attempt only books."""
    invoiced: int = 0
    charged: int = 0
    told: int = 0
    held: int = 0
    parked: int = 0
    closed: bool = False
    charged_at: float = 0.0
    """When its charges were made, in seconds; 0 until then."""
    told_at: list[tuple[float, int]] = field(default_factory=list)
    """When how many of its notices were sent."""
    turns: int = 0
    """How often its message went back to the queue, in one chain."""

    @property
    def planned(self) -> Batch:
        """The plan's batch."""
        return Batch(self.number, _PROVIDER, ("",) * self.size)

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


def cut(customers: int, max_batches: int, *, fewer: bool = True) -> list[SimBatch]:
    """Cut so many customers of one provider into batches as the plan does, or into as many as are allowed."""
    size = batch_size({_PROVIDER: customers}, max_batches) if fewer else -(-customers // max_batches)
    ids = repeat("", customers)  # they differ in nothing that cutting needs
    return [SimBatch(batch.number, len(batch.customer_ids)) for batch in batches_of({_PROVIDER: ids}, size)]


_PROVIDER = "stripe"


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
        return {one.name: getattr(self, one.name) for one in fields(self)}
