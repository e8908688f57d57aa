"""Lambda "Plan and snapshot"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.use_cases.closes.plan_close import Planner


@state_handler("plan_close", key="[period, run, entered]")
def handler(event: Event) -> Event:
    """Plan the next round. `entered` is when the state was entered: each round asks anew, a retry does not."""
    world = runtime()
    planner = Planner(
        closes=world.closes,
        directory=world.directory,
        documents=world.documents,
        price_books=world.price_books,
        tax_tables=world.tax_tables,
        providers=world.settings.providers,
        settings=world.settings.close,
        gateways=world.gateways,
    )
    plan = planner.plan(Period.parse(event["period"]), event["run"])
    return {
        "period": event["period"],
        "run": event["run"],
        "round": plan.close.round,
        "batches": plan.close.batches,
        "customers": plan.close.customers,
        "unfinished": plan.unfinished,
        "rounds_left": plan.rounds_left,
        "wait_seconds": plan.wait_seconds,
        "snapshot": world.documents.location(plan.round_key),
    }
