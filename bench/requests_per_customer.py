"""Counts what a customer costs, through the functions' own handlers: requests, units, CPU, bytes of logs; by service.

Customers are imported with 50 usage events each, billed, charged, told, reported, reported on by webhooks and
reconciled, on an emulator of AWS in this process and the fake Stripe in another. Closes with batches of different sizes
separate what a call costs from what a customer costs. `--write` keeps the result for the simulation.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.costs.fixed import at_rest, polls
from bench.costs.measured import FILE, FIRST, RECONCILING, Costs, StageCosts, load_costs
from bench.costs.prices import cost_by_service
from bench.costs.timing import at_the_limit, seconds_of
from bench.scale.machine import batches_map
from bench.scale.scenario import settings
from monthclose.domain.closes.batching import batch_size
from monthclose.domain.payments.throttle import HEADROOM
from monthclose.use_cases.notices.send_notices import SIDE_BY_SIDE
from monthclose.use_cases.pack.read_part import READERS
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS
from tests.infrastructure.synthesis import TARGETS, synthesize

_ROOT = Path(__file__).parent.parent
_MILLION = 1_000_000
PARTS: Mapping[str, tuple[str, ...]] = {
    "import": ("import_customers", "import_usage"),
    "close": ("open_close", "plan_close", "generate_invoices", "charge_customers", "send_notices", "apply_holds"),
    "proof and report": ("send_remaining_notices", "plan_comparison", "compare_part", "report_close"),
    "report pack": ("plan_pack", "read_pack_part", "write_pack_table", "finish_pack"),
    "webhooks": ("receive_webhook", "apply_webhook"),
    "reconciling once": (
        "settle_payments",
        f"{RECONCILING}plan_comparison",
        f"{RECONCILING}compare_part",
        "compare_books",
    ),
}
"""The stages of each part of a month."""
FIRST_CLOSE = tuple(f"{FIRST}{stage}" for stage in PARTS["close"])
"""The stages of a customer's first close."""
_BY_BATCH = ("generate_invoices", "charge_customers", "send_notices", "apply_holds")


def measure() -> Costs:
    """Count three closes, and separate what each call costs from what each customer costs."""
    return separate(*(_count(customers, batch) for customers, batch in ((40, 20), (40, 4), (20, 20))))


def _count(customers: int, batch: int) -> Any:
    command = [sys.executable, "-m", "bench.costs.one_close", str(customers), str(batch)]
    return json.loads(subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout)


type Counts = Mapping[str, Mapping[str, float]]


def separate(large: Counts, small_batches: Counts, half: Counts) -> Costs:
    """Solve two closes for what a call and what a customer costs.

    For work on batches they differ in the size of a batch; for work on everybody, in the number of customers.
    """
    stages = {}
    for name, counts in large.items():
        function = function_of(name)
        other = small_batches[name] if function in _BY_BATCH else half[name]
        if function in _POLLED:
            calls = counts["invocations"]
            stages[name] = StageCosts({}, {what: n / calls for what, n in counts.items() if what != "invocations"})
        else:
            pair = (
                (counts, _served(large, name)),
                (other, _served(small_batches if function in _BY_BATCH else half, name)),
            )
            stages[name] = _solved(*pair)
    return Costs(stages)


def function_of(stage: str) -> str:
    """Name the function that a stage calls."""
    return stage.removeprefix(FIRST).removeprefix(RECONCILING)


def _served(counts: Counts, stage: str) -> float:
    """How many customers a stage worked for: on a busy machine the limiter may leave one for the next round."""
    month = FIRST if stage.startswith(FIRST) else ""
    told = counts[f"{month}send_notices"]["request:SESv2 SendEmail"]
    generated = counts[f"{month}generate_invoices"]["write:customers"] / 2
    return told if function_of(stage) in ("charge_customers", "send_notices") else generated


def _solved(one: tuple[Mapping[str, float], float], other: tuple[Mapping[str, float], float]) -> StageCosts:
    (a, n), (b, m) = one, other
    calls, more = a["invocations"], b["invocations"]
    customer, call = dict[str, float](), dict[str, float]()
    for name in {*a, *b} - {"invocations"}:
        first, second = a.get(name, 0.0), b.get(name, 0.0)
        ratio = calls * m - more * n
        each = (calls * second - more * first) / ratio if abs(ratio) > 1e-6 else first / n
        customer[name] = max(each, 0.0)
        call[name] = max((first - customer[name] * n) / calls, 0.0)
    return StageCosts(_rounded(customer), _rounded(call))


_POLLED = ("open_close", "open_reconcile", "drain_dead_letters", "settle_payments")
"""What a call costs, whatever the number of customers: nothing is due."""


def _rounded(counts: Mapping[str, float]) -> dict[str, float]:
    kept = {name: number for name, number in counts.items() if number > _NOISE and name not in _ONCE_PER_PROCESS}
    return {name: round(number, 4) for name, number in sorted(kept.items())}


