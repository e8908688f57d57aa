"""What a simulated close came to: stages, use of the provider's limit, who was left, peaks of quotas, costs."""

import math
from collections.abc import Mapping
from typing import Any

from bench.costs.prices import cost_by_service
from bench.scale.aws import TABLES, Used
from bench.scale.batches import Left
from bench.scale.ceilings import ceilings
from bench.scale.close import Run
from stacks.functions.table import FUNCTIONS

_NOT_CLOSE = {"SES (mail)"}


def summary(run: Run) -> dict[str, Any]:
    """Sum a run up, as JSON."""
    scenario, stages = run.scenario, run.stages
    ideal = scenario.customers / scenario.provider.limit.rate_per_second
    usable = scenario.customers / scenario.provider.limit.usable()
    ended = stages.ended
    costs = costs_of(run)
    return {
        "customers": scenario.customers,
        "seed": scenario.seed,
        "fixes": {name: getattr(scenario.fixes, name) for name in scenario.fixes.__dataclass_fields__},
        "end": run.end,
        "failed_in": run.failed_in if run.end != "completed" else "",
        "seconds": vars(stages),
        "charges_by_rate": {"at the limit": ended / ideal, "at what is used of it": ended / usable},
        "provider_use": _provider_use(run),
        "after_rounds": [left.as_dict() for left in run.left],
        "untold_at_report": Left.of(run.batches).not_told,
        "outcomes": outcomes(run),
        "number_series_attempts": run.generating.numbers.attempts / max(run.generating.numbers.wins, 1),
        "retries": dict(run.aws.retries.most_common()),
        "failed_invocations": dict(run.aws.failures.most_common()),
        "throttled_transactions": run.generating.throttled,
        "messages": {
            "put back": run.charging.put_back,
            "longest chain": run.charging.longest_chain,
            "dropped": run.charging.dropped,
            "skipped": run.charging.skipped,
        },
        "peaks": [{"quota": u.name, "peak": u.peak, "limit": u.limit, "share": u.share} for u in peaks(run)],
        "cost": costs,
        "cost_without_mail": sum(cost for name, cost in costs.items() if name not in _NOT_CLOSE),
        "broke": [{"second": second, "what": what} for second, what in run.broke],
        "breaks_first": first_to_break(run),
        "ceilings": [{"customers": c.customers, "what": c.what} for c in ceilings(scenario)],
    }


def outcomes(run: Run) -> dict[str, int]:
    """Count where the customers ended: each in one place."""
    charged = sum(batch.charged for batch in run.batches)
    declined = round(charged * run.scenario.declined_share)
    parked = sum(batch.parked for batch in run.batches)
    return {
        "paid": charged - declined,
        "declined": declined,
        "parked": parked,
        "without an outcome": run.scenario.customers - charged - parked,
    }


def _provider_use(run: Run) -> float:
    charging = run.charging
    lasted = charging.last_at - charging.first_at
    return charging.charges / lasted / charging.provider.limit.rate_per_second if lasted > 0 else 0.0


def first_to_break(run: Run) -> str:
    """Name what went wrong first, or, if nothing did, what will with more customers."""
    if run.broke:
        second, what = run.broke[0]
        return f"{what} after {second:,.0f} s"
    if run.end != "completed":
        return f"{run.failed_in}: {run.end}"
    tightest = ceilings(run.scenario)[0]
    return f"nothing; next: {tightest.what}, at {tightest.customers:,.0f} customers"


