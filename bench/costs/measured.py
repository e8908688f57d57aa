"""What our own code costs, as `bench.requests_per_customer --write` measured it: by stage, customer and call."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("measured.json")

FIRST = "first: "
"""Begins the names of the first month's stages: a customer's first charge registers them with the provider."""
RECONCILING = "reconciling: "
"""Begins the names of the reconciler's stages whose functions the close calls, too."""


@dataclass(frozen=True)
class StageCosts:
    """A stage's costs: `customer` for each customer, `invocation` for each call of the function.

    Keys are those of `Meter`.
    """

    customer: dict[str, float]
    invocation: dict[str, float]

    def units(self, kind: str) -> dict[str, float]:
        """Return the units per customer of `read` or `write`, by table."""
        return {name.removeprefix(f"{kind}:"): n for name, n in self.customer.items() if name.startswith(f"{kind}:")}

    def requests(self, operation: str) -> float:
        """Return how many requests of an operation a customer takes."""
        return self.customer.get(f"request:{operation}", 0.0)

    @property
    def all_requests(self) -> float:
        """Requests of AWS for a customer."""
        return sum(number for name, number in self.customer.items() if name.startswith("request:"))

    @property
    def cpu_ms(self) -> float:
        """CPU time of a customer, in milliseconds of a whole one."""
        return self.customer.get("cpu ms", 0.0)


@dataclass(frozen=True)
class Costs:
    """All stages."""

    stages: Mapping[str, StageCosts]

    def stage(self, name: str) -> StageCosts:
        """Return a stage; one that is not measured costs nothing."""
        return self.stages.get(name, StageCosts({}, {}))


@cache
def load_costs() -> Costs:
    """Read the measured costs."""
    stages = json.loads(FILE.read_text())["stages"]
    return Costs({name: StageCosts(entry["customer"], entry["invocation"]) for name, entry in stages.items()})