_NOISE = 1e-3
_ONCE_PER_PROCESS = frozenset({"request:Secrets Manager GetSecretValue"})
"""What a function asks for when it starts: the closes that are counted are one process each."""


def write(costs: Costs) -> None:
    """Keep the counts."""
    stages = {name: vars(stage) for name, stage in costs.stages.items()}
    content = {"made by": "python -m bench.requests_per_customer --write", "stages": stages}
    FILE.write_text(json.dumps(content, indent=1) + "\n")


def month_of(costs: Costs, stages: tuple[str, ...], customers: int) -> Counter[str]:
    """Count what customers use in some stages, in the plan's batches, with Lambda's time and the transitions."""
    used: Counter[str] = Counter()
    batches = customers / batch_size({"": customers})
    for name in stages:
        stage = at_the_limit(costs.stage(name), function_of(name))
        calls = batches if function_of(name) in _BY_BATCH else _calls(name, customers)
        for what, number in stage.customer.items():
            used[what] += number * customers  # type: ignore[assignment]
        for what, number in stage.invocation.items():
            used[what] += number * calls  # type: ignore[assignment]
        used["invocations"] += calls  # type: ignore[assignment]
        used["GB-seconds"] += _gb_seconds(name, stage, customers)  # type: ignore[assignment]
        used["mails"] += stage.requests("SESv2 SendEmail") * customers  # type: ignore[assignment]
    if "generate_invoices" in map(function_of, stages):
        used["transitions"] += transitions() * batches  # type: ignore[assignment]
    return used


def _calls(name: str, customers: int) -> float:
    return customers if name == "receive_webhook" else customers / 10 if name == "apply_webhook" else 1


def _gb_seconds(name: str, stage: StageCosts, customers: int) -> float:
    function = {"import_usage": Function.LOAD_USAGE}.get(function_of(name), function_of(name))
    if function not in FUNCTIONS:
        return 0.0
    memory = FUNCTIONS[Function(function)].memory_mb
    seconds = seconds_of(stage, memory, _THREADS.get(Function(function), 1))
    if function == Function.CHARGE_CUSTOMERS:  # as long as the provider's limit says, with all workers
        seconds = _CHARGING_WORKERS / _CHARGES_PER_SECOND
    return seconds * memory / 1024 * customers


_THREADS = {Function.SEND_NOTICES: SIDE_BY_SIDE, Function.READ_PACK_PART: READERS}
"""Customers that a function works for side by side."""
_STRIPE = settings()["providers"]["stripe"]
_CHARGING_WORKERS = _STRIPE["maximum_concurrency"]
_CHARGES_PER_SECOND = _STRIPE["requests_per_second"] * HEADROOM


def transitions() -> int:
    """Count the states that a batch whose customers all pay goes through, and its start."""
    machine, name, number = batches_map()["ItemProcessor"], str(batches_map()["ItemProcessor"]["StartAt"]), 1
    while True:
        state, number = machine["States"][name], number + 1
        if state["Type"] == "Succeed":
            return number
        name = state["Next"] if "Next" in state else state["Choices"][0]["Next"]


def show(costs: Costs) -> None:
    """Print the tables: requests per customer, and dollars by service for a million customers and for a month."""
    console = Console(width=150)
    parts = {**PARTS, "a first close": FIRST_CLOSE}
    table = Table(f"per customer, batches of {batch_size({'': _MILLION})}", *parts)
    counts = {part: month_of(costs, stages, _MILLION) for part, stages in parts.items()}
    for name in sorted({name for part in counts.values() for name in part}):
        table.add_row(name, *(f"{part[name] / _MILLION:.3f}" if part[name] else "" for part in counts.values()))
    console.print(table)
    money = {part: cost_by_service(used) for part, used in counts.items()}
    dollars = Table("$ per million customers", *parts)
    for service in sorted({name for part in money.values() for name in part}):
        sums = [part.get(service, 0.0) for part in money.values()]
        dollars.add_row(service, *(f"{cost:.2f}" for cost in sums))
    totals = [sum(part.values()) for part in money.values()]
    dollars.add_row("sum", *(f"{cost:.2f}" for cost in totals))
    console.print(dollars)
    fixed, polling = at_rest(_templates()), polls(15)
    rest = Table("$ a month at rest", "")
    for name, cost in [*fixed.items(), *((f"reconciler's polls: {name}", cost) for name, cost in polling.items())]:
        rest.add_row(name, f"{cost:.2f}")
    rest.add_row("sum", f"{sum(fixed.values()) + sum(polling.values()):.2f}")
    console.print(rest)


def _templates() -> Mapping[str, Any]:
    with TemporaryDirectory() as folder:
        return synthesize(TARGETS["aws"], Path(folder)).templates


def main() -> None:
    """Measure, or show what was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.requests_per_customer", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the counts for the simulation")
    parser.add_argument("--stored", action="store_true", help="show the counts that are kept, and measure nothing")
    options = parser.parse_args()
    costs = load_costs() if options.stored else measure()
    if options.write:
        write(costs)
    show(costs)


if __name__ == "__main__":
    main()