def peaks(run: Run) -> list[Used]:
    """List the peak of each quota beside its limit, the tightest first."""
    aws, quotas = run.aws, run.scenario.quotas
    limits = aws.limits
    lasted = max(run.charging.last_at - run.charging.first_at, 1.0)
    found = [
        Used(
            "Lambda: invocations at once", aws.concurrency.peak + len(run.charging.workers), quotas.lambda_concurrency
        ),
        Used("Step Functions: transitions/s", aws.transitions.peak.peak, limits["stepfunctions.state_transitions"]),
        Used("Step Functions: answers and heartbeats/s", aws.answers.peak.peak, limits["stepfunctions.send_task"]),
        Used("Step Functions: batches in flight", aws.children.peak, limits["stepfunctions.children"]),
        Used("SES: mails/s", aws.mails.peak.peak, quotas.mails_per_second),
        Used("SES: mails in 24 h", aws.mails_sent.peak * 86_400, quotas.mails_per_day),
        Used("DynamoDB: number series, writes/s", aws.series.peak.peak, limits["dynamodb.partition_writes"]),
        Used("DynamoDB: limiter, writes/s", run.charging.leases / lasted, limits["dynamodb.partition_writes"]),
        Used("provider: requests/s on an endpoint", run.charging.provider.limit.usable(), quotas.provider_rate),
    ]
    for table in TABLES:
        for kind, rates in (("writes", aws.writes), ("reads", aws.reads)):
            most = getattr(quotas, f"table_{kind}")
            found.append(Used(f"DynamoDB: {table}, {kind}/s", rates[table].peak.peak, most))
    # What is asked for beyond a rate waits or is refused: it is never more than the rate.
    kept = (used._replace(peak=min(used.peak, used.limit)) for used in found if used.peak)
    return sorted(kept, key=lambda used: -used.share)


def costs_of(run: Run) -> dict[str, float]:
    """Return what the close costs by service, in US dollars, with what each customer and each call costs besides."""
    counts: dict[str, float] = dict(run.aws.used)
    for function in FUNCTIONS:
        stage = run.aws.stage(function)
        extra = {name: n for name, n in stage.customer.items() if name.startswith(("index:", "s3 ", "write:idem"))}
        if function.value in _CLOSE:
            for name, number in extra.items():
                counts[name] = counts.get(name, 0.0) + number * run.scenario.customers
    return dict(sorted(cost_by_service(counts).items(), key=lambda item: -item[1]))


_CLOSE = ("generate_invoices", "charge_customers", "send_notices", "apply_holds")


def duration(seconds: float) -> str:
    """Write a duration for people."""
    if not seconds or math.isinf(seconds):
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.2f} h"


def rows(found: Mapping[str, Any]) -> dict[str, str]:
    """Write a summary as the rows of a table."""
    seconds, messages = found["seconds"], found["messages"]
    shown = {
        "ended": f"{found['end']} {found['failed_in']}".strip(),
        "planned after": duration(seconds["planned"]),
        "first charge after": duration(seconds["first_charge"]),
        "last charge after": duration(seconds["last_charge"]),
        "everybody invoiced after": duration(seconds["invoiced"]),
        "everybody told after": duration(seconds["told"]),
        "rounds ended after": duration(seconds["rounds"]),
        "parked after": duration(seconds["parked"]),
        "proved and reported after": duration(seconds["proved"]),
        "close, by charges / rate": " / ".join(f"{share:.3f}" for share in found["charges_by_rate"].values()),
        "use of the provider's limit": f"{found['provider_use']:.1%}",
        "not told at the report": f"{found['untold_at_report']:,}",
    }
    for number, left in enumerate(found["after_rounds"], 1):
        counts = [left["not_invoiced"], left["not_charged"], left["not_told"]]
        shown[f"left after round {number}: invoice, charge, notice"] = " / ".join(f"{n:,}" for n in counts)
    return shown | {
        "parked": f"{found['outcomes']['parked']:,}",
        "attempts for each run of numbers": f"{found['number_series_attempts']:.1f}",
        "throttled transactions": f"{found['throttled_transactions']:,}",
        "retries": f"{sum(found['retries'].values()):,}",
        "failed invocations": f"{sum(found['failed_invocations'].values()):,}",
        "messages put back (longest chain, dropped)": (
            f"{messages['put back']:,} ({messages['longest chain']}, {messages['dropped']:,})"
        ),
        **{
            f"peak {peak['quota']}": f"{peak['peak']:,.0f} of {peak['limit']:,.0f} ({peak['share']:.0%})"
            for peak in found["peaks"][:_PEAKS]
        },
        **{f"$ {service}": f"{cost:,.2f}" for service, cost in found["cost"].items()},
        "$ without mail": f"{found['cost_without_mail']:,.2f}",
        "$ without mail, per million customers": f"{found['cost_without_mail'] / found['customers'] * 1e6:,.2f}",
        "breaks first": found["breaks_first"],
    }


_PEAKS = 6
