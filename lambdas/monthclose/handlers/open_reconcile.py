"""Lambda "Open the reconciliation"."""

from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.use_cases.reconciliation.open_reconcile import ReconcileOpener


@state_handler("open_reconcile", key="execution")
def handler(event: Event) -> Event:
    """Claim the work, and say what there is to settle and to compare."""
    world = runtime()
    providers = sorted(world.settings.providers)
    opener = ReconcileOpener(world.claims, world.closes, world.documents, world.workflow, world.clock, providers)
    request = event["request"] if isinstance(event["request"], dict) else {}
    opened = opener.open(event["execution"], compare=request.get("compare") is True)
    return {
        "outcome": opened.outcome,
        "providers": [{"provider": name} for name in opened.providers],
        "periods": [{"period": str(period)} for period in opened.periods],
    }
