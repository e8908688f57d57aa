"""Lambda "Open the reconciliation"."""

from monthclose.handlers.entry import Event, state_handler, use_cases


@state_handler("open_reconcile", key="execution")
def handler(event: Event) -> Event:
    """Claim the reconciliation, and list the providers to settle with and the periods to compare."""
    request = event["request"] if isinstance(event["request"], dict) else {}
    opened = use_cases().reconcile_opener.open(event["execution"], compare=request.get("compare") is True)
    return {
        "outcome": opened.outcome,
        "providers": [{"provider": name} for name in opened.providers],
        "periods": [{"period": str(period)} for period in opened.periods],
    }
