"""Lambda "Open the reconciliation"."""

from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.names import APPROVAL_METRIC, NOT_CLOSED_METRIC, OPEN_CLOSE_METRIC, PAUSED_METRIC
from monthclose.observability import count, measure


@state_handler("open_reconcile", key="execution")
def handler(event: Event) -> Event:
    """Claim the reconciliation, and list the providers to settle with and the periods to compare.

    It runs often enough to watch the closes, too.
    """
    watched = use_cases().close_watcher.look()
    measure(OPEN_CLOSE_METRIC, watched.open_seconds)
    measure(APPROVAL_METRIC, watched.approval_seconds)
    measure(PAUSED_METRIC, watched.paused_seconds)
    count(NOT_CLOSED_METRIC, watched.not_closed)
    request = event["request"] if isinstance(event["request"], dict) else {}
    opened = use_cases().reconcile_opener.open(event["execution"], compare=request.get("compare") is True)
    return {
        "outcome": opened.outcome,
        "providers": [{"provider": name} for name in opened.providers],
        "periods": [{"period": str(period)} for period in opened.periods],
    }
