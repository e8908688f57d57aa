"""Lambda "Plan the pack"."""

from monthclose.domain.pack.pack import MadeFor
from monthclose.domain.pack.tables import TABLES
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases


@state_handler("plan_pack", key="[period, execution, entered]")
def handler(event: Event) -> Event:
    """Plan a report pack: the parts that its close's customers are read in, and the tables that are written of them."""
    plan = use_cases().pack_planner.plan(Period.parse(event["period"]), MadeFor(event["made_for"]))
    return {
        "period": str(plan.period),
        "pack": plan.name,
        "parts": [{"part": number} for number in range(plan.parts)],
        "tables": [{"table": name} for name in TABLES],
    }
