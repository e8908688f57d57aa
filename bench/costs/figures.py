"""The few figures of a close's cost that the product's plan needs: `python -m bench.costs.figures` prints them.

They are kept in `monthclose.domain.closes.aws_cost`, and a test compares the two.
"""

import json
from collections import Counter
from collections.abc import Mapping

from bench.costs.measured import Costs, StageCosts, load_costs
from bench.costs.prices import cost_by_service, load_prices
from bench.costs.timing import at_the_limit
from bench.requests_per_customer import _BY_BATCH, PARTS, _gb_seconds, transitions
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS

_STAGES = (*PARTS["close"], *PARTS["proof and report"], *PARTS["report pack"])


def figures(costs: Costs) -> dict[str, object]:
    """Work out what a customer, a batch and a close cost by service, in US dollars, and what is paid by use."""
    customer, batch, close = Counter[str](), Counter[str](), Counter[str]()
    for name in _STAGES:
        stage = at_the_limit(costs.stage(name), name)
        calls = batch if name in _BY_BATCH else close
        _add(customer, stage.customer)
        _add(calls, {**stage.invocation, "invocations": 1.0})
        if name != Function.CHARGE_CUSTOMERS:
            _add(customer, {"GB-seconds": _gb_seconds(name, StageCosts(stage.customer, {}), 1)})
    _add(batch, {"transitions": transitions()})
    memory = FUNCTIONS[Function.CHARGE_CUSTOMERS].memory_mb / 1024
    return {
        "PER_CUSTOMER": _rounded(cost_by_service(customer)),
        "PER_BATCH": _rounded(cost_by_service(batch)),
        "PER_CLOSE": _rounded(cost_by_service(close)),
        "WORKER_SECOND": _short(load_prices()["lambda.duration"].of(memory)),
        "EMAIL": _short(load_prices()["ses.mails"].of(1)),
    }


_NOTHING = 1e-9


def _add(to: Counter[str], counts: Mapping[str, float]) -> None:
    for name, number in counts.items():
        to[name] += number  # type: ignore[assignment]


def _rounded(sums: Mapping[str, float]) -> dict[str, float]:
    return {service: _short(cost) for service, cost in sorted(sums.items()) if cost > _NOTHING}


def _short(number: float) -> float:
    return float(f"{number:.4g}")


if __name__ == "__main__":
    print(json.dumps(figures(load_costs()), indent=1))
